"""Certificates that the issuing CA signed again: each field of the tbsCertificate changed, other forms of DER, other
signatures. The insider holds the issuing key and the manifest key."""

import json
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.der import element, inside, integer, oid, parts, sequence
from mutations.forge import Forge, derived_serial

N = keys.ORDERS["secp256r1"]


def resigned(batch, at=1, **fields):
    forge = Forge(batch)
    values = {
        key: value(forge, der.Certificate(forge.chips[at].certificate)) if callable(value) else value
        for key, value in fields.items()
    }
    return forge.reissue(at, **values).done()


def shaped(batch, change, at=1):
    """Another certificate from the bytes of the good one."""
    forge = Forge(batch)
    return forge.fitted(at, change(forge, der.Certificate(forge.chips[at].certificate))).done()


def listed(change):
    """Other extensions."""
    return lambda forge, cert: der.extensions(*change(list(cert.extensions())))


def extension_of(some, kind):
    return next(n for n, one in enumerate(some) if parts(one)[0] == oid(kind))


def with_value(kind, value, critical=None):
    def change(some):
        at = extension_of(some, kind)
        was = len(parts(some[at])) == 3
        some[at] = der.extension(kind, value, was if critical is None else critical)
        return some

    return listed(change)


def without(kind):
    return listed(lambda some: [one for one in some if parts(one)[0] != oid(kind)])


def more(kind, value, critical=False, at=None):
    return listed(
        lambda some: [
            *some[: at if at is not None else len(some)],
            der.extension(kind, value, critical),
            *some[at if at is not None else len(some) :],
        ]
    )


def name_of(*attributes):
    return der.name(*attributes)


def validity(begin=None, end=None, tag=None):
    def change(forge, cert):
        one, two = parts(cert.validity)
        return sequence(
            der.time(begin(cert.begin), tag) if begin else one, der.time(end(cert.end), tag) if end else two
        )

    return change


def recased(name):
    return sequence(
        *[
            element(
                0x31,
                *[
                    der.attribute_of(inside(parts(one)[0]), inside(parts(one)[1]).swapcase(), parts(one)[1][0])
                    for one in parts(rdn)
                ],
            )
            for rdn in parts(name)
        ]
    )


later = lambda **span: lambda at: der.later(at, **span)
FIELDS = {
    "no version": dict(version=b""),
    "version 1, written out": dict(version=element(0xA0, integer(0))),
    "version 2": dict(version=element(0xA0, integer(1))),
    "version 4": dict(version=element(0xA0, integer(3))),
    "version in two bytes": dict(version=element(0xA0, element(2, b"\0\2"))),
    "serial number of attempt 1": dict(
        serial=lambda f, c: element(2, derived_serial(f.s, f.issuer().spki, f.chips[1].source, 1))
    ),
    "serial number of another chip": dict(
        serial=lambda f, c: element(2, derived_serial(f.s, f.issuer().spki, f.chips[2].source, 0))
    ),
    "serial number of the leaf": dict(serial=lambda f, c: der.Certificate(f.chips[1].source).serial),
    "serial number zero": dict(serial=integer(0)),
    "serial number negative": dict(serial=element(2, b"\x80" + b"\1" * 15)),
    "serial number of 21 bytes": dict(serial=element(2, b"\x41" * 21)),
    "serial number of 1 byte": dict(serial=integer(7)),
    "serial number with a zero before": dict(serial=lambda f, c: element(2, b"\0" + inside(c.serial))),
    "serial number empty": dict(serial=element(2)),
    "serial number 1000 more": dict(serial=lambda f, c: integer(int.from_bytes(inside(c.serial), "big") + 1000)),
    "serial number cut": dict(serial=lambda f, c: element(2, inside(c.serial)[:-1])),
    "serial number without the mask": dict(
        serial=lambda f, c: element(2, bytes([inside(c.serial)[0] ^ 0x20]) + inside(c.serial)[1:])
    ),
    "serial number an ENUMERATED": dict(serial=lambda f, c: element(10, inside(c.serial))),
    "serial number as encoder 1 or 2 of a zero seed": dict(
        serial=lambda f, c: element(
            2, derived_serial({**f.s, "serial_seed": "00" * 32}, f.issuer().spki, f.chips[1].source, 0)
        )
    ),
    "serial number over the root's key": dict(
        serial=lambda f, c: element(
            2,
            derived_serial(
                f.s,
                (
                    der.Certificate(der.pem_blocks(f.files["chain.pem"])[-1]).spki
                    if len(der.pem_blocks(f.files["chain.pem"])) > 1
                    else c.spki
                ),
                f.chips[1].source,
                0,
            ),
        )
    ),
    "inner algorithm SHA-384": dict(inner=keys.ecdsa_algorithm(384)),
    "both algorithms SHA-384, signed with SHA-256": dict(
        inner=keys.ecdsa_algorithm(384), outer=keys.ecdsa_algorithm(384)
    ),
    "both algorithms SHA-384, signed so": dict(
        inner=keys.ecdsa_algorithm(384), outer=keys.ecdsa_algorithm(384), bits=384
    ),
    "SHA-1, signed so": dict(inner=keys.ecdsa_algorithm(1), outer=keys.ecdsa_algorithm(1), bits=1),
    "SHA-512, signed so": dict(inner=keys.ecdsa_algorithm(512), outer=keys.ecdsa_algorithm(512), bits=512),
    "outer algorithm SHA-384": dict(outer=keys.ecdsa_algorithm(384)),
    "inner algorithm with NULL": dict(inner=sequence(oid("1.2.840.10045.4.3.2"), b"\5\0")),
    "outer algorithm with NULL": dict(outer=sequence(oid("1.2.840.10045.4.3.2"), b"\5\0")),
    "both algorithms with NULL": dict(
        inner=sequence(oid("1.2.840.10045.4.3.2"), b"\5\0"), outer=sequence(oid("1.2.840.10045.4.3.2"), b"\5\0")
    ),
    "algorithm Ed25519": dict(inner=sequence(oid("1.3.101.112")), outer=sequence(oid("1.3.101.112"))),
    "algorithm RSA": dict(
        inner=sequence(oid("1.2.840.113549.1.1.11"), b"\5\0"), outer=sequence(oid("1.2.840.113549.1.1.11"), b"\5\0")
    ),
    "algorithm unknown": dict(inner=sequence(oid("1.2.3.4")), outer=sequence(oid("1.2.3.4"))),
    "high s": dict(high=True),
    "another issuer": dict(issuer=name_of((der.CN, "Another CA"))),
    "empty issuer": dict(issuer=sequence()),
    "issuer in another letter case": dict(issuer=lambda f, c: recased(c.issuer)),
    "issuer as PrintableString": dict(issuer=lambda f, c: c.issuer.replace(b"\x0c", b"\x13", 1)),
    "issuer with an attribute more": dict(
        issuer=lambda f, c: sequence(inside(c.issuer), element(0x31, der.attribute(der.OU, "x")))
    ),
    "issuer's attributes reversed": dict(issuer=lambda f, c: sequence(*parts(c.issuer)[::-1])),
    "the root as issuer": dict(issuer=lambda f, c: f.issuer().issuer),
    "notBefore a second later": dict(validity=validity(later(seconds=1))),
    "notBefore a second before": dict(validity=validity(later(seconds=-1))),
    "notBefore a day later": dict(validity=validity(later(days=1))),
    "notBefore before the issuing CA's": dict(validity=validity(lambda at: der.utc("2019-12-31T00:00:00Z"))),
    "notAfter a second later": dict(validity=validity(None, later(seconds=1))),
    "notAfter a second before": dict(validity=validity(None, later(seconds=-1))),
    "notAfter a year later": dict(validity=validity(None, later(days=365))),
    "notAfter never": dict(validity=lambda f, c: sequence(parts(c.validity)[0], element(0x18, b"99991231235959Z"))),
    "times as GeneralizedTime": dict(validity=validity(later(), later(), 0x18)),
    "notAfter after the issuing CA's": dict(validity=validity(None, lambda at: der.utc("2090-01-01T00:00:00Z"))),
    "times exchanged": dict(validity=lambda f, c: sequence(*parts(c.validity)[::-1])),
    "notBefore without seconds": dict(
        validity=lambda f, c: sequence(element(0x17, inside(parts(c.validity)[0])[:10] + b"Z"), parts(c.validity)[1])
    ),
    "notBefore with an offset": dict(
        validity=lambda f, c: sequence(
            element(0x17, inside(parts(c.validity)[0])[:-1] + b"+0000"), parts(c.validity)[1]
        )
    ),
    "a third time": dict(validity=lambda f, c: sequence(inside(c.validity), parts(c.validity)[1])),
    "no times": dict(validity=sequence()),
    "another subject": dict(subject=name_of((der.O, "Workshop"), (der.OU, "A1"), (der.CN, "other"))),
    "empty subject": dict(subject=sequence()),
    "the issuer's subject": dict(subject=lambda f, c: c.issuer),
    "another chip's subject": dict(subject=lambda f, c: der.Certificate(f.chips[2].certificate).subject),
    "subject in lower case": dict(subject=lambda f, c: c.subject.replace(b"Workshop", b"workshop")),
    "subject as PrintableString": dict(
        subject=lambda f, c: c.subject.replace(b"\x0c\x08Workshop", b"\x13\x08Workshop")
    ),
    "subject as TeletexString": dict(subject=lambda f, c: c.subject.replace(b"\x0c\x08Workshop", b"\x14\x08Workshop")),
    "subject reversed": dict(subject=lambda f, c: sequence(*parts(c.subject)[::-1])),
    "subject with an attribute more": dict(
        subject=lambda f, c: sequence(inside(c.subject), element(0x31, der.attribute("2.5.4.5", "1", 19)))
    ),
    "subject with an attribute less": dict(subject=lambda f, c: sequence(*parts(c.subject)[1:])),
    "subject in one set": dict(
        subject=lambda f, c: sequence(element(0x31, *sorted(inside(one) for one in parts(c.subject))))
    ),
    "subject with a space": dict(subject=lambda f, c: c.subject.replace(b"Workshop", b"Work hop")),
    "subject an empty set": dict(subject=lambda f, c: sequence(inside(c.subject), element(0x31))),
    "another chip's key": dict(spki=lambda f, c: der.Certificate(f.chips[2].certificate).spki),
    "a key of nobody": dict(spki=keys.spki(keys.key("nobody"))),
    "the issuing CA's key": dict(spki=lambda f, c: f.issuer().spki),
    "a key of P-384": dict(spki=keys.spki(keys.key("nobody", "P-384"))),
    "a compressed point": dict(spki=lambda f, c: compressed(c.spki)),
    "a hybrid point": dict(spki=lambda f, c: hybrid(c.spki)),
    "the point negated": dict(spki=lambda f, c: negated(c.spki)),
    "a point not on the curve": dict(spki=lambda f, c: c.spki[:-1] + bytes([c.spki[-1] ^ 1])),
    "the point at infinity": dict(spki=lambda f, c: sequence(parts(c.spki)[0], element(3, b"\0\0"))),
    "an unused bit in the point": dict(
        spki=lambda f, c: sequence(parts(c.spki)[0], element(3, b"\1" + inside(parts(c.spki)[1])[1:]))
    ),
    "a key of an unknown curve": dict(
        spki=lambda f, c: sequence(sequence(oid("1.2.840.10045.2.1"), oid("1.3.132.0.10")), parts(c.spki)[1])
    ),
    "a key without a curve": dict(spki=lambda f, c: sequence(sequence(oid("1.2.840.10045.2.1")), parts(c.spki)[1])),
    "a key with ecdh": dict(
        spki=lambda f, c: sequence(sequence(oid("1.3.132.1.12"), parts(parts(c.spki)[0])[1]), parts(c.spki)[1])
    ),
    "an issuerUniqueID": {"issuer id": element(0x81, b"\0x")},
    "a subjectUniqueID": {"subject id": element(0x82, b"\0x")},
    "no extensions": dict(listed=b""),
    "an empty list of extensions": dict(listed=element(0xA3, sequence())),
    "extensions reversed": dict(listed=listed(lambda some: some[::-1])),
    "the first extension last": dict(listed=listed(lambda some: some[1:] + some[:1])),
    "an extension twice": dict(listed=listed(lambda some: some + some[:1])),
    "all twice": dict(listed=listed(lambda some: some + some)),
    "extensions under another tag": dict(listed=lambda f, c: element(0xA4, inside(c.listed))),
    "a CA": dict(listed=with_value(der.BASIC, der.CA_TRUE)),
    "a CA, not critical": dict(listed=with_value(der.BASIC, der.CA_TRUE, False)),
    "cA FALSE written out": dict(listed=with_value(der.BASIC, sequence(element(1, b"\0")))),
    "cA 01": dict(listed=with_value(der.BASIC, sequence(element(1, b"\1")))),
    "a pathLenConstraint": dict(listed=with_value(der.BASIC, sequence(integer(0)))),
    "a CA with pathLenConstraint 0": dict(listed=with_value(der.BASIC, sequence(element(1, b"\xff"), integer(0)))),
    "basicConstraints not critical": dict(listed=with_value(der.BASIC, sequence(), False)),
    "basicConstraints garbage": dict(listed=with_value(der.BASIC, b"\5\0")),
    "basicConstraints with bytes after": dict(listed=with_value(der.BASIC, sequence() + b"\0")),
    "critical FALSE written out": dict(
        listed=listed(
            lambda some: [
                sequence(parts(one)[0], element(1, b"\0"), parts(one)[-1]) if parts(one)[0] == oid(der.PURPOSE) else one
                for one in some
            ]
        )
    ),
    "critical 01": dict(listed=lambda f, c: c.listed.replace(b"\1\1\xff", b"\1\1\1", 1)),
    "keyUsage with keyCertSign": dict(listed=with_value(der.USAGE, b"\3\2\2\x84")),
    "keyUsage with cRLSign": dict(listed=with_value(der.USAGE, b"\3\2\1\x82")),
    "keyUsage with nonRepudiation": dict(listed=with_value(der.USAGE, b"\3\2\6\xc0")),
    "keyUsage with trailing zero bits": dict(listed=with_value(der.USAGE, b"\3\2\0\x80")),
    "keyUsage with unused bits set": dict(listed=with_value(der.USAGE, b"\3\2\7\xff")),
    "keyUsage empty": dict(listed=with_value(der.USAGE, b"\3\1\0")),
    "keyUsage decipherOnly": dict(listed=with_value(der.USAGE, b"\3\3\7\x80\x80")),
    "keyUsage not critical": dict(listed=with_value(der.USAGE, b"\3\2\7\x80", False)),
    "serverAuth": dict(listed=with_value(der.PURPOSE, sequence(oid("1.3.6.1.5.5.7.3.1")))),
    "serverAuth too": dict(
        listed=with_value(der.PURPOSE, sequence(oid("1.3.6.1.5.5.7.3.2"), oid("1.3.6.1.5.5.7.3.1")))
    ),
    "documentSigning": dict(listed=with_value(der.PURPOSE, sequence(oid(der.DOCUMENTS)), True)),
    "documentSigning too": dict(listed=with_value(der.PURPOSE, sequence(oid("1.3.6.1.5.5.7.3.2"), oid(der.DOCUMENTS)))),
    "any purpose": dict(listed=with_value(der.PURPOSE, sequence(oid("2.5.29.37.0")))),
    "no purposes in the list": dict(listed=with_value(der.PURPOSE, sequence())),
    "clientAuth twice": dict(listed=with_value(der.PURPOSE, sequence(*[oid("1.3.6.1.5.5.7.3.2")] * 2))),
    "purpose critical": dict(listed=with_value(der.PURPOSE, sequence(oid("1.3.6.1.5.5.7.3.2")), True)),
    "another subjectKeyIdentifier": dict(listed=with_value(der.SKI, element(4, b"x" * 20))),
    "subjectKeyIdentifier of 21 bytes": dict(listed=with_value(der.SKI, element(4, b"x" * 21))),
    "an empty subjectKeyIdentifier": dict(listed=with_value(der.SKI, element(4))),
    "another authorityKeyIdentifier": dict(listed=with_value(der.AKI, sequence(element(0x80, b"x" * 20)))),
    "authorityKeyIdentifier with issuer and serial": dict(listed=with_value(der.AKI, sequence(element(0x82, b"\1")))),
    "an empty authorityKeyIdentifier": dict(listed=with_value(der.AKI, sequence())),
    "an unknown extension": dict(listed=more("1.2.3.4", b"\5\0")),
    "an unknown critical extension": dict(listed=more("1.2.3.4", b"\5\0", True)),
    "an unknown extension first": dict(listed=more("1.2.3.4", b"\5\0", at=0)),
    "a subjectAltName": dict(listed=more(der.SAN, sequence(element(0x82, b"example.com")))),
    "nameConstraints": dict(listed=more("2.5.29.30", sequence(), True)),
    "inhibitAnyPolicy": dict(listed=more("2.5.29.54", integer(0), True)),
    "policyConstraints": dict(listed=more("2.5.29.36", sequence(element(0x80, b"\0")), True)),
    **{f"without {kind}": dict(listed=without(kind)) for kind in (der.BASIC, der.USAGE, der.PURPOSE, der.SKI, der.AKI)},
    "signed with another key": dict(private=keys.key("nobody")),
}


def compressed(spki):
    point = inside(parts(spki)[1])[1:]
    return sequence(parts(spki)[0], element(3, b"\0", bytes([2 + (point[-1] & 1)]), point[1:33]))


def hybrid(spki):
    point = inside(parts(spki)[1])[1:]
    return sequence(parts(spki)[0], element(3, b"\0", bytes([6 + (point[-1] & 1)]), point[1:]))


def negated(spki):
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    point = inside(parts(spki)[1])[1:]
    return sequence(
        parts(spki)[0], element(3, b"\0", point[:33], (p - int.from_bytes(point[33:], "big")).to_bytes(32, "big"))
    )


def signature(change):
    """Another signature, without the key."""

    def made(forge, cert):
        data = inside(cert.signature)[1:]
        return sequence(cert.tbs, cert.algorithm, element(3, b"\0", change(data)))

    return made


def numbers(change):
    def made(data):
        r, s = [int.from_bytes(inside(one), "big") for one in parts(data)]
        return keys.signature_of(*change(r, s))

    return signature(made)


def tbs(change):
    """Other bytes signed."""
    return lambda forge, cert: keys.wrap(forge.batch.issuing_key(), change(cert), cert.algorithm)


SHAPES = {
    "r and s exchanged": numbers(lambda r, s: (s, r)),
    "r zero": numbers(lambda r, s: (0, s)),
    "s zero": numbers(lambda r, s: (r, 0)),
    "both zero": numbers(lambda r, s: (0, 0)),
    "both one": numbers(lambda r, s: (1, 1)),
    "s plus n": numbers(lambda r, s: (r, s + N)),
    "r plus n": numbers(lambda r, s: (r + N, s)),
    "s negative": numbers(lambda r, s: (r, -s)),
    "r and s n": numbers(lambda r, s: (N, N)),
    "s one more": numbers(lambda r, s: (r, s + 1)),
    "r with a zero before": signature(
        lambda data: sequence(element(2, b"\0" + inside(parts(data)[0])), parts(data)[1])
    ),
    "s with a zero before": signature(
        lambda data: sequence(parts(data)[0], element(2, b"\0" + inside(parts(data)[1])))
    ),
    "a third number": signature(lambda data: sequence(inside(data), integer(1))),
    "bytes after the signature": signature(lambda data: data + b"\0"),
    "a long length": signature(der.long_form),
    "raw r and s": signature(lambda data: b"".join(inside(one)[-32:].rjust(32, b"\0") for one in parts(data))),
    "empty signature": signature(lambda data: b""),
    "an unused bit": lambda f, c: sequence(c.tbs, c.algorithm, element(3, b"\1" + inside(c.signature)[1:])),
    "a signature as OCTET STRING": lambda f, c: sequence(c.tbs, c.algorithm, element(4, inside(c.signature))),
    "another chip's signature": lambda f, c: sequence(
        c.tbs, c.algorithm, der.Certificate(f.chips[2].certificate).signature
    ),
    "another chip's certificate": lambda f, c: f.chips[2].certificate,
    "the leaf": lambda f, c: f.chips[1].source,
    "the issuing CA's certificate": lambda f, c: f.issuer().der,
    "bytes after": lambda f, c: c.der + b"\0",
    "cut off": lambda f, c: c.der[:-1],
    "empty": lambda f, c: b"",
    "twice": lambda f, c: c.der + c.der,
    "a fourth part": lambda f, c: sequence(inside(c.der), b"\5\0"),
    "two parts": lambda f, c: sequence(c.tbs, c.algorithm),
    "a SET": lambda f, c: element(0x31, inside(c.der)),
    "a long length outside": lambda f, c: der.long_form(c.der),
    "an indefinite length outside": lambda f, c: der.indefinite(c.der),
    "PEM": lambda f, c: der.pem(c.der),
    "high s without the key": numbers(lambda r, s: (r, N - s)),
    "tbs: a long length": tbs(lambda c: der.long_form(c.tbs)),
    "tbs: an indefinite length": tbs(lambda c: der.indefinite(c.tbs)),
    "tbs: bytes after": tbs(lambda c: sequence(inside(c.tbs), b"\5\0")),
    "tbs: a field less": tbs(lambda c: sequence(*parts(c.tbs)[:-1])),
    "tbs: a SET": tbs(lambda c: element(0x31, inside(c.tbs))),
    **{
        f"tbs: field {n} with a long length": tbs(
            lambda c, n=n: sequence(*[der.long_form(one) if at == n else one for at, one in enumerate(parts(c.tbs))])
        )
        for n in range(8)
    },
    **{
        f"tbs: field {n} twice": tbs(
            lambda c, n=n: sequence(*[one * (2 if at == n else 1) for at, one in enumerate(parts(c.tbs))])
        )
        for n in range(8)
    },
    **{
        f"tbs: field {n} away": tbs(lambda c, n=n: sequence(*[one for at, one in enumerate(parts(c.tbs)) if at != n]))
        for n in range(1, 7)
    },
    **{
        f"tbs: field {n} with an indefinite length": tbs(
            lambda c, n=n: sequence(
                *[der.indefinite(one) if at == n and one[0] & 0x20 else one for at, one in enumerate(parts(c.tbs))]
            )
        )
        for n in (0, 2, 3, 4, 5, 6, 7)
    },
}


def cases(bench):
    batch = bench.main
    two = json.loads(batch.files["manifest.json"])["encoder"] == 2
    for name, fields in FIELDS.items():
        expect = REFUSE
        if name == "high s":
            expect = REFUSE if two else ACCEPT
        yield Case(
            "certificates, signed again" if expect == REFUSE else "free: certificates",
            name,
            batch,
            lambda fields=fields: resigned(batch, **fields),
            expect,
        )
    for name, change in SHAPES.items():
        expect = ACCEPT if name == "high s without the key" and not two else REFUSE
        yield Case(
            "certificates, other forms" if expect == REFUSE else "free: certificates",
            name,
            batch,
            lambda change=change: shaped(batch, change),
            expect,
        )
    yield Case("free: certificates", "signed again, nothing changed", batch, lambda: resigned(batch), ACCEPT)
    for n in range(6):
        yield Case(
            "free: certificates", f"another nonce {n}", batch, lambda n=n: shaped(batch, another_nonce, n % 4), ACCEPT
        )
    yield from full_width(bench)
    yield from copied(bench)
    yield from foreign(bench)
    yield from bits(batch)


def another_nonce(forge, cert):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(forge.batch.issuing_key().sign(cert.tbs, ec.ECDSA(keys.HASHES[256])))
    return sequence(cert.tbs, cert.algorithm, element(3, b"\0", keys.signature_of(r, min(s, N - s))))


def full_width(bench):
    batch = bench.full_width

    def short(which):
        def change(forge, cert):
            while True:
                made = another_nonce(forge, cert)
                r, s = [int.from_bytes(inside(one), "big") for one in parts(inside(parts(made)[2])[1:])]
                if (r, s)[which] < 1 << 248:
                    return made

        return change

    yield Case("certificates, signed again", "full width wanted, r short", batch, lambda: shaped(batch, short(0)))
    yield Case("certificates, signed again", "full width wanted, s short", batch, lambda: shaped(batch, short(1)))


def copied(bench):
    batch = bench.copied
    for name, serial in {
        "another": integer(7),
        "derived": lambda f, c: element(2, derived_serial(f.s, f.issuer().spki, f.chips[1].source, 0)),
        "a zero before": lambda f, c: element(2, b"\0" + inside(c.serial)),
        "another chip's": lambda f, c: der.Certificate(f.chips[2].source).serial,
    }.items():
        yield Case(
            "certificates, signed again",
            f"serial numbers copied: {name}",
            batch,
            lambda serial=serial: resigned(batch, serial=serial),
        )

    def attempt():
        forge = Forge(batch)
        forge.chips[1].set(attempt=1)
        return forge.done()

    yield Case("certificates, signed again", "serial numbers copied: attempt 1", batch, attempt)


def foreign(bench):
    """The other house holds its key; what may differ is for the policy to say."""
    batch = bench.foreign
    free = {
        "notBefore a second later",
        "notBefore a second before",
        "notBefore a day later",
        "notAfter a second later",
        "notAfter a second before",
        "notAfter a year later",
        "high s",
        "serial number of 1 byte",
        "serial number 1000 more",
        "serial number of another chip",
        "serial number of attempt 1",
        "serial number of the leaf",
        "serial number without the mask",
    }
    order = ("extensions reversed", "the first extension last")
    for name, fields in FIELDS.items():
        if (
            "encoder" in name
            or "root's key" in name
            or name
            in (
                "serial number of attempt 1",
                "serial number of another chip",
                "serial number cut",
                "the root as issuer",
            )
        ):
            continue  # nothing is derived there
        yield Case(
            "certificates, another house" if name not in free else "free: certificates",
            "foreign: " + name,
            batch,
            lambda fields=fields: resigned(batch, **fields),
            ACCEPT if name in free else ALIKE if name in order else REFUSE,
        )
    twice = lambda f, c: der.Certificate(f.chips[2].certificate).serial
    yield Case(
        "certificates, another house", "foreign: a serial number twice", batch, lambda: resigned(batch, serial=twice)
    )
    for name in (
        "bytes after",
        "an unused bit",
        "a long length outside",
        "high s without the key",
        "tbs: a long length",
        "s plus n",
        "r zero",
        "bytes after the signature",
        "s with a zero before",
    ):
        expect = ACCEPT if name == "high s without the key" else REFUSE
        yield Case(
            "certificates, another house" if expect == REFUSE else "free: certificates",
            "foreign: " + name,
            batch,
            lambda name=name: shaped(batch, SHAPES[name]),
            expect,
        )


def bits(batch):
    """Each byte that the CA signs, another bit of it."""
    good = der.Certificate(Forge(batch).chips[1].certificate)
    for at in range(len(good.tbs)):

        def change(forge, cert, at=at):
            data = bytearray(cert.tbs)
            data[at] ^= 1 << at % 8
            return keys.wrap(forge.batch.issuing_key(), bytes(data), cert.algorithm)

        yield Case("certificates, each byte", f"byte {at}", batch, lambda change=change: shaped(batch, change))
