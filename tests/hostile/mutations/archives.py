"""Archives: every field of every header bent, entries in other orders, too many or too few, numbered parts.

Digests and seal fit.
"""

import json
from mutations import der
from mutations.campaign import ACCEPT, ALIKE, Case
from mutations.files import PEMS, raw
from mutations.forge import archive, entries, number


def bend(**changes):
    """Changes a field of one header: `local`, `central` of entry n, or `end`."""
    seen = {"local": 0, "central": 0, "end": 0}

    def change(where, fields):
        for key, value in changes.items():
            place, field = key.split("_", 1)
            if place == where and (where == "end" or seen[where] == 1):
                fields[field] = value(fields[field]) if callable(value) else value
        seen[where] += 1

    return change


ZIP64 = number(2, 1, 8) + number(8, 0)
HEADERS = {
    "version needed 20": dict(local_need=20, central_need=20),
    "version needed 45": dict(local_need=45, central_need=45),
    "version needed of the directory": dict(central_need=20),
    "flags: UTF-8": dict(local_flags=0x800, central_flags=0x800),
    "flags: a data descriptor": dict(local_flags=8, central_flags=8),
    "flags: encrypted": dict(local_flags=1, central_flags=1),
    "flags of the directory": dict(central_flags=0x800),
    "method 8": dict(local_method=8, central_method=8),
    "method of the directory": dict(central_method=8),
    "another time": dict(local_stamp=b"\0\0\x21\0", central_stamp=b"\0\0\x21\0"),
    "another time in the directory": dict(central_stamp=b"\0\0\x21\0"),
    "CRC wrong": dict(local_crc=7, central_crc=7),
    "CRC of the directory wrong": dict(central_crc=7),
    "CRC zero": dict(local_crc=0, central_crc=0),
    "size one more": dict(local_size=lambda n: n + 1, central_size=lambda n: n + 1),
    "packed size one more": dict(local_packed=lambda n: n + 1),
    "size of the directory": dict(central_size=lambda n: n + 1),
    "size FFFFFFFF": dict(local_size=0xFFFFFFFF, local_packed=0xFFFFFFFF),
    "another name in the directory": dict(central_name=lambda n: n[:-5] + b"0.der"),
    "another name in the header": dict(local_name=lambda n: n[:-5] + b"0.der"),
    "a lower-case name": dict(local_name=bytes.lower, central_name=bytes.lower),
    "a name with a path": dict(local_name=lambda n: b"./" + n, central_name=lambda n: b"./" + n),
    "a name with a directory": dict(local_name=lambda n: b"a/" + n, central_name=lambda n: b"a/" + n),
    "a name above": dict(local_name=lambda n: b"../" + n, central_name=lambda n: b"../" + n),
    "an absolute name": dict(local_name=lambda n: b"/" + n, central_name=lambda n: b"/" + n),
    "a name with NUL": dict(local_name=lambda n: n + b"\0", central_name=lambda n: n + b"\0"),
    "a name of another form": dict(local_name=lambda n: n[:-3] + b"cer", central_name=lambda n: n[:-3] + b"cer"),
    "a name in upper case": dict(local_name=bytes.upper, central_name=bytes.upper),
    "an empty name": dict(local_name=b"", central_name=b""),
    "a name of bytes FF": dict(local_name=b"\xff" + b"0.der", central_name=b"\xff" + b"0.der"),
    "an extra field": dict(local_extra=b"\1\0\0\0", central_extra=b"\1\0\0\0"),
    "an extra field in the header": dict(local_extra=b"UT\0\0"),
    "an extra field in the directory": dict(central_extra=b"UT\0\0"),
    "a ZIP64 field that is not needed": dict(central_extra=ZIP64, central_need=45),
    "a ZIP64 field in the header": dict(local_extra=ZIP64),
    "offset FFFFFFFF with a ZIP64 field": dict(
        central_offset=0xFFFFFFFF, central_extra=lambda _: b"\1\0\x08\0" + number(8, 500), central_need=45
    ),
    "a comment": dict(central_comment=b"x"),
    "another disk": dict(central_disk=1),
    "internal attributes": dict(central_internal=1),
    "external attributes": dict(central_external=0),
    "a directory's attributes": dict(central_external=0x41ED0010),
    "a link's attributes": dict(central_external=0xA1FF0000),
    "made by another": dict(central_made=0x0014),
    "made by 0314": dict(central_made=0x031E),
    "another offset": dict(central_offset=lambda n: n + 1),
    "offset zero": dict(central_offset=0),
    "bytes between the entries": dict(local_gap=b"\0\0"),
    "a data descriptor": dict(local_gap=b"PK\7\x08" + bytes(12)),
    "another content": dict(local_content=lambda c: c[:-1] + bytes([c[-1] ^ 1])),
    "the archive's comment": dict(end_comment=b"x"),
    "disk of the end": dict(end_disk=1),
    "first disk of the end": dict(end_first=1),
    "entries here one more": dict(end_here=lambda n: n + 1),
    "entries one more": dict(end_count=lambda n: n + 1),
    "entries one less": dict(end_count=lambda n: n - 1, end_here=lambda n: n - 1),
    "entries FFFF": dict(end_count=0xFFFF, end_here=0xFFFF),
    "size of the directory one more": dict(end_size=lambda n: n + 1),
    "offset of the directory one more": dict(end_offset=lambda n: n + 1),
    "offset of the directory FFFFFFFF": dict(end_offset=0xFFFFFFFF),
    "bytes before the directory": dict(end_before=b"\0"),
    "an entry less in the directory": dict(end_directory=lambda d: d[: len(d) // 5 * 4]),
    "the directory twice": dict(end_directory=lambda d: d + d),
    "no directory": dict(end_directory=b""),
    "ZIP64 records that are not needed": dict(
        end_zip64=b"PK\6\6"
        + number(8, 44)
        + number(2, 0x032D, 45)
        + bytes(8)
        + bytes(32)
        + b"PK\6\7"
        + number(4, 0)
        + number(8, 0)
        + number(4, 1)
    ),
    "a digital signature record": dict(end_zip64=b"PK\5\5\0\0"),
    "an archive extra record": dict(end_before=b"PK\6\x08\0\0\0\0"),
}


def swap(some, one, two):
    some = list(some)
    some[one], some[two] = some[two], some[one]
    return some


LISTS = {
    "two entries exchanged": lambda some: swap(some, 1, 2),
    "reversed": lambda some: some[::-1],
    "one less": lambda some: some[:-1],
    "the first less": lambda some: some[1:],
    "one twice": lambda some: [*some, some[-1]],
    "one twice beside itself": lambda some: [some[0], *some],
    "no entries": lambda some: [],
    "a text more": lambda some: [*some, ("README.txt", b"x")],
    "a text first": lambda some: [("README.txt", b"x"), *some],
    "a directory": lambda some: [("a/", b""), *some],
    "an empty entry": lambda some: [*some, (some[-1][0][:-5] + "A.der", b"")],
    "another chip more": lambda some: [*some, ("FF" * 11 + ".der", some[0][1])],
    "names exchanged": lambda some: [(some[1][0], some[0][1]), (some[0][0], some[1][1]), *some[2:]],
    "contents empty": lambda some: [(name, b"") for name, _ in some],
    "PEM beside": lambda some: [
        one for name, encoded in some for one in ((name, encoded), (name[:-3] + "pem", der.pem(encoded)))
    ],
    "PEM beside the first alone": lambda some: [some[0], (some[0][0][:-3] + "pem", der.pem(some[0][1])), *some[1:]],
    "PEM in place of the first": lambda some: [(some[0][0][:-3] + "pem", der.pem(some[0][1])), *some[1:]],
    "PEM in place of all": lambda some: [(name[:-3] + "pem", der.pem(encoded)) for name, encoded in some],
    "PEM before DER": lambda some: [
        one for name, encoded in some for one in ((name[:-3] + "pem", der.pem(encoded)), (name, encoded))
    ],
    "PEM under .der": lambda some: [(name, der.pem(encoded)) for name, encoded in some],
    "DER under .pem": lambda some: [(name[:-3] + "pem", encoded) for name, encoded in some],
    "PEM of another chip": lambda some: [
        one
        for n, (name, encoded) in enumerate(some)
        for one in ((name, encoded), (name[:-3] + "pem", der.pem(some[n - 1][1])))
    ],
    "an entry of 17 MiB": lambda some: [*some[:-1], (some[-1][0], some[-1][1] + bytes(17 << 20))],
}


def cases(bench):
    batch = bench.main
    at = der.utc(json.loads(batch.files["manifest.json"])["issued_at"])
    for file in ("certificates.zip", "sources.zip"):
        for name, changes in HEADERS.items():
            yield Case(
                "archives, headers",
                f"{file}: {name}",
                batch,
                lambda file=file, changes=changes: raw(
                    batch, **{file: archive(entries(batch.files[file]), at, bend(**changes))}
                ),
            )
        for name, change in LISTS.items():
            if not (file == "certificates.zip" and name in ("PEM beside", "PEM in place of all")):
                yield Case(
                    "archives, entries",
                    f"{file}: {name}",
                    batch,
                    lambda file=file, change=change: raw(
                        batch, **{file: archive(change(entries(batch.files[file])), at)}
                    ),
                )
        for name, change in {
            "a byte after": lambda z: z + b"\0",
            "a byte before": lambda z: b"\0" + z,
            "cut off": lambda z: z[:-1],
            "no end": lambda z: z[:-22],
            "empty": lambda z: b"",
            "twice": lambda z: z + z,
            "only the end": lambda z: z[-22:],
            "compressed by gzip": lambda z: b"\x1f\x8b" + z,
        }.items():
            yield Case(
                "archives, entries",
                f"{file}: {name}",
                batch,
                lambda file=file, change=change: raw(batch, **{file: change(batch.files[file])}),
            )
        wrong = der.later(at, seconds=4)
        yield Case(
            "archives, headers",
            f"{file}: the time of all entries",
            batch,
            lambda file=file: raw(batch, **{file: archive(entries(batch.files[file]), wrong)}),
        )
    for name in ("PEM beside", "PEM in place of all"):
        yield Case(
            "free: forms",
            name,
            batch,
            lambda name=name: raw(
                batch, **{"certificates.zip": archive(LISTS[name](entries(batch.files["certificates.zip"])), at)}
            ),
            ACCEPT,
        )
    both = bench.both_forms
    moment = der.utc(json.loads(both.files["manifest.json"])["issued_at"])
    for name, change in PEMS.items():

        def made(change=change):
            some = entries(both.files["certificates.zip"])
            some[1] = (some[1][0], change(some[1][1]))
            return raw(both, **{"certificates.zip": archive(some, moment)})

        yield Case("PEM in archives", name, both, made)
    for name, change in {
        "PEM away of one": lambda some: [some[0], *some[2:]],
        "DER away of one": lambda some: some[1:],
        "PEM before DER": lambda some: swap(some, 0, 1),
        "two PEM": lambda some: [some[0], some[1], some[1], *some[2:]],
        "all DER first": lambda some: some[::2] + some[1::2],
    }.items():
        yield Case(
            "archives, entries",
            f"both forms: {name}",
            both,
            lambda change=change: raw(
                both, **{"certificates.zip": archive(change(entries(both.files["certificates.zip"])), moment)}
            ),
        )
    yield from numbered(batch, at)


def numbered(batch, at):
    """Numbered parts: they continue each other, and nothing else is beside them."""
    halves = lambda name: [
        archive(some, at) for some in (entries(batch.files[name])[:2], entries(batch.files[name])[2:])
    ]
    one, two = halves("certificates.zip")
    three, four = halves("sources.zip")
    empty = archive([], at)
    c, s = "certificates", "sources"
    yes = {
        "certificates in two parts": {"certificates.zip": None, c + "-0001.zip": one, c + "-0002.zip": two},
        "sources in two parts": {"sources.zip": None, s + "-0001.zip": three, s + "-0002.zip": four},
        "both in two parts": {
            "certificates.zip": None,
            c + "-0001.zip": one,
            c + "-0002.zip": two,
            "sources.zip": None,
            s + "-0001.zip": three,
            s + "-0002.zip": four,
        },
        "one numbered part": {"certificates.zip": None, c + "-0001.zip": batch.files["certificates.zip"]},
    }
    for name, files in yes.items():
        yield Case("archives, parts", name, batch, lambda files=files: raw(batch, **files), ALIKE)
    no = {
        "the second part first": {"certificates.zip": None, c + "-0001.zip": two, c + "-0002.zip": one},
        "a gap": {"certificates.zip": None, c + "-0001.zip": one, c + "-0003.zip": two},
        "beginning with 0": {"certificates.zip": None, c + "-0000.zip": one, c + "-0001.zip": two},
        "beginning with 2": {"certificates.zip": None, c + "-0002.zip": one, c + "-0003.zip": two},
        "one digit": {"certificates.zip": None, c + "-1.zip": one, c + "-2.zip": two},
        "five digits": {"certificates.zip": None, c + "-00001.zip": one, c + "-00002.zip": two},
        "a part beside the whole": {c + "-0001.zip": one},
        "an empty part beside the whole": {c + "-0001.zip": empty},
        "a source part beside the whole": {s + "-0002.zip": four},
        "the whole beside parts": {c + "-0001.zip": one, c + "-0002.zip": two},
        "the first part alone": {"certificates.zip": None, c + "-0001.zip": one},
        "upper case": {"certificates.zip": None, "Certificates.zip": batch.files["certificates.zip"]},
        "an upper-case copy": {"CERTIFICATES.ZIP": batch.files["certificates.zip"]},
        "another name": {"certificates-old.zip": one},
        "a name that begins so": {"certificates2.zip": one},
        "a stray source archive": {"sources_1.zip": three},
        "a part twice": {"certificates.zip": None, c + "-0001.zip": one, c + "-0002.zip": one, c + "-0003.zip": two},
        "no archive": {"certificates.zip": None},
        "no sources": {"sources.zip": None},
        "parts cut through a chip": {
            "certificates.zip": None,
            c + "-0001.zip": batch.files["certificates.zip"][:700],
            c + "-0002.zip": batch.files["certificates.zip"][700:],
        },
    }
    for name, files in no.items():
        yield Case("archives, parts", name, batch, lambda files=files: raw(batch, **files))
    yield Case(
        "archives, parts",
        "an empty part at the end",
        batch,
        lambda: raw(
            batch,
            **{"certificates.zip": None, c + "-0001.zip": batch.files["certificates.zip"], c + "-0002.zip": empty},
        ),
        ALIKE,
    )
