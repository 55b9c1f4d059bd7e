#!/usr/bin/env python3
"""An independent verifier of reroot batches, written from docs/spec/manifest-format.md and from nothing else.

Needs Python 3.11 and `cryptography`; holds the batch in memory. Exit 0: everything holds. 1: the first reason why not.
"""
import argparse, hashlib, json, os, re, sys
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from accounting import check_findings, check_inputs, signers_word
from archives import chips_of
from certificates import VERSION_3, Authorities, Cert, certificates, r_and_s, reaches_anchor
from expected import check_list
from forms import ALT_NAME, BASIC, PURPOSE, USAGE, check_extensions, check_name
from history import SHOWN, SHOWN_WITH_INPUTS, check_history
from asn1 import Refused, der, der_time, elements, need, oid, rfc3339, sequence, sha256, utc
from policy import KEYS, derived_serial, purposes_asked, wanted
from schema import Schema, compiled
from spelling import (FINDING, HEX, INPUT, ITEM, NUM32, REISSUE, RELAXATIONS, SERIAL, STATEMENTS, UID, check_shape,
                      lines, read, spelled)
from tables import read_tables


# --- steps 2 to 6: seal and statement --------------------------------------------------------------------------------

def open_statement(statement, seal, signer, anchors):
    check_signer(signer)
    certifying = [anchor for anchor in anchors if signer.signed_by(anchor)]
    need(certifying, "no manifest anchor certified the signer")
    certifying[0].check_purposes({SEALS})
    number, digest, function = ("2", hashlib.sha256, hashes.SHA256()) if signer.kind == "P-256" else (
        "3", hashlib.sha384, hashes.SHA384())
    digest_id = sequence(oid(f"2.16.840.1.101.3.4.2.{int(number) - 1}"))

    # only time and signature are taken from the seal; everything else is built again
    need(len(seal) <= 64 << 10, "the seal is too long")
    info = elements(elements(elements(elements(elements(elements(seal)[0][1])[1][1])[0][1])[4][1])[0][1])
    kinds = [elements(one) for _, one, _ in elements(info[3][1])]
    [(_, _, time)] = [elements(value[1])[0] for kind, value in kinds if kind[2] == oid("1.2.840.113549.1.9.5")]
    attribute = lambda kind, value: sequence(oid(kind), der(0x31, value))
    reference = sequence(sequence(sequence(der(4, signer.sha256))))
    signed = b"".join(sorted([
        attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.7.1")), attribute("1.2.840.113549.1.9.5", time),
        attribute("1.2.840.113549.1.9.4", der(4, digest(statement).digest())),
        attribute("1.2.840.113549.1.9.16.2.47", reference)]))
    signature = info[5][1]
    info = sequence(der(2, b"\1"), sequence(signer.issuer, signer.fields[1]), digest_id, der(0xA0, signed),
                    sequence(oid(f"1.2.840.10045.4.3.{number}")), der(4, signature))
    data = sequence(der(2, b"\1"), der(0x31, digest_id), sequence(oid("1.2.840.113549.1.7.1")),
                    der(0xA0, signer.der), der(0x31, info))
    need(sequence(oid("1.2.840.113549.1.7.2"), der(0xA0, data)) == seal,
         "the seal has another form, or is of another statement")
    signer.key.verify(signature, der(0x31, signed), ec.ECDSA(function))

    s = read_statement(statement)
    created = utc(s["created"])
    need(der_time(created) == time, "created is not signingTime")
    need(signer.begin <= created <= signer.end, "the signer's certificate was not valid when it sealed")
    need(s["encoder"] == 1 or is_low(signature, signer.kind), "the seal does not have the lower s")
    return s


def check_signer(signer):
    critical, purposes, _ = signer.extensions.get(PURPOSE, (False, None, None))
    need(critical and purposes == sequence(oid(SEALS)), "signer's purpose")
    need(signer.usage in ({0}, {0, 1}) and not signer.is_ca, "signer's keyUsage, or it is a CA's")
    critical = {kind for kind, (critical, _, _) in signer.extensions.items() if critical}
    need(critical <= {BASIC, USAGE, PURPOSE, "2.5.29.14", "2.5.29.35"}, "signer's critical extensions")
    need(signer.kind in ("P-256", "P-384"), "signer's key")


def read_statement(raw):
    """Its format comes before everything else."""
    need(len(raw) <= 16 << 20, "manifest.json is too long")
    version = re.match(rb'\{\n  "format": "reroot-manifest/([12])",\n', raw)
    need(version, "manifest.json is of no known format")
    s = read(raw, STATEMENTS[int(version[1])], "manifest.json", 2)
    need(s["encoder"] == int(version[1]), "encoder is not the one of the format")
    check_statement(s)
    return s


def check_statement(s):
    counts, names = s["counts"], [one["name"] for one in s["files"]]
    need(counts["items"] == counts["issued"] + counts["rejected"] + counts["ignored"], "counts do not add up")
    need(s["entries"]["tree_size"] == counts["issued"], "tree_size is not issued")
    foreign = s["issuer"]["mode"] == "foreign"
    need(foreign == (s["serial_seed"] is None), "serial_seed and mode")
    need(s["created"] >= s["issued_at"], "created before issued_at")
    need(s["previous"] is None or s["previous"]["batch"] != s["batch"], "previous is the batch itself")
    own = OWN | LINES | ({"missing.jsonl"} if s["encoder"] > 1 else set())
    need(names == sorted(set(names)) and not set(names) & own, "files")
    need(s["relaxations"] == sorted(set(s["relaxations"])) and set(s["relaxations"]) <= KNOWN, "relaxations")
    need(foreign or counts["signatures_made"] >= counts["issued"] + len(s["discarded_serials"]), "signatures_made")
    need(not foreign or not s["discarded_serials"], "discarded_serials of another CA")
    if s["encoder"] > 1:
        need(not foreign or s["beacon"] is None, "a beacon, and no serial number depends on it")
        need(s["seals"] == sorted(set(s["seals"])), "seals")


SEALS = "1.3.6.1.5.5.7.3.36"  # id-kp-documentSigning
OWN, LINES = {"manifest.json", "manifest.json.p7s"}, {"manifest.jsonl", "inputs.jsonl", "rejected.jsonl"}
KNOWN = {"common-name-mismatch", "expired-leaf", "explicit-default-boolean", "issuer-name-case", "sha1-signature",
         "test-anchor", "trailing-padding"}
ORDERS = {"P-256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551,
          "P-384": 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973,
          "P-521": 2**521 - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7}


def is_low(signature, kind):
    return 2 * r_and_s(signature)[1] < ORDERS[kind]


# --- step 8: leaf and certificate ------------------------------------------------------------------------------------

SHAPES = {"stsafe-a": rb"\x02\x09[\s\S]{9}", "stsafe-l": rb"[\x01-\x7f][\s\S]{8}",
          "generic": rb"[\x01-\x7f][\s\S]{0,19}|\0[\x80-\xff][\s\S]{0,18}"}


def is_uid(family, uid):
    return re.fullmatch(SHAPES[family], uid) is not None


def examine_leaf(raw, allowed, source, authorities):
    """A genuine leaf, the anchor that it reaches and the relaxations that it needs, all of which are allowed."""
    need(len(raw) <= 16 << 10, "the leaf is too long")
    leaf = Cert(raw, defaults="explicit-default-boolean" in allowed)
    need(not leaf.is_ca and leaf.path_length is None and 5 not in (leaf.usage or ()), "the leaf has a CA's rights")
    need(leaf.version == 3 and leaf.issuer_name, "the leaf's version, or its issuer is empty")
    check_name(leaf.issuer_name)
    check_name(leaf.subject_name)
    need(leaf.subject_name or leaf.extensions.get(ALT_NAME, (False,))[0], "the leaf's subject is empty")
    check_extensions(leaf.extensions)
    need(is_uid(source["family"], leaf.serial), "the UID is not one of the policy's family")
    need(leaf.key and leaf.kind in source["keys"], "the policy does not take this key")
    need(not authorities.are_of(leaf.spki), "the leaf has the key of a CA")
    need(source["family"] == "generic" or not leaf.method.startswith("rsa"), "the leaf is signed with RSA")
    anchor, needed = authorities.best(leaf, allowed)
    valid = leaf.begin <= authorities.at <= leaf.end
    mismatch = differs_from_common_name(leaf, source["family"])
    needed = needed | {name for name, needs in (("explicit-default-boolean", leaf.default_written),
                                                ("expired-leaf", not valid),
                                                ("common-name-mismatch", mismatch)) if needs}
    need(needed <= allowed, "the leaf needs relaxations that the policy does not name:", *sorted(needed - allowed))
    return leaf, anchor, needed


def leaf_judge(s, source, authorities):
    """What returns a leaf of the inputs that verifies, and those under an anchor that the statement does not name."""
    def judge(raw):
        leaf, anchor, _ = examine_leaf(raw, set(s["relaxations"]), source, authorities)
        if not any({**anchor.digests(), "sha256": stated["sha256"]} == stated for stated in s["anchors"]):
            strangers.append(leaf)
        return leaf
    strangers = []
    return judge, strangers


def check_leaf(raw, line, s, source, authorities):
    """The anchor that a leaf reaches and the relaxations that it needs are those of its line."""
    allowed = set(s["relaxations"])
    leaf, anchor, needed = examine_leaf(raw, allowed, source, authorities)
    stated = dict(enumerate(s["anchors"])).get(line["anchor"], {})
    need({**anchor.digests(), "sha256": stated.get("sha256")} == stated, "the line names another anchor")
    needed |= {"trailing-padding"} & set(line["relax"]) & allowed
    need(line["relax"] == sorted(needed), "relaxations")
    return leaf


def differs_from_common_name(leaf, family):
    digits = {"stsafe-a": 22, "stsafe-l": 18}.get(family, 22 if is_uid("stsafe-a", leaf.serial) else None)
    for text in leaf.common_names:
        run = re.search(r"[0-9A-Fa-f]*$", text)[0].upper()
        run = run[4:] if digits == 22 and len(run) == 26 and run.startswith("020B") else run
        if len(run) == digits and run != leaf.serial.hex().upper():
            return True
    return False


def check_certificate(cert, leaf, line, s, policy, issuer):
    """It is what policy, seed and leaf give; if another CA's, but for the differences that are returned."""
    fields, extensions = wanted(policy, s, leaf, issuer)
    check_object(cert, leaf, s, issuer)
    check_signature_form(cert, s, issuer, policy["device"]["full_width_signature"])
    if s["issuer"]["mode"] != "foreign":
        derived = policy["certificate"]["serial"] == "derived"
        serial = derived_serial(s, issuer, leaf, line["attempt"]) if derived else leaf.serial
        times = sequence(der_time(fields["not_before"]), der_time(fields["not_after"]))
        tbs = sequence(VERSION_3, der(2, serial), fields["signature"], issuer.subject, times, fields["subject"],
                       leaf.spki, der(0xA3, sequence(*extensions.values())) if extensions else b"")
        need(cert.tbs == tbs, "the certificate is not what policy, seed and leaf give")
        need(len(cert.der) <= policy["device"].get("max_certificate_bytes", 1 << 32), "the certificate is too long")
        return None
    inside = issuer.begin <= cert.begin and cert.end <= issuer.end
    need(inside or policy["certificate"]["outlives_issuer"] == "allow", "the certificate outlives the issuing CA")
    whole = {KEYS.get(kind, kind): whole for kind, (_, _, whole) in cert.extensions.items()}
    found = {"subject": cert.subject, "not_before": cert.begin, "not_after": cert.end, "signature": cert.algorithm}
    found, asked = found | whole, fields | extensions
    differs = sorted(key for key in found | asked if found.get(key) != asked.get(key))
    need(set(differs) <= set(policy.get("foreign", {}).get("may_differ", [])),
         "the certificate differs from what was asked for in", *differs)
    return differs


def check_object(cert, leaf, s, issuer):
    """What every object certificate is, whatever the policy: in a batch, and in a proof."""
    need(cert.version == 3 and cert.spki == leaf.spki, "version, or the leaf's key")
    need(cert.signed_by(issuer), "the issuing CA did not sign the certificate")
    need(not cert.is_ca and not {5, 6} & (cert.usage or set()), "a CA's rights")
    need(SEALS not in (cert.purposes or ()), "the right to seal manifests")


def check_signature_form(cert, s, issuer, full_width):
    """Its width where the policy demands it (None: not known here), and the lower s in encoder 2, of the own CA."""
    if s["issuer"]["mode"] == "foreign" or not cert.method.startswith("ecdsa"):
        return
    size = (issuer.key.key_size + 7) // 8
    wide = all(number >> 8 * size - 8 for number in r_and_s(cert.signature))
    need(wide or not full_width, "the signature is not of full width")
    may_be_high = issuer.kind == "P-521" and (full_width or full_width is None and wide)
    low = may_be_high or is_low(cert.signature, issuer.kind)
    need(s["encoder"] == 1 or low, "the certificate does not have the lower s")


def check_line(raw, line, cert, leaf, s, family, differs):
    """The line is what the certificates give, every field of it."""
    second = s["encoder"] > 1
    expected = {
        "uid": leaf.serial.hex().upper(), **({"object": None, "label": None} if second else {}),
        "st_number": leaf.serial[2:].hex().upper() if family == "stsafe-a" else None,
        "source_item": line["source_item"], "source_sha256": leaf.sha256.hex(),
        "spki_sha256": sha256(leaf.spki).hex(), "serial": cert.serial.hex().upper(), "attempt": line["attempt"],
        "sha256": cert.sha256.hex(), "sha1": hashlib.sha1(cert.der).hexdigest(),
        "not_before": rfc3339(cert.begin), "not_after": rfc3339(cert.end), "bytes": len(cert.der),
        "anchor": line["anchor"], "relax": line["relax"], **({"evidence": "x509"} if second else {}),
        "reissue": s["reissue"], **({} if differs is None else {"differs": differs})}
    need(spelled(expected) == raw, "the line of", expected["uid"], "says something else than its certificates")
    need(line["attempt"] == 0 or s["serial_seed"], "attempts of another CA")


def read_line(raw):
    """What a line says on the signer's word alone, its UID, and what other batches are compared with."""
    line = json.loads(raw)
    kept = {"uid": UID, "source_item": ITEM, "attempt": NUM32, "anchor": NUM32, "relax": RELAXATIONS,
            "source_sha256": HEX, "spki_sha256": HEX, "serial": SERIAL, "sha256": HEX, "reissue": (REISSUE,)}
    check_shape(kept, {key: line[key] for key in kept}, "line")
    return line


# --- step 7, and step 8 for each line --------------------------------------------------------------------------------

def tree_root(leaves):
    peaks = []  # roots of perfect subtrees with their heights, the largest first
    for leaf in leaves:
        height, node = 0, sha256(b"\0", leaf)
        while peaks and peaks[-1][0] == height:
            node, height = sha256(b"\1", peaks.pop()[1], node), height + 1
        peaks.append((height, node))
    root = peaks.pop()[1] if peaks else sha256()
    while peaks:
        root = sha256(b"\1", peaks.pop()[1], root)
    return root.hex()


def read_folder(folder):
    batch = {}
    for entry in os.scandir(folder):
        need(entry.is_file(follow_symlinks=False), entry.name, "is not a plain file")
        with open(entry.path, "rb") as file:
            batch[entry.name] = file.read()
    return batch


def open_batch(folder, manifest_anchors):
    """Steps 2 to 7 but for what the lines say: the files, the statement and the lines."""
    batch = read_folder(folder)
    for name in ("manifest.pem", "chain.pem", "source-chain.pem", "policy.toml"):
        need(len(batch[name]) <= (256 << 10 if name == "policy.toml" else 16 << 20), name, "is too long")
    [signer] = certificates(batch["manifest.pem"])
    s = open_statement(batch["manifest.json"], batch["manifest.json.p7s"], signer, manifest_anchors)
    stated = {s[key]["file"]: s[key]["sha256"] for key in ("inputs", "entries", "rejected")}
    stated |= {one["name"]: one["sha256"] for one in s["files"]}
    if s["encoder"] > 1 and s["expected"]:
        stated["missing.jsonl"] = s["expected"]["missing"]["sha256"]
    need(set(batch) == set(stated) | OWN, "files are missing, or there are more")
    for name, digest in stated.items():
        need(sha256(batch[name]).hex() == digest, name, "has another digest")
    entries = lines("manifest.jsonl", batch["manifest.jsonl"])
    need(len(entries) == s["entries"]["tree_size"], "the number of lines")
    need(tree_root(entries) == s["entries"]["root_hash"], "the Merkle root")
    return batch, s, entries


def read_policy(raw, s):
    policy = read_tables(raw)
    schema = Schema(policy)
    need(sha256(raw).hex() == s["policy"]["sha256"], "policy.toml is another policy")
    need((policy["name"], policy["version"]) == (s["policy"]["name"], s["policy"]["version"]), "name of the policy")
    need(sorted(policy["source"]["relax"]) == s["relaxations"], "relaxations of the policy")
    need(s["encoder"] == 1 or s["family"] == policy["source"]["family"], "family of the policy")
    need(s["encoder"] == 1 or s["beacon"] is None or policy["certificate"]["serial"] == "derived", "beacon")
    patterns = {name: table["pattern"] for name, table in policy.get("params", {}).items()}
    need(set(patterns) == set(s["params"]), "params")
    for name, value in s["params"].items():
        need(compiled(patterns[name]).fullmatch(value) and re.fullmatch(r"[ -~]{0,256}", value), "pattern of", name)
    if s["issuer"]["mode"] == "foreign":
        schema.check_foreign(policy)
    return policy


def check_issuer_key(policy, issuer):
    """The algorithm of the policy is one for the issuing CA's key (policy-reference.md, certificate.signature)."""
    kind, _, bits = policy["certificate"]["signature"].partition("-sha")
    least = {"P-256": "256", "P-384": "384", "P-521": "512"}.get(issuer.kind)
    fits = (kind == "ecdsa" and least and bits >= least or issuer.kind == "Ed25519" and kind == "ed25519"
            or issuer.kind.startswith("RSA") and kind.startswith("rsa") and issuer.key.key_size <= 4096)
    need(issuer.key and fits, "the issuing CA's key does not make the policy's signatures")


def verify_folder(folder, source_anchors, issuer_anchors, manifest_anchors, inputs=(), history=(), expect=None):
    batch, s, entries = open_batch(folder, manifest_anchors)
    at = utc(s["issued_at"])
    policy = read_policy(batch["policy.toml"], s)
    issuer, *chain = certificates(batch["chain.pem"])
    need({**issuer.digests(), "mode": s["issuer"]["mode"]} == s["issuer"], "chain.pem is another issuer's")
    check_issuer_key(policy, issuer)
    for ca in [*reaches_anchor(issuer, chain, issuer_anchors, at), *chain]:
        ca.check_purposes(purposes_asked(policy))
    source_chain = certificates(batch["source-chain.pem"])
    need(all(any(one.digests() == anchor for one in source_chain) for anchor in s["anchors"]), "source-chain.pem")
    authorities = Authorities(source_anchors, source_chain, at)

    new, parts = chips_of(batch, "certificates", at, ("der", "pem"))
    old, more = chips_of(batch, "sources", at, ("der",))
    archives = {name for name in batch if re.fullmatch(r"(?i)(certificates|sources).*\.zip", name)}
    need(archives == {*parts, *more}, "an archive that is none of the numbered parts")
    need(len(entries) == len(new) == len(old), "the number of lines or certificates")
    discarded, serials, found, leaves = [], set(), [], {}
    for raw, (uid, new_der), (old_uid, old_der) in zip(entries, new, old):
        line, cert = read_line(raw), Cert(new_der)
        leaf = check_leaf(old_der, line, s, policy["source"], authorities)
        need(leaf.serial == uid == old_uid, "leaf, entry and line are of different chips")
        differs = check_certificate(cert, leaf, line, s, policy, issuer)
        check_line(raw, line, cert, leaf, s, policy["source"]["family"], differs)
        need(s["serial_seed"] or cert.serial not in serials, "a serial number is there twice")
        serials.add(cert.serial)
        found.append(line)
        for attempt in range(min(line["attempt"], len(s["discarded_serials"]) + 1) if s["serial_seed"] else 0):
            discarded.append(derived_serial(s, issuer, leaf, attempt).hex().upper())
    need(discarded == s["discarded_serials"], "discarded_serials")

    findings = [read(one, FINDING, "finding") for one in lines("rejected.jsonl", batch["rejected.jsonl"])]
    given = [read(one, INPUT, "inputs.jsonl") for one in lines("inputs.jsonl", batch["inputs.jsonl"])]
    need(len(given) == s["inputs"]["count"], "inputs.jsonl")
    check_findings(s, policy, found, findings, batch.get("missing.jsonl"))
    notes, leaves = signers_word(findings, history and (SHOWN_WITH_INPUTS if inputs else SHOWN)), {}
    if inputs:
        judge = lambda more: leaf_judge(s, policy["source"], Authorities(source_anchors, [*source_chain, *more], at))
        follows = lambda leaf: wanted(policy, s, leaf, issuer)
        more, leaves = check_inputs(inputs, s, policy, found, findings, given, judge, follows)
        notes += more
    if expect:
        with open(expect, "rb") as file:
            notes += check_list(file.read(), s, policy["source"]["family"], found, findings, batch.get("missing.jsonl"))
    if history:
        opened = lambda other: open_batch(other, manifest_anchors)
        notes += check_history([folder, *history], opened, read_line, findings, leaves)
    notes += [f"not checked: seal of the kind {kind}" for kind in s.get("seals", [])]
    return "\n".join([f"{len(entries)} certificates hold", *notes])


# --- the command -----------------------------------------------------------------------------------------------------

def judged(verify, what, *anchors, **more):
    """What `verify` finds; raises Refused. Anchors: source, issuer, manifest, each a list of PEM bytes."""
    try:
        anchors = [[cert for raw in some for cert in certificates(raw, alone=False)] for some in anchors]
        for anchor in sum(anchors, []):
            anchor.check_ca(0, anchor=True)
        return verify(what, *anchors, **more)
    except Refused:
        raise
    except Exception as error:  # whatever a file does to a parser: it does not hold
        raise Refused(f"{type(error).__name__}: {error}")


def arguments(what, description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", metavar=what.upper(), help=f"the {what} to verify")
    for name, article in (("source", "anchors of source leaves"), ("issuer", "anchor of the issuing CA")):
        parser.add_argument(name, metavar=name.upper(), help=f"{article}: certificates in PEM, not from the {what}")
    parser.add_argument("manifest", metavar="MANIFEST", nargs="?",
                        help="anchor of the manifest signer (default: ISSUER)")
    return parser


def main(verify, parser):
    options = vars(parser.parse_args())
    what, files = options.pop("what"), [options.pop(name) for name in ("source", "issuer", "manifest")]
    source, issuer, *manifest = [[open(name, "rb").read()] for name in files if name]
    try:
        print(judged(verify, what, source, issuer, *manifest or [issuer], **options))
    except Refused as reason:
        sys.exit(f"REFUSED: {reason}")


if __name__ == "__main__":
    parser = arguments("batch", __doc__)
    parser.add_argument("--input", dest="inputs", metavar="FILE", nargs="+", action="extend", default=[],
                        help="the inputs of the batch, in any order: files, or directories of files")
    parser.add_argument("--history", metavar="BATCH", nargs="+", action="extend", default=[],
                        help="the other batches of the ledger, in any order")
    parser.add_argument("--expect", metavar="FILE", help="the list of chips that was to be met")
    main(verify_folder, parser)
