"""DER written by hand, so that it can also be written wrongly. Shares nothing with the program under test."""

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 1, 2, 3, 4, 5, 6
UTF8, NUMERIC, PRINTABLE, TELETEX, IA5, UTC, GENERALIZED = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18
VISIBLE, UNIVERSAL, BMP, SEQUENCE, SET = 0x1A, 0x1C, 0x1E, 0x30, 0x31


def length(n, count=0):
    """Minimal; or, with `count`, in that many bytes after the first."""
    if count == 0 and n < 0x80:
        return bytes([n])
    minimal = n.to_bytes(max(1, (n.bit_length() + 7) // 8), "big")
    padded = minimal.rjust(max(count, len(minimal)), b"\0")
    return bytes([0x80 | len(padded)]) + padded


def tlv(tag, *parts):
    content = b"".join(parts)
    return bytes([tag]) + length(len(content)) + content


def seq(*parts):
    return tlv(SEQUENCE, *parts)


def integer(n):
    size = n.bit_length() // 8 + 1
    return tlv(INTEGER, n.to_bytes(size, "big", signed=True))


def oid_content(dotted):
    arcs = [int(arc) for arc in dotted.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.insert(0, 0x80 | arc & 0x7F)
        out += bytes(digits)
    return out


def oid(dotted):
    return tlv(OID, oid_content(dotted))


def bits(content, unused=0):
    return tlv(BIT_STRING, bytes([unused]), content)


def octet_string(content):
    return tlv(OCTET_STRING, content)


def boolean(value=0xFF):
    return tlv(BOOLEAN, bytes([value]))


def explicit(number, *parts):
    return tlv(0xA0 | number, *parts)


class Node:
    """An element taken apart; `write` puts it together again, and `how` may spoil one node on the way."""

    def __init__(self, tag, content, children):
        self.tag, self.content, self.children = tag, content, children

    def walk(self, path=()):
        yield path, self
        for position, child in enumerate(self.children or []):
            yield from child.walk(path + (position,))

    def write(self, target=None, how=None, path=()):
        if self.children is None:
            content = self.content
        else:
            content = b"".join(
                child.write(target, how, path + (position,)) for position, child in enumerate(self.children)
            )
        return how(self, content) if how and path == target else tlv(self.tag, content)


def parse(data):
    """One element of minimal DER, constructed ones taken apart."""
    node, rest = parse_one(data)
    assert not rest
    return node


def parse_one(data):
    tag, first = data[0], data[1]
    header = 2 if first < 0x80 else 2 + (first & 0x7F)
    size = first if first < 0x80 else int.from_bytes(data[2:header], "big")
    content, rest = data[header : header + size], data[header + size :]
    if not tag & 0x20:
        return Node(tag, content, None), rest
    children, left = [], content
    while left:
        child, left = parse_one(left)
        children.append(child)
    return Node(tag, content, children), rest
