"""What does not hold, digests, and DER (X.690) as certificates and seals need it."""
import hashlib, re
from datetime import datetime, timezone
from functools import cache


class Refused(Exception):
    """What does not hold."""


def need(holds, *what):
    if not holds:
        raise Refused(" ".join(str(part) for part in what))


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# --- writing ---------------------------------------------------------------------------------------------------------

def der(tag, *parts):
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def sequence(*parts):
    return der(0x30, *parts)


@cache
def oid(dotted):
    one, two, *rest = map(int, dotted.split("."))
    out = b""
    for arc in [one * 40 + two, *rest]:
        raw = [arc & 127]
        while arc := arc >> 7:
            raw.insert(0, arc & 127 | 128)
        out += bytes(raw)
    return der(6, out)


def integer(number):
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def bit_string(positions):
    raw = bytearray(max(positions) // 8 + 1)
    for position in positions:
        raw[position // 8] |= 0x80 >> position % 8
    return der(3, bytes([7 - max(positions) % 8]), raw)


def der_time(time):
    short, rest = 1950 <= time.year <= 2049, time.strftime("%m%d%H%M%SZ")
    return der(0x17, f"{time.year % 100:02}{rest}".encode()) if short else der(0x18, f"{time.year:04}{rest}".encode())


# --- reading ---------------------------------------------------------------------------------------------------------

def elements(data):
    """Tag, content and whole of each element, strictly: what is read must be what `der` writes."""
    found, at = [], 0
    while at < len(data):
        need(at + 2 <= len(data) and data[at] & 31 != 31, "DER is truncated, or has a tag of several bytes")
        size, first = data[at + 1], at + 2
        if size >= 128:
            first, size = first + (size & 127), int.from_bytes(data[first:first + (size & 127)], "big")
        content, whole = data[first:first + size], data[at:first + size]
        minimal = data[at + 1] < 128 or der(data[at], content) == whole  # a length of one byte has no other form
        need(minimal and len(content) == size, "DER is not minimal or truncated")
        found.append((data[at], content, whole))
        at = first + size
    return found


def tagged(data, *tags):
    """The elements, which must be these."""
    found = elements(data)
    need([tag for tag, _, _ in found] == list(tags), "an element is missing, not expected or of another type")
    return found


def content(data, tag):
    """The content of the only element."""
    return tagged(data, tag)[0][1]


def members(data, *tags):
    """The elements of a SEQUENCE or SET, each of which may be left out, in this order. None for those left out."""
    found, rest = [], elements(data)
    for tag in tags:
        found.append(rest.pop(0)[1:] if rest and rest[0][0] == tag else None)
    need(not rest, "an element is not expected here")
    return found


@cache
def dotted(raw):
    """The content of an OBJECT IDENTIFIER as text."""
    minimal = raw and raw[0] < 120 and raw[-1] < 128 and not re.search(rb"[\0-\x7f]\x80", raw)
    need(minimal and len(raw) <= 39, "not an object identifier")
    arcs, arc = [raw[0] // 40, raw[0] % 40], 0
    for byte in raw[1:]:
        arc = arc << 7 | byte & 127
        if byte < 128:
            arcs, arc = [*arcs, arc], 0
    return ".".join(map(str, arcs))


def check_der(data, depth=16):
    """Elements of any type: as strictly as can be said without knowing the type."""
    for tag, inside, _ in elements(data):
        constructed = tag & 32 != 0
        if tag & 0xC0 == 0:
            need(constructed == (tag & 31 in (16, 17)), "an element is primitive or constructed where it must not be")
            need(PRIMITIVE.get(tag, lambda _: True)(inside), "an element does not have the form of its type")
        if constructed:
            need(depth > 0, "elements are nested too deeply")
            check_der(inside, depth - 1)


def is_text(raw, encoding):
    try:
        return raw.decode(encoding) is not None
    except UnicodeDecodeError:
        return False


def is_integer(raw):
    return len(raw) > 0 and not re.match(rb"\0[\0-\x7f]|\xff[\x80-\xff]", raw)


def is_bits(raw):
    return raw == b"\0" or len(raw) > 1 and raw[0] < 8 and raw[-1] & (1 << raw[0]) - 1 == 0


PRIMITIVE = {
    1: lambda raw: raw in (b"\0", b"\xff"), 2: is_integer, 10: is_integer, 3: is_bits,
    5: lambda raw: raw == b"", 6: lambda raw: bool(dotted(raw)),
    12: lambda raw: is_text(raw, "utf-8"),
    18: lambda raw: re.fullmatch(rb"[0-9 ]*", raw), 22: lambda raw: is_text(raw, "ascii"),
    26: lambda raw: re.fullmatch(rb"[ -~]*", raw)}


# --- times -----------------------------------------------------------------------------------------------------------

def utc(text):
    need(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text), "not a time:", text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused("no such time: " + text)


def read_time(tag, raw, named=False):
    """A Time of a certificate; GeneralizedTime before 2050 only where a person has named the certificate."""
    need((tag, len(raw)) in ((0x17, 13), (0x18, 15)) and re.fullmatch(rb"[0-9]+Z", raw), "a time's form")
    digits = raw[:-1].decode()
    if tag == 0x17:
        digits = ("19" if digits >= "50" else "20") + digits
    try:
        time = datetime(*[int(digits[:4]), *[int(digits[at:at + 2]) for at in range(4, 14, 2)]], tzinfo=timezone.utc)
    except ValueError:
        raise Refused("no such time: " + digits)
    need(named or tag == 0x17 or time.year >= 2050, "a year before 2050 as GeneralizedTime")
    return time


def rfc3339(time):
    return f"{time.year:04}" + time.strftime("-%m-%dT%H:%M:%SZ")
