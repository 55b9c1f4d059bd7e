"""JSON in its one spelling (docs/spec/manifest-format.md, Text), and the shapes of its texts in both versions."""
import json, re
from asn1 import Refused, need, utc

HEX, UID, RELAXATIONS = r"[0-9a-f]{64}", r"(?:[0-9A-F]{2}){1,20}", [r"[a-z0-9-]+"]
# the content of a positive INTEGER of at most 20 bytes
SERIAL = r"(?!00(?:[0-7]|$))(?![89A-F])(?:[0-9A-F]{2}){1,20}"
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
STR, TIME, NUM, NUM32 = r"[\s\S]*", utc, 64, 32
ITEM, CODE = r"[ -~]+", r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+"
REISSUE = r"[\s\S]{1,1000}"
EXPECTED = {"sha256": HEX, "count": NUM}
STATEMENT = {
    "format": "reroot-manifest/1", "batch": UUID7, "issued_at": TIME, "created": TIME, "tool": STR, "encoder": NUM32,
    "inputs": {"file": r"inputs\.jsonl", "sha256": HEX, "count": NUM},
    "anchors": [{"subject": STR, "spki_sha256": HEX, "sha256": HEX}], "relaxations": RELAXATIONS,
    "policy": {"name": STR, "version": NUM32, "sha256": HEX}, "params": {STR: STR},
    "reissue": (REISSUE,), "bulk_id": (r"[\s\S]+",),
    "issuer": {"mode": "local|air-gapped|foreign", "subject": STR, "sha256": HEX, "spki_sha256": HEX},
    "serial_seed": (HEX,), "discarded_serials": [SERIAL], "expected": (EXPECTED,),
    "counts": {"items": NUM, "issued": NUM, "rejected": NUM, "ignored": NUM, "signatures_made": NUM},
    "entries": {"file": r"manifest\.jsonl", "sha256": HEX, "tree_size": NUM, "root_hash": HEX},
    "rejected": {"file": r"rejected\.jsonl", "sha256": HEX},
    "files": [{"name": r"[A-Za-z0-9_][A-Za-z0-9._-]*", "sha256": HEX}],
    "previous": ({"batch": UUID7, "statement_sha256": HEX},), "proof_of_possession": "none"}
FINDING = {"item": ITEM, "disposition": "rejected|ignored", "code": CODE, "reason": STR,
           "uid": (UID,), "source_sha256": (HEX,)}
INPUT = {"name": ITEM, "bytes": NUM, "sha256": HEX}


def second(one):
    """The shape of a statement of version 2, with its further keys in their places."""
    missing = {"file": r"missing\.jsonl", "sha256": HEX, "count": NUM}
    after = {"encoder": {"family": "stsafe-a|stsafe-l|generic"}, "serial_seed": {"beacon": (HEX,)},
             "proof_of_possession": {"seals": [r"[a-z0-9-]{1,40}"]}}
    shape = {}
    for key, value in one.items():
        shape |= {key: value, **after.get(key, {})}
    expected = {**EXPECTED, "missing": missing, "surplus": NUM}
    return shape | {"format": "reroot-manifest/2", "expected": (expected,)}


STATEMENTS = {1: STATEMENT, 2: second(STATEMENT)}


def check_shape(shape, value, path):
    """A tuple is what may be null, a number the bits of a number, a text a regular expression."""
    if isinstance(shape, tuple):
        return value is None or check_shape(shape[0], value, path)
    if isinstance(shape, dict):
        need(isinstance(value, dict) and list(value) == (sorted(value) if STR in shape else list(shape)), path, "keys")
        return [check_shape(shape.get(key, STR), inner, f"{path}.{key}") for key, inner in value.items()]
    if isinstance(shape, list):
        need(isinstance(value, list), path, "is no list")
        return [check_shape(shape[0], inner, path) for inner in value]
    if isinstance(shape, int):
        return need(type(value) is int and 0 <= value < 1 << shape, path, "is no number, or too large")
    need(isinstance(value, str), path, "is no text")
    return utc(value) if shape is TIME else need(re.fullmatch(shape, value), path, "is", repr(value)[:80])


def spelled(value, indent=None):
    text = json.dumps(value, indent=indent, separators=None if indent else (",", ":")) + ("\n" if indent else "")
    short = {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9}
    text = re.sub(r"\\(.)", lambda m: f"\\u{short[m[1]]:04x}" if m[1] in short else m[0], text)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused("half of a surrogate pair, which is no character")
    return text.replace("\x7f", "\\u007f").encode()  # which Python writes as it is


def read(data, shape, what, indent=None):
    value = json.loads(data.decode("ascii"))
    need(spelled(value, indent) == data, what, "is not in its one spelling")
    check_shape(shape, value, what)
    return value


def lines(name, data):
    *found, rest = data.split(b"\n")
    need(rest == b"" and max(map(len, found), default=0) <= 65536, name, "has a line that is too long, or not ended")
    return found
