"""Makes a CA as other software may: root, policy CA, issuing CA and manifest signer, DER by hand, each with what is asked
for as POSITION=WHAT. Keys and signatures are of `cryptography`; what it refuses to write is written here."""
import datetime
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
asked = {}
for one in sys.argv[1:]:
    position, _, what = one.partition("=")
    asked.setdefault(position, []).append(what)


def tlv(tag, *parts):
    content = b"".join(parts)
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    data = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(data)]) + data + content


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytes([40 * first + second])
    for arc in rest:
        some = [arc & 127]
        while arc := arc >> 7:
            some.insert(0, arc & 127 | 128)
        out += bytes(some)
    return tlv(6, out)


def name(position, what):
    pair = lambda kind, text: tlv(0x30, oid(kind), tlv(12, text.encode()))
    common = pair("2.5.4.3", f"Foreign {position}")
    if "unsorted" in what:
        return tlv(0x30, tlv(0x31, common, pair("2.5.4.11", "Unit")))
    return tlv(0x30, tlv(0x31, pair("2.5.4.10", "Foreign")), tlv(0x31, common))


def when(moment, what):
    text = moment.strftime("%Y%m%d%H%M%SZ")
    return tlv(24, text.encode()) if "gentime" in what or moment.year > 2049 else tlv(23, text[2:].encode())


def general(text):
    return tlv(0x82, text.encode())


def pss(salt, null=True, plain=False):
    sha256 = tlv(0x30, oid("2.16.840.1.101.3.4.2.1"), b"\5\0" if null else b"")
    if plain:
        return tlv(0x30, oid("1.2.840.113549.1.1.10"), tlv(0x30))
    return tlv(0x30, oid("1.2.840.113549.1.1.10"), tlv(
        0x30, tlv(0xA0, sha256), tlv(0xA1, tlv(0x30, oid("1.2.840.113549.1.1.8"), sha256)),
        tlv(0xA2, tlv(2, bytes([salt])))))


def algorithm(key, what):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        kind = "1.2.840.10045.4.1" if "sha1" in what else "1.2.840.10045.4.3.2"
        return tlv(0x30, oid(kind)), lambda tbs: key.sign(tbs, ec.ECDSA(hashes.SHA1() if "sha1" in what else hashes.SHA256()))
    salts = {"pss": 32, "pss-absent": 32, "pss-salt20": 20}
    for some, salt in salts.items():
        if some in what:
            how = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
            return pss(salt, null=some != "pss-absent"), lambda tbs: key.sign(tbs, how, hashes.SHA256())
    if "pss-default" in what:
        how = padding.PSS(padding.MGF1(hashes.SHA1()), 20)
        return pss(20, plain=True), lambda tbs: key.sign(tbs, how, hashes.SHA1())
    null = b"" if "pkcs1-absent" in what else b"\5\0"
    hash, number = (hashes.SHA1(), 5) if "sha1" in what else (hashes.SHA256(), 11)
    return (tlv(0x30, oid(f"1.2.840.113549.1.1.{number}"), null),
            lambda tbs: key.sign(tbs, padding.PKCS1v15(), hash))


def extensions(position, what, key, above):
    def one(kind, value, critical=False):
        flag = b"\1\1\xff" if critical else (b"\1\1\0" if "explicit-false" in what else b"")
        return tlv(0x30, oid(kind), flag, tlv(4, value))

    identifier = lambda key: x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    if position == "manifest":
        some = [one("2.5.29.15", b"\3\2\7\x80", True),
                one("2.5.29.37", tlv(0x30, oid("1.3.6.1.5.5.7.3.36")), True)]
    else:
        length = {"issuing": b"\2\1\0", "policy": b"\2\1\1"}.get(position, b"")
        some = [one("2.5.29.19", tlv(0x30, b"\1\1\xff", length), True), one("2.5.29.15", b"\3\2\1\6", True)]
    some.append(one("2.5.29.14", tlv(4, identifier(key))))
    if above is not key:
        some.append(one("2.5.29.35", tlv(0x30, tlv(0x80, identifier(above)))))
    subtree = tlv(0x30, tlv(0x30, general("example.com")))
    acme = tlv(0x30, tlv(0x30, tlv(0xA4, tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.10"), tlv(12, b"Acme")))))))
    more = {
        "name-constraints": ("2.5.29.30", tlv(0x30, b"\xa0" + acme[1:]), True),
        "name-constraints-excluded": ("2.5.29.30", tlv(0x30, b"\xa1" + subtree[1:]), True),
        "name-constraints-uncritical": ("2.5.29.30", tlv(0x30, b"\xa0" + subtree[1:]), False),
        "policy-constraints": ("2.5.29.36", tlv(0x30, tlv(0x80, b"\0")), True),
        "inhibit-any-policy": ("2.5.29.54", b"\2\1\0", True),
        "policy-mappings": ("2.5.29.33", tlv(0x30, tlv(0x30, oid("1.2.3.4"), oid("1.2.3.5"))), True),
        "policies-critical": ("2.5.29.32", tlv(0x30, tlv(0x30, oid("1.2.3.4"))), True),
        "unknown-critical": ("1.2.3.4.5", b"\5\0", True),
        "unknown": ("1.3.6.1.4.1.311.21.1", b"\2\1\0", False),
        "eku-server": ("2.5.29.37", tlv(0x30, oid("1.3.6.1.5.5.7.3.1")), False),
        "eku-client": ("2.5.29.37", tlv(0x30, oid("1.3.6.1.5.5.7.3.2"), oid("1.3.6.1.5.5.7.3.36")), False),
        "eku-any": ("2.5.29.37", tlv(0x30, oid("2.5.29.37.0")), False),
    }
    some += [one(*more[kind]) for kind in what if kind in more]
    return tlv(0xA3, tlv(0x30, *some))


def certificate(position, what, key, issuer, by, how):
    subject = name(position, what)
    begin, end = now - datetime.timedelta(days=400), now + datetime.timedelta(days=6000 if position == "root" else 4000)
    if "expired" in what:
        end = now - datetime.timedelta(days=1)
    if "future" in what:
        begin = now + datetime.timedelta(days=100)
    if "short" in what:
        end = now + datetime.timedelta(days=3000)
    serial = {"serial-zero": b"\0", "serial-negative": b"\x85\1", "serial-long": b"\1" * 24}
    serial = next((serial[kind] for kind in what if kind in serial), b"\1" + position.encode())
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    identifier, sign = algorithm(by, how)
    old = "version-1" in what or "version-1-explicit" in what
    version = b"" if "version-1" in what else tlv(0xA0, tlv(2, b"\0" if old else b"\2"))
    tbs = tlv(0x30, version, tlv(2, serial), identifier, issuer, tlv(0x30, when(begin, what), when(end, what)), subject,
              spki, b"" if old else extensions(position, what, key, by))
    signature = sign(tbs)
    if "bad-self" in what:
        signature = bytes(reversed(signature)) if signature[0] != 0x30 else sign(b"other")
    der = tlv(0x30, tbs, identifier, tlv(3, b"\0", signature))
    with open(f"{position}.pem", "wb") as file:
        import base64
        file.write(b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der).replace(b"\n", b"") + b"\n-----END CERTIFICATE-----\n")
    return subject


def wrapped():
    import textwrap
    for position in ["root", "policy", "issuing", "manifest"]:
        begin, body, end = open(f"{position}.pem").read().split("\n")[:3]
        open(f"{position}.pem", "w").write("\n".join([begin, *textwrap.wrap(body, 64), end]) + "\n")


issuer, by, all_ = None, None, asked.get("all", [])
keys = {}


def kept(position, make):
    """The key of an earlier run in this folder, or a new one."""
    try:
        with open(f"{position}.key", "rb") as file:
            return serialization.load_pem_private_key(file.read(), None)
    except FileNotFoundError:
        return make()


for position in ["root", "policy", "issuing"]:
    what = all_ + asked.get(position, [])
    keys[position] = kept(position, lambda: rsa.generate_private_key(65537, 2048) if "rsa" in what
                          else ec.generate_private_key(ec.SECP256R1()))
    above = by or keys[position]
    subject = certificate(position, what, keys[position], issuer or name(position, what), above, what)
    if position == "root":
        root = subject
    issuer, by = subject, keys[position]
keys["manifest"] = kept("manifest", lambda: ec.generate_private_key(ec.SECP256R1()))
what = all_ + asked.get("manifest", [])
certificate("manifest", what, keys["manifest"], root, keys["root"], what)
wrapped()
for position, key in keys.items():
    with open(f"{position}.key", "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
