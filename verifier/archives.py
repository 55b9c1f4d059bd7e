"""Archives (docs/spec/manifest-format.md, Archives; PKWARE APPNOTE)."""
import re, zlib
from certificates import certificates, pem
from asn1 import need
from spelling import UID


def number(width, *values):
    return b"".join(min(value, (1 << 8 * width) - 1).to_bytes(width, "little") for value in values)


def entries_of(part, data, at):
    """Name and content of each entry; the whole archive is written again from them, and must be the same bytes."""
    at = at.replace(year=1980, month=1, day=1, hour=0, minute=0, second=0) if at.year < 1980 else at
    at = at.replace(year=2107, month=12, day=31, hour=23, minute=59, second=58) if at.year > 2107 else at
    stamp = number(2, at.hour << 11 | at.minute << 5 | at.second // 2, at.year - 1980 << 9 | at.month << 5 | at.day)
    found, archive, directory = [], [], []
    here = 0
    while data[here:here + 4] == b"PK\3\4":
        size, length = (int.from_bytes(data[here + a:here + b], "little") for a, b in ((18, 22), (26, 28)))
        name, content = data[here + 30:here + 30 + length], data[here + 30 + length:here + 30 + length + size]
        need(size <= 16 << 20 and length <= 255, part, "has an entry that is too large")
        common = bytes(4) + stamp + number(4, zlib.crc32(content), size, size) + number(2, length)
        archive += [b"PK\3\4" + number(2, 10) + common + number(2, 0) + name, content]
        far = number(2, 1, 8) + number(8, here) if here >= 0xFFFFFFFF else b""
        directory += [b"PK\1\2" + number(2, 0x032D, 45 if far else 10) + common + number(2, len(far)) + bytes(6)
                      + number(4, 0x81A40000, here) + name + far]
        found.append((name.decode("ascii"), content))
        here += 30 + length + size
    count, directory = len(found), b"".join(directory)
    end = b"PK\5\6" + bytes(4) + number(2, count, count) + number(4, len(directory), here) + number(2, 0)
    if count >= 0xFFFF or max(here, len(directory)) >= 0xFFFFFFFF:
        end = (b"PK\6\6" + number(8, 44) + number(2, 0x032D, 45) + bytes(8)
               + number(8, count, count, len(directory), here)
               + b"PK\6\7" + number(4, 0) + number(8, here + len(directory)) + number(4, 1) + end)
    need(b"".join([*archive, directory, end]) == data and count <= 1_000_000, part, "is not an archive of a batch")
    return found


def chips_of(batch, stem, at, forms):
    """UID and DER of each chip through all parts, and the parts' names."""
    numbered = [f"{stem}-{part:04}.zip" for part in range(1, len(batch))]
    parts = [f"{stem}.zip"] if f"{stem}.zip" in batch else [name for name in numbered if name in batch]
    need(parts and (parts == [f"{stem}.zip"] or parts == numbered[:len(parts)]), "the parts of", stem)
    chips, delivered = {}, {}
    for part in parts:
        before = len(chips)
        for name, content in entries_of(part, batch[part], at):
            uid, _, form = name.partition(".")
            need(re.fullmatch(UID, uid) and form in forms, "entry", name)
            last = next(reversed(chips), "")
            if form == "pem":
                [cert] = certificates(content)
                beside = len(chips) > before and delivered.get(uid) == "der" and pem(chips[uid]) == content
                need(uid != last or beside, "entry", name)
                chips.setdefault(uid, cert.der)
            else:
                need(uid != last, "entry", name)
                chips[uid] = content
            need(uid == last or bytes.fromhex(last) < bytes.fromhex(uid), "archive is out of order at", uid)
            delivered[uid] = delivered.get(uid, "") + form
    need(len(set(delivered.values())) <= 1, "the certificates of", stem, "are not all in the same forms")
    return [(bytes.fromhex(uid), content) for uid, content in chips.items()], parts
