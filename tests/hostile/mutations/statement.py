"""The statement: each key misspelled, each value at its limits; with the old seal, and sealed again by the insider."""

import json
from mutations import der
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.forge import Forge
from mutations.text import misspelled, tree, written

U64, U32 = (1 << 64) - 1, (1 << 32) - 1
OTHER = "ab" * 32


def with_bytes(batch, change):
    """The batch with another statement under the old seal."""
    return {**batch.files, "manifest.json": change(batch.files["manifest.json"])}


def free(where, how):
    """Texts that the page leaves to the signer: any character may stand in them."""
    return where in ("tool", "bulk_id") and how in ("NUL", "space", "line feed")


def set_at(s, path, value):
    *above, last = path.split(".")
    for key in above:
        s = s[int(key) if isinstance(s, list) else key]
    s[int(last) if isinstance(s, list) else last] = value


VALUES = [  # key, value, what both verifiers do
    ("batch", "01968d2e-7b00-4cc3-98c4-dc0c0c07398f", REFUSE),
    ("batch", "01968D2E-7B00-7CC3-98C4-DC0C0C07398F", REFUSE),
    ("batch", "01968d2e7b007cc398c4dc0c0c07398f", REFUSE),
    ("batch", "01968d2e-7b00-7cc3-c8c4-dc0c0c07398f", REFUSE),
    ("batch", "01968d2e-7b00-7cc3-18c4-dc0c0c07398f", REFUSE),
    ("batch", "{01968d2e-7b00-7cc3-98c4-dc0c0c07398f}", REFUSE),
    ("batch", "01968d2e-7b00-7cc3-e8c4-dc0c0c07398f", REFUSE),
    ("batch", "", REFUSE),
    ("issued_at", "2026-13-01T00:00:00Z", REFUSE),
    ("issued_at", "2026-02-30T00:00:00Z", REFUSE),
    ("issued_at", "2026-06-01T24:00:00Z", REFUSE),
    ("issued_at", "2026-06-01T23:59:60Z", REFUSE),
    ("issued_at", "2026-06-01T12:00:00z", REFUSE),
    ("issued_at", "2026-06-01 12:00:00Z", REFUSE),
    ("issued_at", "2026-06-01T12:00:00+00:00", REFUSE),
    ("issued_at", "2026-06-01T12:00:00.0Z", REFUSE),
    ("issued_at", "0000-01-01T00:00:00Z", REFUSE),
    ("issued_at", "1969-12-31T23:59:59Z", REFUSE),
    ("issued_at", "2026-06-01T12:00Z", REFUSE),
    ("issued_at", "20260601T120000Z", REFUSE),
    ("created", "1999-06-01T00:00:00Z", REFUSE),
    ("created", "9999-12-31T23:59:59Z", REFUSE),
    ("created", "2051-01-01T00:00:00Z", REFUSE),
    ("encoder", 0, REFUSE),
    ("encoder", 3, REFUSE),
    ("encoder", U32, REFUSE),
    ("encoder", 1 << 32, REFUSE),
    ("inputs.file", "input.jsonl", REFUSE),
    ("inputs.sha256", OTHER, REFUSE),
    ("inputs.sha256", OTHER.upper(), REFUSE),
    ("inputs.sha256", OTHER[:-2], REFUSE),
    ("inputs.count", 0, REFUSE),
    ("inputs.count", 2, REFUSE),
    ("inputs.count", U64, REFUSE),
    ("anchors", [], REFUSE),
    ("anchors.0.subject", "CN=ST", REFUSE),
    ("anchors.0.spki_sha256", OTHER, REFUSE),
    ("anchors.0.sha256", OTHER, REFUSE),
    ("relaxations", [], REFUSE),
    ("relaxations", ["expired-leaf", "test-anchor"], REFUSE),
    ("relaxations", ["test-anchor", "test-anchor"], REFUSE),
    ("relaxations", ["test-anchor", "expired-leaf"], REFUSE),
    ("relaxations", ["everything", "test-anchor"], REFUSE),
    ("relaxations", ["Test-Anchor"], REFUSE),
    ("policy.name", "other", REFUSE),
    ("policy.name", "", REFUSE),
    ("policy.version", 0, REFUSE),
    ("policy.version", 2, REFUSE),
    ("policy.version", U32, REFUSE),
    ("policy.sha256", OTHER, REFUSE),
    ("params", {}, REFUSE),
    ("params", {"lot": "B2"}, REFUSE),
    ("params", {"lot": "a1"}, REFUSE),
    ("params", {"lot": "A1\n"}, REFUSE),
    ("params", {"lot": "A1", "lots": "A1"}, REFUSE),
    ("params", {"loT": "A1"}, REFUSE),
    ("params", {"lot": ""}, REFUSE),
    ("reissue", "other", REFUSE),
    ("reissue", "", REFUSE),
    ("reissue", None, REFUSE),
    ("reissue", "x" * 1001, REFUSE),
    ("issuer.mode", "air-gapped", ACCEPT),
    ("issuer.mode", "foreign", REFUSE),
    ("issuer.mode", "Local", REFUSE),
    ("issuer.mode", "remote", REFUSE),
    ("issuer.mode", "", REFUSE),
    ("issuer.subject", "CN=Another CA", REFUSE),
    ("issuer.subject", "", REFUSE),
    ("issuer.sha256", OTHER, REFUSE),
    ("issuer.spki_sha256", OTHER, REFUSE),
    ("serial_seed", None, REFUSE),
    ("serial_seed", "07" * 32, REFUSE),
    ("serial_seed", "07" * 31, REFUSE),
    ("serial_seed", "07" * 33, REFUSE),
    ("serial_seed", "AB" * 32, REFUSE),
    ("discarded_serials", ["41" * 16], REFUSE),
    ("discarded_serials", [""], REFUSE),
    ("discarded_serials", ["41" * 21], REFUSE),
    ("discarded_serials", ["4a" * 16], REFUSE),
    ("discarded_serials", ["4"], REFUSE),
    ("discarded_serials", ["00"], REFUSE),
    ("discarded_serials", ["0041"], REFUSE),
    ("discarded_serials", ["80"], REFUSE),
    ("counts.items", 0, REFUSE),
    ("counts.items", U64, REFUSE),
    ("counts.issued", 0, REFUSE),
    ("counts.issued", U64, REFUSE),
    ("counts.rejected", 9, REFUSE),
    ("counts.rejected", U64, REFUSE),
    ("counts.ignored", 9, REFUSE),
    ("counts.signatures_made", 0, REFUSE),
    ("counts.signatures_made", U64, ACCEPT),
    ("entries.file", "manifest.json", REFUSE),
    ("entries.sha256", OTHER, REFUSE),
    ("entries.root_hash", OTHER, REFUSE),
    ("entries.tree_size", 0, REFUSE),
    ("entries.tree_size", U64, REFUSE),
    ("rejected.file", "inputs.jsonl", REFUSE),
    ("rejected.sha256", OTHER, REFUSE),
    ("files", [], REFUSE),
    ("files.0.sha256", OTHER, REFUSE),
    ("files.0.name", "a", REFUSE),
    ("files.0.name", "../certificates.zip", REFUSE),
    ("files.0.name", ".certificates.zip", REFUSE),
    ("files.0.name", "-x", REFUSE),
    ("files.0.name", "manifest.json", REFUSE),
    ("files.0.name", "manifest.jsonl", REFUSE),
    ("files.0.name", "", REFUSE),
    ("files.0.name", "/etc/passwd", REFUSE),
    ("files.0.name", "CERTIFICATES.ZIP", REFUSE),
    ("previous.batch", "01968d2e-7b00-4cc3-98c4-dc0c0c07398f", REFUSE),
    ("previous.batch", "", REFUSE),
    ("previous.statement_sha256", OTHER.upper(), REFUSE),
    ("previous.statement_sha256", "", REFUSE),
    ("proof_of_possession", "complete", REFUSE),
    ("proof_of_possession", "", REFUSE),
    ("proof_of_possession", "None", REFUSE),
    ("expected.sha256", OTHER.upper(), REFUSE),
    ("expected.count", -1, REFUSE),
    ("expected.count", 1 << 64, REFUSE),
    ("expected", {}, REFUSE),
]
VALUES_2 = [
    ("family", "stsafe-l", REFUSE),
    ("family", "generic", REFUSE),
    ("family", "STSAFE-A", REFUSE),
    ("family", "", REFUSE),
    ("family", None, REFUSE),
    ("family", "stsafe-b", REFUSE),
    ("beacon", OTHER, REFUSE),
    ("beacon", "00" * 32, ALIKE),
    ("beacon", "ab" * 31, REFUSE),
    ("beacon", OTHER.upper(), REFUSE),
    ("beacon", "", REFUSE),
    ("expected.missing.file", "other.jsonl", REFUSE),
    ("expected.missing.sha256", OTHER, REFUSE),
    ("expected.missing.count", 0, REFUSE),
    ("expected.missing.count", 99, REFUSE),
    ("expected.surplus", 0, REFUSE),
    ("expected.surplus", 99, REFUSE),
    ("expected.surplus", U64, REFUSE),
    ("expected.missing", None, REFUSE),
    ("expected", None, REFUSE),
    ("seals", None, REFUSE),
    ("seals", ["b", "a"], REFUSE),
    ("seals", ["a", "a"], REFUSE),
    ("seals", ["A"], REFUSE),
    ("seals", [""], REFUSE),
    ("seals", ["x" * 41], REFUSE),
    ("seals", ["a.b"], REFUSE),
    ("seals", ["a_b"], REFUSE),
    ("seals", [7], REFUSE),
    ("seals", ["ml-dsa-65"], ACCEPT),
    ("seals", ["a", "b-2", "x" * 40], ACCEPT),
]
FREE = [
    ("tool", "other 9.9"),
    ("bulk_id", None),
    ("bulk_id", "ANOTHER"),
    ("previous", None),
    ("counts.signatures_made", 99),
    ("tool", 'a"\\\u00e9\U0001f600\n'),
    ("previous", {"batch": "01968d2e-7b00-7cc3-98c4-dc0c0c07398f", "statement_sha256": OTHER}),
    ("expected.sha256", OTHER),
    ("bulk_id", 'caf\u00e9 \\ " /'),
]


def resealed(batch, key, value, **how):
    def last(s):
        set_at(s, key, value(s) if callable(value) else value)

    return Forge(batch).done(last, **how)


def cases(bench):
    batch = bench.rich
    s = json.loads(batch.files["manifest.json"])
    assert written(tree(s), 2).encode() + b"\n" == batch.files["manifest.json"]
    version = int(s["format"][-1])
    values = VALUES + (VALUES_2 if version >= 2 else [])
    for number, (key, value, expect) in enumerate(values):
        case = f"{key} = {json.dumps(value)[:60]} ({number})"
        yield Case(
            "statement, values, old seal",
            case,
            batch,
            lambda key=key, value=value: with_bytes(batch, lambda _: changed(s, key, value)),
        )
        sealed = Case(
            "statement, values, sealed", case, batch, lambda key=key, value=value: resealed(batch, key, value), expect
        )
        # a verifier says what it could not check
        sealed.says = value[0] if key == "seals" and expect == ACCEPT else ""
        yield sealed
    named = (
        lambda where, how: free(where, how)
        or how == "null"
        and (where == "previous" or where == "expected" and version == 1)
    )
    for name, value in misspelled(tree(s), named):
        data = written(value, 2).encode() + b"\n"
        yield Case(
            "statement, spelling, sealed", name, batch, lambda data=data: Forge(batch).done(rewrite=lambda _: data)
        )
    for name, change in LAYOUTS:
        yield Case("statement, layout, sealed", name, batch, lambda change=change: Forge(batch).done(rewrite=change))
    for number, (key, value) in enumerate(FREE):
        yield Case(
            "free: statement",
            f"{key} = {json.dumps(value)[:60]} ({number})",
            batch,
            lambda key=key, value=value: resealed(batch, key, value),
            ACCEPT,
        )
    other = "01968d2e-7b00-7cc3-98c4-dc0c0c07398f"
    yield Case(
        "free: statement" if version == 1 else "statement, values, sealed",
        "batch = another UUIDv7",
        batch,
        lambda: resealed(batch, "batch", other),
        ACCEPT if version == 1 else REFUSE,
    )
    later = lambda s: der.rfc3339(der.later(der.utc(s["created"]), hours=1))
    yield Case("free: statement", "created an hour later", batch, lambda: resealed(batch, "created", later), ACCEPT)
    fixed = der.later(der.utc(s["created"]), hours=1)
    yield Case(
        "statement, values, sealed", "signingTime is not created", batch, lambda: Forge(batch).done(created=fixed)
    )
    yield Case(
        "statement, values, sealed",
        "created is not signingTime",
        batch,
        lambda: resealed(batch, "created", later, created=der.utc(s["created"])),
    )
    moved = lambda s: der.rfc3339(der.later(der.utc(s["issued_at"]), hours=-1))
    yield Case(
        "statement, values, sealed", "issued_at an hour before", batch, lambda: resealed(batch, "issued_at", moved)
    )
    yield Case(
        "statement, values, sealed",
        "previous is the batch itself",
        batch,
        lambda: resealed(batch, "previous", lambda s: {"batch": s["batch"], "statement_sha256": OTHER}),
    )
    for n in (0, 1, 2):
        yield Case(
            "statement, values, sealed",
            f"file {n} not listed",
            batch,
            lambda n=n: resealed(batch, "files", lambda s: s["files"][:n] + s["files"][n + 1 :]),
        )
    yield Case(
        "statement, values, sealed",
        "files in another order",
        batch,
        lambda: resealed(batch, "files", lambda s: s["files"][::-1]),
    )
    yield Case(
        "statement, values, sealed",
        "a file listed twice",
        batch,
        lambda: resealed(batch, "files", lambda s: [s["files"][0], *s["files"]]),
    )
    for key in ("counts.items", "counts.issued", "counts.rejected", "counts.ignored", "entries.tree_size"):
        for by in (1, -1):
            value = lambda s, key=key, by=by: s[key.split(".")[0]][key.split(".")[1]] + by
            yield Case(
                "statement, values, sealed",
                f"{key} {by:+}",
                batch,
                lambda key=key, value=value: resealed(batch, key, value),
            )
    yield Case(
        "statement, values, sealed",
        "one signature less than certificates",
        batch,
        lambda: resealed(batch, "counts.signatures_made", lambda s: s["counts"]["issued"] - 1),
    )
    yield Case(
        "statement, values, sealed", "both rejected and items more", batch, lambda: Forge(batch).done(more_rejected)
    )
    yield from discarded(bench)


def more_rejected(s):
    s["counts"]["rejected"] += 1
    s["counts"]["items"] += 1


def discarded(bench):
    batch = bench.main
    forged = lambda: Forge(batch).attempt(1, 2).attempt(3, 1)
    yield Case("free: statement", "serial numbers that were given up", batch, lambda: forged().done(), ACCEPT)
    for name, change in {
        "one less": lambda some: some[1:],
        "the last less": lambda some: some[:-1],
        "another order": lambda some: some[::-1],
        "one twice": lambda some: [some[0], *some],
        "none": lambda some: [],
        "one more": lambda some: [*some, "41" * 16],
        "another one": lambda some: ["41" * 16, *some[1:]],
        "lower case": lambda some: [one.lower() for one in some],
        "zeros before": lambda some: ["00" + one for one in some],
    }.items():

        def last(s, change=change):
            s["discarded_serials"] = change(s["discarded_serials"])
            s["counts"]["signatures_made"] = s["counts"]["issued"] + len(s["discarded_serials"])

        yield Case("statement, discarded serials", name, batch, lambda last=last: forged().done(last))
    few = lambda s: s["counts"].update(signatures_made=s["counts"]["issued"])
    yield Case("statement, discarded serials", "not counted as signatures", batch, lambda: forged().done(few))

    def skipped():
        forge = Forge(batch).attempt(1, 2)
        forge.chips[1].set(attempt=1)
        return forge.done()

    yield Case("statement, discarded serials", "another attempt than the serial number's", batch, skipped)
    for number in ((1 << 32) - 1, 1 << 32):
        yield Case(
            "statement, discarded serials", f"attempt {number}", batch, lambda number=number: huge(batch, number)
        )


def huge(batch, number):
    forge = Forge(batch)
    forge.chips[1].set(attempt=number)
    return forge.done()


def changed(s, key, value):
    from mutations.forge import spelled

    s = json.loads(json.dumps(s))
    set_at(s, key, value)
    return spelled(s, 2)


LAYOUTS = [
    ("no line feed at the end", lambda text: text[:-1]),
    ("two line feeds at the end", lambda text: text + b"\n"),
    ("CRLF", lambda text: text.replace(b"\n", b"\r\n")),
    ("tabs", lambda text: text.replace(b"  ", b"\t")),
    ("one line", lambda text: text.replace(b"\n", b"").replace(b"  ", b"") + b"\n"),
    ("a byte order mark", lambda text: b"\xef\xbb\xbf" + text),
    ("a space at the begin", lambda text: b" " + text),
    ("a comment", lambda text: text.replace(b"{", b"{ // x", 1)),
    ("a space before a colon", lambda text: text.replace(b'": ', b'" : ', 1)),
    ("two spaces after a colon", lambda text: text.replace(b'": ', b'":  ', 1)),
    ("a space at the end of a line", lambda text: text.replace(b",\n", b", \n", 1)),
    ("an empty list with a space", lambda text: text.replace(b"[]", b"[ ]", 1)),
    ("UTF-16", lambda text: text.decode().encode("utf-16")),
    ("a list around it", lambda text: b"[" + text[:-1] + b"]\n"),
    ("empty", lambda text: b""),
    ("null", lambda text: b"null\n"),
    ("cut in the middle", lambda text: text[: len(text) // 2]),
    ("twice", lambda text: text + text),
    ("more than 16 MiB", lambda text: text + b" " * (16 << 20)),
    ("NUL at the end", lambda text: text + b"\0"),
    ("a comma after the last key", lambda text: text[:-3] + b",\n}\n"),
    ("upper-case escapes", lambda text: text.replace(b"\\u00e9", b"\\u00E9")),
    ("a short escape", lambda text: text.replace(b"\\u000a", b"\\n")),
    ("an escaped slash", lambda text: text.replace(b"reroot-manifest/", b"reroot-manifest\\/", 1)),
]
