"""Proofs by an insider with both keys."""

import json
from mutations import der
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.certificates import FIELDS, SHAPES
from mutations.forge import Forge
from mutations.proofs import proof_of, proof_version, uids_of


def cases(bench):
    """The certificate is not what the policy asks for; what a proof shows by the page holds all the same."""
    presence = lambda name, made, expect, batch, group: Case(group, name, batch, made, expect, "verify-proof")
    refused = {
        "no version",
        "version 1, written out",
        "version 2",
        "version 4",
        "version in two bytes",
        "serial number of attempt 1",
        "serial number of another chip",
        "serial number zero",
        "serial number negative",
        "serial number of 21 bytes",
        "serial number of 1 byte",
        "serial number with a zero before",
        "serial number empty",
        "serial number 1000 more",
        "serial number cut",
        "serial number without the mask",
        "serial number an ENUMERATED",
        "inner algorithm SHA-384",
        "SHA-1, signed so",
        "outer algorithm SHA-384",
        "inner algorithm with NULL",
        "outer algorithm with NULL",
        "both algorithms with NULL",
        "algorithm Ed25519",
        "algorithm RSA",
        "algorithm unknown",
        "both algorithms SHA-384, signed with SHA-256",
        "another issuer",
        "empty issuer",
        "issuer in another letter case",
        "issuer as PrintableString",
        "issuer with an attribute more",
        "issuer's attributes reversed",
        "the root as issuer",
        "times exchanged",
        "notBefore without seconds",
        "notBefore with an offset",
        "a third time",
        "no times",
        "times as GeneralizedTime",
        "another chip's key",
        "a key of nobody",
        "the issuing CA's key",
        "a key of P-384",
        "a compressed point",
        "a hybrid point",
        "the point negated",
        "a point not on the curve",
        "the point at infinity",
        "an unused bit in the point",
        "a key of an unknown curve",
        "a key without a curve",
        "a key with ecdh",
        "an extension twice",
        "all twice",
        "extensions under another tag",
        "a CA",
        "a CA, not critical",
        "cA FALSE written out",
        "cA 01",
        "a CA with pathLenConstraint 0",
        "critical FALSE written out",
        "critical 01",
        "keyUsage with keyCertSign",
        "keyUsage with cRLSign",
        "documentSigning",
        "documentSigning too",
        "signed with another key",
        "basicConstraints garbage",
        "basicConstraints with bytes after",
        "serial number as encoder 1 or 2 of a zero seed",
        "serial number over the root's key",
    }
    free = {
        "notBefore a second later",
        "notAfter a second later",
        "notAfter a year later",
        "notAfter never",
        "another subject",
        "another chip's subject",
        "subject in lower case",
        "subject reversed",
        "no extensions",
        "extensions reversed",
        "serverAuth",
        "serverAuth too",
        "another subjectKeyIdentifier",
        "an unknown extension",
        "a subjectAltName",
        "keyUsage not critical",
        "serial number of the leaf",
        f"without {der.BASIC}",
        f"without {der.SKI}",
        f"without {der.USAGE}",
        "keyUsage with nonRepudiation",
        "both algorithms SHA-384, signed so",
    }
    for base, kind in ((bench.main, "local"), (bench.foreign, "foreign")):
        two = json.loads(base.files["manifest.json"])["encoder"] == 2
        uid = uids_of(base)[1]
        for name, fields in FIELDS.items():
            expect = REFUSE if name in refused else ACCEPT if name in free else ALIKE
            if kind == "foreign" and (name.startswith("serial number") or name == "the root as issuer"):
                continue
            if name == "high s":
                expect = REFUSE if two and kind == "local" else ACCEPT
            if name == "without 2.5.29.37":
                expect = ACCEPT

            def made(base=base, uid=uid, fields=fields):
                forge = Forge(base)
                values = {
                    key: value(forge, der.Certificate(forge.chips[1].certificate)) if callable(value) else value
                    for key, value in fields.items()
                }
                return proof_of(forge.reissue(1, **values).done(), uid, batch=base)

            group = {REFUSE: "proofs, insiders", ACCEPT: "free: proofs", ALIKE: "proofs, insiders"}[expect]
            yield presence(f"{kind}: {name}", made, expect, base, group=group)
        for name in (
            "bytes after",
            "an unused bit",
            "a long length outside",
            "tbs: a long length",
            "tbs: an indefinite length",
            "s plus n",
            "r zero",
            "bytes after the signature",
            "s with a zero before",
            "high s without the key",
            "a fourth part",
            "the leaf",
            "the issuing CA's certificate",
        ):

            def shaped(base=base, uid=uid, name=name):
                forge = Forge(base)
                forge.fitted(1, SHAPES[name](forge, der.Certificate(forge.chips[1].certificate)))
                return proof_of(forge.done(), uid, batch=base)

            expect = REFUSE if name != "high s without the key" or two and kind == "local" else ACCEPT
            yield presence(
                f"{kind}: {name}",
                shaped,
                expect,
                base,
                group="proofs, insiders" if expect == REFUSE else "free: proofs",
            )
    batch = bench.main
    uid = uids_of(batch)[1]
    fork = {
        "lines out of order": lambda f: f.chips.insert(0, f.chips.pop(3)),
        "its line twice": lambda f: f.chips.insert(1, f.copy_chip(1)),
    }
    for name, change in fork.items():

        def made(change=change):
            forge = Forge(batch)
            change(forge)
            files = forge.done()
            lines = files["manifest.jsonl"].split(b"\n")[:-1]
            at = [json.loads(one)["uid"] for one in lines].index(uid)
            return proof_of(files, uid, indices=[n for n in (at - 1, at, at + 1) if 0 <= n < len(lines)], batch=batch)

        yield presence(
            f"insider: {name}", made, ALIKE if name.startswith("lines") else REFUSE, batch, group="proofs, insiders"
        )
    for number, (key, value) in enumerate(
        [
            ("relax", []),
            ("relax", ["expired-leaf", "test-anchor"]),
            ("anchor", 1),
            ("attempt", 1),
            ("reissue", "x"),
            ("bytes", 1),
            ("st_number", None),
            ("sha1", "ab" * 20),
            ("not_after", "2030-01-01T00:00:00Z"),
            ("source_sha256", "ab" * 32),
        ]
    ):

        def made(key=key, value=value):
            forge = Forge(batch)
            forge.chips[1].set(**{key: value})
            return proof_of(forge.done(), uid, batch=batch)

        # proof/1 takes the family from the line
        expect = ALIKE if key == "st_number" and proof_version(batch) == 1 else REFUSE
        yield presence(f"insider: {key} = {value} ({number})", made, expect, batch, group="proofs, insiders")
