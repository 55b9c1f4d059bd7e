#!/usr/bin/env python3
"""One batch signed by 1, 2 and 3 workers that share a ledger on a PostgreSQL server: certificates a second.

    python3 benches/workers.py [--leaves 40000] [--chunk 256] [--delay 2] [--sessions 4] [--workers 3] [--rounds 3]

Each worker has a SoftHSM token of its own with the same key, whose every signature takes `--delay` milliseconds more
(tools/faulty-pkcs11), in `--sessions` sessions: what limits is the token, as with a network HSM. The time is the server's,
of the middle half of the batch, so that starting a worker does not count. Printed are the medians of the
rounds: the rate, its share of that many times the rate of one worker, and the server's share of a core.

Needs Debian's postgresql and softhsm2. `--built DIR` names a folder with reroot, examples/testpki and
libfaulty_pkcs11.so in the place of building them.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from end_to_end import PROJECT, make_reel, trust  # noqa: E402

PIN = "bench-4711"


class Server:
    """A server of its own, with fsync, reached by a Unix socket."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        # the server refuses to run as root
        other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.user = other if os.getuid() == 0 else []
        if self.user:
            shutil.chown(folder, "postgres")
        self.bin = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]
        self.pg("initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres")
        self.pg("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", f"-k {folder} -c listen_addresses=", "start")

    def pg(self, program, *options):
        command = [*self.user, self.bin / program, *options]
        return subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.PIPE, text=True).stdout

    def ask(self, sql):
        return self.pg("psql", "-qAt", "-h", self.folder, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql).strip()

    def url(self, schema):
        return f"postgres://postgres@/postgres?host={self.folder}&schema={schema}"

    def cpu(self):
        """Seconds of CPU of all of its processes, those included that have ended."""
        first = int((self.folder / "data/postmaster.pid").read_text().splitlines()[0])
        total = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat.parent.name) == first:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == first:
                total += sum(map(int, fields[11:13]))
        return total / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.pg("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


def token(folder, key):
    """A token with the key; returns the environment that finds it."""
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    env = {**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    util = ["softhsm2-util", "--pin", PIN]
    quiet = {"env": env, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([*util, "--init-token", "--free", "--label", "lab", "--so-pin", "1234"], **quiet)
    subprocess.run([*util, "--import", key, "--token", "lab", "--label", "ca", "--id", "01"], **quiet)
    return env


def prepare(folder, args):
    """The CA with its key in tokens, one for each worker; returns the program, the library and the environments."""
    if args.built:
        built = pathlib.Path(args.built).resolve()
    else:
        build = ["cargo", "build", "--locked", "--release", "--quiet"]
        for what in (["--bin", "reroot", "--example", "testpki"], ["--package", "faulty-pkcs11"]):
            subprocess.run([*build, *what], cwd=PROJECT, check=True)
        built = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target")) / "release"
    program = built / "reroot"
    make_reel(program, folder / "reel.zip", args.leaves, folder / "root.pem")
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([program, "init", folder / "pki", "--organization", "Bench"], **quiet)
    config = folder / "pki/reroot.toml"
    trust(config, folder / "root.pem")
    text = (PROJECT / "policies/tls-client.toml").read_text().replace("relax = []", 'relax = ["test-anchor"]')
    (folder / "policy.toml").write_text(text)
    digest = subprocess.run(["sha256sum", folder / "policy.toml"], check=True, stdout=subprocess.PIPE, text=True).stdout[:64]
    (folder / "pin").write_text(PIN)
    (folder / "pin").chmod(0o600)
    uri = f"pkcs11:token=lab;object=ca?module-path={built}/libfaulty_pkcs11.so&pin-source=file:{folder}/pin"
    text = re.sub(r'key = "[^"]*issuing.key.pem"', f'key = "{uri}"', config.read_text())
    signing = f'planners = ["ca/manifest.pem"]\npolicies = ["{digest}"]\nmax_days = 30\n'
    config.write_text(f"{text}\n[signing]\n{signing}\n[hsm]\nsessions = {args.sessions}\n")
    faults = {"FAULTY_PKCS11_MODULE": "/usr/lib/softhsm/libsofthsm2.so", "FAULTY_PKCS11": f"C_Sign:*:delay={args.delay}"}
    key = folder / "pki/ca/issuing.key.pem"
    return program, [{**token(folder / f"hsm-{n}", key), **faults} for n in range(args.workers)]


def measure(folder, server, program, environments, args, schema):
    """Certificates a second of one batch, and the server's share of a core."""
    place = folder / schema
    place.mkdir()
    shutil.copytree(folder / "pki", place / "pki")
    config, url = place / "pki/reroot.toml", server.url(schema)
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([program, "--quiet", "ledger", "copy", place / "pki/ledger.db", url], **quiet)
    config.write_text(config.read_text().replace('path = "ledger.db"', f'url = "{url}"'))
    plan = [program, "--quiet", "plan", folder / "reel.zip", "--policy", folder / "policy.toml", "--config", config]
    plan += ["--out", place / "reel.plan", "--pool", place / "leaves", "--chunk", str(args.chunk)]
    subprocess.run(plan, **quiet)
    worker = [program, "--quiet", "sign", "--pool", "--leaves", place / "leaves", "--config", config, "--until-empty"]
    before = server.cpu()
    running = [subprocess.Popen(worker, env=env, stdout=subprocess.DEVNULL) for env in environments]
    if any([child.wait() for child in running]):
        sys.exit("a worker failed")
    after = server.cpu()
    sql = f"SELECT extract(epoch FROM added), sum(count) OVER (ORDER BY position) FROM {schema}.record WHERE kind = 9"
    chunks = [tuple(map(float, line.split("|"))) for line in server.ask(sql).splitlines()]
    # the middle half: workers begin and end at different moments
    middle = [chunk for chunk in chunks if args.leaves / 4 <= chunk[1] <= args.leaves * 3 / 4]
    (began, first), (ended, last) = middle[0], middle[-1]
    return (last - first) / (ended - began), (after - before) / (chunks[-1][0] - chunks[0][0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in [("leaves", 40000), ("chunk", 256), ("delay", 2), ("sessions", 4), ("workers", 3), ("rounds", 3)]:
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--built")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reroot-bench.") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        program, environments = prepare(folder, args)
        server = Server(folder / "server")
        try:
            results = {count: [] for count in range(1, args.workers + 1)}
            for number in range(args.rounds):
                for count, result in results.items():
                    schema = f"r{number}w{count}"
                    result.append(measure(folder, server, program, environments[:count], args, schema))
        finally:
            server.stop()
    one = statistics.median(rate for rate, _ in results[1])
    for count, result in results.items():
        rate, cpu = (statistics.median(values) for values in zip(*result))
        print(f"{count} workers: {rate:,.0f} certificates/s, {rate / count / one:.2f} of linear; server {cpu:.2f} of a core")


if __name__ == "__main__":
    main()
