#!/usr/bin/env python3
"""Whole batches against a peer, in one run: certificates a second, where the time goes, memory.

    python3 benches/end_to_end.py [--leaves 100000] [--rounds 3] [--peers python,go,openssl] [--peer-leaves 20000]
                                  [--generic] [--scale 1000,10000,1000000] [--markdown] [--svg FILE]

Builds the program, makes a reel of TEST leaves and a throw-away CA (P-256, file keys) in a temporary folder, and lets
`reroot issue`, `reroot verify` and the peers take turns. Each round has a ledger of its own. What is compared is wall
time on all cores, and CPU time, which other work on the machine disturbs less; the ratios are those of one round, of
which the median is printed. Ratios are those to the first peer. The Python peer needs `cryptography`
(scripts/tools.sh installs it): name its interpreter with --python. The others need Debian's golang-go, and gcc with
libssl-dev. Signing alone is `cargo bench -p p256-sign`, and beside Intel's library crates/p256-sign/scripts/crypto_mb.py.

--scale issues and verifies one batch of each size after the rounds. --markdown prints tables for a report, --svg writes
one picture of the rates.

How to read the numbers: docs/guide/performance.md.
"""

import argparse
import html
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
    make_reel(program, folder / "reel.zip", leaves, folder / "root.pem")
    init = [program, "--quiet", "init", folder / "pki", "--organization", "Bench"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    trust(folder / "pki/reroot.toml", folder / "root.pem")
    policy = (PROJECT / "policies/tls-client.toml").read_text()
    (folder / "policy.toml").write_text(policy.replace("relax = []", 'relax = ["test-anchor"]'))
    return program


def make_reel(program, path, leaves, root):
    """A reel of TEST leaves, and its root."""
    make = [program.parent / "examples/testpki", "--leaves", str(leaves), "--out", path, "--root", root]
    subprocess.run(make, check=True, stderr=subprocess.DEVNULL)


def trust(config, root):
    """Makes a root the only anchor of a configuration."""
    config.write_text(re.sub(r"anchors = \[.*\]", f'anchors = ["{root}"]', config.read_text()))


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


def scaled(program, folder, sizes):
    """One batch of each size: leaves, then CPU microseconds a certificate, peak MiB and wall seconds of issue and verify."""
    rows = []
    for leaves in sizes:
        place = folder / f"scale-{leaves}"
        place.mkdir()
        make_reel(program, place / "reel.zip", leaves, place / "root.pem")
        shutil.copytree(folder / "pki", place / "pki")
        trust(place / "pki/reroot.toml", place / "root.pem")
        shutil.copy(folder / "policy.toml", place)
        issued = issue(program, place, 0)
        checked = verify(program, issued["place"])
        rows.append((leaves, *(f(r) for r in (issued, checked) for f in (
            lambda result: result["cpu"] * 1e6 / leaves, lambda result: result["mib"], lambda result: result["wall"]))))
        shutil.rmtree(place)
    return rows


def table(heads, rows, markdown):
    """Text in columns, or a table in Markdown. The first column is text, the others are numbers."""
    if markdown:
        lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    line = lambda row: "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
    return "\n".join(map(line, [heads, *rows]))


def picture(title, bars):
    """Horizontal bars as SVG: a label, a number and what is written beside it."""
    left, width, step = 270, 420, 30
    height, most = 50 + step * len(bars), max(number for _, number, _ in bars)
    text = lambda x, y, words, more="": f'<text x="{x}" y="{y}" {more}>{html.escape(words)}</text>'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 190} {height}" role="img" '
        f'font-family="sans-serif" font-size="14">',
        f"<title>{html.escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        text(10, 24, title, 'font-weight="bold"'),
    ]
    for at, (label, number, words) in enumerate(bars):
        y, fill = 40 + step * at, "#1f6f8b" if label.startswith("reroot") else "#b8b8b8"
        parts.append(text(left - 10, y + 16, label, 'text-anchor="end"'))
        parts.append(f'<rect x="{left}" y="{y}" width="{max(1, number / most * width):.0f}" height="22" fill="{fill}"/>')
        parts.append(text(left + max(1, number / most * width) + 8, y + 16, words))
    return "\n".join([*parts, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--leaves", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="python", help="comma-separated: python, go, openssl; empty for none")
    parser.add_argument("--peer-leaves", type=int, default=20_000, help="the peers' reel: their rates do not depend on it")
    parser.add_argument("--generic", action="store_true", help="the same with --generic as well")
    parser.add_argument("--profile", default="dist", help="how the program is built: release builds faster")
    parser.add_argument("--python", default=sys.executable, help="the peer's interpreter")
    parser.add_argument("--scale", default="", help="sizes of which one batch each is issued and verified as well")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument("--svg", type=pathlib.Path, help="where a picture of the rates goes")
    parser.add_argument("--scratch", help="where the temporary folder goes")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        folder = pathlib.Path(name)
        program = prepare(folder, options.leaves, options.profile)
        names = [name for name in options.peers.split(",") if name]
        if names:
            make_reel(program, folder / "peer.zip", options.peer_leaves, folder / "peer.pem")
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
        sizes = scaled(program, folder, [int(size) for size in options.scale.split(",") if size])

    median = lambda values: statistics.median(list(values))
    head = f"{options.leaves} leaves, {os.cpu_count()} cores, median of {options.rounds} rounds"
    medians = {what: [median(column) for column in zip(*measured)] for what, measured in rows.items()}
    number = lambda value, digits: "" if value != value else f"{value:.{digits}f}"
    lines = [[what, *map(number, columns, (0, 1, 0, 2, 2))] for what, columns in medians.items()]
    print(f"{head}\n")
    print(table(["", "certs/s", "CPU us/cert", "peak MiB", "x peer", "x peer, CPU"], lines, options.markdown))
    each = lambda seconds: median(seconds) * 1e6 / options.leaves
    parts = [f"{stage} {each(wall):.1f} ({each(cpu):.1f} CPU)" for stage, (wall, cpu) in
             ((stage, zip(*seconds)) for stage, seconds in stages.items())]
    print("\nus/cert of `issue` by stage: " + ", ".join(parts))
    if sizes:
        heads = ["leaves", "issue CPU us/cert", "issue MiB", "issue s", "verify CPU us/cert", "verify MiB", "verify s"]
        lines = [[f"{leaves:,}", *map(number, figures, (1, 0, 2) * 2)] for leaves, *figures in sizes]
        print(f"\n{table(heads, lines, options.markdown)}")
    if options.svg:
        beside = lambda columns: f"{columns[0]:,.0f}/s" + ("" if columns[3] != columns[3] else f", {columns[3]:.1f} times")
        bars = [(what, columns[0], beside(columns)) for what, columns in medians.items()]
        options.svg.write_text(picture(f"Certificates a second: {head}", bars))


if __name__ == "__main__":
    main()
