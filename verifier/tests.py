"""What the parts of this verifier refuse beside what they take: python3 -m unittest tests (in this folder).

Whole batches and proofs, honest and changed, are put before both verifiers by the project's own tests."""
import json, subprocess, sys, unittest
import accounting, asn1, forms, policy, schema, spelling, tables, verify_batch, verify_proof
from asn1 import Refused, der, oid, sequence
from tests_crl import CrlChecks, Rebuilding  # run with the others

GOOD = """version = 1
name = "t"
description = "for tests"
[source]
family = "stsafe-a"
keys = ["P-256"]
relax = []
[params.lot]
pattern = "[A-Z]{1,4}"
[certificate]
subject = [{ CN = "{uid}", O = "{lot}" }]
serial = "derived"
not_before = "issuance"
not_after = "5y"
outlives_issuer = "error"
signature = "ecdsa-sha256"
[extensions]
key_usage = { critical = true, bits = ["digitalSignature"] }
extended_key_usage = { critical = false, purposes = ["clientAuth"] }
subject_key_identifier = { method = "rfc7093-1" }
[device]
target = "none"
full_width_signature = false
"""


class Refusals(unittest.TestCase):
    def refused(self, check, *arguments):
        with self.assertRaises(Refused, msg=repr(arguments)):
            check(*arguments)

    def test_text_has_one_spelling_and_whole_characters(self):
        for text in ("", "a\x7f\n\0", "\u00e9\U0001f512", "\\ud800"):
            self.assertEqual(json.loads(spelling.spelled(text)), text)
        for half in ("\ud800", "\udd12\ud83d", "\U0001f512\ud83d"):
            self.refused(spelling.spelled, half)

    def test_serial_numbers_are_positive_and_have_at_most_20_bytes(self):
        for serial in ("01", "7F" * 20, "0080"):
            spelling.check_shape(spelling.SERIAL, serial, "serial")
        for serial in ("", "00", "80", "0001", "01" * 21, "0", "0a"):
            self.refused(spelling.check_shape, spelling.SERIAL, serial, "serial")

    def test_batches_are_named_by_uuids_of_version_7_and_their_variant(self):
        spelling.check_shape(spelling.UUID7, "01968d2e-7b00-7cc3-98c4-dc0c0c07398f", "batch")
        for name in ("01968d2e-7b00-7cc3-c8c4-dc0c0c07398f", "01968d2e-7b00-4cc3-98c4-dc0c0c07398f"):
            self.refused(spelling.check_shape, spelling.UUID7, name, "batch")

    def test_reasons_and_codes_have_their_forms(self):
        spelling.check_shape(spelling.REISSUE, "x" * 1000, "reissue")
        self.refused(spelling.check_shape, spelling.REISSUE, "x" * 1001, "reissue")
        spelling.check_shape(spelling.CODE, "reel.zip.two-archives", "code")
        for code in ("reel", "reel.", ".reel", "reel..x", "-.-", "reel.x-", "reel.x--y"):
            self.refused(spelling.check_shape, spelling.CODE, code, "code")

    def test_der_is_strict(self):
        for good in (b"\x30\0", der(4, bytes(200)), der(4, bytes(70_000))):
            self.assertEqual(asn1.elements(good)[0][2], good)
        for bad in ("30800000", "308101ff", "0402ff", "30", "1f810100", "0485000000010000"):
            self.refused(asn1.elements, bytes.fromhex(bad))
        for bad in ("02020005", "0200", "010101", "030205a1", "050100", "2403040100", "1000", "0c01ff", "160180"):
            self.refused(asn1.check_der, bytes.fromhex(bad))
        for bad in ("", "5580", "551d8013", "551d93", "8055", "7801"):
            self.refused(asn1.dotted, bytes.fromhex(bad))

    def test_names_have_the_characters_and_bounds_of_their_attributes(self):
        check = lambda kind, tag, value: forms.check_name([[(kind, tag, value)]])
        name, country, number = "2.5.4.3", "2.5.4.6", "2.5.4.5"
        for kind, tag, value in ((name, 12, "\u00e9".encode() * 64), (name, 20, b"\xe9"), (country, 19, b"FR")):
            check(kind, tag, value)
        for kind, tag, value in (
                (name, 12, b"a\nb"), (name, 12, b"a" * 65), (name, 12, b""), (name, 12, b"\xff"), (name, 20, b"\x9b"),
                (name, 22, b"a"), (name, 30, b"\xd8\0\xdc\0"), (country, 12, b"FR"), (country, 19, b"F"),
                (number, 19, b"a@b"), ("1.2.3", 3, b"\x09\1")):
            self.refused(check, kind, tag, value)

    def test_keys_are_valid_and_uncompressed(self):
        base = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                             "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
        curve = sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
        p256 = lambda point, unused=b"\0": sequence(curve, der(3, unused, point))
        self.assertEqual(forms.load_key(p256(b"\4" + base)).key_size, 256)
        off_curve = p256(b"\4" + base[:32] + bytes(32))
        for bad in (p256(b"\3" + base[:32]), off_curve, p256(b"\4" + base, b"\1"), p256(b"\0")):
            self.refused(forms.load_key, bad)
        ed25519 = lambda key: sequence(sequence(oid("1.3.101.112")), der(3, b"\0", key))
        forms.load_key(ed25519(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")))
        order_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
        prime = bytes([0xED]) + b"\xff" * 30 + b"\x7f"
        for bad in (bytes(32), b"\1" + bytes(31), order_8, b"\2" + bytes(31), prime, bytes(31)):
            self.refused(forms.load_key, ed25519(bad))

    def test_key_usage_is_a_list_of_named_bits(self):
        self.assertEqual(forms.key_usage(bytes.fromhex("03020780")), {0})
        self.assertEqual(forms.key_usage(bytes.fromhex("0303070080")), {8})
        for bad in ("03020080", "030100", "03020700", "0303004000", "0304000080ff", "03020781"):
            self.refused(forms.key_usage, bytes.fromhex(bad))

    def test_policies_have_a_closed_schema(self):
        read = lambda text: schema.Schema(tables.read_tables(text.encode()))
        read(GOOD)
        for before, after in (
                ("name =", "nmae ="), ('"P-256"', '"P-265"'), ("rfc7093-1", "rfc7093-2"),
                ("ecdsa-sha256", "ecdsa-sha265"), ('"clientAuth"', '"clientauth"'),
                ('"clientAuth"', '"1.3.6.1.5.5.7.3.36"'), ('"clientAuth"', '"clientAuth", "clientAuth"'),
                ('"digitalSignature"', '"keyCertSign"'), ('"digitalSignature"', '"keyEncipherment"'),
                ("version = 1", "version = 1.0"), ("5y", "0y"), ("5y", "05y"), ("5y", "4000001d"), ("{lot}", "x"),
                ("{uid}", "{uld}"), ("{uid}", "{uid|bytes}"), ("{uid}", "{uid"), ("{uid}", "{uid|slice(3,3)}"),
                ('"none"', '"stselib"'), ("[device]", "[extra]\n[device]"), ("critical = false, purposes", "purposes"),
                ("relax = []", 'relax = ["expired"]'), ("[A-Z]{1,4}", "^[A-Z]$"),
                ("[device]", "[extensions.authority_key_identifier]\ncritical = false\n[device]"),
                ("full_width_signature = false", 'full_width_signature = "false"'), ("CN =", "CM ="),
                ("[device]", "[device]\nmax_certificate_bytes = 4294967296")):
            self.assertIn(before, GOOD)
            self.refused(read, GOOD.replace(before, after))

    def test_a_policy_for_another_ca_promises_what_another_ca_can(self):
        def foreign(text):
            policy = tables.read_tables(text.encode())
            schema.Schema(policy).check_foreign(policy)

        foreign(GOOD)
        full_width = "full_width_signature = false"
        for before, after in ((full_width, full_width.replace("false", "true")), ('"derived"', '"source"')):
            self.refused(foreign, GOOD.replace(before, after))

    def test_policies_are_toml_1_1(self):
        newer = b'\xef\xbb\xbfa = { b = [1,\n2,], # x\n c = "\\x41{\\e", }\n'
        self.assertEqual(tables.read_tables(newer), {"a": {"b": [1, 2], "c": "A{\x1b"}})
        for bad in (b"a = {,}", b"a = { b = 1,, }", b"a = { b = 1\n c = 2 }", b"a = 1\na = 2"):
            with self.assertRaises(tables.tomllib.TOMLDecodeError):
                tables.read_tables(bad)

    def test_hosts_and_addresses_are_whole(self):
        for uri in ("urn:stsafe:x", "https://a.example/x", "http://192.0.2.1:8080/", "ldap://[2001:db8::1]/o=x"):
            schema.check_uri(uri)
        for uri in ("a.example", "https://localhost/", "http://a..example/", "http://a.example/%zz", "urn:x:y",
                    "http://a@b.example/"):
            self.refused(schema.check_uri, uri)
        self.refused(schema.check_uri, "ftp://a.example/", ("http", "https"))

    def test_subjects_have_the_values_of_their_attributes(self):
        fill = lambda text: text.encode()
        for good in ({"C": "FR"}, {"CN": "\u00e9" * 64}, {"matterVendorId": "FFF1"}, {"DC": "example"}):
            policy.name([good], fill)
        for bad in ({"C": "fr"}, {"CN": ""}, {"CN": " a"}, {"CN": "a" * 65}, {"matterVendorId": "fff1"}, {"DC": "a.b"},
                    {"serialNumber": "a_b"}, {"type": "1.2.3", "value": "a" * 1025, "string": "utf8"}, {"CN": "a\nb"}):
            self.refused(policy.name, [bad], fill)

    def test_serial_numbers_of_encoder_2_are_bound_to_the_batch(self):
        class Leaf:
            sha256, spki = bytes(32), b"spki"
        s = {"encoder": 1, "serial_seed": "07" * 32, "batch": "01968d2e-7b00-7cc3-98c4-dc0c0c07398f", "beacon": None}
        other = {"encoder": 2, "batch": "01968d2e-7b00-7cc3-98c4-dc0c0c073990"}
        numbers = {policy.derived_serial(s | more, Leaf, Leaf, attempt) for attempt in (0, 1)
                   for more in ({}, {"encoder": 2}, {"encoder": 2, "beacon": "01" * 32}, other)}
        self.assertEqual(len(numbers), 8)
        self.assertTrue(all(len(one) == 16 and 0x40 <= one[0] < 0x80 for one in numbers))

    def test_the_lower_s_is_at_most_half_of_the_order(self):
        self.assertEqual([order.bit_length() for order in verify_batch.ORDERS.values()], [256, 384, 521])
        for kind, order in verify_batch.ORDERS.items():
            signature = lambda s: sequence(asn1.integer(1), asn1.integer(s))
            self.assertTrue(verify_batch.is_low(signature((order - 1) // 2), kind))
            self.assertFalse(verify_batch.is_low(signature((order + 1) // 2), kind))

    def test_only_uids_of_the_family_are_absent(self):
        a, rest = "0209" + "11" * 9, "11" * 8
        for family, good, bad in (("stsafe-a", a, a[4:]), ("stsafe-a", a, "00" + a), ("stsafe-a", a, a[:-4]),
                                  ("stsafe-l", "40" + rest, "00" + rest), ("stsafe-l", "40" + rest, "80" + rest),
                                  ("generic", "0080", "0001"), ("generic", "01", "00"),
                                  ("generic", "7F" * 20, "01" * 21)):
            self.assertTrue(verify_batch.is_uid(family, bytes.fromhex(good)))
            self.assertFalse(verify_batch.is_uid(family, bytes.fromhex(bad)))

    def test_an_item_is_there_once_and_its_code_is_on_the_list(self):
        finding = {"item": "reel.zip!a", "disposition": "rejected", "code": "reel.zip.checksum", "reason": "",
                   "uid": None, "source_sha256": None}
        s = {"encoder": 1, "expected": None, "counts": {"rejected": 1, "ignored": 0}}
        line = {"uid": "01", "source_item": "reel.zip!b"}
        derived = {"certificate": {"serial": "derived"}}
        accounting.check_findings(s, derived, [line], [finding], None)
        for found, more in (([line | {"source_item": "reel.zip!a"}], {}), ([line, line], {}),
                            ([line], {"code": "reel.lost"}), ([line], {"disposition": "ignored"}),
                            ([line], {"code": "verify.expect.unexpected", "uid": "01"}),
                            ([line], {"code": "ledger.uid-with-other-key"}),
                            ([line], {"code": "ledger.serial-repeated", "uid": "01", "source_sha256": "00"})):
            self.refused(accounting.check_findings, s, derived, found, [finding | more], None)

    def test_chips_that_are_missing_are_not_in_the_batch(self):
        lines = lambda *chips: "".join(f'{{"chip":"{chip}"}}\n' for chip in chips).encode()
        whole, short = "0209" + "11" * 9, "0209" + "22" * 7
        check = lambda text, count, found=(), surplus=0: accounting.check_expected(
            {"count": 2, "surplus": surplus, "missing": {"count": count}}, "stsafe-a", list(found), [], text)
        check(lines(whole, short), 2)
        for text, count, found, surplus in (
                (lines(short, whole), 2, [], 0), (lines(whole, whole), 2, [], 0), (lines(whole), 2, [], 0),
                (lines(whole), 1, [], 1), (lines(whole), 1, [{"uid": whole}], 0),
                (lines(short), 1, [{"uid": short + "0139"}], 0), (lines("11" * 9), 1, [], 0)):
            self.refused(check, text, count, found, surplus)

    def test_both_commands_say_how_they_are_used(self):
        for script, options in ((verify_batch, ("--input", "--history")), (verify_proof, ("--absent",))):
            done = subprocess.run([sys.executable, "-B", script.__file__, "--help"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(all(one in done.stdout for one in ("MANIFEST", *options)), done.stdout)


if __name__ == "__main__":
    unittest.main()
