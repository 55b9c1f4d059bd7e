"""DER that is taken apart and put together again, also wrongly: nothing here judges."""

import base64, hashlib
from datetime import datetime, timedelta, timezone

BOOLEAN, INTEGER, BITS, OCTETS, NULL, OID, UTF8, PRINTABLE, IA5 = 1, 2, 3, 4, 5, 6, 12, 19, 22
SEQUENCE, SET = 0x30, 0x31


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def element(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def sequence(*parts):
    return element(SEQUENCE, *parts)


def long_form(whole):
    """The same element with a length of one byte more than needed."""
    tag, content = whole[0], inside(whole)
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8 or 1, "big")
    size = b"\0" + size if len(content) >= 128 else size
    return bytes([tag, 0x80 | len(size)]) + size + content


def indefinite(whole):
    return bytes([whole[0], 0x80]) + inside(whole) + b"\0\0"


def split(data):
    """The whole elements that stand one after the other."""
    found, at = [], 0
    while at < len(data):
        size, first = data[at + 1], at + 2
        if size >= 128:
            first, size = first + (size & 127), int.from_bytes(data[first : first + (size & 127)], "big")
        found.append(data[at : first + size])
        at = first + size
    return found


def inside(whole):
    size = whole[1]
    return whole[2 + (size & 127 if size >= 128 else 0) :]


def parts(whole):
    return split(inside(whole))


def oid(dotted):
    one, two, *rest = map(int, dotted.split("."))
    out = b""
    for arc in [one * 40 + two, *rest]:
        raw = [arc & 127]
        while arc := arc >> 7:
            raw.insert(0, arc & 127 | 128)
        out += bytes(raw)
    return element(OID, out)


def integer(number):
    return element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def attribute(kind, text, tag=UTF8):
    return sequence(oid(kind), element(tag, text if isinstance(text, bytes) else text.encode()))


def attribute_of(kind, text, tag):
    """As `attribute`, of the identifier's bytes."""
    return sequence(element(OID, kind), element(tag, text))


def name(*attributes):
    """Of pairs or triples: type, text and perhaps the tag of the text."""
    return sequence(*[element(SET, attribute(*one)) for one in attributes])


C, O, OU, CN = "2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.3"


def time(at, tag=None):
    tag = tag or (0x17 if 1950 <= at.year <= 2049 else 0x18)
    rest = at.strftime("%m%d%H%M%SZ")
    return element(tag, f"{at.year % 100:02}{rest}".encode() if tag == 0x17 else f"{at.year:04}{rest}".encode())


def utc(text):
    return datetime.fromisoformat(text)


def rfc3339(at):
    return f"{at.year:04}" + at.strftime("-%m-%dT%H:%M:%SZ")


def read_time(whole):
    text = inside(whole).decode()
    if whole[0] == 0x17:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def later(at, **span):
    return at + timedelta(**span)


def extension(kind, value, critical=False):
    return sequence(oid(kind), element(BOOLEAN, b"\xff") if critical else b"", element(OCTETS, value))


BASIC, USAGE, PURPOSE, SKI, AKI, SAN = (f"2.5.29.{n}" for n in (19, 15, 37, 14, 35, 17))
DOCUMENTS = "1.3.6.1.5.5.7.3.36"  # id-kp-documentSigning
VERSION_3 = element(0xA0, integer(2))
CA_TRUE = sequence(element(BOOLEAN, b"\xff"))


def extensions(*some):
    return element(0xA3, sequence(*some)) if some else b""


def pem(der, label="CERTIFICATE", width=64, end="\n"):
    text = base64.b64encode(der).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return end.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def pem_blocks(raw):
    """The DER of each block."""
    found, inner = [], None
    for line in raw.splitlines():
        if line.startswith(b"-----BEGIN"):
            inner = b""
        elif line.startswith(b"-----END"):
            found.append(base64.b64decode(inner))
            inner = None
        elif inner is not None:
            inner += line
    return found


class Certificate:
    """Its fields as whole elements, by name; None where there are none."""

    def __init__(self, der):
        self.der = der
        self.tbs, self.algorithm, self.signature = parts(der)
        fields = parts(self.tbs)
        self.version = fields.pop(0) if fields[0][0] == 0xA0 else None
        self.serial, self.inner, self.issuer, self.validity, self.subject, self.spki, *more = fields
        self.listed = next((one for one in more if one[0] == 0xA3), None)

    @property
    def begin(self):
        return read_time(parts(self.validity)[0])

    @property
    def end(self):
        return read_time(parts(self.validity)[1])

    def fields(self):
        """The tbsCertificate's fields in order, by name."""
        named = {
            key: getattr(self, key)
            for key in ("version", "serial", "inner", "issuer", "validity", "subject", "spki", "listed")
        }
        return {key: value for key, value in named.items() if value is not None}

    def extensions(self):
        return parts(inside(self.listed)) if self.listed else []
