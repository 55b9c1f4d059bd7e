"""TEST keys that follow from a number, what they sign, and the certificates of chips."""

import hashlib
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from mutations import der

ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "secp521r1": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}
CURVES = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
}
HASHES = {1: hashes.SHA1(), 256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
OWN_HASH = {"secp256r1": 256, "secp384r1": 384, "secp521r1": 512, "brainpoolP256r1": 256, "brainpoolP384r1": 384}


def key(label, kind="P-256"):
    """A key that follows from its label."""
    seed = hashlib.sha512(label.encode()).digest()
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
    if kind.startswith("RSA"):
        return rsa.generate_private_key(65537, int(kind[4:]))
    return ec.derive_private_key(int.from_bytes(seed[:31], "big"), CURVES[kind])


def load(data):
    return serialization.load_pem_private_key(data, None)


def pkcs8(private):
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def spki(private):
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def ecdsa_algorithm(bits):
    return der.sequence(
        der.oid("1.2.840.10045.4.1" if bits == 1 else f"1.2.840.10045.4.3.{ {256: 2, 384: 3, 512: 4}[bits]}")
    )


def algorithm(private, bits=None):
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return der.sequence(der.oid("1.3.101.112"))
    if isinstance(private, rsa.RSAPrivateKey):
        number = {256: 11, 384: 12, 512: 13}[bits or 256]
        return der.sequence(der.oid(f"1.2.840.113549.1.1.{number}"), der.element(der.NULL))
    return ecdsa_algorithm(bits or OWN_HASH[private.curve.name])


def signature_of(r, s):
    return der.sequence(der.integer(r), der.integer(s))


def sign(private, message, bits=None, high=False):
    """The bytes of a signature; of ECDSA the one with the lower s, or the higher."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(message, padding.PKCS1v15(), HASHES[bits or 256])
    r, s = decode_dss_signature(
        private.sign(message, ec.ECDSA(HASHES[bits or OWN_HASH[private.curve.name]], deterministic_signing=True))
    )
    order = ORDERS.get(private.curve.name)
    if order and (s > order // 2) != high:
        s = order - s
    return signature_of(r, s)


def twin(signature, order=ORDERS["secp256r1"]):
    r, s = decode_dss_signature(signature)
    return signature_of(r, order - s)


def certify(private, fields, algorithm_id=None, outer=None, bits=None, high=False):
    """A certificate of these fields (whole elements, in order), signed."""
    return wrap(private, der.sequence(*fields), outer or algorithm_id or algorithm(private, bits), bits, high)


def wrap(private, tbs, identifier, bits=None, high=False):
    return der.sequence(tbs, identifier, der.element(der.BITS, b"\0", sign(private, tbs, bits, high)))


def ca_certificate(
    private,
    subject,
    above=None,
    above_key=None,
    more=(),
    begin="2020-01-01T00:00:00Z",
    end="2049-01-01T00:00:00Z",
    serial=77,
    basic=der.CA_TRUE,
    usage=b"\3\2\1\6",
):
    """A CA's certificate, self-signed without `above`."""
    own = [
        der.extension(der.BASIC, basic, True),
        der.extension(der.USAGE, usage, True),
        der.extension(der.SKI, der.element(4, der.sha256(spki(private))[:20])),
    ]
    signer = above_key or private
    fields = [
        der.VERSION_3,
        der.integer(serial),
        algorithm(signer),
        above or subject,
        der.sequence(der.time(der.utc(begin)), der.time(der.utc(end))),
        subject,
        spki(private),
        der.extensions(*own, *more),
    ]
    return certify(signer, fields)


class Source:
    """Who makes chips: a root shaped like ST's, its intermediates, and leaves."""

    def __init__(self, common_name="REROOT TEST STSAFE-A CA 01", kind="P-256"):
        self.key = key("root " + common_name, kind)
        self.name = der.name((der.C, "NL", der.PRINTABLE), (der.O, "REROOT TEST PKI"), (der.CN, common_name))
        fields = [
            der.VERSION_3,
            der.integer(1),
            algorithm(self.key),
            self.name,
            der.sequence(der.time(der.utc("2018-07-27T00:00:00Z")), der.time(der.utc("2048-07-27T00:00:00Z"))),
            self.name,
            spki(self.key),
            der.extensions(der.extension(der.BASIC, der.CA_TRUE, True)),
        ]
        self.root = certify(self.key, fields)

    @staticmethod
    def uid(index, family="stsafe-a"):
        if family == "stsafe-a":
            return b"\2\x09" + index.to_bytes(4, "little") + bytes.fromhex("7E57000139")
        if family == "stsafe-l":
            return b"\x21" + index.to_bytes(4, "little") + bytes.fromhex("7E570005")
        return b"\x5a" + index.to_bytes(5, "big")

    def leaf(
        self,
        index,
        family="stsafe-a",
        kind="P-256",
        uid=None,
        owner=None,
        text=None,
        end="2051-03-05T00:00:00Z",
        begin="2021-03-05T00:00:00Z",
        issuer=None,
        by=None,
        bits=None,
        more=(),
        high=False,
        subject=None,
        version=der.VERSION_3,
        serial=None,
    ):
        uid = uid or self.uid(index, family)
        text = f"eval3-{uid.hex().upper()}" if text is None else text
        subject = subject or der.name((der.C, "FR", der.PRINTABLE), (der.O, "STMicroelectronics"), (der.CN, text))
        signer = by or self.key
        fields = [
            version,
            serial or der.element(der.INTEGER, uid),
            algorithm(signer, bits),
            issuer or self.name,
            der.sequence(der.time(der.utc(begin)), der.time(der.utc(end))),
            subject,
            spki(owner or key(f"chip {index} {kind}", kind)),
            der.extensions(*more),
        ]
        return certify(signer, fields, bits=bits, high=high)
