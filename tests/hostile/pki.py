"""TEST keys made from their names, and certificates of which every part can be replaced."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Callable, Optional

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

import der
from der import UTF8, PRINTABLE, explicit, integer, oid, octet_string, seq, tlv

CURVES = {
    # name: (pyca's curve, OID, bytes of a coordinate, prime, order)
    "P-256": (
        ec.SECP256R1(), "1.2.840.10045.3.1.7", 32,
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "P-384": (
        ec.SECP384R1(), "1.3.132.0.34", 48,
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    "P-521": (
        ec.SECP521R1(), "1.3.132.0.35", 66,
        2**521 - 1,
        0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    ),
    "brainpoolP256r1": (
        ec.BrainpoolP256R1(), "1.3.36.3.3.2.8.1.1.7", 32,
        0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
        0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    ),
    "brainpoolP384r1": (
        ec.BrainpoolP384R1(), "1.3.36.3.3.2.8.1.1.11", 48,
        0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53,
        0x8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565,
    ),
}
UNKNOWN_CURVES = {"secp256k1": (ec.SECP256K1(), "1.3.132.0.10"), "P-224": (ec.SECP224R1(), "1.3.132.0.33")}
HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
ECDSA = {
    "sha1": "1.2.840.10045.4.1", "sha224": "1.2.840.10045.4.3.1", "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4",
}
ED25519 = "1.3.101.112"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"


def ecdsa_identifier(digest="sha256", *parameters):
    return seq(oid(ECDSA[digest]), *parameters)


def ec_spki(point, curve="P-256", parameters=None):
    named = CURVES[curve][1] if curve in CURVES else curve
    return seq(seq(oid(EC_PUBLIC_KEY), oid(named) if parameters is None else parameters), der.bits(point))


class Key:
    """A TEST key: anybody can make it from its name."""

    def __init__(self, name, kind="P-256"):
        self.name, self.kind = name, kind
        seed = hashlib.sha512(f"reroot hostile corpus TEST key {kind} {name}".encode()).digest()
        if kind == "Ed25519":
            self.private = ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
            raw = self.private.public_key().public_bytes_raw()
            self.point, self.spki = raw, seq(seq(oid(ED25519)), der.bits(raw))
            return
        curve = CURVES[kind][0] if kind in CURVES else UNKNOWN_CURVES[kind][0]
        self.private = ec.derive_private_key(int.from_bytes(seed[:24], "big"), curve)
        encoding, form = serialization.Encoding, serialization.PublicFormat
        self.point = self.private.public_key().public_bytes(encoding.X962, form.UncompressedPoint)
        self.compressed = self.private.public_key().public_bytes(encoding.X962, form.CompressedPoint)
        self.spki = ec_spki(self.point, kind if kind in CURVES else UNKNOWN_CURVES[kind][1])

    def usual_hash(self):
        return {"P-384": "sha384", "brainpoolP384r1": "sha384", "P-521": "sha512"}.get(self.kind, "sha256")

    def identifier(self, digest=None):
        return seq(oid(ED25519)) if self.kind == "Ed25519" else ecdsa_identifier(digest or self.usual_hash())

    def sign(self, message, digest=None):
        if self.kind == "Ed25519":
            return self.private.sign(message)
        return self.private.sign(message, ec.ECDSA(HASHES[digest or self.usual_hash()], deterministic_signing=True))


class RsaKey:
    """RSA keys cannot be made from a name here; this one is a constant, and a TEST key."""

    kind = "RSA"

    def __init__(self):
        # two 1024-bit primes from a counter, found once and written down in rsa_test_key.py
        from rsa_test_key import P, Q

        n, e = P * Q, 65537
        d = pow(e, -1, (P - 1) * (Q - 1))
        numbers = rsa.RSAPrivateNumbers(
            P, Q, d, d % (P - 1), d % (Q - 1), pow(Q, -1, P), rsa.RSAPublicNumbers(e, n)
        )
        self.private = numbers.private_key()
        self.spki = seq(
            seq(oid("1.2.840.113549.1.1.1"), tlv(der.NULL)), der.bits(seq(integer(n), integer(e)))
        )

    def identifier(self, _digest=None):
        return seq(oid("1.2.840.113549.1.1.11"), tlv(der.NULL))

    def sign(self, message, _digest=None):
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


ATTRIBUTES = {
    "C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11", "CN": "2.5.4.3", "L": "2.5.4.7", "serialNumber": "2.5.4.5",
    "emailAddress": "1.2.840.113549.1.9.1", "DC": "0.9.2342.19200300.100.1.25", "dnQualifier": "2.5.4.46",
}


def attribute(kind, value, tag=None):
    """The pair; text goes out as ST writes it: C as PrintableString, the rest as UTF8String."""
    if tag is None:
        tag = {"C": PRINTABLE, "serialNumber": PRINTABLE}.get(kind, UTF8)
    content = value.encode() if isinstance(value, str) else value
    return seq(oid(ATTRIBUTES.get(kind, kind)), tlv(tag, content))


def rdn(*pairs):
    return tlv(der.SET, *pairs)


def name(*attributes):
    return seq(*(rdn(attribute(*parts)) for parts in attributes))


ST = "STMicroelectronics nv"
ROOT_CN = "STM STSAFE-A CORPUS CA 01"
ROOT_NAME = name(("C", "NL"), ("O", ST), ("CN", ROOT_CN))


def utc(text):
    return tlv(der.UTC, text.encode())


def generalized(text):
    return tlv(der.GENERALIZED, text.encode())


def extension(dotted, value, critical=None):
    """`critical`: absent, or the BOOLEAN's byte."""
    flag = b"" if critical is None else der.boolean(critical)
    return seq(oid(dotted), flag, octet_string(value))


BC, KU, EKU, SAN, SKI, AKI = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17", "2.5.29.14", "2.5.29.35"


def basic_constraints(ca=False, path_len=None, critical=True):
    value = seq(der.boolean() if ca else b"", b"" if path_len is None else integer(path_len))
    return extension(BC, value, 0xFF if critical else None)


def key_usage(*numbers, critical=True):
    top = max(numbers)
    value = sum(1 << (15 - number) for number in numbers).to_bytes(2, "big")[: top // 8 + 1]
    return extension(KU, der.bits(value, (8 * len(value) - 1 - top)), 0xFF if critical else None)


V3 = explicit(0, integer(2))


@dataclass(frozen=True)
class Cert:
    """Every field is DER as it will stand there."""

    serial: bytes = b""  # content bytes
    serial_element: Optional[bytes] = None
    spki: bytes = b""
    subject: bytes = b""
    version: bytes = V3
    algorithm: Optional[bytes] = None
    outer: Optional[bytes] = None
    issuer: bytes = ROOT_NAME
    not_before: bytes = utc("210305000000Z")
    not_after: bytes = generalized("20510305000000Z")
    validity: Optional[bytes] = None
    unique: bytes = b""
    extensions: Optional[bytes] = None  # the content of the SEQUENCE
    after: bytes = b""
    tbs: Callable = seq  # content -> element
    signature: Callable = field(default=lambda value: value)
    signature_bits: Callable = field(default=lambda value: der.bits(value))
    whole: Callable = seq

    def but(self, **changes):
        return replace(self, **changes)

    def fields(self, key, digest=None):
        algorithm = self.algorithm if self.algorithm is not None else key.identifier(digest)
        validity = self.validity if self.validity is not None else seq(self.not_before, self.not_after)
        extensions = b"" if self.extensions is None else explicit(3, seq(self.extensions))
        serial = tlv(der.INTEGER, self.serial) if self.serial_element is None else self.serial_element
        return algorithm, [
            self.version, serial, algorithm, self.issuer, validity, self.subject, self.spki, self.unique, extensions,
            self.after,
        ]

    def sign(self, key, digest=None):
        algorithm, fields = self.fields(key, digest)
        return self.seal(self.tbs(b"".join(fields)), algorithm, key, digest)

    def seal(self, tbs, algorithm, key, digest=None):
        outer = algorithm if self.outer is None else self.outer
        return self.whole(tbs + outer + self.signature_bits(self.signature(key.sign(tbs, digest))))


ROOT_KEY = Key("root")


def ca(subject, key, issuer_key, issuer=ROOT_NAME, extensions=None, serial=b"\x01", digest=None, **changes):
    """A CA certificate as ST's root is: basicConstraints and nothing else."""
    if extensions is None:
        extensions = basic_constraints(True)
    certificate = Cert(
        serial=serial, subject=subject, spki=key.spki, issuer=issuer, not_before=utc("180727000000Z"),
        not_after=utc("480727000000Z"), extensions=extensions or None,
    )
    return certificate.but(**changes).sign(issuer_key, digest)


class Chips:
    """Hands out chips: no two cases share a UID or a key."""

    def __init__(self):
        self.count = 0

    def next(self, kind="P-256", **changes):
        self.count += 1
        return leaf(self.count, kind, **changes)


def leaf(number, kind="P-256", **changes):
    uid = bytes.fromhex("0209") + (0xC0DE << 40 | number).to_bytes(7, "big") + bytes.fromhex("0139")
    key = Key(f"chip {number}", kind)
    subject = name(("C", "FR"), ("O", "STMicroelectronics"), ("CN", f"eval3-{uid.hex().upper()}"))
    return Cert(serial=uid, subject=subject, spki=key.spki).but(**changes)


def stsafe_l(number, **changes):
    uid = bytes.fromhex("4000000000") + number.to_bytes(2, "big") + bytes.fromhex("0113")
    key = Key(f"stsafe-l chip {number}", "Ed25519")
    subject = name(("C", "IT"), ("O", ST), ("CN", f"STSAFE-L010-GEN-{uid.hex().upper()}"))
    return Cert(
        serial=uid, subject=subject, spki=key.spki, not_before=utc("250404062813Z"),
        not_after=generalized("20550404062813Z"),
    ).but(**changes)
