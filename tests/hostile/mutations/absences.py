"""Absences: a chip that is there and claimed not to be, and UIDs that no chip of the family can have."""

import json
from mutations.campaign import ACCEPT, REFUSE, Case
from mutations.forge import spelled
from mutations.proofs import honest, lines_at, proof_of, proof_version, uids_of
from mutations.text import misspelled, tree, written


def cases(bench):
    batch = bench.apart  # 23 chips
    uids = uids_of(batch)
    uid, absent = uids[5], "0209FF0000007E57000139"
    missing = json.loads(honest(batch, absent))
    absence = lambda name, made, expect=REFUSE, batch=batch, group="absences": Case(
        group, name, batch, made, expect, "verify-proof", options=["--absent"]
    )
    for name, one in {
        "before all": "0209000000007E57000139",
        "after all": "0209FFFFFFFF7E57000139",
        "between": uids[3][:-4] + "0200",
    }.items():
        yield absence(
            f"honest: {name}", lambda one=one: proof_of(batch.files, one, batch=batch), ACCEPT, group="free: absences"
        )
    if bench.absent:
        yield Case(
            "absences",
            "an absence where presence is expected",
            batch,
            lambda: honest(batch, absent),
            REFUSE,
            "verify-proof",
        )
        yield Case(
            "absences",
            "a presence where absence is expected",
            batch,
            lambda: honest(batch, uid),
            REFUSE,
            "verify-proof",
            options=["--absent"],
        )
    for name, value in misspelled(tree(missing)):
        if name.startswith(("lines", "chip", "uid")):
            yield absence(name, lambda value=value: written(value).encode() + b"\n", group="absences, spelling")
    yield from false_absences(bench, batch, missing, uids, absence)
    yield from shapes(bench, absence)


def false_absences(bench, batch, missing, uids, absence):
    made = lambda **changes: lambda: spelled({**missing, **changes}) + b"\n"
    uid = uids[5]
    yield from (
        absence(name, change)
        for name, change in {
            "of a chip that is there, beside its place": made(uid=uid, lines=lines_at(batch, [4, 5])),
            "of a chip that is there, after it": made(uid=uid, lines=lines_at(batch, [5, 6])),
            "of a chip that is there, the neighbours": made(uid=uid, lines=lines_at(batch, [4, 6])),
            "of a chip that is there, three lines": made(uid=uid, lines=lines_at(batch, [4, 5, 6])),
            "of a chip that is there, far lines": made(uid=uid, lines=lines_at(batch, [10, 11])),
            "of a chip that is there, no lines": made(uid=uid, lines=[]),
            "of a chip that is there, the first line": made(uid=uid, lines=lines_at(batch, [0])),
            "of a chip that is there, the last line": made(uid=uid, lines=lines_at(batch, [22])),
            "of the first chip by the second": made(uid=uids[0], lines=lines_at(batch, [1])),
            "of the first chip by its own line": made(uid=uids[0], lines=lines_at(batch, [0])),
            "of the last chip by its own line": made(uid=uids[22], lines=lines_at(batch, [22])),
            "no lines": made(lines=[]),
            "one line in the middle": made(lines=lines_at(batch, [5])),
            "the wrong end": made(lines=lines_at(batch, [0])),
            "lines of another gap": made(lines=lines_at(batch, [4, 5])),
            "the last two lines": made(lines=lines_at(batch, [21, 22])),
            "the first and the last": made(lines=lines_at(batch, [0, 22])),
            "a chip's certificates too": made(chip=json.loads(honest(batch, uid))["chip"]),
        }.items()
    )


def shapes(bench, absence):
    """UIDs that no chip of the family has: the bait of a false absence."""
    batch = bench.apart
    uid = uids_of(batch)[5]
    empty = lambda one, base: lambda: proof_of(base.files, one, batch=base)
    names = {
        "the ST number": uid[4:],
        "the unique number": uid[4:18],
        "the product id": uid[18:],
        "cut at the end": uid[:-2],
        "cut at the begin": uid[2:],
        "a byte more": uid + "00",
        "zeros before": "00" + uid,
        "two bytes of zeros before": "0000" + uid,
        "one byte": "02",
        "20 bytes": uid + "00" * 9,
        "with 020B": "020B" + uid[4:],
        "0208 first": "0208" + uid[4:],
        "without 0209": uid[4:] + "0209",
        "a byte 80 first": "80" + uid,
        "UID twice": (uid + uid)[:40],
    }
    for name, one in names.items():
        yield absence(f"a UID of another shape: {name}", empty(one, batch), group="absences, shapes")
    for base, kind in ((bench.stsafe_l, "stsafe-l"), (bench.foreign, "foreign")):
        if kind == "stsafe-l" and proof_version(base) == 1:
            continue  # the family is not in the proof
        uid = uids_of(base)[1]
        for name, one in {
            "cut": uid[:-2],
            "a byte more": uid + "00",
            "zeros before": "00" + uid,
            "the second half": uid[8:],
            "zero first": "00" + uid[2:],
        }.items():
            yield absence(
                f"a UID of another shape: {kind}: {name}", empty(one, base), batch=base, group="absences, shapes"
            )
    for base, kind in ((bench.stsafe_l, "stsafe-l"), (bench.generic, "generic")):
        uid = uids_of(base)[1]
        other = ("22" if kind == "stsafe-l" else "5B") + uid[2:]
        yield absence(f"honest: {kind}", empty(other, base), ACCEPT, base, group="free: absences")
