"""CRLs: what check_crl refuses, and that rebuild_crl makes the bytes that pyca/cryptography makes."""
import hashlib, struct, unittest
from datetime import datetime, timedelta, timezone
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
import check_crl, rebuild_crl
from asn1 import Refused

THEN = datetime(2026, 3, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
KEY, OTHER = (ec.derive_private_key(number, ec.SECP256R1()) for number in (7, 8))
CA = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST CA")])
URLS = [f"http://pki.example.com/{shard:02}.crl" for shard in range(3)]


def points(*urls):
    return [x509.UniformResourceIdentifier(url) for url in urls]


def certificate(serial, key=KEY, ca=False, urls=(), subject=CA):
    made = x509.CertificateBuilder().issuer_name(CA).subject_name(subject).public_key(key.public_key())
    made = made.serial_number(serial).not_valid_before(THEN).not_valid_after(THEN + 3650 * DAY)
    made = made.add_extension(x509.BasicConstraints(ca, None), True)
    if ca:
        made = made.add_extension(x509.SubjectKeyIdentifier(b"\xca" * 20), False)
    if urls:
        point = x509.DistributionPoint(points(*urls), None, None, None)
        made = made.add_extension(x509.CRLDistributionPoints([point]), False)
    return made.sign(KEY, hashes.SHA256())


def crl(number, entries=(), url=None, at=THEN, key=KEY, more=()):
    made = x509.CertificateRevocationListBuilder().issuer_name(CA).last_update(at).next_update(at + 8 * DAY)
    made = made.add_extension(x509.AuthorityKeyIdentifier(b"\xca" * 20, None, None), False)
    made = made.add_extension(x509.CRLNumber(number), False)
    if url:
        scope = x509.IssuingDistributionPoint(points(url), None, False, False, None, False, False)
        made = made.add_extension(scope, True)
    for extension in more:
        made = made.add_extension(extension, True)
    for serial, reason, since in entries:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
        one = one.add_extension(x509.CRLReason(reason), False) if reason else one
        made = made.add_revoked_certificate(one.build())
    return made.sign(key, hashes.SHA256())


ISSUER = certificate(1, ca=True)


class CrlChecks(unittest.TestCase):
    def status(self, leaf, *crls, at=THEN + DAY, least=0):
        return check_crl.status(leaf, ISSUER, crls, at, least)

    def refused(self, part, *arguments, **more):
        with self.assertRaisesRegex(check_crl.Refused, part):
            self.status(*arguments, **more)

    def test_a_shard_and_the_full_list_say_the_same(self):
        leaf, bare = certificate(5, OTHER, urls=URLS[1:2]), certificate(5, OTHER)
        revoked = [(5, x509.ReasonFlags.key_compromise, THEN)]
        for lists in ([crl(2, revoked, URLS[1])], [crl(2, revoked)], [crl(2, url=URLS[0]), crl(2, revoked, URLS[1])]):
            self.assertIsNotNone(self.status(leaf, *lists)[1])
        self.assertIsNone(self.status(leaf, crl(2, url=URLS[1]))[1])
        self.assertIsNotNone(self.status(bare, crl(2, revoked))[1])

    def test_a_list_of_another_scope_says_nothing(self):
        self.refused("no CRL covers", certificate(5, OTHER, urls=URLS[1:2]), crl(2, url=URLS[0]))
        self.refused("no CRL covers", certificate(5, OTHER), crl(2, url=URLS[0]))

    def test_the_newest_list_counts_and_must_be_of_its_time(self):
        leaf, revoked = certificate(5, OTHER), [(5, x509.ReasonFlags.certificate_hold, THEN)]
        self.assertIsNone(self.status(leaf, crl(2, revoked), crl(3))[1])
        self.refused("valid until", leaf, crl(2), at=THEN + 9 * DAY)
        self.refused("valid until", leaf, crl(2), at=THEN - DAY)
        self.refused("7 was seen before", leaf, crl(2), least=7)

    def test_lists_that_are_not_the_cas_are_refused(self):
        leaf = certificate(5, OTHER)
        self.refused("does not verify", leaf, crl(2, key=OTHER))
        self.refused("critical extensions", leaf, crl(2, more=[x509.DeltaCRLIndicator(1)]))
        indirect = x509.IssuingDistributionPoint(points(URLS[0]), None, False, False, None, True, False)
        self.refused("indirect", leaf, crl(2, more=[indirect]))


def counted(*parts):
    return struct.pack(">I", len(parts)) + b"".join(parts)


def text(string):
    return struct.pack(">I", len(string)) + string.encode()


def scope(*urls):
    return counted(*map(text, urls))


def seconds(time):
    return struct.pack(">q", int(time.timestamp()))


def instruction(time):
    return seconds(time) + text("operator") + counted(b"\x11" * 32)


def revoked(reason, time, *certificates):
    scopes = [b"", *dict.fromkeys(one[3] for one in certificates)][1:]
    body = bytes([reason]) + instruction(time) + counted(*[scope(*one) for one in scopes])
    for index, serial, end, its in certificates:
        data = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
        body += struct.pack(">IB", index, len(data)) + data + seconds(end) + struct.pack(">I", scopes.index(its))
    return body


def round_of(position, at, lists):
    body = hashlib.sha256(ISSUER.public_bytes(Encoding.DER)).digest() + seconds(at) + seconds(at + 8 * DAY)
    body += struct.pack(">QI", position, 1) + bytes(32)
    for urls, entries, made in lists:
        data = made.tbs_certlist_bytes
        body += scope(*urls) + struct.pack(">Q", entries) + hashlib.sha256(data).digest()
        body += struct.pack(">Q", len(data))
    return body


class Rebuilding(unittest.TestCase):
    """Records as docs/spec/ledger.md has them; the lists that they name are made by pyca/cryptography."""

    def setUp(self):
        compromise, hold = x509.ReasonFlags.key_compromise, x509.ReasonFlags.certificate_hold
        late, one, two = THEN + 3650 * DAY, (URLS[1],), (URLS[2],)
        whole = [(2, compromise, THEN), (0x80, None, THEN), (0x1234, hold, THEN)]
        first = [((), 3, crl(1, whole, at=THEN)), (one, 2, crl(1, [whole[0], whole[2]], URLS[1], at=THEN)),
                 (two, 0, crl(1, [], URLS[2], at=THEN))]
        after, second = THEN + 5 * DAY, [(2, compromise, THEN)]
        lists = [((), 1, crl(2, second, at=after)), (one, 1, crl(2, second, URLS[1], at=after))]
        self.records = [
            (1, 15, 1, 0, revoked(1, THEN, (0, 2, late, one))),
            (2, 15, 1, 0, revoked(0, THEN, (3, 0x80, THEN - DAY, ()))),  # it ended before the first round
            (3, 15, 1, 0, revoked(6, THEN, (9, 0x1234, late, one))),
            (4, 19, 0, 1, round_of(3, THEN, first)), (5, 20, 0, 1, b""),
            (6, 16, 1, 0, instruction(after) + struct.pack(">I", 9)),
            (7, 15, 1, 0, revoked(5, after + DAY, (9, 0x1234, late, one))),  # after the second round's position
            (8, 19, 0, 2, round_of(6, after, lists))]
        self.lists = [first, lists]

    def rebuilt(self):
        issuer = rebuild_crl.Issuer(ISSUER.public_bytes(Encoding.DER))
        found = rebuild_crl.rounds(self.records).values()
        return [list(rebuild_crl.rebuild(self.records, issuer, one)) for one in found]

    def test_each_list_has_the_bytes_of_another_implementation(self):
        made = [[(urls, one.tbs_certlist_bytes) for urls, _, one in lists] for lists in self.lists]
        self.assertEqual(self.rebuilt(), made)

    def test_a_list_that_does_not_follow_is_found(self):
        for at, changed in [(0, revoked(4, THEN, (0, 2, THEN, (URLS[1],)))), (1, self.records[0][4])]:
            records = list(self.records)
            records[at] = (*records[at][:4], changed)
            with self.assertRaises(Refused):
                self.records, kept = records, self.records
                try:
                    self.rebuilt()
                finally:
                    self.records = kept

    def test_an_abandoned_batch_frees_the_leaves_without_an_intent_and_gets_nothing_more(self):
        def abandoned(*chunks):
            body = instruction(THEN) + struct.pack(">I", 4) + b"gone" + struct.pack(">I", len(chunks))
            return body + b"".join(struct.pack(">Q", chunk) for chunk in chunks)

        begun = [(1, 1, 1, 0, None), (2, 7, 1, 0, None), (3, 7, 1, 1, None), (4, 9, 1, 0, None)]
        rebuild_crl.check_kinds([*begun, (5, 25, 1, 0, abandoned(0, 1)), (6, 15, 1, 0, None), (7, 7, 6, 0, None)])
        for wrong in ([(5, 25, 1, 0, abandoned(0))], [(5, 25, 1, 0, abandoned(0, 1, 2))],
                      [(5, 25, 1, 0, abandoned(0, 1) + b"x")], [(5, 27, 0, 5, None)],
                      *([(5, 25, 1, 0, abandoned(0, 1)), (6, kind, 1, 2, None)] for kind in (7, 8, 9, 10, 13, 14))):
            with self.assertRaises(Refused):
                rebuild_crl.check_kinds([*begun, *wrong])


if __name__ == "__main__":
    unittest.main()
