"""The files of a batch: PEM files in other forms, other chains, other policies, files too many or too few.

Digests and seal fit, unless the case is that of a thief without keys.
"""

from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, Case
from mutations.der import element, inside, integer, parts, sequence
from mutations.forge import Forge, derived_serial

FILES = (
    "manifest.json",
    "manifest.json.p7s",
    "manifest.jsonl",
    "rejected.jsonl",
    "inputs.jsonl",
    "certificates.zip",
    "sources.zip",
    "manifest.pem",
    "chain.pem",
    "source-chain.pem",
    "policy.toml",
)


def raw(batch, **files):
    """Files of other content, listed and sealed; None leaves one out."""
    forge = Forge(batch)
    forge.write_files()
    for name, change in files.items():
        forge.raw[name] = change(forge.files[name]) if callable(change) else change
    return forge.done()


PEMS = {
    "CRLF": lambda t: t.replace(b"\n", b"\r\n"),
    "76 characters a line": lambda t: b"".join(der.pem(one, width=76) for one in der.pem_blocks(t)),
    "one line": lambda t: b"".join(der.pem(one, width=9999) for one in der.pem_blocks(t)),
    "60 characters a line": lambda t: b"".join(der.pem(one, width=60) for one in der.pem_blocks(t)),
    "no line feed at the end": lambda t: t[:-1],
    "an empty line at the end": lambda t: t + b"\n",
    "an empty line first": lambda t: b"\n" + t,
    "text first": lambda t: b"subject=x\n" + t,
    "text after": lambda t: t + b"text\n",
    "a space at the end of a line": lambda t: t.replace(b"\n", b" \n", 2),
    "spaces before": lambda t: t.replace(b"\nM", b"\n M", 1),
    "an empty line inside": lambda t: t.replace(b"-----\n", b"-----\n\n", 1),
    "headers": lambda t: t.replace(b"-----\n", b"-----\nProc-Type: 4\n\n", 1),
    "label X509 CERTIFICATE": lambda t: t.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
    "label TRUSTED CERTIFICATE": lambda t: t.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
    "lower-case label": lambda t: t.replace(b"CERTIFICATE", b"certificate"),
    "another label at the end": lambda t: t.replace(b"END CERTIFICATE", b"END PKCS7"),
    "four dashes": lambda t: t.replace(b"-----B", b"----B"),
    "no end": lambda t: t[: t.rindex(b"-----END")],
    "DER": lambda t: der.pem_blocks(t)[0],
    "empty": lambda t: b"",
    "a private key more": lambda t: t + der.pem(b"0\0", "PRIVATE KEY"),
    "a private key first": lambda t: der.pem(b"0\0", "PRIVATE KEY") + t,
    "a byte order mark": lambda t: b"\xef\xbb\xbf" + t,
    "NUL at the end": lambda t: t + b"\0",
    "no padding": lambda t: t.replace(b"=", b"") if b"=" in t else t.replace(b"\n-----END", b"==\n-----END", 1),
    "padding more": lambda t: t.replace(b"\n-----END", b"=\n-----END", 1),
    "URL-safe base64": lambda t: t.replace(b"+", b"-_"[:1]) if b"+" in t else t.replace(b"/", b"_"),
    "a line cut in two": lambda t: t[:60] + b"\n" + t[60:],
    "bytes after the certificate": lambda t: b"".join(der.pem(one + b"\0") for one in der.pem_blocks(t)),
    "a tab": lambda t: t.replace(b"\n", b"\t\n", 1),
    "a comment between": lambda t: (
        t.replace(b"-----\n-----", b"-----\n# x\n-----") if t.count(b"BEGIN") > 1 else b"# x\n" + t
    ),
    "not base64": lambda t: t.replace(b"\nM", b"\n*", 1),
    "unused bits set": lambda t: unused(t),
}


def unused(text):
    """The last character before the padding has bits that no byte takes."""
    at = text.find(b"=")
    if at < 0:
        return text.replace(b"\n-----END", b"A\n-----END", 1)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[: at - 1] + bytes([alphabet[alphabet.index(text[at - 1]) ^ 1]]) + text[at:]


def cases(bench):
    yield from pems(bench)
    yield from lying(bench.main)
    yield from chains(bench)
    yield from policies(bench.main)


def pems(bench):
    batch = bench.main
    for file in ("manifest.pem", "chain.pem", "source-chain.pem"):
        for name, change in PEMS.items():
            yield Case(
                "PEM files",
                f"{file}: {name}",
                batch,
                lambda file=file, change=change: raw(batch, **{file: change(batch.files[file])}),
            )
    signer = batch.files["manifest.pem"]
    yield Case("PEM files", "manifest.pem: twice", batch, lambda: raw(batch, **{"manifest.pem": signer + signer}))
    yield Case(
        "PEM files",
        "manifest.pem: the chain too",
        batch,
        lambda: raw(batch, **{"manifest.pem": signer + batch.files["chain.pem"]}),
    )
    yield Case(
        "PEM files",
        "manifest.pem: another certificate first",
        batch,
        lambda: raw(batch, **{"manifest.pem": batch.files["chain.pem"] + signer}),
    )
    yield Case(
        "PEM files",
        "manifest.pem: the issuing CA's in its place",
        batch,
        lambda: raw(batch, **{"manifest.pem": batch.files["chain.pem"]}),
    )


def lying(batch):
    """What a thief without keys, or the insider, adds and takes away."""
    for name in FILES:
        yield Case(
            "files",
            f"{name} taken away",
            batch,
            lambda name=name: {one: data for one, data in batch.files.items() if one != name},
        )
        yield Case("files", f"{name} emptied", batch, lambda name=name: {**batch.files, name: b""})
        for at in (0, 1, 2, -1, -2):

            def change(name=name, at=at):
                data = bytearray(batch.files[name])
                at = {1: len(data) // 3, 2: len(data) // 2}.get(at, at)
                data[at] ^= 1
                return {**batch.files, name: bytes(data)}

            yield Case("files", f"{name}: a byte at {at}", batch, change)
        if name not in ("manifest.json", "manifest.json.p7s"):

            def away(name=name):
                forge = Forge(batch)
                forge.raw[name] = None
                return forge.done()

            yield Case("files", f"{name} taken away, sealed", batch, away)
    for name in (
        "x",
        ".hidden",
        "manifest.tst",
        "missing.jsonl",
        "README.txt",
        "certificates-0001.zip",
        "manifest.json.p7s.bak",
        "manifest.json~",
    ):
        yield Case("files", f"{name} lies there", batch, lambda name=name: {**batch.files, name: b"x"})
    for name in ("notes.txt", "a.b-c_d", "order.xml"):
        yield Case("free: files", f"{name}, listed", batch, lambda name=name: raw(batch, **{name: b"x"}), ACCEPT)


def chains(bench):
    batch = bench.main
    house = batch.house
    issuing, above = batch.files["chain.pem"], der.Certificate(der.pem_blocks(batch.files["chain.pem"])[0])
    root_key = keys.load(open(house.path("pki/ca/root.key.pem"), "rb").read())
    with open(house.path("pki/ca/root.pem"), "rb") as file:
        root = file.read()
    stranger = keys.key("a stranger's root")
    other_root = keys.ca_certificate(stranger, der.name((der.CN, "Another root")))
    batch.issuing_key()
    with_root = issuing if issuing.count(b"BEGIN") > 1 else issuing + root
    alone = der.pem(above.der)
    options = {
        "a stranger on top": with_root + der.pem(other_root),
        "a stranger between": alone + der.pem(other_root) + root,
        "the root first": root + alone,
        "the root alone": root,
        "the issuing CA twice": alone + with_root,
        "a stranger alone": der.pem(other_root),
        "a leaf first": der.pem(Forge(batch).chips[0].source) + issuing,
        "a new certificate first": der.pem(Forge(batch).chips[0].certificate) + issuing,
    }
    for name, text in options.items():
        yield Case("chains", f"chain.pem: {name}", batch, lambda text=text: raw(batch, **{"chain.pem": text}))

    def renewed(**how):
        """The root certifies the issuing CA otherwise: the statement names that certificate."""

        def made():
            signer, issuer = how.get("signer", root_key), how.get("issuer", above.issuer)
            own = [
                der.extension(der.BASIC, how.get("basic", sequence(element(1, b"\xff"), integer(0))), True),
                der.extension(der.USAGE, how.get("usage", b"\3\2\1\6"), True),
                der.extension(
                    der.SKI,
                    element(
                        4,
                        inside(
                            inside(
                                parts(next(one for one in above.extensions() if parts(one)[0] == der.oid(der.SKI)))[-1]
                            )
                        ),
                    ),
                ),
            ]
            fields = [
                how.get("version", der.VERSION_3),
                how.get("serial", integer(99)),
                keys.algorithm(root_key, how.get("bits")),
                issuer,
                sequence(
                    der.time(der.utc(how.get("begin", "2020-01-01T00:00:00Z"))),
                    der.time(der.utc(how.get("end", "2049-12-31T00:00:00Z"))),
                ),
                how.get("subject", above.subject),
                how.get("spki", above.spki),
                der.extensions(*own, *how.get("more", [])),
            ]
            certificate = keys.certify(signer, fields, bits=how.get("bits"))
            forge = Forge(batch)
            forge.raw["chain.pem"] = der.pem(certificate) + how.get("rest", root)
            return forge.done(
                lambda s: s["issuer"].update(
                    sha256=der.sha256(certificate).hex(), spki_sha256=der.sha256(how.get("spki", above.spki)).hex()
                )
            )

        return made

    yield Case("free: chains", "the issuing CA's certificate renewed", batch, renewed(), ACCEPT)
    yield Case(
        "free: chains",
        "chain.pem without the root" if issuing != alone else "chain.pem with the root",
        batch,
        lambda: raw(batch, **{"chain.pem": alone if issuing != alone else with_root}),
        ACCEPT,
    )
    refused = {
        "signed by a stranger": dict(signer=stranger),
        "named after a stranger": dict(issuer=der.name((der.CN, "Another root"))),
        "of a stranger, with his root": dict(
            signer=stranger, issuer=der.name((der.CN, "Another root")), rest=der.pem(other_root)
        ),
        "not a CA": dict(basic=sequence()),
        "without keyCertSign": dict(usage=b"\3\2\1\2"),
        "expired": dict(end="2024-01-01T00:00:00Z"),
        "not yet valid": dict(begin="2040-01-01T00:00:00Z"),
        "over SHA-1": dict(bits=1),
        "another key": dict(spki=keys.spki(stranger)),
        "another subject": dict(subject=der.name((der.CN, "x"))),
        "an unknown critical extension": dict(more=[der.extension("1.2.3.4", b"\5\0", True)]),
        "nameConstraints": dict(
            more=[der.extension("2.5.29.30", sequence(element(0xA0, sequence(element(0x82, b"x")))))]
        ),
        "policyConstraints": dict(more=[der.extension("2.5.29.36", sequence(element(0x80, b"\0")), True)]),
        "inhibitAnyPolicy": dict(more=[der.extension("2.5.29.54", integer(0), True)]),
        "purposes without clientAuth": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.1")))]),
        "purpose timeStamping": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.8")), True)]),
        "version 1": dict(version=b""),
    }
    for name, how in refused.items():
        yield Case("chains", f"the issuing CA's certificate renewed: {name}", batch, renewed(**how))
    for name, how in {
        "clientAuth among the purposes": dict(
            more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.1"), der.oid("1.3.6.1.5.5.7.3.2")))]
        ),
        "any purpose": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("2.5.29.37.0")))]),
        "an unknown extension": dict(more=[der.extension("1.2.3.4", b"\5\0")]),
        "certificate policies": dict(
            more=[der.extension("2.5.29.32", sequence(sequence(der.oid("2.5.29.32.0"))), True)]
        ),
        "serial number zero": dict(serial=integer(0)),
        "serial number negative": dict(serial=integer(-7)),
        "no pathLenConstraint": dict(basic=der.CA_TRUE),
    }.items():
        yield Case("free: chains", f"the issuing CA's certificate renewed: {name}", batch, renewed(**how), ACCEPT)
    source_root = batch.files["source-chain.pem"]
    for name, text in {
        "a stranger alone": der.pem(other_root),
        "a leaf alone": der.pem(Forge(batch).chips[0].source),
    }.items():
        yield Case(
            "chains", f"source-chain.pem: {name}", batch, lambda text=text: raw(batch, **{"source-chain.pem": text})
        )
    for name, text in {
        "a stranger too": source_root + der.pem(other_root),
        "twice": source_root + source_root,
        "the issuing CA too": source_root + alone,
    }.items():
        yield Case(
            "free: chains",
            f"source-chain.pem: {name}",
            batch,
            lambda text=text: raw(batch, **{"source-chain.pem": text}),
            ACCEPT if name != "the issuing CA too" else ALIKE,
        )
    forged_root = keys.ca_certificate(stranger, house.source.name)
    yield Case(
        "chains",
        "source-chain.pem: a stranger under the anchor's name in its place",
        batch,
        lambda: raw(batch, **{"source-chain.pem": der.pem(forged_root)}),
    )
    yield from strangers(batch, stranger, forged_root)


def strangers(batch, stranger, forged_root):
    """Leaves that ST did not make, under certificates that the insider put into source-chain.pem."""
    for name, with_chain in (("with its root in the chain", True), ("alone", False)):

        def made(with_chain=with_chain):
            forge = Forge(batch)
            leaf = batch.house.source.leaf(2, by=stranger)
            forge.chips[1].resource(leaf)
            forge.reissue(1, serial=element(2, derived_serial(forge.s, forge.issuer().spki, leaf, 0)))
            if with_chain:
                forge.raw["source-chain.pem"] = batch.files["source-chain.pem"] + der.pem(forged_root)
            return forge.done()

        yield Case("chains", f"a leaf of a stranger's root, {name}", batch, made)

        def anchored(with_chain=with_chain):
            forge = Forge(batch)
            root = der.Certificate(forged_root)
            leaf = batch.house.source.leaf(2, by=stranger)
            forge.chips[1].resource(leaf)
            forge.reissue(1, serial=element(2, derived_serial(forge.s, forge.issuer().spki, leaf, 0)))
            forge.raw["source-chain.pem"] = batch.files["source-chain.pem"] + der.pem(forged_root)
            forge.chips[1].set(anchor=1)
            own = {
                "subject": forge.s["anchors"][0]["subject"],
                "spki_sha256": der.sha256(root.spki).hex(),
                "sha256": der.sha256(root.der).hex(),
            }
            return forge.done(lambda s: s["anchors"].append(own))

        if with_chain:
            yield Case("chains", "a leaf of a stranger's root, named among the anchors", batch, anchored)


def policies(batch):
    text = batch.files["policy.toml"].decode()
    for name, change in {
        "another validity": ("5y", "6y"),
        "another purpose": ("clientAuth", "serverAuth"),
        "another organization": ('O = "Workshop"', 'O = "Workshy"'),
        "another key": ('keys = ["P-256"]', 'keys = ["P-384"]'),
        "another family": ("stsafe-a", "stsafe-l"),
        "generic": ('"stsafe-a"', '"generic"'),
        "no relaxations": ('relax = ["test-anchor"]', "relax = []"),
        "another name": ('name = "workshop"', 'name = "other"'),
        "another version": ("version = 1", "version = 2"),
        "another digest": ("rfc7093-1", "rfc5280-1"),
        "not critical": ("basic_constraints = { critical = true }", "basic_constraints = { critical = false }"),
        "another pattern": ("[A-Z0-9]{1,8}", "[0-9]{1,8}"),
        "serial of the leaf": ('"derived"', '"source"'),
        "another signature": ("ecdsa-sha256", "ecdsa-sha384"),
        "outlives": ('"issuance"', '"2020-01-01T00:00:00Z"'),
        "an unknown key": ("version = 1", "version = 1\nx = 1"),
        "an unknown table": ("[device]", "[x]\ny = 1\n[device]"),
        "an unknown extension": ("[device]", "[extensions.x]\ny = 1\n[device]"),
        "a key twice": ("version = 1", "version = 1\nversion = 1"),
        "a misspelled method": ("rfc7093-1", "rfc7093-2"),
        "a misspelled signature": ("ecdsa-sha256", "ECDSA-SHA256"),
        "signature without a kind": ("ecdsa-sha256", "sha256"),
        "a misspelled usage": ("digitalSignature", "DigitalSignature"),
        "an unknown purpose": ('"clientAuth"', '"clientauth"'),
        "an unknown relaxation": ('relax = ["test-anchor"]', 'relax = ["test-anchor", "x"]'),
        "a relaxation twice": ('relax = ["test-anchor"]', 'relax = ["test-anchor", "test-anchor"]'),
        "an unknown key kind": ('keys = ["P-256"]', 'keys = ["P-256", "P-257"]'),
        "a key kind twice": ('keys = ["P-256"]', 'keys = ["P-256", "P-256"]'),
        "no description": ('description = "TLS client certificates for tests"\n', ""),
        "no device": ('[device]\ntarget = "none"\nfull_width_signature = false\n', ""),
        "no full_width_signature": ("full_width_signature = false\n", ""),
        "an unknown target": ('target = "none"', 'target = "other"'),
        "no target": ('target = "none"\n', ""),
        "an unknown filter": ("{uid}", "{uid|reverse}"),
        "an unknown variable": ("{uid}", "{mac}"),
        "an open brace": ("{lot}", "{lot"),
        "outlives_issuer unknown": ('outlives_issuer = "error"', 'outlives_issuer = "maybe"'),
        "not TOML": ("[device]", "[device"),
        "not UTF-8": ("tests", "tests\udcff"),
        "empty": (text, ""),
        "certificates too large": ('target = "none"', 'target = "none"\nmax_certificate_bytes = 200'),
        "documentSigning": ('"clientAuth"', '"1.3.6.1.5.5.7.3.36"'),
        "keyCertSign": ('"digitalSignature"', '"digitalSignature", "keyCertSign"'),
        "integers as texts": ("version = 1", 'version = "1"'),
        "a float": ("version = 1", "version = 1.0"),
        "an upper-case name": ('name = "workshop"', 'name = "Workshop"'),
        "profile unknown": ("[source]", 'profiles = ["x"]\n[source]'),
        "no params": ('[params.lot]\npattern = "[A-Z0-9]{1,8}"\n', ""),
    }.items():
        assert change[0] in text, name
        other = text.replace(change[0], change[1], 1).encode("utf-8", "surrogateescape")
        yield Case("policies", name, batch, lambda other=other: raw(batch, **{"policy.toml": other}))
    for name, other in {
        "a comment": text + "# a comment\n",
        "another description": text.replace("for tests", "for others"),
        "empty lines": text.replace("\n", "\n\n"),
        "literal strings": text.replace('family = "stsafe-a"', "family = 'stsafe-a'"),
        "another key kind too": text.replace('keys = ["P-256"]', 'keys = ["P-256", "P-384"]'),
        "a wider pattern": text.replace("{1,8}", "{1,9}"),
        "a subject in another spelling": text.replace("{lot}", "{lot|upper}"),
        "CRLF": text.replace("\n", "\r\n"),
        "a byte order mark": "\ufeff" + text,
        "room for more": text.replace('target = "none"', 'target = "none"\nmax_certificate_bytes = 2000'),
    }.items():
        yield Case(
            "free: policies" if name != "a byte order mark" else "policies",
            name,
            batch,
            lambda other=other: raw(batch, **{"policy.toml": other.encode()}),
            ACCEPT if name != "a byte order mark" else ALIKE,
        )
