"""Certificates, and the paths to their anchors (RFC 5280 §6.1 for short chains)."""
import base64, re
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from octets import der, elements, need, oid, sequence, sha256

SHOWN = {"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O",
         "2.5.4.11": "OU", "2.5.4.46": "dnQualifier", "0.9.2342.19200300.100.1.1": "UID",
         "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress"}
BASIC, USAGE, PURPOSE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
ANY_PURPOSE = "2.5.29.37.0"
VERSION_3 = bytes.fromhex("a003020102")


def usual(octets):
    """A certificate that a person has named, in the form that parsers insist on: only for taking it apart."""
    [(_, content, _)] = elements(octets)
    (_, inside, _), algorithm, signature = elements(content)
    parts = elements(inside)
    if parts[0][0] != 0xA0 or parts[0][2] == bytes.fromhex("a003020100"):
        parts[:parts[0][0] == 0xA0] = [(0xA0, b"", VERSION_3)]
    number = parts[1][1]
    if number[0] >= 128 or number == b"\0" or len(number) > 20:
        parts[1] = (2, b"\1", b"\2\1\1")
    time = lambda tag, text: der(23, text[2:]) if tag == 24 and text[:4] < b"2050" else der(tag, text)
    parts[4] = (0x30, b"", sequence(*[time(tag, text) for tag, text, _ in elements(parts[4][1])]))
    for at in (3, 5):
        rdns = [der(0x31, *sorted(one for _, _, one in elements(rdn))) for _, rdn, _ in elements(parts[at][1])]
        parts[at] = (0x30, b"", sequence(*rdns))
    if parts[-1][0] == 0xA3:
        [(_, some, _)] = elements(parts[-1][1])
        some = [[whole for _, _, whole in elements(one) if whole != b"\1\1\0"] for _, one, _ in elements(some)]
        parts[-1] = (0xA3, b"", der(0xA3, sequence(*[sequence(*one) for one in some])))
    written = usual_algorithm(algorithm[2])
    parts[2] = (0x30, b"", written if parts[2][2] == algorithm[2] else parts[2][2])
    return sequence(sequence(*[whole for _, _, whole in parts]), written, signature[2])


def usual_algorithm(identifier):
    """RSASSA-PSS-params without defaults that are written out: a salt of 20, trailerField 1 (RFC 4055 §3.1)."""
    [kind, *parameters] = elements(elements(identifier)[0][1])
    if kind[2] != oid("1.2.840.113549.1.1.10") or not parameters:
        return identifier
    some = [whole for _, _, whole in elements(parameters[0][1]) if whole not in (b"\xa2\3\2\1\x14", b"\xa3\3\2\1\1")]
    return sequence(kind[2], sequence(*some))


class Cert:
    def __init__(self, octets, named=False):
        self.der, self.x = octets, x509.load_der_x509_certificate(usual(octets) if named else octets)
        self.extensions = {one.oid.dotted_string: one for one in self.x.extensions}
        [(_, content, _)] = elements(octets)
        (_, inside, self.tbs), (_, _, self.algorithm), (_, signature, _) = elements(content)
        self.fields, self.signature = [whole for _, _, whole in elements(inside)], signature[1:]
        # a certificate that a person has named may be of version 1 or 2: then only that person says that it is a CA's
        self.old = named and self.fields[0] != VERSION_3
        if self.fields[0][0] != 0xA0:
            self.fields.insert(0, VERSION_3)
        need(self.old or self.fields[0] == VERSION_3, "version")
        need(self.fields[2] == self.algorithm, "inner algorithm")
        self.issuer, self.subject, self.spki = self.fields[3], self.fields[5], self.fields[6]
        self.serial, self.sha256 = elements(self.fields[1])[0][1], sha256(octets)
        self.begin, self.end = self.x.not_valid_before_utc, self.x.not_valid_after_utc
        self.texts = [(one.oid.dotted_string, one.value) for rdn in self.x.subject.rdns for one in rdn]
        self.common_names = [text for kind, text in self.texts if kind == "2.5.4.3"]
        self.is_ca = BASIC in self.extensions and self.extensions[BASIC].value.ca
        self.usage = self.extensions[USAGE].value if USAGE in self.extensions else None
        key_identifier = self.extensions.get("2.5.29.14")
        self.key_identifier = key_identifier and key_identifier.value.digest

    def shown(self):
        def escaped(text):
            text = re.sub(r'[,+=\\"<>;]', r"\\\g<0>", text)
            return re.sub(r"[^ -~]", lambda match: f"\\u{{{ord(match[0]):x}}}", text)

        show = lambda kind, value: f"{SHOWN.get(kind, kind)}={escaped(value)}"
        return ", ".join(" + ".join(show(a.oid.dotted_string, a.value) for a in rdn) for rdn in self.x.subject.rdns)

    def digests(self):
        return {"subject": self.shown(), "spki_sha256": sha256(self.spki).hex(), "sha256": self.sha256.hex()}

    def signature_holds(self, above):
        try:
            key, how = above.x.public_key(), self.x.signature_algorithm_parameters
            more = {ec.EllipticCurvePublicKey: [how], rsa.RSAPublicKey: [how, self.x.signature_hash_algorithm]}
            key.verify(self.signature, self.tbs, *next((more[kind] for kind in more if isinstance(key, kind)), []))
            return True
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False

    def is_sha1(self):
        try:
            return isinstance(self.x.signature_hash_algorithm, hashes.SHA1)
        except UnsupportedAlgorithm:  # of a root over itself: nothing depends on it
            return True

    def signed_by(self, above):
        return self.issuer == above.subject and not self.is_sha1() and self.signature_holds(above)

    def check_ca(self, depth, anchor=False):
        """As the issuer of a certificate below which `depth` CA certificates stand."""
        need(self.is_ca or anchor and self.old, self.shown(), "is not a CA certificate")
        limit = self.extensions[BASIC].value.path_length if self.is_ca else None
        need(limit is None or depth <= limit, "pathLenConstraint of", self.shown())
        need(self.usage is None or self.usage.key_cert_sign, self.shown(), "may not sign certificates")
        self.check_extensions()

    def purposes(self):
        return {one.dotted_string for one in self.extensions[PURPOSE].value} if PURPOSE in self.extensions else None

    def check_purposes(self, wanted):
        """As relying parties take a CA's extendedKeyUsage: everything below is limited to it (None: each purpose)."""
        own = self.purposes()
        allowed = own is None or ANY_PURPOSE in own or wanted is not None and wanted <= own
        need(allowed, "extendedKeyUsage of", self.shown())

    def check_extensions(self):
        critical = {kind for kind, one in self.extensions.items() if one.critical}
        need(critical <= {BASIC, USAGE, PURPOSE, "2.5.29.17", "2.5.29.32"}, "critical extensions", *critical)
        need(not {"2.5.29.30", "2.5.29.36", "2.5.29.54"} & set(self.extensions), "constraints on certificates below")


def certificates(octets, alone=True):
    """Of a file that a person has named, or that a batch has from there."""
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", octets)
    found = [Cert(base64.b64decode(b"".join(block.split()), validate=True), named=True) for block in blocks]
    need(found, "no certificate in a PEM file")
    wrapped = lambda text: b"".join(text[at:at + 64] + b"\n" for at in range(0, len(text), 64))
    spelled = b"".join(begin + wrapped(base64.b64encode(one.der)) + end for one in found)
    need(not alone or spelled == octets, "a PEM file holds something else than certificates, or spells them otherwise")
    return found


def reaches_anchor(cert, chain, anchors, at):
    """The issuing CA's way up; what stands above the anchor must belong to it all the same. Returns the CAs whose
    extendedKeyUsage limits what the issuing CA issues."""
    above_all = [cert, *chain]
    for below, above in zip([cert, *chain], chain):
        need(below.issuer == above.subject, "chain.pem is no chain")
    for above in chain:
        above.check_ca(0, anchor=above.issuer == above.subject)
    for depth in range(len(chain) + 1):
        cert.check_ca(depth)
        need(cert.begin <= at <= cert.end, cert.shown(), "is not valid at", at)
        if any(anchor.subject == cert.subject and anchor.spki == cert.spki for anchor in anchors):
            return above_all
        for anchor in filter(cert.signed_by, anchors):
            anchor.check_ca(depth + 1, anchor=True)
            return [*above_all, anchor]
        need(depth < len(chain) and cert.signed_by(chain[depth]), "no anchor signed", cert.shown())
        cert = chain[depth]


def folded(name):
    return [[(a.oid, a._type, a.value.encode().lower()) for a in rdn] for rdn in name.rdns]


def paths(cert, above, anchors, at, needed=frozenset(), depth=0):
    """Each anchor that a leaf's chain reaches, with the relaxations that the way there needs."""
    for authority in [*anchors, *above]:
        way = set() if cert.issuer == authority.subject else {"issuer-name-case"}
        if way and folded(cert.x.issuer) != folded(authority.x.subject) or not cert.signature_holds(authority):
            continue
        way |= needed | ({"sha1-signature"} if cert.is_sha1() else set())
        if authority in anchors:
            authority.check_ca(depth, anchor=True)
            words = {word.lower() for _, text in authority.texts for word in re.split(r"[\W_]+", text)}
            yield authority, way | ({"test-anchor"} if {"test", "demo"} & words else set())
        elif authority.begin <= at <= authority.end:
            authority.check_ca(depth)
            yield from paths(authority, [one for one in above if one is not authority], anchors, at, way, depth + 1)
