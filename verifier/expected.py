"""A list of expected chips against a batch (docs/spec/manifest-format.md, Expected list; docs/guide/operator-guide.md, lists)."""
import re
from accounting import OF_A_LEAF
from findings import CODES
from asn1 import Refused, need, sha256


def check_list(data, s, family, found, findings, missing):
    """The list is the one of the statement, and lines, findings and missing chips are what it makes of the batch.
    Returns notes."""
    need(s["expected"] and sha256(data).hex() == s["expected"]["sha256"], "the list is not the one of the statement")
    chips = [chip_of(cell, family) for cell in cells_of(data)]
    need(len(set(chips)) == len(chips) == s["expected"]["count"], "the number of chips on the list")
    listed = lambda uid: uid in on_list or uid[:9] in on_list
    on_list, there = set(chips), set()
    for line in found:
        need(listed(bytes.fromhex(line["uid"])), "chip", line["uid"], "is not on the list and has a certificate")
        there.add(bytes.fromhex(line["uid"]))
    for one in (one for one in findings if CODES[one["code"]][0] in OF_A_LEAF):
        uid = bytes.fromhex(one["uid"])
        need(listed(uid) != (CODES[one["code"]][0] == "list"), "chip", one["uid"], "is left out as", one["code"])
        there.add(uid)
    there |= {uid[:9] for uid in there}
    absent = sorted(on_list - there)
    stated = b"".join(b'{"chip":"%s"}\n' % chip.hex().upper().encode() for chip in absent)
    need(missing is None or missing == stated, "missing.jsonl is not what the list gives")
    return [f"expected: {len(chips)} chips, {len(absent)} missing",
            *(f"missing: {chip.hex().upper()}" for chip in absent)]


def chip_of(cell, family):
    """The UID that a cell names, or what it begins with."""
    text = re.fullmatch(r"""=?(["']?)(?:0[xX])?((?:[0-9A-Fa-f]{2}[\s:-]?)*[0-9A-Fa-f]{2})\1""", cell)
    need(text, "the list has a cell that is no chip:", cell)
    chip = bytes.fromhex(re.sub(r"[\s:-]", "", text[2]))
    whole = {"stsafe-a": len(chip) == 11 and chip[:2] == b"\2\t", "stsafe-l": len(chip) == 9,
             "generic": len(chip) <= 20}
    if whole[family]:
        return chip
    need(family == "stsafe-a" and len(chip) in (7, 9), "the list has a cell that is not a chip of the family:", cell)
    return b"\2\t" + chip


def cells_of(data):
    """The first column that has something in it, of each line; without comments and a header row."""
    encoding = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}.get(data[:2], "utf-8-sig")
    encoding = "utf-16-le" if re.match(rb"[^\0]\0[^\0]\0", data) and encoding != "utf-16" else encoding
    text = data.decode("utf-16-be" if re.match(rb"\0[^\0]\0[^\0]", data) else encoding)
    cells = []
    for line in text.split("\n" if "\n" in text else "\r"):
        line = line.partition("#")[0].strip()
        separator = next((one for one in "\t;," if one in line), "\t")
        cells += [cell.strip() for cell in line.split(separator) if cell.strip()][:1]
    first = cells[0] if cells else ""
    header = re.match(r"""=?["']?[^\W\d_]""", first) and re.search(r"[^0-9A-Fa-f\s:-]", first.strip("=\"'"))
    return cells[1:] if header else cells
