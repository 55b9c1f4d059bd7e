use super::*;
use crate::ledger::testing::{leaf, leaf_spki, leaves, on_every_store, row, terms};
use crate::ledger::{BatchId, Instruction};

fn begin(ledger: &Ledger, n: u32, numbers: impl IntoIterator<Item = u64>) -> BatchId {
    let list = leaves(numbers);
    let row = row(n, terms(&format!("p{n}"), &list), 4);
    let id = row.id.clone();
    ledger.begin(row, &list).unwrap();
    id
}

fn uids(numbers: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(|n| leaf(n).uid.as_bytes().to_vec()).collect()
}

fn among(path: &Path, list: &[Vec<u8>]) -> Result<Vec<usize>, NamesError> {
    KnownNames::open(path, &leaf_spki(1))?.among(list.iter().map(Vec::as_slice))
}

fn write(path: &Path, content: &[u8]) {
    let _ = durable::remove_partial_file(path);
    durable::write_new(path, Access::Private, content).unwrap();
}

#[test]
fn a_list_has_each_chip_that_is_not_issued_for_again() {
    on_every_store(&leaf_spki(u64::MAX), |ledger| {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let none = ledger.export_names(&file("none")).unwrap();
        assert_eq!((none.names, none.head), (0, ledger.head().unwrap()));
        assert_eq!(among(&file("none"), &uids(0..5)).unwrap(), Vec::<usize>::new());
        begin(ledger, 1, (0..20).step_by(2));
        begin(ledger, 2, [1, 30]);
        let given_up = begin(ledger, 3, [3, 5, 7]);
        assert_eq!(ledger.export_names(&file("before")).unwrap().names, 15);
        let at = crate::x509::Time::from_rfc3339("2026-01-31T12:00:00Z").unwrap();
        let instruction = Instruction { at, requester: "me".into(), approvals: vec![] };
        ledger.abandon(&given_up, &instruction, "lost").unwrap();
        // no intent: its chips are free
        assert_eq!(ledger.export_names(&file("after")).unwrap().names, 12);
        let list = uids(0..40);
        let expected: Vec<usize> = (0..20).step_by(2).chain([1, 30]).collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(among(&file("after"), &list).unwrap(), expected);
        assert_eq!(among(&file("after"), &[]).unwrap(), Vec::<usize>::new());
        // nothing is overwritten, nothing is left
        assert!(matches!(ledger.export_names(&file("after")), Err(LedgerError::Durable(DurableError::Exists { .. }))));
        assert!(!file("after.partial").exists());
        let own = KnownNames::open(&file("after"), &leaf_spki(u64::MAX)).unwrap_err();
        assert!(matches!(own, NamesError::Own { .. }), "{own}");
    });
}

#[test]
fn a_list_that_is_not_as_it_was_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names");
    let ledger = Ledger::in_memory(&leaf_spki(u64::MAX));
    begin(&ledger, 1, 10..16);
    ledger.export_names(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let list = uids(10..16);
    assert_eq!(among(&path, &list).unwrap().len(), 6);
    let bad = folder.path().join("bad");
    // cut anywhere, or with any byte changed
    for end in 0..text.len() {
        write(&bad, &text.as_bytes()[..end]);
        assert!(among(&bad, &list).is_err(), "cut after {end} bytes");
    }
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        write(&bad, &bytes);
        assert!(among(&bad, &list).is_err(), "byte {at} changed");
    }
    let names: Vec<&str> = text.lines().collect();
    let (head, end) = (names[..3].join("\n"), names[names.len() - 1]);
    let with = |names: &[&str]| {
        let mut before = format!("{head}\n{}", names.join("\n"));
        before.push('\n');
        format!("{before}end {} {}\n", names.len(), sha256(before.as_bytes()))
    };
    let [first, second] = [names[3], names[4]];
    let small = first.to_lowercase();
    let long = "0".repeat(1 << 20);
    let cases = [
        (with(&[second, first]), "line 5: its UIDs are not in strict order"),
        (with(&[first, first]), "line 5: its UIDs are not in strict order"),
        (with(&[&small]), "line 4: it is not a UID"),
        (with(&[""]), "line 4: it is not a UID"),
        (with(&["0"]), "line 4: it is not a UID"),
        (with(&[&"0A".repeat(21)]), "line 4: it is not a UID"),
        (with(&[&long]), "line 4: it is too long"),
        (with(&["0209\r"]), "line 4: it is not a UID"),
        (format!("{text}x"), "there is more behind it"),
        (text.replace(end, &end.replace("end 6", "end 5")), "it counts other names than the file has"),
        (text.replace(end, &end.replace("end 6", "end 06")), "it is not `end`, a number and a digest"),
        (text.replacen(second, "", 1).replacen("\n\n", "\n", 1), "it counts other names than the file has"),
        (text.replace("head ", "head  "), "line 3: it is not `head`"),
        (text.replace("issuer ", "issuer x"), "line 2: it is not `issuer`"),
        (text.replace("reroot-names/1", "reroot-names/2"), "has version 2, expected 1"),
        (text.replace("reroot-names/1", "reroot-names/1 "), "has version 1 , expected 1"),
        ("0209A021E021C4E1D00139\n".to_owned(), "is not a list of names"),
        (long.clone(), "is not a list of names"),
        (String::new(), "is not a list of names"),
    ];
    for (content, expected) in cases {
        write(&bad, content.as_bytes());
        let refused = among(&bad, &list).unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    assert!(matches!(among(folder.path(), &list), Err(NamesError::Unreadable { .. })));
    assert!(matches!(among(&folder.path().join("nowhere"), &list), Err(NamesError::Unreadable { .. })));
    // a list of one UID is right with these helpers
    write(&bad, with(&[first]).as_bytes());
    assert_eq!(among(&bad, &list).unwrap(), [0]);
}
