"""A batch taken apart, changed anywhere, and put together again with digests, tree and seal that fit."""

import hashlib, hmac, json, re, zlib
from mutations import der, keys
from mutations.der import sha256

OWN = ("manifest.json", "manifest.json.p7s")
LINES = ("manifest.jsonl", "inputs.jsonl", "rejected.jsonl")


def spelled(value, indent=None):
    text = json.dumps(value, indent=indent, separators=None if indent else (",", ":")) + ("\n" if indent else "")
    short = {"b": 8, "f": 12, "n": 10, "r": 13, "t": 9}
    return re.sub(r"\\(.)", lambda m: f"\\u{short[m[1]]:04x}" if m[1] in short else m[0], text).encode()


def tree_root(leaves):
    if not leaves:
        return sha256()
    nodes = [sha256(b"\0", leaf) for leaf in leaves]

    def root(some):
        if len(some) == 1:
            return some[0]
        at = 1 << (len(some) - 1).bit_length() - 1
        return sha256(b"\1", root(some[:at]), root(some[at:]))

    return root(nodes)


def inclusion(leaves, index):
    """The path of RFC 9162 section 2.1.3, nearest sibling first."""
    if len(leaves) == 1:
        return []
    at = 1 << (len(leaves) - 1).bit_length() - 1
    if index < at:
        return [*inclusion(leaves[:at], index), tree_root(leaves[at:])]
    return [*inclusion(leaves[at:], index - at), tree_root(leaves[:at])]


def number(width, *values):
    return b"".join(min(value, (1 << 8 * width) - 1).to_bytes(width, "little") for value in values)


def stamp(at):
    return number(2, at.hour << 11 | at.minute << 5 | at.second // 2, at.year - 1980 << 9 | at.month << 5 | at.day)


def archive(entries, at, change=lambda where, fields: None, tail=b""):
    """An archive as batches have it; `change` may bend the fields of each header ('local', 'central', 'end')."""
    out, directory, count = b"", b"", 0
    for name, content in entries:
        name = name if isinstance(name, bytes) else name.encode()
        here = len(out)
        fields = {
            "need": 10,
            "flags": 0,
            "method": 0,
            "stamp": stamp(at),
            "crc": zlib.crc32(content),
            "packed": len(content),
            "size": len(content),
            "name": name,
            "extra": b"",
            "content": content,
            "gap": b"",
        }
        central = {
            **fields,
            "made": 0x032D,
            "comment": b"",
            "disk": 0,
            "internal": 0,
            "external": 0x81A40000,
            "offset": here,
        }
        change("local", fields)
        change("central", central)
        common = lambda f: (
            number(2, f["flags"], f["method"])
            + f["stamp"]
            + number(4, f["crc"], f["packed"], f["size"])
            + number(2, len(f["name"]), len(f["extra"]))
        )
        out += (
            b"PK\3\4"
            + number(2, fields["need"])
            + common(fields)
            + fields["name"]
            + fields["extra"]
            + fields["content"]
        )
        out += fields["gap"]
        directory += (
            b"PK\1\2"
            + number(2, central["made"], central["need"])
            + common(central)
            + number(2, len(central["comment"]), central["disk"], central["internal"])
            + number(4, central["external"], central["offset"])
            + central["name"]
            + central["extra"]
            + central["comment"]
        )
        count += 1
    end = {
        "disk": 0,
        "first": 0,
        "here": count,
        "count": count,
        "size": len(directory),
        "offset": len(out),
        "comment": b"",
        "before": b"",
        "zip64": b"",
        "directory": directory,
    }
    change("end", end)
    return (
        out
        + end["before"]
        + end["directory"]
        + end["zip64"]
        + b"PK\5\6"
        + number(2, end["disk"], end["first"], end["here"], end["count"])
        + number(4, end["size"], end["offset"])
        + number(2, len(end["comment"]))
        + end["comment"]
        + tail
    )


def entries(data):
    found, here = [], 0
    while data[here : here + 4] == b"PK\3\4":
        size, length = (int.from_bytes(data[here + a : here + b], "little") for a, b in ((18, 22), (26, 28)))
        found.append(
            (data[here + 30 : here + 30 + length].decode(), data[here + 30 + length : here + 30 + length + size])
        )
        here += 30 + length + size
    return found


def derived_serial(s, issuer_spki, leaf, attempt):
    """As the statement's encoder has it."""
    two = s["encoder"] == 2
    bound = s["batch"].encode() + bytes.fromhex(s["beacon"] or "00" * 32) if two else b""
    message = (
        (b"reroot-serial/2\0" if two else b"reroot-serial/1\0")
        + sha256(issuer_spki)
        + bound
        + sha256(leaf)
        + attempt.to_bytes(4, "big")
    )
    encoded = hmac.digest(bytes.fromhex(s["serial_seed"]), message, "sha256")[:16]
    return bytes([encoded[0] & 0x3F | 0x40]) + encoded[1:]


DIGESTS = {
    "P-256": ("2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2", hashlib.sha256, 256),
    "P-384": ("2.16.840.1.101.3.4.2.2", "1.2.840.10045.4.3.3", hashlib.sha384, 384),
}


def seal(statement, signer, private, created, bend=None):
    """The CMS signature as manifest-format.md, Seal, has it. `bend` may change each piece before it goes in."""
    digest, signature, function, bits = DIGESTS["P-384" if private.key_size == 384 else "P-256"]
    signer = der.Certificate(signer)
    p = {
        "version": der.integer(1),
        "digest": der.sequence(der.oid(digest)),
        "content": der.sequence(der.oid("1.2.840.113549.1.7.1")),
        "certificates": der.element(0xA0, signer.der),
        "crls": b"",
        "info version": der.integer(1),
        "sid": der.sequence(signer.issuer, signer.serial),
        "info digest": der.sequence(der.oid(digest)),
        "algorithm": der.sequence(der.oid(signature)),
        "high": False,
        "unsigned": b"",
        "more infos": b"",
        "attributes": {
            "1.2.840.113549.1.9.3": der.oid("1.2.840.113549.1.7.1"),
            "1.2.840.113549.1.9.5": der.time(created),
            "1.2.840.113549.1.9.4": der.element(4, function(statement).digest()),
            "1.2.840.113549.1.9.16.2.47": der.sequence(der.sequence(der.sequence(der.element(4, sha256(signer.der))))),
        },
        "order": sorted,
        "bits": bits,
        "twin": False,
        "signature": None,
    }
    if bend:
        bend(p)
    signed = b"".join(
        p["order"](
            [
                der.sequence(
                    der.oid(kind.split("#")[0]), der.element(der.SET, *(value if isinstance(value, list) else [value]))
                )
                for kind, value in p["attributes"].items()
            ]
        )
    )
    made = p["signature"] or keys.sign(private, der.element(der.SET, signed), p["bits"], p["high"])
    info = der.sequence(
        p["info version"],
        p["sid"],
        p["info digest"],
        der.element(0xA0, signed),
        p["algorithm"],
        der.element(4, made),
        p["unsigned"],
    )
    data = der.sequence(
        p["version"],
        der.element(der.SET, p["digest"]),
        p["content"],
        p["certificates"],
        p["crls"],
        der.element(der.SET, info, p["more infos"]),
    )
    return der.sequence(der.oid("1.2.840.113549.1.7.2"), der.element(0xA0, data))


class Chip:
    """One chip's part of a batch: the name of its entries, its line as bytes, both certificates."""

    def __init__(self, name, line, certificate, source):
        self.name, self.line, self.certificate, self.source = name, line, certificate, source

    def get(self):
        return json.loads(self.line)

    def put(self, line):
        self.line = spelled(line)
        return self

    def set(self, **values):
        return self.put({**self.get(), **values})

    def recertify(self, certificate, **more):
        """Another certificate, with a line that fits."""
        self.certificate = certificate
        return self.set(
            sha256=sha256(certificate).hex(), sha1=hashlib.sha1(certificate).hexdigest(), bytes=len(certificate), **more
        )

    def resource(self, source, **more):
        self.source = source
        return self.set(source_sha256=sha256(source).hex(), **more)


class Forge:
    """The pieces. `done` puts them together; what was set in `raw` is taken as it is."""

    def __init__(self, batch):
        self.batch, self.files = batch, dict(batch.files)
        self.s = json.loads(self.files["manifest.json"])
        self.version = int(self.s["format"].rpartition("/")[2])
        self.at = der.utc(self.s["issued_at"])
        self.forms = sorted({name.partition(".")[2] for name, _ in entries(self.files["certificates.zip"])})
        new = [one for one in entries(self.files["certificates.zip"]) if one[0].endswith(self.forms[0])]
        old = entries(self.files["sources.zip"])
        lines = self.files["manifest.jsonl"].split(b"\n")[:-1]
        read = lambda content: der.pem_blocks(content)[0] if self.forms == ["pem"] else content
        self.chips = [
            Chip(name.partition(".")[0], line, read(content), source)
            for line, (name, content), (_, source) in zip(lines, new, old)
        ]
        self.findings = [json.loads(one) for one in self.files["rejected.jsonl"].splitlines()]
        self.inputs = [json.loads(one) for one in self.files["inputs.jsonl"].splitlines()]
        self.raw, self.unlisted, self.counted, self.seal_bend = {}, {}, True, None
        self.sealer = None  # signer's certificate and key, when it is another one

    def copy_chip(self, at):
        one = self.chips[at]
        return Chip(one.name, one.line, one.certificate, one.source)

    def issuer(self):
        return der.Certificate(der.pem_blocks(self.files["chain.pem"])[0])

    def reissue(self, at, private=None, bits=None, high=False, **fields):
        """Signs a chip's certificate again with the issuing key, some fields changed (whole elements; b"" is none)."""
        chip = self.chips[at]
        before = der.Certificate(chip.certificate)
        named = {**before.fields(), **fields}
        order = (
            "version",
            "serial",
            "inner",
            "issuer",
            "validity",
            "subject",
            "spki",
            "issuer id",
            "subject id",
            "listed",
        )
        tbs = der.sequence(*[named.get(key, b"") for key in order])
        made = keys.wrap(private or self.batch.issuing_key(), tbs, named.get("outer", before.algorithm), bits, high)
        return self.fitted(at, made)

    def fitted(self, at, certificate):
        """The line says what the certificate says, as far as it can be read."""
        more = {}
        try:
            read = der.Certificate(certificate)
            more = {
                "serial": der.inside(read.serial).hex().upper(),
                "spki_sha256": sha256(read.spki).hex(),
                "not_before": der.rfc3339(read.begin),
                "not_after": der.rfc3339(read.end),
            }
        except (ValueError, IndexError):
            pass
        self.chips[at].recertify(certificate, **more)
        return self

    def attempt(self, at, number):
        """A certificate with the serial number of a later attempt; those before are discarded ones."""
        chip = self.chips[at]
        serials = [derived_serial(self.s, self.issuer().spki, chip.source, n) for n in range(number + 1)]
        self.reissue(at, serial=der.element(2, serials[-1]))
        chip.set(attempt=number)
        self.s["discarded_serials"] += [one.hex().upper() for one in serials[:-1]]
        self.s["counts"]["signatures_made"] = len(self.chips) + len(self.s["discarded_serials"])
        return self

    def put_archives(self):
        listed = []
        for chip in self.chips:
            if "der" in self.forms:
                listed.append((f"{chip.name}.der", chip.certificate))
            if "pem" in self.forms:
                listed.append((f"{chip.name}.pem", der.pem(chip.certificate)))
        self.files["certificates.zip"] = archive(listed, self.at)
        self.files["sources.zip"] = archive([(f"{chip.name}.der", chip.source) for chip in self.chips], self.at)

    def write_files(self):
        self.put_archives()
        self.files["manifest.jsonl"] = b"".join(chip.line + b"\n" for chip in self.chips)
        self.files["rejected.jsonl"] = b"".join(spelled(one) + b"\n" for one in self.findings)
        self.files["inputs.jsonl"] = b"".join(spelled(one) + b"\n" for one in self.inputs)
        self.files.update({name: content for name, content in self.raw.items() if content is not None})
        for name in [name for name, content in self.raw.items() if content is None]:
            self.files.pop(name, None)

    def fit_statement(self):
        s, files = self.s, self.files
        digest = lambda name: sha256(files.get(name, b"")).hex()
        lines = files.get("manifest.jsonl", b"").split(b"\n")[:-1]
        s["entries"].update(sha256=digest("manifest.jsonl"), tree_size=len(lines), root_hash=tree_root(lines).hex())
        s["rejected"]["sha256"], s["inputs"]["sha256"] = digest("rejected.jsonl"), digest("inputs.jsonl")
        s["policy"]["sha256"] = digest("policy.toml")
        apart = {*OWN, *LINES}
        if self.version >= 2 and s["expected"] is not None:
            apart.add("missing.jsonl")
            s["expected"]["missing"].update(
                sha256=digest("missing.jsonl"), count=files.get("missing.jsonl", b"").count(b"\n")
            )
        s["files"] = [{"name": name, "sha256": digest(name)} for name in sorted(files) if name not in apart]
        if self.counted:
            s["inputs"]["count"] = files.get("inputs.jsonl", b"").count(b"\n")
            found = [one["disposition"] for one in self.findings]
            rejected, ignored = found.count("rejected"), found.count("ignored")
            s["counts"].update(
                items=len(lines) + rejected + ignored, issued=len(lines), rejected=rejected, ignored=ignored
            )
            if s["issuer"]["mode"] == "air-gapped":
                s["counts"]["signatures_made"] = len(lines) + len(s["discarded_serials"])

    def done(self, last=lambda s: None, rewrite=None, created=None):
        """The files of the batch, sealed after a last change of the statement or of its bytes."""
        self.write_files()
        self.fit_statement()
        changed = last(self.s)
        statement = spelled(self.s if not isinstance(changed, dict) else changed, 2)
        statement = rewrite(statement) if rewrite else statement
        signer, private = self.sealer or (der.pem_blocks(self.batch.files["manifest.pem"])[0], self.batch.sealing_key())
        try:
            time = created or der.utc(self.s["created"])
        except (ValueError, KeyError, TypeError):
            time = der.utc(json.loads(self.batch.files["manifest.json"])["created"])
        self.files["manifest.json"] = statement
        self.files["manifest.json.p7s"] = seal(statement, signer, private, time, self.seal_bend)
        return {**self.files, **self.unlisted}
