#!/usr/bin/env python3
"""Whole batches against a peer, in one run: certificates a second, where the time goes, memory.

    python3 benches/end_to_end.py [--leaves 100000] [--rounds 3] [--peers python,go,openssl] [--peer-leaves 20000]
                                  [--generic]

Builds the program, makes a reel of TEST leaves and a throw-away CA (P-256, file keys) in a temporary folder, and lets
`reroot issue`, `reroot verify` and the peers take turns. Each round has a ledger of its own. What is compared is wall
time on all cores, and CPU time, which other work on the machine disturbs less; the ratios are those of one round, of
which the median is printed. Ratios are those to the first peer. The Python peer needs `cryptography`
(scripts/tools.sh installs it): name its interpreter with --python. The others need Debian's golang-go, and gcc with
libssl-dev.

How to read the numbers: docs/guide/performance.md.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zipfile

NAN = float("nan")
TITLES = {"python": "Python cryptography", "go": "Go crypto/x509", "openssl": "OpenSSL in C"}
PROJECT = pathlib.Path(__file__).resolve().parent.parent


def run(*command):
    """Wall seconds, CPU seconds, peak MiB and standard output of a command that must succeed."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {child.returncode}\n{text}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024, "out": text}


def prepare(folder, leaves, profile):
    """The reel, the CA and the policy."""
    subprocess.run(
        ["cargo", "build", "--locked", "--profile", profile, "--quiet", "--bin", "reroot", "--example", "testpki"],
        cwd=PROJECT,
        check=True,
    )
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target")) / profile
    program = target / "reroot"
    make = [target / "examples/testpki", "--leaves", str(leaves), "--out", folder / "reel.zip"]
    subprocess.run([*make, "--root", folder / "root.pem"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run([program, "--quiet", "init", folder / "pki", "--organization", "Bench"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    config = folder / "pki/reroot.toml"
    config.write_text(re.sub(r"anchors = \[.*\]", f'anchors = ["{folder}/root.pem"]', config.read_text()))
    policy = (PROJECT / "policies/tls-client.toml").read_text()
    (folder / "policy.toml").write_text(policy.replace("relax = []", 'relax = ["test-anchor"]'))
    return program


def issue(program, folder, number, *options):
    """One batch with a ledger of its own; the batch stays for `verify`."""
    place = folder / f"round-{number}"
    shutil.copytree(folder / "pki", place / "pki")
    command = [program, "--format", "json", "--quiet", "issue", folder / "reel.zip", "--policy", folder / "policy.toml"]
    result = run(*command, "--config", place / "pki/reroot.toml", "--out", place / "batch", *options)
    return {**result, "timings": json.loads(result["out"])["timings"], "place": place}


def verify(program, place, *options):
    return run(program, "--quiet", "verify", place / "batch", "--config", place / "pki/reroot.toml", *options)


def peer_commands(names, python, folder):
    """What starts each peer, but for root, issuing certificate, key and the number of processes."""
    sources, commands = PROJECT / "benches/peers", {}
    for name in names:
        if name == "python":
            commands[name] = [python, sources / "python_peer.py", folder / "peer.zip"]
            continue
        program = folder / f"{name}_peer"
        build = {
            "go": ["go", "build", "-o", program, sources / "go_peer.go"],
            "openssl": ["cc", "-O2", "-o", program, sources / "openssl_peer.c", "-lcrypto"],
        }.get(name) or sys.exit(f"no peer is called {name}: python, go, openssl")
        if shutil.which(build[0]) is None:
            sys.exit(f"the peer {name} needs {build[0]}: see the head of this file")
        subprocess.run(build, check=True)
        with zipfile.ZipFile(folder / "peer.zip") as reel, open(folder / "peer.leaves", "wb") as leaves:
            for leaf in map(reel.read, reel.namelist()):
                leaves.write(struct.pack(">I", len(leaf)) + leaf)
        commands[name] = [program, folder / "peer.leaves"]
    return commands


def peer(command, folder):
    pki = folder / "pki/ca"
    files = [folder / "root.pem", pki / "issuing.pem", pki / "issuing.key.pem"]
    count, wall, cpu = map(float, run(*command, *files, str(os.cpu_count()))["out"].split())
    return {"rate": count / wall, "micros": cpu * 1e6 / count}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--leaves", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="python", help="comma-separated: python, go, openssl; empty for none")
    parser.add_argument("--peer-leaves", type=int, default=20_000, help="the peers' reel: their rates do not depend on it")
    parser.add_argument("--generic", action="store_true", help="the same with --generic as well")
    parser.add_argument("--profile", default="dist", help="how the program is built: release builds faster")
    parser.add_argument("--python", default=sys.executable, help="the peer's interpreter")
    parser.add_argument("--scratch", help="where the temporary folder goes")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = pathlib.Path(name)
        program = prepare(folder, options.leaves, options.profile)
        names = [name for name in options.peers.split(",") if name]
        if names:
            make = [program.parent / "examples/testpki", "--leaves", str(options.peer_leaves), "--out", folder / "peer.zip"]
            subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
        peers = peer_commands(names, options.python, folder)
        rows, stages = {}, {}
        for number in range(options.rounds):
            rate = lambda result: options.leaves / result["wall"]
            issued = issue(program, folder, number)
            measured = {"reroot issue": issued, "reroot verify": verify(program, issued["place"])}
            shutil.rmtree(issued["place"])
            if options.generic:
                generic = issue(program, folder, number, "--generic")
                measured["reroot issue --generic"] = generic
                measured["reroot verify --generic"] = verify(program, generic["place"], "--generic")
                shutil.rmtree(generic["place"])
            others = {name: peer(command, folder) for name, command in peers.items()}
            reference = next(iter(others.values()), {"rate": NAN, "micros": NAN})
            compare = lambda rate, micros, mib: (rate, micros, mib, rate / reference["rate"], reference["micros"] / micros)
            for what, result in measured.items():
                figures = compare(rate(result), result["cpu"] * 1e6 / options.leaves, result["mib"])
                rows.setdefault(what, []).append(figures)
            for name, other in others.items():
                what = f"{TITLES[name]}, {os.cpu_count()} processes"
                rows.setdefault(what, []).append(compare(other["rate"], other["micros"], NAN))
            for stage, seconds in issued["timings"].items():
                stages.setdefault(stage, []).append((seconds["wall"], seconds["cpu"]))

    median = lambda values: statistics.median(list(values))
    print(f"{options.leaves} leaves, {os.cpu_count()} cores, median of {options.rounds} rounds")
    print(f"{'':<34}{'certs/s':>9}{'CPU us/cert':>13}{'peak MiB':>10}{'x peer':>8}{'x peer, CPU':>13}")
    for what, measured in rows.items():
        columns = [median(column) for column in zip(*measured)]
        print(f"{what:<34}{columns[0]:>9.0f}{columns[1]:>13.1f}{columns[2]:>10.0f}{columns[3]:>8.2f}{columns[4]:>13.2f}")
    each = lambda seconds: median(seconds) * 1e6 / options.leaves
    parts = [f"{stage} {each(wall):.1f} ({each(cpu):.1f} CPU)" for stage, (wall, cpu) in
             ((stage, zip(*seconds)) for stage, seconds in stages.items())]
    print("us/cert of `issue` by stage: " + ", ".join(parts))


if __name__ == "__main__":
    main()
