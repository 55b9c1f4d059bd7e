"""The files of a batch: archives with every field bent, PEM files in other forms, other chains, files too many or too
few; digests and seal fit, unless the case is that of a thief without keys."""
import base64, json
from mutations import der, keys
from mutations.campaign import ACCEPT, ALIKE, REFUSE, Case
from mutations.der import element, inside, integer, parts, sequence
from mutations.forge import Forge, archive, entries, number, stamp

FILES = ("manifest.json", "manifest.json.p7s", "manifest.jsonl", "rejected.jsonl", "inputs.jsonl", "certificates.zip", "sources.zip", "manifest.pem", "chain.pem", "source-chain.pem", "policy.toml")


def raw(batch, **files):
    """Files of other content, listed and sealed; None leaves one out."""
    forge = Forge(batch)
    forge.write_files()
    for name, change in files.items():
        forge.raw[name] = change(forge.files[name]) if callable(change) else change
    return forge.done()


def bend(**changes):
    """Changes a field of one header: `local`, `central` of entry n, or `end`."""
    seen = {"local": 0, "central": 0, "end": 0}

    def change(where, fields):
        for key, value in changes.items():
            place, field = key.split("_", 1)
            if place == where and (where == "end" or seen[where] == 1):
                fields[field] = value(fields[field]) if callable(value) else value
        seen[where] += 1
    return change


ZIP64 = number(2, 1, 8) + number(8, 0)
HEADERS = {
    "version needed 20": dict(local_need=20, central_need=20), "version needed 45": dict(local_need=45, central_need=45), "version needed of the directory": dict(central_need=20), "flags: UTF-8": dict(local_flags=0x800, central_flags=0x800),
    "flags: a data descriptor": dict(local_flags=8, central_flags=8), "flags: encrypted": dict(local_flags=1, central_flags=1), "flags of the directory": dict(central_flags=0x800), "method 8": dict(local_method=8, central_method=8), "method of the directory": dict(central_method=8),
    "another time": dict(local_stamp=b"\0\0\x21\0", central_stamp=b"\0\0\x21\0"), "another time in the directory": dict(central_stamp=b"\0\0\x21\0"), "CRC wrong": dict(local_crc=7, central_crc=7), "CRC of the directory wrong": dict(central_crc=7), "CRC zero": dict(local_crc=0, central_crc=0),
    "size one more": dict(local_size=lambda n: n + 1, central_size=lambda n: n + 1), "packed size one more": dict(local_packed=lambda n: n + 1), "size of the directory": dict(central_size=lambda n: n + 1), "size FFFFFFFF": dict(local_size=0xFFFFFFFF, local_packed=0xFFFFFFFF),
    "another name in the directory": dict(central_name=lambda n: n[:-5] + b"0.der"), "another name in the header": dict(local_name=lambda n: n[:-5] + b"0.der"), "a lower-case name": dict(local_name=bytes.lower, central_name=bytes.lower), "a name with a path": dict(local_name=lambda n: b"./" + n, central_name=lambda n: b"./" + n),
    "a name with a directory": dict(local_name=lambda n: b"a/" + n, central_name=lambda n: b"a/" + n), "a name above": dict(local_name=lambda n: b"../" + n, central_name=lambda n: b"../" + n), "an absolute name": dict(local_name=lambda n: b"/" + n, central_name=lambda n: b"/" + n), "a name with NUL": dict(local_name=lambda n: n + b"\0", central_name=lambda n: n + b"\0"),
    "a name of another form": dict(local_name=lambda n: n[:-3] + b"cer", central_name=lambda n: n[:-3] + b"cer"), "a name in upper case": dict(local_name=bytes.upper, central_name=bytes.upper), "an empty name": dict(local_name=b"", central_name=b""), "a name of octets FF": dict(local_name=b"\xff" + b"0.der", central_name=b"\xff" + b"0.der"),
    "an extra field": dict(local_extra=b"\1\0\0\0", central_extra=b"\1\0\0\0"), "an extra field in the header": dict(local_extra=b"UT\0\0"), "an extra field in the directory": dict(central_extra=b"UT\0\0"), "a ZIP64 field that is not needed": dict(central_extra=ZIP64, central_need=45), "a ZIP64 field in the header": dict(local_extra=ZIP64),
    "offset FFFFFFFF with a ZIP64 field": dict(central_offset=0xFFFFFFFF, central_extra=lambda _: b"\1\0\x08\0" + number(8, 500), central_need=45),
    "a comment": dict(central_comment=b"x"), "another disk": dict(central_disk=1), "internal attributes": dict(central_internal=1), "external attributes": dict(central_external=0), "a directory's attributes": dict(central_external=0x41ED0010), "a link's attributes": dict(central_external=0xA1FF0000),
    "made by another": dict(central_made=0x0014), "made by 0314": dict(central_made=0x031E), "another offset": dict(central_offset=lambda n: n + 1), "offset zero": dict(central_offset=0), "octets between the entries": dict(local_gap=b"\0\0"), "a data descriptor": dict(local_gap=b"PK\7\x08" + bytes(12)),
    "another content": dict(local_content=lambda c: c[:-1] + bytes([c[-1] ^ 1])), "the archive's comment": dict(end_comment=b"x"), "disk of the end": dict(end_disk=1), "first disk of the end": dict(end_first=1), "entries here one more": dict(end_here=lambda n: n + 1), "entries one more": dict(end_count=lambda n: n + 1),
    "entries one less": dict(end_count=lambda n: n - 1, end_here=lambda n: n - 1), "entries FFFF": dict(end_count=0xFFFF, end_here=0xFFFF), "size of the directory one more": dict(end_size=lambda n: n + 1), "offset of the directory one more": dict(end_offset=lambda n: n + 1), "offset of the directory FFFFFFFF": dict(end_offset=0xFFFFFFFF),
    "octets before the directory": dict(end_before=b"\0"), "an entry less in the directory": dict(end_directory=lambda d: d[:len(d) // 5 * 4]), "the directory twice": dict(end_directory=lambda d: d + d), "no directory": dict(end_directory=b""),
    "ZIP64 records that are not needed": dict(end_zip64=b"PK\6\6" + number(8, 44) + number(2, 0x032D, 45) + bytes(8) + bytes(32) + b"PK\6\7" + number(4, 0) + number(8, 0) + number(4, 1)), "a digital signature record": dict(end_zip64=b"PK\5\5\0\0"), "an archive extra record": dict(end_before=b"PK\6\x08\0\0\0\0"),
}


def swap(some, one, two):
    some = list(some)
    some[one], some[two] = some[two], some[one]
    return some


LISTS = {
    "two entries exchanged": lambda some: swap(some, 1, 2), "reversed": lambda some: some[::-1], "one less": lambda some: some[:-1], "the first less": lambda some: some[1:], "one twice": lambda some: [*some, some[-1]], "one twice beside itself": lambda some: [some[0], *some], "no entries": lambda some: [],
    "a text more": lambda some: [*some, ("README.txt", b"x")], "a text first": lambda some: [("README.txt", b"x"), *some], "a directory": lambda some: [("a/", b""), *some], "an empty entry": lambda some: [*some, (some[-1][0][:-5] + "A.der", b"")], "another chip more": lambda some: [*some, ("FF" * 11 + ".der", some[0][1])],
    "names exchanged": lambda some: [(some[1][0], some[0][1]), (some[0][0], some[1][1]), *some[2:]], "contents empty": lambda some: [(name, b"") for name, _ in some], "PEM beside": lambda some: [one for name, octets in some for one in ((name, octets), (name[:-3] + "pem", der.pem(octets)))],
    "PEM beside the first alone": lambda some: [some[0], (some[0][0][:-3] + "pem", der.pem(some[0][1])), *some[1:]], "PEM in place of the first": lambda some: [(some[0][0][:-3] + "pem", der.pem(some[0][1])), *some[1:]], "PEM in place of all": lambda some: [(name[:-3] + "pem", der.pem(octets)) for name, octets in some],
    "PEM before DER": lambda some: [one for name, octets in some for one in ((name[:-3] + "pem", der.pem(octets)), (name, octets))], "PEM under .der": lambda some: [(name, der.pem(octets)) for name, octets in some], "DER under .pem": lambda some: [(name[:-3] + "pem", octets) for name, octets in some],
    "PEM of another chip": lambda some: [one for n, (name, octets) in enumerate(some) for one in ((name, octets), (name[:-3] + "pem", der.pem(some[n - 1][1])))],
    "an entry of 17 MiB": lambda some: [*some[:-1], (some[-1][0], some[-1][1] + bytes(17 << 20))],
}
PEMS = {
    "CRLF": lambda t: t.replace(b"\n", b"\r\n"), "76 characters a line": lambda t: b"".join(der.pem(one, width=76) for one in der.pem_blocks(t)), "one line": lambda t: b"".join(der.pem(one, width=9999) for one in der.pem_blocks(t)), "60 characters a line": lambda t: b"".join(der.pem(one, width=60) for one in der.pem_blocks(t)),
    "no line feed at the end": lambda t: t[:-1], "an empty line at the end": lambda t: t + b"\n", "an empty line first": lambda t: b"\n" + t, "text first": lambda t: b"subject=x\n" + t, "text after": lambda t: t + b"text\n", "a space at the end of a line": lambda t: t.replace(b"\n", b" \n", 2), "spaces before": lambda t: t.replace(b"\nM", b"\n M", 1),
    "an empty line inside": lambda t: t.replace(b"-----\n", b"-----\n\n", 1), "headers": lambda t: t.replace(b"-----\n", b"-----\nProc-Type: 4\n\n", 1), "label X509 CERTIFICATE": lambda t: t.replace(b"CERTIFICATE", b"X509 CERTIFICATE"), "label TRUSTED CERTIFICATE": lambda t: t.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), "lower-case label": lambda t: t.replace(b"CERTIFICATE", b"certificate"),
    "another label at the end": lambda t: t.replace(b"END CERTIFICATE", b"END PKCS7"), "four dashes": lambda t: t.replace(b"-----B", b"----B"), "no end": lambda t: t[:t.rindex(b"-----END")], "DER": lambda t: der.pem_blocks(t)[0], "empty": lambda t: b"", "a private key more": lambda t: t + der.pem(b"0\0", "PRIVATE KEY"), "a private key first": lambda t: der.pem(b"0\0", "PRIVATE KEY") + t,
    "a byte order mark": lambda t: b"\xef\xbb\xbf" + t, "NUL at the end": lambda t: t + b"\0", "no padding": lambda t: t.replace(b"=", b"") if b"=" in t else t.replace(b"\n-----END", b"==\n-----END", 1), "padding more": lambda t: t.replace(b"\n-----END", b"=\n-----END", 1), "URL-safe base64": lambda t: t.replace(b"+", b"-_"[:1]) if b"+" in t else t.replace(b"/", b"_"),
    "a line cut in two": lambda t: t[:60] + b"\n" + t[60:], "octets after the certificate": lambda t: b"".join(der.pem(one + b"\0") for one in der.pem_blocks(t)), "a tab": lambda t: t.replace(b"\n", b"\t\n", 1), "a comment between": lambda t: t.replace(b"-----\n-----", b"-----\n# x\n-----") if t.count(b"BEGIN") > 1 else b"# x\n" + t, "not base64": lambda t: t.replace(b"\nM", b"\n*", 1),
    "unused bits set": lambda t: unused(t),
}


def unused(text):
    """The last character before the padding has bits that no octet takes."""
    at = text.find(b"=")
    if at < 0:
        return text.replace(b"\n-----END", b"A\n-----END", 1)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:at - 1] + bytes([alphabet[alphabet.index(text[at - 1]) ^ 1]]) + text[at:]


def cases(bench):
    batch = bench.main
    at = der.utc(json.loads(batch.files["manifest.json"])["issued_at"])
    for file in ("certificates.zip", "sources.zip"):
        for name, changes in HEADERS.items():
            yield Case("archives, headers", f"{file}: {name}", batch, lambda file=file, changes=changes: raw(batch, **{file: archive(entries(batch.files[file]), at, bend(**changes))}))
        for name, change in LISTS.items():
            if not (file == "certificates.zip" and name in ("PEM beside", "PEM in place of all")):
                yield Case("archives, entries", f"{file}: {name}", batch, lambda file=file, change=change: raw(batch, **{file: archive(change(entries(batch.files[file])), at)}))
        for name, change in {"an octet after": lambda z: z + b"\0", "an octet before": lambda z: b"\0" + z, "cut off": lambda z: z[:-1], "no end": lambda z: z[:-22], "empty": lambda z: b"", "twice": lambda z: z + z,
                             "only the end": lambda z: z[-22:], "compressed by gzip": lambda z: b"\x1f\x8b" + z}.items():
            yield Case("archives, entries", f"{file}: {name}", batch, lambda file=file, change=change: raw(batch, **{file: change(batch.files[file])}))
        wrong = der.later(at, seconds=4)
        yield Case("archives, headers", f"{file}: the time of all entries", batch, lambda file=file: raw(batch, **{file: archive(entries(batch.files[file]), wrong)}))
    for name in ("PEM beside", "PEM in place of all"):
        yield Case("free: forms", name, batch, lambda name=name: raw(batch, **{"certificates.zip": archive(LISTS[name](entries(batch.files["certificates.zip"])), at)}), ACCEPT)
    both = bench.both_forms
    moment = der.utc(json.loads(both.files["manifest.json"])["issued_at"])
    for name, change in PEMS.items():
        def made(change=change):
            some = entries(both.files["certificates.zip"])
            some[1] = (some[1][0], change(some[1][1]))
            return raw(both, **{"certificates.zip": archive(some, moment)})
        yield Case("PEM in archives", name, both, made)
    for name, change in {"PEM away of one": lambda some: [some[0], *some[2:]], "DER away of one": lambda some: some[1:], "PEM before DER": lambda some: swap(some, 0, 1), "two PEM": lambda some: [some[0], some[1], some[1], *some[2:]], "all DER first": lambda some: some[::2] + some[1::2]}.items():
        yield Case("archives, entries", f"both forms: {name}", both, lambda change=change: raw(both, **{"certificates.zip": archive(change(entries(both.files["certificates.zip"])), moment)}))
    yield from numbered(batch, at)
    yield from pems(bench)
    yield from lying(batch)
    yield from chains(bench)
    yield from policies(batch)


def numbered(batch, at):
    """Numbered parts: they continue each other, and nothing else is beside them."""
    halves = lambda name: [archive(some, at) for some in (entries(batch.files[name])[:2], entries(batch.files[name])[2:])]
    one, two = halves("certificates.zip")
    three, four = halves("sources.zip")
    empty = archive([], at)
    c, s = "certificates", "sources"
    yes = {"certificates in two parts": {"certificates.zip": None, c + "-0001.zip": one, c + "-0002.zip": two}, "sources in two parts": {"sources.zip": None, s + "-0001.zip": three, s + "-0002.zip": four},
           "both in two parts": {"certificates.zip": None, c + "-0001.zip": one, c + "-0002.zip": two, "sources.zip": None, s + "-0001.zip": three, s + "-0002.zip": four},
           "one numbered part": {"certificates.zip": None, c + "-0001.zip": batch.files["certificates.zip"]}}
    for name, files in yes.items():
        yield Case("archives, parts", name, batch, lambda files=files: raw(batch, **files), ALIKE)
    no = {"the second part first": {"certificates.zip": None, c + "-0001.zip": two, c + "-0002.zip": one}, "a gap": {"certificates.zip": None, c + "-0001.zip": one, c + "-0003.zip": two}, "beginning with 0": {"certificates.zip": None, c + "-0000.zip": one, c + "-0001.zip": two},
          "beginning with 2": {"certificates.zip": None, c + "-0002.zip": one, c + "-0003.zip": two}, "one digit": {"certificates.zip": None, c + "-1.zip": one, c + "-2.zip": two}, "five digits": {"certificates.zip": None, c + "-00001.zip": one, c + "-00002.zip": two},
          "a part beside the whole": {c + "-0001.zip": one}, "an empty part beside the whole": {c + "-0001.zip": empty}, "a source part beside the whole": {s + "-0002.zip": four}, "the whole beside parts": {c + "-0001.zip": one, c + "-0002.zip": two}, "the first part alone": {"certificates.zip": None, c + "-0001.zip": one},
          "upper case": {"certificates.zip": None, "Certificates.zip": batch.files["certificates.zip"]}, "an upper-case copy": {"CERTIFICATES.ZIP": batch.files["certificates.zip"]}, "another name": {"certificates-old.zip": one}, "a name that begins so": {"certificates2.zip": one}, "a stray source archive": {"sources_1.zip": three},
          "a part twice": {"certificates.zip": None, c + "-0001.zip": one, c + "-0002.zip": one, c + "-0003.zip": two}, "no archive": {"certificates.zip": None}, "no sources": {"sources.zip": None}, "parts cut through a chip": {"certificates.zip": None, c + "-0001.zip": batch.files["certificates.zip"][:700], c + "-0002.zip": batch.files["certificates.zip"][700:]}}
    for name, files in no.items():
        yield Case("archives, parts", name, batch, lambda files=files: raw(batch, **files))
    yield Case("archives, parts", "an empty part at the end", batch, lambda: raw(batch, **{"certificates.zip": None, c + "-0001.zip": batch.files["certificates.zip"], c + "-0002.zip": empty}), ALIKE)


def pems(bench):
    batch = bench.main
    for file in ("manifest.pem", "chain.pem", "source-chain.pem"):
        for name, change in PEMS.items():
            yield Case("PEM files", f"{file}: {name}", batch, lambda file=file, change=change: raw(batch, **{file: change(batch.files[file])}))
    signer = batch.files["manifest.pem"]
    yield Case("PEM files", "manifest.pem: twice", batch, lambda: raw(batch, **{"manifest.pem": signer + signer}))
    yield Case("PEM files", "manifest.pem: the chain too", batch, lambda: raw(batch, **{"manifest.pem": signer + batch.files["chain.pem"]}))
    yield Case("PEM files", "manifest.pem: another certificate first", batch, lambda: raw(batch, **{"manifest.pem": batch.files["chain.pem"] + signer}))
    yield Case("PEM files", "manifest.pem: the issuing CA's in its place", batch, lambda: raw(batch, **{"manifest.pem": batch.files["chain.pem"]}))


def lying(batch):
    """What a thief without keys, or the insider, adds and takes away."""
    for name in FILES:
        yield Case("files", f"{name} taken away", batch, lambda name=name: {one: octets for one, octets in batch.files.items() if one != name})
        yield Case("files", f"{name} emptied", batch, lambda name=name: {**batch.files, name: b""})
        for at in (0, 1, 2, -1, -2):
            def change(name=name, at=at):
                octets = bytearray(batch.files[name])
                at = {1: len(octets) // 3, 2: len(octets) // 2}.get(at, at)
                octets[at] ^= 1
                return {**batch.files, name: bytes(octets)}
            yield Case("files", f"{name}: an octet at {at}", batch, change)
        if name not in ("manifest.json", "manifest.json.p7s"):
            def away(name=name):
                forge = Forge(batch)
                forge.raw[name] = None
                return forge.done()
            yield Case("files", f"{name} taken away, sealed", batch, away)
    for name in ("x", ".hidden", "manifest.tst", "missing.jsonl", "README.txt", "certificates-0001.zip", "manifest.json.p7s.bak", "manifest.json~"):
        yield Case("files", f"{name} lies there", batch, lambda name=name: {**batch.files, name: b"x"})
    for name in ("notes.txt", "a.b-c_d", "order.xml"):
        yield Case("free: files", f"{name}, listed", batch, lambda name=name: raw(batch, **{name: b"x"}), ACCEPT)


def chains(bench):
    batch = bench.main
    house = batch.house
    issuing, above = batch.files["chain.pem"], der.Certificate(der.pem_blocks(batch.files["chain.pem"])[0])
    root_key = keys.load(open(house.path("pki/ca/root.key.pem"), "rb").read())
    with open(house.path("pki/ca/root.pem"), "rb") as file:
        root = file.read()
    stranger = keys.key("a stranger's root")
    other_root = keys.ca_certificate(stranger, der.name((der.CN, "Another root")))
    issuing_key = batch.issuing_key()
    with_root = issuing if issuing.count(b"BEGIN") > 1 else issuing + root
    alone = der.pem(above.der)
    options = {
        "a stranger on top": with_root + der.pem(other_root), "a stranger between": alone + der.pem(other_root) + root, "the root first": root + alone, "the root alone": root, "the issuing CA twice": alone + with_root, "a stranger alone": der.pem(other_root),
        "a leaf first": der.pem(Forge(batch).chips[0].source) + issuing, "a new certificate first": der.pem(Forge(batch).chips[0].certificate) + issuing,
    }
    for name, text in options.items():
        yield Case("chains", f"chain.pem: {name}", batch, lambda text=text: raw(batch, **{"chain.pem": text}))

    def renewed(**how):
        """The root certifies the issuing CA otherwise: the statement names that certificate."""
        def made():
            signer, issuer = how.get("signer", root_key), how.get("issuer", above.issuer)
            own = [der.extension(der.BASIC, how.get("basic", sequence(element(1, b"\xff"), integer(0))), True), der.extension(der.USAGE, how.get("usage", b"\3\2\1\6"), True),
                   der.extension(der.SKI, element(4, inside(inside(parts(next(one for one in above.extensions() if parts(one)[0] == der.oid(der.SKI)))[-1]))))]
            fields = [how.get("version", der.VERSION_3), how.get("serial", integer(99)), keys.algorithm(root_key, how.get("bits")), issuer, sequence(der.time(der.utc(how.get("begin", "2020-01-01T00:00:00Z"))), der.time(der.utc(how.get("end", "2049-12-31T00:00:00Z")))),
                      how.get("subject", above.subject), how.get("spki", above.spki), der.extensions(*own, *how.get("more", []))]
            certificate = keys.certify(signer, fields, bits=how.get("bits"))
            forge = Forge(batch)
            forge.raw["chain.pem"] = der.pem(certificate) + how.get("rest", root)
            return forge.done(lambda s: s["issuer"].update(sha256=der.sha256(certificate).hex(), spki_sha256=der.sha256(how.get("spki", above.spki)).hex()))
        return made

    yield Case("free: chains", "the issuing CA's certificate renewed", batch, renewed(), ACCEPT)
    yield Case("free: chains", "chain.pem without the root" if issuing != alone else "chain.pem with the root", batch, lambda: raw(batch, **{"chain.pem": alone if issuing != alone else with_root}), ACCEPT)
    refused = {
        "signed by a stranger": dict(signer=stranger), "named after a stranger": dict(issuer=der.name((der.CN, "Another root"))), "of a stranger, with his root": dict(signer=stranger, issuer=der.name((der.CN, "Another root")), rest=der.pem(other_root)), "not a CA": dict(basic=sequence()), "without keyCertSign": dict(usage=b"\3\2\1\2"),
        "expired": dict(end="2024-01-01T00:00:00Z"), "not yet valid": dict(begin="2040-01-01T00:00:00Z"), "over SHA-1": dict(bits=1), "another key": dict(spki=keys.spki(stranger)), "another subject": dict(subject=der.name((der.CN, "x"))), "an unknown critical extension": dict(more=[der.extension("1.2.3.4", b"\5\0", True)]),
        "nameConstraints": dict(more=[der.extension("2.5.29.30", sequence(element(0xA0, sequence(element(0x82, b"x")))))]), "policyConstraints": dict(more=[der.extension("2.5.29.36", sequence(element(0x80, b"\0")), True)]), "inhibitAnyPolicy": dict(more=[der.extension("2.5.29.54", integer(0), True)]),
        "purposes without clientAuth": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.1")))]), "purpose timeStamping": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.8")), True)]), "version 1": dict(version=b""),
    }
    for name, how in refused.items():
        yield Case("chains", f"the issuing CA's certificate renewed: {name}", batch, renewed(**how))
    for name, how in {"clientAuth among the purposes": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("1.3.6.1.5.5.7.3.1"), der.oid("1.3.6.1.5.5.7.3.2")))]), "any purpose": dict(more=[der.extension(der.PURPOSE, sequence(der.oid("2.5.29.37.0")))]),
                      "an unknown extension": dict(more=[der.extension("1.2.3.4", b"\5\0")]), "certificate policies": dict(more=[der.extension("2.5.29.32", sequence(sequence(der.oid("2.5.29.32.0"))), True)]), "serial number zero": dict(serial=integer(0)), "serial number negative": dict(serial=integer(-7)), "no pathLenConstraint": dict(basic=der.CA_TRUE)}.items():
        yield Case("free: chains", f"the issuing CA's certificate renewed: {name}", batch, renewed(**how), ACCEPT)
    source_root = batch.files["source-chain.pem"]
    for name, text in {"a stranger alone": der.pem(other_root), "a leaf alone": der.pem(Forge(batch).chips[0].source)}.items():
        yield Case("chains", f"source-chain.pem: {name}", batch, lambda text=text: raw(batch, **{"source-chain.pem": text}))
    for name, text in {"a stranger too": source_root + der.pem(other_root), "twice": source_root + source_root, "the issuing CA too": source_root + alone}.items():
        yield Case("free: chains", f"source-chain.pem: {name}", batch, lambda text=text: raw(batch, **{"source-chain.pem": text}), ACCEPT if name != "the issuing CA too" else ALIKE)
    forged_root = keys.ca_certificate(stranger, house.source.name)
    yield Case("chains", "source-chain.pem: a stranger under the anchor's name in its place", batch, lambda: raw(batch, **{"source-chain.pem": der.pem(forged_root)}))
    yield from strangers(batch, stranger, forged_root)


def strangers(batch, stranger, forged_root):
    """Leaves that ST did not make, under certificates that the insider put into source-chain.pem."""
    for name, with_chain in (("with its root in the chain", True), ("alone", False)):
        def made(with_chain=with_chain):
            forge = Forge(batch)
            leaf = batch.house.source.leaf(2, by=stranger)
            forge.chips[1].resource(leaf)
            from mutations.forge import derived_serial
            forge.reissue(1, serial=element(2, derived_serial(forge.s, forge.issuer().spki, leaf, 0)))
            if with_chain:
                forge.raw["source-chain.pem"] = batch.files["source-chain.pem"] + der.pem(forged_root)
            return forge.done()
        yield Case("chains", f"a leaf of a stranger's root, {name}", batch, made)

        def anchored(with_chain=with_chain):
            forge = Forge(batch)
            root = der.Certificate(forged_root)
            made_files = made
            leaf = batch.house.source.leaf(2, by=stranger)
            from mutations.forge import derived_serial
            forge.chips[1].resource(leaf)
            forge.reissue(1, serial=element(2, derived_serial(forge.s, forge.issuer().spki, leaf, 0)))
            forge.raw["source-chain.pem"] = batch.files["source-chain.pem"] + der.pem(forged_root)
            forge.chips[1].set(anchor=1)
            own = {"subject": forge.s["anchors"][0]["subject"], "spki_sha256": der.sha256(root.spki).hex(), "sha256": der.sha256(root.der).hex()}
            return forge.done(lambda s: s["anchors"].append(own))
        if with_chain:
            yield Case("chains", "a leaf of a stranger's root, named among the anchors", batch, anchored)


def policies(batch):
    text = batch.files["policy.toml"].decode()
    for name, change in {"another validity": ("5y", "6y"), "another purpose": ("clientAuth", "serverAuth"), "another organization": ('O = "Workshop"', 'O = "Workshy"'), "another key": ('keys = ["P-256"]', 'keys = ["P-384"]'), "another family": ("stsafe-a", "stsafe-l"), "generic": ('"stsafe-a"', '"generic"'),
                         "no relaxations": ('relax = ["test-anchor"]', "relax = []"), "another name": ('name = "workshop"', 'name = "other"'), "another version": ("version = 1", "version = 2"), "another digest": ("rfc7093-1", "rfc5280-1"), "not critical": ("basic_constraints = { critical = true }", "basic_constraints = { critical = false }"),
                         "another pattern": ("[A-Z0-9]{1,8}", "[0-9]{1,8}"), "serial of the leaf": ('"derived"', '"source"'), "another signature": ("ecdsa-sha256", "ecdsa-sha384"), "outlives": ('"issuance"', '"2020-01-01T00:00:00Z"'), "an unknown key": ('version = 1', 'version = 1\nx = 1'), "an unknown table": ("[device]", "[x]\ny = 1\n[device]"),
                         "an unknown extension": ("[device]", "[extensions.x]\ny = 1\n[device]"), "a key twice": ("version = 1", "version = 1\nversion = 1"), "a misspelled method": ("rfc7093-1", "rfc7093-2"), "a misspelled signature": ("ecdsa-sha256", "ECDSA-SHA256"), "signature without a kind": ("ecdsa-sha256", "sha256"), "a misspelled usage": ("digitalSignature", "DigitalSignature"),
                         "an unknown purpose": ('"clientAuth"', '"clientauth"'), "an unknown relaxation": ('relax = ["test-anchor"]', 'relax = ["test-anchor", "x"]'), "a relaxation twice": ('relax = ["test-anchor"]', 'relax = ["test-anchor", "test-anchor"]'), "an unknown key kind": ('keys = ["P-256"]', 'keys = ["P-256", "P-257"]'), "a key kind twice": ('keys = ["P-256"]', 'keys = ["P-256", "P-256"]'),
                         "no description": ('description = "TLS client certificates for tests"\n', ""), "no device": ("[device]\ntarget = \"none\"\nfull_width_signature = false\n", ""), "no full_width_signature": ("full_width_signature = false\n", ""), "an unknown target": ('target = "none"', 'target = "other"'), "no target": ('target = "none"\n', ""),
                         "an unknown filter": ("{uid}", "{uid|reverse}"), "an unknown variable": ("{uid}", "{mac}"), "an open brace": ("{lot}", "{lot"), "outlives_issuer unknown": ('outlives_issuer = "error"', 'outlives_issuer = "maybe"'), "not TOML": ("[device]", "[device"), "not UTF-8": ("tests", "tests\udcff"), "empty": (text, ""),
                         "certificates too large": ('target = "none"', 'target = "none"\nmax_certificate_bytes = 200'), "documentSigning": ('"clientAuth"', '"1.3.6.1.5.5.7.3.36"'), "keyCertSign": ('"digitalSignature"', '"digitalSignature", "keyCertSign"'), "integers as texts": ("version = 1", 'version = "1"'), "a float": ("version = 1", "version = 1.0"),
                         "an upper-case name": ('name = "workshop"', 'name = "Workshop"'), "profile unknown": ("[source]", 'profiles = ["x"]\n[source]') , "no params": ('[params.lot]\npattern = "[A-Z0-9]{1,8}"\n', "")}.items():
        assert change[0] in text, name
        other = text.replace(change[0], change[1], 1).encode("utf-8", "surrogateescape")
        yield Case("policies", name, batch, lambda other=other: raw(batch, **{"policy.toml": other}))
    for name, other in {"a comment": text + "# a comment\n", "another description": text.replace("for tests", "for others"), "empty lines": text.replace("\n", "\n\n"), "literal strings": text.replace('family = "stsafe-a"', "family = 'stsafe-a'"), "another key kind too": text.replace('keys = ["P-256"]', 'keys = ["P-256", "P-384"]'),
                        "a wider pattern": text.replace("{1,8}", "{1,9}"), "a subject in another spelling": text.replace("{lot}", "{lot|upper}"), "CRLF": text.replace("\n", "\r\n"), "a byte order mark": "\ufeff" + text, "room for more": text.replace('target = "none"', 'target = "none"\nmax_certificate_bytes = 2000')}.items():
        yield Case("free: policies" if name != "a byte order mark" else "policies", name, batch, lambda other=other: raw(batch, **{"policy.toml": other.encode()}), ACCEPT if name != "a byte order mark" else ALIKE)
