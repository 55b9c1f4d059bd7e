"""Items, findings and inputs (docs/spec/manifest-format.md, Lines and the sections on items and findings).

What is done with inputs here: files are matched by digest, in any order; of files, directories and zip archives every
certificate in DER or PEM is judged again. Other containers (tar, gzip, PKCS#7, archives in archives, encoded texts) are
not opened: `reroot verify --input` reads those, and the note says how many there were.
"""
import base64, io, json, os, re, zipfile
from collections import Counter
from certificates import Cert, holds
from findings import CODES
from asn1 import Refused, elements, need, sha256
from schema import PROFILES
from spelling import lines, read

CHIP = {"chip": r"(?:[0-9A-F]{2}){1,20}"}
OF_A_LEAF = {"list", "certificate", "history", "signer"}  # on what a finding of a leaf that verifies can rest


def check_findings(s, policy, found, findings, missing):
    """What lines and findings say of each other."""
    for one in findings:
        need(one["code"] in CODES, "a finding has a code that is not on the list:", one["code"])
        need(CODES[one["code"]][1] in (one["disposition"], "either"), one["code"], "is never", one["disposition"])
        of_list = CODES[one["code"]][0] == "list"
        need(not of_list or s["expected"], one["code"], "where no list was to be met")
        copied = policy["certificate"]["serial"] == "source"
        need(copied or one["code"] != "ledger.serial-repeated", one["code"], "where no serial number is copied")
        of_leaf = CODES[one["code"]][0] in OF_A_LEAF
        need(not of_leaf or one["uid"] and one["source_sha256"], one["code"], "names no chip, or no leaf")
    for one in ("rejected", "ignored"):
        need([line["disposition"] for line in findings].count(one) == s["counts"][one], "counts of rejected.jsonl")
    items = Counter([line["source_item"] for line in found] + [one["item"] for one in findings])
    twice = [item for item, number in items.items() if number > 1]
    need(not twice, "an item is there twice:", *twice[:1])
    if s["encoder"] > 1 and s["expected"]:
        check_expected(s["expected"], s["family"], found, findings, missing)


def signers_word(findings, shown):
    """Notes on what nothing of the batch shows, but for the codes that a history has shown."""
    words = Counter(one["code"] for one in findings if CODES[one["code"]][0] in ("history", "signer"))
    words = {code: number for code, number in sorted(words.items()) if code not in shown}
    return [f"signer's word: {number} findings of {code}" for code, number in words.items()]


def check_expected(expected, family, found, findings, missing):
    surplus = sum(CODES[one["code"]][0] == "list" for one in findings)
    need(expected["surplus"] == surplus, "expected.surplus")
    chips = [bytes.fromhex(read(one, CHIP, "missing.jsonl")["chip"]) for one in lines("missing.jsonl", missing)]
    need(len(chips) == expected["missing"]["count"] <= expected["count"], "expected.missing.count")
    need(all(one < other for one, other in zip(chips, chips[1:])), "missing.jsonl is out of order")
    forms = {"stsafe-a": rb"\x02\x09[\s\S]{9}|\x02\x09[\s\S]{7}", "stsafe-l": rb"[\s\S]{9}"}
    need(all(re.fullmatch(forms.get(family, rb"[\s\S]+"), one) for one in chips), "missing.jsonl names what is no chip")
    there = {uid[:size] for line in found for uid in [bytes.fromhex(line["uid"])] for size in (9, len(uid))}
    need(not there & set(chips), "a chip of missing.jsonl is in the batch")


# --- inputs ----------------------------------------------------------------------------------------------------------

def check_inputs(inputs, s, policy, found, findings, given, judge, follows):
    """Every leaf of the inputs is in a line or a finding, and a finding is one that a leaf can have. `judge` makes of
    the CA certificates of the inputs what returns a leaf that verifies, `follows` what the policy asks for of a leaf;
    both raise Refused. Returns notes, and the leaves by their digests."""
    contents = [content for path in inputs for content in files_of(path)]
    same = Counter((len(content), sha256(content).hex()) for content in contents)
    stated = Counter((one["bytes"], one["sha256"]) for one in given)
    need(same == stated, "the inputs are others than inputs.jsonl names")
    certificates, unopened = [], 0
    for content in contents:
        more, left = certificates_of(content, "trailing-padding" in s["relaxations"])
        certificates += more
        unopened += left
    padding = {}
    for data, padded in certificates:
        padding.setdefault(sha256(data).hex(), set()).add(padded)
    certificates = [data for data, _ in certificates]
    issued = {line["source_sha256"] for line in found}
    verified, other = {}, {}
    judge, strangers = judge(authorities_of(certificates))
    for data in certificates:
        digest = sha256(data).hex()
        if digest not in verified and digest not in other:
            try:
                verified[digest] = judge(data)
            except Exception:  # whatever an item does to a parser: it is not a leaf that verifies
                other[digest] = serial_of(data, s["relaxations"])
    need(not strangers, "a leaf is under an anchor that the statement does not name")
    need(unopened or issued <= set(verified), "a line's leaf is not in the inputs")
    for line in found:
        said = "trailing-padding" in line["relax"]
        need(said in padding.get(line["source_sha256"], {said}), "padding that is there or not: chip", line["uid"])
    of_digest = {}
    for one in findings:
        of_digest.setdefault(one["source_sha256"], []).append(one)
    for digest, leaf in verified.items():
        times = sum(sha256(data).hex() == digest for data in certificates) if digest in of_digest else 1
        stated = of_digest.get(digest, [])
        check_leaf_accounted(leaf, digest, times, digest in issued, stated, verified, policy["source"]["family"])
        for one in (one for one in stated if CODES[one["code"]][0] == "certificate"):
            check_rule(one["code"], leaf, policy, follows)
    for digest, uid in other.items():
        stated = of_digest.get(digest, [])
        need(digest not in issued and all(CODES[one["code"]][0] in ("inputs", "leaf") for one in stated),
             "a certificate that does not verify is stated to be a leaf:", digest)
        need(all(one["uid"] == uid or one["code"] == "verify.certificate.of-a-ca" for one in stated),
             "a finding names another chip than its certificate:", digest)
    return [f"inputs: {len(verified)} leaves that verify, {len(other)} other certificates; "
            f"{unopened} items were not opened"], verified


def check_rule(code, leaf, policy, follows):
    """A leaf that is left out because no certificate follows from it, or one that breaks a rule. Rules of profiles are
    not derived here: only that the policy has the profile."""
    area, device = code.partition(".")[0], policy["device"]
    if area in PROFILES or area == "stselib":
        broken = area in [*policy.get("profiles", []), device["target"]]
    else:
        broken = code == "device.size" and "max_certificate_bytes" in device or not holds(follows, leaf)
    need(broken and code not in ("policy.leaf.key", "policy.leaf.family"),
         "chip", leaf.serial.hex().upper(), "has a certificate by the policy, and is left out as", code)


def authorities_of(certificates):
    found = []
    for data in set(certificates):
        try:
            found += [cert for cert in [Cert(data)] if cert.is_ca]
        except Exception:  # none that counts
            pass
    return sorted(found, key=lambda cert: cert.der)


def serial_of(data, relaxations):
    """The UID that a finding has of a certificate: none if it is not in its strict form."""
    try:
        return Cert(data, defaults="explicit-default-boolean" in relaxations).serial.hex().upper()
    except Exception:
        return None


def check_leaf_accounted(leaf, digest, times, issued, stated, verified, family):
    uid = leaf.serial.hex().upper()
    need(issued or stated, "a leaf of the inputs is in no line and no finding: chip", uid)
    duplicates = [one for one in stated if one["code"] == "verify.conflict.duplicate"]
    need(len(duplicates) < max(times, 2), "more duplicates than there are: chip", uid)
    own = issued + len(stated) - len(duplicates)
    need(own == 1, "a leaf has several lines or findings, or none of its own: chip", uid)
    for one in stated:
        rests, code = CODES[one["code"]][0], one["code"]
        need(one["uid"] == uid, "a finding names another chip than its leaf:", uid)
        conflict = code.startswith("verify.conflict.")
        need(rests in OF_A_LEAF or conflict, "chip", uid, "verifies, and is left out as", code)
        one_namespace = code == "verify.conflict.uid-two-issuers" and family != "generic"
        need(not one_namespace, code, "in a family that has one namespace")
        is_there = code == "verify.conflict.duplicate" and times > 1 or code in CONFLICTS and any(
            CONFLICTS[code](leaf, other) for key, other in verified.items() if key != digest)
        need(not conflict or is_there, "chip", uid, "does not have the conflict", code)


CONFLICTS = {
    "verify.conflict.key-two-uids": lambda leaf, other: other.spki == leaf.spki and other.serial != leaf.serial,
    "verify.conflict.uid-two-keys": lambda leaf, other: other.serial == leaf.serial and other.spki != leaf.spki,
    "verify.conflict.uid-two-issuers": lambda leaf, other: other.serial == leaf.serial and other.issuer != leaf.issuer,
    "verify.conflict.twin": lambda leaf, other: (
        (other.serial, other.spki) == (leaf.serial, leaf.spki) and other.sha256 < leaf.sha256)}


def files_of(path):
    if not os.path.isdir(path):
        with open(path, "rb") as file:
            yield file.read()
        return
    for folder, _, names in sorted(os.walk(path)):
        for name in sorted(names):
            yield from files_of(os.path.join(folder, name)) if os.path.isfile(os.path.join(folder, name)) else ()


def certificates_of(content, padded, inside=False):
    """The certificates of a content, each with whether padding follows it, and how many items were not opened."""
    if content[:4] == b"PK\3\4" and not inside:
        return certificates_of_zip(content, padded)
    if content[:1] == b"\x30":
        return whole_certificates(content, padded)
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", content)
    try:
        return [(base64.b64decode(b"".join(block.split()), validate=True), False) for block in blocks], int(not blocks)
    except ValueError:
        return [], 1


def certificates_of_zip(content, padded):
    found, left = [], 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        names = Counter(entry.filename for entry in entries)
        for entry in entries:
            # entries whose names are twice, lead out of the archive or are links are rejected without being read
            plain = names[entry.filename] == 1 and not re.search(r"^/|^[A-Za-z]:|\\|(^|/)\.\.(/|$)", entry.filename)
            link = entry.external_attr >> 28 == 0xA
            try:
                more, unopened = certificates_of(archive.read(entry), padded, True) if plain and not link else ([], 1)
            except Exception:  # encrypted, damaged, packed in a way that is not known here
                more, unopened = [], 1
            found, left = found + more, left + unopened
    return found, left


def whole_certificates(content, padded):
    """Certificates in DER one after the other; what a zone has behind the last, where the policy tolerates it."""
    found = []
    while content[:1] == b"\x30":
        size, first = content[1] if len(content) > 1 else 128, 2
        if size >= 128:
            first, size = 2 + (size & 127), int.from_bytes(content[2:2 + (size & 127)], "big")
        if not is_certificate(content[:first + size]):
            return found, 1
        found.append((content[:first + size], False))
        content = content[first + size:]
    padding = content.strip(b"\0") == b"" or content.strip(b"\xff") == b""
    if not content or not (padded and padding):
        return (found, 0) if not content else (found[:-1], 1)
    return [*found[:-1], (found[-1][0], True)], 0


def is_certificate(data):
    try:
        [(_, inside, _)] = elements(data)
        return [tag for tag, _, _ in elements(inside)] == [0x30, 0x30, 3]
    except (Refused, ValueError):
        return False
