"""Archives and texts that hold good leaves badly, or bad things well. Every archive is written byte by byte."""

import base64
import gzip
import hashlib
import struct
import zlib

import der
import pki
from der import explicit, integer, octet_string, oid, seq, tlv
from pki import ROOT_KEY, ROOT_NAME, ca


class Entry:
    def __init__(self, name, content, **changes):
        self.name = name.encode() if isinstance(name, str) else name
        self.content, self.method, self.flags, self.mode = content, 8, 0, 0o100644
        self.local, self.central, self.descriptor, self.zip64, self.extra, self.made = {}, {}, None, False, b"", 3
        self.data = None
        self.__dict__.update(changes)


def deflate(content):
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(content) + engine.flush()


def zipped(*entries, prefix=b"", comment=b"", suffix=b"", shift=True, end=None, directory_tail=b"", between=b"", reverse=False):
    """`end`, `entry.local` and `entry.central` replace fields of the records by name."""
    out, directory = bytearray(prefix), []
    for entry in entries:
        data = entry.data if entry.data is not None else entry.content if entry.method == 0 else deflate(entry.content)
        crc, offset = zlib.crc32(entry.content), len(out) - (0 if shift else len(prefix))
        base = {"flags": entry.flags, "method": entry.method, "crc": crc, "packed": len(data), "size": len(entry.content), "name": entry.name}
        local = base | entry.local
        if entry.descriptor is not None:
            local = base | {"crc": 0, "packed": 0, "size": 0} | entry.local
        extra = entry.extra
        if entry.zip64:
            extra += struct.pack("<HHQQ", 1, 16, local["size"], local["packed"])
            local |= {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
        out += struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45 if entry.zip64 else 20, local["flags"], local["method"], 0, 0x21, local["crc"], local["packed"], local["size"], len(local["name"]), len(extra)) + local["name"] + extra
        out += data
        if entry.descriptor is not None:
            out += entry.descriptor(crc, len(data), len(entry.content))
        out += between
        central = base | {"offset": offset, "mode": entry.mode} | entry.central
        extra = b""
        if entry.zip64:
            extra = struct.pack("<HHQQQ", 1, 24, central["size"], central["packed"], central["offset"])
            central |= {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
        directory.append(struct.pack("<4sBBHHHHHIIIHHHHHII", b"PK\1\2", 20, entry.made, 20, central["flags"], central["method"], 0, 0x21, central["crc"], central["packed"], central["size"], len(central["name"]), len(extra), 0, 0, 0, central["mode"] << 16, central["offset"]) + central["name"] + extra)
    if reverse:
        directory.reverse()
    start = len(out)
    listed = b"".join(directory) + directory_tail
    out += listed
    fields = {"disk": 0, "first": 0, "here": len(entries), "all": len(entries), "size": len(listed), "offset": start - (0 if shift else len(prefix)), "comment": len(comment)} | (end or {})
    if fields.pop("zip64", False):
        position = len(out)
        out += struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, len(entries), len(entries), len(listed), start)
        out += struct.pack("<4sIQI", b"PK\6\7", 0, position, 1)
        fields |= {"here": 0xFFFF, "all": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
    out += struct.pack("<4sHHHHIIH", b"PK\5\6", *fields.values()) + comment + suffix
    return bytes(out)


def tar_header(name, size, kind=b"0", prefix=b"", link=b"", magic=b"ustar\x0000", mode=b"0000644\0", checksum=None, size_field=None):
    name = name.encode() if isinstance(name, str) else name
    size_field = size_field if size_field is not None else f"{size:011o}\0".encode()
    head = name.ljust(100, b"\0") + mode + b"0000000\0" * 2 + size_field + b"00000000000\0" + b" " * 8 + kind + link.ljust(100, b"\0") + magic + bytes(64) + bytes(16) + prefix.ljust(155, b"\0")
    head = head.ljust(512, b"\0")
    total = sum(head) if checksum is None else checksum
    return head[:148] + f"{total:06o}\0 ".encode() + head[156:]


def padded(content):
    return content + bytes(-len(content) % 512)


def member(name, content, kind=b"0", **more):
    return tar_header(name, len(content), kind, **more) + padded(content)


def pax(**records):
    text = b""
    for key, value in records.items():
        body = b" " + key.replace("__", ".").encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length += 1
        text += str(length).encode() + body
    return member("PaxHeaders/x", text, b"x")


END = bytes(1024)


def add(corpus, chips, anchors):
    from generate import pem

    fresh = lambda: chips.next().sign(ROOT_KEY)

    def one(label, content, expect, clause, name="reel.zip", **more):
        """An input that is one file; `expect`: item (without the input's name) to verdict and codes, None for all of it."""
        run = corpus.run(label, **more)
        run.inputs = [name]
        run.put(name, content)
        for item, verdict in expect.items():
            verdict = (verdict,) if isinstance(verdict, str) else verdict
            run.item(name + item, verdict[0], verdict[1:], clause)

    zips(one, fresh, corpus)
    tars(one, fresh)
    gzips(one, fresh)
    texts(one, fresh, pem, chips)
    bundles(one, fresh, pem)
    files(corpus, one, fresh, pem, chips)


def zips(one, fresh, corpus):
    A, R, I = "accepted", "rejected", "ignored"
    clause = "intake, APPNOTE.TXT"

    def case(label, expect, *entries, name="reel.zip", why=clause, **more):
        one(f"zip-{label}", zipped(*entries, **more), expect, why, name)

    e = lambda name="leaf.der", content=None, **changes: Entry(name, fresh() if content is None else content, **changes)
    case("plain", {"!leaf.der": A}, e())
    case("stored", {"!leaf.der": A}, e(method=0))
    case("many", {f"!d/{n}.der": A for n in range(20)}, *(e(f"d/{n}.der") for n in range(20)))
    case("comment", {"!leaf.der": A}, e(), comment=b"delivered with \x1b[31mcare\x1b[0m")
    case("empty", {"": (I, "reel.archive.empty")})
    case("directory-entry", {"!d/": (I, "reel.zip.directory"), "!d/leaf.der": A}, Entry("d/", b"", method=0, mode=0o040755), e("d/leaf.der"))
    case("directory-with-content", {"!d.der/": (R, "reel.zip.")}, e("d.der/", method=0, mode=0o040755))
    case("reversed-directory", {"!a.der": A, "!b.der": A}, e("a.der"), e("b.der"), reverse=True)
    case("no-suffix", {"!0209": A}, e("0209"))
    case("wrong-suffix", {"!leaf.txt": A}, e("leaf.txt"))
    case("other-files", {"!readme.txt": (I, "reel.text."), "!order.pdf": (I, "reel.file.not-a-certificate"), "!leaf.der": A}, Entry("readme.txt", b"Thank you for the order."), Entry("order.pdf", b"%PDF-1.4\n\x00\x01\x02"), e())
    case("suffix-without-certificate", {"!a.der": (R, "reel.file.no-certificate"), "!b.cer": (R, "reel.file."), "!c.pem": (R, "reel.file."), "!d.crt": (R, "reel.file.empty"), "!leaf.der": A}, Entry("a.der", b"\0\1\2\3"), Entry("b.cer", b"hello"), Entry("c.pem", b"no block"), Entry("d.crt", b""), e())
    for label, name, shown in (
        ("traversal", "../leaf.der", "../leaf.der"), ("deep-traversal", "a/../../leaf.der", "a/../../leaf.der"),
        ("inner-traversal", "a/../leaf.der", "a/../leaf.der"), ("backslash-traversal", "..\\leaf.der", "..\\leaf.der"),
        ("mixed-traversal", "a\\..\\..\\leaf.der", "a\\..\\..\\leaf.der"), ("traversal-at-end", "a/..", "a/.."),
    ):
        case(label, {f"!{shown}": (R, "reel.zip.path-traversal"), "!good.der": A}, e(name), e("good.der"))
    for label, name in (("absolute", "/etc/leaf.der"), ("backslash-absolute", "\\leaf.der"), ("drive", "C:\\leaf.der"), ("drive-relative", "c:leaf.der"), ("unc", "\\\\host\\leaf.der"), ("double-slash", "//leaf.der")):
        case(label, {f"!{name}": (R, "reel.zip.absolute-name"), "!good.der": A}, e(name), e("good.der"))
    for label, name, shown in (
        ("name-control", b"a\n\r\t\x1b[31m.der", "a%0A%0D%09%1B[31m.der"), ("name-nul", b"a\0.der", "a%00.der"), ("name-latin1", b"caf\xe9.der", "caf%E9.der"),
        ("name-utf8", "é.der".encode(), "%C3%A9.der"), ("name-rtl", "\u202egpj.der".encode(), "%E2%80%AEgpj.der"), ("name-signs", b"a!b#c%d.der", "a%21b%23c%25d.der"),
        ("name-dots", b"...der", "...der"), ("name-html", b"<b>.der", "<b>.der"), ("name-formula", b"=1+1.der", "=1+1.der"), ("name-quote", b"a\"b'.der", "a\"b'.der"),
    ):
        case(label, {f"!{shown}": A}, e(name), why="intake")
    long = b"a" * 10_000 + b".der"
    case("name-of-10000", {"!" + "a" * 512 + "%.." + hashlib.sha256(long).hexdigest()[:16]: A}, e(long), why="intake")
    case("duplicate-names", {"!leaf.der": (R, "reel.zip.duplicate-name"), "!leaf.der%=2": (R, "reel.zip.duplicate-name"), "!good.der": A}, e(), e(), e("good.der"))
    case("nearly-duplicate-names", {"!leaf.der": A, "!Leaf.der": A, "!./leaf.der": A}, e(), e("Leaf.der"), e("./leaf.der"))
    for label, flags in (("flag", 1), ("strong", 0x41), ("masked", 0x2001)):
        case(f"encrypted-{label}", {"!leaf.der": (R, "reel.zip.encrypted"), "!good.der": A}, e(flags=flags), e("good.der"))
    case("encrypted-aes", {"!leaf.der": (R, "reel.zip.encrypted"), "!good.der": A}, e(method=99, flags=1), e("good.der"))
    case("encrypted-in-the-local-header-only", {"!leaf.der": (R, "reel.zip."), "!good.der": A}, e(local={"flags": 1}), e("good.der"))
    for method in (1, 6, 9, 12, 14, 93, 95, 98):
        case(f"method-{method}", {"!leaf.der": (R, "reel.zip.method"), "!good.der": A}, e(method=method), e("good.der"))
    case("link", {"!leaf.der": (R, "reel.zip.link"), "!good.der": A}, Entry("leaf.der", b"/etc/passwd", mode=0o120777), e("good.der"))
    for label, kind in (("pipe", 0o010644), ("device", 0o060644), ("terminal", 0o020644), ("socket", 0o140644)):
        case(f"special-{label}", {"!leaf.der": (R, "reel.zip.special-file"), "!good.der": A}, e(mode=kind), e("good.der"))
    case("bad-crc", {"!leaf.der": (R, "reel.zip.checksum"), "!good.der": A}, e(local={"crc": 1}, central={"crc": 1}), e("good.der"))
    case("bad-crc-stored", {"!leaf.der": (R, "reel.zip.checksum"), "!good.der": A}, e(method=0, local={"crc": 1}, central={"crc": 1}), e("good.der"))
    case("local-name-empty", {"": (R, "reel.zip.")}, e(local={"name": b""}), e("good.der"), why="then the next entry lies where the name of the directory would reach")
    for field, value in (("crc", 1), ("packed", 17), ("size", 17), ("method", 0), ("name", b"liar.der"), ("name", b"longer-name.der")):
        case(f"local-{field}-{value if isinstance(value, int) else value.decode()}", {"!leaf.der": (R, "reel.zip."), "!good.der": A}, e(local={field: value}), e("good.der"))
    for label, size in (("more", 1), ("fewer", -1)):
        content = fresh()
        wrong = {"size": len(content) + size}
        case(f"size-{label}", {"!leaf.der": (R, "reel.zip.data"), "!good.der": A}, Entry("leaf.der", content, local=wrong, central=wrong), e("good.der"))
        case(f"size-{label}-stored", {"!leaf.der": (R, "reel.zip.data"), "!good.der": A}, Entry("leaf.der", content, method=0, local=wrong, central=wrong), e("good.der"))
    content = fresh()
    case("bytes-after-deflate", {"!leaf.der": (R, "reel.zip.data"), "!good.der": A}, Entry("leaf.der", content, data=deflate(content) + b"\0"), e("good.der"))
    case("deflate-cut", {"!leaf.der": (R, "reel.zip.data"), "!good.der": A}, Entry("leaf.der", content, data=deflate(content)[:-5]), e("good.der"))
    case("deflate-junk", {"!leaf.der": (R, "reel.zip.data"), "!good.der": A}, Entry("leaf.der", content, data=b"\xff" * 100), e("good.der"))
    case("deflate64-block", {"!leaf.der": (R, "reel.zip."), "!good.der": A}, Entry("leaf.der", content, data=b"\x07" + deflate(content)), e("good.der"))
    signed = lambda crc, packed, size: struct.pack("<4sIII", b"PK\7\x08", crc, packed, size)
    case("descriptor", {"!leaf.der": A, "!b.der": A}, e(flags=8, descriptor=signed), e("b.der", flags=8, descriptor=signed))
    case("descriptor-unsigned", {"!leaf.der": A, "!b.der": A}, e(flags=8, descriptor=lambda *v: struct.pack("<III", *v)), e("b.der"))
    case("descriptor-lying", {"!leaf.der": (R, "reel.zip.local-header"), "!b.der": A}, e(flags=8, descriptor=lambda crc, packed, size: signed(crc ^ 1, packed, size)), e("b.der"))
    case("descriptor-missing", {"!leaf.der": (R, "reel.zip."), "!b.der": A}, e(flags=8, descriptor=lambda *v: b""), e("b.der"))
    case("zip64-entry", {"!leaf.der": A}, e(zip64=True))
    case("zip64-end", {"!leaf.der": A, "!b.der": A}, e(), e("b.der"), end={"zip64": True})
    case("zip64-both", {"!leaf.der": A}, e(zip64=True), end={"zip64": True})
    case("zip64-stored", {"!leaf.der": A}, e(zip64=True, method=0), end={"zip64": True})
    case("prefix", {"": (I, "reel.zip.prefix"), "!leaf.der": A}, e(), prefix=b"#!/bin/sh\nexit\n", shift=False)
    case("trailing", {"": (R, "reel.zip.trailing-data")}, e(), suffix=b"\0")
    case("two-archives", {"": (R, "reel.zip.")}, e(), suffix=zipped(e("b.der")))
    case("end-in-comment", {"": (R, "reel.zip.ambiguous-end")}, e(), comment=b"x" + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0))
    case("comment-too-long", {"": (R, "reel.zip.")}, e(), end={"comment": 5})
    whole = zipped(e(), e("b.der"))
    for label, cut in (("end", 1), ("directory", 60), ("half", len(whole) // 2), ("most", len(whole) - 40)):
        one(f"zip-truncated-{label}", whole[:-cut], {"": (R, "reel.")}, clause)
    one("zip-head-only", b"PK\3\4", {"": (R, "reel.")}, clause)
    one("zip-garbage-under-the-name", b"\x01\x02\x03\x04" * 100, {"": (R, "reel.file.not-an-archive")}, clause)
    one("zip-empty-file", b"", {"": (R, "reel.file.empty")}, clause)
    for label, end in (("count-more", {"here": 3, "all": 3}), ("count-fewer", {"here": 1, "all": 1}), ("count-zero", {"here": 0, "all": 0}), ("disk", {"disk": 1}), ("directory-disk", {"first": 1}), ("counts-differ", {"here": 1}), ("offset-more", {"offset": 10_000}), ("size-more", {"size": 10_000}), ("size-fewer", {"size": 10}), ("ones", {"offset": 0xFFFFFFFF})):
        case(f"end-{label}", {"": (R, "reel.zip.")}, e(), e("b.der"), end=end)
    case("directory-tail", {"": (R, "reel.zip.")}, e(), directory_tail=b"hidden")
    case("hidden-between", {"!leaf.der": A, "!b.der": A}, e(), e("b.der"), between=b"hidden", why="bytes that no entry owns are nobody's; python and unzip read on as well")
    shared = fresh()
    case("overlap-same-offset", {"": (R, "reel.zip.overlap")}, Entry("a.der", shared), Entry("b.der", shared, central={"offset": 0}))
    case("overlap-partly", {"": (R, "reel.zip.")}, e("a.der"), e("b.der", central={"offset": 20}))
    case("offset-outside", {"": (R, "reel.zip.")}, e("a.der", central={"offset": 1 << 31}))
    zeros = bytes(50 << 20)
    bomb = deflate(zeros)
    case("bomb", {"!bomb.der": (R, "reel.limit.compression-ratio"), "!good.der": A}, Entry("bomb.der", zeros, data=bomb), e("good.der"))
    small = {"size": 1000}
    case("bomb-lying", {"!bomb.der": (R, "reel."), "!good.der": A}, Entry("bomb.der", zeros, data=bomb, local=small, central=small), e("good.der"))
    huge = {"size": 0xFFFFFFFE}
    case("size-of-4-gigabytes", {"!leaf.der": (R, "reel."), "!good.der": A}, e(local=huge, central=huge), e("good.der"))
    nested = zipped(e("inner.der"))
    case("nested", {"!in.zip!inner.der": A, "!leaf.der": A}, Entry("in.zip", nested), e())
    case("nested-stored-other-name", {"!data.bin!inner.der": A}, Entry("data.bin", nested, method=0))
    twice = zipped(Entry("in.zip", nested))
    case("nested-twice", {"!two.zip!in.zip": (R, "reel.limit.archive-depth"), "!leaf.der": A}, Entry("two.zip", twice), e())
    deep = nested
    for _ in range(50):
        deep = zipped(Entry("in.zip", deep))
    case("nested-50-times", {"!deep.zip!in.zip": (R, "reel.limit.archive-depth"), "!leaf.der": A}, Entry("deep.zip", deep), e())
    case("nested-broken", {"!in.zip": (R, "reel."), "!leaf.der": A}, Entry("in.zip", nested[:-30]), e())
    case("nested-traversal", {"!in.zip!../x.der": (R, "reel.zip.path-traversal"), "!leaf.der": A}, Entry("in.zip", zipped(e("../x.der"))), e())
    case("nested-tar-gz", {"!in.tar.gz!inner.der": A}, Entry("in.tar.gz", gzip.compress(member("inner.der", fresh()) + END, mtime=0)))
    case("item-too-large", {"!leaf.der": (R, "reel.limit.item-bytes"), "!good.der": A}, Entry("leaf.der", b"\x30\x83\x20\x00\x00" + b"".join(hashlib.sha256(n.to_bytes(4, "big")).digest() for n in range(65536))), e("good.der"))
    polyglot = fresh()
    one("zip-behind-a-leaf", polyglot + zipped(e("b.der")), {"": (R, "verify.der.trailing-data")}, "what begins as a certificate is one, with trailing bytes", name="leaf.der")
    # the same chip in two places, and one reel of a thousand
    same = fresh()
    case("same-leaf-twice", {"!a.der": A, "!b.der": (I, "verify.conflict.duplicate")}, Entry("a.der", same), Entry("b.der", same))


def tars(one, fresh):
    A, R, I = "accepted", "rejected", "ignored"
    clause = "intake, POSIX.1-2024 pax"
    leaf = lambda name="leaf.der", **more: member(name, fresh(), **more)

    def case(label, expect, *members, end=END, name="reel.tar", why=clause):
        content = b"".join(members) + end
        one(f"tar-{label}", content, expect, why, name)

    good = lambda: leaf("good.der")
    case("plain", {"!leaf.der": A}, leaf())
    case("v7", {"!leaf.der": A}, leaf(magic=bytes(8)))
    case("gnu", {"!leaf.der": A}, leaf(magic=b"ustar  \0"))
    case("prefix-field", {"!d/e/leaf.der": A}, leaf(prefix=b"d/e"))
    case("without-suffix", {"!leaf.der": A}, leaf(), name="reel")
    case("directory", {"!d/": (I, "reel.tar.directory"), "!d/leaf.der": A}, member("d/", b"", b"5"), leaf("d/leaf.der"))
    case("directory-with-content", {"!d.der/": (R, "reel.tar."), "!good.der": A}, leaf("d.der/"), good(), why="a certificate may not hide behind a slash")
    for label, kind in (("hard-link", b"1"), ("symbolic-link", b"2")):
        case(label, {"!leaf.der": (R, "reel.tar.link"), "!good.der": A}, tar_header("leaf.der", 0, kind, link=b"/etc/passwd"), good())
    case("link-with-a-size", {"!leaf.der": (R, "reel.tar.link"), "!good.der": A}, tar_header("leaf.der", 512, b"2", link=b"x"), good())
    for label, kind in (("terminal", b"3"), ("disk", b"4"), ("pipe", b"6")):
        case(label, {"!leaf.der": (R, "reel.tar.special-file"), "!good.der": A}, tar_header("leaf.der", 0, kind), good())
    for label, kind in (("sparse", b"S"), ("volume", b"V"), ("multi", b"M"), ("unknown", b"Z"), ("control", b"\x1b")):
        case(f"type-{label}", {"!leaf.der": (R, "reel.tar.unsupported-entry"), "!good.der": A}, leaf(kind=kind), good())
    case("traversal", {"!../leaf.der": (R, "reel.tar.path-traversal"), "!good.der": A}, leaf("../leaf.der"), good())
    case("traversal-in-prefix", {"!../leaf.der": (R, "reel.tar.path-traversal"), "!good.der": A}, leaf(prefix=b".."), good())
    case("absolute", {"!/leaf.der": (R, "reel.tar.absolute-name"), "!good.der": A}, leaf("/leaf.der"), good())
    case("traversal-by-pax", {"!../x.der": (R, "reel.tar.path-traversal"), "!good.der": A}, pax(path="../x.der"), leaf(), good())
    case("absolute-by-gnu", {"!/x.der": (R, "reel.tar.absolute-name"), "!good.der": A}, member("././@LongLink", b"/x.der\0", b"L"), leaf(), good())
    case("pax-name", {"!" + "d" * 300 + "/leaf.der": A}, pax(path="d" * 300 + "/leaf.der"), leaf())
    case("pax-name-newline", {"!a%0Ab.der": A}, pax(path="a\nb.der"), leaf())
    case("pax-name-rtl", {"!%E2%80%AEx.der": A}, pax(path="\u202ex.der"), leaf())
    case("gnu-name", {"!" + "d" * 300 + "/leaf.der": A}, member("././@LongLink", b"d" * 300 + b"/leaf.der\0", b"L"), leaf())
    content = fresh()
    case("pax-size", {"!leaf.der": A, "!good.der": A}, pax(size=str(len(content))), tar_header("leaf.der", 0) + padded(content), good())
    case("pax-broken", {"": (R, "reel.tar.header")}, member("x", b"8 path=a\n", b"x"), leaf())
    case("pax-endless", {"": (R, "reel.tar.header")}, member("x", b"99999999999999999999 a=b\n", b"x"), leaf())
    case("pax-size-negative", {"": (R, "reel.tar.header")}, pax(size="-1"), leaf())
    case("pax-huge", {"": (R, "reel.tar.header")}, member("x", bytes(300 << 10), b"x"), leaf())
    case("pax-sparse", {"!leaf.der": (R, "reel.tar.unsupported-entry"), "!good.der": A}, pax(GNU__sparse__major="1", GNU__sparse__minor="0"), leaf(), good())
    case("duplicate-names", {"!leaf.der": A, "!leaf.der%=2": (R, "reel.tar.duplicate-name"), "!good.der": A}, leaf(), leaf(), good(), why="read front to back: the later one is refused")
    case("checksum", {"!a.der": A, "": (R, "reel.tar.header")}, leaf("a.der"), leaf("b.der", checksum=1), good())
    case("no-end", {"!leaf.der": A, "": (R, "reel.tar.truncated")}, leaf(), end=b"")
    case("cut", {"!leaf.der": (R, "reel.tar."), "": (R, "reel.tar.")}, leaf()[:700], end=b"")
    case("after-the-end", {"!leaf.der": A, "": (R, "reel.tar.trailing-data")}, leaf(), END, leaf("b.der"))
    case("empty", {"": (I, "reel.archive.empty")})
    case("size-no-number", {"!a.der": A, "": (R, "reel.tar.header")}, leaf("a.der"), leaf("b.der", size_field=b"zzzzzzzzzzz\0"))
    case("size-binary-negative", {"!a.der": A, "": (R, "reel.tar.header")}, leaf("a.der"), leaf("b.der", size_field=b"\xff" * 12))
    case("nested-zip", {"!in.zip!x.der": A}, member("in.zip", zipped(Entry("x.der", fresh()))))
    case("nested-tar", {"!in.tar!x.der": A}, member("in.tar", leaf("x.der") + END))
    case("nested-twice", {"!a.tar!b.tar": (R, "reel.limit.archive-depth"), "!good.der": A}, member("a.tar", member("b.tar", leaf("x.der") + END) + END), good())
    case("name-control", {"!a%0A%1B[2J.der": A}, leaf(b"a\n\x1b[2J.der"))


def gzips(one, fresh):
    A, R, I = "accepted", "rejected", "ignored"
    clause = "intake, RFC 1952"
    pack = lambda content, level=9: gzip.compress(content, level, mtime=0)
    tar = lambda: member("leaf.der", fresh()) + END
    case = lambda label, content, expect, name="reel.tar.gz": one(f"gzip-{label}", content, expect, clause, name)
    case("tar", pack(tar()), {"!leaf.der": A})
    case("tgz", pack(tar()), {"!leaf.der": A}, "reel.tgz")
    case("leaf", pack(fresh()), {"": A}, "leaf.der.gz")
    case("zip", pack(zipped(Entry("leaf.der", fresh()))), {"!leaf.der": A}, "reel.zip.gz")
    content = tar()
    case("two-members", pack(content[:700]) + pack(content[700:]), {"!leaf.der": A})
    case("trailing", pack(tar()) + b"junk", {"": (R, "reel.gzip.corrupt")})
    case("trailing-zeros", pack(tar()) + bytes(512), {"": (R, "reel.gzip.corrupt")})
    case("truncated", pack(tar())[:-4], {"": (R, "reel.gzip.corrupt")})
    case("crc", pack(tar())[:-8] + b"\0" * 4 + pack(tar())[-4:], {"": (R, "reel.gzip.corrupt")})
    case("half", pack(tar())[:200], {"": (R, "reel.")})
    case("head", pack(tar())[:5], {"": (R, "reel.")})
    case("bomb", pack(member("bomb.der", bytes(40 << 20)) + END), {"!bomb.der": (R,), "": (R, "reel.limit.compression-ratio")})
    case("bomb-of-a-leaf", pack(b"\x30\x84\x7f\xff\xff\xf0" + bytes(40 << 20)), {"": (R,)}, "leaf.der.gz")
    case("bomb-of-text", pack(b"a" * (40 << 20)), {"": (R,)}, "reel.txt.gz")
    case("twice", pack(pack(tar())), {"!leaf.der": A})
    case("thrice", pack(pack(pack(tar()))), {"": (R, "reel.limit.archive-depth")})
    case("leaf-with-tail", pack(fresh() + b"\0"), {"": (R, "verify.der.trailing-data")}, "leaf.der.gz")


def texts(one, fresh, pem, chips):
    A, R, I = "accepted", "rejected", "ignored"
    clause = "intake, RFC 7468"
    b64 = lambda content: base64.b64encode(content)
    case = lambda label, content, expect, name="leaf.pem", why=clause: one(f"text-{label}", content, expect, why, name)
    case("pem", pem(fresh()), {"": A})
    case("pem-crlf", pem(fresh(), end="\r\n"), {"": A})
    case("pem-bom", b"\xef\xbb\xbf" + pem(fresh()), {"": A})
    case("pem-text-before", b"subject=CN = leaf\nissuer=root\n" + pem(fresh()) + b"end\n", {"": A})
    case("pem-utf16", pem(fresh()).decode().encode("utf-16"), {"": A})
    case("pem-one-line", pem(fresh(), width=10_000), {"": A})
    case("pem-width-76", pem(fresh(), width=76), {"": A})
    case("pem-x509", pem(fresh(), "X509 CERTIFICATE"), {"": A})
    case("pem-several", pem(fresh()) * 1 + pem(fresh()) + pem(fresh()), {"#1": A, "#2": A, "#3": A})
    case("pem-trusted", pem(fresh(), "TRUSTED CERTIFICATE"), {"": (R, "reel.pem.trusted-certificate")})
    case("pem-request", pem(b"request", "CERTIFICATE REQUEST") + pem(fresh()), {"#1": (I, "reel.pem.other-label"), "#2": A})
    case("pem-other-label", pem(fresh(), "CERTIFICATE REQUEST") + pem(fresh()), {"#1": (R, "reel.pem.certificate-label"), "#2": A})
    case("pem-private-key", pem(b"secret", "EC PRIVATE KEY") + pem(fresh()), {"#1": (I, "reel.pem.other-label"), "#2": A})
    case("pem-label-mismatch", pem(fresh()).replace(b"END CERTIFICATE", b"END X509 CRL"), {"": (R, "reel.pem.label-mismatch")})
    case("pem-label-mismatch-2", pem(fresh()).replace(b"BEGIN CERTIFICATE", b"BEGIN X509 CRL"), {"": (R, "reel.pem.label-mismatch")})
    case("pem-no-end", pem(fresh()).replace(b"-----END CERTIFICATE-----", b""), {"": (R, "reel.pem.unterminated")})
    case("pem-begin-twice", b"-----BEGIN CERTIFICATE-----\n" + pem(fresh()), {"#1": (R, "reel.pem.unterminated"), "#2": A})
    case("pem-empty", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", {"": (R,)})
    for label, change in (
        ("bad-character", lambda t: t.replace(b"MII", b"MI*", 1)), ("headers", lambda t: t.replace(b"-----\nMII", b"-----\nProc-Type: 4,ENCRYPTED\n\nMII", 1)),
        ("nul", lambda t: t.replace(b"MII", b"MI\0I", 1)), ("url-safe", lambda t: t.replace(b"MII", b"MI-I", 1)),
        ("padding-inside", lambda t: t.replace(b"MII", b"MII=", 1)), ("missing-character", lambda t: t.replace(b"MII", b"MI", 1)),
    ):
        case(f"pem-{label}", change(pem(fresh())), {"": (R, "reel.pem.base64")})
    # lengths for which base64 leaves bits over: they must be zero, and padding must be there
    loose = next(content for content in iter(fresh, None) if len(content) % 3 == 1)
    text = b64(loose)
    assert text.endswith(b"==")
    spoilt = text[:-3] + bytes([text[-3] + 1]) + b"=="
    wrap = lambda body: b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"
    case("pem-bits-left", wrap(spoilt), {"": (R, "reel.pem.base64")}, why="RFC 4648 §3.5")
    case("pem-no-padding", wrap(text[:-2]), {"": (R, "reel.pem.base64")}, why="RFC 4648 §3.2")
    case("pem-more-padding", wrap(text + b"="), {"": (R, "reel.pem.base64")}, why="RFC 4648 §3.2")
    case("pem-bits-left-neighbour", wrap(text), {"": A})
    case("pem-trailing-byte", pem(fresh() + b"\0"), {"": (R, "verify.der.trailing-data")})
    case("pem-two-in-one-block", pem(fresh() + fresh()), {"": (R, "verify.der.trailing-data")})
    case("pem-ber", pem(b"\x30\x80" + fresh()[4:] + b"\0\0"), {"": (R, "verify.der.")})
    case("pem-label-escape", b"-----BEGIN \x1b[31m-----\nAAAA\n-----END \x1b[31m-----\n" + pem(fresh()), {"#1": (I, "reel.pem.other-label"), "#2": A}, why="intake")
    header = b"uid,certificate,note\n"
    rows = [(f"{n}".encode(), fresh()) for n in range(3)]
    csv = lambda encode, sign=b",": header.replace(b",", sign) + b"".join(sign.join((uid, encode(content), b"=cmd|'/c calc'!A0")) + b"\n" for uid, content in rows)
    three = {"#1": A, "#2": A, "#3": A}
    case("csv-base64", csv(b64), three, "reel.csv")
    case("csv-hex", csv(lambda c: c.hex().encode()), three, "reel.csv")
    case("csv-hex-upper", csv(lambda c: c.hex().upper().encode()), three, "reel.csv")
    case("csv-hex-colons", csv(lambda c: c.hex(":").encode()), three, "reel.csv")
    case("csv-hex-0x", csv(lambda c: b"0x" + c.hex().encode()), three, "reel.csv")
    case("csv-quoted", csv(lambda c: b'"' + b64(c) + b'"'), three, "reel.csv")
    case("csv-semicolon", csv(b64, b";"), three, "reel.csv")
    case("csv-tab", csv(b64, b"\t"), three, "reel.tsv")
    case("lines-base64", b"\n".join(b64(content) for _, content in rows) + b"\n", three, "reel.txt")
    case("lines-hex", b"\n".join(content.hex().encode() for _, content in rows) + b"\n", three, "reel.txt")
    damaged = [b64(fresh()), b64(fresh())[:-1] + b"*", b64(fresh()), b"A" * 400, fresh().hex().encode()[:-1]]
    case("csv-damaged", b"".join(b"x," + text + b"\n" for text in damaged), {"#1": A, "#2": (R, "reel.text."), "#3": A, "#4": (R, "reel.text."), "#5": (R, "reel.text.")}, "reel.csv")
    case("csv-trailing-byte", b"x," + b64(fresh() + b"\0") + b"\n" + b"y," + b64(fresh()) + b"\n", {"#1": (R, "verify.der.trailing-data"), "#2": A}, "reel.csv")
    case("csv-cut-leaf", b"x," + b64(fresh()[:-6]) + b"\n" + b"y," + b64(fresh()) + b"\n", {"#1": (R,), "#2": A}, "reel.csv")
    case("csv-hex-odd", b"x," + fresh().hex().encode()[:-1] + b"\n" + b"y," + fresh().hex().encode() + b"\n", {"#1": (R,), "#2": A}, "reel.csv")
    case("line-of-4-megabytes", b"M" * (4 << 20) + b"\n" + pem(fresh()), {"": (R, "reel.limit.line-bytes")}, "reel.txt")
    case("nothing", b"Dear customer,\nplease find no certificates.\n", {"": (I, "reel.text.no-certificate")}, "letter.txt")
    case("formula", b"=HYPERLINK(\"http://evil\")\n", {"": (I, "reel.text.no-certificate")}, "letter.csv")
    case("json", b'{"a": "' + pem(fresh()).replace(b"\n", b"\\n") + b'"}\n', {"": A}, "reel.json")


def bundles(one, fresh, pem):
    A, R, I = "accepted", "rejected", "ignored"
    clause = "intake, RFC 5652 §5.1"
    case = lambda label, content, expect, name="reel.p7b": one(f"bundle-{label}", content, expect, clause, name)

    def bundle(*certificates, tail=b"", inner_tail=b"", kind="1.2.840.113549.1.7.2"):
        data = seq(integer(1), tlv(0x31), seq(oid("1.2.840.113549.1.7.1")), explicit(0, *certificates), tlv(0x31), inner_tail)
        return seq(oid(kind), explicit(0, data)) + tail

    root = ca(ROOT_NAME, ROOT_KEY, ROOT_KEY)
    case("one", bundle(fresh()), {"": A})
    case("three-and-root", bundle(fresh(), fresh(), fresh(), root), {"#1": A, "#2": A, "#3": A, "#4": (I, "verify.certificate.of-a-ca")})
    case("pem", pem(bundle(fresh(), fresh()), "PKCS7"), {"#1": A, "#2": A})
    case("pem-cms", pem(bundle(fresh()), "CMS"), {"": A}, "reel.p7c")
    case("broken-leaf", bundle(fresh(), fresh()[:-1] + b"\0"), {"#1": A, "#2": (R, "verify.signature.")})
    case("other-certificate", bundle(fresh(), tlv(0xA1, b"")), {"#1": A, "#2": (I, "reel.pkcs7.other-certificate")})
    case("trailing", bundle(fresh(), tail=b"\0"), {"": (R, "reel.pkcs7.invalid")})
    case("truncated", bundle(fresh())[:-4], {"": (R, "reel.pkcs7.invalid")})
    case("empty", bundle(), {"": (I, "reel.archive.empty")})
    case("indefinite", b"\x30\x80" + bundle(fresh())[4:] + b"\0\0", {"": A})
    case("long-length", b"\x30\x83\0" + bundle(fresh())[2:], {"": A})
    case("indefinite-without-end", b"\x30\x80" + bundle(fresh())[4:], {"": (R, "reel.pkcs7.invalid")})
    case("enveloped", bundle(fresh(), kind="1.2.840.113549.1.7.3"), {"": (R,)})


def files(corpus, one, fresh, pem, chips):
    A, R, I = "accepted", "rejected", "ignored"
    one("file-two-leaves", fresh() + fresh(), {"#1": A, "#2": A}, "ST: any layout", "leaves.der")
    one("file-leaf-and-junk", fresh() + b"\x30\x82\x01\x00\x30\x82junk", {"#1": A, "#2": (R,)}, "the rest is an item of its own", "leaves.der")
    one("file-leaf-and-text", fresh() + b"hello", {"": (R, "verify.der.trailing-data")}, "X.690", "leaf.der")
    for label, content in (("sequence", b"\x30\x00"), ("small", b"\x30\x03\x02\x01\x00"), ("endless", b"\x30\x84\xff\xff\xff\xff"), ("indefinite", b"\x30\x80"), ("long-of-length", b"\x30\xff" + b"\xff" * 127)):
        one(f"file-der-{label}", content, {"": (R,)}, "intake: a SEQUENCE is a candidate", "leaf.der")
    one("file-deep-nesting", b"".join(b"\x30\x83" + (300_000 - 5 * n).to_bytes(3, "big") for n in range(59_000)), {"": (R,)}, "no stack is used up", "leaf.der")
    deep = b""
    for _ in range(3000):
        deep = der.tlv(0x30, deep)
    leaf = chips.next(extensions=pki.extension(pki.SAN, der.tlv(0x30, der.tlv(0xA5, deep))))
    one("file-deep-extension", leaf.sign(ROOT_KEY), {"": (R, "verify.extension.malformed")}, "no stack is used up", "leaf.der")
    leaf = chips.next(subject=pki.seq(pki.rdn(pki.attribute("1.3.6.1.4.1.99999.1", der.tlv(0x30, deep)[4:], 0x30))))
    one("file-deep-attribute", leaf.sign(ROOT_KEY), {"": (R, "verify.")}, "no stack is used up", "leaf.der")
    one("file-random", b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64)), {"": (I, "reel.file.not-a-certificate")}, "intake", "firmware.bin")
    # standard input
    for label, content, expect in (
        ("der", fresh(), {"-": A}), ("zip", zipped(Entry("leaf.der", fresh())), {"-!leaf.der": A}), ("tar-gz", gzip.compress(member("leaf.der", fresh()) + END, mtime=0), {"-!leaf.der": A}),
        ("pem", pem(fresh()) + pem(fresh()), {"-#1": A, "-#2": A}), ("empty", b"", {"-": (I, "reel.file.empty")}), ("broken-zip", zipped(Entry("leaf.der", fresh()))[:-10], {"-": (R, "reel.zip.")}),
    ):
        run = corpus.run(f"stdin-{label}", stdin="stdin")
        run.inputs = ["-"]
        run.put("stdin", content)
        for item, verdict in expect.items():
            verdict = (verdict,) if isinstance(verdict, str) else verdict
            run.item(item, verdict[0], verdict[1:], "intake")
    # a file's name that disagrees is a warning
    run = corpus.run("file-name-mismatch")
    run.inputs = ["0209AAAAAAAAAAAAAA0139.der"]
    run.put("0209AAAAAAAAAAAAAA0139.der", fresh())
    run.item("0209AAAAAAAAAAAAAA0139.der", A, [], "intake: a warning")
    run = corpus.run("file-names")
    run.inputs = ["reel"]
    for name, shown in ((b"a\nb.der", "a%0Ab.der"), ("\u202egpj.der".encode(), "%E2%80%AEgpj.der"), (b"\x1b[31m.der", "%1B[31m.der"), (b"caf\xe9.der", "caf%E9.der"), (b"-rf.der", "-rf.der"), (b"$(id).der", "$(id).der"), (b"a b.der", "a b.der")):
        run.put(b"reel/" + name, fresh())
        run.item("reel!" + shown, A, [], "intake")
