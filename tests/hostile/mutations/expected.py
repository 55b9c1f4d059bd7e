"""The list of expected chips: who is missing, and who is not on it."""

import json
from mutations import keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.findings import inputs_of
from mutations.forge import Forge, spelled


def cases(bench):
    yield from missing(bench)
    yield from surplus(bench)


def missing(bench):
    """The expected list (version 2 says which chips are missing)."""
    batch = bench.expected
    if b"reroot-manifest/1" in batch.files["manifest.json"]:
        return
    lines = batch.files["missing.jsonl"].splitlines(True)
    assert len(lines) == 2
    present = Forge(batch).chips[0].get()["uid"]
    line = lambda uid: spelled({"chip": uid}) + b"\n"
    expect = ["--expect", batch.expect]
    yield Case("missing chips", "honest, with the list", batch, lambda: batch.files, ACCEPT, options=expect)
    for name, text, alone in [
        ("one less", lines[0], ACCEPT),
        ("none", b"", ACCEPT),
        ("one more", b"".join(lines) + line("0209FF0000007E57000139"), ACCEPT),
        ("another one", line("0209FF0000007E57000139") + lines[1], ALIKE),
        ("one that is there", b"".join(sorted([*lines, line(present)])), REFUSE),
        ("one twice", lines[0] + b"".join(lines), REFUSE),
        ("another order", lines[1] + lines[0], REFUSE),
        ("one that is there, by its unique number", b"".join(sorted([*lines, line(present[:18])])), REFUSE),
        ("lower case", b"".join(lines).lower(), REFUSE),
        ("a space", lines[0].replace(b":", b": ") + lines[1], REFUSE),
        ("another key", lines[0].replace(b"chip", b"uid") + lines[1], REFUSE),
        ("a key more", lines[0].replace(b"}", b',"x":1}') + lines[1], REFUSE),
        ("no line feed", b"".join(lines)[:-1], REFUSE),
        ("an empty line", b"".join(lines) + b"\n", REFUSE),
        ("not hexadecimal", lines[0] + line("0209FFFFFFFFFFFFFFFFZZ"), REFUSE),
        ("null", lines[0] + b'{"chip":null}\n', REFUSE),
        ("no chip", line("") + b"".join(lines), REFUSE),
        ("not an object", lines[0] + b"[]\n", REFUSE),
        ("3 bytes", line("020900") + b"".join(lines), REFUSE),
    ]:

        def made(text=text):
            forge = Forge(batch)
            forge.raw["missing.jsonl"] = text
            return forge.done()

        yield Case("missing chips" if alone != ACCEPT else "free: missing chips", name, batch, made, alone)
        yield Case("missing chips", name + ", with the list", batch, made, options=expect)
    yield Case(
        "missing chips",
        "the file is not there",
        batch,
        lambda: {name: text for name, text in batch.files.items() if name != "missing.jsonl"},
    )
    listed = lambda s: s["files"].append({"name": "missing.jsonl", "sha256": s["expected"]["missing"]["sha256"]}) or s[
        "files"
    ].sort(key=lambda one: one["name"])
    yield Case("missing chips", "named among the files too", batch, lambda: Forge(batch).done(listed))
    stray = lambda: {**Forge(bench.main).done(), "missing.jsonl": b"".join(lines)}
    yield Case("missing chips", "a file that nobody names", bench.main, stray)

    def named():
        forge = Forge(bench.main)
        forge.files["missing.jsonl"] = b"".join(lines)
        return forge.done()

    yield Case("missing chips", "among the files where nothing is expected", bench.main, named)
    yield Case(
        "missing chips",
        "expected is null, the file lies there",
        batch,
        lambda: Forge(batch).done(lambda s: s.update(expected=None)),
    )
    for name, change in {
        "count": lambda s: s["expected"].update(count=s["expected"]["count"] + 1),
        "digest": lambda s: s["expected"].update(sha256="ab" * 32),
    }.items():
        yield Case(
            "missing chips",
            f"another {name} of the list, with the list",
            batch,
            lambda change=change: Forge(batch).done(change),
            options=expect,
        )
    other = batch.house.write(
        "other-uids.txt", "\n".join([keys.Source.uid(index).hex().upper() for index in (1, 2, 3)]) + "\n"
    )
    yield Case("missing chips", "another list is given", batch, lambda: batch.files, options=["--expect", other])
    yield Case(
        "missing chips",
        "a list is given where nothing was expected",
        bench.main,
        lambda: bench.main.files,
        options=["--expect", other],
    )


def surplus(bench):
    """Chips that are on the list, or not, and are said to be the other."""
    batch = bench.expected
    expect, inputs = ["--expect", batch.expect], inputs_of(batch)
    s = json.loads(batch.files["manifest.json"])
    found = [one["code"] for one in Forge(batch).findings]
    assert found.count("verify.expect.surplus") == 2

    def left_out_as(code, disposition):
        forge = Forge(batch)
        line = forge.chips.pop(1).get()
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
        if "missing" in s["expected"]:
            forge.s["expected"]["surplus"] += 1
        return forge.done()

    for code, disposition in (("verify.expect.surplus", "ignored"), ("verify.expect.unexpected", "rejected")):
        made = lambda code=code, disposition=disposition: left_out_as(code, disposition)
        name = f"a chip of the list left out as {code}"
        # without the list it is the signer's word
        yield Case("free: findings", name, batch, made, ACCEPT, options=inputs, says=code)
        yield Case("missing chips", name + ", with the list", batch, made, options=[*inputs, *expect])
        yield Case("missing chips", name + ", with the list alone", batch, made, options=expect)
    if "missing" not in s["expected"]:
        return
    for number in (0, 1, 3):
        last = lambda s, number=number: s["expected"].update(surplus=number)
        yield Case("missing chips", f"surplus {number}", batch, lambda last=last: Forge(batch).done(last))

    def uncounted():
        forge = Forge(batch)
        forge.findings = [one for one in forge.findings if one["code"] != "verify.expect.surplus"]
        return forge.done(lambda s: s["expected"].update(surplus=0))

    yield Case("missing chips", "surplus left away altogether", batch, uncounted, options=inputs)
