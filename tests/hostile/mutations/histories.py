"""Several batches of one ledger: forks, gaps, names, times; seeds, keys and serial numbers twice."""

import json
import os
from mutations import der, keys
from mutations.campaign import ACCEPT, REFUSE, Case
from mutations.der import element
from mutations.forge import Forge, derived_serial
from mutations.house import write

OTHER = "ab" * 32


def put(bench, name, files):
    """A batch directory beside the others, for `--history`."""
    folder = os.path.join(bench.folder, "histories", name)
    os.makedirs(folder)
    for one, data in files.items():
        write(os.path.join(folder, one), data)
    return folder


def relinked(bench, name, batches, change):
    """All batches sealed again in their order, each after `change(number, forge)`; the statements follow each other."""
    files, before = [], None
    for number, batch in enumerate(batches):
        forge = Forge(batch)
        change(number, forge)

        def last(s, number=number, forge=forge, before=before):
            if number and s["previous"] is not None:
                s["previous"] = {"batch": before[0], "statement_sha256": before[1]}
            getattr(forge, "last", lambda s: None)(s)

        made = forge.done(last)
        before = (forge.s["batch"], der.sha256(made["manifest.json"]).hex())
        files.append(made)
    return [put(bench, f"{name}-{number}", made) for number, made in enumerate(files)], files


def cases(bench):
    batches = bench.history
    one, two, three, four = batches
    folders = [batch.folder for batch in batches]
    given = lambda *some: [word for folder in some for word in ("--history", folder)]
    case = lambda name, batch, made, options, expect=REFUSE: Case(
        "history" if expect == REFUSE else "free: history", name, batch, made, expect, options=options
    )
    yield case("all four", four, lambda: four.files, given(*folders[:3]), ACCEPT)
    yield case("all four, in another order", two, lambda: two.files, given(folders[3], folders[0], folders[2]), ACCEPT)
    yield case("all four, one flag", four, lambda: four.files, ["--history", *folders[:3]], ACCEPT)
    yield case("the first two", two, lambda: two.files, given(folders[0]), ACCEPT)
    for name, batch, some in [
        ("the first missing", four, folders[1:3]),
        ("the second missing", four, [folders[0], folders[2]]),
        ("the third missing", four, folders[:2]),
        ("only the first", four, folders[:1]),
        ("only the last", one, [folders[3]]),
    ]:
        yield case("a gap: " + name, batch, lambda batch=batch: batch.files, given(*some))
    yield case("a batch of another ledger", four, lambda: four.files, given(*folders[:3], bench.main.folder))
    nothing = lambda number, forge: None
    again, files = relinked(bench, "again", batches, nothing)
    yield case("all sealed again", four, lambda files=files: files[3], given(*again[:3]), ACCEPT)
    yield case(
        "the first from before",
        four,
        lambda files=files: files[3],
        given(folders[0], *again[1:3]),
        ACCEPT if files[0]["manifest.json"] == one.files["manifest.json"] else REFUSE,
    )

    def after(change, at):
        def changing(number, forge):
            if number == at:
                change(forge)

        return changing

    def last(change):
        def set_last(forge):
            forge.last = change

        return set_last

    base = json.loads(one.files["manifest.json"])
    faults = {
        "a fork: the third follows the first": (
            after(
                last(
                    lambda s: s["previous"].update(
                        batch=base["batch"], statement_sha256=der.sha256(one.files["manifest.json"]).hex()
                    )
                ),
                2,
            )
        ),
        "a second first": after(last(lambda s: s.update(previous=None)), 2),
        "previous by another name": after(
            last(lambda s: s["previous"].update(batch="01968d2e-7b00-7cc3-98c4-dc0c0c07398f")), 2
        ),
        "previous by another digest": after(last(lambda s: s["previous"].update(statement_sha256=OTHER)), 2),
        "the third made before the second": after(backdated, 2),
    }
    for name, change in faults.items():
        made, files = relinked(bench, name.replace(" ", "-").replace(":", ""), batches, change)
        yield case(name, four, lambda files=files: files[3], given(*made[:3]))

    # one seed twice: the third batch is sealed with the second's seed, its certificates made again
    def same_seed(number, forge, seed=json.loads(two.files["manifest.json"])["serial_seed"]):
        if number == 2:
            forge.s["serial_seed"] = seed
            for at, chip in enumerate(forge.chips):
                forge.reissue(at, serial=element(2, derived_serial(forge.s, forge.issuer().spki, chip.source, 0)))

    made, files = relinked(bench, "seed", batches, same_seed)
    yield case("the same seed twice", four, lambda files=files: files[3], given(*made[:3]))
    yield case("the same seed twice, in the batch itself", three, lambda files=files: files[2], given(*made[:2]))

    # a key under another UID: ST certified it twice
    def other_uid(number, forge):
        if number == 2:
            leaf = bench.source.leaf(40, owner=keys.key("chip 1 P-256"))
            replace(forge, leaf, bench.source.uid(40))

    made, files = relinked(bench, "key", batches, other_uid)
    yield case("a key under another UID", four, lambda files=files: files[3], given(*made[:3]))

    def other_key(number, forge):
        if number == 2:
            replace(forge, bench.source.leaf(1, owner=keys.key("another")), bench.source.uid(1))

    made2, files2 = relinked(bench, "uid", batches, other_key)
    yield case("a chip with two keys", four, lambda: files2[3], given(*made2[:3]))

    def unexplained(number, forge):
        if number == 3:
            forge.s["reissue"] = None
            for chip in forge.chips:
                chip.set(reissue=None)

    made3, files3 = relinked(bench, "twice", batches, unexplained)
    yield case("a chip twice under one policy name without a reason", four, lambda: files3[3], given(*made3[:3]))

    def first_reissued(number, forge):
        if number == 0:
            forge.s["reissue"] = "x"
            for chip in forge.chips:
                chip.set(reissue="x")

    made4, files4 = relinked(bench, "first", batches, first_reissued)
    yield case("the first batch called a reissue", four, lambda: files4[3], given(*made4[:3]), ACCEPT)
    # what a fault of a file that `--history` does not need may be instead: the report says that nobody looked at it
    for file in ("certificates.zip", "sources.zip", "rejected.jsonl", "policy.toml", "chain.pem", "inputs.jsonl"):
        folder = put(bench, "changed-" + file, {**two.files, file: two.files[file] + b"x"})
        yield case(f"{file} of another batch changed", four, lambda: four.files, given(folders[0], folder, folders[2]))
    for file in ("manifest.json", "manifest.json.p7s", "manifest.jsonl"):
        folder = put(bench, "changed-" + file, {**two.files, file: two.files[file][:-2] + b"x\n"})
        yield case(f"{file} of another batch changed", four, lambda: four.files, given(folders[0], folder, folders[2]))
    folder = put(bench, "less", {name: data for name, data in two.files.items() if name != "sources.zip"})
    yield case("a file of another batch away", four, lambda: four.files, given(folders[0], folder, folders[2]))
    yield from heads(bench, case, given)
    yield from names(bench, case, given)
    yield from serials(bench, case, given)
    yield from ledger_words(bench, case, given)


def backdated(forge):
    at = der.later(der.utc(json.loads(forge.batch.files["manifest.json"])["issued_at"]), days=-30)
    forge.last = lambda s: s.update(created=der.rfc3339(at), issued_at=der.rfc3339(at))


def replace(forge, leaf, uid):
    """The first chip is another one."""
    read = der.Certificate(leaf)
    chip = forge.chips[0]
    chip.name = uid.hex().upper()
    chip.resource(leaf, uid=uid.hex().upper(), st_number=uid[2:].hex().upper(), spki_sha256=der.sha256(read.spki).hex())
    from mutations.certificates import extension_of

    subject = der.Certificate(chip.certificate).subject.replace(
        der.parts(der.Certificate(forge.batch.files and chip.certificate).subject)[-1],
        element(0x31, der.attribute(der.CN, uid.hex().upper())),
    )
    point = der.inside(der.parts(read.spki)[1])[1:]
    some = list(der.Certificate(chip.certificate).extensions())
    some[extension_of(some, der.SKI)] = der.extension(der.SKI, element(4, der.sha256(point)[:20]))
    forge.reissue(
        0,
        subject=subject,
        spki=read.spki,
        listed=der.extensions(*some),
        serial=element(2, derived_serial(forge.s, forge.issuer().spki, leaf, 0)),
    )
    forge.chips.sort(key=lambda one: one.name)


def serials(bench, case, given):
    """Another house gave one serial number in two batches."""
    house = bench.foreign.house
    first = bench.foreign
    if not os.path.exists(house.path("second")):
        house.leaves("second.zip", range(11, 14))
        bench.second_foreign = house.issue_abroad_again("policy.toml", "second.zip", "second", 5000)
        bench.third_foreign = None
    second = bench.second_foreign
    yield case("two batches of another house", second, lambda: second.files, given(first.folder), ACCEPT)
    taken = der.Certificate(Forge(first).chips[0].certificate).serial

    def made():
        return Forge(second).reissue(1, serial=taken).done()

    yield case("a serial number twice under one issuer", second, made, given(first.folder))


def ledger_words(bench, case, given):
    """A chip left out under the ledger's word is looked up in the history."""
    batches = bench.history
    one, two, three, four = batches

    def left_out(batch, at, code, disposition):
        forge = Forge(batch)
        chip = forge.chips.pop(at)
        line = chip.get()
        forge.findings.append(
            {
                "item": line["source_item"],
                "disposition": disposition,
                "code": code,
                "reason": "x",
                "uid": line["uid"],
                "source_sha256": line["source_sha256"],
            }
        )
        return forge.done()

    inputs = [word for name in three.inputs for word in ("--input", name)]
    # the third batch is under another policy name: no chip of it was issued before
    for code, disposition in [
        ("ledger.already-issued", "ignored"),
        ("ledger.serial-repeated", "rejected"),
        ("ledger.uid-with-other-key", "rejected"),
        ("ledger.key-under-other-uid", "rejected"),
    ]:
        yield case(
            f"a chip left out as {code}, which the history does not have",
            three,
            lambda code=code, disposition=disposition: left_out(three, 0, code, disposition),
            [*given(one.folder, two.folder), *inputs],
        )
    inputs = [word for name in two.inputs for word in ("--input", name)]
    yield case("chips left out that the history has", two, lambda: two.files, [*given(one.folder), *inputs], ACCEPT)


def heads(bench, case, given):
    """The digest of the statement sealed last, kept elsewhere."""
    one, two, three, four = bench.history
    if b"--head" not in one.house.run("verify", "--help").stdout:
        return
    last = bench.rich  # the fifth of that ledger
    digest = lambda batch: der.sha256(batch.files["manifest.json"]).hex()
    others = given(one.folder, two.folder, three.folder, four.folder)
    yield case("the head", last, lambda: last.files, [*others, "--head", digest(last)], ACCEPT)
    yield case(
        "the head, asked with an earlier batch",
        two,
        lambda: two.files,
        [*given(one.folder, three.folder, four.folder, last.folder), "--head", digest(last)],
        ACCEPT,
    )
    earlier = given(one.folder, two.folder, three.folder)
    yield case(
        "the head is not given: the ledger was put back", four, lambda: four.files, [*earlier, "--head", digest(last)]
    )
    for name, value in {
        "an earlier statement": digest(four),
        "the first": digest(one),
        "another digest": OTHER,
        "upper case": digest(last).upper(),
        "cut": digest(last)[:-2],
        "empty": "",
    }.items():
        expect = "alike" if name == "upper case" else REFUSE
        yield case(f"the head: {name}", last, lambda: last.files, [*others, "--head", value], expect)
    yield case("the head, without a history", last, lambda: last.files, ["--head", digest(last)], "alike")
    yield case("another head, without a history", last, lambda: last.files, ["--head", digest(two)])


def names(bench, case, given):
    """Two batches of one name."""

    def renamed(number, forge, name=json.loads(bench.history[1].files["manifest.json"])["batch"]):
        if number == 2:
            forge.s["batch"] = name
            for at, chip in enumerate(forge.chips):
                serial = derived_serial(forge.s, forge.issuer().spki, chip.source, 0)
                forge.reissue(at, serial=element(2, serial))

    made, files = relinked(bench, "name", bench.history, renamed)
    yield case("two batches of one name", bench.history[3], lambda: files[3], given(*made[:3]), "alike")
