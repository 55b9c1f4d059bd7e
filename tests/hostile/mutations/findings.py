"""Findings and inputs: a genuine chip left out, findings that say something else than the inputs, one item twice.

What needs the inputs is put before the program with `--input`; a verifier without them can only see that an item stands
in one line or one finding."""

import copy, json, re
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.forge import Forge
from mutations.house import packed
from mutations.text import misspelled, tree, written

MADE_UP = """
operator.decision quality.not-needed verify.unknown verify.signature verify.x reel.lost ledger.made-up ledger.x.y
policy.x policy.leaf lint.x a.b issue.cancelled verify.conflict reel.zip policy.leaf.key.other
ledger.already-issued.too ledger.already-issue verify.signature.invalid.x 0.0
ledger.issued.other-params ledger.issued.other-policy ledger.issued.other-source ledger.held-by-open-batch
ledger.abandoned
verify.expect.count verify.expect.missing verify.chain.anchor-expired cmp.refused answer.differs
""".split()


def listed(bench):
    """Code, dispositions and whose word it is, of each code that the page lists."""
    row = r"^\| `([a-z0-9.-]+)` \| (`rejected`|`ignored`|`rejected` or `ignored`) \| (.+) \|$"
    with open(bench.page) as file:
        found = [
            (code, which.replace("`", "").split(" or "), whose)
            for code, which, whose in re.findall(row, file.read(), re.M)
        ]
    assert len(found) > 100, "the page has no list of codes"
    return found


def inputs_of(batch, order=None):
    inputs = batch.inputs if order is None else order
    return [word for one in inputs for word in ("--input", one)]


def left_out(batch, at, code, disposition="rejected", uid=True, digest=True):
    forge = Forge(batch)
    chip = forge.chips.pop(at)
    line = chip.get()
    forge.findings.append(
        {
            "item": line["source_item"],
            "disposition": disposition,
            "code": code,
            "reason": "left out",
            "uid": line["uid"] if uid else None,
            "source_sha256": line["source_sha256"] if digest else None,
        }
    )
    return forge.done()


def cases(bench):
    batch, rich = bench.main, bench.findings
    with_inputs = inputs_of(batch)
    codes = listed(bench) + [(code, [], "nobody's") for code in MADE_UP]
    for code, dispositions, whose in codes:
        for disposition in ("rejected", "ignored"):
            # what rests on earlier batches, which are not given, is counted and printed as the signer's word
            word = "signer's word" in whose and disposition in dispositions and code != "ledger.serial-repeated"
            yield Case(
                "free: findings" if word else "a genuine chip left out, with inputs",
                f"{disposition} as {code}",
                batch,
                lambda code=code, disposition=disposition: left_out(batch, 2, code, disposition),
                ACCEPT if word else REFUSE,
                options=with_inputs,
                says=code if word else "",
            )
            if disposition not in dispositions:
                yield Case(
                    "a genuine chip left out, alone",
                    f"{disposition} as {code}",
                    batch,
                    lambda code=code, disposition=disposition: left_out(batch, 2, code, disposition),
                )
    # a serial number can be there twice only where the policy copies them
    copied = bench.copied
    yield Case(
        "free: findings",
        "rejected as ledger.serial-repeated, where serial numbers are copied",
        copied,
        lambda: left_out(copied, 2, "ledger.serial-repeated"),
        ACCEPT,
        options=inputs_of(copied),
        says="ledger.serial-repeated",
    )
    for uid, digest in ((False, False), (False, True), (True, False)):
        yield Case(
            "a genuine chip left out, alone",
            f"under a ledger code, uid {uid}, digest {digest}",
            batch,
            lambda uid=uid, digest=digest: left_out(batch, 2, "ledger.already-issued", "ignored", uid, digest),
        )
    for name, change in SAID.items():
        yield Case(
            "findings, changed, with inputs",
            name,
            rich,
            lambda change=change: changed(rich, change),
            options=inputs_of(rich),
            second=False,
        )
    for number, one in enumerate(Forge(rich).findings):
        for name, change in each(one).items():
            yield Case(
                "findings, changed, with inputs",
                f"finding {number} {one['code']}: {name}",
                rich,
                lambda number=number, change=change: changed(
                    rich, lambda f: f.findings.__setitem__(number, change(f.findings[number]))
                ),
                options=inputs_of(rich),
                second=False,
            )
        yield Case(
            "free: findings",
            f"finding {number}: another reason",
            rich,
            lambda number=number: changed(rich, lambda f: f.findings[number].update(reason="other \u00e9\n")),
            ACCEPT,
            options=inputs_of(rich),
        )
    for name, change in TWICE.items():
        yield Case("an item twice", name, rich, lambda change=change: changed(rich, change))
    for base, file in ((rich, "rejected.jsonl"), (bench.directory, "inputs.jsonl")):
        lines = base.files[file].split(b"\n")
        finding = next(json.loads(one) for one in lines if b"expired" in one or file == "inputs.jsonl")
        at = next(n for n, one in enumerate(lines) if b"expired" in one or file == "inputs.jsonl")
        free = (
            lambda where, how: where in ("item", "name")
            and how == "space"
            or where == "reason"
            and how in ("NUL", "space", "line feed")
        )
        for name, value in misspelled(tree(finding), free):
            if not (name.endswith("null") and name.startswith(("uid", "source"))):
                yield Case(
                    "findings and inputs, spelling",
                    f"{file} {name}",
                    base,
                    lambda base=base, file=file, at=at, value=value: replaced(base, file, at, written(value).encode()),
                )
    for number, (key, value) in enumerate(VALUES):
        yield Case(
            "findings and inputs, values",
            f"{key} = {json.dumps(value)[:50]} ({number})",
            rich,
            lambda key=key, value=value: changed(rich, lambda f: f.findings[7].update({key: value})),
        )
    for number, (key, value) in enumerate(
        [
            ("name", ""),
            ("name", "\u00e9"),
            ("name", "a\nb"),
            ("bytes", -1),
            ("bytes", 1 << 64),
            ("sha256", "AB" * 32),
            ("sha256", "ab" * 31),
        ]
    ):
        yield Case(
            "findings and inputs, values",
            f"input {key} = {json.dumps(value)} ({number})",
            rich,
            lambda key=key, value=value: changed(rich, lambda f: f.inputs[0].update({key: value})),
        )
    yield from input_cases(bench)
    yield from twins(bench)
    yield from anchored(bench)


VALUES = [
    ("item", ""),
    ("item", "\u00e9"),
    ("item", "a\nb"),
    ("item", "a\x7f"),
    ("disposition", "Rejected"),
    ("disposition", "issued"),
    ("disposition", ""),
    ("code", ""),
    ("code", "reel"),
    ("code", "Reel.x"),
    ("code", "reel..x"),
    ("code", "reel."),
    ("code", ".reel"),
    ("code", "reel_x.y"),
    ("code", "reel x.y"),
    ("code", "reel.\u00e9"),
    ("code", "-.-"),
    ("code", "reel.-x"),
    ("code", "reel.x-"),
    ("code", "reel.x--y"),
    ("uid", ""),
    ("uid", "020"),
    ("uid", "ab" * 11),
    ("uid", "00" * 21),
    ("source_sha256", ""),
    ("source_sha256", "AB" * 32),
    ("source_sha256", "ab" * 20),
]


def changed(batch, change):
    forge = Forge(batch)
    change(forge)
    return forge.done()


def replaced(batch, file, at, data):
    forge = Forge(batch)
    lines = batch.files[file].split(b"\n")
    lines[at] = data
    forge.raw[file] = b"\n".join(lines)
    forge.counted = False
    return forge.done()


def each(finding):
    """What an insider may say of an item that was rejected or ignored."""
    flipped = {"rejected": "ignored", "ignored": "rejected"}
    other = "verify.time.expired" if finding["code"] != "verify.time.expired" else "verify.signature.invalid"
    return {
        "flipped": lambda one: {**one, "disposition": flipped[one["disposition"]]},
        "another code": lambda one: {**one, "code": other},
        "a made-up code": lambda one: {**one, "code": "verify.made-up"},
        "a ledger code": lambda one: {**one, "code": "ledger.already-issued"},
        "another uid": lambda one: {**one, "uid": "0209FF0000007E57000139"},
        "another digest": lambda one: {**one, "source_sha256": "ab" * 32},
        **({"no uid": lambda one: {**one, "uid": None}} if finding["uid"] else {}),
        **({"no digest": lambda one: {**one, "source_sha256": None}} if finding["source_sha256"] else {}),
        "another item": lambda one: {**one, "item": one["item"] + "x"},
    }


def flip_two(f):
    one, two = [n for n, one in enumerate(f.findings) if one["uid"]][:2]
    f.findings[one]["item"], f.findings[two]["item"] = f.findings[two]["item"], f.findings[one]["item"]


SAID = {
    "the first finding left out": lambda f: f.findings.pop(0),
    "the last finding left out": lambda f: f.findings.pop(),
    "no findings": lambda f: f.findings.clear(),
    "a finding of an item that is not there": lambda f: f.findings.append({**f.findings[0], "item": "reel.zip!other"}),
    "a chip left out without a finding": lambda f: f.chips.pop(1),
    "a line of another item": lambda f: f.chips[1].set(source_item="reel.zip!README.txt"),
    "a line of an item that is not there": lambda f: f.chips[1].set(source_item="reel.zip!gone.der"),
    "two findings exchanged their items": flip_two,
}
TWICE = {
    "a finding twice": lambda f: f.findings.append(f.findings[0]),
    "two findings of one item": lambda f: f.findings.append({**f.findings[0], "code": "verify.time.expired"}),
    "a line's item among the findings": lambda f: f.findings.append(
        {**f.findings[1], "item": f.chips[0].get()["source_item"]}
    ),
    "a line's item among the findings, ignored": lambda f: f.findings.insert(
        0, {**f.findings[1], "disposition": "ignored", "item": f.chips[2].get()["source_item"]}
    ),
    "two lines of one item": lambda f: f.chips[1].set(source_item=f.chips[0].get()["source_item"]),
    "a finding renamed to another's item": lambda f: f.findings[2].update(item=f.findings[5]["item"]),
    "a finding renamed to a line's item": lambda f: f.findings[2].update(item=f.chips[1].get()["source_item"]),
}


def input_cases(bench):
    batch = bench.directory
    inputs = batch.inputs
    names = {"the same order": inputs, "reversed": inputs[::-1], "archives first": [*inputs[1:], inputs[0]]}
    for name, order in names.items():
        yield Case(
            "free: inputs", f"given in {name}", batch, lambda: batch.files, ACCEPT, options=inputs_of(batch, order)
        )
    yield Case(
        "free: inputs",
        "given with one flag each or together",
        batch,
        lambda: batch.files,
        ACCEPT,
        options=["--input", *inputs],
    )
    copies = batch.house.path("copies")
    import os, shutil

    if not os.path.isdir(copies):
        os.makedirs(copies)
        shutil.copytree(inputs[0], copies + "/other-folder")
        for one, other in ((1, "renamed.zip"), (2, "one.zip")):
            shutil.copy(inputs[one], copies + "/" + other)
        open(copies + "/empty.zip", "wb").write(packed([]))
        open(copies + "/more.zip", "wb").write(packed([("x.der", batch.house.source.leaf(77))]))
    renamed = [copies + "/other-folder", copies + "/renamed.zip", copies + "/one.zip"]
    yield Case(
        "free: inputs", "under other names", batch, lambda: batch.files, ACCEPT, options=inputs_of(batch, renamed)
    )
    for name, order in {
        "one less": inputs[:-1],
        "the directory less": inputs[1:],
        "one twice": [*inputs, inputs[1]],
        "one more": [*inputs, copies + "/more.zip"],
        "another one": [*inputs[:-1], copies + "/more.zip"],
        "an empty one more": [*inputs, copies + "/empty.zip"],
        "none of them": [copies + "/more.zip"],
    }.items():
        yield Case("inputs, with inputs", f"given {name}", batch, lambda: batch.files, options=inputs_of(batch, order))
    for name, change in {
        "reversed": lambda some: some.reverse(),
        "rotated": lambda some: some.append(some.pop(0)),
        "renamed": lambda some: some[-1].update(name="other.zip"),
    }.items():
        # the order of inputs.jsonl, and names, are for people; the items' names begin with them
        yield Case(
            "inputs, order and names",
            f"inputs.jsonl {name}",
            batch,
            lambda change=change: changed(batch, lambda f: change(f.inputs)),
            ALIKE,
        )
    for name, change in {
        "one less": lambda some: some.pop(),
        "one twice": lambda some: some.append(some[0]),
        "none": lambda some: some.clear(),
        "other bytes": lambda some: some[0].update(sha256="ab" * 32),
        "another size": lambda some: some[0].update(bytes=7),
        "one more": lambda some: some.append({"name": "x.zip", "bytes": 9, "sha256": "cd" * 32}),
    }.items():
        yield Case(
            "inputs, with inputs",
            f"inputs.jsonl {name}",
            batch,
            lambda change=change: changed(batch, lambda f: change(f.inputs)),
            options=inputs_of(batch),
        )


def twins(bench):
    """Two certificates of one chip and its key: which one counts is for the rules to say, not for the insider."""
    batch = bench.findings
    [twin] = [one for one in Forge(batch).findings if one["code"] == "verify.conflict.twin"]
    at = next(n for n, chip in enumerate(Forge(batch).chips) if chip.get()["uid"] == twin["uid"])
    other = next(
        leaf
        for leaf in (bench.source.leaf(34), bench.source.leaf(34, high=True))
        if der.sha256(leaf).hex() == twin["source_sha256"]
    )

    def exchanged():
        from mutations.forge import derived_serial

        forge = Forge(batch)
        chip, finding = forge.chips[at], next(one for one in forge.findings if one["code"] == "verify.conflict.twin")
        line = chip.get()
        finding.update(item=line["source_item"], source_sha256=line["source_sha256"])
        chip.resource(other, source_item=twin["item"])
        serial = derived_serial(forge.s, forge.issuer().spki, other, 0)
        return forge.reissue(at, serial=der.element(2, serial)).done()

    yield Case(
        "findings, changed, with inputs", "the twin in place of the other", batch, exchanged, options=inputs_of(batch)
    )
    yield Case("free: findings", "the twin in place of the other, without inputs", batch, exchanged, ACCEPT)

    def duplicate():
        forge = Forge(batch)
        finding = next(one for one in forge.findings if one["code"] == "verify.conflict.duplicate")
        chip = next(one for one in forge.chips if one.get()["uid"] == finding["uid"])
        mine, its = chip.get()["source_item"], finding["item"]
        chip.set(source_item=its)
        finding["item"] = mine
        return forge.done()

    yield Case(
        "findings, changed, with inputs",
        "the duplicate in place of the other",
        batch,
        duplicate,
        ALIKE,
        options=inputs_of(batch),
        second=False,
    )


def anchored(bench):
    """What an auditor who trusts more, or otherwise, than the batch was made with still sees."""
    batch = bench.main
    with open(batch.source, "rb") as file:
        own = file.read()
    stranger = der.pem(keys.Source("REROOT TEST STSAFE-A CA 77").root)
    renewed = der.pem(keys.ca_certificate(bench.source.key, bench.source.name, usage=b"\3\2\2\4"))
    for name, anchors in {
        "another anchor too": own + stranger,
        "another anchor first": stranger + own,
        "the anchor renewed": renewed,
    }.items():
        trusting = copy.copy(batch)
        trusting.source = batch.house.write(f"{name.replace(' ', '-')}.pem", anchors)
        yield Case(
            "findings, changed, with inputs",
            f"{name}: honest",
            trusting,
            lambda: batch.files,
            ALIKE,
            options=inputs_of(batch),
        )
        for code in (
            "verify.signature.invalid",
            "verify.chain.no-trust-anchor",
            "verify.time.expired",
            "verify.uid.shape",
            "verify.der.truncated",
            "verify.key.not-allowed",
            "reel.zip.checksum",
        ):
            made = lambda code=code: left_out(batch, 2, code)
            yield Case(
                "a genuine chip left out, with inputs",
                f"{name}: rejected as {code}",
                trusting,
                made,
                options=inputs_of(batch),
            )
    below = bench.below

    def without():
        forge = Forge(below)
        for chip in forge.chips:
            line = chip.get()
            forge.findings.append(
                {
                    "item": line["source_item"],
                    "disposition": "rejected",
                    "code": "verify.chain.no-trust-anchor",
                    "reason": "x",
                    "uid": line["uid"],
                    "source_sha256": line["source_sha256"],
                }
            )
        forge.chips.clear()
        forge.raw["source-chain.pem"] = der.pem(bench.source.root)
        return forge.done()

    name = "all left out, and the intermediate with them"
    yield Case("a genuine chip left out, with inputs", name, below, without, options=inputs_of(below))
