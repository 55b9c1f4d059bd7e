#!/usr/bin/env python3
"""An independent verifier of the proof of one chip, written from docs/manifest-format.md (Proof).

    verify_proof.py PROOF SOURCE_ANCHORS.pem ISSUER_ANCHOR.pem [MANIFEST_ANCHOR.pem]
"""
import base64, sys
from certificates import Cert, reaches_anchor
from octets import elements, need, sha256, utc
from policy import derived_serial
from spelling import NUM, STR, UID, read
from verify_batch import CURVES, check_leaf, check_line, check_statement, main, open_statement, read_line

PROOF = {"format": "reroot-proof/1", "uid": UID,
         "chip": ({"source": STR, "source_chain": [STR], "certificate": STR, "chain": [STR]},),
         "lines": [{"index": NUM, "shared": NUM, "path": STR, "line": STR}], "statement": STR, "seal": STR}


def decoded(text):
    octets = base64.b64decode(text, validate=True)
    need(base64.b64encode(octets).decode() == text, "base64 in another spelling")
    return octets


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
    """Index, octets and content of each line, proved to be in the tree, in order and beside each other."""
    found, before = [], []
    for one in proof["lines"]:
        octets, own = one["line"].encode("ascii"), decoded(one["path"])
        need(len(own) % 32 == 0 and one["shared"] <= len(before), "a path")
        path = [own[at:at + 32] for at in range(0, len(own), 32)]
        path += before[len(before) - one["shared"]:]
        shared = 0
        while shared < min(len(path), len(before)) and path[-1 - shared] == before[-1 - shared]:
            shared += 1
        need(one["shared"] == shared, "a path could be shorter")
        check_inclusion(octets, one["index"], path, s["entries"]["tree_size"], s["entries"]["root_hash"])
        found.append((one["index"], octets, read_line(octets)))
        before = path
    for (index, _, line), (next_index, _, next_line) in zip(found, found[1:]):
        need(next_index == index + 1, "lines are not beside each other")
        need(bytes.fromhex(line["uid"]) < bytes.fromhex(next_line["uid"]), "lines are out of order")
    return found


def verify_proof(path, source_anchors, issuer_anchors, manifest_anchors):
    with open(path, "rb") as file:
        text = file.read()
    need(len(text) <= 32 << 20 and text.endswith(b"\n"), "too long, or cut off")
    proof = read(text[:-1], PROOF, "proof")
    seal, uid = decoded(proof["seal"]), bytes.fromhex(proof["uid"])
    [(_, _, signer)] = elements(elements(elements(elements(elements(seal)[0][1])[1][1])[0][1])[3][1])
    s = open_statement(decoded(proof["statement"]), seal, Cert(signer, named=True), manifest_anchors)
    check_statement(s)
    size, at, lines = s["entries"]["tree_size"], utc(s["issued_at"]), read_lines(proof, s)
    indices, uids = [index for index, _, _ in lines], [bytes.fromhex(line["uid"]) for _, _, line in lines]
    if proof["chip"] is None:
        between = len(lines) == 2 and uids[0] < uid < uids[1]
        edge = len(lines) == 1 and (indices == [0] and uid < uids[0] or indices == [size - 1] and uids[0] < uid)
        need(between or edge or not lines and size == 0, "the lines are not those beside the chip's place")
        return f"{proof['uid']} is NOT in the batch"
    need(uid in uids, "no line is the chip's")
    index, octets, line = lines[uids.index(uid)]
    need(indices == [n for n in (index - 1, index, index + 1) if 0 <= n < size], "other lines than the neighbours")

    chip = {key: [Cert(decoded(one), named=key == "chain") for one in value] if isinstance(value, list) else Cert(decoded(value))
            for key, value in proof["chip"].items()}
    leaf, cert, above, (issuer, *chain) = chip["source"], chip["certificate"], chip["source_chain"], chip["chain"]
    need(max(len(above), len(chip["chain"])) <= 8, "too long a chain")
    need(leaf.serial == uid, "the leaf is another chip's")
    family = "generic" if line["st_number"] is None else "stsafe-a"
    check_leaf(leaf, line, s, {"family": family, "keys": [*CURVES.values(), "Ed25519"]}, above, source_anchors, at)
    need({**issuer.digests(), "mode": s["issuer"]["mode"]} == s["issuer"], "another issuer")
    for ca in reaches_anchor(issuer, chain, issuer_anchors, at):
        ca.check_purposes(cert.purposes())
    need(cert.signed_by(issuer) and cert.spki == leaf.spki, "the issuing CA did not sign it, or another key")
    foreign = s["issuer"]["mode"] == "foreign"
    need(foreign or cert.serial in (leaf.serial, derived_serial(s, issuer, leaf, line["attempt"])), "serial number")
    check_line(octets, line, cert, leaf, s, family, line["differs"] if foreign else None)
    return f"{proof['uid']} is in the batch, with the certificate {cert.sha256.hex()}"


if __name__ == "__main__":
    main(verify_proof, sys.argv[1:])
