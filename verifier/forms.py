"""What names, keys and extensions of certificates must be (docs/spec/manifest-format.md, Form of a certificate)."""
import re
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from asn1 import (Refused, check_der, content, dotted, elements, integer, is_bits, is_integer, is_text, members, need,
                    oid, sequence, tagged)

# --- names -----------------------------------------------------------------------------------------------------------

UTF8, PRINTABLE, TELETEX, IA5, UNIVERSAL, BMP = 12, 19, 20, 22, 28, 30
ENCODINGS = {UTF8: "utf-8", PRINTABLE: "ascii", IA5: "ascii", TELETEX: "latin-1", BMP: "utf-16-be",
             UNIVERSAL: "utf-32-be"}
DIRECTORY = (UTF8, PRINTABLE, TELETEX, BMP, UNIVERSAL)
BOUNDS = {  # by attribute type: string types, and the least and most characters (RFC 5280 appendix A)
    **{f"2.5.4.{n}": (DIRECTORY, 1, most) for n, most in ((3, 64), (10, 64), (11, 64), (12, 64), (7, 128), (8, 128),
                                                          (65, 128), (4, 32768), (41, 32768), (42, 32768))},
    "2.5.4.6": ((PRINTABLE,), 2, 2), "2.5.4.5": ((PRINTABLE,), 1, 64), "2.5.4.46": ((PRINTABLE,), 1, 1 << 30),
    "1.2.840.113549.1.9.1": ((IA5,), 1, 255), "0.9.2342.19200300.100.1.25": ((IA5,), 1, 1 << 30)}


def read_name(name, ordered=True):
    """The relative distinguished names, each with its attributes: type, tag and content of the value."""
    rdns = []
    for _, inside, _ in (found := elements(content(name, 0x30))):
        attributes = elements(inside)
        whole = [one for _, _, one in attributes]
        need(attributes and {tag for tag, _, _ in attributes} == {0x30}, "an empty relative distinguished name")
        need(not ordered or all(a < b for a, b in zip(whole, whole[1:])), "attributes of a name are out of order")
        pairs = [elements(pair) for _, pair, _ in attributes]
        need(all(len(pair) == 2 and pair[0][0] == 6 for pair in pairs), "an attribute of a name")
        rdns.append([(dotted(kind[1]), value[0], value[1]) for kind, value in pairs])
    need(all(tag == 0x31 for tag, _, _ in found), "a name")
    return rdns


def text_of(tag, data):
    """The characters of a string; None where its type or its bytes have none."""
    try:
        return data.decode(ENCODINGS[tag])
    except (KeyError, UnicodeDecodeError):
        return None


def check_name(rdns):
    attributes = [one for rdn in rdns for one in rdn]
    need(len(attributes) <= 32, "a name has too many attributes")
    for kind, tag, data in attributes:
        tags, least, most = BOUNDS.get(kind, ((), 0, 1 << 30))
        need(not tags or tag in tags, "attribute", kind, "has another string type")
        if tag not in ENCODINGS:
            check_der(bytes([tag]) + length(data) + data)
            continue
        text = text_of(tag, data)
        need(text is not None, "attribute", kind, "is not of its string type")
        need(tag != BMP or not re.search("[\U00010000-\U0010ffff]", text), "attribute", kind, "is not UCS-2")
        need(not re.search(r"[\0-\x1f\x7f-\x9f]", text), "attribute", kind, "has control characters")
        need(tag != PRINTABLE or re.fullmatch(r"[A-Za-z0-9 '()+,\-./:=?]*", text), "attribute", kind, "characters")
        need(least <= len(text) <= most, "attribute", kind, "has", len(text), "characters")


def length(data):
    return sequence(data)[1:-len(data) or None]


# --- keys ------------------------------------------------------------------------------------------------------------

CURVES = {"1.2.840.10045.3.1.7": ("P-256", 65), "1.3.132.0.34": ("P-384", 97), "1.3.132.0.35": ("P-521", 133),
          "1.3.36.3.3.2.8.1.1.7": ("brainpoolP256r1", 65), "1.3.36.3.3.2.8.1.1.11": ("brainpoolP384r1", 97)}
PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, PRIME) % PRIME


def read_key(spki):
    """The kind of a SubjectPublicKeyInfo, and its key without the byte that counts unused bits."""
    (_, algorithm, _), (_, bits, _) = tagged(content(spki, 0x30), 0x30, 3)
    need(bits[:1] == b"\0", "unused bits in a public key")
    kind, *parameters = elements(algorithm)
    need(kind[0] == 6, "algorithm of a key")
    match dotted(kind[1]), [(tag, inside) for tag, inside, _ in parameters]:
        case "1.2.840.10045.2.1", [(6, curve)]:
            name, size = CURVES.get(dotted(curve), ("", 0))
            need(len(bits) == size + 1 and bits[1] == 4, "the curve, or the point is not uncompressed")
        case "1.3.101.112", []:
            name = "Ed25519"
            need(len(bits) == 33, "length of an Ed25519 key")
        case "1.2.840.113549.1.1.1", [(5, b"")]:
            modulus, _ = [inside for _, inside, _ in tagged(content(bits[1:], 0x30), 2, 2)]
            name = f"RSA-{int.from_bytes(modulus, 'big').bit_length()}"
        case _:
            raise Refused("a public key's algorithm or parameters")
    return name, bits[1:]


def load_key(spki):
    """The key, which must be a valid one of its kind."""
    name, key = read_key(spki)
    if name == "Ed25519":
        check_ed25519(int.from_bytes(key, "little") & (1 << 255) - 1)
    try:
        loaded = load_der_public_key(spki)
    except Exception as error:
        raise Refused(f"a public key that is none: {error}")
    if isinstance(loaded, rsa.RSAPublicKey):
        numbers = loaded.public_numbers()
        need(key == sequence(integer(numbers.n), integer(numbers.e)), "an RSA key is not DER")
        need(loaded.key_size % 8 == 0 and 2048 <= loaded.key_size <= 8192 and numbers.n % 2, "size of an RSA key")
        need(numbers.e % 2 and 1 < numbers.e < 1 << 32, "exponent of an RSA key")
    return loaded


def check_ed25519(y):
    """A point of the curve that is not of small order (RFC 8032 section 5.1.3)."""
    need(y < PRIME, "an Ed25519 key is not canonical")
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    need(pow(square, (PRIME - 1) // 2, PRIME) == 1 and y, "an Ed25519 key is not a point, or of small order")
    # of order 8: twice the point has y = 0, which is (y^2 + x^2) / (1 - d x^2 y^2)
    need((y * y + square) % PRIME, "an Ed25519 key is a point of small order")


# --- extensions ------------------------------------------------------------------------------------------------------

BASIC, USAGE, PURPOSE, ALT_NAME, POLICIES = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17", "2.5.29.32"
ANY_PURPOSE = "2.5.29.37.0"
PROCESSED = {BASIC, USAGE, PURPOSE, ALT_NAME, POLICIES}  # the only ones that may be critical
CONSTRAINTS = {"2.5.29.30", "2.5.29.36", "2.5.29.54"}  # nameConstraints, policyConstraints, inhibitAnyPolicy


def key_usage(value):
    """The positions of the bits that are set."""
    bits = content(value, 3)
    need(len(bits) in (2, 3) and is_bits(bits) and bits[-1] >> bits[0] & 1, "keyUsage")
    number = int.from_bytes(bits[1:], "big")
    found = {at for at in range(8 * len(bits) - 8) if number >> 8 * len(bits) - 9 - at & 1}
    need(max(found) <= 8, "keyUsage")
    return found


def purposes(value):
    found = [dotted(inside) for _, inside, _ in each(value, 6)]
    need(found, "extKeyUsage is empty")
    return found


def each(value, tag):
    found = elements(content(value, 0x30))
    need(all(one == tag for one, _, _ in found), "an element of a list")
    return found


def each_sequence(value):
    found = each(value, 0x30)
    need(found, "a list is empty")
    check_der(content(value, 0x30))
    return [inside for _, inside, _ in found]


def general_names(inside):
    found = elements(inside)
    need(found and all(is_general_name(tag, one) for tag, one, _ in found), "general names")


def is_general_name(tag, inside):
    match tag:
        case 0xA0:
            (_, kind, _), (_, value, _) = tagged(inside, 6, 0xA0)
            check_der(value)
            return bool(dotted(kind) and value)
        case 0x81 | 0x82 | 0x86: return inside != b"" and is_text(inside, "ascii")
        case 0xA3 | 0xA5: return check_der(inside) is None
        case 0xA4: return (read_name(inside), check_der(inside)) and True
        case 0x87: return len(inside) in (4, 16)
        case 0x88: return bool(dotted(inside))
    return False


def authority_key_identifier(value):
    _, issuer, serial = members(content(value, 0x30), 0x80, 0xA1, 0x82)
    need((issuer is None) == (serial is None), "authorityKeyIdentifier")
    if issuer:
        general_names(issuer[0])
        need(is_integer(serial[0]), "authorityKeyIdentifier")


def certificate_policies(value):
    seen = []
    for policy in each_sequence(value):
        kind, *qualifiers = elements(policy)
        need(kind[0] == 6 and len(qualifiers) <= 1, "certificatePolicies")
        seen.append(dotted(kind[1]))
        for qualifier in [one for whole in qualifiers for one in each_sequence(whole[2])]:
            name, *rest = elements(qualifier)
            need(name[0] == 6 and dotted(name[1]) and len(rest) == 1, "a policy qualifier")
    need(len(set(seen)) == len(seen), "certificatePolicies names a policy twice")


def distribution_points(value):
    for point in each_sequence(value):
        place, reasons, issuer = members(point, 0xA0, 0x81, 0xA2)
        need(place or issuer, "a distribution point says nothing")
        if place:
            [(tag, inside, _)] = elements(place[0])
            need(tag in (0xA0, 0xA1), "a distribution point")
            general_names(inside) if tag == 0xA0 else read_name(sequence(b"\x31" + length(inside) + inside))
        need(not reasons or is_bits(reasons[0]), "reasons of a distribution point")
        if issuer:
            general_names(issuer[0])


def access_descriptions(value):
    for description in each_sequence(value):
        [kind, name] = elements(description)
        need(kind[0] == 6 and dotted(kind[1]) and is_general_name(*name[:2]), "an access description")


TYPES = {  # of the extensions that are known: how the value is read, and whether it may never be critical
    PURPOSE: (purposes, False), ALT_NAME: (lambda value: general_names(content(value, 0x30)), False),
    POLICIES: (certificate_policies, False), "2.5.29.14": (lambda value: content(value, 4), True),
    "2.5.29.35": (authority_key_identifier, True),
    "2.5.29.18": (lambda value: general_names(content(value, 0x30)), True),
    "2.5.29.31": (distribution_points, True), "2.5.29.46": (distribution_points, True),
    "1.3.6.1.5.5.7.1.1": (access_descriptions, True), "1.3.6.1.5.5.7.1.11": (access_descriptions, True),
    "2.5.29.9": (lambda value: filled(value), True), "2.5.29.33": (lambda value: filled(value), True)}


def filled(value):
    need(content(value, 0x30), "a list is empty")
    check_der(content(value, 0x30))


def check_extensions(extensions):
    """Of a leaf or a CA certificate: each that is known is of its type, and none is critical but those processed."""
    need(not CONSTRAINTS & set(extensions), "constraints on certificates below")
    for kind, (critical, value, _) in extensions.items():
        need(not critical or kind in PROCESSED, "critical extension", kind)
        if kind in TYPES:
            TYPES[kind][0](value)
