use std::fs;

use crate::delivery::{BatchReader, StoredCertificate};
use crate::durable::Access;

use super::*;

const BATCH: &str = "01968d2e-7b00-7cc3-98c4-dc0c0c07398f";

fn at() -> Time {
    Time::from_rfc3339("2026-01-31T12:34:56Z").unwrap()
}

fn uid(number: u8) -> Uid {
    Uid::from_bytes(&[2, 9, number]).unwrap()
}

fn line(number: u8) -> String {
    format!("{{\"uid\":\"{}\",\"more\":1}}", uid(number))
}

fn add(writer: &mut BatchWriter, numbers: &[u8]) -> Result<(), DeliveryError> {
    let owned = |number: &u8| (uid(*number), [0x30, *number], [0x31, *number], line(*number));
    let chips: Vec<_> = numbers.iter().map(owned).collect();
    let files = chips.iter().map(|(uid, certificate, source, line)| ChipFiles { uid, certificate, source, line });
    writer.add(&files.collect::<Vec<_>>())
}

fn fill(writer: &mut BatchWriter, numbers: &[u8]) {
    add(writer, numbers).unwrap();
    writer.add_file("policy.toml", b"version = 1\n").unwrap();
    writer.line(REJECTED_FILE, "{}").unwrap();
}

fn seal(mut writer: BatchWriter) -> Report {
    let report = writer.finish().unwrap();
    writer.add_file(STATEMENT_FILE, b"{}\n").unwrap();
    writer.add_file(SEAL_FILE, b"0").unwrap();
    writer.publish().unwrap();
    report
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn code<T>(result: Result<T, DeliveryError>) -> &'static str {
    result.err().unwrap().code().as_str()
}

#[test]
fn a_batch_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("batch");
    let mut writer = BatchWriter::create(&out, BATCH, &[Form::Der], at()).unwrap();
    fill(&mut writer, &[1, 2]);
    assert_eq!(names(folder.path()), [format!("batch.partial-{BATCH}")]);
    let report = seal(writer);
    assert_eq!(names(folder.path()), ["batch"]);
    assert_eq!(
        names(&out),
        [
            "certificates.zip",
            "inputs.jsonl",
            "manifest.json",
            "manifest.json.p7s",
            "manifest.jsonl",
            "policy.toml",
            "rejected.jsonl",
            "sources.zip"
        ]
    );
    assert_eq!(fs::read_to_string(out.join(ENTRIES_FILE)).unwrap(), format!("{}\n{}\n", line(1), line(2)));
    assert_eq!(fs::read(out.join(INPUTS_FILE)).unwrap(), b"");
    for file in report.files() {
        let bytes = fs::read(out.join(&file.name)).unwrap();
        assert_eq!((file.bytes, file.sha256), (bytes.len() as u64, crate::crypto::sha256(&bytes)), "{}", file.name);
    }
    let others: Vec<String> = report.other_files().into_iter().map(|file| file.name).collect();
    assert_eq!(others, ["certificates.zip", "policy.toml", "sources.zip"]);
    assert_eq!(report.sha256(REJECTED_FILE), Some(crate::crypto::sha256(b"{}\n")));
}

#[test]
fn the_same_batch_is_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let mut writer =
            BatchWriter::create(&folder.path().join(name), BATCH, &[Form::Pem, Form::Der, Form::Pem], at()).unwrap();
        fill(&mut writer, &[1, 2, 3]);
        seal(writer)
    };
    assert_eq!(write("one"), write("two"));
}

#[test]
fn an_output_that_exists_is_refused_first() {
    let folder = tempfile::tempdir().unwrap();
    let create = |out: &Path| BatchWriter::create(out, BATCH, &[Form::Der], at());
    let out = folder.path().join("batch");
    durable::create_directory(&out, Access::Public).unwrap();
    assert_eq!(code(create(&out)), "delivery.output.exists");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert_eq!(code(create(&link)), "delivery.output.exists", "a dangling link is something");
    assert_eq!(code(create(&folder.path().join("no/such/folder"))), "delivery.output.parent");
    assert_eq!(code(create(&folder.path().join("x/.."))), "delivery.output.name");
    let free = folder.path().join("free");
    assert_eq!(code(BatchWriter::create(&free, "../x", &[Form::Der], at())), "delivery.batch-name");
    assert_eq!(code(BatchWriter::create(&free, BATCH, &[], at())), "delivery.no-form");
    assert_eq!(names(folder.path()), ["batch", "link"], "nothing was written");
}

#[test]
fn an_interrupted_run_of_the_same_batch_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("batch");
    let mut writer = BatchWriter::create(&out, BATCH, &[Form::Der], at()).unwrap();
    fill(&mut writer, &[1]);
    drop(writer);
    let other = "01968d2e-7b00-7cc3-98c4-dc0c0c073990";
    drop(BatchWriter::create(&out, other, &[Form::Der], at()).unwrap());
    let mut writer = BatchWriter::create(&out, BATCH, &[Form::Der], at()).unwrap();
    fill(&mut writer, &[2]);
    seal(writer);
    assert_eq!(names(folder.path()), ["batch".to_owned(), format!("batch.partial-{other}")]);
    let reader = BatchReader::open(&out).unwrap();
    assert_eq!(reader.certificates().unwrap().next_certificate().unwrap().unwrap().uid, uid(2));
}

#[test]
fn what_is_in_the_way_of_the_partial_output_stays() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("batch");
    let partial = folder.path().join(format!("batch.partial-{BATCH}"));
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &partial).unwrap();
    assert_eq!(code(BatchWriter::create(&out, BATCH, &[Form::Der], at())), "delivery.output.in-the-way");
    assert!(elsewhere.path().is_dir() && partial.is_symlink());
}

#[test]
fn an_output_that_appears_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("batch");
    let mut writer = BatchWriter::create(&out, BATCH, &[Form::Der], at()).unwrap();
    fill(&mut writer, &[1]);
    writer.finish().unwrap();
    writer.add_file(STATEMENT_FILE, b"{}\n").unwrap();
    writer.add_file(SEAL_FILE, b"0").unwrap();
    durable::create_directory(&out, Access::Public).unwrap();
    assert_eq!(code(writer.publish()), "delivery.output.exists");
    assert_eq!(names(&out), [""; 0]);
    assert_eq!(names(folder.path()).len(), 2, "what was written is still there");
}

#[test]
fn a_batch_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writer = BatchWriter::create(&folder.path().join("batch"), BATCH, &[Form::Der], at()).unwrap();
    writer.abandon().unwrap();
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn nothing_is_published_without_statement_and_seal() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("batch");
    let create = || BatchWriter::create(&out, BATCH, &[Form::Der], at()).unwrap();
    assert_eq!(code(create().publish()), "delivery.incomplete");
    let mut writer = create();
    assert_eq!(code(writer.add_file(STATEMENT_FILE, b"")), "delivery.incomplete", "before the report");
    writer.finish().unwrap();
    assert_eq!(code(writer.finish()), "delivery.finished");
    assert_eq!(code(writer.add_file("policy.toml", b"")), "delivery.finished");
    assert_eq!(code(add(&mut writer, &[1])), "delivery.finished");
    assert_eq!(code(writer.line(REJECTED_FILE, "{}")), "delivery.finished");
    writer.add_file(STATEMENT_FILE, b"").unwrap();
    assert_eq!(code(writer.publish()), "delivery.incomplete");
    assert!(!out.exists());
}

#[test]
fn chips_come_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let create = || BatchWriter::create(&folder.path().join("batch"), BATCH, &[Form::Der], at()).unwrap();
    let mut writer = create();
    fill(&mut writer, &[2]);
    for number in [1, 2] {
        let open = writer.open.as_mut().unwrap();
        assert_eq!(code(add_certificate(&mut open.certificates, &[Form::Der], &uid(number), b"")), "delivery.order");
        assert_eq!(code(open.sources.add(&uid(number), &[])), "delivery.order");
        assert_eq!(code(open.entries.add(&line(number))), "delivery.order");
        assert_eq!(code(add(&mut writer, &[number])), "delivery.order");
    }
    // within one call too
    let mut writer = create();
    assert_eq!(code(add(&mut writer, &[3, 3])), "delivery.order");
    // byte order: a prefix comes first
    let mut writer = create();
    fill(&mut writer, &[2]);
    writer.open.as_mut().unwrap().entries.add("{\"uid\":\"020902AA\"}").unwrap();
    assert_eq!(code(writer.finish()), "delivery.counts");
    let mut writer = create();
    let open = writer.open.as_mut().unwrap();
    add_certificate(&mut open.certificates, &[Form::Der], &uid(1), b"").unwrap();
    open.entries.add(&line(1)).unwrap();
    assert_eq!(code(writer.finish()), "delivery.counts");
    let mut writer = create();
    let entries = &mut writer.open.as_mut().unwrap().entries;
    assert_eq!(code(entries.add("no line")), "delivery.line");
    assert_eq!(code(entries.add("{\"uid\":\"02\"}\n")), "delivery.line");
    assert_eq!(code(entries.add(&format!("{{\"uid\":\"02\"{}", "x".repeat(Entry::MAX_LINE)))), "delivery.line");
}

#[test]
fn file_names_are_plain_and_come_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = BatchWriter::create(&folder.path().join("batch"), BATCH, &[Form::Der], at()).unwrap();
    for name in ["", "../x", "/x", ".x", "-x", "a b", "certificates.zip", "sources-0002.zip", "\u{e9}"] {
        assert_eq!(code(writer.add_file(name, b"")), "delivery.file.name", "{name}");
    }
    writer.add_file("chain.pem", b"").unwrap();
    assert_eq!(code(writer.add_file("chain.pem", b"")), "delivery.write");
    assert_eq!(code(writer.add_file(ENTRIES_FILE, b"")), "delivery.write");
}

#[test]
fn large_batches_have_numbered_parts() {
    let folder = tempfile::tempdir().unwrap();
    for (name, forms, limit, certificates, sources) in [
        ("three", &[Form::Der][..], 3, vec!["certificates.zip"], vec!["sources.zip"]),
        (
            "two",
            &[Form::Der],
            2,
            vec!["certificates-0001.zip", "certificates-0002.zip"],
            vec!["sources-0001.zip", "sources-0002.zip"],
        ),
        (
            "pairs",
            &[Form::Der, Form::Pem],
            3,
            vec!["certificates-0001.zip", "certificates-0002.zip", "certificates-0003.zip"],
            vec!["sources.zip"],
        ),
        (
            "pem",
            &[Form::Pem],
            1,
            vec!["certificates-0001.zip", "certificates-0002.zip", "certificates-0003.zip"],
            vec!["sources-0001.zip", "sources-0002.zip", "sources-0003.zip"],
        ),
    ] {
        let out = folder.path().join(name);
        let mut writer = BatchWriter::with_part_limit(&out, BATCH, forms, at(), limit).unwrap();
        fill(&mut writer, &[1, 2, 3]);
        let report = seal(writer);
        let mut stream = BatchReader::open(&out).unwrap().certificates().unwrap();
        for number in [1, 2, 3] {
            let expected = StoredCertificate { uid: uid(number), der: vec![0x30, number] };
            assert_eq!(stream.next_certificate().unwrap().unwrap(), expected);
        }
        assert_eq!(stream.next_certificate().unwrap(), None);
        let read: Vec<&str> = stream.files().iter().map(|file| file.name.as_str()).collect();
        assert_eq!(read, certificates, "{name}");
        for file in stream.files() {
            assert!(report.files().contains(file), "{name}");
        }
        let mut stream = BatchReader::open(&out).unwrap().sources().unwrap();
        while stream.next_certificate().unwrap().is_some() {}
        assert_eq!(stream.files().iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), sources, "{name}");
    }
}
