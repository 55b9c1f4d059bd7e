use super::*;

const ONE: Code = Code::new("test.one");
const TWO: Code = Code::new("test.two");

fn finding(number: u64) -> Finding {
    let item = ItemName::input(b"reel.zip").entry(b"inner.zip").entry(format!("{number}.der").as_bytes());
    let finding = match number % 3 {
        0 => Finding::ignored(item, ONE, "text without a certificate"),
        1 => Finding::rejected(item, TWO, format!("expected {number}")),
        _ => Finding::rejected(item, ONE, "\u{a7} of \u{1F600}"),
    };
    let uid = Uid::from_bytes(&number.to_be_bytes()).unwrap();
    match number % 4 {
        0 => finding,
        1 => finding.of(Some(uid), None),
        2 => finding.of(None, Some(Sha256Digest::new([7; 32]))),
        _ => finding.of(Some(uid), Some(Sha256Digest::new([u8::try_from(number % 251).unwrap(); 32]))),
    }
}

fn spool(folder: &Path, count: u64) -> Findings {
    let mut spool = FindingSpool::new(folder);
    // as workers hand them over: in any order
    for number in (0..count).rev().step_by(2).chain((0..count).rev().skip(1).step_by(2)) {
        spool.push_with(number, finding(number), &number.to_le_bytes()).unwrap();
    }
    assert_eq!(spool.len(), count);
    spool.finish().unwrap()
}

#[test]
fn findings_come_back_in_the_order_of_the_input_whatever_their_number() {
    for count in [0, 1, 7, 999, 1_000, 1_001, 200_000] {
        let folder = tempfile::tempdir().unwrap();
        let findings = spool(folder.path(), count);
        assert_eq!(findings.len(), count);
        let mut reading = findings.read();
        for number in 0..count {
            let placed = reading.next_finding().unwrap().unwrap();
            assert_eq!((placed.number, &placed.finding), (number, &finding(number)));
            assert_eq!(placed.more, number.to_le_bytes());
        }
        assert!(reading.next_finding().unwrap().is_none());
        let shown: Vec<Finding> = (0..count.min(1_000)).map(finding).collect();
        assert_eq!(findings.first(), shown);
        assert_eq!(findings.count(Disposition::Ignored), count.div_ceil(3));
        assert_eq!(findings.count(Disposition::Rejected), count - count.div_ceil(3));
        for ((code, disposition), of_code) in findings.codes() {
            let same = |number: &u64| (finding(*number).code, finding(*number).disposition) == (*code, *disposition);
            assert_eq!(
                of_code.first,
                finding((0..count).find(same).unwrap()),
                "the first, whenever it was handed over"
            );
            assert_eq!(of_code.count, (0..count).filter(same).count() as u64);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the scratch file has no name");
    }
}

#[test]
fn the_file_of_all_findings_says_what_rejected_jsonl_says_and_appears_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.jsonl");
    let findings = spool(folder.path(), 5_000);
    findings.write_to(&path).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    let expected: String = (0..5_000).map(|number| FindingLine::new(&finding(number)).line() + "\n").collect();
    assert!(written == expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    // the same again is nothing to do; anything else is never overwritten
    findings.write_to(&path).unwrap();
    for other in [spool(folder.path(), 4_999), spool(folder.path(), 5_001), Findings::default()] {
        assert!(matches!(other.write_to(&path), Err(FindingsError::Taken { .. })));
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    let taken = findings.write_to(folder.path()).unwrap_err();
    assert!(taken.to_string().ends_with("exists already and does not list these findings"), "{taken}");
    let none = folder.path().join("none.jsonl");
    Findings::default().write_to(&none).unwrap();
    assert_eq!(std::fs::metadata(&none).unwrap().len(), 0);
}
