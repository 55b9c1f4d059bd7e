"""Versions mixed: the format of one and the rules or keys of the other, serial numbers by another encoder.

And batches of version 1 that an earlier release left, changed as the others are.
"""

import json, os
from mutations import findings, lines, statement
from mutations.campaign import ACCEPT, REFUSE, Case
from mutations.certificates import FIELDS, SHAPES, resigned, shaped
from mutations.der import element
from mutations.forge import Forge, derived_serial, spelled
from mutations.house import read

NEW_KEYS = ("family", "beacon", "seals")
LINE_KEYS = ("object", "label", "evidence")


def cases(bench):
    batch = bench.main
    two = json.loads(batch.files["manifest.json"])["encoder"] == 2
    last = lambda change: lambda: Forge(batch).done(change)
    for text in (
        "reroot-manifest/0",
        "reroot-manifest/3",
        "reroot-manifest/10",
        "reroot-manifest/02",
        "reroot-manifest/1.0",
        "reroot-manifest",
        "Reroot-Manifest/1",
        "reroot-proof/1",
        "reroot-manifest/1 ",
        "",
        f"reroot-manifest/{1 if two else 2}",
    ):
        yield Case("versions", f"format {text!r}", batch, last(lambda s, text=text: s.update(format=text)))
    for number in (0, 3, 1 if two else 2):
        yield Case("versions", f"encoder {number}", batch, last(lambda s, number=number: s.update(encoder=number)))
    yield Case(
        "versions",
        "format and encoder of the other version",
        batch,
        last(lambda s: s.update(format=f"reroot-manifest/{1 if two else 2}", encoder=1 if two else 2)),
    )
    if not two:
        yield Case("versions", "keys of version 2", batch, last(lambda s: with_new_keys(s)))
        return
    for key in NEW_KEYS:
        yield Case(
            "versions", f"without {key}", batch, last(lambda s, key=key: {k: v for k, v in s.items() if k != key})
        )
    yield Case(
        "versions",
        "version 1, with the keys of version 2",
        batch,
        last(lambda s: s.update(format="reroot-manifest/1", encoder=1)),
    )
    for key in LINE_KEYS:
        yield Case("versions", f"a line without {key}", batch, lambda key=key: line_without(batch, (key,)))
    yield Case("versions", "a line of version 1", batch, lambda: line_without(batch, LINE_KEYS))
    yield Case("versions", "all lines of version 1", batch, lambda: line_without(batch, LINE_KEYS, True))
    yield Case("versions", "made version 1, the serial numbers of encoder 2", batch, lambda: as_version_1(batch, False))
    yield Case("free: versions", "made version 1 throughout", batch, lambda: as_version_1(batch, True), ACCEPT)
    for kind, base in (("stsafe-l", bench.stsafe_l), ("generic", bench.generic), ("expected", bench.expected)):
        yield Case(
            "free: versions",
            f"made version 1 throughout: {kind}",
            base,
            lambda base=base: as_version_1(base, True),
            ACCEPT,
        )
    for family, base in (
        ("generic", batch),
        ("stsafe-a", bench.generic_a),
        ("generic", bench.stsafe_l),
        ("stsafe-l", bench.generic),
    ):
        yield Case(
            "versions",
            f"family {family} where the policy says another ({base.house.folder.rpartition('/')[2]})",
            base,
            lambda family=family, base=base: of_family(base, family),
        )
    for name, (beacon, used) in {
        "a beacon that the serial numbers do not have": ("ab" * 32, None),
        "no beacon where the serial numbers have one": (None, "ab" * 32),
        "another beacon": ("ab" * 32, "cd" * 32),
        "a beacon of zeros": ("00" * 32, None),
    }.items():
        expect = REFUSE
        yield Case(
            "versions" if name != "a beacon of zeros" else "versions",
            name,
            batch,
            lambda beacon=beacon, used=used: beaconed(batch, beacon, used),
            expect if name != "a beacon of zeros" else "alike",
        )
    yield Case("free: versions", "a beacon", batch, lambda: beaconed(batch, "ab" * 32, "ab" * 32), ACCEPT)
    yield Case(
        "versions",
        "a beacon where serial numbers are copied",
        bench.copied,
        lambda: Forge(bench.copied).done(lambda s: s.update(beacon="ab" * 32)),
    )
    yield Case(
        "versions",
        "a beacon where another house signed",
        bench.foreign,
        lambda: Forge(bench.foreign).done(lambda s: s.update(beacon="ab" * 32)),
    )
    for name, values in {
        "by encoder 1": dict(encoder=1),
        "of another batch's name": dict(batch="01968d2e-7b00-7cc3-98c4-dc0c0c07398f"),
    }.items():
        for some in ([1], range(5)):

            def made(values=values, some=some):
                forge = Forge(batch)
                for at in some:
                    forge.reissue(
                        at,
                        serial=element(
                            2, derived_serial({**forge.s, **values}, forge.issuer().spki, forge.chips[at].source, 0)
                        ),
                    )
                return forge.done()

            yield Case("versions", f"serial numbers {name}: {len(list(some))}", batch, made)
    yield from expected_beacons(bench)
    yield from past(bench)
    yield from old_proofs(bench)


def expected_beacons(bench):
    """The value that an auditor knows; the other verifier is not told it."""
    with_beacon, without = bench.with_beacon, bench.main
    if not with_beacon or b"--beacon" not in without.house.run("verify", "--help").stdout:
        return
    [batch] = with_beacon
    own, other = batch.house.path("value.txt"), batch.house.write("other.txt", "another digest\n")
    asked = lambda name, batch, file, expect=REFUSE: Case(
        "versions" if expect == REFUSE else "free: versions",
        f"the auditor's beacon: {name}",
        batch,
        lambda: batch.files,
        expect,
        options=["--beacon", file],
    )
    yield asked("the batch's", batch, own, ACCEPT)
    yield asked("another", batch, other)
    yield asked("where the batch has none", without, own)
    yield Case("versions", "the beacon taken away", batch, lambda: Forge(batch).done(lambda s: s.update(beacon=None)))
    changed = lambda: Forge(batch).done(lambda s: s.update(beacon="ab" * 32))
    yield Case("versions", "the beacon exchanged", batch, changed)


def with_new_keys(s):
    return {**{key: value for key, value in s.items() if key not in ("entries",)}, "seals": []}


def line_without(batch, keys, all_of_them=False):
    forge = Forge(batch)
    for chip in forge.chips if all_of_them else forge.chips[1:2]:
        chip.put({key: value for key, value in chip.get().items() if key not in keys})
    return forge.done()


def as_version_1(batch, serials):
    forge = Forge(batch)
    s = forge.s = {key: value for key, value in forge.s.items() if key not in NEW_KEYS}
    s.update(format="reroot-manifest/1", encoder=1)
    forge.version = 1
    if s["expected"]:
        s["expected"] = {key: s["expected"][key] for key in ("sha256", "count")}
        forge.raw["missing.jsonl"] = None
    for at, chip in enumerate(forge.chips):
        chip.put({key: value for key, value in chip.get().items() if key not in LINE_KEYS})
        if serials:
            forge.reissue(at, serial=element(2, derived_serial(s, forge.issuer().spki, chip.source, 0)))
    return forge.done()


def of_family(batch, family):
    forge = Forge(batch)
    forge.s["family"] = family
    for chip in forge.chips:
        uid = chip.get()["uid"]
        chip.set(st_number=uid[4:] if family == "stsafe-a" and len(uid) == 22 else None)
    return forge.done()


def beaconed(batch, stated, used):
    forge = Forge(batch)
    for at, chip in enumerate(forge.chips):
        forge.reissue(
            at, serial=element(2, derived_serial({**forge.s, "beacon": used}, forge.issuer().spki, chip.source, 0))
        )
    forge.s["beacon"] = stated
    return forge.done()


def past(bench):
    """Version 1 is judged by its own rules for good."""
    batch = next(one for one in bench.past_batches if one.name == "batch" and "local" in one.folder)
    s = json.loads(batch.files["manifest.json"])
    for number, (key, value, expect) in enumerate(statement.VALUES):
        if (
            (key, value) == ("issuer.mode", "air-gapped")
            or key.startswith(("previous", "expected.", "reissue"))
            or key == "params"
            or json.dumps(value) == json.dumps(at(s, key))
        ):
            continue
        name = f"past: {key} = {json.dumps(value)[:50]} ({number})"
        yield Case(
            "version 1, statement" if expect == REFUSE else "free: version 1",
            name,
            batch,
            lambda key=key, value=value: statement.resealed(batch, key, value),
            expect,
        )
    for number, (key, value, expect) in enumerate(lines.VALUES):
        if json.dumps(value) != json.dumps(Forge(batch).chips[1].get()[key]):
            yield Case(
                "version 1, lines",
                f"past: {key} = {json.dumps(value)[:50]} ({number})",
                batch,
                lambda key=key, value=value: lines.resealed(batch, lambda f: f.chips[1].set(**{key: value})),
                expect,
            )
    for name, fields in FIELDS.items():
        yield Case(
            "version 1, certificates" if name != "high s" else "free: version 1",
            "past: " + name,
            batch,
            lambda fields=fields: resigned(batch, **fields),
            REFUSE if name != "high s" else ACCEPT,
        )
    for name, change in SHAPES.items():
        free = name == "high s without the key"
        yield Case(
            "version 1, certificates" if not free else "free: version 1",
            "past: " + name,
            batch,
            lambda change=change: shaped(batch, change),
            ACCEPT if free else REFUSE,
        )
    inputs = [word for one in batch.inputs for word in ("--input", one)]
    for code in ("operator.decision", "verify.signature.invalid", "policy.leaf.key", "rfc5280.structure", "reel.x"):
        for options in (inputs, []):
            if options or code in ("operator.decision", "reel.x"):
                yield Case(
                    "version 1, findings",
                    f"past: a chip left out as {code}{', with inputs' if options else ''}",
                    batch,
                    lambda code=code: findings.left_out(batch, 1, code),
                    options=options,
                )
    for name, change in findings.TWICE.items():
        if "renamed" not in name and "among the findings" not in name:
            made = lambda change=change: findings.changed(batch, change)
            yield Case("version 1, findings", f"past: {name}", batch, made)
    for key, value in (("family", "stsafe-a"), ("beacon", None), ("seals", [])):
        yield Case(
            "version 1, statement",
            f"past: with {key}",
            batch,
            lambda key=key, value=value: Forge(batch).done(lambda s: {**s, key: value}),
        )


def at(s, path):
    for key in path.split("."):
        s = s[int(key) if isinstance(s, list) else key]
    return s


def old_proofs(bench):
    """Proofs of version 1 that an earlier release made, and proofs of version 2 of batches of version 1."""
    import base64
    from mutations.proofs import proof_of, uids_of
    from mutations.text import misspelled, tree, written

    for batch in bench.past_batches:
        for name in ("present.proof.json", "absent.proof.json"):
            path = batch.house.path(name)
            if batch.name != "batch" or not os.path.exists(path):
                continue
            where = os.path.basename(batch.house.folder)
            data = read(path)
            absent = json.loads(data)["chip"] is None
            case = lambda about, made, expect=REFUSE: Case(
                "version 1, proofs" if expect == REFUSE else "free: version 1",
                f"past: {where} {name} {about}",
                batch,
                made,
                expect,
                "verify-proof",
                ["--absent"] if absent else [],
            )
            yield case("honest", lambda data=data: data, ACCEPT)
            for about, value in misspelled(tree(json.loads(data))):
                yield case(about, lambda value=value: written(value).encode() + b"\n")
            for about, change in {
                "called version 2": lambda one: {**one, "format": "reroot-proof/2"},
                "with the keys of version 2": lambda one: {**one, "policy": None, "seals": []},
                "of another UID": lambda one: {**one, "uid": "0209FF0000007E57000139" if not absent else "0209"},
            }.items():
                yield case(about, lambda data=data, change=change: spelled(change(json.loads(data))) + b"\n")
    encoded = lambda data: base64.b64encode(data).decode()
    for base, kind in (
        (bench.stsafe_l, "stsafe-l"),
        (bench.generic, "generic"),
        (bench.generic_a, "generic over STSAFE-A"),
    ):
        files = as_version_1(base, True)
        uid = uids_of(base)[1]
        own, other = files["policy.toml"], bench.main.files["policy.toml"]
        options = {
            "honest": (encoded(own), ACCEPT),
            "none": (None, REFUSE),
            "another batch's": (encoded(other), REFUSE),
            "a byte more": (encoded(own + b"\n"), REFUSE),
            "of another family": (encoded(own.replace(b'family = "', b'family = "x')), REFUSE),
            "empty": ("", REFUSE),
            "not base64": ("*", REFUSE),
        }
        for about, (policy, expect) in options.items():
            yield Case(
                "version 1, proofs" if expect == REFUSE else "free: version 1",
                f"proof/2 of version 1: {kind}: policy {about}",
                base,
                lambda files=files, uid=uid, base=base, policy=policy: proof_of(files, uid, batch=base, policy=policy),
                expect,
                "verify-proof",
            )
    files, uid = as_version_1(bench.main, True), uids_of(bench.main)[1]
    for about, policy, expect in (
        ("none", None, ACCEPT),
        ("its own", encoded(files["policy.toml"]), REFUSE),
    ):
        yield Case(
            "version 1, proofs" if expect == REFUSE else "free: version 1",
            f"proof/2 of version 1: stsafe-a: policy {about}",
            bench.main,
            lambda policy=policy: proof_of(files, uid, batch=bench.main, policy=policy),
            expect,
            "verify-proof",
        )
