#!/usr/bin/env python3
"""An independent verifier of reroot batches, written from docs/manifest-format.md and from nothing else.

    verify_batch.py BATCH --source-anchor PEM [--source-anchor PEM] --issuer-anchor PEM [--manifest-anchor PEM]

Needs Python 3.11 and `cryptography`. Exit 0: everything holds. 1: it does not, and the first reason is printed.
Where a leaf needs a relaxation other than test-anchor, expired-leaf and common-name-mismatch the batch is refused. Of
the certificates everything is derived again but extensions that DERIVED does not list: those are named at the end.
"""
import argparse, hashlib, hmac, json, os, re, sys, tomllib, zlib
from datetime import datetime, timedelta, timezone
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

class Refused(Exception):
    pass

def need(holds, *what):
    if not holds:
        raise Refused(" ".join(str(part) for part in what))

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# --- DER -------------------------------------------------------------------------------------------------------------

def der(tag, *parts):
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body

def elements(data):
    """Tag, content and whole of each element, strictly: what is read must be what `der` writes."""
    found, at = [], 0
    while at < len(data):
        need(at + 2 <= len(data), "DER is truncated")
        size, first = data[at + 1], at + 2
        if size >= 128:
            first, size = first + (size & 127), int.from_bytes(data[first:first + (size & 127)], "big")
        content = data[first:first + size]
        need(der(data[at], content) == data[at:first + size], "DER is not minimal or truncated")
        found.append((data[at], content, data[at:first + size]))
        at = first + size
    return found

def oid(dotted):
    one, two, *rest = map(int, dotted.split("."))
    out = b""
    for arc in [one * 40 + two, *rest]:
        octets = [arc & 127]
        while arc := arc >> 7:
            octets.insert(0, arc & 127 | 128)
        out += bytes(octets)
    return der(6, out)

def utc(text):
    need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), "not a time:", text)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise Refused("no such time: " + text)

def rfc3339(time):
    return f"{time.year:04}" + time.strftime("-%m-%dT%H:%M:%SZ")

def der_time(time):
    short = 1950 <= time.year <= 2049
    return der(0x17 if short else 0x18, ((f"{time.year % 100:02}" if short else f"{time.year:04}") + time.strftime("%m%d%H%M%SZ")).encode())

# --- certificates ----------------------------------------------------------------------------------------------------

SHORT = {"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O",
         "2.5.4.11": "OU", "2.5.4.46": "dnQualifier", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
         "1.2.840.113549.1.9.1": "emailAddress"}

class Cert:
    def __init__(self, octets):
        try:
            self.der, self.x = octets, x509.load_der_x509_certificate(octets)
            self.extensions = {one.oid.dotted_string: one for one in self.x.extensions}
            self.names = [attribute for rdn in self.x.subject.rdns for attribute in rdn]
            self.hash = self.x.signature_hash_algorithm
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
            raise Refused(f"certificate: {error}")
        [(_, content, _)] = elements(octets)
        (_, inside, self.tbs), (_, _, self.algorithm), (_, signature, _) = elements(content)
        self.fields, self.signature = elements(inside), signature[1:]
        self.serial, self.issuer, self.subject, self.spki = (self.fields[n][k] for n, k in [(1, 1), (3, 2), (5, 2), (6, 2)])
        self.sha256, self.spki_sha256 = sha256(octets).hex(), sha256(self.spki).hex()
        self.begin, self.end = self.x.not_valid_before_utc, self.x.not_valid_after_utc
        need(self.fields[2][2] == self.algorithm, "inner and outer algorithm differ")

    def value(self, dotted):
        return self.extensions[dotted].value if dotted in self.extensions else None

    def shown(self):
        escape = lambda text: re.sub(r'[,+=\\"<>;]', r"\\\g<0>", re.sub(r"[^ -~]", lambda m: "\\u{%x}" % ord(m[0]), text))
        one = lambda a: SHORT.get(a.oid.dotted_string, a.oid.dotted_string) + "=" + escape(a.value)
        return ", ".join(" + ".join(map(one, rdn)) for rdn in self.x.subject.rdns)

    def signed_by(self, above):
        if self.issuer != above.subject or isinstance(self.hash, hashes.SHA1):
            return False
        try:
            self.x.verify_directly_issued_by(above.x)
            return True
        except (InvalidSignature, ValueError, TypeError):
            return False

    def is_ca(self):
        return (basic := self.value("2.5.29.19")) is not None and basic.ca

    def check_ca(self, depth):
        need(self.is_ca(), self.shown(), "is not a CA certificate")
        need(self.value("2.5.29.19").path_length is None or depth <= self.value("2.5.29.19").path_length, "pathLenConstraint")
        need((usage := self.value("2.5.29.15")) is None or usage.key_cert_sign, self.shown(), "may not sign certificates")

def pem(octets):
    return [Cert(one.public_bytes(Encoding.DER)) for one in x509.load_pem_x509_certificates(octets)]

def certificates(name, octets):
    try:
        found = pem(octets)
    except ValueError as error:
        raise Refused(f"{name}: {error}")
    bodies = b"".join(re.findall(rb"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", octets, re.S))
    need(bodies == octets, name, "holds something else than certificates")
    return found

# --- JSON in its one spelling ----------------------------------------------------------------------------------------

HEX, STR, NUM, TIME = r"[0-9a-f]{64}", str, int, "time"
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
UID = r"(?:[0-9A-F]{2}){1,20}"
STATEMENT = {"format": "reroot-manifest/1", "batch": UUID7, "issued_at": TIME, "created": TIME, "tool": STR, "encoder": NUM,
    "inputs": {"file": r"inputs\.jsonl", "sha256": HEX, "count": NUM}, "anchors": [{"subject": STR, "spki_sha256": HEX, "sha256": HEX}],
    "relaxations": [r"[a-z0-9-]+"], "policy": {"name": STR, "version": NUM, "sha256": HEX}, "params": dict, "reissue": (STR,), "bulk_id": (STR,),
    "issuer": {"mode": "local|air-gapped|foreign", "subject": STR, "sha256": HEX, "spki_sha256": HEX}, "serial_seed": (HEX,),
    "discarded_serials": [UID], "expected": ({"sha256": HEX, "count": NUM},),
    "counts": {"items": NUM, "issued": NUM, "rejected": NUM, "ignored": NUM, "signatures_made": NUM},
    "entries": {"file": r"manifest\.jsonl", "sha256": HEX, "tree_size": NUM, "root_hash": HEX}, "rejected": {"file": r"rejected\.jsonl", "sha256": HEX},
    "files": [{"name": r"[A-Za-z0-9_][A-Za-z0-9._-]*", "sha256": HEX}], "previous": ({"batch": UUID7, "statement_sha256": HEX},), "proof_of_possession": "none"}
LINE = {"uid": UID, "st_number": (r"[0-9A-F]{18}",), "source_item": STR, "source_sha256": HEX, "spki_sha256": HEX, "serial": UID, "attempt": NUM,
    "sha256": HEX, "sha1": r"[0-9a-f]{40}", "not_before": TIME, "not_after": TIME, "bytes": NUM, "anchor": NUM, "relax": [r"[a-z0-9-]+"], "reissue": (STR,)}
FINDING = {"item": STR, "disposition": "rejected|ignored", "code": r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", "reason": STR, "uid": (UID,), "source_sha256": (HEX,)}
INPUT = {"name": STR, "bytes": NUM, "sha256": HEX}

def fits(shape, value, path):
    if isinstance(shape, tuple):
        return value is None or fits(shape[0], value, path)
    if isinstance(shape, dict):
        need(isinstance(value, dict) and list(value) == list(shape), path, "has other keys")
        return [fits(inner, value[key], f"{path}.{key}") for key, inner in shape.items()]
    if isinstance(shape, list):
        need(isinstance(value, list), path, "is no list")
        return [fits(shape[0], inner, path) for inner in value]
    if shape is dict:
        return need(isinstance(value, dict) and list(value) == sorted(value) and all(isinstance(v, str) for v in value.values()), path)
    if shape is NUM:
        return need(type(value) is int and 0 <= value < 1 << 64, path, "is no number")
    need(isinstance(value, str), path, "is no text")
    if shape == TIME:
        utc(value)
    elif shape is not STR:
        need(re.fullmatch(shape, value), path, "is", repr(value)[:80])

def read(octets, shape, what, indent=None):
    try:
        value = json.loads(octets.decode("ascii"))
    except ValueError as error:
        raise Refused(f"{what}: {error}")
    fits(shape, value, what)
    text = json.dumps(value, indent=indent, separators=None if indent else (",", ":")) + ("\n" if indent else "")
    text = re.sub(r"\\(.)", lambda m: "\\u%04x" % {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9}[m[1]] if m[1] in "bfnrt" else m[0], text)
    need(text.encode() == octets, what, "is not in its one spelling")
    return value

def lines(octets, shape, what):
    need(octets == b"" or octets.endswith(b"\n"), what, "does not end in a line feed")
    for number, line in enumerate(octets.split(b"\n")[:-1], 1):
        need(len(line) <= 65536, what, "has too long a line")
        yield line, read(line, shape, f"{what} line {number}")

# --- seal ------------------------------------------------------------------------------------------------------------

def open_statement(statement, seal, signer, anchors):
    usage, purpose = signer.value("2.5.29.15"), signer.extensions.get("2.5.29.37")
    need(purpose and purpose.critical and [p.dotted_string for p in purpose.value] == ["1.3.6.1.5.5.7.3.36"], "signer's purpose")
    need(not signer.is_ca() and usage and usage.digital_signature and not any([usage.key_encipherment, usage.data_encipherment,
        usage.key_agreement, usage.key_cert_sign, usage.crl_sign]), "signer's keyUsage")
    need(all(not one.critical or name in {"2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.35", "2.5.29.37"} for name, one in signer.extensions.items()),
        "signer's critical extension")
    key = signer.x.public_key()
    need(isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1"), "signer's key")
    for anchor in anchors:
        anchor.check_ca(0)
    need(any(signer.signed_by(anchor) for anchor in anchors), "no manifest anchor certified the signer")

    large = key.curve.name == "secp384r1"
    digest = hashlib.sha384(statement).digest() if large else sha256(statement)
    digest_id = der(0x30, oid("2.16.840.1.101.3.4.2." + ("2" if large else "1")))
    signature_id = der(0x30, oid("1.2.840.10045.4.3." + ("3" if large else "2")))
    need(len(seal) <= 65536, "the seal is too long")
    try:  # only time and signature are taken from the seal; everything else is built again
        info = elements(elements(elements(elements(elements(elements(seal)[0][1])[1][1])[0][1])[4][1])[0][1])
        attributes, signature = elements(info[3][1]), info[5][1]
        when = next(elements(elements(one[1])[1][1])[0] for one in attributes if elements(one[1])[0][2] == oid("1.2.840.113549.1.9.5"))
        time = datetime.strptime(when[1].decode(), "%y%m%d%H%M%SZ" if when[0] == 0x17 else "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
    except (IndexError, StopIteration, ValueError) as error:
        raise Refused(f"seal: {error}")
    attribute = lambda kind, value: der(0x30, oid(kind), der(0x31, value))
    reference = der(0x30, der(0x30, der(0x30, der(4, sha256(signer.der)))))
    signed = b"".join(sorted([attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.7.1")), attribute("1.2.840.113549.1.9.5", der_time(time)),
        attribute("1.2.840.113549.1.9.4", der(4, digest)), attribute("1.2.840.113549.1.9.16.2.47", reference)]))
    name = der(0x30, signer.issuer, signer.fields[1][2])
    info = der(0x30, der(2, b"\1"), name, digest_id, der(0xA0, signed), signature_id, der(4, signature))
    data = der(0x30, der(2, b"\1"), der(0x31, digest_id), der(0x30, oid("1.2.840.113549.1.7.1")), der(0xA0, signer.der), der(0x31, info))
    need(der(0x30, oid("1.2.840.113549.1.7.2"), der(0xA0, data)) == seal, "the seal has another form, or is of another statement")
    try:
        key.verify(signature, der(0x31, signed), ec.ECDSA(hashes.SHA384() if large else hashes.SHA256()))
    except InvalidSignature:
        raise Refused("the seal's signature does not verify")
    need(signer.begin <= time <= signer.end, "the signer's certificate was not valid when it sealed")
    need(len(statement) <= 16 << 20, "manifest.json is too long")
    claims = read(statement, STATEMENT, "manifest.json", 2)
    need(utc(claims["created"]) == time, "created is not signingTime")
    return claims

def check_statement(s):
    counts, names = s["counts"], [one["name"] for one in s["files"]]
    need(counts["items"] == counts["issued"] + counts["rejected"] + counts["ignored"], "counts do not add up")
    need(s["entries"]["tree_size"] == counts["issued"], "tree_size is not issued")
    need((s["issuer"]["mode"] == "foreign") == (s["serial_seed"] is None), "serial_seed and mode")
    need(s["created"] >= s["issued_at"], "created before issued_at")
    need(s["previous"] is None or s["previous"]["batch"] != s["batch"], "previous is the batch itself")
    need(names == sorted(set(names)) and not {"manifest.jsonl", "inputs.jsonl", "rejected.jsonl", "manifest.json", "manifest.json.p7s"} & set(names), "files")
    need(s["relaxations"] == sorted(set(s["relaxations"])), "relaxations are not sorted")
    need(s["encoder"] == 1 and s["serial_seed"] is not None, "encoder or mode is not known here")
    need(s["issuer"]["mode"] != "local" or counts["signatures_made"] >= counts["issued"] + len(s["discarded_serials"]), "signatures_made")

# --- archives --------------------------------------------------------------------------------------------------------

def archive(batch, stem, time, forms, used):
    """(UID, DER) of each chip, through all parts, read from front to back."""
    parts = [f"{stem}.zip"] if f"{stem}.zip" in batch else []
    while not parts or parts[0] != f"{stem}.zip":
        name = f"{stem}-{len(parts) + 1:04}.zip"
        if name not in batch:
            break
        parts.append(name)
    need(parts, "there is no", stem + ".zip")
    stamp = (time.hour << 11 | time.minute << 5 | time.second // 2).to_bytes(2, "little") + ((max(time.year - 1980, 0) << 9 | time.month << 5 | time.day)).to_bytes(2, "little")
    found = []
    for part in parts:
        used.add(part)
        data, at, directory, count = batch[part], 0, b"", 0
        while data[at:at + 4] == b"PK\3\4":
            crc, size, length = data[at + 14:at + 18], data[at + 18:at + 22], int.from_bytes(data[at + 26:at + 28], "little")
            name, content = data[at + 30:at + 30 + length], data[at + 30 + length:at + 30 + length + int.from_bytes(size, "little")]
            header = b"\n\0\0\0\0\0" + stamp + crc + size + size + length.to_bytes(2, "little") + b"\0\0"
            need(data[at + 4:at + 30] == header and zlib.crc32(content).to_bytes(4, "little") == crc, part, "entry at", at)
            directory += b"PK\1\2\x2d\3" + header + bytes(6) + (0x81A40000).to_bytes(4, "little") + at.to_bytes(4, "little") + name
            count, at = count + 1, at + 30 + length + len(content)
            found.append((name.decode("latin-1"), content))
        numbers = count.to_bytes(2, "little") * 2 + len(directory).to_bytes(4, "little") + at.to_bytes(4, "little")
        need(max(at, len(directory)) < 0xFFFFFFFF and count < 0xFFFF, part, "is larger than this verifier reads")
        need(data[at:] == directory + b"PK\5\6\0\0\0\0" + numbers + b"\0\0", part, "has another central directory")
    chips, at = [], 0
    while at < len(found):
        uid, _, form = found[at][0].partition(".")
        need(re.fullmatch(UID, uid) and form in forms, "entry", found[at][0])
        content = found[at][1]
        if form == "pem":
            content = pem(content)[0].der
        elif at + 1 < len(found) and found[at + 1][0] == uid + ".pem" and "pem" in forms:
            at += 1
            need(pem(found[at][1])[0].der == content, "PEM and DER of", uid)
        need(not chips or chips[-1][0] < bytes.fromhex(uid), "archive is out of order at", uid)
        chips.append((bytes.fromhex(uid), content))
        at += 1
    return chips

# --- what follows from the policy ------------------------------------------------------------------------------------

USAGES = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement"]
PURPOSES = {"serverAuth": 1, "clientAuth": 2, "codeSigning": 3, "emailProtection": 4, "timeStamping": 8, "OCSPSigning": 9}
TYPES = {name: dotted for dotted, name in SHORT.items() if name not in ("DC", "UID", "emailAddress")}

def key_usage(table, _):
    bits = sum(1 << USAGES.index(name) for name in table["bits"])
    octet = int(f"{bits:08b}"[::-1], 2)
    return der(3, bytes([(octet & -octet).bit_length() - 1, octet]))

DERIVED = [  # in the order in which they are encoded: key, OID, value from (table, facts); None: not derived here
    ("basic_constraints", "2.5.29.19", lambda table, facts: der(0x30)),
    ("key_usage", "2.5.29.15", key_usage),
    ("extended_key_usage", "2.5.29.37", lambda table, facts: der(0x30, *[oid(f"1.3.6.1.5.5.7.3.{PURPOSES[p]}" if p in PURPOSES else p) for p in table["purposes"]])),
    ("subject_key_identifier", "2.5.29.14", lambda table, facts: der(4, sha256(facts["point"])[:20] if table["method"] == "rfc7093-1" else hashlib.sha1(facts["point"]).digest())),
    ("authority_key_identifier", "2.5.29.35", lambda table, facts: der(0x30, der(0x80, facts["issuer_key"]))),
    ("subject_alt_name", "2.5.29.17", None), ("certificate_policies", "2.5.29.32", None), ("crl_distribution_points", "2.5.29.31", None),
    ("authority_info_access", "1.3.6.1.5.5.7.1.1", None), ("related_certificate", "1.3.6.1.5.5.7.1.36", None)]

def text(template, variables):
    def fill(match):
        if match[0] in ("{{", "}}"):
            return match[0][0]
        name, *filters = match[1].split("|")
        value = variables[name]
        for one in filters:
            cut = re.fullmatch(r"slice\((\d+),(\d+)\)", one)
            value = value[int(cut[1]):int(cut[2])] if cut else {"lower": str.lower, "upper": str.upper}[one](value)
        return value
    return re.sub(r"\{\{|\}\}|\{([^{}]*)\}", fill, template)

def later(time, duration):
    years, days, hours = re.fullmatch(r"(?:(\d+)y)?(?:(\d+)d)?(?:(\d+)h)?", duration).groups(default="0")
    try:
        end = time.replace(year=time.year + int(years))
    except ValueError:  # 29 February
        end = time.replace(year=time.year + int(years), day=28)
    return end + timedelta(days=int(days), hours=int(hours), seconds=-1)

def check_tbs(cert, leaf, line, s, policy, issuer, left_out):
    rules, uid = policy["certificate"], leaf.serial.hex().upper()
    st = {"st_number": uid[4:], "unique": uid[4:18], "product_id": uid[18:]} if line["st_number"] else {}
    names = [a.value for a in leaf.names if a.oid.dotted_string == "2.5.4.3"]
    variables = {**s["params"], **st, "uid": uid, "source.serial": uid, "source.common_name": names[-1] if names else "", "source.sha256": leaf.sha256,
        "spki.sha256": leaf.spki_sha256, "batch": s["batch"], "issued_at": s["issued_at"]}
    serial = hmac.digest(bytes.fromhex(s["serial_seed"]), b"reroot-serial/1\0" + sha256(issuer.spki) + sha256(leaf.der) + line["attempt"].to_bytes(4, "big"), "sha256")[:16]
    serial = bytes([serial[0] & 0x3F | 0x40]) + serial[1:] if rules["serial"] == "derived" else leaf.serial
    begin = {"issuance": utc(s["issued_at"]), "source": leaf.begin}.get(rules["not_before"]) or utc(rules["not_before"])
    end = rules["not_after"]
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc) if end == "never" else leaf.end if end == "source" else utc(end) if "-" in end else later(begin, end)
    need(issuer.begin <= begin <= issuer.end and (end <= issuer.end or rules["outlives_issuer"] != "error"), "validity and the issuer's")
    end = min(end, issuer.end) if rules["outlives_issuer"] == "clamp" else end
    subject = b""
    for rdn in rules["subject"]:
        if "type" in rdn or not set(rdn) <= set(TYPES):
            subject = None
            break
        subject += der(0x31, *sorted(der(0x30, oid(TYPES[kind]), der(0x13 if kind in ("C", "serialNumber", "dnQualifier") else 0x0C, text(value, variables).encode())) for kind, value in rdn.items()))
    facts = {"point": elements(elements(leaf.spki)[0][1])[1][1][1:], "issuer_key": issuer.value("2.5.29.14").digest if issuer.value("2.5.29.14") else b""}
    wanted = []
    for key, dotted, build in DERIVED:
        if (table := policy["extensions"].get(key)) is not None:
            critical = der(1, b"\xff") if table.get("critical", False) else b""
            wanted.append((oid(dotted) + critical, build and der(4, build(table, facts))))
            left_out.update([key] if build is None else [])
    others = policy["extensions"].get("other", [])
    left_out.update(["other"] if others else [], ["subject"] if subject is None else [])
    found = [extension for _, extension, _ in elements(elements(cert.fields[7][1])[0][1])] if len(cert.fields) > 7 else []
    need(len(found) == len(wanted) + len(others), "extensions")
    for (head, value), extension in zip(wanted, found):
        need(extension == head + value if value else extension.startswith(head), "an extension is not what the policy says")
    algorithm = {"ecdsa-sha256": "1.2.840.10045.4.3.2", "ecdsa-sha384": "1.2.840.10045.4.3.3", "ecdsa-sha512": "1.2.840.10045.4.3.4", "ed25519": "1.3.101.112"}.get(rules["signature"])
    fixed = [bytes.fromhex("a003020102"), der(2, serial), algorithm and der(0x30, oid(algorithm)), issuer.subject, der(0x30, der_time(begin), der_time(end)), subject and der(0x30, subject), leaf.spki]
    need(len(cert.fields) in (7, 8) and all(want is None or want == field[2] for want, field in zip(fixed, cert.fields)), "the certificate is not what policy, seed and leaf give")
    if policy["device"].get("full_width_signature"):
        r, z = elements(elements(cert.signature)[0][1])
        width = (issuer.x.public_key().key_size + 7) // 8
        need(all(len(part[1].lstrip(b"\0")) == width for part in (r, z)), "the signature is not of full width")

# --- the whole batch -------------------------------------------------------------------------------------------------

def needed_relaxations(leaf, anchor, at):
    words = [word.lower() for a in anchor.names for word in re.split(r"[\W_]+", a.value)]
    needed = {"test-anchor"} if {"test", "demo"} & set(words) else set()
    if not leaf.begin <= at <= leaf.end:
        needed.add("expired-leaf")
    for a in leaf.names:
        run = re.search(r"[0-9A-Fa-f]*$", a.value)[0].upper() if a.oid.dotted_string == "2.5.4.3" else ""
        run = run[4:] if len(run) == 26 and run.startswith("020B") else run
        if len(run) == 22 and run != leaf.serial.hex().upper():
            needed.add("common-name-mismatch")
    return needed

def reaches(cert, chain, anchors, at):
    """The issuing CA's way up to an anchor; what stands above must belong to it all the same."""
    for below, above in zip([cert, *chain], chain):
        need(below.issuer == above.subject, "chain.pem is no chain")
    for depth in range(len(chain) + 1):
        cert.check_ca(depth)
        need(cert.begin <= at <= cert.end, cert.shown(), "is not valid at", at)
        if any(anchor.subject == cert.subject and anchor.spki == cert.spki for anchor in anchors):
            return
        for anchor in anchors:
            if cert.signed_by(anchor):
                return anchor.check_ca(depth + 1)
        need(depth < len(chain) and cert.signed_by(chain[depth]), "no anchor signed", cert.shown())
        cert = chain[depth]

def source_anchor(leaf, intermediates, anchors, at):
    todo, seen = [(leaf, 0)], []
    while todo:
        cert, depth = todo.pop()
        for anchor in anchors:
            if cert.signed_by(anchor):
                return anchor
        for above in intermediates:
            if above not in seen and depth < 6 and cert.signed_by(above) and above.begin <= at <= above.end:
                above.check_ca(depth)
                seen.append(above)
                todo.append((above, depth + 1))
    raise Refused("no source anchor signed the leaf")

def verify(*arguments):
    try:
        return verify_folder(*arguments)
    except (Refused, OSError):
        raise
    except Exception as error:  # whatever a certificate does to a parser: it does not hold
        raise Refused(f"unexpected {error!r}")

def verify_folder(folder, source_anchors, issuer_anchors, manifest_anchors):
    batch = {}
    for entry in os.scandir(folder):
        need(entry.is_file(follow_symlinks=False), entry.name, "is not a plain file")
        with open(entry.path, "rb") as file:
            batch[entry.name] = file.read()
    for name in ("manifest.json", "manifest.json.p7s", "manifest.pem"):
        need(name in batch, name, "is missing")
    signer = certificates("manifest.pem", batch["manifest.pem"])
    need(len(signer) == 1, "manifest.pem")
    s = open_statement(batch["manifest.json"], batch["manifest.json.p7s"], signer[0], manifest_anchors)
    check_statement(s)
    stated = {one["name"]: one["sha256"] for one in s["files"]} | {s[key]["file"]: s[key]["sha256"] for key in ("inputs", "entries", "rejected")}
    need(set(batch) == set(stated) | {"manifest.json", "manifest.json.p7s"}, "files are missing, or there are more")
    for name, digest in stated.items():
        need(sha256(batch[name]).hex() == digest, name, "has another digest")

    at = utc(s["issued_at"])
    issuer, *above = certificates("chain.pem", batch["chain.pem"]) or [None]
    need(issuer and (issuer.sha256, issuer.spki_sha256, issuer.shown()) == (s["issuer"]["sha256"], s["issuer"]["spki_sha256"], s["issuer"]["subject"]), "chain.pem is another issuer's")
    reaches(issuer, above, issuer_anchors, at)
    chain = certificates("source-chain.pem", batch["source-chain.pem"])
    for one in s["anchors"]:
        need(any((c.sha256, c.spki_sha256, c.shown()) == (one["sha256"], one["spki_sha256"], one["subject"]) for c in chain), "an anchor is not in source-chain.pem")
    intermediates = [c for c in chain if c.is_ca() and c.subject != c.issuer]
    try:
        policy = tomllib.loads(batch["policy.toml"].decode())
        told = policy["name"], policy["version"], sorted(policy["source"]["relax"])
        patterns = {name: table["pattern"] for name, table in policy.get("params", {}).items()}
        policy = {"extensions": {}, "device": {}, **policy}
        policy["certificate"]["not_after"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"policy.toml: {error!r}")
    need(sha256(batch["policy.toml"]).hex() == s["policy"]["sha256"], "policy.toml is another policy")
    need(told == (s["policy"]["name"], s["policy"]["version"], s["relaxations"]), "the policy says something else than the statement")
    need(set(patterns) == set(s["params"]) and all(re.fullmatch(patterns[name], value) for name, value in s["params"].items()), "params")

    used, left_out, peaks, discarded, last = set(), set(), [], [], b""
    new, old = archive(batch, "certificates", at, ("der", "pem"), used), archive(batch, "sources", at, ("der",), used)
    need(not [name for name in stated if re.match(r"(?i)(certificates|sources).*\.zip$", name) and name not in used], "an archive that nobody reads")
    entries = list(lines(batch["manifest.jsonl"], LINE, "manifest.jsonl"))
    need(len(entries) == len(new) == len(old) == s["entries"]["tree_size"], "lines, certificates and sources are not equally many")
    for (octets, line), (new_uid, new_der), (old_uid, old_der) in zip(entries, new, old):
        height, node = 0, sha256(b"\0", octets)
        while peaks and peaks[-1][0] == height:
            node, height = sha256(b"\1", peaks.pop()[1], node), height + 1
        peaks.append((height, node))
        uid = bytes.fromhex(line["uid"])
        need(last < uid == new_uid == old_uid, "order, or an entry under another name:", line["uid"])
        last = uid
        cert, leaf = Cert(new_der), Cert(old_der)
        need(leaf.serial == uid and leaf.sha256 == line["source_sha256"] and not leaf.is_ca(), "the leaf is not that of", line["uid"])
        anchor = source_anchor(leaf, intermediates, source_anchors, at)
        need(line["anchor"] < len(s["anchors"]), "anchor")
        need((anchor.spki_sha256, anchor.shown()) == (s["anchors"][line["anchor"]]["spki_sha256"], s["anchors"][line["anchor"]]["subject"]), "another anchor")
        family = policy["source"]["family"]
        need(family != "stsafe-a" or len(uid) == 11 and uid[:2] == b"\2\t", "UID of another family")
        padded = {"trailing-padding"} & set(line["relax"]) & set(s["relaxations"])
        needed = needed_relaxations(leaf, anchor, at) | padded
        need(line["relax"] == sorted(needed) and needed <= set(s["relaxations"]), "relaxations of", line["uid"])
        need(cert.signed_by(issuer), "the issuing CA did not sign the certificate of", line["uid"])
        check_tbs(cert, leaf, line, s, policy, issuer, left_out)
        said = [uid[2:].hex().upper() if family == "stsafe-a" else None, cert.spki_sha256, cert.serial.hex().upper(), cert.sha256, hashlib.sha1(cert.der).hexdigest(),
            rfc3339(cert.begin), rfc3339(cert.end), len(cert.der), s["reissue"]]
        need(said == [line[key] for key in ("st_number", "spki_sha256", "serial", "sha256", "sha1", "not_before", "not_after", "bytes", "reissue")], "the line of", line["uid"])
        for attempt in range(min(line["attempt"], len(s["discarded_serials"]) + 1)):
            one = hmac.digest(bytes.fromhex(s["serial_seed"]), b"reroot-serial/1\0" + sha256(issuer.spki) + sha256(leaf.der) + attempt.to_bytes(4, "big"), "sha256")[:16]
            discarded.append((bytes([one[0] & 0x3F | 0x40]) + one[1:]).hex().upper())
    need(discarded == s["discarded_serials"], "discarded_serials")
    root = peaks.pop()[1] if peaks else sha256()
    while peaks:
        root = sha256(b"\1", peaks.pop()[1], root)
    need(root.hex() == s["entries"]["root_hash"], "the Merkle root")
    told = [line["disposition"] for _, line in lines(batch["rejected.jsonl"], FINDING, "rejected.jsonl")]
    need((told.count("rejected"), told.count("ignored")) == (s["counts"]["rejected"], s["counts"]["ignored"]), "counts and rejected.jsonl")
    need(len(list(lines(batch["inputs.jsonl"], INPUT, "inputs.jsonl"))) == s["inputs"]["count"], "inputs.jsonl")
    return len(entries), sorted(left_out)

def anchors(paths):
    found = [cert for path in paths for cert in pem(open(path, "rb").read())]
    for anchor in found:
        anchor.check_ca(0)
    return found

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Verifies a reroot batch.")
    parser.add_argument("batch")
    parser.add_argument("--source-anchor", action="append", required=True)
    parser.add_argument("--issuer-anchor", required=True)
    parser.add_argument("--manifest-anchor")
    args = parser.parse_args()
    try:
        count, left_out = verify(args.batch, anchors(args.source_anchor), anchors([args.issuer_anchor]), anchors([args.manifest_anchor or args.issuer_anchor]))
    except Refused as reason:
        sys.exit(f"REFUSED: {reason}")
    print(f"{count} certificates hold" + (f"; not derived again: {', '.join(left_out)}" if left_out else ""))
