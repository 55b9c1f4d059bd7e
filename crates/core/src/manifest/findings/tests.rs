use crate::origin::Code;

use super::*;

const FINDING: &str = concat!(
    r#"{"item":"reel.zip!b.der","disposition":"rejected","code":"verify.signature.invalid","#,
    r#""reason":"signature does not verify\u000a","uid":"0209B0846159E439520139","#,
    r#""source_sha256":"454b5fe178b23b6ea19c13a1f45c11f35aef9bcf831c8ca72bb182c733aaddb4"}"#
);

#[test]
fn rejected_and_ignored_items_read_back() {
    let mut finding = Finding::rejected(
        ItemName::input(b"reel.zip").entry(b"b.der"),
        Code::new("verify.signature.invalid"),
        "signature does not verify\n",
    );
    let digest = "454b5fe178b23b6ea19c13a1f45c11f35aef9bcf831c8ca72bb182c733aaddb4".parse().unwrap();
    finding = finding.of("0209B0846159E439520139".parse().ok(), Some(digest));
    let line = FindingLine::new(&finding).line();
    assert_eq!(line, FINDING);
    assert_eq!(FindingLine::parse(&line).unwrap(), FindingLine::new(&finding));
    serde_json::from_str::<serde_json::Value>(&line).unwrap();

    let ignored = Finding::ignored(ItemName::input(b"readme.txt"), Code::new("reel.item.not-a-candidate"), "text");
    let line = FindingLine::new(&ignored).line();
    assert!(line.ends_with(r#""uid":null,"source_sha256":null}"#));
    let read = FindingLine::parse(&line).unwrap();
    assert_eq!(
        (read.disposition(), read.code(), read.uid()),
        (Disposition::Ignored, "reel.item.not-a-candidate", None)
    );
}

#[test]
fn a_reason_of_any_length_fits_a_line() {
    let finding = Finding::ignored(ItemName::input(b"a"), Code::new("a.b"), "\u{1f512}".repeat(100_000));
    let line = FindingLine::new(&finding).line();
    assert!(line.len() < FindingLine::MAX_LINE && line.contains("...\","), "{}", line.len());
    FindingLine::parse(&line).unwrap();
}

#[test]
fn other_spellings_of_a_finding_are_refused() {
    for (from, to) in [
        ("\"rejected\"", "\"issued\""),
        ("verify.signature", "Verify.signature"),
        ("verify.signature.invalid", ""),
        ("verify.signature.invalid", "verify"),
        ("verify.signature.invalid", "."),
        ("verify.signature.invalid", "verify..invalid"),
        ("verify.signature.invalid", "verify.signature-.invalid"),
        ("\\u000a", "\\n"),
        ("0209B0", "0209b0"),
        (",\"uid\"", ", \"uid\""),
        ("}", ",\"more\":1}"),
    ] {
        assert!(FindingLine::parse(&FINDING.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn inputs_read_back_in_one_spelling() {
    let digest = "454b5fe178b23b6ea19c13a1f45c11f35aef9bcf831c8ca72bb182c733aaddb4".parse().unwrap();
    let input = InputLine::new(ItemName::input(b"reel.zip"), 1024, digest);
    let line = input.line();
    assert_eq!(line, format!(r#"{{"name":"reel.zip","bytes":1024,"sha256":"{digest}"}}"#));
    assert_eq!(InputLine::parse(&line).unwrap(), input);
    for (from, to) in [("1024", "01024"), ("1024", "1e3"), ("reel.zip", ""), ("}", "} "), ("454b", "454B")] {
        assert!(InputLine::parse(&line.replacen(from, to, 1)).is_err(), "{to}");
    }
}
