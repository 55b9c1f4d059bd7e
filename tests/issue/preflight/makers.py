"""Root and issuing CA (and always the manifest signer) as a kind of software makes them: pyca, adcs, ejbca; `manifest` alone."""
import datetime
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, ObjectIdentifier, AuthorityInformationAccessOID as Access

maker = sys.argv[1]
now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
day = datetime.timedelta(days=1)


def save(name, certificate, key=None):
    open(f"{name}.pem", "wb").write(certificate.public_bytes(serialization.Encoding.PEM))
    if key:
        open(f"{name}.key", "wb").write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def usage(*names):
    every = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: name in names for name in every})


def build(subject, key, issuer, by, days, extensions, serial=None):
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial or x509.random_serial_number(),
                                      now - day, now + days * day)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(by, hashes.SHA256())


def names(position):
    text = lambda kind, value: x509.RelativeDistinguishedName([x509.NameAttribute(kind, value)])
    if maker == "adcs":
        return x509.Name([text(NameOID.DOMAIN_COMPONENT, "com"), text(NameOID.DOMAIN_COMPONENT, "corp"),
                          text(NameOID.COMMON_NAME, f"corp-{position}-CA")])
    if maker == "ejbca":
        return x509.Name([text(NameOID.USER_ID, "c-0m1x"), text(NameOID.COMMON_NAME, f"Management {position}"),
                          text(NameOID.ORGANIZATION_NAME, "EJBCA Container Quickstart"), text(NameOID.COUNTRY_NAME, "SE")])
    return x509.Name([text(NameOID.COMMON_NAME, f"{maker} {position}")])


def points(url):
    return x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)])


def extensions(position, key, by):
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    length = None if position == "root" else 0
    basic = (x509.BasicConstraints(True, length), True)
    if maker == "adcs":
        raw = lambda oid, value: (x509.UnrecognizedExtension(ObjectIdentifier(oid), value), False)
        ldap = "ldap:///CN=corp-CA,CN=host,CN=CDP,CN=Public%20Key%20Services,CN=Services,DC=corp,DC=com?certificateRevocationList"
        some = [(usage("digital_signature", "key_cert_sign", "crl_sign"), False), basic, (own, False),
                raw("1.3.6.1.4.1.311.21.1", b"\2\1\0")]
        if position == "root":
            return some
        template = "SubCA".encode("utf-16-be")
        return [*some, raw("1.3.6.1.4.1.311.20.2", bytes([0x1E, len(template)]) + template), (above, False),
                (points(ldap), False), (x509.AuthorityInformationAccess([x509.AccessDescription(
                    Access.CA_ISSUERS, x509.UniformResourceIdentifier("ldap:///CN=corp-CA?cACertificate"))]), False)]
    if maker == "ejbca":
        policy = x509.CertificatePolicies([x509.PolicyInformation(
            ObjectIdentifier("2.5.29.32.0"), ["https://ejbca.example/cps"])])
        some = [basic, (above, False), (own, False), (usage("digital_signature", "key_cert_sign", "crl_sign"), True)]
        return some if position == "root" else [*some, (policy, False), (points("http://ejbca.example/crl"), False)]
    return [basic, (usage("key_cert_sign", "crl_sign"), True), (own, False)]


if maker == "manifest":
    by = serialization.load_pem_private_key(open("root.key", "rb").read(), None)
    root = x509.load_pem_x509_certificate(open("root.pem", "rb").read())
else:
    by = rsa.generate_private_key(65537, 2048) if maker == "adcs" else ec.generate_private_key(ec.SECP384R1())
    root = build(names("root"), by, names("root"), by, 7000, extensions("root", by, by))
    save("root", root, by)
    key = ec.generate_private_key(ec.SECP256R1())
    save("issuing", build(names("issuing"), key, names("root"), by, 6000, extensions("issuing", key, by)), key)
key = ec.generate_private_key(ec.SECP256R1())
purpose = x509.ExtendedKeyUsage([ObjectIdentifier("1.3.6.1.5.5.7.3.36")])
save("manifest", build(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Manifest signer")]), key, root.subject, by, 3000,
                       [(usage("digital_signature"), True), (purpose, True)]), key)
