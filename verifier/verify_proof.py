#!/usr/bin/env python3
"""An independent verifier of the proof of one chip, written from docs/spec/manifest-format.md (Proof).

Exit 0: the proof holds, and the chip is in the batch (with --absent: is not). 1: the first reason why not.
"""
import base64, re
from certificates import Authorities, Cert, reaches_anchor
from asn1 import elements, need, sha256, utc
from policy import derived_serial
from schema import KEYS, Schema
from spelling import NUM, NUM32, STR, UID, read
from tables import read_tables
from verify_batch import (arguments, check_leaf, check_line, check_object, check_signature_form, is_uid, main,
                          open_statement, read_line)

CHIP = {"source": STR, "source_chain": [STR], "certificate": STR, "chain": [STR]}
PROOF = {"format": "reroot-proof/1", "uid": UID, "chip": (CHIP,),
         "lines": [{"index": NUM, "shared": NUM32, "path": STR, "line": STR}], "statement": STR, "seal": STR}
SEAL = {"kind": r"[a-z0-9-]{1,40}", "seal": STR, "signer": STR}


def second():
    shape = {}
    for key, value in PROOF.items():
        shape |= {"policy": (STR,), key: value} if key == "statement" else {key: value}
    return shape | {"format": "reroot-proof/2", "seals": [SEAL]}


PROOFS = {1: PROOF, 2: second()}


def decoded(text, most=64 << 10):
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text and len(data) <= most, "base64 in another spelling, or too long")
    return data


# --- the lines -------------------------------------------------------------------------------------------------------

def check_inclusion(line, index, path, size, root):
    """RFC 9162 section 2.1.3.2."""
    need(index < size, "a line beyond the end")
    fn, sn, node = index, size - 1, sha256(b"\0", line)
    for sibling in path:
        need(sn, "the path is too long")
        if fn & 1 or fn == sn:
            node = sha256(b"\1", sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha256(b"\1", node, sibling)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and node.hex() == root, "a line is not at its place in the tree")


def read_lines(proof, s):
    """Index, bytes and content of each line, proved to be in the tree, in order and beside each other."""
    need(len(proof["lines"]) <= 3, "too many lines")
    found, before = [], []
    for one in proof["lines"]:
        data, own = one["line"].encode("ascii"), decoded(one["path"])
        need(len(data) <= 65536, "a line is too long")
        need(len(own) % 32 == 0 and one["shared"] <= len(before), "a path")
        path = [own[at:at + 32] for at in range(0, len(own), 32)]
        path += before[len(before) - one["shared"]:]
        shared = 0
        while shared < min(len(path), len(before)) and path[-1 - shared] == before[-1 - shared]:
            shared += 1
        need(one["shared"] == shared and len(path) <= 64, "a path could be shorter, or is too long")
        check_inclusion(data, one["index"], path, s["entries"]["tree_size"], s["entries"]["root_hash"])
        found.append((one["index"], data, read_line(data)))
        before = path
    for (index, _, line), (next_index, _, next_line) in zip(found, found[1:]):
        need(next_index == index + 1, "lines are not beside each other")
        need(bytes.fromhex(line["uid"]) < bytes.fromhex(next_line["uid"]), "lines are out of order")
    return found


# --- the proof -------------------------------------------------------------------------------------------------------

def read_proof(path):
    with open(path, "rb") as file:
        text = file.read((32 << 20) + 1)
    need(len(text) <= 32 << 20 and text.endswith(b"\n"), "too long, or cut off")
    version = re.match(rb'\{"format":"reroot-proof/([12])",', text)
    need(version, "the proof is of no known format")
    return {"policy": None, "seals": [], **read(text[:-1], PROOFS[int(version[1])], "proof")}, int(version[1])


def family_of(proof, version, s, lines):
    """By the statement, or by the policy that the proof carries."""
    need(version > 1 or s["encoder"] == 1, "a proof of version 1 holds statements of version 1")
    own = [line for line in lines if line["uid"] == proof["uid"] and proof["chip"]]
    if version == 1 and own:  # which does not say it
        return "generic" if own[0]["st_number"] is None else "stsafe-a"
    if proof["policy"] is None:
        return s["family"] if s["encoder"] > 1 else "stsafe-a"
    data = decoded(proof["policy"], 256 << 10)
    need(sha256(data).hex() == s["policy"]["sha256"], "the policy is not the statement's")
    family = Schema(read_tables(data)).family
    need(s["encoder"] == 1 and family != "stsafe-a", "a policy that is not needed")
    return family


def check_absent(proof, lines, s, family):
    uid, size = bytes.fromhex(proof["uid"]), s["entries"]["tree_size"]
    indices, uids = [index for index, _, _ in lines], [bytes.fromhex(line["uid"]) for _, _, line in lines]
    between = len(lines) == 2 and uids[0] < uid < uids[1]
    edge = len(lines) == 1 and (indices == [0] and uid < uids[0] or indices == [size - 1] and uids[0] < uid)
    need(between or edge or not lines and size == 0, "the lines are not those beside the chip's place")
    silent = s["encoder"] == 1 and proof["policy"] is None
    need(not silent or all(line["st_number"] for _, _, line in lines), "no policy, and lines of another family than stsafe-a")
    need(all(is_uid(family, one) for one in uids), "the lines are of chips of another family than", family)


def verify_proof(path, source_anchors, issuer_anchors, manifest_anchors, absent=False):
    proof, version = read_proof(path)
    seal, uid = decoded(proof["seal"]), bytes.fromhex(proof["uid"])
    [(_, _, signer)] = elements(elements(elements(elements(elements(seal)[0][1])[1][1])[0][1])[3][1])
    s = open_statement(decoded(proof["statement"], 16 << 20), seal, Cert(signer, named=True), manifest_anchors)
    kinds = [one["kind"] for one in proof["seals"]]
    need(kinds == sorted(set(kinds)), "seals")
    [decoded(one[key], 1 << 20) for one in proof["seals"] for key in ("seal", "signer")]
    notes = [f"not checked: seal of the kind {kind}" for kind in kinds]
    lines = read_lines(proof, s)
    family = family_of(proof, version, s, [line for _, _, line in lines])
    need(is_uid(family, uid), "no chip of the family", family, "has such a UID:", proof["uid"])
    need((proof["chip"] is None) == absent, "the proof shows the chip's", "presence" if absent else "absence")
    if absent:
        check_absent(proof, lines, s, family)
        return "\n".join([f"{proof['uid']} is NOT in the batch", *notes])
    uids = [bytes.fromhex(line["uid"]) for _, _, line in lines]
    need(uid in uids, "no line is the chip's")
    index, data, line = lines[uids.index(uid)]
    indices = [n for n in (index - 1, index, index + 1) if 0 <= n < s["entries"]["tree_size"]]
    need([index for index, _, _ in lines] == indices, "other lines than the neighbours")
    cert = check_chip(proof["chip"], data, line, s, family, source_anchors, issuer_anchors)
    return "\n".join([f"{proof['uid']} is in the batch, with the certificate {cert.sha256.hex()}", *notes])


def check_chip(chip, data, line, s, family, source_anchors, issuer_anchors):
    """The leaf, the issuing CA's way up, the new certificate, and the line that follows from them."""
    need(max(len(chip["source_chain"]), len(chip["chain"])) <= 8, "too long a chain")
    at, above = utc(s["issued_at"]), [Cert(decoded(one)) for one in chip["source_chain"]]
    issuer, *chain = [Cert(decoded(one), named=True) for one in chip["chain"]]
    source = {"family": family, "keys": KEYS}
    leaf = check_leaf(decoded(chip["source"]), line, s, source, Authorities(source_anchors, above, at))
    cert = Cert(decoded(chip["certificate"]))
    need({**issuer.digests(), "mode": s["issuer"]["mode"]} == s["issuer"], "another issuer")
    for ca in reaches_anchor(issuer, chain, issuer_anchors, at):
        ca.check_purposes(cert.purposes)
    check_object(cert, leaf, s, issuer)
    check_signature_form(cert, s, issuer, None)
    foreign = s["issuer"]["mode"] == "foreign"
    copied = [] if s.get("beacon") else [leaf.serial]
    need(foreign or cert.serial in [*copied, derived_serial(s, issuer, leaf, line["attempt"])], "serial number")
    check_line(data, line, cert, leaf, s, family, line["differs"] if foreign else None)
    return cert


if __name__ == "__main__":
    parser = arguments("proof", __doc__)
    parser.add_argument("--absent", action="store_true", help="expect that the chip is NOT in the batch")
    main(verify_proof, parser)
