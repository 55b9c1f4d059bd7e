"""The lines: each key misspelled, each value at its limits, lines and chips in other places; tree and digests computed
again, sealed again."""

import json
from mutations.campaign import ACCEPT, REFUSE, Case
from mutations.forge import Forge
from mutations.text import misspelled, tree, written

OTHER = "ab" * 32
VALUES = [
    ("uid", "0209FF0000007E57000139", REFUSE),
    ("uid", "", REFUSE),
    ("uid", "0209", REFUSE),
    ("uid", "00" * 21, REFUSE),
    ("uid", "ZZ", REFUSE),
    ("st_number", None, REFUSE),
    ("st_number", "", REFUSE),
    ("st_number", "FF0000007E57000139", REFUSE),
    ("source_sha256", OTHER, REFUSE),
    ("spki_sha256", OTHER, REFUSE),
    ("serial", "4B" * 16, REFUSE),
    ("serial", "", REFUSE),
    ("serial", "00", REFUSE),
    ("serial", "80", REFUSE),
    ("serial", "41" * 21, REFUSE),
    ("attempt", 1, REFUSE),
    ("attempt", (1 << 32) - 1, REFUSE),
    ("attempt", 1 << 32, REFUSE),
    ("attempt", (1 << 64) - 1, REFUSE),
    ("sha256", OTHER, REFUSE),
    ("sha1", "ab" * 20, REFUSE),
    ("sha1", "ab" * 32, REFUSE),
    ("not_before", "2020-01-01T00:00:00Z", REFUSE),
    ("not_before", "2026-02-30T00:00:00Z", REFUSE),
    ("not_after", "9999-12-31T23:59:59Z", REFUSE),
    ("not_after", "10000-01-01T00:00:00Z", REFUSE),
    ("bytes", 0, REFUSE),
    ("bytes", 1, REFUSE),
    ("bytes", (1 << 64) - 1, REFUSE),
    ("anchor", 1, REFUSE),
    ("anchor", (1 << 32) - 1, REFUSE),
    ("anchor", 1 << 32, REFUSE),
    ("relax", [], REFUSE),
    ("relax", ["expired-leaf", "test-anchor"], REFUSE),
    ("relax", ["test-anchor", "test-anchor"], REFUSE),
    ("relax", ["test-anchor", "trailing-padding"], REFUSE),
    ("relax", ["test-anchor", "everything"], REFUSE),
    ("relax", ["TEST-ANCHOR"], REFUSE),
    ("reissue", "lost", REFUSE),
    ("reissue", "", REFUSE),
    ("source_item", "", REFUSE),
    ("source_item", "caf\u00e9", REFUSE),
    ("source_item", "a\nb", REFUSE),
    ("source_item", "a\x7fb", REFUSE),
]
VALUES_2 = [
    ("object", "id", REFUSE),
    ("object", "", REFUSE),
    ("object", 0, REFUSE),
    ("object", [], REFUSE),
    ("label", "SN 1", REFUSE),
    ("label", "", REFUSE),
    ("label", {}, REFUSE),
    ("evidence", "X509", REFUSE),
    ("evidence", "", REFUSE),
    ("evidence", None, REFUSE),
    ("evidence", "x509-2", REFUSE),
    ("evidence", "word", REFUSE),
    ("evidence", ["x509"], REFUSE),
]
FREE = [("source_item", "other.zip!x.der"), ("source_item", " "), ("source_item", '"\\'), ("source_item", "~" * 500)]


def resealed(batch, change):
    forge = Forge(batch)
    change(forge)
    return forge.done()


def cases(bench):
    batch = bench.main
    version = json.loads(batch.files["manifest.json"])["format"][-1]
    for number, (key, value, expect) in enumerate(VALUES + (VALUES_2 if version == "2" else [])):
        case = f"{key} = {json.dumps(value)[:60]} ({number})"
        yield Case(
            "lines, values",
            case,
            batch,
            lambda key=key, value=value: resealed(batch, lambda f: f.chips[1].set(**{key: value})),
            expect,
        )
    for number, (key, value) in enumerate(FREE):
        yield Case(
            "free: lines",
            f"{key} = {json.dumps(value)[:60]} ({number})",
            batch,
            lambda key=key, value=value: resealed(batch, lambda f: f.chips[1].set(**{key: value})),
            ACCEPT,
        )
    free = lambda where, how: where == "source_item" and how == "space"
    for base, kind in ((batch, "local"), (bench.foreign, "foreign")):
        line = json.loads(base.files["manifest.jsonl"].split(b"\n")[1])
        assert written(tree(line)).encode() == base.files["manifest.jsonl"].split(b"\n")[1]
        for name, value in misspelled(tree(line), free):
            if kind == "local" or name.startswith("differs"):
                yield Case(
                    "lines, spelling",
                    f"{kind}: {name}",
                    base,
                    lambda base=base, value=value: resealed(
                        base, lambda f: setattr(f.chips[1], "line", written(value).encode())
                    ),
                )
    for name, change in LAYOUTS:
        yield Case(
            "lines, layout",
            name,
            batch,
            lambda change=change: resealed(batch, lambda f: setattr(f.chips[1], "line", change(f.chips[1].line))),
        )
    for name, change in FILES:
        yield Case("lines, layout", name, batch, lambda change=change: raw(batch, "manifest.jsonl", change))
    for name, change in PLACES:
        yield Case("lines, places", name, batch, lambda change=change: resealed(batch, change))
    yield Case(
        "lines, places",
        "no lines at all, chips in the archives",
        batch,
        lambda: raw(batch, "manifest.jsonl", lambda text: b""),
    )
    yield Case(
        "free: lines",
        "one chip left out, its item too",
        batch,
        lambda: resealed(batch, lambda f: f.chips.pop(2)),
        ACCEPT,
    )
    yield Case("free: lines", "every chip left out", batch, lambda: resealed(batch, lambda f: f.chips.clear()), ACCEPT)
    yield from foreign(bench)
    yield from families(bench)


def raw(batch, name, change):
    forge = Forge(batch)
    forge.write_files()
    forge.raw[name] = change(forge.files[name])
    forge.counted = False
    return forge.done()


def foreign(bench):
    base = bench.foreign
    for number, (key, value) in enumerate(
        [
            ("differs", []),
            ("differs", ["not_before"]),
            ("differs", ["not_after", "not_before", "subject"]),
            ("differs", ["not_before", "not_after"]),
            ("differs", ["not_after", "not_after", "not_before"]),
            ("differs", ["serial"]),
            ("differs", None),
            ("attempt", 1),
            ("serial", "4B" * 16),
            ("reissue", "x"),
        ]
    ):
        yield Case(
            "lines, foreign",
            f"{key} = {value} ({number})",
            base,
            lambda key=key, value=value: resealed(base, lambda f: f.chips[1].set(**{key: value})),
        )

    def without(f):
        line = f.chips[1].get()
        line.pop("differs")
        f.chips[1].put(line)

    def with_one(f):
        f.chips[1].put({**f.chips[1].get(), "differs": []})

    yield Case("lines, foreign", "without differs", base, lambda: resealed(base, without))
    yield Case("lines, foreign", "differs where the mode is local", bench.main, lambda: resealed(bench.main, with_one))
    for mode in ("local", "air-gapped"):

        def last(s, mode=mode):
            s["issuer"]["mode"], s["serial_seed"] = mode, "07" * 32

        yield Case("lines, foreign", f"called {mode}", base, lambda last=last: Forge(base).done(last))

    def turned(s):
        s["issuer"]["mode"], s["serial_seed"] = "foreign", None

    def called(f):
        for chip in f.chips:
            chip.put({**chip.get(), "differs": []})

    def foreigner(batch):
        forge = Forge(batch)
        called(forge)
        return forge.done(turned)

    # the policy has no [foreign], one of the others has full-width signatures, one copies serial numbers: plan refuses
    # the last two for another CA (a policy without [foreign] lets nothing differ)
    yield Case(
        "lines, foreign", "a full-width batch called foreign", bench.full_width, lambda: foreigner(bench.full_width)
    )
    yield Case(
        "lines, foreign",
        "a batch of copied serial numbers called foreign",
        bench.copied,
        lambda: foreigner(bench.copied),
    )


def families(bench):
    for base, kind in (
        (bench.stsafe_l, "stsafe-l"),
        (bench.generic, "generic"),
        (bench.generic_a, "generic over STSAFE-A"),
    ):
        uid = json.loads(base.files["manifest.jsonl"].split(b"\n")[0])["uid"]
        for value in ("", uid[4:], uid, None if kind == "generic over STSAFE-A" else "B0846159E439010139"):
            line = json.loads(base.files["manifest.jsonl"].split(b"\n")[0])
            if line["st_number"] != value:
                yield Case(
                    "lines, values",
                    f"{kind}: st_number = {value}",
                    base,
                    lambda base=base, value=value: resealed(base, lambda f: f.chips[0].set(st_number=value)),
                )


LAYOUTS = [
    ("a space after a comma", lambda line: line.replace(b",", b", ", 1)),
    ("a space after a colon", lambda line: line.replace(b":", b": ", 1)),
    ("a space before", lambda line: b" " + line),
    ("a space after", lambda line: line + b" "),
    ("a carriage return after", lambda line: line + b"\r"),
    ("a tab", lambda line: line.replace(b",", b",\t", 1)),
    ("a list around", lambda line: b"[" + line + b"]"),
    ("NUL after", lambda line: line + b"\0"),
    ("two objects", lambda line: line + line),
    ("empty", lambda line: b""),
    ("null", lambda line: b"null"),
    ("cut off", lambda line: line[:-1]),
    ("another brace", lambda line: line + b"}"),
    ("too long", lambda line: line.replace(b'"source_item":"', b'"source_item":"' + b"x" * 66000)),
    ("upper-case digests", lambda line: line.replace(b'"sha1":"', b'"sha1":"A')),
    ("a comma at the end", lambda line: line[:-1] + b",}"),
]
FILES = [
    ("no line feed at the end", lambda text: text[:-1]),
    ("an empty line at the end", lambda text: text + b"\n"),
    ("an empty line first", lambda text: b"\n" + text),
    ("CRLF", lambda text: text.replace(b"\n", b"\r\n")),
    ("a byte order mark", lambda text: b"\xef\xbb\xbf" + text),
    ("the last line twice", lambda text: text + text.split(b"\n")[-2] + b"\n"),
    ("one line less", lambda text: b"".join(text.splitlines(True)[1:])),
    ("the last line less", lambda text: b"".join(text.splitlines(True)[:-1])),
    ("lines in reverse", lambda text: b"".join(text.splitlines(True)[::-1])),
    ("two lines exchanged", lambda text: b"".join(swapped(text.splitlines(True), 0, 1))),
]


def swapped(some, one, two):
    some[one], some[two] = some[two], some[one]
    return some


def exchange(*what):
    def change(f):
        a, b = f.chips[1], f.chips[2]
        for key in what:
            one, two = getattr(a, key), getattr(b, key)
            setattr(a, key, two)
            setattr(b, key, one)

    return change


def fits(f):
    """The digests of the lines are those of what stands in the archives now."""
    for chip in f.chips:
        chip.recertify(chip.certificate)
        chip.resource(chip.source)


def after(*changes):
    def change(f):
        for one in changes:
            one(f)

    return change


def renamed(f):
    f.chips[1].set(uid=f.chips[2].get()["uid"], st_number=f.chips[2].get()["st_number"])
    f.chips[1].name = f.chips[2].name
    f.chips.pop(2)


def sources_of(at):
    def change(f):
        f.chips[1].resource(f.chips[at].source)

    return change


PLACES = [
    ("two chips exchanged", lambda f: swapped(f.chips, 1, 2)),
    ("two lines exchanged", exchange("line")),
    ("two certificates exchanged", exchange("certificate")),
    ("two sources exchanged", exchange("source")),
    ("two names exchanged", exchange("name")),
    ("two certificates exchanged, fitted", after(exchange("certificate"), fits)),
    ("two sources exchanged, fitted", after(exchange("source"), fits)),
    ("both exchanged, fitted", after(exchange("certificate", "source"), fits)),
    ("names and lines exchanged", exchange("name", "line")),
    ("certificates and sources exchanged", exchange("certificate", "source")),
    ("a chip twice", lambda f: f.chips.insert(1, f.copy_chip(1))),
    ("a chip twice, not beside", lambda f: f.chips.append(f.copy_chip(1))),
    ("a chip under another's UID", renamed),
    ("another chip's source", sources_of(2)),
    ("reversed", lambda f: f.chips.reverse()),
    ("the first chip last", lambda f: f.chips.append(f.chips.pop(0))),
    ("a lower-case name", lambda f: setattr(f.chips[1], "name", f.chips[1].name.lower())),
    ("a name with a path", lambda f: setattr(f.chips[1], "name", "x/" + f.chips[1].name)),
    ("a name with zeros", lambda f: setattr(f.chips[1], "name", "00" + f.chips[1].name)),
    ("an empty name", lambda f: setattr(f.chips[1], "name", "")),
]
