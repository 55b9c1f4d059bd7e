#!/usr/bin/env python3
"""Checks a certificate against CRLs as a relying party must (RFC 5280 §6.3.3), with pyca/cryptography.

    check_crl.py CERTIFICATE ISSUER CRL... [--at TIME] [--least-number N]

ISSUER is the CA's certificate, which the caller trusts; CRLs are complete lists, PEM (any number in a file) or DER.
--least-number is the highest cRLNumber that this caller has seen: an older list does not count.
Exit 0: not revoked. 1: revoked. 2: the lists do not say so: none covers the certificate, or none is of this time.
"""
import argparse, sys
from datetime import datetime, timezone
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import (AuthorityKeyIdentifier, CRLDistributionPoints, CRLNumber, IssuingDistributionPoint,
                               KeyUsage, SubjectKeyIdentifier, UniformResourceIdentifier)


class Refused(Exception):
    """Why nothing can be said."""


def value(of, kind):
    try:
        return of.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def urls(names):
    return {name.value for name in names or [] if isinstance(name, UniformResourceIdentifier)}


def check_list(crl, issuer):
    """Refuses a list that is not this CA's, or that says less than it seems to."""
    if crl.issuer != issuer.subject:
        raise Refused(f"the CRL is of {crl.issuer.rfc4514_string()}")
    usage, named, own = value(issuer, KeyUsage), value(crl, AuthorityKeyIdentifier), value(issuer, SubjectKeyIdentifier)
    if usage and not usage.crl_sign:
        raise Refused("the CA's certificate does not let it sign CRLs")
    if named and own and named.key_identifier != own.digest:
        raise Refused("the CRL names another key of the CA")
    if not crl.is_signature_valid(issuer.public_key()):
        raise Refused("the CRL's signature does not verify")
    known = {kind.oid for kind in (AuthorityKeyIdentifier, CRLNumber, IssuingDistributionPoint)}
    critical = [one.oid.dotted_string for one in crl.extensions if one.critical and one.oid not in known]
    if critical:  # a delta list among them
        raise Refused(f"the CRL has critical extensions that are not processed: {', '.join(critical)}")
    point = value(crl, IssuingDistributionPoint)
    if point and (point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs):
        raise Refused("the CRL is indirect, for some reasons, or for attribute certificates")
    if value(crl, CRLNumber) is None or crl.next_update_utc is None:
        raise Refused("the CRL has no number or no nextUpdate")


def covers(crl, certificate):
    """A list with an issuingDistributionPoint is about the certificates that name one of its URLs, and no others."""
    point = value(crl, IssuingDistributionPoint)
    constraints = value(certificate, x509.BasicConstraints)
    is_ca = bool(constraints and constraints.ca)
    if point is None or point.only_contains_user_certs and is_ca or point.only_contains_ca_certs and not is_ca:
        return point is None
    if point.full_name is None:
        return point.relative_name is None
    points = value(certificate, CRLDistributionPoints) or []
    return any(urls(point.full_name) & urls(one.full_name) for one in points if not one.reasons and not one.crl_issuer)


def status(certificate, issuer, crls, at, least=0):
    """The list that decides, and its entry for the certificate if it is revoked."""
    certificate.verify_directly_issued_by(issuer)
    for crl in crls:
        check_list(crl, issuer)
    covering = [crl for crl in crls if covers(crl, certificate)]
    if not covering:
        raise Refused("no CRL covers the certificate")
    number = lambda crl: value(crl, CRLNumber).crl_number
    newest = [crl for crl in covering if number(crl) == max(map(number, covering))]
    for crl in newest:
        if entry := crl.get_revoked_certificate_by_serial_number(certificate.serial_number):
            return crl, entry
    if number(newest[0]) < least:
        raise Refused(f"the newest CRL has number {number(newest[0])}, and {least} was seen before")
    if not all(crl.last_update_utc <= at <= crl.next_update_utc for crl in newest):
        raise Refused(f"the newest CRL is valid until {newest[0].next_update_utc}, and it is {at}")
    return newest[0], None


def read(path, pem, der, begin):
    data = open(path, "rb").read()
    return [pem(begin + part) for part in data.split(begin)[1:]] if begin in data else [der(data)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("certificate"), parser.add_argument("issuer"), parser.add_argument("crl", nargs="+")
    parser.add_argument("--at", type=datetime.fromisoformat, default=datetime.now(timezone.utc))
    parser.add_argument("--least-number", type=int, default=0)
    given = parser.parse_args()
    certificate = (x509.load_pem_x509_certificate, x509.load_der_x509_certificate, b"-----BEGIN CERTIFICATE-----")
    crl = (x509.load_pem_x509_crl, x509.load_der_x509_crl, b"-----BEGIN X509 CRL-----")
    try:
        lists = [one for path in given.crl for one in read(path, *crl)]
        [leaf], [issuer] = read(given.certificate, *certificate)[:1], read(given.issuer, *certificate)[:1]
        decides, entry = status(leaf, issuer, lists, given.at, given.least_number)
    except (Refused, InvalidSignature, ValueError, TypeError, OSError) as error:
        return print(f"FAILED: {error or type(error).__name__}") or 2
    number = value(decides, CRLNumber).crl_number
    if entry is None:
        return print(f"OK: not revoked as of CRL {number} of {decides.last_update_utc}") or 0
    reason = value(entry, x509.CRLReason)
    return print(f"REVOKED since {entry.revocation_date_utc}: {reason.reason.value if reason else 'unspecified'}") or 1


if __name__ == "__main__":
    sys.exit(main())
