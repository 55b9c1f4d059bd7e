"""Issuing keys of every kind, which the root certified for the insider: the lower s, and other signatures."""

import json
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from mutations import der, keys
from mutations.campaign import ACCEPT, REFUSE, Case
from mutations.certificates import extension_of
from mutations.der import element, sequence
from mutations.forge import Forge, derived_serial
from mutations.house import read

SIGNATURES = {
    "P-256": "ecdsa-sha256",
    "P-384": "ecdsa-sha384",
    "P-521": "ecdsa-sha512",
    "Ed25519": "ed25519",
    "RSA-2048": "rsa-pkcs1-sha256",
}
L = 2**252 + 27742317777372353535851937790883648493  # the order of Ed25519's base point


def numbers(data):
    return decode_dss_signature(data)


def ecdsa(private, message, high=False, wanted=lambda r, s: True):
    """A signature with another nonce each time, the lower s or the higher."""
    order, bits = keys.ORDERS[private.curve.name], keys.OWN_HASH[private.curve.name]
    while True:
        r, s = numbers(private.sign(message, ec.ECDSA(keys.HASHES[bits])))
        s = order - s if (s > order // 2) != high else s
        if wanted(r, s):
            return keys.signature_of(r, s)


def full(private):
    width = (private.key_size + 7) // 8
    return lambda r, s: all(one >= 1 << 8 * (width - 1) for one in (r, s))


def pss(private, message, salt=32, mask=hashes.SHA256()):
    return private.sign(message, padding.PSS(padding.MGF1(mask), salt), hashes.SHA256())


PSS = sequence(
    der.oid("1.2.840.113549.1.1.10"),
    sequence(
        element(0xA0, sequence(der.oid("2.16.840.1.101.3.4.2.1"), b"\5\0")),
        element(
            0xA1,
            sequence(der.oid("1.2.840.113549.1.1.8"), sequence(der.oid("2.16.840.1.101.3.4.2.1"), b"\5\0")),
        ),
        element(0xA2, der.integer(32)),
    ),
)


def forged(batch, private, signature, sign, full_width=False, identifier=None):
    """All certificates of the batch by another issuing key."""
    forge = Forge(batch)
    root_key = keys.load(read(batch.house.path("pki/ca/root.key.pem")))
    [root] = der.pem_blocks(read(batch.house.path("pki/ca/root.pem")))
    above, spki, key_id = forge.issuer(), keys.spki(private), der.sha256(keys.spki(private))[:20]
    own = [
        der.extension(der.BASIC, sequence(element(1, b"\xff"), der.integer(0)), True),
        der.extension(der.USAGE, b"\3\2\1\6", True),
        der.extension(der.SKI, element(4, key_id)),
    ]
    times = sequence(der.time(der.utc("2020-01-01T00:00:00Z")), der.time(der.utc("2049-12-31T00:00:00Z")))
    fields = [der.VERSION_3, der.integer(5), keys.algorithm(root_key), above.issuer, times, above.subject, spki]
    issuer = keys.certify(root_key, [*fields, der.extensions(*own)])
    policy = batch.files["policy.toml"].replace(b'"ecdsa-sha256"', f'"{signature}"'.encode())
    if full_width:
        policy = policy.replace(b"full_width_signature = false", b"full_width_signature = true")
    forge.raw.update({"policy.toml": policy, "chain.pem": der.pem(issuer) + der.pem(root)})
    forge.s["issuer"].update(sha256=der.sha256(issuer).hex(), spki_sha256=der.sha256(spki).hex())
    algorithm = identifier or keys.algorithm(private)
    for at, chip in enumerate(forge.chips):
        before = der.Certificate(chip.certificate)
        listed = list(before.extensions())
        listed[extension_of(listed, der.AKI)] = der.extension(der.AKI, sequence(element(0x80, key_id)))
        serial = element(2, derived_serial(forge.s, spki, chip.source, 0))
        changed = {"serial": serial, "inner": algorithm, "listed": der.extensions(*listed)}
        tbs = sequence(*{**before.fields(), **changed}.values())
        forge.fitted(at, sequence(tbs, algorithm, element(3, b"\0", sign(private, tbs))))
    return forge.done()


def cases(bench):
    batch = bench.main
    two = json.loads(batch.files["manifest.json"])["encoder"] == 2
    high_s = REFUSE if two else ACCEPT

    def case(kind, name, sign, expect=REFUSE, signature=None, **how):
        private = bench.rsa if kind.startswith("RSA") else keys.key("issuer " + kind, kind)
        made = lambda: forged(batch, private, signature or SIGNATURES[kind], sign, **how)
        return Case("free: keys" if expect == ACCEPT else "keys", f"{kind}: {name}", batch, made, expect)

    for kind in ("P-256", "P-384", "P-521"):
        order = keys.ORDERS[keys.CURVES[kind].name]
        yield case(kind, "the lower s", ecdsa, ACCEPT)
        yield case(kind, "the higher s", lambda key, tbs: ecdsa(key, tbs, True), high_s)
        short = lambda key, tbs: ecdsa(key, tbs, kind == "P-521", lambda r, s: not full(key)(r, s))
        # only the higher s of P-521 can be of full width
        exact = lambda key, tbs, kind=kind: ecdsa(key, tbs, kind == "P-521", full(key))
        yield case(kind, "of full width", exact, ACCEPT, full_width=True)
        if kind == "P-521":
            yield case(kind, "full width wanted, the lower s", ecdsa, full_width=True)
            yield case(kind, "full width wanted, r short", short, full_width=True)
        else:
            above = lambda key, tbs: ecdsa(key, tbs, True, full(key))
            yield case(kind, "full width wanted, the higher s", above, high_s, full_width=True)
        for name, change in {
            "s plus n": lambda r, s, order=order: (r, s + order),
            "r plus n": lambda r, s, order=order: (r + order, s),
            "s zero": lambda r, s: (r, 0),
            "s negative": lambda r, s, order=order: (r, s - order),
            "r and s exchanged": lambda r, s: (s, r),
        }.items():
            bent = lambda key, tbs, change=change: keys.signature_of(*change(*numbers(ecdsa(key, tbs))))
            yield case(kind, name, bent)
    other = {"P-256": 384, "P-384": 256, "P-521": 256}
    for kind, bits in other.items():
        sign = lambda key, tbs, bits=bits: keys.sign(key, tbs, bits)
        signature, identifier = f"ecdsa-sha{bits}", keys.ecdsa_algorithm(bits)
        yield case(kind, f"with SHA-{bits}, as the policy says", sign, "alike", signature, identifier=identifier)
        yield case(kind, f"with SHA-{bits}, against the policy", sign, identifier=identifier)
    yield case("Ed25519", "honest", keys.sign, ACCEPT)
    plus = lambda data, by: data[:32] + (int.from_bytes(data[32:], "little") + by).to_bytes(32, "little")
    yield case("Ed25519", "S plus L", lambda key, tbs: plus(keys.sign(key, tbs), L))
    yield case("Ed25519", "S plus one", lambda key, tbs: plus(keys.sign(key, tbs), 1))
    yield case("Ed25519", "R zero", lambda key, tbs: bytes(32) + keys.sign(key, tbs)[32:])
    yield case("Ed25519", "zero", lambda key, tbs: bytes(64))
    yield case("Ed25519", "a byte more", lambda key, tbs: keys.sign(key, tbs) + b"\0")
    yield case("Ed25519", "over the digest", lambda key, tbs: keys.sign(key, der.sha256(tbs)))
    rsa = "RSA-2048"
    yield case(rsa, "honest", keys.sign, ACCEPT)
    yield case(rsa, "SHA-384", lambda key, tbs: keys.sign(key, tbs, 384))
    yield case(rsa, "a byte less", lambda key, tbs: keys.sign(key, tbs)[1:])
    yield case(rsa, "a zero before", lambda key, tbs: b"\0" + keys.sign(key, tbs))
    yield case(rsa, "zero", lambda key, tbs: bytes(256))
    modulus = lambda key: key.public_key().public_numbers().n
    wrap = lambda key, data: (int.from_bytes(data, "big") + modulus(key)).to_bytes(257, "big")
    yield case(rsa, "plus the modulus", lambda key, tbs: wrap(key, keys.sign(key, tbs)))
    yield case(rsa, "PSS for PKCS #1", pss)
    without = sequence(der.oid("1.2.840.113549.1.1.11"))
    yield case(rsa, "without NULL", keys.sign, identifier=without)
    probabilistic = {"signature": "rsa-pss-sha256", "identifier": PSS}
    yield case(rsa, "PSS", pss, ACCEPT, **probabilistic)
    for salt in (0, 20, 31, 33):
        yield case(rsa, f"PSS with a salt of {salt}", lambda key, tbs, salt=salt: pss(key, tbs, salt), **probabilistic)
    yield case(rsa, "PSS with another mask", lambda key, tbs: pss(key, tbs, 32, hashes.SHA1()), **probabilistic)
    yield case(rsa, "PKCS #1 for PSS", keys.sign, **probabilistic)
    trailer = sequence(*der.parts(PSS)[:1], sequence(der.inside(der.parts(PSS)[1]), element(0xA3, der.integer(1))))
    yield case(rsa, "PSS with its trailer written out", pss, signature="rsa-pss-sha256", identifier=trailer)
