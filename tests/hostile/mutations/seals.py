"""The seal: its form, what was sealed, and who sealed: a thief, a chip, a signer with another purpose."""

import json
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.der import element, inside, integer, oid, parts, sequence
from mutations.forge import Forge

NULL = b"\5\0"
SHA256, SHA384, SHA1 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "1.3.14.3.2.26"
TYPE, TIME, DIGEST, V2 = (
    "1.2.840.113549.1.9.3",
    "1.2.840.113549.1.9.5",
    "1.2.840.113549.1.9.4",
    "1.2.840.113549.1.9.16.2.47",
)


def put(**values):
    def bend(p):
        for key, value in values.items():
            key = key.replace("_", " ")
            p[key] = value(p[key]) if callable(value) and key != "order" else value

    return bend


def attributes(change):
    def bend(p):
        p["attributes"] = change(dict(p["attributes"]))

    return bend


def without(kind):
    return attributes(lambda some: {key: value for key, value in some.items() if key != kind})


def one(kind, change):
    return attributes(lambda some: {**some, kind: change(some[kind])})


BENDS = {
    "version 3": put(version=integer(3)),
    "version 0": put(version=integer(0)),
    "SignerInfo version 3": put(info_version=integer(3)),
    "SignerInfo version 0": put(info_version=integer(0)),
    "version in two bytes": put(version=element(2, b"\0\1")),
    "digest algorithm with NULL": put(digest=sequence(oid(SHA256), NULL)),
    "digest algorithm SHA-384": put(digest=sequence(oid(SHA384))),
    "SignerInfo's digest with NULL": put(info_digest=sequence(oid(SHA256), NULL)),
    "SignerInfo's digest SHA-384": put(info_digest=sequence(oid(SHA384))),
    "digest algorithm SHA-1": put(digest=sequence(oid(SHA1)), info_digest=sequence(oid(SHA1))),
    "two digest algorithms": put(digest=sequence(oid(SHA256)) + sequence(oid(SHA384))),
    "no digest algorithm": put(digest=b""),
    "signature algorithm with NULL": put(algorithm=sequence(oid("1.2.840.10045.4.3.2"), NULL)),
    "signature algorithm SHA-384": put(algorithm=sequence(oid("1.2.840.10045.4.3.3"))),
    "SHA-384 throughout": put(
        digest=sequence(oid(SHA384)),
        info_digest=sequence(oid(SHA384)),
        algorithm=sequence(oid("1.2.840.10045.4.3.3")),
        bits=384,
    ),
    "id-ecPublicKey as algorithm": put(algorithm=sequence(oid("1.2.840.10045.2.1"))),
    "SHA-1 signature": put(algorithm=sequence(oid("1.2.840.10045.4.1")), bits=1),
    "content type id-signedData": put(content=sequence(oid("1.2.840.113549.1.7.2"))),
    "content type id-ct-TSTInfo": put(content=sequence(oid("1.2.840.113549.1.9.16.1.4"))),
    "an attached content": put(content=lambda c: sequence(inside(c), element(0xA0, element(4, b"x")))),
    "an empty attached content": put(content=lambda c: sequence(inside(c), element(0xA0, element(4)))),
    "no certificates": put(certificates=b""),
    "an empty list of certificates": put(certificates=element(0xA0)),
    "its certificate twice": put(certificates=lambda c: element(0xA0, inside(c) * 2)),
    "certificates under another tag": put(certificates=lambda c: element(0xA1, inside(c))),
    "CRLs": put(crls=element(0xA1)),
    "a CRL": put(crls=element(0xA1, sequence(integer(1)))),
    "the signer by key identifier": put(sid=element(0x80, b"x" * 20), info_version=integer(3), version=integer(3)),
    "another issuer": put(sid=lambda s: sequence(der.name((der.CN, "x")), parts(s)[1])),
    "another serial number": put(sid=lambda s: sequence(parts(s)[0], integer(7))),
    "serial number with a zero before": put(
        sid=lambda s: sequence(parts(s)[0], element(2, b"\0" + inside(parts(s)[1])))
    ),
    "unsigned attributes": put(unsigned=element(0xA1, sequence(oid("1.2.3.4"), element(0x31, NULL)))),
    "empty unsigned attributes": put(unsigned=element(0xA1)),
    "two SignerInfos": lambda p: p.update({"more infos": sequence(integer(1))}),
    "no signer": put(sid=sequence()),
    **{
        f"without {name}": without(kind)
        for name, kind in {
            "contentType": TYPE,
            "signingTime": TIME,
            "messageDigest": DIGEST,
            "signingCertificateV2": V2,
        }.items()
    },
    "no attributes": attributes(lambda some: {}),
    "contentType id-signedData": one(TYPE, lambda _: oid("1.2.840.113549.1.7.2")),
    "contentType twice in its set": one(TYPE, lambda v: [v, v]),
    "signingTime twice in its set": one(TIME, lambda v: [v, v]),
    "messageDigest twice in its set": one(DIGEST, lambda v: [v, v]),
    "an empty set": one(TIME, lambda v: []),
    "signingTime as GeneralizedTime": one(TIME, lambda v: element(0x18, b"20" + inside(v))),
    "signingTime without seconds": one(TIME, lambda v: element(0x17, inside(v)[:10] + b"Z")),
    "signingTime with an offset": one(TIME, lambda v: element(0x17, inside(v)[:-1] + b"+0000")),
    "signingTime with a fraction": one(TIME, lambda v: element(0x18, b"20" + inside(v)[:-1] + b".0Z")),
    "signingTime a second later": one(TIME, lambda v: der.time(der.later(der.read_time(v), seconds=1))),
    "signingTime a text": one(TIME, lambda v: element(12, inside(v))),
    "messageDigest of another text": one(DIGEST, lambda v: element(4, b"x" * 32)),
    "messageDigest cut": one(DIGEST, lambda v: element(4, inside(v)[:-1])),
    "messageDigest empty": one(DIGEST, lambda v: element(4)),
    "messageDigest a BIT STRING": one(DIGEST, lambda v: element(3, b"\0" + inside(v))),
    "signingCertificateV2 of another certificate": one(
        V2, lambda v: sequence(sequence(sequence(element(4, b"x" * 32))))
    ),
    "signingCertificateV2 with its hash algorithm": one(
        V2, lambda v: sequence(sequence(sequence(sequence(oid(SHA256)), inside(inside(inside(v))))))
    ),
    "signingCertificateV2 with two": one(V2, lambda v: sequence(sequence(inside(inside(v)) * 2))),
    "signingCertificateV2 with policies": one(V2, lambda v: sequence(inside(v), sequence())),
    "signingCertificateV2 empty": one(V2, lambda v: sequence(sequence())),
    "signingCertificate of version 1": attributes(
        lambda some: {
            **{key: value for key, value in some.items() if key != V2},
            "1.2.840.113549.1.9.16.2.12": sequence(sequence(sequence(element(4, b"x" * 20)))),
        }
    ),
    "a fifth attribute": attributes(lambda some: {**some, "1.2.3.4": NULL}),
    "CMSAlgorithmProtection": attributes(
        lambda some: {
            **some,
            "1.2.840.113549.1.9.52": sequence(sequence(oid(SHA256)), element(0xA1, oid("1.2.840.10045.4.3.2"))),
        }
    ),
    "an attribute twice": attributes(lambda some: {**some, TIME + "#2": some[TIME]}),
    "attributes in another order": put(order=lambda some: sorted(some)[::-1]),
    "the first attribute last": put(order=lambda some: sorted(some)[1:] + sorted(some)[:1]),
    "no signature": put(signature=b"\0"),
    "signature zero": put(signature=keys.signature_of(0, 0)),
    "signature one": put(signature=keys.signature_of(1, 1)),
}
BYTES = {
    "bytes after": lambda s: s + b"\0",
    "bytes before": lambda s: b"\0" + s,
    "cut off": lambda s: s[:-1],
    "empty": lambda s: b"",
    "PEM": lambda s: der.pem(s, "CMS"),
    "a long length": der.long_form,
    "an indefinite length": der.indefinite,
    "more than 64 KiB": lambda s: s + bytes(70000),
    "twice": lambda s: s + s,
    "SignedData alone": lambda s: inside(parts(s)[1]),
    "content [0] as [1]": lambda s: sequence(parts(s)[0], element(0xA1, inside(parts(s)[1]))),
    "a third part": lambda s: sequence(inside(s), NULL),
    "id-data": lambda s: sequence(oid("1.2.840.113549.1.7.1"), parts(s)[1]),
    "a SET": lambda s: element(0x31, inside(s)),
    "an inner long length": lambda s: sequence(parts(s)[0], der.long_form(parts(s)[1])),
    "an inner indefinite length": lambda s: sequence(parts(s)[0], der.indefinite(parts(s)[1])),
}


def signature_of_seal(seal, change):
    """The seal with another signature: what anybody can do."""
    data = parts(inside(parts(seal)[1]))
    info = parts(inside(data[-1]))
    info[5] = element(4, change(inside(info[5])))
    return sequence(parts(seal)[0], element(0xA0, sequence(*data[:-1], element(0x31, sequence(*info)))))


def numbers(change):
    return lambda encoded: keys.signature_of(*change(*[int.from_bytes(inside(one), "big") for one in parts(encoded)]))


N = keys.ORDERS["secp256r1"]
SIGNATURES = {
    "r and s exchanged": numbers(lambda r, s: (s, r)),
    "s plus n": numbers(lambda r, s: (r, s + N)),
    "r plus n": numbers(lambda r, s: (r + N, s)),
    "s negative": numbers(lambda r, s: (r, s - N)),
    "s zero": numbers(lambda r, s: (r, 0)),
    "bytes after": lambda o: o + b"\0",
    "a zero before r": lambda o: sequence(element(2, b"\0" + inside(parts(o)[0])), parts(o)[1]),
    "raw": lambda o: b"".join(inside(one)[-32:].rjust(32, b"\0") for one in parts(o)),
    "a long length": der.long_form,
    "a third number": lambda o: sequence(inside(o), integer(1)),
    "empty": lambda o: b"",
}


def cases(bench):
    batch = bench.main
    two = json.loads(batch.files["manifest.json"])["encoder"] == 2
    seal, other = batch.files["manifest.json.p7s"], bench.both_forms
    for name, change in BENDS.items():
        yield Case("seal, form", name, batch, lambda change=change: bent(batch, change))
    for name, change in BYTES.items():
        yield Case(
            "seal, bytes", name, batch, lambda change=change: {**batch.files, "manifest.json.p7s": change(seal)}
        )
    for name, change in SIGNATURES.items():
        yield Case(
            "seal, bytes",
            "signature: " + name,
            batch,
            lambda change=change: {**batch.files, "manifest.json.p7s": signature_of_seal(seal, change)},
        )
    for at in range(0, len(seal), 3):
        yield Case(
            "seal, bytes",
            f"byte {at}",
            batch,
            lambda at=at: {
                **batch.files,
                "manifest.json.p7s": seal[:at] + bytes([seal[at] ^ 1 << at % 8]) + seal[at + 1 :],
            },
        )
    twins = "seal, bytes" if two else "free: seal"
    yield Case(
        twins,
        "its twin",
        batch,
        lambda: {**batch.files, "manifest.json.p7s": signature_of_seal(seal, lambda o: keys.twin(o))},
        REFUSE if two else ACCEPT,
    )
    yield Case(twins, "sealed with the higher s", batch, lambda: bent(batch, put(high=True)), REFUSE if two else ACCEPT)
    yield Case("free: seal", "sealed again", batch, lambda: bent(batch, lambda p: None), ACCEPT)
    yield Case("free: seal", "sealed again by P-384", bench.p384, lambda: bent(bench.p384, lambda p: None), ACCEPT)
    yield Case(
        "seal, form",
        "P-384 with SHA-256",
        bench.p384,
        lambda: bent(
            bench.p384,
            put(
                digest=sequence(oid(SHA256)),
                info_digest=sequence(oid(SHA256)),
                algorithm=sequence(oid("1.2.840.10045.4.3.2")),
                bits=256,
            ),
        ),
    )
    twin384 = lambda: {
        **bench.p384.files,
        "manifest.json.p7s": signature_of_seal(
            bench.p384.files["manifest.json.p7s"], lambda o: keys.twin(o, keys.ORDERS["secp384r1"])
        ),
    }
    yield Case(twins, "the twin of P-384", bench.p384, twin384, REFUSE if two else ACCEPT)
    yield Case(
        "seal, bytes",
        "of another batch",
        batch,
        lambda: {**batch.files, "manifest.json.p7s": other.files["manifest.json.p7s"]},
    )
    yield Case(
        "seal, bytes",
        "statement and seal of another batch",
        batch,
        lambda: {**batch.files, **{name: other.files[name] for name in ("manifest.json", "manifest.json.p7s")}},
    )
    yield from signers(bench)


def bent(batch, change):
    forge = Forge(batch)
    forge.seal_bend = change
    return forge.done()


def signers(bench):
    """Other certificates in manifest.pem, most of which the root itself signed."""
    batch = bench.main
    root_key = keys.load(open(batch.house.path("pki/ca/root.key.pem"), "rb").read())
    root = der.Certificate(der.pem_blocks(open(batch.house.path("pki/ca/root.pem"), "rb").read())[0])
    good = der.Certificate(der.pem_blocks(batch.files["manifest.pem"])[0])
    own = keys.key("another signer")
    usage = lambda value, critical=True: der.extension(der.USAGE, value, critical)
    purpose = lambda *kinds, critical=True: der.extension(der.PURPOSE, sequence(*map(oid, kinds)), critical)
    usual = [usage(b"\3\2\7\x80"), purpose(der.DOCUMENTS)]

    def by(
        private=own,
        extensions=usual,
        issuer=root.subject,
        signer=root_key,
        begin="2020-01-01T00:00:00Z",
        end="2049-01-01T00:00:00Z",
        bits=None,
        version=der.VERSION_3,
        serial=integer(4711),
        spki=None,
        subject=der.name((der.CN, "Another signer")),
        seal_with=None,
        high=False,
        listed=None,
    ):
        def made():
            fields = [
                version,
                serial,
                keys.algorithm(signer, bits),
                issuer,
                sequence(der.time(der.utc(begin)), der.time(der.utc(end))),
                subject,
                spki or keys.spki(private),
                der.extensions(*extensions) if listed is None else listed,
            ]
            certificate = keys.certify(signer, fields, bits=bits, high=high)
            forge = Forge(batch)
            forge.raw["manifest.pem"] = der.pem(certificate)
            forge.sealer = (certificate, seal_with or private)
            return forge.done()

        return made

    stranger = keys.key("stranger")
    accepted = {
        "another certificate of the same purpose": {},
        "with nonRepudiation": dict(extensions=[usage(b"\3\2\6\xc0"), usual[1]]),
        "with a P-384 key": dict(private=keys.key("384", "P-384")),
        "with key identifiers": dict(
            extensions=[
                *usual,
                der.extension(der.SKI, element(4, b"x" * 20)),
                der.extension(der.AKI, sequence(element(0x80, b"x" * 20))),
            ]
        ),
        "basicConstraints without cA": dict(extensions=[*usual, der.extension(der.BASIC, sequence(), True)]),
        "keyUsage not critical": dict(extensions=[usage(b"\3\2\7\x80", False), usual[1]]),
        "an unknown extension": dict(extensions=[*usual, der.extension("1.2.3.4", NULL)]),
        "its certificate with the higher s": dict(high=True),
    }
    for name, how in accepted.items():
        yield Case("free: signers", name, batch, by(**how), ACCEPT)
    refused = {
        "purpose not critical": dict(extensions=[usual[0], purpose(der.DOCUMENTS, critical=False)]),
        "no purpose": dict(extensions=[usual[0]]),
        "clientAuth": dict(extensions=[usual[0], purpose("1.3.6.1.5.5.7.3.2")]),
        "clientAuth too": dict(extensions=[usual[0], purpose(der.DOCUMENTS, "1.3.6.1.5.5.7.3.2")]),
        "any purpose": dict(extensions=[usual[0], purpose("2.5.29.37.0")]),
        "the purpose twice": dict(extensions=[usual[0], purpose(der.DOCUMENTS, der.DOCUMENTS)]),
        "no keyUsage": dict(extensions=[usual[1]]),
        "keyCertSign": dict(extensions=[usage(b"\3\2\2\x84"), usual[1]]),
        "keyAgreement too": dict(extensions=[usage(b"\3\2\3\x88"), usual[1]]),
        "nonRepudiation alone": dict(extensions=[usage(b"\3\2\6\x40"), usual[1]]),
        "keyUsage with zero bits": dict(extensions=[usage(b"\3\2\0\x80"), usual[1]]),
        "keyUsage with unused bits set": dict(extensions=[usage(b"\3\2\7\x81"), usual[1]]),
        "a CA": dict(extensions=[*usual, der.extension(der.BASIC, der.CA_TRUE, True)]),
        "an unknown critical extension": dict(extensions=[*usual, der.extension("1.2.3.4", NULL, True)]),
        "a critical subjectAltName": dict(
            extensions=[*usual, der.extension(der.SAN, sequence(element(0x82, b"x")), True)]
        ),
        "a P-521 key": dict(private=keys.key("521", "P-521"), seal_with=own),
        "an Ed25519 key": dict(private=keys.key("ed", "Ed25519"), seal_with=own),
        "a brainpool key": dict(private=keys.key("bp", "brainpoolP256r1")),
        "a compressed key": dict(spki=squeezed(keys.spki(own))),
        "of a stranger": dict(signer=stranger),
        "of a stranger's name": dict(issuer=der.name((der.CN, "x")), signer=stranger),
        "self-signed": dict(issuer=der.name((der.CN, "Another signer")), signer=own),
        "of the issuing CA": dict(
            issuer=der.Certificate(der.pem_blocks(batch.files["chain.pem"])[0]).subject, signer=batch.issuing_key()
        ),
        "over SHA-1": dict(bits=1),
        "expired": dict(end="2024-01-01T00:00:00Z"),
        "not yet valid": dict(begin="2040-01-01T00:00:00Z"),
        "version 1 with extensions": dict(version=b""),
        "without extensions": dict(extensions=[]),
        "version 1": dict(version=b"", listed=b""),
        "of another issuer's letter case": dict(issuer=root.subject.replace(b"Workshop", b"WORKSHOP")),
        "sealed with another key": dict(seal_with=stranger),
        "an extension twice": dict(extensions=[*usual, usual[0]]),
        "purpose garbage": dict(extensions=[usual[0], der.extension(der.PURPOSE, NULL, True)]),
        "policyConstraints": dict(
            extensions=[*usual, der.extension("2.5.29.36", sequence(element(0x80, b"\0")), True)]
        ),
        "purposes without any": dict(extensions=[usual[0], purpose()]),
    }
    for name, how in refused.items():
        yield Case("signers", name, batch, by(**how))
    for name, how in {
        "serial number zero": dict(serial=integer(0)),
        "serial number negative": dict(serial=integer(-5)),
        "serial number of 21 bytes": dict(serial=element(2, b"\x41" * 21)),
        "an empty subject": dict(subject=sequence()),
        "nameConstraints": dict(
            extensions=[*usual, der.extension("2.5.29.30", sequence(element(0xA0, sequence(element(0x82, b"x")))))]
        ),
        "certificate policies": dict(
            extensions=[*usual, der.extension("2.5.29.32", sequence(sequence(oid("2.5.29.32.0"))))]
        ),
    }.items():
        yield Case("signers, as other software makes them", name, batch, by(**how), ALIKE)

    def chip(with_certificate):
        """A chip of the batch seals: its key is known to whoever has the chip."""

        def made():
            forge = Forge(batch)
            owner = keys.key("chip 2 P-256", "P-256")
            forge.raw["manifest.pem"] = der.pem(with_certificate(forge))
            forge.sealer = (with_certificate(forge), owner)
            return forge.done()

        return made

    yield Case("signers", "a chip of the batch, by its new certificate", batch, chip(lambda f: f.chips[1].certificate))
    yield Case("signers", "a chip of the batch, by its leaf", batch, chip(lambda f: f.chips[1].source))
    yield Case("signers", "a chip of the batch, under the signer's certificate", batch, chip(lambda f: good.der))

    def issuing(certificate, private):
        def made():
            forge = Forge(batch)
            forge.raw["manifest.pem"] = der.pem(certificate)
            forge.sealer = (certificate, private)
            return forge.done()

        return made

    yield Case(
        "signers", "the issuing CA", batch, issuing(der.pem_blocks(batch.files["chain.pem"])[0], batch.issuing_key())
    )
    yield Case("signers", "the root", batch, issuing(root.der, root_key))
    yield Case(
        "signers",
        "another signer's certificate beside the seal",
        batch,
        lambda: {**by()(), "manifest.json.p7s": batch.files["manifest.json.p7s"]},
    )

    def exchanged():
        files = by()()
        return {**files, "manifest.pem": batch.files["manifest.pem"]}

    yield Case("signers", "the signer's certificate beside another's seal", batch, exchanged)

    def listed_other():
        forge = Forge(batch)
        files = by()()
        forge.raw["manifest.pem"] = files["manifest.pem"]
        return forge.done()

    yield Case("signers", "manifest.pem of another signer, listed", batch, listed_other)


def squeezed(spki):
    point = inside(parts(spki)[1])[1:]
    return sequence(parts(spki)[0], element(3, b"\0", bytes([2 + (point[-1] & 1)]), point[1:33]))
