"""Certificates, and the paths to their anchors (RFC 5280 §6.1 for short chains)."""
import base64, hashlib, re
from functools import cached_property
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from forms import (ANY_PURPOSE, BASIC, PURPOSE, USAGE, check_extensions, check_name, key_usage, load_key, purposes,
                   read_key, read_name, text_of)
from asn1 import (Refused, content, der, dotted, elements, integer, members, need, oid, read_time, sequence, sha256,
                    tagged)

SHOWN = {"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O",
         "2.5.4.11": "OU", "2.5.4.46": "dnQualifier", "0.9.2342.19200300.100.1.1": "UID",
         "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress"}
VERSION_3 = bytes.fromhex("a003020102")
MAX_BELOW = 6  # most intermediates between a leaf and its anchor


# --- algorithms of signatures ----------------------------------------------------------------------------------------

def signature_algorithm(which):
    """The one spelling of an AlgorithmIdentifier, by the names that policies have."""
    if which == "ed25519":
        return sequence(oid("1.3.101.112"))
    kind, _, bits = which.rpartition("-sha")
    number, null = {"256": 1, "384": 2, "512": 3}[bits], der(5)
    if kind == "rsa-pss":
        digest = sequence(oid(f"2.16.840.1.101.3.4.2.{number}"), null)
        mask = sequence(oid("1.2.840.113549.1.1.8"), digest)
        parameters = sequence(der(0xA0, digest), der(0xA1, mask), der(0xA2, integer(int(bits) // 8)))
        return sequence(oid("1.2.840.113549.1.1.10"), parameters)
    if kind == "rsa-pkcs1":
        return sequence(oid(f"1.2.840.113549.1.1.{10 + number}"), null)
    return sequence(oid(f"1.2.840.10045.4.3.{1 + number}"))


NAMES = ["ed25519", *[f"{kind}-sha{bits}" for kind in ("ecdsa", "rsa-pkcs1", "rsa-pss") for bits in (256, 384, 512)]]
ALGORITHMS = {signature_algorithm(name): name for name in NAMES}
ALGORITHMS |= {sequence(oid("1.2.840.10045.4.1")): "ecdsa-sha1"}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def named_algorithm(identifier):
    """Of a certificate that a person has named: also the spellings that RFC 4055 wants accepted, and unknown ones."""
    kind, *parameters = elements(content(identifier, 0x30))
    need(kind[0] == 6, "signature algorithm")
    without_null = {sequence(oid(f"1.2.840.113549.1.1.{10 + n}")): f"rsa-pkcs1-sha{bits}"
                    for n, bits in ((1, 256), (2, 384), (3, 512))}
    if dotted(kind[1]) != "1.2.840.113549.1.1.10":
        return without_null.get(identifier)
    try:
        digest, mask, salt, trailer = members(content(parameters[0][2], 0x30), 0xA0, 0xA1, 0xA2, 0xA3)
        (_, generator, _), (_, _, inner) = tagged(content(mask[0], 0x30), 6, 0x30)
        need(dotted(generator) == "1.2.840.113549.1.1.8" and (not trailer or trailer[0] == integer(1)), "parameters")
        hashed = {hash_identifier(one) for one in (digest[0], inner)}
        bits = {f"2.16.840.1.101.3.4.2.{n}": bits for n, bits in ((1, 256), (2, 384), (3, 512))}[hashed.pop()]
        return f"rsa-pss-sha{bits}" if not hashed and salt[0] == integer(bits // 8) else None
    except (Refused, LookupError, TypeError):
        return None


def hash_identifier(identifier):
    kind, *rest = elements(content(identifier, 0x30))
    need(kind[0] == 6 and rest in ([], [(5, b"", b"\5\0")]), "identifier of a hash")
    return dotted(kind[1])


# --- one certificate -------------------------------------------------------------------------------------------------

class Cert:
    """A certificate in its one strict form (docs/spec/manifest-format.md, Form of a certificate). `named`: a person has
    named it, and forms that other software makes are read too; `defaults`: a BOOLEAN FALSE may be written out."""

    def __init__(self, data, named=False, defaults=False):
        self.der, self.named, self.defaults, self.default_written = data, named, named or defaults, False
        (_, inside, self.tbs), (_, _, self.algorithm), (_, bits, _) = tagged(content(data, 0x30), 0x30, 0x30, 3)
        need(bits[:1] == b"\0", "unused bits in a signature")
        self.signature, fields = bits[1:], elements(inside)
        self.version = self.read_version(fields.pop(0)[1]) if fields and fields[0][0] == 0xA0 else 1
        need([tag for tag, _, _ in fields[:6]] == [2, 0x30, 0x30, 0x30, 0x30, 0x30], "the fields of a certificate")
        need([tag for tag, _, _ in fields[6:]] in ([], [0xA3]), "unique identifiers, or more fields")
        need(len(fields) == 6 or self.version == 3, "extensions in a certificate that is not of version 3")
        self.fields = [VERSION_3, *[whole for _, _, whole in fields]]
        self.issuer, self.subject, self.spki = self.fields[3], self.fields[5], self.fields[6]
        self.serial, self.sha256 = fields[0][1], sha256(data)
        self.check_serial()
        need(self.fields[2] == self.algorithm, "the two signature algorithms differ")
        self.method = ALGORITHMS.get(self.algorithm) or named and named_algorithm(self.algorithm) or None
        need(named or self.method, "signature algorithm")
        self.issuer_name, self.subject_name = (read_name(name, not named) for name in (self.issuer, self.subject))
        self.begin, self.end = [read_time(tag, one, named) for tag, one, _ in elements(fields[3][1])]
        need(self.begin <= self.end, "notAfter is before notBefore")
        self.kind, self.point = read_key(self.spki)
        self.extensions = self.read_extensions(fields[6][1]) if len(fields) > 6 else {}
        value = lambda kind, read: read(self.extensions[kind][1]) if kind in self.extensions else None
        self.is_ca, self.path_length = value(BASIC, self.read_basic) or (False, None)
        self.texts = [(kind, text_of(tag, one)) for rdn in self.subject_name for kind, tag, one in rdn]
        self.common_names = [text for kind, text in self.texts if kind == "2.5.4.3" and text is not None]
        self.of = value

    def read_version(self, inside):
        number = content(inside, 2)
        need(number in (b"\1", b"\2") or self.named and number == b"\0", "version")
        return number[0] + 1

    def check_serial(self):
        positive = re.match(rb"[\1-\x7f]|\0[\x80-\xff]", self.serial) and len(self.serial) <= 20
        usable = self.serial and not re.match(rb"\0[\0-\x7f]", self.serial)
        need(positive or self.named and usable, "the serial number is not positive, padded or longer than 20 bytes")

    def boolean(self, data):
        need(data == b"\xff" or data == b"\0" and self.defaults, "a BOOLEAN")
        self.default_written |= data == b"\0"
        return data == b"\xff"

    def read_basic(self, value):
        ca, path_length = members(content(value, 0x30), 1, 2)
        if path_length:
            need(re.fullmatch(rb"[\0-\x7f]|[\1-\x7f][\0-\xff]{1,3}|\0[\x80-\xff][\0-\xff]{0,2}", path_length[0], re.S),
                 "pathLenConstraint")
        return self.boolean(ca[0]) if ca else False, path_length and int.from_bytes(path_length[0], "big")

    def read_extensions(self, inside):
        """By identifier: whether critical, the value, and the whole extension."""
        found = {}
        for tag, one, whole in elements(content(inside, 0x30)):
            kind, critical, value = members(one, 6, 1, 4)
            need(tag == 0x30 and kind and value and dotted(kind[0]) not in found, "an extension is twice or malformed")
            found[dotted(kind[0])] = self.boolean(critical[0]) if critical else False, value[0], whole
        need(1 <= len(found) <= 64, "no extensions, or too many")
        return found

    # what it says

    @property
    def usage(self):
        return self.of(USAGE, key_usage)

    @property
    def purposes(self):
        return self.of(PURPOSE, purposes)

    @property
    def key_identifier(self):
        return self.of("2.5.29.14", lambda value: content(value, 4))

    @cached_property
    def key(self):
        return load_key(self.spki)

    def shown(self):
        def escaped(text):
            text = re.sub(r'[,+=\\"<>;]', r"\\\g<0>", text)
            return re.sub(r"[^ -~]", lambda match: f"\\u{{{ord(match[0]):x}}}", text)

        def attribute(kind, tag, data):
            text = text_of(tag, data)
            return f"{SHOWN.get(kind, kind)}={'#' + data.hex() if text is None else escaped(text)}"

        return ", ".join(" + ".join(attribute(*one) for one in rdn) for rdn in self.subject_name)

    def digests(self):
        return {"subject": self.shown(), "spki_sha256": sha256(self.spki).hex(), "sha256": self.sha256.hex()}

    # its signature

    def signature_holds(self, above):
        try:
            key, kind, bits = above.key, *(self.method or "unknown").rpartition("-sha")[::2]
            match key:
                case ec.EllipticCurvePublicKey() if self.is_sha1():  # the same number in the place of a longer digest
                    digest = bytes(12) + hashlib.sha1(self.tbs).digest()
                    key.verify(self.signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
                case ec.EllipticCurvePublicKey() if kind == "ecdsa":
                    key.verify(self.signature, self.tbs, ec.ECDSA(HASHES[bits]))
                case ed25519.Ed25519PublicKey() if self.method == "ed25519":
                    key.verify(self.signature, self.tbs)
                case rsa.RSAPublicKey() if kind == "rsa-pkcs1":
                    key.verify(self.signature, self.tbs, padding.PKCS1v15(), HASHES[bits])
                case rsa.RSAPublicKey() if kind == "rsa-pss":
                    how = padding.PSS(padding.MGF1(HASHES[bits]), int(bits) // 8)
                    key.verify(self.signature, self.tbs, how, HASHES[bits])
                case _:
                    return False
            return True
        except (Refused, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False

    def is_sha1(self):
        return self.method == "ecdsa-sha1"

    def signed_by(self, above):
        return self.issuer == above.subject and not self.is_sha1() and self.signature_holds(above)

    # as a CA's

    def check_ca(self, depth, anchor=False):
        """As the issuer of a certificate below which `depth` CA certificates stand."""
        need(self.is_ca or anchor and self.version < 3, self.shown(), "is not a CA certificate")
        need(self.path_length is None or depth <= self.path_length, "pathLenConstraint of", self.shown())
        need(self.usage is None or 5 in self.usage, self.shown(), "may not sign certificates")
        check_extensions(self.extensions)

    def check_names(self):
        for name in (self.issuer_name, self.subject_name):
            need(name, "a name is empty")
            check_name(name)

    def check_purposes(self, wanted):
        """As relying parties take a CA's extendedKeyUsage: everything below is limited to it (None: each purpose)."""
        own = self.purposes
        allowed = own is None or ANY_PURPOSE in own or wanted is not None and set(wanted) <= set(own)
        need(allowed, "extendedKeyUsage of", self.shown())


def r_and_s(signature):
    return [int.from_bytes(number, "big") for _, number, _ in tagged(content(signature, 0x30), 2, 2)]


# --- files of certificates -------------------------------------------------------------------------------------------

def pem(data):
    text = base64.b64encode(data)
    wrapped = b"".join(text[at:at + 64] + b"\n" for at in range(0, len(text), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + wrapped + b"-----END CERTIFICATE-----\n"


def certificates(data, alone=True):
    """Of a file that a person has named, or (`alone`: nothing else is in it) that a batch has from there."""
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", data)
    found = [Cert(base64.b64decode(b"".join(block.split()), validate=True), named=True) for block in blocks]
    need(found, "no certificate in a PEM file")
    need(not alone or b"".join(pem(one.der) for one in found) == data,
         "a PEM file holds something else than certificates, or spells them otherwise")
    return found


# --- the issuing CA's path -------------------------------------------------------------------------------------------

def reaches_anchor(cert, chain, anchors, at):
    """The issuing CA's way up; what is above the anchor must belong to it all the same. Returns the CAs of the way,
    whose extendedKeyUsage limits what the issuing CA issues."""
    for below, above in zip([cert, *chain], chain):
        need(below.issuer == above.subject, "chain.pem is no chain")
    need(cert.subject_name and read_name(cert.subject), "the issuing CA's name")
    for above in chain:
        above.check_ca(0, anchor=above.issuer == above.subject)
    way = []
    for depth in range(len(chain) + 1):
        way.append(cert)
        cert.check_ca(depth)
        need(cert.begin <= at <= cert.end, cert.shown(), "is not valid at", at)
        if any(anchor.subject == cert.subject and anchor.spki == cert.spki for anchor in anchors):
            return way
        for anchor in filter(cert.signed_by, anchors):
            anchor.check_ca(depth + 1, anchor=True)
            return [*way, anchor]
        need(depth < len(chain) and cert.signed_by(chain[depth]), "no anchor signed", cert.shown())
        cert = chain[depth]


# --- a leaf's path ---------------------------------------------------------------------------------------------------

def folded(name):
    strings = (12, 19, 20, 22)
    return [[(kind, tag, data.lower() if tag in strings else data) for kind, tag, data in rdn] for rdn in name]


def links(cert, authorities, exact):
    """Those that signed a certificate and have its issuer's name, byte for byte or but for letter case."""
    for authority in authorities:
        same = cert.issuer == authority.subject
        agrees = same if exact else not same and folded(cert.issuer_name) == folded(authority.subject_name)
        if agrees and cert.signature_holds(authority):
            needed = set() if exact else {"issuer-name-case"}
            yield authority, needed | ({"sha1-signature"} if cert.is_sha1() else set())


class Authorities:
    """The auditor's anchors, and the CA certificates of a batch whose own signatures lead to one."""

    def __init__(self, anchors, found, at):
        self.anchors, self.above, self.at = anchors, [], at
        for anchor in anchors:
            anchor.check_names()
        known = {(anchor.subject, anchor.spki) for anchor in anchors}
        # what came with inputs counts only if it needs no leniency
        waiting = {one.der: one for one in found if one.is_ca and holds(Cert, one.der) and holds(load_key, one.spki)
                   and (one.subject, one.spki) not in known}
        while waiting:
            more = [one for one in waiting.values() if any(self.parents(one))]
            self.above += more
            waiting = {one.der: one for one in waiting.values() if one not in more} if more else {}

    def parents(self, cert):
        return [link for exact in (True, False) for link in links(cert, [*self.anchors, *self.above], exact)]

    def are_of(self, spki):
        return any(one.spki == spki for one in [*self.anchors, *self.above])

    def best(self, leaf, allowed):
        """The anchor of the best way up from a leaf, and the relaxations that the way needs."""
        found = []
        for exact in (True, False):
            for authority, needed in links(leaf, [*self.anchors, *self.above], exact):
                found += self.ways(authority, needed, [])
            rank = lambda way: (len(way[1] - allowed), len(way[1]), not way[0].begin <= self.at <= way[0].end, way[2],
                                self.anchors.index(way[0]))
            found.sort(key=rank)
            if found and found[0][1] <= allowed:
                break
        need(found, "no source anchor signed the leaf")
        return found[0][:2]

    def ways(self, authority, needed, below):
        """Each anchor that is reached through an authority, with what the way needs and how long it is."""
        counted = sum(one.issuer != one.subject for one in below)  # self-issued ones do not count
        if authority.path_length is not None and counted > authority.path_length:
            return
        if authority in self.anchors:
            yield authority, needed | ({"test-anchor"} if is_test(authority) else set()), len(below)
        elif len(below) < MAX_BELOW and not any(same_ca(one, authority) for one in below) and self.sound(authority):
            for parent, more in self.parents(authority):
                yield from self.ways(parent, needed | more, [*below, authority])

    def sound(self, cert):
        return (cert.version == 3 and holds(cert.check_names) and holds(cert.check_ca, 0)
                and cert.begin <= self.at <= cert.end)


def holds(check, *arguments):
    try:
        check(*arguments)
        return True
    except Refused:
        return False


def same_ca(one, other):
    return (one.subject, one.spki) == (other.subject, other.spki)


def is_test(anchor):
    words = [word.lower() for _, text in anchor.texts for word in re.split(r"[\W_]+", text or "")]
    return "test" in words or "demo" in words
