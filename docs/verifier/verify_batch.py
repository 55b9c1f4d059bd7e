#!/usr/bin/env python3
"""An independent verifier of reroot batches, written from docs/manifest-format.md and from nothing else.

    verify_batch.py BATCH SOURCE_ANCHORS.pem ISSUER_ANCHOR.pem [MANIFEST_ANCHOR.pem]

Needs Python 3.11 and `cryptography`; holds the batch in memory. Exit 0: everything holds. 1: the first reason why not.
"""
import hashlib, json, os, re, sys, tomllib
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from archives import chips_of
from certificates import BASIC, PURPOSE, USAGE, VERSION_3, Cert, certificates, paths, reaches_anchor, usual
from octets import Refused, der, der_time, elements, need, oid, sequence, sha256, utc
from policy import KEYS, derived_serial, wanted
from spelling import FINDING, INPUT, ITEM, NUM32, RELAXATIONS, STATEMENT, UID, check_shape, lines, read, spelled


# --- steps 2 to 6: seal and statement --------------------------------------------------------------------------------

def open_statement(statement, seal, signer, anchors):
    purpose, key = signer.extensions.get(PURPOSE), signer.x.public_key()
    need(purpose and purpose.critical and [one.dotted_string for one in purpose.value] == [SEALS], "signer's purpose")
    usage = sequence(*[whole for _, _, whole in elements(signer.extensions[USAGE].value.public_bytes())])
    need(usage in (sequence(b"\3\2\7\x80"), sequence(b"\3\2\6\xc0")) and not signer.is_ca, "signer's keyUsage")
    critical = {kind for kind, one in signer.extensions.items() if one.critical}
    need(critical <= {BASIC, USAGE, PURPOSE, "2.5.29.14", "2.5.29.35"}, "signer's critical extensions")
    need(isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1"), "signer's key")
    certifying = [anchor for anchor in anchors if signer.signed_by(anchor)]
    need(certifying, "no manifest anchor certified the signer")
    certifying[0].check_purposes({SEALS})
    number, digest, function = ("2", hashlib.sha256, hashes.SHA256()) if key.curve.name == "secp256r1" else (
        "3", hashlib.sha384, hashes.SHA384())
    digest_id = sequence(oid(f"2.16.840.1.101.3.4.2.{int(number) - 1}"))

    # only time and signature are taken from the seal; everything else is built again
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
    need(sequence(oid("1.2.840.113549.1.7.2"), der(0xA0, data)) == seal and len(seal) <= 65536,
         "the seal has another form, or is of another statement")
    key.verify(signature, der(0x31, signed), ec.ECDSA(function))

    need(len(statement) <= 16 << 20, "manifest.json is too long")
    s = read(statement, STATEMENT, "manifest.json", 2)
    created = utc(s["created"])
    need(der_time(created) == time, "created is not signingTime")
    need(signer.begin <= created <= signer.end, "the signer's certificate was not valid when it sealed")
    return s


def check_statement(s):
    counts, names = s["counts"], [one["name"] for one in s["files"]]
    need(counts["items"] == counts["issued"] + counts["rejected"] + counts["ignored"], "counts do not add up")
    need(s["entries"]["tree_size"] == counts["issued"], "tree_size is not issued")
    need((s["issuer"]["mode"] == "foreign") == (s["serial_seed"] is None), "serial_seed and mode")
    need(s["created"] >= s["issued_at"], "created before issued_at")
    need(s["previous"] is None or s["previous"]["batch"] != s["batch"], "previous is the batch itself")
    need(names == sorted(set(names)) and not set(names) & {*OWN, *LINES}, "files")
    need(s["relaxations"] == sorted(set(s["relaxations"])) and set(s["relaxations"]) <= KNOWN, "relaxations")
    need(s["encoder"] == 1, "encoder is not known here")
    signed = counts["issued"] + len(s["discarded_serials"])
    need(s["issuer"]["mode"] == "foreign" or counts["signatures_made"] >= signed, "signatures_made")


SEALS = "1.3.6.1.5.5.7.3.36"  # id-kp-documentSigning
OWN, LINES = {"manifest.json", "manifest.json.p7s"}, {"manifest.jsonl", "inputs.jsonl", "rejected.jsonl"}
KNOWN = {"common-name-mismatch", "expired-leaf", "explicit-default-boolean", "issuer-name-case", "sha1-signature",
         "test-anchor", "trailing-padding"}


# --- step 8: leaf and certificate ------------------------------------------------------------------------------------

FAMILIES = {"stsafe-a": rb"\x02\x09[\s\S]{9}", "stsafe-l": rb"[^\0][\s\S]{8}", "generic": rb"[\s\S]+"}
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "brainpoolP256r1": "brainpoolP256r1",
          "brainpoolP384r1": "brainpoolP384r1"}


def check_leaf(leaf, line, s, source, above, anchors, at):
    """The anchor that the leaf reaches and the relaxations that it needs are those of its line."""
    key = leaf.x.public_key()
    kind = CURVES.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
    need({"Ed25519PublicKey": "Ed25519"}.get(kind, kind) in source["keys"], "the policy does not take this key")
    need(not leaf.is_ca and not (leaf.usage and leaf.usage.key_cert_sign), "the leaf is a CA's certificate")
    need(all(leaf.spki != one.spki for one in [*above, *anchors]), "the leaf has the key of a CA")
    need(re.fullmatch(FAMILIES[source["family"]], leaf.serial), "the UID is not one of the policy's family")
    leaf.check_extensions()
    needed = set() if leaf.begin <= at <= leaf.end else {"expired-leaf"}
    digits = {"stsafe-a": 22, "stsafe-l": 18}.get(source["family"], 22 if stsafe_a(leaf.serial) else None)
    for text in leaf.common_names:
        run = re.search(r"[0-9A-Fa-f]*$", text)[0].upper()
        run = run[4:] if digits == 22 and len(run) == 26 and run.startswith("020B") else run
        if len(run) == digits and run != leaf.serial.hex().upper():
            needed.add("common-name-mismatch")
    ways = [(anchor, needed | way) for anchor, way in paths(leaf, above, anchors, at)]
    need(ways, "no source anchor signed the leaf")
    anchor, needed = min(ways, key=lambda way: (len(way[1] - set(s["relaxations"])), len(way[1])))
    stated = dict(enumerate(s["anchors"])).get(line["anchor"], {})
    need({**anchor.digests(), "sha256": stated.get("sha256")} == stated, "the line names another anchor")
    needed |= {"trailing-padding"} & set(line["relax"])
    need(line["relax"] == sorted(needed) and needed <= set(s["relaxations"]), "relaxations")


def stsafe_a(uid):
    return re.fullmatch(FAMILIES["stsafe-a"], uid) is not None


def check_certificate(cert, leaf, line, s, policy, issuer):
    """It is what policy, seed and leaf give; if another CA's, but for the differences that are returned."""
    fields, extensions = wanted(policy, s, leaf, issuer)
    need(cert.signed_by(issuer), "the issuing CA did not sign the certificate")
    if s["issuer"]["mode"] != "foreign":
        derived = policy["certificate"]["serial"] == "derived"
        serial = derived_serial(s, issuer, leaf, line["attempt"]) if derived else leaf.serial
        times = sequence(der_time(fields["not_before"]), der_time(fields["not_after"]))
        tbs = sequence(VERSION_3, der(2, serial), fields["signature"], issuer.subject, times, fields["subject"],
                       leaf.spki, der(0xA3, sequence(*extensions.values())) if extensions else b"")
        need(cert.tbs == tbs, "the certificate is not what policy, seed and leaf give")
        if policy.get("device", {}).get("full_width_signature"):
            width = (issuer.x.public_key().key_size + 7) // 8
            numbers = [content.lstrip(b"\0") for _, content, _ in elements(elements(cert.signature)[0][1])]
            need(all(len(one) == width for one in numbers), "the signature is not of full width")
        return None
    need(cert.spki == leaf.spki and cert.issuer == issuer.subject, "another key or issuer")
    need(not cert.is_ca and not (cert.usage and (cert.usage.key_cert_sign or cert.usage.crl_sign)), "a CA's rights")
    purposes = cert.extensions[PURPOSE].value if PURPOSE in cert.extensions else []
    need(SEALS not in [one.dotted_string for one in purposes], "the right to seal manifests")
    inside = issuer.begin <= cert.begin and cert.end <= issuer.end
    need(inside or policy["certificate"]["outlives_issuer"] == "allow", "the certificate outlives the issuing CA")
    listed = elements(elements(cert.fields[7])[0][1])[0][1] if len(cert.fields) > 7 else b""
    whole = [whole for _, _, whole in elements(listed)]
    found = {"subject": cert.subject, "not_before": cert.begin, "not_after": cert.end, "signature": cert.algorithm}
    found |= dict(zip([KEYS.get(kind, kind) for kind in cert.extensions], whole))
    asked = fields | extensions
    differs = sorted(key for key in found | asked if found.get(key) != asked.get(key))
    allowed = {KEYS.get(one, one) for one in policy.get("foreign", {}).get("may_differ", [])}
    need(set(differs) <= allowed, "the certificate differs from what was asked for in", *differs)
    return differs


def check_line(octets, line, cert, leaf, s, family, differs):
    """The line is what the certificates give, every field of it."""
    expected = {
        "uid": leaf.serial.hex().upper(), "st_number": leaf.serial[2:].hex().upper() if family == "stsafe-a" else None,
        "source_item": line["source_item"], "source_sha256": leaf.sha256.hex(),
        "spki_sha256": sha256(leaf.spki).hex(), "serial": cert.serial.hex().upper(), "attempt": line["attempt"],
        "sha256": cert.sha256.hex(), "sha1": hashlib.sha1(cert.der).hexdigest(),
        "not_before": rfc3339(cert.begin), "not_after": rfc3339(cert.end), "bytes": len(cert.der),
        "anchor": line["anchor"], "relax": line["relax"], "reissue": s["reissue"],
        **({} if differs is None else {"differs": differs})}
    need(spelled(expected) == octets, "the line of", expected["uid"], "says something else than its certificates")


def read_line(octets):
    """What a line says on the signer's word alone, and its UID."""
    line = json.loads(octets)
    kept = {"uid": UID, "source_item": ITEM, "attempt": NUM32, "anchor": NUM32, "relax": RELAXATIONS}
    check_shape(kept, {key: line[key] for key in kept}, "line")
    return line


def rfc3339(time):
    return f"{time.year:04}" + time.strftime("-%m-%dT%H:%M:%SZ")


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


def verify_folder(folder, source_anchors, issuer_anchors, manifest_anchors):
    batch = {}
    for entry in os.scandir(folder):
        need(entry.is_file(follow_symlinks=False), entry.name, "is not a plain file")
        with open(entry.path, "rb") as file:
            batch[entry.name] = file.read()
    [signer] = certificates(batch["manifest.pem"])
    s = open_statement(batch["manifest.json"], batch["manifest.json.p7s"], signer, manifest_anchors)
    check_statement(s)
    stated = {s[key]["file"]: s[key]["sha256"] for key in ("inputs", "entries", "rejected")}
    stated |= {one["name"]: one["sha256"] for one in s["files"]}
    need(set(batch) == set(stated) | OWN, "files are missing, or there are more")
    for name, digest in stated.items():
        need(sha256(batch[name]).hex() == digest, name, "has another digest")

    at = utc(s["issued_at"])
    issuer, *chain = certificates(batch["chain.pem"])
    need({**issuer.digests(), "mode": s["issuer"]["mode"]} == s["issuer"], "chain.pem is another issuer's")
    limiting = reaches_anchor(issuer, chain, issuer_anchors, at)
    source_chain = certificates(batch["source-chain.pem"])
    need(all(any(one.digests() == anchor for one in source_chain) for anchor in s["anchors"]), "source-chain.pem")
    # what came with inputs counts only if it needs no leniency
    above = [one for one in source_chain if one.is_ca and usual(one.der) == one.der
             and all(one.spki != anchor.spki for anchor in source_anchors)]
    policy = tomllib.loads(batch["policy.toml"].decode())
    need(sha256(batch["policy.toml"]).hex() == s["policy"]["sha256"], "policy.toml is another policy")
    need((policy["name"], policy["version"]) == (s["policy"]["name"], s["policy"]["version"]), "name of the policy")
    need(sorted(policy["source"]["relax"]) == s["relaxations"], "relaxations of the policy")
    patterns = {name: table["pattern"] for name, table in policy.get("params", {}).items()}
    need(set(patterns) == set(s["params"]), "params")
    need(all(re.fullmatch(patterns[name], value) for name, value in s["params"].items()), "patterns of params")

    entries = lines("manifest.jsonl", batch["manifest.jsonl"])
    new, parts = chips_of(batch, "certificates", at, ("der", "pem"))
    old, more = chips_of(batch, "sources", at, ("der",))
    archives = {name for name in stated if re.fullmatch(r"(?i)(certificates|sources).*\.zip", name)}
    need(archives == {*parts, *more}, "an archive that is none of the numbered parts")
    need(len(entries) == len(new) == len(old) == s["entries"]["tree_size"], "the number of lines or certificates")
    need(tree_root(entries) == s["entries"]["root_hash"], "the Merkle root")
    discarded, serials = [], set()
    for octets, (uid, new_der, _), (old_uid, old_der, _) in zip(entries, new, old):
        line, cert, leaf = read_line(octets), Cert(new_der), Cert(old_der)
        need(leaf.serial == uid == old_uid, "leaf, entry and line are of different chips")
        check_leaf(leaf, line, s, policy["source"], above, source_anchors, at)
        differs = check_certificate(cert, leaf, line, s, policy, issuer)
        for ca in limiting:
            ca.check_purposes(cert.purposes())
        check_line(octets, line, cert, leaf, s, policy["source"]["family"], differs)
        need(s["serial_seed"] or cert.serial not in serials, "a serial number is there twice")
        serials.add(cert.serial)
        for attempt in range(min(line["attempt"], len(s["discarded_serials"]) + 1) if s["serial_seed"] else 0):
            discarded.append(derived_serial(s, issuer, leaf, attempt).hex().upper())
    need(discarded == s["discarded_serials"], "discarded_serials")
    found = [read(one, FINDING, "finding")["disposition"] for one in lines("rejected.jsonl", batch["rejected.jsonl"])]
    need(all(found.count(one) == s["counts"][one] for one in ("rejected", "ignored")), "counts of rejected.jsonl")
    inputs = [read(one, INPUT, "inputs.jsonl") for one in lines("inputs.jsonl", batch["inputs.jsonl"])]
    need(len(inputs) == s["inputs"]["count"], "inputs.jsonl")
    return f"{len(entries)} certificates hold"


def judged(verify, what, *anchors):
    """What `verify` finds; raises Refused. Anchors: source, issuer, manifest, each a list of PEM octets."""
    try:
        anchors = [[cert for octets in some for cert in certificates(octets, alone=False)] for some in anchors]
        for anchor in sum(anchors, []):
            anchor.check_ca(0, anchor=True)
        return verify(what, *anchors)
    except Refused:
        raise
    except Exception as error:  # whatever a file does to a parser: it does not hold
        raise Refused(f"{type(error).__name__}: {error}")


def main(verify, arguments):
    what, *files = arguments
    source, issuer, *manifest = [[open(name, "rb").read()] for name in files]
    try:
        print(judged(verify, what, source, issuer, *manifest or [issuer]))
    except Refused as reason:
        sys.exit(f"REFUSED: {reason}")


if __name__ == "__main__":
    main(verify_folder, sys.argv[1:])
