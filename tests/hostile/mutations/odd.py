"""What is unusual but could come about: leaves of other shapes, texts and files at the limits of the page."""

import json
import os
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.der import CN, O, element, inside, integer, oid, sequence
from mutations.forge import Forge, spelled
from mutations.leaves import field, replaced
from mutations.proofs import honest, uids_of

UID_2 = keys.Source.uid(2).hex().upper()
NAMES = {
    "no common name": [(O, "x")],
    "an empty common name": [(CN, "")],
    "two common names": [(CN, "a"), (CN, UID_2)],
    "the UID first": [(CN, UID_2), (CN, "a")],
    "another UID first": [(CN, keys.Source.uid(3).hex().upper()), (CN, UID_2)],
    "another UID last": [(CN, UID_2), (CN, keys.Source.uid(3).hex().upper())],
    "the UID in lower case": [(CN, UID_2.lower())],
    "26 digits": [(CN, "020B" + UID_2)],
    "26 other digits": [(CN, "020A" + UID_2)],
    "26 digits of another": [(CN, "020B" + keys.Source.uid(3).hex().upper())],
    "24 digits": [(CN, "00" + UID_2)],
    "21 digits": [(CN, UID_2[1:])],
    "digits of another, then a letter": [(CN, keys.Source.uid(3).hex().upper() + "-x")],
    "digits after a letter of hexadecimal": [(CN, "eval" + UID_2)],
    "digits after f": [(CN, "f" + UID_2)],
    "a PrintableString": [(CN, "eval3-" + UID_2, 19)],
    "an IA5String": [(CN, "x@y", 22)],
    "an asterisk in a PrintableString": [(CN, "x*y", 19)],
    "a BMPString": [(CN, "xy".encode("utf-16-be"), 30)],
    "a BMPString of odd length": [(CN, b"xyz", 30)],
    "a UniversalString": [(CN, "xy".encode("utf-32-be"), 28)],
    "a NumericString": [(CN, "123 4", 18)],
    "letters in a NumericString": [(CN, "12a", 18)],
    "a VisibleString": [(CN, "xy", 26)],
    "a TeletexString": [(CN, "xy", 20)],
    "not UTF-8": [(CN, b"\xff\xfe")],
    "UTF-8, too long a form": [(CN, b"\xc0\xaf")],
    "a surrogate": [(CN, b"\xed\xa0\x80")],
    "NUL": [(CN, b"a\0b")],
    "DEL": [(CN, b"a\x7f")],
    "a control character of C1": [(CN, "a\u0085")],
    "a right-to-left override": [(CN, "a\u202e")],
    "64 characters": [(CN, "\u00e9" * 64)],
    "65 characters": [(CN, "\u00e9" * 65)],
    "a country of three letters": [("2.5.4.6", "FRA", 19)],
    "a country of one letter": [("2.5.4.6", "F", 19)],
    "a country in UTF-8": [("2.5.4.6", "FR")],
    "a country in lower case": [("2.5.4.6", "fr", 19)],
    "a serialNumber": [("2.5.4.5", "7", 19)],
    "a serialNumber in UTF-8": [("2.5.4.5", "7")],
    "an organization of 64": [(O, "x" * 64)],
    "an organization of 65": [(O, "x" * 65)],
    "an unknown attribute": [("1.2.3.4", "x")],
    "an attribute that is no text": [("1.2.3.4", b"\x01\x01", 4)],
    "a text of bytes": [(CN, b"ab", 4)],
    "a BIT STRING": [("2.5.4.45", b"\0x", 3)],
    "an email address": [("1.2.840.113549.1.9.1", "a@example.org", 22)],
    "an email address in UTF-8": [("1.2.840.113549.1.9.1", "a@example.org")],
    "a domain": [("0.9.2342.19200300.100.1.25", "org", 22)],
    "100 attributes": [("2.5.4.11", str(n)) for n in range(100)],
    "17 attributes": [("2.5.4.11", str(n)) for n in range(17)],
    "16 attributes": [("2.5.4.11", str(n)) for n in range(16)],
    "the same twice": [(O, "x"), (O, "x")],
    "a title of 65": [("2.5.4.12", "x" * 65)],
    "a name of 40000": [("2.5.4.41", "x" * 40000)],
}
EXTENSIONS = {
    "an unknown one": [("1.2.3.4", b"\5\0")],
    "an unknown one, empty": [("1.2.3.4", b"")],
    "an unknown one, no DER": [("1.2.3.4", b"\xff")],
    "keyUsage": [(der.USAGE, b"\3\2\7\x80", True)],
    "keyUsage not critical": [(der.USAGE, b"\3\2\7\x80")],
    "keyUsage keyAgreement": [(der.USAGE, b"\3\2\3\x08", True)],
    "keyUsage empty": [(der.USAGE, b"\3\1\0", True)],
    "keyUsage zero": [(der.USAGE, b"\3\2\0\0", True)],
    "keyUsage with zero bits": [(der.USAGE, b"\3\2\0\x80", True)],
    "keyUsage with unused bits set": [(der.USAGE, b"\3\2\7\x81", True)],
    "keyUsage of three bytes": [(der.USAGE, b"\3\4\7\0\0\x80", True)],
    "keyUsage cRLSign": [(der.USAGE, b"\3\2\1\2", True)],
    "keyUsage a SEQUENCE": [(der.USAGE, sequence(), True)],
    "basicConstraints": [(der.BASIC, sequence(), True)],
    "basicConstraints not critical": [(der.BASIC, sequence())],
    "a pathLenConstraint": [(der.BASIC, sequence(integer(0)), True)],
    "cA 01": [(der.BASIC, sequence(element(1, b"\1")), True)],
    "basicConstraints with more": [(der.BASIC, sequence(element(5)), True)],
    "purposes": [(der.PURPOSE, sequence(oid("1.3.6.1.5.5.7.3.2")))],
    "purposes critical": [(der.PURPOSE, sequence(oid("1.3.6.1.5.5.7.3.2")), True)],
    "no purpose": [(der.PURPOSE, sequence())],
    "purposes twice": [(der.PURPOSE, sequence(oid("1.3.6.1.5.5.7.3.2"), oid("1.3.6.1.5.5.7.3.2")))],
    "documentSigning": [(der.PURPOSE, sequence(oid(der.DOCUMENTS)))],
    "a key identifier": [(der.SKI, element(4, b"x" * 20))],
    "an empty key identifier": [(der.SKI, element(4))],
    "a key identifier, critical": [(der.SKI, element(4, b"x"), True)],
    "a key identifier, no DER": [(der.SKI, b"x")],
    "the CA's key identifier": [(der.AKI, sequence(element(0x80, b"x")))],
    "the CA's key identifier, critical": [(der.AKI, sequence(element(0x80, b"x")), True)],
    "the CA's key identifier, issuer alone": [(der.AKI, sequence(element(0xA1, element(0xA4, der.name((CN, "x"))))))],
    "subjectAltName": [(der.SAN, sequence(element(0x82, b"example.org")))],
    "subjectAltName critical": [(der.SAN, sequence(element(0x82, b"example.org")), True)],
    "subjectAltName empty": [(der.SAN, sequence())],
    "subjectAltName not ASCII": [(der.SAN, sequence(element(0x82, b"\xe9")))],
    "an IP of 3 bytes": [(der.SAN, sequence(element(0x87, b"abc")))],
    "policies": [("2.5.29.32", sequence(sequence(oid("1.2.3"))))],
    "policies critical": [("2.5.29.32", sequence(sequence(oid("1.2.3"))), True)],
    "policies empty": [("2.5.29.32", sequence())],
    "policies twice": [("2.5.29.32", sequence(sequence(oid("1.2.3")), sequence(oid("1.2.3"))))],
    "CRL points": [("2.5.29.31", sequence(sequence(element(0xA0, element(0xA0, element(0x86, b"http://x"))))))],
    "CRL points empty": [("2.5.29.31", sequence())],
    "TLS feature": [("1.3.6.1.5.5.7.1.24", sequence(integer(5)))],
    "32 unknown ones": [(f"1.2.3.{n}", b"\5\0") for n in range(32)],
    "33 unknown ones": [(f"1.2.3.{n}", b"\5\0") for n in range(33)],
    "65 unknown ones": [(f"1.2.3.{n}", b"\5\0") for n in range(65)],
    "an identifier of 20 bytes": [("1.2." + ".".join(["99999999"] * 5), b"\5\0")],
    "an identifier 2.999": [("2.999.1", b"\5\0")],
}


def cases(bench):
    yield from leaves(bench)
    yield from texts(bench)
    yield from others(bench)


def leaves(bench):
    batch, source = bench.main, bench.source
    case = lambda name, leaf, base=batch: Case("odd, leaves", name, base, lambda: replaced(base, leaf), ALIKE)
    for name, attributes in NAMES.items():
        yield case("subject: " + name, source.leaf(2, subject=der.name(*attributes)))
    for name, some in EXTENSIONS.items():
        yield case("extensions: " + name, source.leaf(2, more=[der.extension(*one) for one in some]))
    pair = lambda *some: element(der.SET, *[der.attribute(*one) for one in some])
    for name, subject in {
        "two attributes in one set": sequence(pair((O, "a"), (CN, "b"))),
        "two in one set, in order": sequence(
            element(der.SET, *sorted(der.attribute(*one) for one in [(O, "a"), (CN, "b")]))
        ),
        "an empty set": sequence(element(der.SET)),
        "a set without a type": sequence(element(der.SET, sequence())),
        "a set with three": sequence(element(der.SET, sequence(oid(CN), element(12, b"x"), element(12, b"y")))),
        "a SEQUENCE for a set": sequence(sequence(der.attribute(CN, "x"))),
    }.items():
        yield case("subject: " + name, source.leaf(2, subject=subject))
    spans = {
        "the same second": ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        "from 1950": ("1950-01-01T00:00:00Z", "2051-01-01T00:00:00Z"),
        "from 1949": ("1949-12-31T23:59:59Z", "2051-01-01T00:00:00Z"),
        "to 9999": ("2021-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        "to the end of 2049": ("2021-01-01T00:00:00Z", "2049-12-31T23:59:59Z"),
        "to 2050": ("2021-01-01T00:00:00Z", "2050-01-01T00:00:00Z"),
    }
    for name, (begin, end) in spans.items():
        yield case("validity: " + name, source.leaf(2, begin=begin, end=end))
    raw_time = lambda tag, text: element(tag, text)
    for name, one in {
        "no seconds": raw_time(0x17, b"5103050000Z"),
        "a fraction": raw_time(0x18, b"20510305000000.5Z"),
        "an offset": raw_time(0x17, b"490305000000+0000"),
        "second 60": raw_time(0x18, b"20510305000060Z"),
        "February 30": raw_time(0x18, b"20510230000000Z"),
        "hour 24": raw_time(0x18, b"20510305240000Z"),
        "a UTCTime for 2051": raw_time(0x17, b"510305000000Z"),
        "letters": raw_time(0x18, b"2051030500000xZ"),
        "small z": raw_time(0x18, b"20510305000000z"),
        "no Z": raw_time(0x18, b"20510305000000"),
        "a text": raw_time(12, b"20510305000000Z"),
    }.items():
        yield case(
            "notAfter: " + name, field(source, validity=sequence(der.time(der.utc("2021-03-05T00:00:00Z")), one))
        )
    spki = der.Certificate(source.leaf(2)).spki
    algorithm, point = der.parts(spki)
    key = lambda curve, data: sequence(sequence(oid("1.2.840.10045.2.1"), oid(curve)), element(3, data))
    for name, one in {
        "a compressed point": key("1.2.840.10045.3.1.7", b"\0" + bytes([2 + (point[-1] & 1)]) + inside(point)[2:34]),
        "a point of zeros": key("1.2.840.10045.3.1.7", b"\0\4" + bytes(64)),
        "a coordinate above p": key("1.2.840.10045.3.1.7", b"\0\4" + b"\xff" * 64),
        "P-256 under the name of P-384": key("1.3.132.0.34", inside(point)),
        "secp256k1": key("1.3.132.0.10", inside(point)),
        "another curve's identifier": key("1.2.3.4", inside(point)),
        "NULL for the curve": sequence(sequence(oid("1.2.840.10045.2.1"), b"\5\0"), point),
        "RSA": keys.spki(bench.rsa),
        "X25519": sequence(sequence(oid("1.3.101.110")), element(3, b"\0" + b"x" * 32)),
        "Ed448": sequence(sequence(oid("1.3.101.113")), element(3, b"\0" + b"x" * 57)),
    }.items():
        yield case("key: " + name, field(source, spki=one))
    base = bench.p384  # its policy takes every kind of key
    edwards = lambda data, *more: sequence(sequence(oid("1.3.101.112"), *more), element(3, b"\0" + data))
    order8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    for name, one in {
        "Ed25519 zero": edwards(bytes(32)),
        "Ed25519 one": edwards(b"\1" + bytes(31)),
        "Ed25519 minus one": edwards(b"\xec" + b"\xff" * 30 + b"\x7f"),
        "Ed25519 of order 8": edwards(order8),
        "Ed25519 not canonical": edwards(b"\xee" + b"\xff" * 30 + b"\x7f"),
        "Ed25519 zero with a sign": edwards(bytes(31) + b"\x80"),
        "Ed25519 p": edwards(b"\xed" + b"\xff" * 30 + b"\x7f"),
        "Ed25519 all ones": edwards(b"\xff" * 32),
        "Ed25519 of 31 bytes": edwards(b"x" * 31),
        "Ed25519 of 33 bytes": edwards(b"x" * 33),
        "Ed25519 not on the curve": edwards(b"\2" + bytes(31)),
        "Ed25519 with NULL": edwards(b"x" * 32, b"\5\0"),
        "Ed25519 two": edwards(b"\3" + bytes(31)),
        **{
            f"a compressed point of {kind}": squeezed(keys.spki(keys.key("k", kind)))
            for kind in ("P-384", "P-521", "brainpoolP256r1")
        },
    }.items():
        yield case("key: " + name, field(source, spki=one), base)


def squeezed(spki):
    point = inside(der.parts(spki)[1])[2:]
    return sequence(der.parts(spki)[0], element(3, b"\0", bytes([2 + (point[-1] & 1)]), point[: len(point) // 2]))


def texts(bench):
    """Lengths: the longest that is taken, and one more."""
    batch = bench.main

    def line_of(length):
        def made():
            forge = Forge(batch)
            chip = forge.chips[1].set(source_item="")
            chip.set(source_item="x" * (length - len(chip.line)))
            assert len(chip.line) == length
            return forge.done()

        return made

    yield Case("odd, lengths", "a line of 65,536 bytes", batch, line_of(65536), ACCEPT)
    yield Case("odd, lengths", "a line of 65,537 bytes", batch, line_of(65537))

    def finding_of(length):
        def made():
            forge = Forge(batch)
            forge.findings[0]["reason"] = ""
            forge.findings[0]["reason"] = "x" * (length - len(spelled(forge.findings[0])))
            return forge.done()

        return made

    yield Case("odd, lengths", "a finding of 65,536 bytes", batch, finding_of(65536), ACCEPT)
    yield Case("odd, lengths", "a finding of 65,537 bytes", batch, finding_of(65537))

    def statement_of(length):
        def last(s):
            s["tool"] = ""
            s["tool"] = "x" * (length - len(spelled(s, 2)))

        return lambda: Forge(batch).done(last)

    yield Case("odd, lengths", "a statement of 16 MiB", batch, statement_of(16 << 20), ACCEPT)
    yield Case("odd, lengths", "a statement of 16 MiB and one byte", batch, statement_of((16 << 20) + 1))

    def reissued(text):
        def made():
            forge = Forge(batch)
            forge.s["reissue"] = text
            for chip in forge.chips:
                chip.set(reissue=text)
            return forge.done()

        return made

    for name, text in {
        "1,000 characters": "x" * 1000,
        "1,000 characters beyond the plane": "\U0001f600" * 1000,
        "a blank": " ",
        "a control character": "\1",
        "one character": "x",
        "a quote and a backslash": '"\\',
        "a line feed": "\n",
        "blanks around": " x ",
    }.items():
        yield Case("odd, lengths", f"reissue of {name}", batch, reissued(text), ALIKE)
    for name, text in {
        "1,001 characters": "x" * 1001,
        "1,001 characters beyond the plane": "\U0001f600" * 1001,
        "nothing": "",
    }.items():
        yield Case("odd, lengths", f"reissue of {name}", batch, reissued(text))
    deep = "[" * 5000 + "]" * 5000
    swapped = lambda old, new: lambda: Forge(batch).done(rewrite=lambda text: text.replace(old, new, 1))
    yield Case(
        "odd, lengths",
        "a statement nested 5,000 deep",
        batch,
        swapped(b'"reissue": null', b'"reissue": ' + deep.encode()),
    )
    yield Case("odd, lengths", "a number of 5,000 digits", batch, swapped(b'"count": 1', b'"count": 1' + b"0" * 5000))
    yield Case(
        "odd, lengths", "a number with an exponent of a million", batch, swapped(b'"count": 1', b'"count": 1e1000000')
    )

    def deep_line():
        forge = Forge(batch)
        forge.chips[1].line = forge.chips[1].line.replace(b'"reissue":null', b'"reissue":' + deep.encode())
        return forge.done()

    yield Case("odd, lengths", "a line nested 5,000 deep", batch, deep_line)
    good = json.loads(honest(batch, uids_of(batch)[1]))
    if "seals" in good:

        def proof_of_length(length):
            def made():
                seal = {"kind": "x", "seal": "", "signer": ""}
                room = length - len(spelled({**good, "seals": [seal]})) - 1
                first = room // 8 * 4
                seal.update(seal="A" * first, signer="A" * (room - first))
                tool = spelled({**good, "seals": [seal]}) + b"\n"
                return tool

            return made

        size = len(spelled({**good, "seals": [{"kind": "x", "seal": "", "signer": ""}]})) + 1
        fit = (32 << 20) - ((32 << 20) - size) % 4
        yield Case("odd, lengths", "a proof of almost 32 MiB", batch, proof_of_length(fit), ALIKE, "verify-proof")
        yield Case(
            "odd, lengths", "a proof of more than 32 MiB", batch, proof_of_length(fit + 4), REFUSE, "verify-proof"
        )


def others(bench):
    """What is not a plain file."""
    batch = bench.main
    files = batch.files
    without = lambda *names: {name: data for name, data in files.items() if name not in names}
    outside = batch.house.write("outside.zip", files["certificates.zip"])
    kinds = {
        "an empty directory": {**files, "x": ("directory",)},
        "a hidden directory": {**files, ".x": ("directory",)},
        "a link to a file outside": {**without("certificates.zip"), "certificates.zip": ("link", outside)},
        "a link to a file inside": {**files, "copy.zip": ("link", "certificates.zip")},
        "a link to nowhere": {**files, "x": ("link", "nowhere")},
        "a pipe": {**files, "x": ("pipe",)},
        "a pipe in place of a file": {**without("chain.pem"), "chain.pem": ("pipe",)},
        "a directory in place of a file": {**without("chain.pem"), "chain.pem": ("directory",)},
        "the statement a link": {
            **without("manifest.json"),
            "manifest.json": ("link", os.path.join(batch.folder, "manifest.json")),
        },
        "a name that is not UTF-8": {**files, b"\xff": b"x"},
        "a name of blanks": {**files, "  ": b""},
        "a name with a line feed": {**files, "a\nb": b""},
        "an upper-case copy of the statement": {**files, "MANIFEST.JSON": files["manifest.json"]},
    }
    for name, made in kinds.items():
        yield Case("odd, files", name, batch, lambda made=made: made)
