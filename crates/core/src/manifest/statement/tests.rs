use super::*;
use crate::manifest::error::ManifestError;
use crate::verify::Family;

fn digest(byte: u8) -> Sha256Digest {
    Sha256Digest::new([byte; 32])
}

fn full() -> Statement {
    Statement {
        format: Format::Two(Family::StsafeA),
        batch: "01968d2e-7b00-7cc3-98c4-dc0c0c07398f".to_owned(),
        issued_at: Time::from_rfc3339("2026-01-31T00:00:00Z").unwrap(),
        created: Time::from_rfc3339("2026-01-31T00:03:12Z").unwrap(),
        tool: "reroot 0.1.0".to_owned(),
        inputs: InputsReference { sha256: digest(1), count: 2 },
        anchors: vec![
            AnchorReference { subject: "C=NL, CN=One".to_owned(), spki_sha256: digest(2), sha256: digest(3) },
            AnchorReference { subject: "CN=Two\\, \u{e9}".to_owned(), spki_sha256: digest(4), sha256: digest(5) },
        ],
        relaxations: vec![Relaxation::ExpiredLeaf, Relaxation::TestAnchor],
        policy: PolicyReference { name: "aws-iot".to_owned(), version: 1, sha256: digest(6) },
        params: BTreeMap::from([("lot".to_owned(), "A0042".to_owned()), ("site".to_owned(), "Gr\u{f6}".to_owned())]),
        reissue: Some("lost key".to_owned()),
        bulk_id: Some("B-77".to_owned()),
        issuer: IssuerReference {
            mode: IssuerMode::Local,
            subject: "CN=Acme Issuing CA".to_owned(),
            sha256: digest(7),
            spki_sha256: digest(8),
        },
        serial_seed: Some(Seed([9; 32])),
        beacon: Some(digest(17)),
        discarded_serials: vec![SerialNumber::from_content(&[0x41; 16]).unwrap()],
        expected: Some(Expected {
            sha256: digest(10),
            count: 3,
            unmet: Some(Unmet { missing: digest(18), missing_count: 2, surplus: 1 }),
        }),
        counts: Counts { items: 6, issued: 3, rejected: 1, ignored: 2, signatures_made: 4 },
        entries: EntriesReference { sha256: digest(11), tree_size: 3, root_hash: digest(12) },
        rejected: digest(13),
        files: vec![
            FileDigest { name: "certificates.zip".to_owned(), sha256: digest(14) },
            FileDigest { name: "policy.toml".to_owned(), sha256: digest(15) },
        ],
        previous: Some(Previous {
            batch: "01968d2e-7b00-7cc3-98c4-dc0c0c073990".to_owned(),
            statement_sha256: digest(16),
        }),
        proof_of_possession: Possession::None,
        seals: vec!["pqc-1".to_owned(), "slh-dsa".to_owned()],
    }
}

/// What the first releases wrote.
fn first() -> Statement {
    Statement {
        format: Format::One,
        beacon: None,
        expected: Some(Expected { sha256: digest(10), count: 3, unmet: None }),
        seals: vec![],
        ..full()
    }
}

fn sparse() -> Statement {
    Statement {
        anchors: vec![],
        relaxations: vec![],
        params: BTreeMap::new(),
        reissue: None,
        bulk_id: None,
        serial_seed: None,
        beacon: None,
        seals: vec![],
        issuer: IssuerReference { mode: IssuerMode::Foreign, ..full().issuer },
        discarded_serials: vec![],
        expected: None,
        files: vec![],
        previous: None,
        ..full()
    }
}

#[test]
fn a_statement_reads_back_to_the_same_bytes() {
    for statement in [full(), sparse(), first()] {
        let bytes = statement.to_bytes();
        assert!(bytes.iter().all(|byte| matches!(byte, b'\n' | 0x20..=0x7E)), "printable ASCII");
        assert!(bytes.ends_with(b"\n}\n"));
        assert_eq!(Statement::parse(&bytes).unwrap(), statement);
    }
}

#[test]
fn python_writes_the_same_layout() {
    let script = "import json,sys; sys.stdout.write(json.dumps(json.load(sys.stdin), indent=2) + '\\n')";
    for statement in [full(), sparse(), first()] {
        let bytes = statement.to_bytes();
        let mut python = std::process::Command::new("python3")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut python.stdin.take().unwrap(), &bytes).unwrap();
        let output = python.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), String::from_utf8(bytes).unwrap());
    }
}

#[test]
fn the_keys_are_those_of_the_specification_in_its_order() {
    let keys = |statement: Statement| -> Vec<String> {
        let text = String::from_utf8(statement.to_bytes()).unwrap();
        let keys = text.lines().filter_map(|line| line.strip_prefix("  \"")?.split_once('"'));
        keys.map(|(key, _)| key.to_owned()).collect()
    };
    let expected = "format batch issued_at created tool encoder family inputs anchors relaxations policy params reissue \
                    bulk_id issuer serial_seed beacon discarded_serials expected counts entries rejected files previous \
                    proof_of_possession seals";
    assert_eq!(keys(full()), expected.split_whitespace().collect::<Vec<_>>());
    let expected = "format batch issued_at created tool encoder inputs anchors relaxations policy params reissue bulk_id issuer \
                    serial_seed discarded_serials expected counts entries rejected files previous proof_of_possession";
    assert_eq!(keys(first()), expected.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn any_other_spelling_of_a_statement_is_refused() {
    let text = String::from_utf8(full().to_bytes()).unwrap();
    for (from, to, code) in [
        ("reroot-manifest/2", "reroot-manifest/3", "format"),
        ("reroot-manifest/2", "reroot-manifest/", "format"),
        ("reroot-manifest/2", "reroot-manifest/1", "encoder"),
        ("\"encoder\": 2", "\"encoder\": 1", "encoder"),
        ("\"encoder\": 2", "\"encoder\": 3", "encoder"),
        ("\"encoder\": 2", "\"encoder\": 4294967298", "encoder"),
        ("  \"family\": \"stsafe-a\",\n", "", "syntax"),
        ("\"stsafe-a\"", "\"stsafe-b\"", "value"),
        ("\"beacon\": \"11", "\"beacon\": \"1", "value"),
        ("  \"beacon\": \"1111111111111111111111111111111111111111111111111111111111111111\",\n", "", "syntax"),
        ("\"missing.jsonl\"", "\"rejected.jsonl\"", "syntax"),
        ("      \"count\": 2\n", "      \"count\": 4\n", "value"),
        ("    \"surplus\": 1\n", "    \"surplus\": 4\n", "value"),
        (",\n    \"surplus\": 1\n", "\n", "syntax"),
        ("\"pqc-1\",\n    \"slh-dsa\"", "\"slh-dsa\",\n    \"pqc-1\"", "value"),
        ("\"pqc-1\",\n    \"slh-dsa\"", "\"pqc-1\",\n    \"pqc-1\"", "value"),
        ("\"pqc-1\"", "\"pqc_1\"", "value"),
        ("\"pqc-1\"", "\"\"", "value"),
        ("policy.toml", "missing.jsonl", "value"),
        ("{\n  \"format\"", "{ \"format\"", "format"),
        ("  \"tool\": \"reroot 0.1.0\",\n", "", "syntax"),
        ("  \"encoder\": 2,\n", "  \"encoder\": 2,\n  \"encoder\": 2,\n", "syntax"),
        ("  \"encoder\": 2,\n", "  \"encoder\": 2,\n  \"note\": 1,\n", "syntax"),
        ("\"encoder\": 2", "\"encoder\":1", "syntax"),
        ("\"encoder\": 2", "\"encoder\": 02", "syntax"),
        ("\"encoder\": 2", "\"encoder\": \"1\"", "syntax"),
        ("\n  \"issued_at\"", "\r\n  \"issued_at\"", "syntax"),
        ("-7cc3-", "-4cc3-", "value"),
        ("01968d2e-7b00-7cc3-98c4-dc0c0c07398f", "01968D2E-7B00-7CC3-98C4-DC0C0C07398F", "value"),
        ("01968d2e-7b00-7cc3-98c4-dc0c0c07398f", "01968d2e7b007cc398c4dc0c0c07398f", "value"),
        ("2026-01-31T00:03:12Z", "2026-01-31T00:03:12+00:00", "value"),
        ("2026-01-31T00:03:12Z", "2026-01-30T00:03:12Z", "value"),
        ("\"file\": \"inputs.jsonl\"", "\"file\": \"other.jsonl\"", "syntax"),
        ("\"expired-leaf\",\n    \"test-anchor\"", "\"test-anchor\",\n    \"expired-leaf\"", "value"),
        ("\"lot\": \"A0042\",\n    \"site\"", "\"site\": \"A0042\",\n    \"lot\"", "value"),
        ("\"lot\": \"A0042\",\n    \"site\"", "\"lot\": \"A0042\",\n    \"lot\"", "value"),
        ("\"mode\": \"local\"", "\"mode\": \"remote\"", "value"),
        ("\"mode\": \"local\"", "\"mode\": \"foreign\"", "value"),
        ("\"items\": 6", "\"items\": 7", "value"),
        ("\"rejected\": 1,", "\"rejected\": 18446744073709551615,", "value"),
        ("\"tree_size\": 3", "\"tree_size\": 4", "value"),
        ("policy.toml", "../policy.toml", "value"),
        ("policy.toml", "manifest.jsonl", "value"),
        ("policy.toml", "certificates.zip", "value"),
        ("policy.toml", "a.toml", "value"),
        ("073990\"", "07398f\"", "value"),
        ("\"none\"", "\"complete\"", "value"),
        ("\\u00e9", "\u{e9}", "syntax"),
        ("Gr\\u00f6", "G\\u0072\\u00f6", "syntax"),
        ("\n}\n", "\n}", "syntax"),
        ("\n}\n", "\n}\n\n", "syntax"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let error = Statement::parse(changed.as_bytes()).unwrap_err();
        let family = if code == "encoder" { "audit" } else { "manifest" };
        assert_eq!(error.code().as_str(), format!("{family}.statement.{code}"), "{to}: {error}");
    }
    assert!(matches!(Statement::parse(b""), Err(ManifestError::Format { .. })));
    assert!(Statement::parse(b"[]").is_err());
}

#[test]
fn no_change_of_a_byte_reads_as_the_same_statement() {
    let statement = full();
    let bytes = statement.to_bytes();
    for at in 0..bytes.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if let Ok(other) = Statement::parse(&changed) {
                assert_ne!(other, statement, "byte {at} xor {flip}");
                assert_eq!(other.to_bytes(), changed, "byte {at} xor {flip}");
            }
        }
    }
}
