"""Paths: leaves below intermediates, an issuing CA below another one, and anchors that an auditor may choose."""

import copy, json
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.der import element, integer, sequence
from mutations.files import raw
from mutations.forge import Forge, derived_serial
from mutations.house import read
from mutations.proofs import honest, proof_of, uids_of
from mutations.forge import spelled


def cases(bench):
    yield from intermediates(bench)
    yield from issuers(bench)
    yield from anchors(bench)


def intermediates(bench):
    batch = bench.below
    chain = der.pem_blocks(batch.files["source-chain.pem"])
    root, middle = bench.source.root, bench.intermediate
    assert middle in chain and root in chain
    stranger = keys.key("a stranger's intermediate")
    name = der.Certificate(middle).subject
    forged = keys.ca_certificate(stranger, name, bench.source.name, stranger)
    pems = lambda *some: b"".join(map(der.pem, some))
    for case, some, expect in [
        ("intermediate away", [root], REFUSE),
        ("root away", [middle], REFUSE),
        ("intermediate first", [middle, root], ACCEPT),
        ("intermediate twice", [root, middle, middle], ACCEPT),
        ("a forged intermediate in its place", [root, forged], REFUSE),
        ("a forged intermediate first", [forged, root, middle], ACCEPT),
        ("a forged intermediate too", [root, middle, forged], ACCEPT),
        ("the twin of the intermediate", [root, twin(middle)], ACCEPT),
        ("the twin too", [root, twin(middle), middle], ACCEPT),
        ("an intermediate with a wrong signature", [root, middle[:-1] + bytes([middle[-1] ^ 1])], REFUSE),
        ("an intermediate in another form", [root, der.long_form(middle)], REFUSE),
    ]:
        made = lambda some=some: raw(batch, **{"source-chain.pem": pems(*some)})
        yield Case("free: paths" if expect == ACCEPT else "paths", "source-chain.pem: " + case, batch, made, expect)

    def forged_leaf(signer, issuer=name):
        def made():
            forge = Forge(batch)
            leaf = bench.source.leaf(2, by=signer, issuer=issuer)
            forge.chips[1].resource(leaf)
            serial = derived_serial(forge.s, forge.issuer().spki, leaf, 0)
            forge.reissue(1, serial=element(2, serial))
            forge.raw["source-chain.pem"] = pems(root, middle, forged)
            return forge.done()

        return made

    yield Case("paths", "a leaf below the forged intermediate", batch, forged_leaf(stranger))
    yield Case(
        "paths",
        "a leaf below a chip",
        batch,
        forged_leaf(keys.key("chip 1 P-256"), der.Certificate(Forge(batch).chips[0].source).subject),
    )
    # what ST's own key could have signed: both verifiers judge it alike
    for case, how in {
        "not a CA": dict(basic=sequence()),
        "pathLenConstraint 0": dict(basic=sequence(element(1, b"\xff"), integer(0))),
        "without keyCertSign": dict(usage=b"\3\2\1\2"),
        "expired": dict(end="2024-01-01T00:00:00Z"),
        "not yet valid": dict(begin="2040-01-01T00:00:00Z"),
        "nameConstraints": dict(more=[der.extension("2.5.29.30", sequence())]),
        "an unknown critical extension": dict(more=[der.extension("1.2.3.4", b"\5\0", True)]),
        "an unknown extension": dict(more=[der.extension("1.2.3.4", b"\5\0")]),
        "purposes": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.1")))]),
        "purposes critical": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.1")), True)]),
        "policies critical": dict(more=[der.extension("2.5.29.32", sequence(sequence(der.oid("1.2.3"))), True)]),
        "serial number zero": dict(serial=0),
        "serial number negative": dict(serial=-7),
        "cA FALSE written out": dict(basic=sequence(element(1, b"\0"))),
        "a pathLenConstraint without cA": dict(basic=sequence(integer(0))),
        "keyUsage with unused bits": dict(usage=b"\3\2\1\7"),
    }.items():
        other = keys.ca_certificate(bench.intermediate_key, name, bench.source.name, bench.source.key, **how)
        yield Case(
            "paths, as ST could make them",
            "an intermediate: " + case,
            batch,
            lambda other=other: raw(batch, **{"source-chain.pem": pems(root, other)}),
            ALIKE,
        )

        def proof(other=other):
            made = json.loads(honest(batch, uids_of(batch)[1]))
            made["chip"]["source_chain"] = [b64(other)]
            return spelled(made) + b"\n"

        yield Case(
            "paths, as ST could make them", "a proof, an intermediate: " + case, batch, proof, ALIKE, "verify-proof"
        )
    good = json.loads(honest(batch, uids_of(batch)[1]))
    for case, some, expect in [
        ("away", [], REFUSE),
        ("twice", [middle, middle], ALIKE),
        ("with the root", [middle, root], ALIKE),
        ("the root alone", [root], REFUSE),
        ("a stranger too", [middle, forged], ALIKE),
        ("a stranger first", [forged, middle], ALIKE),
        ("the forged one alone", [forged], REFUSE),
        ("its twin", [twin(middle)], ALIKE),
        ("bytes after it", [middle + b"\0"], REFUSE),
    ]:
        made = (
            lambda some=some: spelled({**good, "chip": {**good["chip"], "source_chain": [b64(one) for one in some]}})
            + b"\n"
        )
        yield Case("paths", "a proof, source_chain: " + case, batch, made, expect, "verify-proof")


def b64(data):
    import base64

    return base64.b64encode(data).decode()


def twin(data):
    tbs, algorithm, signature = der.parts(data)
    return sequence(tbs, algorithm, element(3, b"\0", keys.twin(der.inside(signature)[1:])))


def issuers(bench):
    """The issuing CA below another one: the TEST root's key is at hand."""
    batch = bench.main
    root_key = keys.load(read(batch.house.path("pki/ca/root.key.pem")))
    [root] = der.pem_blocks(read(batch.house.path("pki/ca/root.pem")))
    # `init` allows its root one CA below: this auditor has another certificate of the same name and key
    wide = keys.ca_certificate(root_key, der.Certificate(root).subject)
    root = wide
    trusting = copy.copy(batch)
    trusting.issuer = trusting.manifest = batch.house.write("wide.pem", der.pem(wide))
    above = der.Certificate(der.pem_blocks(batch.files["chain.pem"])[0])
    middle_key = keys.key("between")
    name = der.name((der.O, "Workshop"), (der.CN, "Between"))
    ca_true = lambda *more: sequence(element(1, b"\xff"), *more)

    def made(between=None, issuing=None, order=lambda issuing, middle: [issuing, middle, root], proof=False):
        between = {"basic": ca_true(), **(between or {})}
        middle = keys.ca_certificate(middle_key, name, der.Certificate(root).subject, root_key, **between)
        own = {"basic": ca_true(integer(0)), **(issuing or {})}
        key_id = next(
            der.inside(der.inside(der.parts(one)[-1]))
            for one in above.extensions()
            if der.parts(one)[0] == der.oid(der.SKI)
        )
        listed = [
            der.extension(der.BASIC, own["basic"], True),
            der.extension(der.USAGE, own.get("usage", b"\3\2\1\6"), True),
            der.extension(der.SKI, element(4, key_id)),
        ]
        times = sequence(der.time(der.utc("2020-01-01T00:00:00Z")), der.time(der.utc("2049-12-31T00:00:00Z")))
        fields = [
            der.VERSION_3,
            integer(4),
            keys.algorithm(middle_key),
            own.get("issuer", name),
            times,
            above.subject,
            above.spki,
            der.extensions(*listed, *own.get("more", [])),
        ]
        certificate = keys.certify(own.get("signer", middle_key), fields)
        forge = Forge(batch)
        forge.raw["chain.pem"] = b"".join(map(der.pem, order(certificate, middle)))
        files = forge.done(lambda s: s["issuer"].update(sha256=der.sha256(certificate).hex()))
        return proof_of(files, uids_of(batch)[1], batch=batch) if proof else files

    accepted = {
        "between root and issuing CA": {},
        "without the root": dict(order=lambda one, two: [one, two]),
        "pathLenConstraint 1": dict(between=dict(basic=ca_true(integer(1)))),
        "its purposes have clientAuth": dict(
            between=dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.2")))])
        ),
        "policies": dict(between=dict(more=[der.extension("2.5.29.32", sequence(sequence(der.oid("1.2.3"))), True)])),
        "no pathLenConstraint below": dict(issuing=dict(basic=ca_true())),
    }
    refused = {
        "pathLenConstraint 0": dict(between=dict(basic=ca_true(integer(0)))),
        "not a CA": dict(between=dict(basic=sequence())),
        "without keyCertSign": dict(between=dict(usage=b"\3\2\1\2")),
        "expired": dict(between=dict(end="2024-01-01T00:00:00Z")),
        "not yet valid": dict(between=dict(begin="2040-01-01T00:00:00Z")),
        "nameConstraints": dict(between=dict(more=[der.extension("2.5.29.30", sequence())])),
        "policyConstraints": dict(between=dict(more=[der.extension("2.5.29.36", sequence(), True)])),
        "an unknown critical extension": dict(between=dict(more=[der.extension("1.2.3.4", b"\5\0", True)])),
        "its purposes lack clientAuth": dict(
            between=dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.1")))])
        ),
        "away": dict(order=lambda one, two: [one, root]),
        "alone": dict(order=lambda one, two: [two, root]),
        "exchanged": dict(order=lambda one, two: [two, one, root]),
        "the root between": dict(order=lambda one, two: [one, root, two]),
        "twice": dict(order=lambda one, two: [one, two, two, root]),
        "the issuing CA signed by the root, named after it": dict(issuing=dict(signer=root_key)),
        "the issuing CA names another": dict(issuing=dict(issuer=der.name((der.CN, "x")))),
        "the issuing CA twice": dict(order=lambda one, two: [one, one, two, root]),
    }
    for name_of, how in accepted.items():
        yield Case("free: paths", "an issuer's issuer: " + name_of, trusting, lambda how=how: made(**how), ACCEPT)
        yield Case(
            "free: paths",
            "a proof, an issuer's issuer: " + name_of,
            trusting,
            lambda how=how: made(**how, proof=True),
            ACCEPT,
            "verify-proof",
        )
    for name_of, how in refused.items():
        yield Case("paths", "an issuer's issuer: " + name_of, trusting, lambda how=how: made(**how))
        if name_of not in ("away", "twice", "the root between"):  # a proof leaves roots away
            yield Case(
                "paths",
                "a proof, an issuer's issuer: " + name_of,
                trusting,
                lambda how=how: made(**how, proof=True),
                REFUSE,
                "verify-proof",
            )


def anchors(bench):
    """The auditor trusts what he chooses."""
    batch = bench.main
    house = batch.house

    def seen(**named):
        other = copy.copy(batch)
        for key, value in named.items():
            setattr(other, key, house.write(f"anchor-{key}-{der.sha256(value).hex()[:8]}.pem", value))
        return other

    root = read(batch.issuer)
    [issuing, *_] = der.pem_blocks(batch.files["chain.pem"])
    both = der.pem(keys.ca_certificate(keys.key("z"), der.name((der.CN, "z")))) + root
    signer = batch.files["manifest.pem"]
    yield Case(
        "free: paths",
        "the issuing CA itself is the issuer anchor",
        seen(issuer=der.pem(issuing)),
        lambda: batch.files,
        ACCEPT,
    )
    for case, some in {
        "two issuer anchors": dict(issuer=both),
        "two source anchors": dict(source=both + read(batch.source)),
        "two manifest anchors": dict(manifest=both),
        "the signer itself": dict(manifest=signer),
        "the issuing CA for manifests": dict(manifest=der.pem(issuing)),
        "a leaf for sources": dict(source=der.pem(Forge(batch).chips[0].source)),
        "the root for sources": dict(source=root),
        "the source root for issuers": dict(issuer=read(batch.source)),
        "a chip's certificate for issuers": dict(issuer=der.pem(Forge(batch).chips[0].certificate)),
        "nothing for issuers": dict(issuer=b""),
        "text for sources": dict(source=b"text\n"),
    }.items():
        yield Case(
            "paths, anchors", case, seen(**some), lambda: batch.files, ALIKE if case.startswith("two") else REFUSE
        )
    # anchors renewed: a name and a key are an anchor, whatever else the certificate says
    root_key = keys.load(read(house.path("pki/ca/root.key.pem")))
    subject = der.Certificate(der.pem_blocks(root)[0]).subject
    for case, how in {
        "renewed": {},
        "expired": dict(end="2024-01-01T00:00:00Z"),
        "not a CA": dict(basic=sequence()),
        "pathLenConstraint 0": dict(basic=sequence(element(1, b"\xff"), integer(0))),
        "without keyCertSign": dict(usage=b"\3\2\1\2"),
        "nameConstraints": dict(more=[der.extension("2.5.29.30", sequence())]),
        "an unknown critical extension": dict(more=[der.extension("1.2.3.4", b"\5\0", True)]),
        "purposes of both": dict(
            more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.2"), der.oid(der.DOCUMENTS)))]
        ),
        "purpose clientAuth": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.2")))]),
        "purpose documentSigning": dict(more=[der.extension(der.PURPOSE, sequence(der.oid(der.DOCUMENTS)))]),
        "another signature": dict(above_key=keys.key("y"), above=subject),
        "serial number zero": dict(serial=0),
        "serial number negative": dict(serial=-9),
        "cA FALSE written out": dict(basic=sequence(element(1, b"\0"))),
    }.items():
        anchor = der.pem(keys.ca_certificate(root_key, subject, **how))
        for which in ("issuer", "manifest"):
            yield Case(
                "paths, anchors",
                f"{which} anchor: {case}",
                seen(**{which: anchor, **({"manifest": root} if which == "issuer" else {})}),
                lambda: batch.files,
                ALIKE,
            )
        anchor = der.pem(keys.ca_certificate(bench.source.key, bench.source.name, **how))
        yield Case("paths, anchors", f"source anchor: {case}", seen(source=anchor), lambda: batch.files, ALIKE)
