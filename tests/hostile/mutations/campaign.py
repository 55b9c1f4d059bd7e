"""Cases, the two verdicts on each, and the count of them."""

import collections, dataclasses, multiprocessing, os, shutil, traceback
from mutations import judges
from mutations.house import write

REFUSE, ACCEPT, ALIKE = "refuse", "accept", "alike"


@dataclasses.dataclass
class Case:
    """One mutation. `make` gives a dict (a batch directory) or bytes (a proof, a pack).

    `options` are the program's; the other verifier is asked the same, if it has such a question, and not where `second`
    is False: it reads inputs for genuine chips alone, and no packs. `expect`: REFUSE, ACCEPT, or ALIKE, where the page
    leaves it to the verifiers but not to differ. `says` is what the program must have printed.
    """

    group: str
    name: str
    batch: object
    make: object
    expect: str = REFUSE
    command: str = "verify"
    options: tuple = ()
    second: bool = True
    says: str = ""  # what the program must have printed


Verdict = collections.namedtuple("Verdict", "number kind owner text")
_cases, _first, _second, _scratch = [], None, None, None


def put(path, content):
    """A file; or a directory, a link or a pipe, which are named in a tuple."""
    match content:
        case ("directory",):
            os.mkdir(path)
        case ("link", to):
            os.symlink(to, path)
        case ("pipe",):
            os.mkfifo(path)
        case _:
            write(path, content)


def judge(number):
    """Both verdicts on one case."""
    case, place = _cases[number], os.path.join(_scratch, f"case-{number}")
    os.makedirs(place)
    try:
        made = case.make()
        if isinstance(made, dict):
            what = os.path.join(place, "batch")
            os.makedirs(what)
            for name, content in made.items():
                put(os.path.join(os.fsencode(what), os.fsencode(name)), content)
        else:
            what = os.path.join(place, "reel.pack" if case.command == "lookup" else "one.proof.json")
            write(what, made)
    except Exception:
        return [Verdict(number, "the case cannot be made", "CASE", traceback.format_exc()[-1500:])]
    found = []
    try:
        try:
            one, text = _first.ask(case.command, what, case.batch, case.options)
        except judges.Crashed as crash:
            return [Verdict(number, "no verdict", "RUST", str(crash))]
        two, reason = None, ""
        if case.second:
            try:
                two, reason = _second.ask(what, case.batch, case.options)
            except Exception:
                return [Verdict(number, "no verdict", "PYTHON", traceback.format_exc()[-800:])]
        wrong = {REFUSE: "wrong acceptance", ACCEPT: "wrong refusal"}.get(case.expect)
        if wrong and one != (case.expect == ACCEPT):
            found.append(Verdict(number, wrong, "RUST", text[-700:]))
        if wrong and two is not None and two != (case.expect == ACCEPT):
            found.append(Verdict(number, wrong, "PYTHON", reason[-400:]))
        if two is not None and one != two:
            found.append(
                Verdict(number, "disagreement", "BOTH", f"program {one}: {text[-500:]}\nsecond {two}: {reason[-300:]}")
            )
        if case.says and case.says not in text:
            found.append(Verdict(number, "not said", "RUST", f"{case.says!r} is not in: {text[-500:]}"))
        return found
    finally:
        shutil.rmtree(place)


def run(cases, first, second, scratch, jobs):
    global _cases, _first, _second, _scratch
    _cases, _first, _second, _scratch = cases, first, second, scratch
    if jobs == 1:
        return [one for number in range(len(cases)) for one in judge(number)]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        return [one for some in pool.imap_unordered(judge, range(len(cases)), chunksize=4) for one in some]


def table(cases, verdicts):
    """What was found, by group."""
    kinds = collections.defaultdict(set)
    for one in verdicts:
        kinds[one.kind].add(one.number)
    groups = list(dict.fromkeys(case.group for case in cases))
    count = lambda group, numbers: sum(cases[number].group == group for number in numbers)
    head = ("group", "cases", "refuse", "accept", "wrong acceptance", "wrong refusal", "disagreement", "other")
    rows = []
    for group in groups:
        own = [case for case in cases if case.group == group]
        known = ("wrong acceptance", "wrong refusal", "disagreement")
        other = set().union(*[numbers for kind, numbers in kinds.items() if kind not in known])
        rows.append(
            (
                group,
                len(own),
                sum(case.expect == REFUSE for case in own),
                sum(case.expect == ACCEPT for case in own),
                *[count(group, kinds[kind]) for kind in known],
                count(group, other),
            )
        )
    rows.append(("all", *[sum(row[at] for row in rows) for at in range(1, len(head))]))
    lines = [f"{head[0]:34}" + "".join(f"{one:>18}" for one in head[1:])]
    return "\n".join(lines + [f"{row[0]:34}" + "".join(f"{one:18}" for one in row[1:]) for row in rows])


def sampled(cases, seed, step):
    """Of each group each `step`th, from a place that the seed chooses; of what must be accepted every `step`th too."""
    if step <= 1:
        return cases
    taken, seen = [], collections.Counter()
    for case in cases:
        if case.group == "honest" or seen[case.group] % step == seed % step:
            taken.append(case)
        seen[case.group] += 1
    return taken
