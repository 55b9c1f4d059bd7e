#!/usr/bin/env python3
"""Rebuilds every TBSCertList of a round of CRLs from the ledger's records, byte for byte (docs/spec/ledger.md).

    rebuild_crl.py LEDGER ISSUER.pem [--round N] [--out DIRECTORY]

Reads the ledger without changing it. Without --round, all rounds. With --out the lists are written there, for a
comparison with what was published. Exit 0: each list has the digest and the length that its CrlRound record names.
1: the first that has not, or a record of a kind that this program does not know. The chain of the records is for
`reroot ledger verify` to check.
"""
import argparse, sqlite3, struct, sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from certificates import certificates, signature_algorithm
from asn1 import Refused, content, der, der_time, elements, integer, members, need, oid, sequence, sha256

REVOKED, RELEASED, ROUND, ISSUED, ABANDONED = 15, 16, 19, 20, 25
KINDS = {*range(21), ABANDONED, 26}
# what an open batch grows by; after it was abandoned it has no more of them
GROWTH = {7, 8, 9, 10, 13, 14}
INTENT = 7
HOLD, KEY_COMPROMISE = 6, 1


class Body:
    """A record's body: numbers big-endian, texts and lists behind their length."""

    def __init__(self, data):
        self.rest = data

    def raw(self, size):
        need(size <= len(self.rest), "a record is cut off")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def number(self, form):
        return struct.unpack(">" + form, self.raw(struct.calcsize(">" + form)))[0]

    def list(self, read):
        return [read() for _ in range(self.number("I"))]

    def text(self):
        return self.raw(self.number("I")).decode()

    def scope(self):
        return tuple(self.list(self.text))

    def instruction(self):
        at, _requester, _approvals = self.number("q"), self.text(), self.list(lambda: self.raw(32))
        return at


def replay(records, position):
    """The certificates that are revoked by the records up to a position, by batch and index."""
    revoked = {}
    for where, kind, batch, _chunk, body in records:
        if kind not in (REVOKED, RELEASED) or where > position:
            continue
        body = Body(body)
        if kind == RELEASED:
            body.instruction()
            while body.rest:
                one = revoked.pop((batch, body.number("I")), None)
                need(one and one["reason"] == HOLD, "record", where, "releases what is not on hold")
            continue
        reason, at, scopes = body.number("B"), body.instruction(), body.list(body.scope)
        while body.rest:
            index, serial = body.number("I"), body.raw(body.number("B"))
            end, scope = body.number("q"), scopes[body.number("I")]
            known = revoked.get((batch, index))
            allowed = not known or known["reason"] == HOLD or reason == KEY_COMPROMISE != known["reason"]
            need(allowed and (not known or known["serial"] == serial), "record", where, "changes a revocation")
            first = known or {"since": at, "position": where}  # the date stays that of the first record
            revoked[batch, index] = {"serial": serial, "end": end, "scope": scope, "reason": reason,
                                     "since": first["since"], "position": first["position"]}
    return revoked.values()


def check_kinds(records):
    """No record is of a later format; an abandoned batch frees the leaves without an intent and gets nothing more."""
    intended, abandoned = {}, set()
    for where, kind, batch, chunk, body in records:
        need(kind in KINDS, "record", where, "is of a kind that this program does not know:", kind)
        need(not (batch in abandoned and kind in GROWTH), "record", where, "adds to a batch that was abandoned")
        if kind == INTENT:
            intended.setdefault(batch, set()).add(chunk)
        if kind == ABANDONED:
            body = Body(body)
            body.instruction(), body.text()
            chunks = body.list(lambda body=body: body.number("Q"))
            need(chunks == sorted(intended.get(batch, ())) and not body.rest, "record", where, "frees other leaves")
            abandoned.add(batch)


def rounds(records):
    """The rounds in their order, each with the last one that was signed before it was recorded."""
    found, signed = {}, {}
    for where, kind, _batch, chunk, body in records:
        if kind == ISSUED:
            signed[chunk] = found[chunk]
        if kind != ROUND:
            continue
        body = Body(body)
        one = {"number": chunk, "issuer": body.raw(32), "this": body.number("q"), "next": body.number("q"),
               "position": body.number("Q"), "encoder": body.number("I"), "policies": body.raw(32), "lists": [],
               "before": signed[max(signed)] if signed else None}
        while body.rest:
            one["lists"].append({"scope": body.scope(), "entries": body.number("Q"), "sha256": body.raw(32),
                                 "bytes": body.number("Q")})
        need(one["encoder"] == 1, "round", chunk, "has an encoder that is not known:", one["encoder"])
        found[chunk] = one
    return found


def time(seconds):
    return der_time(datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds))


def entry(one):
    reason = sequence(oid("2.5.29.21"), der(4, der(10, bytes([one["reason"]])))) if one["reason"] else b""
    return sequence(der(2, one["serial"]), time(one["since"]), sequence(reason) if reason else b"")


def extension(kind, value, critical=False):
    return sequence(oid(kind), der(1, b"\xff") if critical else b"", der(4, value))


def tbs(issuer, one, scope, entries):
    extensions = [extension("2.5.29.35", sequence(der(0x80, issuer.key_identifier)))] if issuer.key_identifier else []
    extensions.append(extension("2.5.29.20", integer(one["number"])))
    if scope:
        names = b"".join(der(0x86, url.encode()) for url in scope)
        extensions.append(extension("2.5.29.28", sequence(der(0xA0, der(0xA0, names))), critical=True))
    return sequence(integer(1), issuer.algorithm, issuer.subject, time(one["this"]), time(one["next"]),
                    sequence(*entries) if entries else b"", der(0xA0, sequence(*extensions)))


class Issuer:
    """What lists take from the CA's certificate: its subject, its key identifier and its key's usual algorithm."""

    def __init__(self, data):
        fields = elements(elements(content(data, 0x30))[0][1])
        self.sha256, self.subject, key = sha256(data), fields[5][2], elements(fields[6][1])[0][1]
        self.key_identifier = None
        for _, inside, _ in elements(content(fields[-1][1], 0x30)):
            parts = elements(inside)
            if parts[0][2] == oid("2.5.29.14"):
                self.key_identifier = content(parts[-1][1], 4)
        self.algorithm = signature_algorithm(next(name for kinds, name in USUAL if key in kinds))


def key(algorithm, *curve):
    return oid(algorithm) + b"".join(map(oid, curve))


EC = "1.2.840.10045.2.1"
USUAL = [({key(EC, "1.2.840.10045.3.1.7"), key(EC, "1.3.36.3.3.2.8.1.1.7")}, "ecdsa-sha256"),
         ({key(EC, "1.3.132.0.34"), key(EC, "1.3.36.3.3.2.8.1.1.11")}, "ecdsa-sha384"),
         ({key(EC, "1.3.132.0.35")}, "ecdsa-sha512"), ({key("1.3.101.112")}, "ed25519"),
         ({key("1.2.840.113549.1.1.1") + der(5)}, "rsa-pkcs1-sha256")]


def rebuild(records, issuer, one):
    """The lists of a round in its order: scope and TBSCertList."""
    need(one["issuer"] == issuer.sha256, "round", one["number"], "is of another CA's certificate")
    before = one["before"]
    left = lambda cert: before and before["this"] > cert["end"] and before["position"] >= cert["position"]
    listed = sorted((cert for cert in replay(records, one["position"]) if not left(cert)),
                    key=lambda cert: int.from_bytes(cert["serial"], "big"))
    by_scope = {}
    for cert in listed:
        by_scope.setdefault(cert["scope"], []).append(entry(cert))
    missing = {scope for scope in by_scope if scope} - {one["scope"] for one in one["lists"]}
    need(not missing, "round", one["number"], "lacks a list for", *sorted(missing)[:1])
    for named in one["lists"]:
        scope = named["scope"]
        entries = by_scope.get(scope, []) if scope else [entry(cert) for cert in listed]
        made = tbs(issuer, one, scope, entries)
        what = ("list of", " ".join(scope) or "all certificates", "does not follow from the records")
        need((len(entries), len(made), sha256(made)) == (named["entries"], named["bytes"], named["sha256"]),
             "round", one["number"], *what)
        yield scope, made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledger", type=Path), parser.add_argument("issuer", type=Path)
    parser.add_argument("--round", type=int), parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with sqlite3.connect(f"{given.ledger.resolve().as_uri()}?mode=ro", uri=True) as ledger:
        # of the other kinds, which may be long, only their places are looked at
        read = ", ".join(map(str, (REVOKED, RELEASED, ROUND, ISSUED, ABANDONED)))
        body = f"CASE WHEN kind IN ({read}) THEN body END"
        query = f"SELECT position, kind, batch, chunk, {body} FROM record ORDER BY position"
        records = ledger.execute(query).fetchall()
    try:
        check_kinds(records)
        issuer, found = Issuer(certificates(given.issuer.read_bytes(), alone=False)[0].der), rounds(records)
        need(given.round is None or given.round in found, "there is no round", given.round)
        need(found, "there is no round")
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
        for one in found.values() if given.round is None else [found[given.round]]:
            for at, (scope, made) in enumerate(rebuild(records, issuer, one)):
                if given.out:
                    (given.out / f"{one['number']}-{at:04}.tbs").write_bytes(made)
            print(f"round {one['number']}: {len(one['lists'])} lists, {one['lists'][0]['entries']} entries: OK")
    except Refused as error:
        return print(f"FAILED: {error}") or 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
