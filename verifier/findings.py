"""The closed list of codes that a finding of a batch can have (docs/spec/manifest-format.md, Codes of findings): what each
rests on, and what it says of its item."""

LISTED = {
    ("inputs", "rejected"): """
        reel.container: archive compressed database document encrypted key-store message signed; reel.directory: link
        special-file; reel.file: certificate-inside no-certificate not-an-archive; reel.gzip: corrupt; reel.limit:
        archive-depth bundle-bytes compression-ratio directory-depth item-bytes items line-bytes total-bytes; reel.pem:
        base64 certificate-label label-mismatch trusted-certificate unterminated; reel.pkcs7: invalid; reel.tar:
        absolute-name directory-content duplicate-name header link path-traversal special-file trailing-data truncated
        unsupported-entry; reel.text: base64 encoded encoding hexadecimal not-a-certificate numbers; reel.zip:
        absolute-name ambiguous-end central-directory checksum data duplicate-name encrypted end-record link
        local-header method overlap path-traversal several-disks special-file trailing-data two-archives""",
    ("inputs", "ignored"): """
        reel.archive: empty; reel.file: companion not-a-certificate; reel.pem: other-label; reel.pkcs7:
        other-certificate; reel.tar: directory; reel.text: no-certificate; reel.zip: directory prefix""",
    ("inputs", "either"): """
        reel.file: empty""",
    ("leaf", "rejected"): """
        verify.algorithm: mismatch parameters unknown; verify.certificate: too-large version; verify.chain:
        intermediate-time name-case no-trust-anchor path-length test-anchor too-deep too-many-candidates;
        verify.common-name: mismatch; verify.conflict: key-two-uids uid-two-issuers uid-two-keys; verify.der: boolean
        explicit-default form indefinite-length non-minimal-length object-identifier set-order tag trailing-data
        truncated unused-bits; verify.extension: ca-true criticality duplicate key-cert-sign malformed none path-length
        too-many unknown-critical unsupported-constraint version; verify.key: algorithm curve curve-not-named infinity
        length not-allowed not-canonical not-on-curve of-a-ca parameters point-form rsa small-order; verify.name:
        attribute-type empty-issuer empty-rdn empty-subject length string string-type too-many-attributes;
        verify.serial: empty negative padded too-long zero; verify.signature: algorithm encoding invalid length range
        sha1; verify.time: ends-before-it-begins expired format generalized-before-2050 no-such-date not-yet-valid;
        verify.uid: shape; verify.unique-identifier: present""",
    ("leaf", "ignored"): """
        verify.certificate: of-a-ca; verify.conflict: duplicate twin""",
    ("list", "rejected"): """
        verify.expect: unexpected""",
    ("list", "ignored"): """
        verify.expect: surplus""",
    ("certificate", "rejected"): """
        aws-iot: key signature thing-name; azure-dps: client-auth registration-id; device: size; device.right: delegated
        legacy; devid: authority-key-identifier key-usage subject-alt-name; devid.subject: serial-number; ieee2030-5:
        algorithms authority-key-identifier certificate-policies key-usage names validity; matter-dac: algorithms
        basic-constraints key-identifiers key-usage size vendor-product; policy.leaf: common-name family key validity;
        rfc5280: authority-key-identifier certificate-policies extended-key-usage structure subject-alt-name
        subject-key-identifier unique-identifier version; rfc5280.basic-constraints: ca; rfc5280.extension: ca-only
        critical critical-encoding duplicate; rfc5280.issuer: differs; rfc5280.key-usage: ca key; rfc5280.name: length
        string; rfc5280.serial: not-positive too-long; rfc5280.signature: issuer-key; rfc5280.subject: empty;
        rfc5280.validity: encoding negative outside-issuer; stselib.issuer: key name; stselib.signature: full-width;
        stselib.subject: key; stselib.tbs: short; template.field: differs; template.serial: differs; template.spki:
        differs""",
    ("history", "rejected"): """
        ledger: key-under-other-uid serial-repeated uid-with-other-key""",
    ("history", "ignored"): """
        ledger: already-issued""",
    ("signer", "rejected"): """
        ledger: blocked not-in-batch""",
}


def spread(text):
    for group in text.split(";"):
        area, _, names = group.partition(":")
        yield from (f"{area.strip()}.{name}" for name in names.split())


CODES = {code: key for key, text in LISTED.items() for code in spread(text)}
