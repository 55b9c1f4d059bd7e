"""Leaves and relaxations: claimed, hidden, or not allowed; other leaves of the chip; the list of anchors."""

import json
from mutations import der, keys
from mutations.campaign import ACCEPT, REFUSE, Case
from mutations.der import element, inside, integer, parts, sequence
from mutations.forge import Forge, derived_serial

ALL = [
    "common-name-mismatch",
    "expired-leaf",
    "explicit-default-boolean",
    "issuer-name-case",
    "sha1-signature",
    "test-anchor",
    "trailing-padding",
]


def cases(bench):
    batch = bench.relaxed
    lines = [json.loads(one) for one in batch.files["manifest.jsonl"].splitlines()]
    for n, line in enumerate(lines):
        for one in ALL:
            relax = sorted(set(line["relax"]) ^ {one})
            word = one == "trailing-padding"  # nobody can see it again; with the input it is seen
            free = word and one in json.loads(batch.files["manifest.json"])["relaxations"]
            name = f"line {n} ({' '.join(line['relax'])}): {one} {'claimed' if one in relax else 'hidden'}"
            made = lambda n=n, relax=relax: changed(batch, lambda f: f.chips[n].set(relax=relax))
            yield Case("free: relaxations" if free else "relaxations", name, batch, made, ACCEPT if free else REFUSE)
            if free:
                inputs = [word for one in batch.inputs for word in ("--input", one)]
                yield Case("relaxations", name + ", with inputs", batch, made, options=inputs)
    for one in ALL:

        def without(s, one=one):
            s["relaxations"] = sorted(set(s["relaxations"]) ^ {one})

        yield Case(
            "relaxations", f"the statement: {one} changed", batch, lambda without=without: Forge(batch).done(without)
        )
        allowed = lambda one=one: policy_allows(batch, one)
        if one in json.loads(batch.files["manifest.json"])["relaxations"] and any(
            one in line["relax"] for line in lines
        ):
            yield Case("relaxations", f"the policy and the statement without {one}", batch, allowed)
    yield from other_leaves(bench)
    yield from anchors(bench)
    yield from anchor_of_a_chips_key(bench)


def changed(batch, change):
    forge = Forge(batch)
    change(forge)
    return forge.done()


def policy_allows(batch, one):
    forge = Forge(batch)
    text = batch.files["policy.toml"].decode()
    assert f'"{one}"' in text
    text = text.replace(f'"{one}", ', "").replace(f', "{one}"', "")
    forge.raw["policy.toml"] = text.encode()
    return forge.done(lambda s: s["relaxations"].remove(one))


def replaced(batch, leaf, at=1, relax=None, fit=True):
    """Another leaf, and the certificate that the issuing CA makes for it."""
    forge = Forge(batch)
    forge.chips[at].resource(leaf)
    if fit:
        read = der.Certificate(leaf)
        forge.reissue(at, serial=element(2, derived_serial(forge.s, forge.issuer().spki, leaf, 0)), spki=read.spki)
    if relax is not None:
        forge.chips[at].set(relax=relax)
    return forge.done()


def other_leaves(bench):
    """The insider holds both keys and has leaves that ST made, or that nobody did."""
    batch, source = bench.main, bench.source
    leaf = source.leaf
    good = {
        "the leaf again": leaf(2),
        "another certificate of the chip and its key": leaf(2, end="2052-01-01T00:00:00Z"),
    }
    for name, one in good.items():
        yield Case("free: leaves", name, batch, lambda one=one: replaced(batch, one), ACCEPT)
    stranger = keys.Source("REROOT TEST STSAFE-A CA 98")
    signed = leaf(2)
    bad = {
        "of a stranger": stranger.leaf(2),
        "signed by a stranger under ST's name": leaf(2, by=keys.key("x")),
        "self-signed": leaf(2, by=keys.key("chip 2 P-256"), issuer=der.name((der.CN, "x"))),
        "the root": source.root,
        "with a wrong signature": signed[:-1] + bytes([signed[-1] ^ 1]),
        "of P-384": leaf(2, kind="P-384"),
        "of Ed25519": leaf(2, kind="Ed25519"),
        "of brainpool": leaf(2, kind="brainpoolP256r1"),
        "of another family": leaf(2, family="stsafe-l"),
        "of another chip": leaf(3),
        "of a chip with another UID": leaf(2, uid=bytes.fromhex("0209") + b"\1" * 9),
        "of 12 bytes": leaf(2, uid=keys.Source.uid(2) + b"\0"),
        "expired": leaf(2, end="2024-01-01T00:00:00Z"),
        "not yet valid": leaf(2, begin="2040-01-01T00:00:00Z"),
        "over SHA-1": leaf(2, bits=1),
        "in another letter case": leaf(2, issuer=source.name.replace(b"REROOT TEST PKI", b"reroot test pki")),
        "with another common name": leaf(2, text="eval3-" + keys.Source.uid(3).hex().upper()),
        "a CA": leaf(2, more=[der.extension(der.BASIC, der.CA_TRUE, True)]),
        "with keyCertSign": leaf(2, more=[der.extension(der.USAGE, b"\3\2\2\x84", True)]),
        "with nameConstraints": leaf(2, more=[der.extension("2.5.29.30", sequence())]),
        "with an unknown critical extension": leaf(2, more=[der.extension("1.2.3.4", b"\5\0", True)]),
        "with policyConstraints": leaf(2, more=[der.extension("2.5.29.36", sequence(element(0x80, b"\0")))]),
        "with inhibitAnyPolicy": leaf(2, more=[der.extension("2.5.29.54", integer(0))]),
        "version 1": leaf(2, version=b""),
        "version 2": leaf(2, version=element(0xA0, integer(1))),
        "with ST's key": leaf(2, owner=source.key),
        "with an empty subject": leaf(2, subject=sequence()),
        "with an extension twice": leaf(2, more=[der.extension("1.2.3.4", b"\5\0")] * 2),
        "bytes after": signed + b"\0",
        "with a long length": der.long_form(signed),
        "empty": b"",
        "with cA FALSE written out": leaf(2, more=[der.extension(der.BASIC, sequence(element(1, b"\0")))]),
        "with critical FALSE written out": leaf(
            2, more=[sequence(der.oid("1.2.3.4"), element(1, b"\0"), element(4, b"\5\0"))]
        ),
        "a serial number with a zero before": leaf(2, serial=element(2, b"\0" + keys.Source.uid(2))),
        "with unused bits": sequence(*parts(signed)[:2], element(3, b"\1" + inside(parts(signed)[2])[1:])),
        "with a text that is too long": leaf(2, text="x" * 90),
        "with a control character": leaf(2, text="a\nb"),
        "with a compressed key": compressed_leaf(source),
        "with GeneralizedTime": general(source),
        "with an empty extension list": sequence_of(source),
        "padded": signed + b"\xff" * (1000 - len(signed)),
        "with a TeletexString": leaf(2, subject=der.name((der.CN, b"x\xe9", 20))),
        "with a time before the other": leaf(2, begin="2050-01-01T00:00:00Z", end="2020-01-01T00:00:00Z"),
        "with an issuerUniqueID": unique(source),
        "with an explicit curve": explicit(source),
        "with a point not on the curve": off_curve(source),
        "with the issuing CA's key": leaf(2, owner=batch.issuing_key()),
    }
    may_differ = {
        "with a text that is too long",
        "with a control character",
        "with a TeletexString",
        "with an empty subject",
    }
    for name, one in bad.items():
        expect = REFUSE
        try:
            assert der.sequence(*der.parts(one)) == one
            der.Certificate(one)
            made = lambda one=one: replaced(batch, one)
        except (ValueError, IndexError, AssertionError):
            made = lambda one=one: replaced(batch, one, fit=False)
        yield Case(
            "leaves" if name not in may_differ else "leaves, as ST could make them",
            name,
            batch,
            made,
            expect if name not in may_differ else "alike",
        )
    for name, relax in {
        "expired": ["expired-leaf", "test-anchor"],
        "over SHA-1": ["sha1-signature", "test-anchor"],
    }.items():
        yield Case(
            "leaves",
            f"{name}, with a relaxation that the policy does not allow",
            batch,
            lambda name=name, relax=relax: replaced(batch, bad[name], relax=relax),
        )
    yield Case(
        "leaves",
        "one key under two UIDs",
        batch,
        lambda: replaced(batch, leaf(2, owner=keys.key("chip 3 P-256"))),
        "alike",
    )


def field(source, **changes):
    named = der.Certificate(source.leaf(2)).fields()
    named.update(changes)
    order = ("version", "serial", "inner", "issuer", "validity", "subject", "spki", "issuer id", "listed")
    return keys.wrap(source.key, sequence(*[named.get(key, b"") for key in order]), keys.algorithm(source.key))


def compressed_leaf(source):
    from mutations.certificates import compressed

    return field(source, spki=compressed(der.Certificate(source.leaf(2)).spki))


def off_curve(source):
    spki = der.Certificate(source.leaf(2)).spki
    return field(source, spki=spki[:-1] + bytes([spki[-1] ^ 1]))


def explicit(source):
    spki = der.Certificate(source.leaf(2)).spki
    return field(source, spki=sequence(sequence(der.oid("1.2.840.10045.2.1"), sequence(integer(1))), parts(spki)[1]))


def general(source):
    return field(source, validity=sequence(element(0x18, b"20210305000000Z"), element(0x18, b"20510305000000Z")))


def sequence_of(source):
    return field(source, listed=element(0xA3, sequence()))


def unique(source):
    return field(source, **{"issuer id": element(0x81, b"\0x")})


def anchor_of_a_chips_key(bench):
    """A chip is left out under an anchor that the signer made over the chip's own key."""
    batch = bench.main

    def made():
        forge = Forge(batch)
        chip = forge.chips.pop(2)
        line = chip.get()
        reason = {"disposition": "rejected", "code": "verify.key.of-a-ca", "reason": "a CA's key"}
        forge.findings.append(
            {"item": line["source_item"], **reason, "uid": line["uid"], "source_sha256": line["source_sha256"]}
        )
        stranger, subject = keys.key("nobody"), der.name((der.O, "x"), (der.CN, "Y"))
        own = [der.extension(der.BASIC, der.CA_TRUE, True), der.extension(der.USAGE, b"\3\2\1\6", True)]
        times = der.sequence(der.time(der.utc("2020-01-01T00:00:00Z")), der.time(der.utc("2049-01-01T00:00:00Z")))
        spki = der.Certificate(chip.source).spki
        head = [der.VERSION_3, der.integer(5), keys.algorithm(stranger)]
        anchor = keys.certify(stranger, [*head, subject, times, subject, spki, der.extensions(*own)])
        forge.raw["source-chain.pem"] = batch.files["source-chain.pem"] + der.pem(anchor)
        named = {"subject": "O=x, CN=Y", "spki_sha256": der.sha256(spki).hex(), "sha256": der.sha256(anchor).hex()}
        return forge.done(lambda s: s["anchors"].append(named))

    name = "a chip left out under an anchor of its own key, with inputs"
    yield Case("anchors", name, batch, made, options=["--input", *batch.inputs])


def anchors(bench):
    batch = bench.main
    own = lambda s: s["anchors"][0]
    other = {"subject": "CN=ST", "spki_sha256": "ab" * 32, "sha256": "cd" * 32}
    lists = {
        "twice": lambda s: [own(s), own(s)],
        "another first": lambda s: [other, own(s)],
        "another after": lambda s: [own(s), other],
        "none": lambda s: [],
        "another alone": lambda s: [other],
        "exchanged digests": lambda s: [{**own(s), "sha256": own(s)["spki_sha256"], "spki_sha256": own(s)["sha256"]}],
        "upper case": lambda s: [{**own(s), "sha256": own(s)["sha256"].upper()}],
        "an empty subject": lambda s: [{**own(s), "subject": ""}],
        "a subject with a space": lambda s: [{**own(s), "subject": own(s)["subject"] + " "}],
    }
    for name, change in lists.items():
        yield Case(
            "anchors",
            name,
            batch,
            lambda change=change: Forge(batch).done(lambda s: s.update(anchors=change(s))),
            "alike" if name == "twice" else REFUSE,
        )
    issuer = der.pem_blocks(batch.files["chain.pem"])[0]
    subject = json.loads(batch.files["manifest.json"])["issuer"]["subject"]
    listed = {
        "subject": subject,
        "spki_sha256": der.sha256(der.Certificate(issuer).spki).hex(),
        "sha256": der.sha256(issuer).hex(),
    }

    def more():
        forge = Forge(batch)
        forge.raw["source-chain.pem"] = batch.files["source-chain.pem"] + der.pem(issuer)
        return forge.done(lambda s: s["anchors"].append(listed))

    yield Case("anchors", "the issuing CA among them, in source-chain.pem too", batch, more, "alike")
    for name in ("source", "issuer", "manifest"):
        yield Case("anchors", f"the auditor has another {name} anchor", mistaken(batch, name), lambda: batch.files)


def mistaken(batch, name):
    """The same batch before an auditor who trusts somebody else."""
    import copy

    other = copy.copy(batch)
    stranger = keys.ca_certificate(keys.key("mistaken"), der.name((der.CN, "Another root")))
    setattr(other, name, batch.house.write(f"mistaken-{name}.pem", der.pem(stranger)))
    return other
