"""Certificates, and the paths to their anchors (RFC 5280 §6.1 for short chains)."""
import re
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from octets import elements, need, sha256

SHOWN = {"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O",
         "2.5.4.11": "OU", "2.5.4.46": "dnQualifier", "0.9.2342.19200300.100.1.1": "UID",
         "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress"}
BASIC, USAGE, PURPOSE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
VERSION_3 = bytes.fromhex("a003020102")


class Cert:
    def __init__(self, octets):
        self.der, self.x = octets, x509.load_der_x509_certificate(octets)
        self.extensions = {one.oid.dotted_string: one for one in self.x.extensions}
        [(_, content, _)] = elements(octets)
        (_, inside, self.tbs), (_, _, self.algorithm), (_, signature, _) = elements(content)
        self.fields, self.signature = [whole for _, _, whole in elements(inside)], signature[1:]
        need(self.fields[0] == VERSION_3 and self.fields[2] == self.algorithm, "version, or inner algorithm")
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
        key, how = above.x.public_key(), self.x.signature_algorithm_parameters
        more = {ec.EllipticCurvePublicKey: [how], rsa.RSAPublicKey: [how, self.x.signature_hash_algorithm]}
        try:
            key.verify(self.signature, self.tbs, *next((more[kind] for kind in more if isinstance(key, kind)), []))
            return True
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return False

    def is_sha1(self):
        return isinstance(self.x.signature_hash_algorithm, hashes.SHA1)

    def signed_by(self, above):
        return self.issuer == above.subject and not self.is_sha1() and self.signature_holds(above)

    def check_ca(self, depth):
        """As the issuer of a certificate below which `depth` CA certificates stand."""
        need(self.is_ca, self.shown(), "is not a CA certificate")
        limit = self.extensions[BASIC].value.path_length
        need(limit is None or depth <= limit, "pathLenConstraint of", self.shown())
        need(self.usage is None or self.usage.key_cert_sign, self.shown(), "may not sign certificates")

    def check_extensions(self):
        critical = {kind for kind, one in self.extensions.items() if one.critical}
        need(critical <= {BASIC, USAGE, PURPOSE, "2.5.29.17", "2.5.29.32"}, "critical extensions", *critical)
        need(not {"2.5.29.30", "2.5.29.36", "2.5.29.54"} & set(self.extensions), "constraints on certificates below")


def certificates(octets, alone=True):
    found = [Cert(one.public_bytes(Encoding.DER)) for one in x509.load_pem_x509_certificates(octets)]
    spelled = b"".join(one.x.public_bytes(Encoding.PEM) for one in found)
    need(not alone or spelled == octets, "a PEM file holds something else than certificates, or spells them otherwise")
    return found


def reaches_anchor(cert, chain, anchors, at):
    """The issuing CA's way up; what stands above the anchor must belong to it all the same."""
    for below, above in zip([cert, *chain], chain):
        need(below.issuer == above.subject, "chain.pem is no chain")
    for depth in range(len(chain) + 1):
        cert.check_ca(depth)
        need(cert.begin <= at <= cert.end, cert.shown(), "is not valid at", at)
        if any(anchor.subject == cert.subject and anchor.spki == cert.spki for anchor in anchors):
            return
        for anchor in filter(cert.signed_by, anchors):
            return anchor.check_ca(depth + 1)
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
            authority.check_ca(depth)
            words = {word.lower() for _, text in authority.texts for word in re.split(r"[\W_]+", text)}
            yield authority, way | ({"test-anchor"} if {"test", "demo"} & words else set())
        elif authority.begin <= at <= authority.end:
            authority.check_ca(depth)
            authority.check_extensions()
            yield from paths(authority, [one for one in above if one is not authority], anchors, at, way, depth + 1)
