use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;

use crate::durable;

use super::*;

fn stamp() -> Stamp {
    Stamp::new(Time::from_rfc3339("2026-01-31T12:34:57Z").unwrap())
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new(), stamp());
    for (name, data) in entries {
        zip.add(name, data).unwrap();
    }
    zip.finish().unwrap()
}

/// What Python's zipfile sees: names, contents in hexadecimal, times, after testing every CRC.
fn python(path: &Path) -> String {
    let script = "import sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1])\n\
                  assert z.testzip() is None\n\
                  for i in z.infolist()[-3:]: print(i.filename, z.read(i).hex(), *i.date_time, i.header_offset)\n\
                  print(len(z.infolist()))";
    let output = Command::new("python3").args(["-c", script]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn unzip_is_content(path: &Path) {
    let output = Command::new("unzip").arg("-tq").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn other_programs_read_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let bytes = archive(&[("0209AA.der", b"one"), ("0209AB.der", b""), ("0209AC.der", &[0xFF; 300])]);
    durable::write_new(&path, durable::Access::Public, &bytes).unwrap();
    unzip_is_content(&path);
    let seen = python(&path);
    assert!(seen.starts_with("0209AA.der 6f6e65 2026 1 31 12 34 56 0\n"), "{seen}");
    assert!(seen.ends_with("\n3\n"));
    let mut other = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(other.len(), 3);
    let mut content = Vec::new();
    other.by_name("0209AC.der").unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, [0xFF; 300]);
}

#[test]
fn a_long_list_of_entries_in_a_file_gives_the_same_archive() {
    let folder = tempfile::tempdir().unwrap();
    let mut in_memory = ZipWriter::new(Vec::new(), stamp());
    let mut in_a_file = ZipWriter::new(Vec::new(), stamp()).with_scratch(folder.path());
    for number in 0..40_000_u32 {
        let name = format!("0209{number:0200X}.der");
        let content = vec![7; usize::try_from(number % 5).unwrap()];
        in_memory.add(&name, &content).unwrap();
        in_a_file.add(&name, &content).unwrap();
    }
    assert!(in_a_file.rows.file.is_some() && in_a_file.rows.pieces.len() <= PIECES);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    assert!(in_a_file.finish().unwrap() == in_memory.finish().unwrap());
}

#[test]
fn the_same_entries_are_the_same_bytes() {
    let entries: [(&str, &[u8]); 2] = [("a", b"1"), ("b", b"2")];
    assert_eq!(archive(&entries), archive(&entries));
    // a local header by APPNOTE §4.3.7, written by hand; CRC-32 of "1" from Python's zlib
    let expected = "504b03040a00000000005c643f5cb7efdc83010000000100000001000000";
    assert_eq!(hex::encode(&archive(&entries)[..30]), expected);
    assert_eq!(
        hex::encode(archive(&[])),
        "504b0506000000000000000000000000000000000000",
        "an empty archive is the end record alone"
    );
}

#[test]
fn more_than_65534_entries_need_zip64() {
    let folder = tempfile::tempdir().unwrap();
    for count in [65_534_u32, 65_535, 70_000] {
        let mut zip = ZipWriter::new(Vec::new(), stamp());
        for number in 0..count {
            zip.add(&format!("{number:08X}.der"), &number.to_be_bytes()).unwrap();
        }
        assert_eq!(zip.entries(), u64::from(count));
        let bytes = zip.finish().unwrap();
        assert_eq!(bytes.windows(4).any(|window| window == b"PK\x06\x06"), count > 65_534);
        let path = folder.path().join(format!("{count}.zip"));
        durable::write_new(&path, durable::Access::Public, &bytes).unwrap();
        unzip_is_content(&path);
        assert!(python(&path).ends_with(&format!("\n{count}\n")));
        assert_eq!(zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap().len(), count as usize);
    }
}

#[test]
fn offsets_above_4_gib_need_zip64() {
    const HOLE: u64 = 5 << 30;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.zip");
    let mut file = durable::create_new(&path, durable::Access::Private).unwrap();
    file.seek(SeekFrom::Start(HOLE)).unwrap();
    let mut zip = ZipWriter::new(file, stamp());
    (zip.start, zip.offset) = (HOLE, HOLE);
    zip.add("0209AA.der", b"one").unwrap();
    zip.add("0209AB.der", b"two").unwrap();
    zip.finish().unwrap();
    let seen = python(&path);
    assert!(seen.starts_with("0209AA.der 6f6e65 2026 1 31 12 34 56 5368709120\n0209AB.der 74776f "), "{seen}");
    let mut other = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut content = String::new();
    other.by_name("0209AB.der").unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "two");
}

#[test]
fn times_are_clamped_to_what_archives_can_say() {
    let stamp = |text| Stamp::new(Time::from_rfc3339(text).unwrap());
    assert_eq!(stamp("1979-12-31T23:59:59Z"), Stamp { time: 0, date: 0x0021 });
    assert_eq!(stamp("1980-01-01T00:00:00Z"), Stamp { time: 0, date: 0x0021 });
    assert_eq!(stamp("2107-12-31T23:59:59Z"), Stamp { time: 0xBF7D, date: 0xFF9F });
    assert_eq!(stamp("9999-12-31T23:59:59Z"), Stamp { time: 0xBF7D, date: 0xFF9F });
}

#[test]
fn names_that_are_not_printable_ascii_are_refused() {
    let mut zip = ZipWriter::new(Vec::new(), stamp());
    for name in ["", "a b", "\u{e9}", "a\n", &"x".repeat(256)] {
        assert!(zip.add(name, b"").is_err(), "{name}");
    }
    zip.add(&"x".repeat(255), b"").unwrap();
}
