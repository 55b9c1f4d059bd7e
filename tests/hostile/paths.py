"""What is above a leaf and beside it: families, relaxations, chains, conflicts among leaves."""

import der
import pki
from corpus import Reel
from der import integer, octet_string, seq, tlv
from pki import ROOT_CN, ROOT_KEY, ROOT_NAME, ST, Key, basic_constraints, ca, extension, generalized, key_usage, name, stsafe_l, utc

ALL_KEYS = '"P-256", "P-384", "P-521", "Ed25519", "brainpoolP256r1", "brainpoolP384r1"'


def policy(family, relax="", keys=ALL_KEYS):
    return f"""version = 1
name = "hostile-corpus"
description = "reads the hostile corpus"
[source]
family = "{family}"
keys = [{keys}]
relax = [{relax}]
[certificate]
subject = [{{ CN = "{{uid}}" }}]
serial = "derived"
not_before = "issuance"
not_after = "20y"
outlives_issuer = "clamp"
signature = "ecdsa-sha256"
[extensions]
key_usage = {{ critical = true, bits = ["digitalSignature"] }}
authority_key_identifier = {{}}
[device]
target = "none"
max_certificate_bytes = 600
full_width_signature = true
""".encode()


def pem(content):
    from generate import pem

    return pem(content)


def add(corpus, chips, anchors):
    families(corpus, chips, anchors)
    algorithms(corpus, chips, anchors)
    relaxations(corpus, chips, anchors)
    anchors_of_all_kinds(corpus, chips, anchors)
    chains(corpus, chips)
    crowds(corpus, chips)
    conflicts(corpus, chips)


def families(corpus, chips, anchors):
    l_name, l_key = name(("C", "NL"), ("O", ST), ("CN", "STM_STSAFE-L_CORPUS_CA0001")), Key("stsafe-l root", "Ed25519")
    l_root = ca(l_name, l_key, l_key, l_name, extensions=basic_constraints(True, 0, critical=False) + key_usage(5))
    anchors["stsafe-l.pem"] = pem(l_root)
    anchors["stsafe-l.toml"], anchors["stsafe-a.toml"], anchors["generic.toml"] = (policy(f) for f in ("stsafe-l", "stsafe-a", "generic"))
    numbers = iter(range(1, 1000))
    both = ("root.pem", "stsafe-l.pem")
    reel = Reel(corpus, "family-stsafe-l", chips, anchors=both, policy="stsafe-l.toml")
    chip = lambda **changes: stsafe_l(next(numbers), issuer=l_name, **changes)
    clause = "ST: Ed25519, 9 bytes"
    reel.accept("genuine-form", clause, chip().sign(l_key))
    shape = "verify.uid.shape"
    for label, serial in (("of-8", b"\x40" + bytes(6) + b"\x07"), ("of-10", b"\x40" * 10), ("of-11", bytes.fromhex("0209C0DEFFFFFFFFFF0139")), ("of-9-with-sign", b"\0\x80" + bytes(6) + b"\x01")):
        reel.reject(f"serial-{label}", clause, shape, chip().but(serial=serial, subject=name(("CN", "e"))).sign(l_key))
    reel.reject("wrong-issuer", "RFC 5280 §6.1.3", "verify.chain.no-trust-anchor", stsafe_l(next(numbers), issuer=name(("CN", "STM_STSAFE-L_CA9999"))).sign(l_key))
    reel.reject("issuer-of-the-other-family", "RFC 5280 §6.1.3", ["verify.signature."], stsafe_l(next(numbers), issuer=ROOT_NAME).sign(l_key))
    reel.reject("mismatch", "intake", "verify.common-name.mismatch", chip(subject=name(("CN", "STSAFE-L010-GEN-400000000000000113"))).sign(l_key))
    ca_leaf = chip(extensions=basic_constraints(True))
    reel.reject("ca-true", "issue: cA TRUE leaves; its common name ends in its own serial number", "verify.extension.ca-true", ca_leaf.sign(l_key))
    reel.reject("key-cert-sign", "RFC 5280 §4.2.1.3", "verify.extension.key-cert-sign", chip(extensions=key_usage(5)).sign(l_key))
    order = 2**252 + 27742317777372353535851937790883648493
    def s_plus_order(value):
        return value[:32] + (int.from_bytes(value[32:], "little") + order).to_bytes(32, "little")
    for label, codes, change in (
        ("s-plus-order", "verify.signature.range", s_plus_order),
        ("s-zero", "verify.signature.", lambda v: v[:32] + bytes(32)),
        ("all-zero", "verify.signature.", lambda v: bytes(64)),
        ("r-identity", "verify.signature.", lambda v: b"\x01" + bytes(31) + v[32:]),
        ("r-not-canonical", "verify.signature.", lambda v: (2**255 - 18).to_bytes(32, "little") + v[32:]),
        ("short", "verify.signature.length", lambda v: v[:-1]),
        ("long", "verify.signature.length", lambda v: v + b"\0"),
        ("empty", "verify.signature.length", lambda v: b""),
        ("in-sequence", "verify.signature.length", lambda v: seq(integer(1), integer(2))),
        ("bit", "verify.signature.", lambda v: bytes([v[0] ^ 1]) + v[1:]),
        ("sign-bit", "verify.signature.", lambda v: v[:31] + bytes([v[31] ^ 0x80]) + v[32:]),
    ):
        reel.reject(f"signature-{label}", "RFC 8032 §5.1.7", codes, chip(signature=change).sign(l_key))
        reel.accept(f"signature-{label}-neighbour", "RFC 8032", chip().sign(l_key))
    identifier = seq(der.oid(pki.ED25519), tlv(der.NULL))
    reel.reject("algorithm-null", "RFC 8410 §3", "verify.algorithm.parameters", chip(algorithm=identifier).sign(l_key))
    reel.reject("algorithm-ecdsa", "RFC 8410", "verify.signature.", chip(algorithm=pki.ecdsa_identifier()).sign(l_key))
    reel.reject("an-stsafe-a", "intake: one family at a time", shape, chips.next().sign(ROOT_KEY))
    reel = Reel(corpus, "family-stsafe-a", chips, anchors=both)
    reel.reject("an-stsafe-l", "ST", shape, stsafe_l(next(numbers), issuer=l_name).sign(l_key))
    reel.accept("an-stsafe-a", "intake", chips.next().sign(ROOT_KEY))
    reel = Reel(corpus, "family-generic", chips, anchors=both, policy="generic.toml")
    plain = lambda serial, **changes: chips.next().but(serial=serial, subject=name(("CN", "device")), **changes)
    for label, serial in (("of-1", b"\x05"), ("of-8", b"\x40" * 8), ("of-20", b"\x7f" * 20), ("signed", b"\0\x80"), ("of-11", bytes.fromhex("0208C0DEFFFFFFFFFF0139"))):
        reel.accept(f"serial-{label}", "intake: the serial, whatever its form", plain(serial).sign(ROOT_KEY))
    for label, codes, serial in (("zero", "verify.serial.zero", b"\0"), ("of-21", "verify.serial.too-long", b"\x01" * 21), ("negative", "verify.serial.negative", b"\xff"), ("padded", "verify.serial.padded", b"\0\x01")):
        reel.reject(f"serial-{label}", "RFC 5280 §4.1.2.2", codes, plain(serial).sign(ROOT_KEY))
    reel.accept("an-stsafe-l", "intake", stsafe_l(next(numbers), issuer=l_name).sign(l_key))
    reel.accept("an-stsafe-a", "intake", chips.next().sign(ROOT_KEY))
    reel.reject("mismatch", "intake", "verify.common-name.mismatch", chips.next(subject=name(("CN", "eval3-0209AAAAAAAAAAAAAA0139"))).sign(ROOT_KEY))
    # a leaf of a genuine form that claims to be a CA must not pass unseen
    leaf = chips.next(extensions=basic_constraints(True))
    reel.reject("ca-true", "issue: cA TRUE leaves; its common name ends in its own serial number", "verify.extension.ca-true", leaf.sign(ROOT_KEY))


def algorithms(corpus, chips, anchors):
    """Every source CA key with every hash, every chip key under each."""
    for kind in (*pki.CURVES, "Ed25519"):
        label = kind.lower().replace("-", "")
        subject, key = name(("C", "NL"), ("O", ST), ("CN", f"STM STSAFE-A {kind} CA 07")), Key(f"{kind} root", kind)
        anchors[f"{label}.pem"] = pem(ca(subject, key, key, subject))
        reel = Reel(corpus, f"issuer-{label}", chips, anchors=(f"{label}.pem",))
        for digest in ("sha256", "sha384", "sha512") if kind != "Ed25519" else (None,):
            reel.accept(f"{digest}", "intake", chips.next(issuer=subject).sign(key, digest))
        for chip in (*pki.CURVES, "Ed25519"):
            reel.accept(f"key-{chip}", "intake", chips.next(chip, issuer=subject).sign(key))
        reel.reject("broken", "the signature is verified", ["verify.signature."], chips.next(issuer=subject, signature=lambda v: v[:-1] + bytes([v[-1] ^ 1])).sign(key))
        if kind == "Ed25519":
            continue
        n = pki.CURVES[kind][4]
        for part, value in (("r", 0), ("s", 0), ("r", n), ("s", n)):
            def change(signature, part=part, value=value):
                r, s = der.parse(signature).children
                numbers = {"r": integer(value), "s": s.write()} if part == "r" else {"r": r.write(), "s": integer(value)}
                return seq(numbers["r"], numbers["s"])
            reel.reject(f"{part}-{'zero' if value == 0 else 'order'}", "FIPS 186-5 §6.4.2", "verify.signature.range", chips.next(issuer=subject, signature=change).sign(key))
        reel.reject("sha1", "ST", "verify.signature.sha1", chips.next(issuer=subject).sign(key, "sha1"))
    subject, key = name(("O", ST), ("CN", "STM STSAFE-A RSA CA 07")), pki.RsaKey()
    anchors["rsa.pem"] = pem(ca(subject, key, key, subject))
    reel = Reel(corpus, "issuer-rsa", chips, anchors=("rsa.pem",))
    reel.reject("leaf", "intake: ECDSA and Ed25519 on the source side", ["verify.signature.algorithm", "verify.algorithm."], chips.next(issuer=subject).sign(key))
    # what a policy does not list
    anchors["p256-only.toml"] = policy("stsafe-a", keys='"P-256"')
    reel = Reel(corpus, "keys-listed", chips, policy="p256-only.toml")
    for kind in (*pki.CURVES, "Ed25519"):
        if kind == "P-256":
            reel.accept("P-256", "intake", chips.next().sign(ROOT_KEY))
        else:
            reel.reject(kind, "intake: algorithm allowed by the policy", "verify.key.not-allowed", chips.next(kind).sign(ROOT_KEY))


def relaxations(corpus, chips, anchors):
    """Each relaxation lets through what it names and nothing next to it."""
    lower = name(("C", "NL"), ("O", "STMicroelectronics NV"), ("CN", ROOT_CN))
    blank = name(("C", "NL"), ("O", "STMicroelectronics  nv"), ("CN", ROOT_CN))
    false = extension(pki.BC, seq(der.boolean(0)))
    one = extension(pki.BC, seq(der.boolean(1)))
    sealed = lambda digest=None, pad=b"", **changes: lambda: chips.next(**changes).sign(ROOT_KEY, digest) + pad
    cases = {
        "issuer-name-case": (sealed(issuer=lower), sealed(issuer=blank), "verify.chain.no-trust-anchor"),
        "explicit-default-boolean": (sealed(extensions=false), sealed(extensions=one), "verify.der.boolean"),
        "sha1-signature": (sealed("sha1"), sealed("sha1", signature=lambda v: v[:-1] + bytes([v[-1] ^ 1])), "verify.signature.invalid"),
        "expired-leaf": (sealed(not_before=utc("190101000000Z"), not_after=utc("200101000000Z")), sealed(not_before=utc("200101000000Z"), not_after=utc("190101000000Z")), "verify.time.ends-before-it-begins"),
        "trailing-padding": (sealed(pad=b"\xff" * 500), sealed(pad=b"\xff" * 500 + b"\0"), "verify.der.trailing-data"),
        "common-name-mismatch": (sealed(subject=name(("CN", "eval3-0209AAAAAAAAAAAAAA0139"))), sealed(subject=name(("CN", "eval3-\n0209AAAAAAAAAAAAAA0139"))), "verify.name.string"),
    }
    strict = Reel(corpus, "relax-none", chips)
    for label, (needs, beyond, code) in cases.items():
        anchors[f"relax-{label}.toml"] = policy("stsafe-a", f'"{label}"')
        reel = Reel(corpus, f"relax-{label}", chips, policy=f"relax-{label}.toml")
        reel.accept("named", f"intake: {label}", needs())
        reel.reject("beyond", f"intake: {label} and no more", code, beyond())
        strict.reject(label, "intake: off unless named", "verify.", needs())
        reel.accept("plain", "a leaf that needs nothing", sealed()())
        for other, (also, _, _) in cases.items():
            if other != label:
                reel.reject(f"other-{other}", "intake: only what is named", "verify.", also())
    reel = Reel(corpus, "relax-padding-zeros", chips, policy="relax-trailing-padding.toml")
    reel.accept("zeros", "ST", sealed(pad=bytes(600))())
    reel.reject("mixed", "intake: 00 or FF", "verify.der.trailing-data", sealed(pad=bytes(300) + b"\xff" * 300)())
    reel.reject("a-second-leaf-behind", "intake", "verify.der.trailing-data", sealed(pad=bytes(4) + sealed()())())
    every = ", ".join(f'"{label}"' for label in (*cases, "test-anchor"))
    anchors["relax-all.toml"] = policy("stsafe-a", every)
    reel = Reel(corpus, "relax-all", chips, policy="relax-all.toml")
    for label, (needs, beyond, code) in cases.items():
        reel.accept(label, "intake", needs())
        reel.reject(f"{label}-beyond", "intake", "verify.", beyond())
    # engineering CAs
    for number, (label, common_name, is_test) in enumerate((
        ("test-91", "STM STSAFE-A TEST CA 91", True), ("demo", "STM CA Demo Intermediate Key", True), ("lower", "stm test ca", True),
        ("underscores", "STM_STSAFE_TEST_CA", True), ("contest", "STM Contest CA", False), ("testing", "STM Testing CA", False),
    )):
        subject, key = name(("C", "NL"), ("O", ST), ("CN", common_name)), Key(f"engineering {label}")
        anchors[f"engineering-{label}.pem"] = pem(ca(subject, key, key, subject))
        anchors["relax-test-anchor.toml"] = policy("stsafe-a", '"test-anchor"')
        reel = Reel(corpus, f"engineering-{label}", chips, anchors=("root.pem", f"engineering-{label}.pem"))
        (reel.reject if is_test else reel.accept)("leaf", "ST", *(["verify.chain.test-anchor"] if is_test else []), chips.next(issuer=subject).sign(key))
        reel = Reel(corpus, f"engineering-{label}-relaxed", chips, anchors=("root.pem", f"engineering-{label}.pem"), policy="relax-test-anchor.toml")
        reel.accept("leaf", "intake: test-anchor", chips.next(issuer=subject).sign(key))


def anchors_of_all_kinds(corpus, chips, anchors):
    other_key, other_name = Key("root with the same name"), name(("C", "NL"), ("O", ST), ("CN", "STM STSAFE-A CORPUS CA 48"))
    anchors["same-name.pem"] = pem(ca(ROOT_NAME, other_key, other_key, serial=b"\x02"))
    anchors["same-key.pem"] = pem(ca(other_name, ROOT_KEY, ROOT_KEY, other_name, serial=b"\x03"))
    anchors["same-both.pem"] = pem(ca(ROOT_NAME, ROOT_KEY, ROOT_KEY, serial=b"\x04", not_before=utc("200423000000Z"), not_after=generalized("20500629000000Z")))
    anchors["ended.pem"] = pem(ca(ROOT_NAME, ROOT_KEY, ROOT_KEY, not_before=utc("100101000000Z"), not_after=utc("200101000000Z")))
    anchors["plain.pem"] = pem(ca(ROOT_NAME, ROOT_KEY, ROOT_KEY, extensions=basic_constraints(True, critical=False)))
    for label, files in (("same-name", ["root.pem", "same-name.pem"]), ("same-key", ["root.pem", "same-key.pem"]), ("all", ["same-name.pem", "same-key.pem", "same-both.pem", "root.pem"])):
        reel = Reel(corpus, f"anchors-{label}", chips, anchors=files)
        reel.accept("leaf", "intake", chips.next().sign(ROOT_KEY))
        if "same-name.pem" in files:
            reel.accept("leaf-of-the-other-key", "intake: same name, different keys", chips.next().sign(other_key))
        else:
            reel.reject("leaf-of-an-unknown-key", "intake", "verify.signature.invalid", chips.next().sign(other_key))
        if "same-key.pem" in files:
            reel.accept("leaf-of-the-other-name", "intake: same key, different names", chips.next(issuer=other_name).sign(ROOT_KEY))
            reel.reject("other-name-other-key", "intake: name and key belong together", "verify.signature.invalid", chips.next(issuer=other_name).sign(other_key))
        else:
            reel.reject("leaf-of-an-unknown-name", "intake", "verify.chain.no-trust-anchor", chips.next(issuer=other_name).sign(ROOT_KEY))
    for label in ("same-both", "ended", "plain"):
        reel = Reel(corpus, f"anchor-{label}", chips, anchors=(f"{label}.pem",))
        reel.accept("leaf", "ST: the anchor's own dates and form are its own", chips.next().sign(ROOT_KEY))
    reel = Reel(corpus, "root-in-the-reel", chips, anchors=("same-name.pem",))
    reel.ignore("root", "ST: never trusted for being there", "verify.certificate.of-a-ca", ca(ROOT_NAME, ROOT_KEY, ROOT_KEY))
    reel.reject("leaf", "ST", "verify.signature.invalid", chips.next().sign(ROOT_KEY))
    reel.accept("genuine", "junk quarantines nobody", chips.next().sign(other_key))
    reel = Reel(corpus, "keys-of-cas", chips)
    reel.reject("leaf-with-the-root-key", "a chip has a key of its own", "verify.key.of-a-ca", chips.next(spki=ROOT_KEY.spki).sign(ROOT_KEY))
    sub_key, sub_name = Key("sub whose key a chip has"), name(("O", ST), ("CN", "STM sub A"))
    reel.ignore("sub", "RFC 5280 §6.1", "verify.certificate.of-a-ca", ca(sub_name, sub_key, ROOT_KEY))
    reel.reject("leaf-with-a-sub-key", "a chip has a key of its own, wherever the CA stands in the reel", "verify.key.of-a-ca", chips.next(spki=sub_key.spki).sign(ROOT_KEY))
    reel.reject("leaf-with-the-sub-key", "a chip has a key of its own", "verify.key.of-a-ca", chips.next(spki=sub_key.spki, issuer=sub_name).sign(sub_key))
    reel.accept("leaf-under-the-sub", "RFC 5280 §6.1", chips.next(issuer=sub_name).sign(sub_key))


def chains(corpus, chips):
    """Each chain in a reel of its own, so that no intermediate helps another case."""
    sub_name = name(("C", "NL"), ("O", ST), ("CN", "STM STSAFE-A SUB CA 1"))

    def chain(label, clause, codes, sub=None, leaf=None, order="a", **certificate):
        """`codes` None: the leaf is accepted. The intermediate stands before (a) or after (z) the leaf."""
        key = Key(f"sub {label}")
        run = Reel(corpus, f"chain-{label}", chips)
        certificate.setdefault("extensions", basic_constraints(True))
        content = (sub or (lambda key: ca(sub_name, key, ROOT_KEY, **certificate)))(key)
        end = (leaf or (lambda chip: chip.but(issuer=sub_name)))(chips.next()).sign(key)
        verdict = certificate_verdict.get(label, ("ignored", "verify.certificate.of-a-ca"))
        run.add(f"{order}-sub", clause, content, *verdict)
        if codes is None:
            run.accept("leaf", clause, end)
        else:
            run.reject("leaf", clause, codes, end)
        run.accept("bystander", "another leaf of the reel", chips.next().sign(ROOT_KEY))

    certificate_verdict = {
        "ca-false": ("rejected", "verify.uid.shape"), "no-extensions": ("rejected", "verify.uid.shape"),
        "path-length-without-ca": ("rejected", "verify."), "version-1": ("rejected", "verify."), "broken-der": ("rejected", "verify.der."),
        "usage-without-sign": ("rejected", "verify.extension."), "ca-boolean-1": ("rejected", "verify.der.boolean"),
        "chip-uid": ("rejected", "verify.extension.ca-true"), "duplicate-extension": ("rejected", "verify.extension.duplicate"),
        "bad-point": ("ignored", "verify.certificate.of-a-ca"), "trailing": ("rejected", "verify.der.trailing-data"),
    }
    missing = "verify.chain.no-trust-anchor"
    chain("before", "intake", None)
    chain("after", "intake: wherever it stands", None, order="z")
    chain("key-usage", "RFC 5280 §6.1.4 (n)", None, extensions=basic_constraints(True) + key_usage(5, 6))
    chain("path-0", "RFC 5280 §4.2.1.9", None, extensions=basic_constraints(True, 0))
    chain("uncritical-constraints", "ST: genuine CAs have it not critical", None, extensions=basic_constraints(True, critical=False))
    chain("ca-false", "RFC 5280 §6.1.4 (k)", missing, extensions=basic_constraints())
    chain("no-extensions", "RFC 5280 §6.1.4 (k)", missing, extensions=b"")
    chain("path-length-without-ca", "RFC 5280 §4.2.1.9", missing, extensions=extension(pki.BC, seq(integer(0)), 0xFF))
    chain("version-1", "RFC 5280 §6.1.4 (k)", missing, extensions=b"", version=b"")
    chain("usage-without-sign", "RFC 5280 §6.1.4 (n)", [missing, "verify.extension.key-cert-sign"], extensions=basic_constraints(True) + key_usage(0))
    chain("ca-boolean-1", "X.690 §11.1", missing, extensions=extension(pki.BC, seq(der.boolean(1)), 0xFF))
    chain("unknown-critical", "RFC 5280 §6.1.4 (o)", "verify.extension.unknown-critical", extensions=basic_constraints(True) + extension("1.3.6.1.4.1.99999.1", octet_string(b"x"), 0xFF))
    chain("unknown-uncritical", "RFC 5280 §4.2", None, extensions=basic_constraints(True) + extension("1.3.6.1.4.1.99999.1", octet_string(b"x")))
    chain("name-constraints", "RFC 5280 §4.2.1.10", "verify.extension.unsupported-constraint", extensions=basic_constraints(True) + extension("2.5.29.30", seq(der.explicit(0, seq(tlv(0x82, b"a")))), 0xFF))
    chain("duplicate-extension", "RFC 5280 §4.2", missing, extensions=basic_constraints(True) * 2)
    chain("expired", "RFC 5280 §6.1.3 (a)(2)", "verify.chain.intermediate-time", not_before=utc("180101000000Z"), not_after=utc("200101000000Z"))
    chain("future", "RFC 5280 §6.1.3 (a)(2)", "verify.chain.intermediate-time", not_before=utc("480101000000Z"), not_after=utc("490101000000Z"))
    chain("not-signed-by-the-root", "RFC 5280 §6.1.3 (a)(1)", missing, sub=lambda key: ca(sub_name, key, Key("stranger")))
    chain("signed-by-itself", "RFC 5280 §6.1.3", missing, sub=lambda key: ca(sub_name, key, key, sub_name))
    chain("sha1", "ST", "verify.signature.sha1", digest="sha1")
    chain("name-case", "ST", "verify.chain.name-case", leaf=lambda chip: chip.but(issuer=name(("C", "NL"), ("O", ST.upper()), ("CN", "STM STSAFE-A SUB CA 1"))))
    chain("sub-issuer-case", "ST", "verify.chain.name-case", issuer=name(("C", "NL"), ("O", ST.upper()), ("CN", ROOT_CN)))
    chain("other-name", "RFC 5280 §6.1.3 (a)(4)", missing, leaf=lambda chip: chip.but(issuer=name(("CN", "STM STSAFE-A SUB CA 2"))))
    chain("chip-uid", "issue: cA TRUE leaves are no CAs", missing, serial=bytes.fromhex("0209C0DEEEEEEEEEEE0139"))
    chain("empty-subject", "RFC 5280 §4.1.2.6", ["verify."], sub=lambda key: ca(seq(), key, ROOT_KEY), leaf=lambda chip: chip.but(issuer=seq()))
    chain("bad-point", "SEC 1 §3.2.2.1", missing, spki=pki.ec_spki(b"\x04" + bytes(64)))
    chain("trailing", "X.690", missing, sub=lambda key: ca(sub_name, key, ROOT_KEY) + b"\0")
    two_levels(corpus, chips)
    # a leaf issued by a leaf: with and without what a CA would need
    for label, codes, extensions in (("plain", None, None), ("key-usage", None, key_usage(0)), ("ca-false", None, basic_constraints()), ("ca-true", "verify.extension.ca-true", basic_constraints(True)), ("cert-sign", "verify.extension.key-cert-sign", key_usage(5))):
        reel = Reel(corpus, f"leaf-under-leaf-{label}", chips)
        upper = chips.next(extensions=extensions)
        key = Key(f"chip {chips.count}")
        if codes:
            reel.reject("a-upper", "intake", codes, upper.sign(ROOT_KEY))
        else:
            reel.accept("a-upper", "a genuine chip stays one", upper.sign(ROOT_KEY))
        reel.reject("lower", "intake: a leaf issued by another leaf is refused", missing, chips.next(issuer=upper.subject).sign(key))
        # the same with the root's name as issuer
        reel.reject("lower-under-the-root-name", "intake", "verify.signature.invalid", chips.next().sign(key))
    reel = Reel(corpus, "lookalike", chips)
    fake = Key("lookalike root")
    reel.ignore("a-root", "self-signed, with the genuine name", "verify.certificate.of-a-ca", ca(ROOT_NAME, fake, fake))
    reel.ignore("b-root-copy", "the genuine root itself", "verify.certificate.of-a-ca", ca(ROOT_NAME, ROOT_KEY, ROOT_KEY))
    sub = Key("sub of the lookalike")
    reel.ignore("c-sub", "RFC 5280 §6.1", "verify.certificate.of-a-ca", ca(sub_name, sub, fake))
    reel.reject("leaf", "signed by the lookalike", "verify.signature.invalid", chips.next().sign(fake))
    reel.reject("leaf-of-its-sub", "no path", missing, chips.next(issuer=sub_name).sign(sub))
    reel.reject("self-signed-leaf", "signed with its own key", "verify.signature.invalid", chips.next().sign(Key(f"chip {chips.count}")))
    reel.accept("genuine", "a genuine leaf beside them", chips.next().sign(ROOT_KEY))
    # the root as its own intermediate, a cross pair, a loop: no endless search
    reel = Reel(corpus, "loop", chips)
    a, b = Key("loop a"), Key("loop b")
    na, nb = name(("CN", "loop a")), name(("CN", "loop b"))
    reel.ignore("a-by-b", "a loop", "verify.certificate.of-a-ca", ca(na, a, b, nb))
    reel.ignore("b-by-a", "a loop", "verify.certificate.of-a-ca", ca(nb, b, a, na))
    reel.reject("leaf", "a loop leads nowhere", missing, chips.next(issuer=na).sign(a))
    reel = Reel(corpus, "loop-with-a-way-out", chips)
    for label, subject, key, issuer, issuer_key in (("a-by-b", na, a, nb, b), ("b-by-a", nb, b, na, a), ("a-by-root", na, a, ROOT_NAME, ROOT_KEY)):
        reel.ignore(label, "RFC 4158", "verify.certificate.of-a-ca", ca(subject, key, issuer_key, issuer))
    reel.accept("leaf", "RFC 4158", chips.next(issuer=na).sign(a))
    reel.accept("leaf-of-b", "RFC 4158", chips.next(issuer=nb).sign(b))


def two_levels(corpus, chips):
    names = [name(("CN", f"level {level}")) for level in range(12)]

    def ladder(label, clause, codes, limits):
        keys = [Key(f"ladder {label} {level}") for level in range(len(limits))]
        reel = Reel(corpus, f"ladder-{label}", chips)
        above, above_name = ROOT_KEY, ROOT_NAME
        for level, limit in enumerate(limits):
            content = ca(names[level], keys[level], above, above_name, extensions=basic_constraints(True, limit))
            reel.ignore(f"{9 - level}-sub", clause, "verify.certificate.of-a-ca", content)
            above, above_name = keys[level], names[level]
        leaf = chips.next(issuer=above_name).sign(above)
        if codes is None:
            reel.accept("leaf", clause, leaf)
        else:
            reel.reject("leaf", clause, codes, leaf)

    length = "verify.chain.path-length"
    clause = "RFC 5280 §4.2.1.9, §6.1.4 (l), (m)"
    ladder("two", clause, None, [None, None])
    ladder("one-zero", clause, None, [1, 0])
    ladder("zero-over-one", clause, length, [0, None])
    ladder("zero-over-zero", clause, length, [0, 0])
    ladder("one-over-two", clause, length, [1, None, None])
    ladder("two-over-two", clause, None, [2, None, None])
    ladder("widened-below", clause, length, [0, 5])
    ladder("eight", "more intermediates than anybody has", "verify.chain.too-deep", [None] * 8)


def crowds(corpus, chips):
    """Junk must neither crowd out a genuine intermediate nor cost much."""
    sub_key, sub_name = Key("sub in the crowd"), name(("O", ST), ("CN", "STM sub in the crowd"))
    junk_key = Key("crowd")
    for label, subject, count in (("strangers", None, 1500), ("namesakes", sub_name, 1500), ("root-namesakes", ROOT_NAME, 1500)):
        run = corpus.run(f"crowd-{label}")
        run.inputs = ["reel"]
        bundle = b""
        for number in range(count):
            own = subject or name(("CN", f"junk {number}"))
            content = ca(own, junk_key, junk_key, own, serial=b"\x40" + number.to_bytes(3, "big"), signature=lambda v: b"\x30\x06\x02\x01\x01\x02\x01\x01")
            bundle += pem(content)
        run.put("reel/a-junk.pem", bundle)
        for number in range(1, count + 1):
            run.item(f"reel!a-junk.pem#{number}", "ignored", ["verify.certificate.of-a-ca"], "a CA's certificate, of nobody we know")
        run.put("reel/b-sub.der", ca(sub_name, sub_key, ROOT_KEY))
        run.item("reel!b-sub.der", "ignored", ["verify.certificate.of-a-ca"], "intake")
        run.put("reel/c-leaf.der", chips.next(issuer=sub_name).sign(sub_key))
        run.item("reel!c-leaf.der", "accepted", [], "junk neither crowds out a genuine intermediate nor a genuine chip")
        run.put("reel/d-leaf.der", chips.next().sign(ROOT_KEY))
        run.item("reel!d-leaf.der", "accepted", [], "junk quarantines nobody")


def conflicts(corpus, chips):
    def reel(label):
        return Reel(corpus, f"conflict-{label}", chips)

    n = pki.CURVES["P-256"][4]
    def negated(value):
        r, s = (int.from_bytes(node.content, "big") for node in der.parse(value).children)
        return seq(integer(r), integer(n - s))

    two_keys, two_uids, twin, duplicate = (f"verify.conflict.{what}" for what in ("uid-two-keys", "key-two-uids", "twin", "duplicate"))
    clause = "intake: conflicts among verified leaves"
    run = reel("uid-two-keys")
    chip = chips.next()
    run.reject("a", clause, two_keys, chip.sign(ROOT_KEY))
    run.reject("b", clause, two_keys, chip.but(spki=Key("second key").spki).sign(ROOT_KEY))
    run.accept("c", "a bystander", chips.next().sign(ROOT_KEY))
    run = reel("key-two-uids")
    chip, other = chips.next(), chips.next()
    run.reject("a", clause, two_uids, chip.sign(ROOT_KEY))
    run.reject("b", clause, two_uids, other.but(spki=chip.spki).sign(ROOT_KEY))
    run.accept("c", "a bystander", chips.next().sign(ROOT_KEY))
    run = reel("key-three-uids-and-a-duplicate")
    chip = chips.next()
    for label in "abc":
        run.reject(label, clause, two_uids, chips.next(spki=chip.spki).sign(ROOT_KEY))
    same = chips.next(spki=chip.spki).sign(ROOT_KEY)
    run.reject("d", clause, two_uids, same)
    run.reject("e", clause, two_uids, same)
    run = reel("duplicates")
    same = chips.next().sign(ROOT_KEY)
    run.accept("a", clause, same)
    run.ignore("b", clause, duplicate, same)
    run.ignore("c", clause, duplicate, pem(same), suffix=".pem")
    run = reel("twins")
    chip = chips.next()
    one, two = chip.sign(ROOT_KEY), chip.but(signature=negated).sign(ROOT_KEY)
    import hashlib
    first, second = sorted((one, two), key=lambda content: hashlib.sha256(content).digest())
    run.ignore("a", clause + ": the lowest SHA-256 wins", twin, second)
    run.accept("b", clause, first)
    run.ignore("c", clause, duplicate, first)
    run.ignore("d", clause, twin, second)
    run = reel("reissued")
    chip = chips.next()
    one, two = chip.sign(ROOT_KEY), chip.but(not_after=generalized("20520305000000Z")).sign(ROOT_KEY)
    first, second = sorted((one, two), key=lambda content: hashlib.sha256(content).digest())
    run.accept("a", clause, first)
    run.ignore("b", clause, twin, second)
    # junk that names a genuine chip's UID or holds its key
    run = reel("junk")
    chip = chips.next()
    run.accept("genuine", "only verified leaves conflict", chip.sign(ROOT_KEY))
    fake = Key("junk signer")
    run.reject("same-uid-other-key", clause, "verify.signature.invalid", chip.but(spki=Key("junk key").spki).sign(fake))
    run.reject("same-key-other-uid", clause, "verify.signature.invalid", chips.next(spki=chip.spki).sign(fake))
    run.reject("same-uid-broken-key", clause, "verify.key.", chip.but(spki=pki.ec_spki(b"\x04" + bytes(64))).sign(ROOT_KEY))
    run.reject("same-uid-expired", clause, "verify.time.expired", chip.but(spki=Key("junk key").spki, not_before=utc("190101000000Z"), not_after=utc("200101000000Z")).sign(ROOT_KEY))
    run.reject("same-uid-ca-true", clause, "verify.extension.ca-true", chip.but(spki=Key("junk key").spki, extensions=basic_constraints(True)).sign(ROOT_KEY))
    run.reject("truncated", clause, "verify.der.truncated", chip.sign(ROOT_KEY)[:-3])
    # a leaf that was delivered under two names of one issuer is one chip
    run = corpus.run("conflict-uid-two-issuers", anchors=("root.pem", "same-key.pem"), policy="generic.toml")
    run.inputs = ["reel"]
    chip = chips.next().but(serial=b"\x05", subject=name(("CN", "device")))
    other_name = name(("C", "NL"), ("O", ST), ("CN", "STM STSAFE-A CORPUS CA 48"))
    for label, content in (("a", chip.sign(ROOT_KEY)), ("b", chip.but(issuer=other_name, spki=Key("other device").spki).sign(ROOT_KEY))):
        run.put(f"reel/{label}.der", content)
        run.item(f"reel!{label}.der", "rejected", ["verify.conflict.uid-two-issuers"], "intake: the namespace is the source issuer")
    # across inputs, and an expected list
    run = corpus.run("conflict-across-inputs")
    run.inputs = ["one", "two"]
    chip = chips.next()
    run.put("one/a.der", chip.sign(ROOT_KEY))
    run.put("two/a.der", chip.but(spki=Key("third key").spki).sign(ROOT_KEY))
    for item in ("one!a.der", "two!a.der"):
        run.item(item, "rejected", [two_keys], clause + ", across inputs")
    run = corpus.run("expected")
    run.inputs, run.expect = ["reel"], "uids.txt"
    wanted, stranger, absent = chips.next(), chips.next(), chips.next()
    run.put("uids.txt", f"# order 7\r\n{wanted.serial.hex()}\n{absent.serial.hex().upper()}\n".encode())
    run.put("reel/wanted.der", wanted.sign(ROOT_KEY))
    run.item("reel!wanted.der", "accepted", [], "intake: --expect")
    run.put("reel/stranger.der", stranger.sign(ROOT_KEY))
    run.item("reel!stranger.der", "rejected", ["verify.expect.unexpected"], "intake: --expect")
