#!/usr/bin/env python3
"""What a good Python script does with a reel: verify each leaf's signature, build a certificate, sign it.

    python_peer.py REEL.zip ROOT.pem ISSUING.pem ISSUING.key.pem PROCESSES

In memory: the leaves are unpacked before the clock starts and the certificates are dropped when they are made. No
ledger, no check of the new signatures, no manifest, no packaging. The certificates are those of the policy that
`end_to_end.py` gives to reroot. Prints certificates, wall seconds and CPU seconds.
"""

import datetime
import multiprocessing
import sys
import time
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def work(leaves, root_file, issuer_file, key_file, barrier, results):
    with open(root_file, "rb") as file:
        root_key = x509.load_pem_x509_certificate(file.read()).public_key()
    with open(issuer_file, "rb") as file:
        issuer = x509.load_pem_x509_certificate(file.read())
    with open(key_file, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    issuer_name = issuer.subject
    ski = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
    start = datetime.datetime(2026, 1, 1)
    end = start + datetime.timedelta(days=3650)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    basic = x509.BasicConstraints(ca=False, path_length=None)
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Devices")
    algorithm, ecdsa = hashes.SHA256(), ec.ECDSA(hashes.SHA256())
    total = 0
    barrier.wait()
    began, used = time.monotonic(), time.process_time()
    for der in leaves:
        leaf = x509.load_der_x509_certificate(der)
        root_key.verify(leaf.signature, leaf.tbs_certificate_bytes, ecdsa)
        public_key = leaf.public_key()
        uid = f"{leaf.serial_number:022X}"
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, uid)]))
            .issuer_name(issuer_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(basic, critical=True)
            .add_extension(usage, critical=True)
            .add_extension(purposes, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(aki, critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:stsafe:" + uid.lower())]),
                critical=False,
            )
            .sign(key, algorithm)
        )
        total += len(certificate.public_bytes(serialization.Encoding.DER))
    results.put((began, time.monotonic(), len(leaves), time.process_time() - used, total))


def main():
    archive, root, issuer, key, processes = *sys.argv[1:5], int(sys.argv[5])
    with zipfile.ZipFile(archive) as file:
        leaves = [file.read(name) for name in file.namelist()]
    share = -(-len(leaves) // processes)
    barrier, results = multiprocessing.Barrier(processes), multiprocessing.Queue()
    children = [
        multiprocessing.Process(
            target=work, args=(leaves[n * share : (n + 1) * share], root, issuer, key, barrier, results)
        )
        for n in range(processes)
    ]
    for child in children:
        child.start()
    done = [results.get() for _ in children]
    for child in children:
        child.join()
    seconds = max(end for _, end, *_ in done) - min(start for start, *_ in done)
    print(sum(count for _, _, count, *_ in done), f"{seconds:.3f}", f"{sum(used for _, _, _, used, _ in done):.3f}")


if __name__ == "__main__":
    main()
