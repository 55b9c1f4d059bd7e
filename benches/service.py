#!/usr/bin/env python3
"""What the service costs: jobs beside the command line, memory, lookups. Each part prints its own lines.

    python3 benches/service.py [--parts job,uploads,many,lookups,million] [--leaves 100000] [--rounds 3] [--folder DIR]

Builds the program and makes what it needs in a temporary folder (--folder keeps it): a `serve --demo` whose CA trusts a TEST
root, and reels of TEST leaves.

    job       upload, plan, approval and batch of one reel, beside `reroot issue` of the same before and after it
    uploads   ten uploads of 400 MB at once: memory of `serve`
    many      1,000 jobs of 8 leaves one after the other: memory, descriptors, threads
    lookups   a chip by its UID, 500 requests a second for a minute on one core, one million chips in 100 batches
    million   one reel of a million leaves through the signer's socket (slow; not among the usual parts)

How to read the numbers: docs/guide/performance.md.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time

import end_to_end

POLICY = "planner/policies/tls-client.toml"


class Service:
    """`reroot serve --demo` in a folder, and those who ask."""

    def __init__(self, program, folder):
        command = [program, "serve", "--demo", folder / "demo"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            found = re.match(r"URL=http://(\S+) ANNA=(\S+) BERT=(\S+) ADMIN=(\S+)", line)
            if found:
                self.host, self.anna, self.bert, self.admin = found.groups()
            if "published" in line:
                break
        self.policy = hashlib.sha256((folder / "demo" / POLICY).read_bytes()).hexdigest()

    def ask(self, who, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host, timeout=900)
        headers = {"Authorization": "Bearer " + who, **(headers or {})}
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:600]}")
        return json.loads(text) if text[:1] in (b"{", b"[") else text

    def upload(self, who, path):
        size = path.stat().st_size
        upload = self.ask(who, "POST", "/v1/uploads", {"name": path.name, "bytes": size})["id"]
        with open(path, "rb") as content:
            self.ask(who, "PUT", f"/v1/uploads/{upload}/content", content, {"Content-Length": str(size)})
        return upload

    def wait(self, job, wanted):
        while True:
            found = self.ask(self.anna, "GET", "/v1/jobs/" + job, headers={"Prefer": "wait=30"})
            if found["state"] == wanted:
                return
            if found["state"] in ("failed", "refused", "canceled"):
                raise SystemExit(json.dumps(found))

    def issue(self, path):
        """Seconds of the upload, of the plan, and of signing and sealing."""
        times = [time.monotonic()]
        upload = self.upload(self.anna, path)
        times.append(time.monotonic())
        job = self.ask(self.anna, "POST", "/v1/jobs", {"kind": "issue", "inputs": [upload], "policy": self.policy})["id"]
        self.wait(job, "awaiting-approval")
        times.append(time.monotonic())
        self.ask(self.bert, "POST", f"/v1/jobs/{job}/approvals", {"console": True})
        self.wait(job, "published")
        times.append(time.monotonic())
        return [after - before for before, after in zip(times, times[1:])]

    def memory(self):
        """MiB now, and the most so far."""
        return memory(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(name + r":\s+(\d+)", status)[1]) // 1024 for name in ("VmRSS", "VmHWM")]


@contextlib.contextmanager
def service(bench):
    running = Service(bench.program, bench.folder)
    try:
        yield running
    finally:
        running.stop()


class Bench:
    """The program, the folder, and reels that have no chip twice."""

    def __init__(self, program, folder):
        self.program, self.folder, self.next = program, folder, random.randrange(1, 1 << 30)
        self.root = folder / "root.pem"
        self.reel("first.zip", 1)
        with service(self):
            pass
        policy = folder / "demo" / POLICY
        policy.write_text(policy.read_text().replace("relax = []", 'relax = ["test-anchor"]'))
        digest = hashlib.sha256(policy.read_bytes()).hexdigest()
        for side in ("planner", "signer"):
            config = folder / "demo" / side / "reroot.toml"
            end_to_end.trust(config, self.root)
            config.write_text(re.sub(r'policies = \["[0-9a-f]{64}"\]', f'policies = ["{digest}"]', config.read_text()))
        # the command line has a CA of its own, so that each round has a ledger of its own
        subprocess.run([program, "--quiet", "init", folder / "pki", "--organization", "Bench"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end_to_end.trust(folder / "pki/reroot.toml", self.root)

    def reel(self, name, leaves):
        path = self.folder / name
        path.unlink(missing_ok=True)
        make = [self.program.parent / "examples/testpki", "--leaves", str(leaves), "--start", str(self.next), "--out", path]
        # one root for all of them
        make += [] if self.root.exists() else ["--root", self.root]
        subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
        self.next += leaves
        return path

    def plain(self, reel):
        """Seconds of `reroot issue`."""
        folder = self.folder / "plain"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / "pki", folder)
        command = [self.program, "--quiet", "issue", reel, "--policy", self.folder / "demo" / POLICY]
        command += ["--config", folder / "reroot.toml", "--out", folder / "batch"]
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - begin


def job(bench, leaves, rounds):
    reels = [bench.reel(f"job{number}.zip", leaves) for number in range(rounds)]
    ratios = []
    with service(bench) as running:
        print(f"job: `serve` has {running.memory()[0]} MiB at rest")
        for reel in reels:
            before = bench.plain(reel)
            parts = running.issue(reel)
            after = bench.plain(reel)
            ratios.append(sum(parts) / ((before + after) / 2))
            upload, plan, sign = parts
            print(f"job: {leaves} leaves: upload {upload:.2f} s, plan {plan:.2f} s, sign and seal {sign:.2f} s; `reroot issue` {before:.2f} s and {after:.2f} s; {ratios[-1]:.2f} times; {running.memory()[0]} MiB", flush=True)
    print(f"job: median {statistics.median(ratios):.2f} times `reroot issue`")


def uploads(bench):
    content = bench.folder / "content"
    subprocess.run(["head", "-c", "400000000", "/dev/urandom"], stdout=open(content, "wb"), check=True)
    with service(bench) as running:
        rest, most, stop = running.memory()[0], [0], threading.Event()
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
        wanted = [{"owner": f"up{number}", "roles": ["operator"], "expires": ends} for number in range(3)]
        owners = [running.ask(running.admin, "POST", "/v1/tokens", token)["text"] for token in wanted]

        def watch():
            while not stop.wait(0.05):
                most[0] = max(most[0], running.memory()[0])

        def send(number):
            who = owners[number % 3]
            running.ask(who, "DELETE", "/v1/uploads/" + running.upload(who, content))

        threads = [threading.Thread(target=send, args=(number,)) for number in range(10)]
        watcher = threading.Thread(target=watch)
        begin = time.monotonic()
        for thread in [watcher, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        watcher.join()
        print(f"uploads: ten of 400 MB in {time.monotonic() - begin:.1f} s: {rest} MiB before, {most[0]} MiB at most")
    content.unlink()


def many(bench, jobs=1000):
    with service(bench) as running:
        begin = time.monotonic()
        for number in range(1, jobs + 1):
            running.issue(bench.reel("small.zip", 8))
            if number % (jobs // 5) == 0:
                proc = pathlib.Path(f"/proc/{running.process.pid}")
                descriptors, threads = len(os.listdir(proc / "fd")), len(os.listdir(proc / "task"))
                print(f"many: {number} jobs in {time.monotonic() - begin:.0f} s: {running.memory()[0]} MiB, {descriptors} descriptors, {threads} threads", flush=True)


def million(bench):
    reel = bench.reel("million.zip", 1_000_000)
    with service(bench) as running:
        upload, plan, sign = running.issue(reel)
        signer = subprocess.run(["pgrep", "-f", "demo/signer/reroot.toml"], capture_output=True, text=True, check=True)
        of_signer = memory(int(signer.stdout.split()[0]))
        print(f"million: upload {upload:.1f} s, plan {plan:.1f} s, sign and seal {sign:.1f} s; most memory: `serve` {running.memory()[1]} MiB, signer {of_signer[1]} MiB")
    reel.unlink()


def lookups(bench, batches=100, chips=10_000, rate=500, seconds=60, threads=4):
    data = bench.folder / "lookups"
    (data / "batches").mkdir(parents=True)
    config = data / "pki/reroot.toml"
    shutil.copytree(bench.folder / "pki", data / "pki")
    uids = []
    for number in range(batches):
        out = data / "batches" / str(number)
        command = [bench.program, "--quiet", "issue", bench.reel("lookup.zip", chips), "--policy", bench.folder / "demo" / POLICY]
        subprocess.run([*command, "--config", config, "--out", out], check=True, stdout=subprocess.DEVNULL)
        with open(out / "manifest.jsonl") as lines:
            uids += [json.loads(line)["uid"] for line in lines][:: chips // 100]
    settings = data / "service.toml"
    settings.write_text('listen = "127.0.0.1:0"\ndata = "."\nconfiguration = "pki/reroot.toml"\nsigner = "no-signer"\n')
    serve = ["taskset", "--cpu-list", "0", bench.program, "serve", "--config", settings]
    token = subprocess.run([*serve, "--first-admin", "root"], capture_output=True, text=True, check=True).stdout.strip()
    process = subprocess.Popen(serve, stderr=subprocess.PIPE, text=True)
    host = re.search(r"listening on (\S+)", process.stderr.readline())[1]
    threading.Thread(target=process.stderr.read, daemon=True).start()

    def get(connection, path):
        connection.request("GET", path, headers={"Authorization": "Bearer " + token})
        answer = connection.getresponse()
        return answer.status, answer.read()

    connection = http.client.HTTPConnection(host)
    begin = time.monotonic()
    while sum(1 for uid in uids[:: 100] if get(connection, f"/v1/chips/{uid}")[0] == 200) < batches:
        time.sleep(1)
    ready = time.monotonic() - begin
    times, wrong = [[] for _ in range(threads)], []

    def ask(thread):
        connection, begin, choose = http.client.HTTPConnection(host), time.monotonic(), random.Random(thread)
        for number in range(rate * seconds // threads):
            due = begin + number * threads / rate
            time.sleep(max(0, due - time.monotonic()))
            status, _ = get(connection, f"/v1/chips/{choose.choice(uids)}")
            # from when it was due: a request that waits behind a slow one counts in full
            times[thread].append(time.monotonic() - due)
            if status != 200:
                wrong.append(status)

    workers = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = sorted(one for part in times for one in part)
    share = lambda part: found[int(len(found) * part)] * 1000
    print(f"lookups: {batches * chips} chips in {batches} batches, known after {ready:.0f} s; {len(found)} requests in {seconds} s, {len(wrong)} without an answer of 200; median {share(0.5):.2f} ms, 99 % {share(0.99):.2f} ms, 99.9 % {share(0.999):.2f} ms; {memory(process.pid)[0]} MiB")
    process.send_signal(signal.SIGINT)
    process.wait()
    shutil.rmtree(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="job,uploads,many,lookups")
    parser.add_argument("--leaves", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, help="a program that is built, with examples/testpki beside it")
    args = parser.parse_args()
    parts = {"job": lambda bench: job(bench, args.leaves, args.rounds), "uploads": uploads, "many": many, "million": million, "lookups": lookups}
    wanted = args.parts.split(",")
    if unknown := set(wanted) - set(parts):
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}")
    program = args.program
    if program is None:
        for command in (["--bin", "reroot"], ["--example", "testpki"]):
            subprocess.run(["cargo", "build", "--locked", "--release", *command], cwd=end_to_end.PROJECT, check=True)
        program = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", end_to_end.PROJECT / "target")) / "release/reroot"
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(program.resolve(), folder.resolve())
        for part in wanted:
            parts[part](bench)


if __name__ == "__main__":
    main()
