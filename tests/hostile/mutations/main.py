"""A campaign of mutations of honest batches, put before both verifiers.

A thief of a batch makes them, or insiders who hold the manifest key, the issuing key or both.

    main.py --program reroot --folder FOLDER [--long] [--seed N] [--step N] [--group NAME] [--jobs N]

Prints what is wrong, then the numbers by group. Exit 0: nothing is wrong.
"""

import argparse, importlib, os, sys, time

sys.path[0] = os.path.dirname(sys.path[0])  # the other verifier has modules of its own
from mutations import campaign, judges
from mutations.bench import Bench

GROUPS = [
    "honest",
    "statement",
    "lines",
    "findings",
    "expected",
    "certificates",
    "curves",
    "archives",
    "files",
    "seals",
    "leaves",
    "paths",
    "odd",
    "histories",
    "proofs",
    "absences",
    "insiders",
    "packs",
    "versions",
]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    project = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True, help="a folder that does not exist")
    parser.add_argument("--verifier", default=os.path.join(project, "verifier"))
    parser.add_argument("--page", default=os.path.join(project, "docs/spec/manifest-format.md"))
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--step", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--group", action="append")
    parser.add_argument("--show", type=int, default=0, help="how many of what is wrong to print, 0 for all")
    given = parser.parse_args()
    begin = time.monotonic()
    bench = Bench(os.path.abspath(given.program), os.path.abspath(given.folder), project, given.page)
    cases = []
    for module in [one for one in GROUPS if not set(given.group or []) & set(GROUPS) or one in given.group]:
        made = list(importlib.import_module("mutations." + module).cases(bench))
        cases += [case for case in made if not given.group or case.group in given.group or module in given.group]
    named = {}
    for case in cases:
        assert named.setdefault((case.group, case.name), case) is case, f"two cases are called {case.group} {case.name}"
    whole, cases = len(cases), campaign.sampled(cases, given.seed, 1 if given.long else given.step)
    ready = time.monotonic()
    scratch = os.path.join(bench.folder, "cases")
    os.makedirs(scratch)
    verdicts = campaign.run(
        cases, judges.First(bench.program), judges.Second(os.path.abspath(given.verifier)), scratch, given.jobs
    )
    for verdict in sorted(verdicts)[: given.show or None]:
        case = cases[verdict.number]
        print(
            f"{verdict.owner}: {verdict.kind}: {case.group}: {case.name} ({case.command} {' '.join(case.options)}): "
            + verdict.text.strip()
        )
    print(campaign.table(cases, verdicts))
    print(
        f"REROOT_SEED={given.seed}: {len(cases)} of {whole} cases; {ready - begin:.1f} s to make the batches, "
        f"{time.monotonic() - ready:.1f} s to judge"
    )
    sys.exit(bool(verdicts))


if __name__ == "__main__":
    main()
