"""What does not hold, digests, and DER (X.690) as certificates and seals need it."""
import hashlib, re
from datetime import datetime


class Refused(Exception):
    """What does not hold."""


def need(holds, *what):
    if not holds:
        raise Refused(" ".join(str(part) for part in what))


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def sequence(*parts):
    return der(0x30, *parts)


def elements(data):
    """Tag, content and whole of each element, strictly: what is read must be what `der` writes."""
    found, at = [], 0
    while at < len(data):
        need(at + 2 <= len(data), "DER is truncated")
        size, first = data[at + 1], at + 2
        if size >= 128:
            first, size = first + (size & 127), int.from_bytes(data[first:first + (size & 127)], "big")
        content, whole = data[first:first + size], data[at:first + size]
        need(der(data[at], content) == whole, "DER is not minimal or truncated")
        found.append((data[at], content, whole))
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


def integer(number):
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def bit_string(positions):
    octets = bytearray(max(positions) // 8 + 1)
    for position in positions:
        octets[position // 8] |= 0x80 >> position % 8
    return der(3, bytes([7 - max(positions) % 8]), octets)


def utc(text):
    need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), "not a time:", text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused("no such time: " + text)


def der_time(time):
    short, rest = 1950 <= time.year <= 2049, time.strftime("%m%d%H%M%SZ")
    return der(0x17, f"{time.year % 100:02}{rest}".encode()) if short else der(0x18, f"{time.year:04}{rest}".encode())
