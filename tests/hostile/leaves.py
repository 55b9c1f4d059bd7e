"""Single leaves of the family stsafe-a under the one root: encoding, fields, keys, signatures."""

import der
import pki
from der import Node, bits, boolean, explicit, integer, oid, octet_string, parse, seq, tlv
from pki import (
    BC, CURVES, EKU, KU, ROOT_KEY, SAN, SKI, AKI, Key, attribute, basic_constraints, ec_spki, extension, generalized, key_usage,
    name, rdn, utc,
)

UNKNOWN = "1.3.6.1.4.1.99999.1"


def everywhere(reel):
    """Spoils each element of a leaf in turn, in the ways BER allows and DER does not, and signs what comes out."""
    extensions = b"".join((
        basic_constraints(), key_usage(0), extension(SAN, seq(tlv(0x82, b"chip.example"))),
        extension(SKI, octet_string(b"k" * 20)), extension(AKI, seq(tlv(0x80, b"k" * 20))),
    ))
    for label, template in (("plain", {}), ("extended", {"extensions": extensions})):
        model = parse(tbs_of(reel.chips.next(**template)))
        for path, node in model.walk():
            if label == "extended" and path[:1] != (len(model.children) - 1,):
                continue
            for way, how in spoilers(node):
                leaf = reel.chips.next(**template)
                tree = parse(tbs_of(leaf))
                spoilt = tree.write(path, how)
                # the outer algorithm goes along with the inner one, so that they do not merely differ
                algorithm = tree.children[2].write(path[1:], how) if path[:1] == (2,) else None
                place = "-".join(map(str, path)) or "tbs"
                reel.reject(
                    f"{label}-{way}-{place}", f"X.690 §8, §10: {way}",
                    ["verify.der.", "verify.serial.", "verify.algorithm.", "verify.key.", "verify.name.", "verify.time.",
                     "verify.extension.", "verify.certificate.version"],
                    leaf.but(outer=algorithm).seal(spoilt, ROOT_KEY.identifier(), ROOT_KEY),
                )
        reel.accept(f"{label}-neighbour", "the leaf that was spoilt", reel.chips.next(**template).sign(ROOT_KEY))
    insides(reel)
    outsides(reel)


def tbs_of(leaf):
    return leaf.tbs(b"".join(leaf.fields(ROOT_KEY)[1]))


def spoilers(node):
    yield "length-of-1", lambda n, c: bytes([n.tag]) + der.length(len(c), 1 + (len(c) > 0x7F) + (len(c) > 0xFF)) + c
    yield "length-of-4", lambda n, c: bytes([n.tag]) + der.length(len(c), 4) + c
    yield "high-tag", lambda n, c: bytes([n.tag | 0x1F, n.tag & 0x1F]) + der.length(len(c)) + c
    if node.children is None:
        # strings in constructed form, which BER allows; numbers in one that nobody does
        yield "constructed", lambda n, c: tlv(n.tag | 0x20, tlv(n.tag & 0x1F, c))
        yield "empty", lambda n, c: tlv(n.tag)
    else:
        yield "indefinite", lambda n, c: bytes([n.tag, 0x80]) + c + b"\0\0"
        yield "null-inside", lambda n, c: tlv(n.tag, c, tlv(der.NULL))
        yield "byte-inside", lambda n, c: tlv(n.tag, c, b"\0")
        yield "primitive", lambda n, c: tlv(n.tag & ~0x20, c)
        yield "truncated", lambda n, c: tlv(n.tag, c[:-1])


def insides(reel):
    """The same inside the values of extensions, which are elements in an OCTET STRING."""
    for dotted, label, value in (
        (BC, "basic-constraints", seq()),
        (KU, "key-usage", bits(b"\x80", 7)),
        (EKU, "ext-key-usage", seq(oid("1.3.6.1.5.5.7.3.2"))),
        (SAN, "alt-name", seq(tlv(0x82, b"a.example"), tlv(0xA4, name(("CN", "a"))))),
        (SKI, "key-identifier", octet_string(b"k" * 20)),
        (AKI, "authority", seq(tlv(0x80, b"k" * 20), tlv(0xA1, tlv(0x82, b"a")), tlv(0x82, b"\x01"))),
        ("2.5.29.32", "policies", seq(seq(oid("2.23.140.1.1")))),
        ("2.5.29.31", "crl-points", seq(seq(explicit(0, explicit(0, tlv(0x86, b"http://a")))))),
        ("1.3.6.1.5.5.7.1.1", "info-access", seq(seq(oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, b"http://a")))),
    ):
        reel.accept(f"inside-{label}-neighbour", "RFC 5280 §4.2.1", reel.chips.next(extensions=extension(dotted, value)).sign(ROOT_KEY))
        for path, node in parse(value).walk():
            for way, how in spoilers(node):
                place = "-".join(map(str, path)) or "all"
                if way == "truncated" and not node.content:
                    continue
                if way == "empty" and label in ("alt-name", "authority", "key-identifier", "crl-points", "info-access"):
                    continue  # an empty key identifier or URI is poor, not wrong
                spoilt = parse(value).write(path, how)
                leaf = reel.chips.next(extensions=extension(dotted, spoilt))
                reel.reject(f"inside-{label}-{way}-{place}", f"X.690 in the value of {dotted}", ["verify.extension.", "verify.der."], leaf.sign(ROOT_KEY))
        leaf = reel.chips.next(extensions=extension(dotted, value + b"\0"))
        reel.reject(f"inside-{label}-trailing", "trailing bytes in extnValue", ["verify.extension.", "verify.der."], leaf.sign(ROOT_KEY))
        leaf = reel.chips.next(extensions=extension(dotted, b""))
        reel.reject(f"inside-{label}-nothing", "extnValue without a value", ["verify.extension.", "verify.der."], leaf.sign(ROOT_KEY))


def outsides(reel):
    """The parts that the signature does not cover."""
    def case(label, codes, clause, **changes):
        reel.reject(f"outside-{label}", clause, codes, reel.chips.next(**changes).sign(ROOT_KEY))

    reel.accept("outside-neighbour", "the leaf that was spoilt", reel.chips.next().sign(ROOT_KEY))
    for byte in (0, 0xFF, 0x30):
        reel.reject(f"outside-byte-{byte:02x}-after", "nothing follows a certificate", "verify.der.", reel.chips.next().sign(ROOT_KEY) + bytes([byte]))
    reel.reject("outside-zone-of-zeros", "ST: only when asked", "verify.der.trailing-data", reel.chips.next().sign(ROOT_KEY).ljust(1000, b"\0"))
    reel.reject("outside-zone-of-ones", "ST: only when asked", "verify.der.trailing-data", reel.chips.next().sign(ROOT_KEY).ljust(1000, b"\xff"))
    reel.reject("outside-byte-before", "a certificate begins with its SEQUENCE", ["verify.", "reel."], b"\0" + reel.chips.next().sign(ROOT_KEY))
    reel.reject("outside-truncated", "X.690", "verify.der.truncated", reel.chips.next().sign(ROOT_KEY)[:-1])
    reel.reject("outside-tbs-only", "RFC 5280 §4.1", "verify.", tbs_of(reel.chips.next()))
    reel.reject("outside-twice-wrapped", "RFC 5280 §4.1", "verify.", seq(reel.chips.next().sign(ROOT_KEY)))
    for way, how in spoilers(Node(0x30, b"", [])):
        codes = ["verify.der."] if way not in ("primitive", "high-tag") else ["verify.", "reel."]
        case(f"certificate-{way}", codes, "X.690", whole=lambda *parts, how=how: how(Node(0x30, b"", []), b"".join(parts)))
        case(f"signature-value-{way}", ["verify.signature."], "X.690 in ECDSA-Sig-Value",
             signature=lambda value, how=how: parse(value).write((), how))
    for way, how in spoilers(Node(3, b"", None)):
        case(f"bit-string-{way}", ["verify.der."], "X.690", signature_bits=lambda value, how=how: how(Node(3, b"", None), b"\0" + value))
    for part in (0, 1):
        for way, how in spoilers(Node(2, b"", None)):
            case(f"{'rs'[part]}-{way}", "verify.signature.", "X.690 in ECDSA-Sig-Value",
                 signature=lambda value, how=how, part=part: parse(value).write((part,), how))
    for unused in (1, 7, 8, 255):
        case(f"signature-unused-bits-{unused}", "verify.der.unused-bits", "RFC 5280 §4.1.1.3", signature_bits=lambda value, unused=unused: bits(value[:-1] + bytes([value[-1] & 0x80]), unused))
    case("signature-empty", "verify.signature.", "RFC 3279 §2.2.3", signature=lambda value: b"")
    case("element-after-signature", "verify.der.trailing-data", "RFC 5280 §4.1", whole=lambda content: seq(content, tlv(der.NULL)))


def split(value):
    r, s = parse(value).children
    return int.from_bytes(r.content, "big"), int.from_bytes(s.content, "big")


def signatures(reel):
    n = CURVES["P-256"][4]
    raw = lambda content: tlv(der.INTEGER, content)
    positive = lambda value: integer(value)

    def case(label, codes, clause, change):
        leaf = reel.chips.next(signature=lambda value: change(*split(value)))
        reel.reject(f"signature-{label}", clause, codes, leaf.sign(ROOT_KEY))

    twin = reel.chips.next(signature=lambda value: seq(*(positive(x) for x in (split(value)[0], n - split(value)[1]))))
    reel.accept("signature-of-s-negated", "FIPS 186-5: s and n - s both verify; a twin is ignored, alone it is a leaf", twin.sign(ROOT_KEY))
    out = "verify.signature.range"
    for label, r, s in (("r-zero", 0, None), ("s-zero", None, 0), ("both-zero", 0, 0), ("r-order", n, None), ("s-order", None, n)):
        case(label, out, "FIPS 186-5 §6.4.2: 1 <= r, s < n", lambda a, b, r=r, s=s: seq(integer(a if r is None else r), integer(b if s is None else s)))
    case("r-plus-order", out, "r + n is r modulo n", lambda r, s: seq(integer(r + n), integer(s)))
    case("s-plus-order", out, "s + n is s modulo n", lambda r, s: seq(integer(r), integer(s + n)))
    case("r-negative", "verify.signature.", "r - n is r modulo n", lambda r, s: seq(integer(r - n), integer(s)))
    case("s-negative", "verify.signature.", "-s", lambda r, s: seq(integer(r), integer(-s)))
    case("r-padded", "verify.signature.encoding", "X.690 §8.3.2", lambda r, s: seq(raw(b"\0\0" + r.to_bytes(32, "big")), integer(s)))
    case("s-padded", "verify.signature.encoding", "X.690 §8.3.2", lambda r, s: seq(integer(r), raw(b"\0\0" + s.to_bytes(32, "big"))))
    case("trailing-inside", "verify.signature.encoding", "RFC 3279 §2.2.3", lambda r, s: seq(integer(r), integer(s), tlv(der.NULL)))
    case("trailing-outside", "verify.signature.encoding", "RFC 3279 §2.2.3", lambda r, s: seq(integer(r), integer(s)) + b"\0")
    case("third-number", "verify.signature.encoding", "RFC 3279 §2.2.3", lambda r, s: seq(integer(r), integer(s), integer(1)))
    case("raw", "verify.signature.encoding", "RFC 3279 §2.2.3: not IEEE P1363", lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    case("set", "verify.signature.encoding", "RFC 3279 §2.2.3", lambda r, s: tlv(der.SET, integer(r), integer(s)))
    case("swapped", "verify.signature.invalid", "r and s", lambda r, s: seq(integer(s), integer(r)))
    case("one-off", "verify.signature.invalid", "another number", lambda r, s: seq(integer(r), integer(s ^ 1)))
    # r or s of 31 bytes happen once in 128 and are genuine
    found = 0
    while found < 2:
        leaf = reel.chips.next()
        value = parse(leaf.sign(ROOT_KEY)).children[2].content[1:]
        if min(split(value)) < 1 << 248:
            reel.accept(f"signature-short-{found}", "ST: a short r or s is genuine", leaf.sign(ROOT_KEY))
            found += 1
    # one bit of the signed part
    for place in (40, 100, 200, 300):
        content = bytearray(reel.chips.next().sign(ROOT_KEY))
        content[place] ^= 1
        reel.reject(f"corrupt-{place}", "ST", "verify.", bytes(content))
    leaf, other = reel.chips.next(), reel.chips.next()
    reel.reject("key-swapped", "ST", "verify.signature.invalid", leaf.sign(ROOT_KEY).replace(Key(f"chip {reel.chips.count - 1}").point, Key(f"chip {reel.chips.count}").point))


def algorithms(reel):
    identifier = pki.ecdsa_identifier
    both = "verify.algorithm."
    for label, value in (
        ("null", identifier("sha256", tlv(der.NULL))),
        ("curve", identifier("sha256", oid(CURVES["P-256"][1]))),
        ("empty-sequence", identifier("sha256", seq())),
        ("byte", identifier("sha256", b"\0")),
    ):
        reel.pair(f"algorithm-parameters-{label}", "RFC 5758 §3.2: parameters MUST be absent", [both, "verify.der."], lambda leaf, value=value: leaf.but(algorithm=value))
        reel.reject(f"algorithm-parameters-{label}-outer-only", "RFC 5280 §4.1.1.2", both, reel.chips.next(outer=value).sign(ROOT_KEY))
        reel.reject(f"algorithm-parameters-{label}-inner-only", "RFC 5280 §4.1.1.2", both, reel.chips.next(algorithm=value, outer=identifier()).sign(ROOT_KEY))
    mismatch = "verify.algorithm.mismatch"
    reel.reject("algorithm-outer-sha384", "RFC 5280 §4.1.1.2", mismatch, reel.chips.next(outer=identifier("sha384")).sign(ROOT_KEY))
    reel.reject("algorithm-inner-sha384", "RFC 5280 §4.1.1.2", mismatch, reel.chips.next(algorithm=identifier("sha384"), outer=identifier()).sign(ROOT_KEY))
    reel.reject("algorithm-outer-ed25519", "RFC 5280 §4.1.1.2", mismatch, reel.chips.next(outer=seq(oid(pki.ED25519))).sign(ROOT_KEY))
    reel.reject("algorithm-sha384-named-sha256-made", "the hash is the named one", "verify.signature.invalid", reel.chips.next(algorithm=identifier("sha384")).sign(ROOT_KEY, "sha256"))
    reel.reject("algorithm-ed25519-under-p256", "RFC 8410", "verify.signature.algorithm", reel.chips.next(algorithm=seq(oid(pki.ED25519))).sign(ROOT_KEY))
    reel.reject("algorithm-sha224", "issue: SHA-256, SHA-384, SHA-512", "verify.algorithm.unknown", reel.chips.next(algorithm=identifier("sha224")).sign(ROOT_KEY))
    reel.reject("algorithm-ec-public-key", "a key's algorithm is no signature's", "verify.algorithm.unknown", reel.chips.next(algorithm=seq(oid(pki.EC_PUBLIC_KEY))).sign(ROOT_KEY))
    reel.reject("algorithm-sha1", "ST", "verify.signature.sha1", reel.chips.next().sign(ROOT_KEY, "sha1"))
    for digest in ("sha384", "sha512"):
        reel.accept(f"algorithm-{digest}-on-p256", "intake", reel.chips.next().sign(ROOT_KEY, digest))


def serials(reel):
    def uid(change):
        return lambda leaf: leaf.but(serial=change(leaf.serial), subject=name(("C", "FR"), ("O", "STMicroelectronics"), ("CN", "STSAFE-A110 EVAL2")))

    shape = "verify.uid.shape"
    for label, codes, change in (
        ("zero", "verify.serial.zero", lambda s: b"\0"),
        ("empty", "verify.serial.empty", lambda s: b""),
        ("negative", "verify.serial.negative", lambda s: b"\x82" + s[1:]),
        ("padded", "verify.serial.padded", lambda s: b"\0" + s),
        ("of-21", "verify.serial.too-long", lambda s: s.ljust(21, b"\x01")),
        ("of-20", shape, lambda s: s.ljust(20, b"\x01")),
        ("of-10", shape, lambda s: s[:10]),
        ("of-12", shape, lambda s: s + b"\x01"),
        ("of-9", shape, lambda s: b"\x40" + s[3:]),
        ("0208", shape, lambda s: b"\x02\x08" + s[2:]),
        ("020a", shape, lambda s: b"\x02\x0a" + s[2:]),
        ("0309", shape, lambda s: b"\x03\x09" + s[2:]),
        ("0009", "verify.serial.padded", lambda s: b"\x00\x09" + s[2:]),
        ("with-its-header", shape, lambda s: b"\x02\x0b" + s),
        ("one", shape, lambda s: b"\x01"),
    ):
        reel.pair(f"serial-{label}", "RFC 5280 §4.1.2.2; intake: 11 bytes beginning 02 09", codes, uid(change), uid(lambda s: s))
    reel.pair("serial-enumerated", "an INTEGER", "verify.der.tag", lambda leaf: leaf.but(serial_element=tlv(0x0A, leaf.serial)))
    # two numbers that differ only in a padding byte would be two chips
    reel.accept("serial-product-f1", "ST: product id 01F1", reel.chips.next().but(serial=bytes.fromhex("0209C0DE0000F1F10001F1"), subject=name(("CN", "eval4-0209C0DE0000F1F10001F1"))).sign(ROOT_KEY))


def versions(reel):
    version = "verify.certificate.version"
    for label, codes, value in (
        ("absent", version, b""),
        ("v1", version, explicit(0, integer(0))),
        ("v2", version, explicit(0, integer(1))),
        ("v4", version, explicit(0, integer(3))),
        ("negative", version, explicit(0, integer(-1))),
        ("padded", version, explicit(0, tlv(2, b"\0\x02"))),
        ("empty", version, explicit(0, tlv(2))),
        ("nothing", "verify.der.", explicit(0)),
        ("two", "verify.der.", explicit(0, integer(2), integer(2))),
        ("implicit", "verify.der.", tlv(0x80, b"\x02")),
        ("plain", "verify.der.", integer(2)),
        ("enumerated", "verify.der.", explicit(0, tlv(0x0A, b"\x02"))),
        ("huge", version, explicit(0, integer(2 | 1 << 64))),
        ("twice", "verify.der.", pki.V3 + pki.V3),
    ):
        reel.pair(f"version-{label}", "RFC 5280 §4.1.2.1; ST: v3", codes, lambda leaf, value=value: leaf.but(version=value))
    for label, value in (("absent", b""), ("v1", explicit(0, integer(0))), ("v2", explicit(0, integer(1)))):
        reel.pair(f"version-{label}-with-extensions", "RFC 5280 §4.1.2.9", ["verify.extension.version", version],
                  lambda leaf, value=value: leaf.but(version=value, extensions=basic_constraints()), lambda leaf: leaf.but(extensions=basic_constraints()))
    unique = "verify.unique-identifier.present"
    for label, value in (("issuer", tlv(0x81, b"\0\x01")), ("subject", tlv(0x82, b"\0\x01")), ("both", tlv(0x81, b"\0\x01") + tlv(0x82, b"\0\x01")), ("constructed", tlv(0xA1, b"\0\x01"))):
        reel.pair(f"unique-{label}", "RFC 5280 §4.1.2.8", unique, lambda leaf, value=value: leaf.but(unique=value))
    for label, value in (("null", tlv(der.NULL)), ("context-4", explicit(4)), ("sequence", seq()), ("second-extensions", explicit(3, seq(basic_constraints()))), ("unique-late", tlv(0x82, b"\0\x01"))):
        reel.pair(f"after-extensions-{label}", "RFC 5280 §4.1: nothing follows the extensions", ["verify.der.", unique],
                  lambda leaf, value=value: leaf.but(extensions=extension(UNKNOWN, octet_string(b""), None), after=value), lambda leaf: leaf.but(extensions=extension(UNKNOWN, octet_string(b""), None)))
        reel.pair(f"after-key-{label}", "RFC 5280 §4.1: nothing follows the key but extensions", ["verify.der.", unique] if label != "second-extensions" else "verify.extension.duplicate",
                  lambda leaf, value=value: leaf.but(unique=value) if label != "second-extensions" else leaf.but(extensions=basic_constraints() * 2))


def times(reel):
    form, nothing, early = "verify.time.format", "verify.time.no-such-date", "verify.time.generalized-before-2050"
    clause = "RFC 5280 §4.1.2.5"
    for label, codes, before in (
        ("no-seconds", form, utc("2103050000Z")),
        ("offset", form, utc("210305000000+0000")),
        ("no-z", form, utc("210305000000")),
        ("small-z", form, utc("210305000000z")),
        ("blank", form, utc("210305 00000Z")),
        ("letters", form, utc("2103O5000000Z")),
        ("fraction", form, utc("210305000000.0Z")),
        ("four-digit-year", form, utc("20210305000000Z")),
        ("signed", form, utc("+10305000000Z")),
        ("february-30", nothing, utc("210230000000Z")),
        ("february-29-2021", nothing, utc("210229000000Z")),
        ("april-31", nothing, utc("210431000000Z")),
        ("month-0", nothing, utc("210005000000Z")),
        ("month-13", nothing, utc("211305000000Z")),
        ("day-0", nothing, utc("210300000000Z")),
        ("day-32", nothing, utc("210332000000Z")),
        ("hour-24", nothing, utc("210305240000Z")),
        ("minute-60", nothing, utc("210305006000Z")),
        ("second-60", nothing, utc("210305000060Z")),
        ("generalized-2021", early, generalized("20210305000000Z")),
        ("other-tag", "verify.", tlv(0x16, b"210305000000Z")),
        ("two-nul", form, utc("210305000000\0")),
    ):
        reel.pair(f"not-before-{label}", clause, codes, lambda leaf, before=before: leaf.but(not_before=before))
    for label, codes, after in (
        ("generalized-2049", early, generalized("20491231235959Z")),
        ("fraction", form, generalized("20510305000000.5Z")),
        ("comma", form, generalized("20510305000000,5Z")),
        ("no-seconds", form, generalized("205103050000Z")),
        ("no-z", form, generalized("20510305000000")),
        ("offset", form, generalized("20510305000000+0100")),
        ("short-year", form, generalized("510305000000Z")),
        ("february-29-2100", nothing, generalized("21000229000000Z")),
        ("february-30", nothing, generalized("20520230000000Z")),
        ("hour-24", nothing, generalized("20510305240000Z")),
        ("second-60", nothing, generalized("20510305235960Z")),
        ("utc-1951", "verify.time.", utc("510305000000Z")),
        ("year-0", "verify.time.", generalized("00000101000000Z")),
        ("letters", form, generalized("2O510305000000Z")),
    ):
        reel.pair(f"not-after-{label}", clause, codes, lambda leaf, after=after: leaf.but(not_after=after))
    reversed_, expired, future = "verify.time.ends-before-it-begins", "verify.time.expired", "verify.time.not-yet-valid"
    at = lambda before, after: lambda leaf: leaf.but(not_before=before, not_after=after)
    reel.pair("validity-reversed", clause, reversed_, at(generalized("20510305000000Z"), utc("210305000000Z")))
    reel.pair("validity-reversed-by-a-second", clause, reversed_, at(utc("210305000001Z"), utc("210305000000Z")))
    reel.pair("validity-expired", "intake", expired, at(utc("190305000000Z"), utc("220305000000Z")), at(utc("190305000000Z"), utc("491231235959Z")))
    reel.pair("validity-future", "intake", future, at(utc("490305000000Z"), generalized("20510305000000Z")), at(utc("500305000000Z"), generalized("20510305000000Z")))
    reel.pair("validity-future-2050", "ST", future, at(generalized("20500101000000Z"), generalized("20510305000000Z")), at(utc("210305000000Z"), generalized("20500101000000Z")))
    reel.pair("validity-three-times", clause, "verify.der.trailing-data", lambda leaf: leaf.but(validity=seq(leaf.not_before, leaf.not_after, leaf.not_after)))
    reel.pair("validity-one-time", clause, "verify.der.truncated", lambda leaf: leaf.but(validity=seq(leaf.not_before)))
    for label, after in (("last-utc", utc("491231235959Z")), ("30-years-and-a-day", generalized("20510306000000Z")), ("leap-day-2052", generalized("20520229000000Z")), ("never", generalized("99991231235959Z")), ("beyond-root", generalized("20900101000000Z"))):
        reel.accept(f"not-after-{label}", "ST", reel.chips.next(not_after=after).sign(ROOT_KEY))
    reel.accept("not-before-leap-day", "a date that exists", reel.chips.next(not_before=utc("200229000000Z")).sign(ROOT_KEY))


def names(reel):
    string, kind, size = "verify.name.string", "verify.name.string-type", "verify.name.length"
    base = (("C", "FR"), ("O", "STMicroelectronics"))
    cn = lambda value, tag=None: name(*base, ("CN", value, tag))
    clause = "RFC 5280 §4.1.2.4, appendix A.1"
    bmp = lambda text: text.encode("utf-16-be")
    universal = lambda text: text.encode("utf-32-be")
    for label, codes, bad, good in (
        ("newline", string, cn("EVAL\n2"), cn("EVAL 2")),
        ("carriage-return", string, cn("EVAL\r2"), cn("EVAL 3")),
        ("tab", string, cn("EVAL\t2"), cn("EVAL")),
        ("nul-inside", string, cn("eval\0evil"), cn("eval")),
        ("nul-at-end", string, cn("eval\0"), cn("eval")),
        ("escape", string, cn("\x1b[31mred"), cn("[31mred")),
        ("delete", string, cn("a\x7f"), cn("a~")),
        ("c1-csi", string, cn("\x9b31mred"), cn("é")),
        ("utf8-overlong", string, cn(b"a\xc0\x80"), cn("aé")),
        ("utf8-overlong-slash", string, cn(b"\xc0\xaf"), cn("/")),
        ("utf8-overlong-3", string, cn(b"\xe0\x80\xaf"), cn("//")),
        ("utf8-surrogate", string, cn(b"\xed\xa0\x80"), cn("\ud7ff")),
        ("utf8-surrogate-pair", string, cn(b"\xed\xa0\xbd\xed\xb8\x80"), cn("😀")),
        ("utf8-beyond", string, cn(b"\xf4\x90\x80\x80"), cn("\U0010ffff")),
        ("utf8-latin1", string, cn(b"caf\xe9"), cn("café")),
        ("utf8-cut", string, cn(b"caf\xc3"), cn("caf")),
        ("printable-at", string, cn("a@b", der.PRINTABLE), cn("a-b", der.PRINTABLE)),
        ("printable-underscore", string, cn("a_b", der.PRINTABLE), cn("a_b")),
        ("printable-star", string, cn("*", der.PRINTABLE), cn("?", der.PRINTABLE)),
        ("printable-latin1", string, cn(b"\xe9", der.PRINTABLE), cn("e", der.PRINTABLE)),
        ("teletex-escape", string, cn(b"\x1b[0m", der.TELETEX), cn(b"caf\xe9", der.TELETEX)),
        ("teletex-c1", string, cn(b"\x9b0m", der.TELETEX), cn(b"\xa0", der.TELETEX)),
        ("bmp-odd", string, cn(b"\0a\0", der.BMP), cn(bmp("a"), der.BMP)),
        ("bmp-surrogate", string, cn("😀".encode("utf-16-be"), der.BMP), cn(bmp("é"), der.BMP)),
        ("bmp-nul", string, cn(bmp("a\0"), der.BMP), cn(bmp("a"), der.BMP)),
        ("universal-odd", string, cn(b"\0\0a", der.UNIVERSAL), cn(universal("a"), der.UNIVERSAL)),
        ("universal-beyond", string, cn(b"\0\x11\0\0", der.UNIVERSAL), cn(universal("\U0010ffff"), der.UNIVERSAL)),
        ("universal-surrogate", string, cn(b"\0\0\xd8\0", der.UNIVERSAL), cn(universal("é"), der.UNIVERSAL)),
        ("ia5", kind, cn("eval", der.IA5), cn("eval")),
        ("visible", kind, cn("eval", der.VISIBLE), cn("eval")),
        ("numeric", kind, cn("12", der.NUMERIC), cn("12")),
        ("octet-string", kind, cn("eval", der.OCTET_STRING), cn("eval")),
        ("bit-string", kind, cn(b"\0e", der.BIT_STRING), cn("eval")),
        ("integer", kind, cn(b"\x05", der.INTEGER), cn("5")),
        ("null", kind, cn(b"", der.NULL), cn("eval")),
        ("sequence", kind, cn(tlv(der.UTF8, b"a"), 0x30), cn("a")),
        ("context-tag", kind, cn("eval", 0x8C), cn("eval")),
        ("empty", size, cn(""), cn("e")),
        ("of-65", size, cn("e" * 65), cn("e" * 64)),
        ("of-65-characters", size, cn("é" * 65), cn("é" * 64)),
        ("of-65-bmp", size, cn(bmp("e" * 65), der.BMP), cn(bmp("e" * 64), der.BMP)),
        ("of-10000", size, cn("e" * 10_000), cn("e" * 64)),
        ("second-empty", size, name(*base, ("CN", "eval"), ("CN", "")), name(*base, ("CN", "eval"), ("CN", "e"))),
        ("organization-of-65", size, name(("O", "e" * 65), ("CN", "e")), name(("O", "e" * 64), ("CN", "e"))),
        ("unit-newline", string, name(("OU", "a\nb"), ("CN", "e")), name(("OU", "a b"), ("CN", "e"))),
        ("country-utf8", kind, name(("C", "FR", der.UTF8), ("CN", "e")), name(("C", "FR"), ("CN", "e"))),
        ("country-of-3", size, name(("C", "FRA"), ("CN", "e")), name(("C", "FR"), ("CN", "e"))),
        ("country-of-1", size, name(("C", "F"), ("CN", "e")), name(("C", "fr"), ("CN", "e"))),
        ("country-nul", string, name(("C", "F\0"), ("CN", "e")), name(("C", "IT"), ("CN", "e"))),
        ("serial-number-utf8", kind, name(("serialNumber", "12", der.UTF8)), name(("serialNumber", "12"))),
        ("serial-number-of-65", size, name(("serialNumber", "1" * 65)), name(("serialNumber", "1" * 64))),
        ("email-utf8", kind, name(("emailAddress", "a@b", der.UTF8)), name(("emailAddress", "a@b", der.IA5))),
        ("email-latin1", string, name(("emailAddress", b"\xe9@b", der.IA5)), name(("emailAddress", "e@b", der.IA5))),
        ("dc-utf8", kind, name(("DC", "a", der.UTF8)), name(("DC", "a", der.IA5))),
        ("dn-qualifier-utf8", kind, name(("dnQualifier", "a", der.UTF8)), name(("dnQualifier", "a", der.PRINTABLE))),
        ("unknown-attribute-newline", string, name(("CN", "e"), (UNKNOWN, "a\nb", der.UTF8)), name(("CN", "e"), (UNKNOWN, "a b", der.UTF8))),
        ("unknown-attribute-visible", [string, "verify.der.form"], name(("CN", "e"), (UNKNOWN, b"a\x1bb", der.VISIBLE)), name(("CN", "e"), (UNKNOWN, b"ab", der.VISIBLE))),
        ("unknown-attribute-numeric", [string, "verify.der.form"], name(("CN", "e"), (UNKNOWN, b"a", der.NUMERIC)), name(("CN", "e"), (UNKNOWN, b"1 2", der.NUMERIC))),
        ("empty-rdn", "verify.name.empty-rdn", seq(rdn(), rdn(attribute("CN", "e"))), seq(rdn(attribute("CN", "e")))),
        ("rdn-out-of-order", "verify.der.set-order", seq(rdn(attribute("O", "e"), attribute("CN", "e"))), seq(rdn(attribute("CN", "e"), attribute("O", "e")))),
        ("rdn-same-twice", "verify.der.set-order", seq(rdn(attribute("CN", "e"), attribute("CN", "e"))), seq(rdn(attribute("CN", "e"), attribute("CN", "f")))),
        ("rdn-sequence", "verify.der.tag", seq(seq(attribute("CN", "e"))), seq(rdn(attribute("CN", "e")))),
        ("attribute-set", "verify.der.tag", seq(rdn(tlv(0x31, oid("2.5.4.3"), tlv(der.UTF8, b"e")))), seq(rdn(attribute("CN", "e")))),
        ("attribute-two-values", "verify.der.trailing-data", seq(rdn(seq(oid("2.5.4.3"), tlv(der.UTF8, b"e"), tlv(der.UTF8, b"f")))), seq(rdn(attribute("CN", "e")))),
        ("attribute-no-value", "verify.der.truncated", seq(rdn(seq(oid("2.5.4.3")))), seq(rdn(attribute("CN", "e")))),
        ("attribute-type-padded", "verify.name.attribute-type", seq(rdn(seq(tlv(6, b"\x55\x04\x80\x03"), tlv(der.UTF8, b"e")))), seq(rdn(attribute("CN", "e")))),
        ("attribute-type-cut", "verify.name.attribute-type", seq(rdn(seq(tlv(6, b"\x55\x04\x83"), tlv(der.UTF8, b"e")))), seq(rdn(attribute("CN", "e")))),
        ("empty-subject", "verify.name.empty-subject", seq(), seq(rdn(attribute("O", "e")))),
        ("set-instead", "verify.der.tag", tlv(0x31, rdn(attribute("CN", "e"))), seq(rdn(attribute("CN", "e")))),
        ("1000-rdns", "verify.name.too-many-attributes", seq(*[rdn(attribute("O", "e"))] * 1000), seq(*[rdn(attribute("O", "e"))] * 4)),
        ("5000-rdns", ["verify.name.too-many-attributes", "verify.certificate.too-large"], seq(*[rdn(attribute("O", "e"))] * 5000), seq(*[rdn(attribute("OU", "e"))] * 4)),
        ("1000-in-one-rdn", ["verify.name.too-many-attributes", "verify.certificate.too-large"], seq(rdn(*(attribute("CN", f"{i:05}") for i in range(1000)))), seq(rdn(*(attribute("CN", f"{i:05}") for i in range(4))))),
    ):
        reel.pair(f"subject-{label}", clause, codes, lambda leaf, bad=bad: leaf.but(subject=bad), lambda leaf, good=good: leaf.but(subject=good))
    # what is odd and allowed: it is accepted and printed escaped
    for label, value in (
        ("right-to-left", "a\u202eb"), ("zero-width", "a\u200bb"), ("html", "<script>alert(1)</script>"), ("formula", "=1+1"),
        ("at-formula", "@SUM(A1)"), ("path", "../../etc/passwd"), ("backslash-path", "..\\..\\x"), ("percent", "%2e%2e%2f%0a"),
        ("quotes", "\"';DROP TABLE chips"), ("line-separator", "a\u2028b"), ("combining", "e\u0301"), ("bom", "\ufeffa"), ("json", "\\u0000\"}"),
        ("device", "CON"), ("dash", "-rf"),
    ):
        reel.accept(f"subject-odd-{label}", "legal characters, for us to escape", reel.chips.next(subject=cn(value)).sign(ROOT_KEY))
    reel.accept("subject-same-common-name", "ST: EVAL2 on every part", reel.chips.next(subject=cn("STSAFE-A110 EVAL2")).sign(ROOT_KEY))
    reel.accept("subject-same-common-name-again", "ST", reel.chips.next(subject=cn("STSAFE-A110 EVAL2")).sign(ROOT_KEY))
    reel.accept("subject-repeated-types", "X.501: an attribute type may repeat in a name", reel.chips.next(subject=name(("O", "a"), ("O", "b"), ("CN", "c"), ("CN", "d"))).sign(ROOT_KEY))
    # issuer
    for label, codes, value in (
        ("empty", "verify.name.empty-issuer", seq()),
        ("upper-case", "verify.chain.name-case", name(("C", "NL"), ("O", "STMICROELECTRONICS NV"), ("CN", pki.ROOT_CN))),
        ("one-letter", "verify.chain.name-case", name(("C", "NL"), ("O", "StMicroelectronics nv"), ("CN", pki.ROOT_CN))),
        ("lower-country", "verify.chain.name-case", name(("C", "nl"), ("O", pki.ST), ("CN", pki.ROOT_CN))),
        ("other-string-type", "verify.chain.no-trust-anchor", name(("C", "NL"), ("O", pki.ST, der.PRINTABLE), ("CN", pki.ROOT_CN))),
        ("blank-at-end", "verify.chain.no-trust-anchor", name(("C", "NL"), ("O", pki.ST), ("CN", pki.ROOT_CN + " "))),
        ("two-blanks", "verify.chain.no-trust-anchor", name(("C", "NL"), ("O", "STMicroelectronics  nv"), ("CN", pki.ROOT_CN))),
        ("other-order", "verify.chain.no-trust-anchor", name(("O", pki.ST), ("C", "NL"), ("CN", pki.ROOT_CN))),
        ("no-country", "verify.chain.no-trust-anchor", name(("O", pki.ST), ("CN", pki.ROOT_CN))),
        ("longer", "verify.chain.no-trust-anchor", name(("C", "NL"), ("O", pki.ST), ("CN", pki.ROOT_CN), ("OU", "x"))),
        ("one-rdn", "verify.chain.no-trust-anchor", seq(rdn(*sorted((attribute("CN", pki.ROOT_CN), attribute("C", "NL"), attribute("O", pki.ST)))))),
        ("unknown", "verify.chain.no-trust-anchor", name(("C", "NL"), ("O", pki.ST), ("CN", "STM STSAFE-A PROD CA 99"))),
        ("newline", "verify.name.string", name(("C", "NL"), ("O", pki.ST), ("CN", pki.ROOT_CN + "\n"))),
    ):
        reel.pair(f"issuer-{label}", "RFC 5280 §6.1.3 (a)(4); ST", codes, lambda leaf, value=value: leaf.but(issuer=value))
    mismatches(reel)


def mismatches(reel):
    """ST, intake: the common name's whole trailing run of hexadecimal digits."""
    other = "0209AAAAAAAAAAAAAA0139"
    universal = lambda text: text.encode("utf-32-be")
    bmp = lambda text: text.encode("utf-16-be")
    code = "verify.common-name.mismatch"
    def case(label, bad, good):
        def with_cn(make):
            def change(leaf):
                value = make(leaf.serial.hex().upper())
                values = value if isinstance(value, list) else [value]
                return leaf.but(subject=name(*(("CN", *(v if isinstance(v, tuple) else (v,))) for v in values)))
            return change
        reel.pair(f"common-name-{label}", "ST", code, with_cn(bad), with_cn(good))
    case("other", lambda s: f"eval3-{other}", lambda s: f"eval3-{s}")
    case("other-lower-case", lambda s: f"eval3-{other.lower()}", lambda s: f"eval3-{s.lower()}")
    case("other-alone", lambda s: other, lambda s: s)
    case("other-with-header", lambda s: f"Supermicro-020B{other}", lambda s: f"Supermicro-020B{s}")
    case("other-with-header-lower", lambda s: f"Supermicro-020b{other.lower()}", lambda s: f"Supermicro-020b{s.lower()}")
    case("last-digit", lambda s: f"eval3-{s[:-1]}{'8' if s[-1] == '9' else '9'}", lambda s: f"eval3-{s}")
    case("first-digits", lambda s: f"eval3-0208{s[4:]}", lambda s: f"eval3-{s[:-1]}")  # 21 digits say nothing
    case("second-of-two", lambda s: [f"eval3-{s}", f"eval3-{other}"], lambda s: [f"eval3-{s}", "EVAL2"])
    case("first-of-two", lambda s: [f"eval3-{other}", f"eval3-{s}"], lambda s: ["EVAL2", f"eval3-{s}"])
    case("printable", lambda s: (f"eval3-{other}", der.PRINTABLE), lambda s: (f"eval3-{s}", der.PRINTABLE))
    case("bmp", lambda s: (bmp(f"eval3-{other}"), der.BMP), lambda s: (bmp(f"eval3-{s}"), der.BMP))
    case("universal", lambda s: (universal(f"eval3-{other}"), der.UNIVERSAL), lambda s: (universal(f"eval3-{s}"), der.UNIVERSAL))
    case("teletex", lambda s: (f"eval3-{other}", der.TELETEX), lambda s: (f"eval3-{s}", der.TELETEX))
    reel.accept("common-name-23-digits", "intake: the whole run counts", reel.chips.next(subject=name(("CN", "a0" + other[1:] + "1"))).sign(ROOT_KEY))
    reel.accept("common-name-hex-not-at-end", "intake: trailing", reel.chips.next(subject=name(("CN", other + "-x"))).sign(ROOT_KEY))


def keys(reel):
    p, n = CURVES["P-256"][3:5]
    own = lambda leaf: Key(f"chip {reel.chips.count}").point
    x_y = lambda leaf: (own(leaf)[1:33], own(leaf)[33:])
    off, length, form, canon = "verify.key.not-on-curve", "verify.key.length", "verify.key.point-form", ["verify.key.not-on-curve", "verify.key.not-canonical"]
    clause = "SEC 1 §3.2.2.1, RFC 5480 §2.2"

    def point(label, codes, make):
        reel.pair(f"point-{label}", clause, codes, lambda leaf: leaf.but(spki=ec_spki(make(leaf))))

    point("y-flipped", off, lambda l: own(l)[:-1] + bytes([own(l)[-1] ^ 1]))
    point("x-flipped", off, lambda l: own(l)[:5] + bytes([own(l)[5] ^ 1]) + own(l)[6:])
    point("zero", off, lambda l: b"\x04" + bytes(64))
    point("x-zero", off, lambda l: b"\x04" + bytes(32) + own(l)[33:])
    point("y-zero", off, lambda l: own(l)[:33] + bytes(32))
    point("ones", canon, lambda l: b"\x04" + b"\xff" * 64)
    point("x-is-p", canon, lambda l: b"\x04" + p.to_bytes(32, "big") + own(l)[33:])
    point("swapped", off, lambda l: b"\x04" + own(l)[33:] + own(l)[1:33])
    # a point whose x is so small that x + p still has 32 bytes: the same point, written as another
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    x = 5
    while pow((x**3 - 3 * x + b) % p, (p - 1) // 2, p) != 1:
        x += 1
    y = pow((x**3 - 3 * x + b) % p, (p + 1) // 4, p)
    small = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    reel.accept("point-small-x", clause, reel.chips.next(spki=ec_spki(small)).sign(ROOT_KEY))
    large = b"\x04" + (x + p).to_bytes(32, "big") + y.to_bytes(32, "big")
    reel.reject("point-small-x-plus-p", "a coordinate is below p", canon, reel.chips.next(spki=ec_spki(large)).sign(ROOT_KEY))
    point("infinity", "verify.key.infinity", lambda l: b"\0")
    point("infinity-padded", ["verify.key.infinity", length], lambda l: bytes(65))
    point("compressed", form, lambda l: Key(f"chip {reel.chips.count}").compressed)
    point("hybrid", form, lambda l: bytes([6 | own(l)[-1] & 1]) + own(l)[1:])
    point("hybrid-wrong-bit", form, lambda l: bytes([7 ^ own(l)[-1] & 1]) + own(l)[1:])
    point("compressed-long", form, lambda l: b"\x02" + own(l)[1:])
    point("form-5", form, lambda l: b"\x05" + own(l)[1:])
    point("form-1", form, lambda l: b"\x01" + own(l)[1:])
    point("short", length, lambda l: own(l)[:-1])
    point("long", length, lambda l: own(l) + b"\0")
    point("padded", length, lambda l: b"\x04\0" + own(l)[1:33] + b"\0" + own(l)[33:])
    point("without-form", ["verify.key."], lambda l: own(l)[1:])
    point("empty", length, lambda l: b"")
    point("only-form", length, lambda l: b"\x04")
    point("of-p384", length, lambda l: Key("other", "P-384").point)
    point("in-octet-string", ["verify.key."], lambda l: octet_string(own(l)))
    for kind in ("P-384", "P-521", "brainpoolP256r1", "brainpoolP384r1"):
        size, prime = CURVES[kind][2:4]
        good = lambda leaf: Key(f"chip {reel.chips.count}", kind).point
        for label, codes, make in (
            ("flipped", off, lambda q: q[:-1] + bytes([q[-1] ^ 1])),
            ("zero", off, lambda q: b"\x04" + bytes(2 * size)),
            ("x-is-p", canon, lambda q: b"\x04" + prime.to_bytes(size, "big") + q[1 + size :]),
            ("x-plus-p", canon, lambda q: b"\x04" + ((int.from_bytes(q[1 : 1 + size], "big") + prime) % (1 << 8 * size)).to_bytes(size, "big") + q[1 + size :]),
            ("short", length, lambda q: q[:-1]),
            ("long", length, lambda q: q + b"\0"),
            ("infinity", "verify.key.infinity", lambda q: b"\0"),
            ("hybrid", form, lambda q: bytes([6 | q[-1] & 1]) + q[1:]),
            ("as-p256", length if size != 32 else off, None),
        ):
            bad = (lambda leaf, make=make: leaf.but(spki=ec_spki(make(good(leaf)), kind))) if make else (lambda leaf: leaf.but(spki=ec_spki(good(leaf))))
            reel.pair(f"point-{kind}-{label}", clause, codes, bad, kind=kind)
    # P-521 has seven bits to spare in its first byte
    reel.pair("point-P-521-spare-bits", clause, canon, lambda leaf: leaf.but(spki=ec_spki(b"\x04" + bytes([Key(f"chip {reel.chips.count}", "P-521").point[1] | 0x80]) + Key(f"chip {reel.chips.count}", "P-521").point[2:], "P-521")), kind="P-521")
    for kind in pki.UNKNOWN_CURVES:
        reel.pair(f"curve-{kind}", "intake", "verify.key.curve", lambda leaf, kind=kind: leaf.but(spki=Key(f"chip {reel.chips.count}", kind).spki))
    rsa = pki.RsaKey()
    reel.pair("key-rsa", "intake", ["verify.key."], lambda leaf: leaf.but(spki=rsa.spki))
    parameters(reel)
    edwards(reel)


def parameters(reel):
    p, n = CURVES["P-256"][3:5]
    gx = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
    gy = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    size = lambda value: value.to_bytes(32, "big")
    specified = lambda generator, cofactor=integer(1): seq(
        integer(1), seq(oid("1.2.840.10045.1.1"), integer(p)), seq(octet_string(size(p - 3)), octet_string(size(b))),
        octet_string(generator), integer(n), cofactor,
    )
    own = lambda leaf: Key(f"chip {reel.chips.count}").point
    unnamed, der_or_parameters = "verify.key.curve-not-named", ["verify.key.", "verify.der."]
    clause = "RFC 5480 §2.1.1: namedCurve only"
    for label, codes, value in (
        ("explicit", unnamed, lambda leaf: specified(b"\x04" + size(gx) + size(gy))),
        ("explicit-own-generator", unnamed, lambda leaf: specified(own(leaf))),
        ("explicit-no-cofactor", unnamed, lambda leaf: specified(b"\x04" + size(gx) + size(gy), b"")),
        ("implicit", unnamed, lambda leaf: tlv(der.NULL)),
        ("absent", der_or_parameters, lambda leaf: b""),
        ("curve-twice", der_or_parameters, lambda leaf: oid(CURVES["P-256"][1]) * 2),
        ("curve-and-null", der_or_parameters, lambda leaf: oid(CURVES["P-256"][1]) + tlv(der.NULL)),
        ("curve-padded", der_or_parameters, lambda leaf: tlv(6, b"\x2a\x86\x48\xce\x3d\x03\x01\x80\x07")),
        ("curve-as-bytes", der_or_parameters, lambda leaf: octet_string(der.oid_content(CURVES["P-256"][1]))),
        ("curve-relative", der_or_parameters, lambda leaf: tlv(0x0D, der.oid_content(CURVES["P-256"][1]))),
        ("curve-empty", der_or_parameters, lambda leaf: tlv(6)),
        ("curve-p384", "verify.key.length", lambda leaf: oid(CURVES["P-384"][1])),
    ):
        reel.pair(f"parameters-{label}", clause, codes, lambda leaf, value=value: leaf.but(spki=ec_spki(own(leaf), parameters=value(leaf))))
    plain = lambda leaf, *extra, kind=pki.EC_PUBLIC_KEY, key=None: seq(seq(oid(kind), oid(CURVES["P-256"][1])), key or bits(own(leaf)), *extra)
    for label, codes, make in (
        ("trailing-null", "verify.der.trailing-data", lambda leaf: plain(leaf, tlv(der.NULL))),
        ("second-key", "verify.der.trailing-data", lambda leaf: plain(leaf, bits(own(leaf)))),
        ("ecdh", "verify.key.algorithm", lambda leaf: plain(leaf, kind="1.3.132.1.12")),
        ("ecmqv", "verify.key.algorithm", lambda leaf: plain(leaf, kind="1.3.132.1.13")),
        ("signature-oid", "verify.key.algorithm", lambda leaf: plain(leaf, kind=pki.ECDSA["sha256"])),
        ("unused-bits-1", "verify.der.", lambda leaf: plain(leaf, key=bits(own(leaf)[:-1] + bytes([own(leaf)[-1] & 0xFE]), 1))),
        ("unused-bits-8", "verify.der.", lambda leaf: plain(leaf, key=bits(own(leaf), 8))),
        ("octet-string", "verify.der.", lambda leaf: plain(leaf, key=octet_string(own(leaf)))),
        ("constructed", "verify.der.", lambda leaf: plain(leaf, key=tlv(0x23, bits(own(leaf)[:30]), bits(own(leaf)[30:])))),
        ("no-key", "verify.der.", lambda leaf: seq(seq(oid(pki.EC_PUBLIC_KEY), oid(CURVES["P-256"][1])))),
        ("bits-without-byte", "verify.der.", lambda leaf: plain(leaf, key=tlv(3))),
    ):
        reel.pair(f"spki-{label}", "RFC 5280 §4.1.2.7", codes, lambda leaf, make=make: leaf.but(spki=make(leaf)))


def edwards(reel):
    own = lambda leaf: Key(f"chip {reel.chips.count}", "Ed25519").point
    spki = lambda raw, *parameters: seq(seq(oid(pki.ED25519), *parameters), bits(raw))
    p = 2**255 - 19
    little = lambda value: value.to_bytes(32, "little")
    small = ["verify.key.small-order", "verify.key.not-canonical", "verify.key.not-on-curve"]
    order_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    for label, codes, make in (
        ("null", "verify.key.parameters", lambda leaf: spki(own(leaf), tlv(der.NULL))),
        ("curve", "verify.key.parameters", lambda leaf: spki(own(leaf), oid(CURVES["P-256"][1]))),
        ("short", "verify.key.length", lambda leaf: spki(own(leaf)[:-1])),
        ("long", "verify.key.length", lambda leaf: spki(own(leaf) + b"\0")),
        ("empty", "verify.key.length", lambda leaf: spki(b"")),
        ("wrapped", "verify.key.length", lambda leaf: spki(octet_string(own(leaf)))),
        ("zero", small, lambda leaf: spki(bytes(32))),
        ("identity", small, lambda leaf: spki(little(1))),
        ("identity-signed", small, lambda leaf: spki(little(1 | 1 << 255))),
        ("minus-one", small, lambda leaf: spki(little(p - 1))),
        ("order-8", small, lambda leaf: spki(little(order_8))),
        ("order-8-negative", small, lambda leaf: spki(little((p - order_8) | 1 << 255))),
        ("p", small, lambda leaf: spki(little(p))),
        ("p-plus-1", small, lambda leaf: spki(little(p + 1))),
        ("p-plus-3", small, lambda leaf: spki(little(p + 3))),
        ("ones", small, lambda leaf: spki(b"\xff" * 32)),
        ("off-curve", "verify.key.not-on-curve", lambda leaf: spki(little(2))),
        ("x25519", "verify.key.algorithm", lambda leaf: seq(seq(oid("1.3.101.110")), bits(own(leaf)))),
        ("ed448-oid", "verify.key.algorithm", lambda leaf: seq(seq(oid("1.3.101.113")), bits(own(leaf)))),
        ("unused-bits", "verify.der.", lambda leaf: seq(seq(oid(pki.ED25519)), bits(own(leaf)[:-1] + b"\0", 1))),
    ):
        reel.pair(f"ed25519-{label}", "RFC 8032 §5.1.3, RFC 8410 §3", codes, lambda leaf, make=make: leaf.but(spki=make(leaf)), kind="Ed25519")


def extensions(reel):
    clause = "RFC 5280 §4.2"
    plain = lambda content: lambda leaf: leaf.but(extensions=content)
    ca_true, sign, critical = "verify.extension.ca-true", "verify.extension.key-cert-sign", "verify.extension.unknown-critical"
    bc = lambda value, flag=0xFF: extension(BC, value, flag)
    many = lambda count: b"".join(extension(f"1.3.6.1.4.1.99999.2.{i}", octet_string(b"x")) for i in range(count))
    for label, codes, bad, good in (
        ("empty-list", "verify.extension.none", b"", basic_constraints()),
        ("ca-true", ca_true, basic_constraints(True), basic_constraints()),
        ("ca-true-not-critical", ca_true, basic_constraints(True, critical=False), basic_constraints(critical=False)),
        ("ca-true-path-0", ca_true, basic_constraints(True, 0), basic_constraints()),
        ("ca-true-key-usage", ca_true, basic_constraints(True) + key_usage(5, 6), basic_constraints() + key_usage(0)),
        ("ca-true-end-entity-usage", ca_true, basic_constraints(True) + key_usage(0), basic_constraints() + key_usage(0, 4)),
        ("ca-boolean-1", "verify.der.boolean", bc(seq(boolean(1))), bc(seq())),
        ("ca-boolean-fe", "verify.der.boolean", bc(seq(boolean(0xFE))), bc(seq())),
        ("ca-boolean-long", "verify.der.boolean", bc(seq(tlv(1, b"\xff\xff"))), bc(seq())),
        ("ca-boolean-empty", "verify.der.boolean", bc(seq(tlv(1))), bc(seq())),
        ("ca-false-written", "verify.der.explicit-default", bc(seq(boolean(0))), bc(seq())),
        ("ca-false-written-not-critical", "verify.der.explicit-default", bc(seq(boolean(0)), None), bc(seq(), None)),
        ("ca-integer", ["verify."], bc(seq(integer(1))), bc(seq())),
        ("path-length-in-leaf", "verify.extension.path-length", bc(seq(integer(0))), bc(seq())),
        ("path-length-negative", "verify.extension.path-length", bc(seq(boolean(), integer(-1))), bc(seq())),
        ("bc-trailing", "verify.", bc(seq() + b"\0"), bc(seq())),
        ("bc-not-a-sequence", "verify.", bc(boolean()), bc(seq())),
        ("critical-false-written", "verify.der.explicit-default", extension(UNKNOWN, octet_string(b"x"), 0), extension(UNKNOWN, octet_string(b"x"))),
        ("critical-1", "verify.der.boolean", extension(KU, bits(b"\x80", 7), 1), extension(KU, bits(b"\x80", 7), 0xFF)),
        ("critical-twice", "verify.der.", seq(oid(KU), boolean(), boolean(), octet_string(bits(b"\x80", 7))), key_usage(0)),
        ("value-bit-string", "verify.der.tag", seq(oid(UNKNOWN), bits(b"x")), seq(oid(UNKNOWN), octet_string(octet_string(b"x")))),
        ("value-missing", "verify.der.", seq(oid(UNKNOWN)), seq(oid(UNKNOWN), octet_string(octet_string(b"x")))),
        ("value-twice", "verify.der.", seq(oid(UNKNOWN), octet_string(b"\x05\0"), octet_string(b"\x05\0")), seq(oid(UNKNOWN), octet_string(b"\x05\0"))),
        ("value-constructed", "verify.der.", seq(oid(UNKNOWN), tlv(0x24, octet_string(b"\x05\0"))), seq(oid(UNKNOWN), octet_string(b"\x05\0"))),
        ("identifier-padded", "verify.der.object-identifier", seq(tlv(6, b"\x55\x1d\x80\x13"), octet_string(seq(boolean()))), basic_constraints()),
        ("identifier-empty", "verify.der.object-identifier", seq(tlv(6), octet_string(b"\x05\0")), seq(oid(UNKNOWN), octet_string(b"\x05\0"))),
        ("unknown-critical", critical, extension(UNKNOWN, octet_string(b"x"), 0xFF), extension(UNKNOWN, octet_string(b"x"))),
        ("issuer-alt-name-critical", critical, extension("2.5.29.18", seq(tlv(0x82, b"a")), 0xFF), extension("2.5.29.18", seq(tlv(0x82, b"a")))),
        ("netscape-critical", critical, extension("2.16.840.1.113730.1.1", bits(b"\x80", 7), 0xFF), extension("2.16.840.1.113730.1.1", bits(b"\x80", 7))),
        ("poison", critical, extension("1.3.6.1.4.1.11129.2.4.3", tlv(der.NULL), 0xFF), extension("1.3.6.1.4.1.11129.2.4.2", octet_string(b"x"))),
        ("name-constraints", ["verify.extension."], extension("2.5.29.30", seq(explicit(0, seq(tlv(0x82, b"a")))), 0xFF), basic_constraints()),
        ("policy-constraints", ["verify.extension."], extension("2.5.29.36", seq(tlv(0x80, b"\0")), 0xFF), basic_constraints()),
        ("inhibit-any-policy", ["verify.extension."], extension("2.5.29.54", integer(0), 0xFF), basic_constraints()),
        ("key-identifier-critical", "verify.extension.criticality", extension(SKI, octet_string(b"k"), 0xFF), extension(SKI, octet_string(b"k"))),
        ("authority-critical", "verify.extension.criticality", extension(AKI, seq(tlv(0x80, b"k")), 0xFF), extension(AKI, seq(tlv(0x80, b"k")))),
        ("key-cert-sign", sign, key_usage(5), key_usage(0)),
        ("key-cert-sign-among-others", sign, key_usage(0, 5), key_usage(0, 4)),
        ("key-cert-sign-not-critical", sign, key_usage(0, 5, critical=False), key_usage(0, critical=False)),
        ("key-cert-sign-ca-false", sign, basic_constraints() + key_usage(5), basic_constraints() + key_usage(0)),
        ("key-usage-none", "verify.extension.malformed", extension(KU, bits(b"", 0), 0xFF), key_usage(0)),
        ("key-usage-zero", "verify.extension.malformed", extension(KU, bits(b"\0", 7), 0xFF), key_usage(0)),
        ("key-usage-trailing-bits", "verify.extension.malformed", extension(KU, bits(b"\x80", 0), 0xFF), key_usage(0)),
        ("key-usage-trailing-byte", "verify.extension.malformed", extension(KU, bits(b"\x80\0", 7), 0xFF), key_usage(0, 8)),
        ("key-usage-unknown-bit", "verify.extension.malformed", extension(KU, bits(b"\x80\x40", 6), 0xFF), key_usage(8)),
        ("key-usage-unused-8", "verify.extension.malformed", extension(KU, bits(b"\x80", 8), 0xFF), key_usage(0)),
        ("key-usage-integer", ["verify."], extension(KU, integer(1), 0xFF), key_usage(0)),
        ("ext-key-usage-empty", "verify.extension.malformed", extension(EKU, seq()), extension(EKU, seq(oid("1.3.6.1.5.5.7.3.2")))),
        ("alt-name-empty", "verify.extension.malformed", extension(SAN, seq()), extension(SAN, seq(tlv(0x82, b"a")))),
        ("duplicate-same", "verify.extension.duplicate", basic_constraints() * 2, basic_constraints()),
        ("duplicate-different", "verify.extension.duplicate", basic_constraints() + basic_constraints(True), basic_constraints()),
        ("duplicate-apart", "verify.extension.duplicate", key_usage(0) + basic_constraints() + key_usage(0, 4), key_usage(0) + basic_constraints()),
        ("duplicate-unknown", "verify.extension.duplicate", extension(UNKNOWN, octet_string(b"x")) * 2, extension(UNKNOWN, octet_string(b"x")) + extension(UNKNOWN + ".1", octet_string(b"x"))),
        ("of-65", "verify.extension.too-many", many(65), many(64)),
        ("of-5000", ["verify.extension.too-many", "verify.certificate.too-large"], many(5000), many(20)),
        ("megabyte", ["verify.certificate.too-large", "reel.limit.item-bytes"], extension(UNKNOWN, octet_string(bytes(1_000_000))), extension(UNKNOWN, octet_string(bytes(1_000)))),
        ("two-megabytes", ["verify.certificate.too-large", "reel.limit.item-bytes"], extension(UNKNOWN, octet_string(bytes(2_100_000))), extension(UNKNOWN, octet_string(bytes(2_000)))),
    ):
        reel.pair(f"extensions-{label}", clause, codes, plain(bad), plain(good))
    reel.reject("extensions-bare", "RFC 5280 §4.1: SEQUENCE OF in [3]", "verify.der.", reel.chips.next(after=explicit(3)).sign(ROOT_KEY))
    reel.reject("extensions-two-lists", "RFC 5280 §4.1", "verify.der.trailing-data", reel.chips.next(after=explicit(3, seq(basic_constraints()), seq(key_usage(0)))).sign(ROOT_KEY))
    reel.reject("extensions-not-wrapped", "RFC 5280 §4.1", "verify.der.", reel.chips.next(after=seq(basic_constraints())).sign(ROOT_KEY))
    reel.reject("extensions-implicit", "RFC 5280 §4.1", "verify.", reel.chips.next(after=tlv(0xA3, basic_constraints())).sign(ROOT_KEY))
    reel.reject("extensions-tag-4", "RFC 5280 §4.1", "verify.der.", reel.chips.next(after=explicit(4, seq(basic_constraints()))).sign(ROOT_KEY))
    reel.accept("extensions-empty-subject", "RFC 5280 §4.1.2.6: with a critical subjectAltName", reel.chips.next(subject=seq(), extensions=extension(SAN, seq(tlv(0x82, b"a")), 0xFF)).sign(ROOT_KEY))
    reel.reject("extensions-empty-subject-uncritical", "RFC 5280 §4.2.1.6", "verify.name.empty-subject", reel.chips.next(subject=seq(), extensions=extension(SAN, seq(tlv(0x82, b"a")))).sign(ROOT_KEY))


def add(corpus, chips):
    from corpus import Reel

    for part in (everywhere, signatures, algorithms, serials, versions, times, names, keys, extensions):
        part(Reel(corpus, f"leaves-{part.__name__}", chips))
