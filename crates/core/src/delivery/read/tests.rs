use crate::delivery::{Stamp, ZipWriter, certificate_to_pem};
use crate::durable::{self, Access};
use crate::manifest::{
    Counts, EntriesReference, FileDigest, Format, InputsReference, IssuerMode, IssuerReference, PolicyReference,
    Possession,
};
use crate::x509::{Sha256Digest, Time};

use super::*;

/// Names and contents of an archive.
type Entries<'a> = &'a [(&'a str, &'a [u8])];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, bytes: &[u8]) -> Self {
        durable::write_new(&self.0.path().join(name), Access::Public, bytes).unwrap();
        self
    }

    fn archive(self, name: &str, entries: Entries<'_>) -> Self {
        let mut zip = ZipWriter::new(Vec::new(), Stamp::new(Time::NEVER));
        for (name, data) in entries {
            zip.add(name, data).unwrap();
        }
        let bytes = zip.finish().unwrap();
        self.with(name, &bytes)
    }

    fn open(&self) -> BatchReader {
        BatchReader::open(self.0.path()).unwrap()
    }

    fn certificates(&self) -> Result<Vec<StoredCertificate>, DeliveryError> {
        let mut stream = self.open().certificates()?;
        let mut all = Vec::new();
        while let Some(certificate) = stream.next_certificate()? {
            all.push(certificate);
        }
        Ok(all)
    }
}

fn code<T>(result: Result<T, DeliveryError>) -> &'static str {
    result.err().unwrap().code().as_str()
}

fn lines(bytes: &[u8]) -> Result<Vec<String>, DeliveryError> {
    let folder = Folder::new().with("x.jsonl", bytes);
    let mut lines = folder.open().lines("x.jsonl")?;
    let mut all = Vec::new();
    while let Some(line) = lines.next_line()? {
        all.push(line.to_owned());
    }
    assert_eq!(lines.finish()?.sha256, crate::crypto::sha256(bytes));
    Ok(all)
}

#[test]
fn lines_are_printable_ascii_and_end_in_a_newline() {
    assert_eq!(lines(b"").unwrap(), [""; 0]);
    assert_eq!(lines(b"a\n\nb\n").unwrap(), ["a", "", "b"]);
    let longest = [&vec![b'x'; Entry::MAX_LINE][..], b"\n"].concat();
    assert_eq!(lines(&longest).unwrap()[0].len(), Entry::MAX_LINE);
    for bytes in [&b"a"[..], b"a\nb", b"a\r\n", b"\xC3\xA9\n", b"a\0\n", &[&b"x"[..], &longest].concat()] {
        assert_eq!(code(lines(bytes)), "delivery.line");
    }
}

#[test]
fn a_digest_covers_lines_that_were_not_asked_for() {
    let folder = Folder::new().with("x.jsonl", b"a\nb\n");
    let mut lines = folder.open().lines("x.jsonl").unwrap();
    assert_eq!(lines.next_line().unwrap(), Some("a"));
    assert_eq!(lines.finish().unwrap(), folder.open().digest("x.jsonl").unwrap());
}

#[test]
fn only_plain_files_of_a_sensible_size_are_read() {
    let folder = Folder::new().with("a", b"one").with("large", &vec![0; BatchReader::MAX_FILE + 1]);
    durable::create_directory(&folder.0.path().join("folder"), Access::Public).unwrap();
    std::os::unix::fs::symlink("a", folder.0.path().join("link")).unwrap();
    let reader = folder.open();
    assert_eq!(reader.read("a").unwrap(), b"one");
    assert_eq!(reader.digest("large").unwrap().bytes, BatchReader::MAX_FILE as u64 + 1);
    assert_eq!(code(reader.read("large")), "delivery.file.too-large");
    assert_eq!(code(reader.read("folder")), "delivery.file.not-plain");
    assert_eq!(code(reader.read("link")), "delivery.file.not-plain");
    assert_eq!(code(reader.read("b")), "delivery.file.missing");
    assert_eq!(code(reader.read("../a")), "delivery.file.missing");
    assert_eq!(code(BatchReader::open(&folder.0.path().join("a"))), "delivery.not-a-batch");
    assert_eq!(code(BatchReader::open(&folder.0.path().join("b"))), "delivery.not-a-batch");
}

#[test]
fn what_is_not_listed_is_unexpected() {
    let digest = Sha256Digest::new([0; 32]);
    let statement = Statement {
        format: Format::One,
        batch: String::new(),
        issued_at: Time::NEVER,
        created: Time::NEVER,
        tool: String::new(),
        inputs: InputsReference { sha256: digest, count: 0 },
        anchors: vec![],
        relaxations: vec![],
        policy: PolicyReference { name: String::new(), version: 1, sha256: digest },
        params: BTreeMap::new(),
        reissue: None,
        bulk_id: None,
        issuer: IssuerReference {
            mode: IssuerMode::Local,
            subject: String::new(),
            sha256: digest,
            spki_sha256: digest,
        },
        serial_seed: None,
        beacon: None,
        discarded_serials: vec![],
        expected: None,
        counts: Counts { items: 0, issued: 0, rejected: 0, ignored: 0, signatures_made: 0 },
        entries: EntriesReference { sha256: digest, tree_size: 0, root_hash: digest },
        rejected: digest,
        files: vec![
            FileDigest { name: "chain.pem".to_owned(), sha256: digest },
            FileDigest { name: "policy.toml".to_owned(), sha256: digest },
        ],
        previous: None,
        proof_of_possession: Possession::None,
        seals: vec![],
    };
    let folder = Folder::new().with(STATEMENT_FILE, b"").with("policy.toml", b"").with("n\u{f6}te\n.txt", b"");
    std::os::unix::fs::symlink("policy.toml", folder.0.path().join("chain.pem")).unwrap();
    let reader = folder.open();
    assert_eq!(reader.unexpected(&statement), ["chain.pem", "n%C3%B6te%0A.txt"]);
    assert_eq!(reader.missing(&statement), [ENTRIES_FILE, REJECTED_FILE, INPUTS_FILE, SEAL_FILE, "chain.pem"]);
}

#[test]
fn both_forms_are_one_certificate() {
    let (one, two) = (certificate_to_pem(b"one"), certificate_to_pem(b"two"));
    let expected: Vec<StoredCertificate> = [(1, "one"), (2, "two")]
        .map(|(number, der)| StoredCertificate {
            uid: Uid::from_bytes(&[number]).unwrap(),
            der: der.as_bytes().to_vec(),
        })
        .into();
    let good: [Entries<'_>; 3] = [
        &[("01.der", b"one"), ("02.der", b"two")],
        &[("01.pem", one.as_bytes()), ("02.pem", two.as_bytes())],
        &[("01.der", b"one"), ("01.pem", one.as_bytes()), ("02.der", b"two"), ("02.pem", two.as_bytes())],
    ];
    for entries in good {
        assert_eq!(Folder::new().archive("certificates.zip", entries).certificates().unwrap(), expected);
    }
    let content = "delivery.archive.content";
    let refused: [(Entries<'_>, &str); 10] = [
        (&[("01.der", b"one"), ("01.pem", two.as_bytes())], content),
        (&[("01.der", b"one"), ("02.pem", two.as_bytes())], content),
        (&[("01.pem", one.as_bytes()), ("02.der", b"two")], content),
        (&[("01.der", b"one"), ("01.pem", one.as_bytes()), ("02.der", b"two")], content),
        (&[("01.der", b"one"), ("02.der", b"two"), ("02.pem", two.as_bytes())], content),
        (&[("01.pem", b"one")], content),
        (&[("01.der", b"one"), ("01.der", b"one")], "delivery.order"),
        (&[("02.der", b"two"), ("01.der", b"one")], "delivery.order"),
        (&[("0a.der", b"one")], "delivery.archive.name"),
        (&[("01.crt", b"one")], "delivery.archive.name"),
    ];
    for (entries, expected) in refused {
        let folder = Folder::new().archive("certificates.zip", entries);
        assert_eq!(code(folder.certificates()), expected, "{entries:?}");
    }
    let folder = Folder::new().archive("sources.zip", good[2]);
    let mut sources = folder.open().sources().unwrap();
    assert_eq!(code(sources.next_certificate()), content, "sources are DER alone");
}

#[test]
fn a_part_has_no_more_entries_than_parts_have_and_the_whole_of_a_chip() {
    let (one, two) = (certificate_to_pem(b"one"), certificate_to_pem(b"two"));
    let entries: Entries<'_> =
        &[("01.der", b"one"), ("01.pem", one.as_bytes()), ("02.der", b"two"), ("02.pem", two.as_bytes())];
    let folder =
        Folder::new().archive("certificates-0001.zip", &entries[..2]).archive("certificates-0002.zip", &entries[2..]);
    for (most, outcome) in [(2, None), (1, Some("delivery.archive.content"))] {
        let mut stream = folder.open().certificates().unwrap();
        stream.most = most;
        let mut next = || stream.next_certificate();
        let read = (0..3).try_for_each(|_| next().map(drop));
        assert_eq!(read.err().map(|error| error.code().as_str()), outcome, "{most}");
    }
    let torn =
        Folder::new().archive("certificates-0001.zip", &entries[..3]).archive("certificates-0002.zip", &entries[3..]);
    assert_eq!(code(torn.certificates()), "delivery.archive.content");
}

#[test]
fn parts_are_read_in_the_order_of_their_numbers() {
    let folder = Folder::new()
        .archive("certificates-0001.zip", &[("01.der", b"one")])
        .archive("certificates-0002.zip", &[("02.der", b"two")]);
    assert_eq!(folder.certificates().unwrap().len(), 2);
    let folder = Folder::new()
        .archive("certificates-0001.zip", &[("02.der", b"two")])
        .archive("certificates-0002.zip", &[("01.der", b"one")]);
    assert_eq!(code(folder.certificates()), "delivery.order");
    let folder = Folder::new().archive("certificates-0002.zip", &[("01.der", b"one")]);
    assert_eq!(code(folder.certificates()), "delivery.file.missing");
}
