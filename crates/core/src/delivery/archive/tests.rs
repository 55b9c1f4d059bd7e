use crate::delivery::ZipWriter;
use crate::x509::Time;

use super::*;

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new(), Stamp::new(Time::from_rfc3339("2026-01-31T12:34:56Z").unwrap()));
    for (name, data) in entries {
        zip.add(name, data).unwrap();
    }
    zip.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, DeliveryError> {
    let mut reader = ArchiveReader::new(bytes, "a.zip");
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        entries.push((entry.name.to_owned(), entry.data.to_vec()));
    }
    let file = reader.finish()?;
    assert_eq!((file.bytes, file.sha256), (bytes.len() as u64, crate::crypto::sha256(bytes)));
    Ok(entries)
}

const ENTRIES: [(&str, &[u8]); 3] = [("0209AA.der", b"one"), ("0209AB.der", b""), ("0209AC.der", b"three")];

#[test]
fn what_was_written_is_read() {
    let entries = read(&archive(&ENTRIES)).unwrap();
    let expected: Vec<_> = ENTRIES.iter().map(|(name, data)| ((*name).to_owned(), data.to_vec())).collect();
    assert_eq!(entries, expected);
    assert_eq!(read(&archive(&[])).unwrap(), []);
    let names: Vec<String> = (0..70_000).map(|number| format!("{number:08X}.der")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    assert_eq!(read(&archive(&many)).unwrap().len(), 70_000, "with the ZIP64 records");
}

#[test]
fn no_change_of_a_byte_is_accepted() {
    for bytes in [archive(&ENTRIES), archive(&ENTRIES[..1]), archive(&[])] {
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                assert!(read(&changed).is_err(), "byte {at} xor {flip}");
            }
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
            for inserted in [0, b'P'] {
                let longer = [&bytes[..at], &[inserted], &bytes[at..]].concat();
                assert!(read(&longer).is_err(), "byte inserted at {at}");
            }
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err(), "a byte more");
    }
}

#[test]
fn each_refusal_has_its_code() {
    let bytes = archive(&ENTRIES);
    let code = |bytes: &[u8]| read(bytes).unwrap_err().code().as_str();
    let changed = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        changed
    };
    assert_eq!(code(&changed(0)), "delivery.archive.header");
    assert_eq!(code(&changed(6)), "delivery.archive.header");
    assert_eq!(code(&changed(14)), "delivery.archive.crc");
    assert_eq!(code(&changed(30 + 10)), "delivery.archive.crc");
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    assert_eq!(code(&changed(directory + 5)), "delivery.archive.directory");
    assert_eq!(code(&bytes[..bytes.len() - 1]), "delivery.archive.truncated");
    assert_eq!(code(&[&bytes[..], b"x"].concat()), "delivery.archive.end");
    assert_eq!(code(b""), "delivery.archive.truncated");
    // a well-formed archive that a different program wrote: deflated, with descriptors, with comments
    let mut other = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    other.start_file("0209AA.der", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut other, &[0; 100]).unwrap();
    assert_eq!(code(other.finish().unwrap().get_ref()), "delivery.archive.header");
    // an entry that the directory does not list
    let two = archive(&ENTRIES[..2]);
    let hidden = [&bytes[..30 + 10 + 3], &two[..]].concat();
    assert_eq!(code(&hidden), "delivery.archive.truncated", "its directory is too short");
    assert!(ArchiveReader::new(&bytes[..], "a.zip").finish().is_err(), "nothing was read yet");
}
