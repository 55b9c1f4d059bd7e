//! zip archives: each thing refused beside its neighbour that is read.

use super::zip_writer::{Entry, deflate, zip, zip_with};
use super::*;

const GOOD: &str = "@!b.der candidate 413";

/// An archive with this entry first and a good one after it.
fn beside(entry: Entry) -> Vec<String> {
    held("x.zip", &zip(&[entry, Entry::deflated("b.der", &leaf(1))]))
}

fn refused(entry: Entry, code: &str) {
    let lines = beside(entry);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with(&format!(" rejected reel.zip.{code}")), "expected {code}: {lines:?}");
    assert_eq!(lines[1], GOOD);
}

fn archive_refused(content: &[u8], code: &str) {
    assert_eq!(held("x.zip", content), [format!("@ rejected reel.zip.{code}")]);
}

fn a() -> Entry {
    Entry::deflated("a.der", &leaf(0))
}

#[test]
fn stored_and_deflated_entries_are_read() {
    for entry in [a(), Entry::stored("a.der", &leaf(0))] {
        assert_eq!(beside(entry), ["@!a.der candidate 413", GOOD]);
    }
    assert_eq!(candidates(&zip(&[a(), Entry::stored("c", &leaf(2))])), [leaf(0), leaf(2)]);
}

#[test]
fn data_descriptors_of_every_shape_are_read_and_must_agree() {
    for signature in [false, true] {
        for long in [false, true] {
            assert_eq!(beside(a().described(signature, long)), ["@!a.der candidate 413", GOOD]);
            let mut wrong = a().described(signature, long);
            *wrong.descriptor.last_mut().unwrap() ^= 1;
            refused(wrong, "local-header");
        }
    }
    let mut missing = a().described(true, false);
    missing.descriptor.clear();
    refused(missing, "local-header");
}

#[test]
fn names_that_leave_the_archive_are_refused() {
    for name in [&b"../a.der"[..], b"x/../../a.der", b"..\\a.der", b"x/.."] {
        refused(Entry::stored(name, &leaf(0)), "path-traversal");
    }
    for name in [&b"/etc/a.der"[..], b"\\a.der", b"C:\\a.der", b"c:a.der"] {
        refused(Entry::stored(name, &leaf(0)), "absolute-name");
    }
    assert_eq!(beside(Entry::stored("x..y/..a/.../a.der", &leaf(0))), ["@!x..y/..a/.../a.der candidate 413", GOOD]);
}

#[test]
fn names_that_occur_twice_are_refused_wherever_they_stand() {
    let again = Entry::stored("a.der", &leaf(2));
    let lines = held("x.zip", &zip(&[a(), Entry::stored("b.der", &leaf(1)), again.clone(), again]));
    let twice = |name: &str| format!("{name} rejected reel.zip.duplicate-name");
    assert_eq!(lines, [twice("@!a.der"), GOOD.into(), twice("@!a.der%=2"), twice("@!a.der%=3")]);
    assert_eq!(beside(Entry::stored("B.der", &leaf(0))), ["@!B.der candidate 413", GOOD]);
}

#[test]
fn encrypted_entries_are_refused() {
    for bit in [0, 6, 13] {
        refused(a().both(|header| header.flags |= 1 << bit), "encrypted");
    }
    refused(a().both(|header| header.method = 99), "encrypted");
    // UTF-8 names and the level of compression change nothing.
    let other = a().both(|header| header.flags |= 1 << 11 | 1 << 1);
    assert_eq!(beside(other), ["@!a.der candidate 413", GOOD]);
}

#[test]
fn other_compression_methods_are_refused() {
    for method in [1, 6, 9, 12, 14, 93, 95] {
        refused(a().both(|header| header.method = method), "method");
    }
    refused(a().both(|header| header.flags |= 1 << 5), "method");
}

#[test]
fn links_and_special_files_are_refused() {
    let mode = |mode: u32| a().central(|header| header.attributes = mode << 16);
    refused(mode(0o120_777), "link");
    for special in [0o010_644, 0o020_644, 0o060_644, 0o140_644] {
        refused(mode(special), "special-file");
    }
    assert_eq!(beside(mode(0o100_644)), ["@!a.der candidate 413", GOOD]);
}

#[test]
fn directory_entries_are_ignored_and_hold_nothing() {
    assert_eq!(beside(Entry::stored("sub/", b"")), ["@!sub/ ignored reel.zip.directory", GOOD]);
    refused(Entry::stored("sub/", &leaf(0)), "data");
}

#[test]
fn local_headers_must_say_what_the_directory_says() {
    refused(a().local(|header| header.name = b"c.der".to_vec()), "local-header");
    refused(a().local(|header| header.method = 0), "local-header");
    refused(a().local(|header| header.flags |= 1), "local-header");
    refused(a().local(|header| header.flags |= 1 << 3), "local-header");
    refused(a().local(|header| header.crc ^= 1), "local-header");
    refused(a().local(|header| header.size += 1), "local-header");
    refused(a().local(|header| header.compressed -= 1), "local-header");
    refused(a().local(|header| header.size = u32::MAX), "local-header");
    refused(a().local(|header| (header.crc, header.compressed, header.size) = (0, 0, 0)), "local-header");
    let mut moved = a().central(|header| header.offset = Some(1));
    moved.descriptor = vec![0; 8];
    refused(moved, "local-header");
    // An extra field of its own (times) is allowed.
    let times = a().local(|header| header.extra = b"UT\x05\x00\x01\0\0\0\0".to_vec());
    assert_eq!(beside(times), ["@!a.der candidate 413", GOOD]);
}

#[test]
fn damaged_data_is_refused() {
    refused(a().both(|header| header.crc ^= 1), "checksum");
    refused(Entry::stored("a.der", &leaf(0)).both(|header| header.crc ^= 1), "checksum");
    refused(a().both(|header| header.size += 1), "data");
    refused(a().both(|header| header.size -= 1), "data");
    let mut garbled = a();
    garbled.data[0] = 0xFF;
    refused(garbled, "data");
    let mut longer = a().both(|header| header.compressed += 1);
    longer.data.push(0);
    refused(longer, "data");
    let mut shorter = a().both(|header| header.compressed -= 1);
    shorter.data.pop();
    refused(shorter, "data");
    refused(Entry::stored("a.der", &leaf(0)).both(|header| header.size += 1), "data");
}

#[test]
fn large_entries_are_read_and_checked_piece_by_piece() {
    let text: String = (0..3000).map(|n| pem("CERTIFICATE", &leaf(n % 3))).collect();
    for entry in [Entry::deflated("a.pem", text.as_bytes()), Entry::stored("a.pem", text.as_bytes())] {
        let lines = beside(entry.clone());
        assert_eq!((lines.len(), lines[0].as_str()), (3001, "@!a.pem#1 candidate 413"));
        let bad = |lines: Vec<String>, code: &str| {
            let at = lines.len() - 2;
            assert_eq!(lines[at..], [format!("@!a.pem rejected reel.zip.{code}"), GOOD.to_owned()]);
        };
        bad(beside(entry.clone().both(|header| header.crc ^= 1)), "checksum");
        if entry.central.method == 8 {
            bad(beside(entry.clone().both(|header| header.size += 1)), "data");
            bad(beside(entry.clone().both(|header| header.size -= 1)), "data");
            let mut garbled = entry.clone();
            let middle = garbled.data.len() / 2;
            garbled.data[middle..middle + 64].fill(0xFF);
            let lines = beside(garbled);
            assert!(lines.iter().any(|line| line.starts_with("@!a.pem rejected")), "{:?}", lines.last());
            let mut longer = entry.both(|header| header.compressed += 1);
            longer.data.push(0);
            bad(beside(longer), "data");
        }
    }
}

#[test]
fn the_end_record_must_be_one_and_true() {
    let good = zip(&[a()]);
    archive_refused(&good[..good.len() - 1], "end-record");
    archive_refused(&good[..good.len() - 30], "end-record");
    archive_refused(&[&good[..], b"x"].concat(), "trailing-data");
    archive_refused(&zip_with(&[a()], |end| end.disk = 1), "several-disks");
    archive_refused(&zip_with(&[a()], |end| end.entries = 2), "central-directory");
    archive_refused(&zip_with(&[a(), a()], |end| end.entries = 1), "central-directory");
    archive_refused(&zip_with(&[a()], |end| end.size -= 1), "central-directory");
    archive_refused(&zip_with(&[a()], |end| end.size = 1 << 30), "end-record");
    archive_refused(&zip_with(&[a()], |end| end.offset += 1), "end-record");
    assert_eq!(
        held("x.zip", &zip_with(&[a()], |end| end.comment = b"made by hand".to_vec())),
        ["@!a.der candidate 413"]
    );
}

#[test]
fn a_comment_that_hides_another_end_record_is_refused() {
    let other = zip(&[Entry::stored("hidden.der", &leaf(1))]);
    archive_refused(&zip_with(&[a()], |end| end.comment = other), "ambiguous-end");
    // A signature alone is not an end record.
    let comment = b"PK\x05\x06 is how a zip archive ends".to_vec();
    assert_eq!(held("x.zip", &zip_with(&[a()], |end| end.comment = comment)), ["@!a.der candidate 413"]);
}

#[test]
fn entries_that_share_bytes_refuse_the_archive() {
    archive_refused(&zip(&[a(), a().both(|h| h.name = b"c.der".to_vec()).central(|h| h.offset = Some(0))]), "overlap");
    // Out of order and apart: fine.
    let mut swapped = vec![a(), Entry::deflated("b.der", &leaf(1))];
    let second = u32::try_from(30 + 5 + swapped[0].data.len()).unwrap();
    let archive = zip(&swapped);
    assert_eq!(held("x.zip", &archive), ["@!a.der candidate 413", GOOD]);
    swapped[0].central.name = b"b.der".to_vec();
    swapped[1].central.name = b"a.der".to_vec();
    let (one, two) = (swapped[0].central.clone(), swapped[1].central.clone());
    swapped[0].central = super::zip_writer::Header { offset: Some(second), name: b"b.der".to_vec(), ..two };
    swapped[1].central = super::zip_writer::Header { offset: Some(0), name: b"a.der".to_vec(), ..one };
    assert_eq!(held("x.zip", &zip(&swapped)), [GOOD, "@!a.der candidate 413"]);
    // Out of order and overlapping, told by the local header's extra field only.
    let mut longer = swapped.clone();
    longer[0].local.extra = vec![0; 40];
    longer[0].data = longer[0].data.split_off(40);
    let lines = held("x.zip", &zip(&longer));
    assert!(lines.contains(&"@!a.der rejected reel.zip.overlap".to_owned()), "{lines:?}");
}

#[test]
fn an_entry_inside_another_ones_data_is_refused() {
    let inner = Entry::stored("inner.der", &leaf(1));
    let mut local = zip(std::slice::from_ref(&inner));
    local.truncate(30 + 9 + 413);
    let outer = Entry::stored("outer.bin", &local);
    let offset = 30 + 9;
    let directory_only = Entry { data: Vec::new(), ..inner.central(|header| header.offset = Some(offset)) };
    archive_refused(&zip(&[outer, directory_only]), "overlap");
}

#[test]
fn something_before_the_archive_is_said_and_not_read() {
    for prefix in [&b"MZ\x90\x00 a program that unpacks"[..], b"#!/bin/sh\nexec unzip\n"] {
        let expected = ["@ ignored reel.zip.prefix", "@!a.der candidate 413", GOOD];
        let archive = zip(&[a(), Entry::deflated("b.der", &leaf(1))]);
        assert_eq!(held("x.exe", &[prefix, &archive[..]].concat()), expected);
        // Offsets that count from the file's first byte, as some programs write them: then nothing is left over.
        let shift = u32::try_from(prefix.len()).unwrap();
        let first = u32::try_from(30 + 5 + a().data.len()).unwrap();
        let shifted = [
            a().central(|header| header.offset = Some(shift)),
            Entry::deflated("b.der", &leaf(1)).central(|header| header.offset = Some(shift + first)),
        ];
        let archive = zip_with(&shifted, |end| end.offset += shift);
        assert_eq!(held("x.exe", &[prefix, &archive[..]].concat()), expected[1..]);
    }
}

#[test]
fn zip64_records_are_read_and_must_agree() {
    let plain = zip(&[a()]);
    let size = 46 + 5;
    let offset = plain.len() as u64 - 22 - size;
    let long = |entries: u64, size: u64, offset: u64, position: u64, ones: bool| {
        zip_with(&[a()], |end| {
            end.long = Some((entries, size, offset, position));
            if ones {
                (end.entries, end.size, end.offset) = (u16::MAX, u32::MAX, u32::MAX);
            }
        })
    };
    for ones in [false, true] {
        assert_eq!(held("x.zip", &long(1, size, offset, offset + size, ones)), ["@!a.der candidate 413"]);
        archive_refused(&long(1, size, offset, offset + size + 1, ones), "end-record");
        // Something before it, offsets not corrected.
        let moved = [b"prefix".to_vec(), long(1, size, offset, offset + size, ones)].concat();
        assert_eq!(held("x.zip", &moved), ["@ ignored reel.zip.prefix", "@!a.der candidate 413"]);
    }
    archive_refused(&long(2, size, offset, offset + size, false), "end-record");
    archive_refused(&long(u64::MAX, size, offset, offset + size, true), "central-directory");
    archive_refused(&long(1, u64::MAX, offset, offset + size, true), "end-record");
    archive_refused(&long(1, size, u64::MAX, offset + size, true), "end-record");
}

#[test]
fn zip64_fields_of_an_entry_are_read_and_must_be_there() {
    let extra = |values: &[u64]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [&[1, 0][..], &u16::try_from(bytes.len()).unwrap().to_le_bytes(), &bytes].concat()
    };
    let (size, compressed) = (413, a().data.len() as u64);
    let long = |local: &[u64], central: &[u64]| {
        a().both(|header| (header.size, header.compressed) = (u32::MAX, u32::MAX))
            .local(|header| header.extra = extra(local))
            .central(|header| header.extra = extra(central))
    };
    assert_eq!(beside(long(&[size, compressed], &[size, compressed])), ["@!a.der candidate 413", GOOD]);
    refused(long(&[size + 1, compressed], &[size, compressed]), "local-header");
    refused(long(&[size], &[size, compressed]), "local-header");
    archive_refused(&zip(&[long(&[size, compressed], &[size])]), "central-directory");
    archive_refused(&zip(&[long(&[size, compressed], &[size, u64::MAX])]), "central-directory");
    let twice = a().central(|header| header.extra = [extra(&[]), extra(&[])].concat());
    archive_refused(&zip(&[twice]), "central-directory");
    let cut = a().central(|header| header.extra = b"XX\xFF\xFF".to_vec());
    archive_refused(&zip(&[cut]), "central-directory");
}

#[test]
fn an_entry_lies_on_the_first_disk_whichever_field_says_so() {
    let on = |disk: u16, extra: &[u8]| {
        let mut archive = zip(&[a().central(|header| header.extra = extra.to_vec())]);
        let record = archive.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
        archive[record + 34..record + 36].copy_from_slice(&disk.to_le_bytes());
        archive
    };
    let long = |disk: u8| [1, 0, 4, 0, disk, 0, 0, 0];
    assert_eq!(held("x.zip", &on(0, b"")), ["@!a.der candidate 413"]);
    assert_eq!(held("x.zip", &on(u16::MAX, &long(0))), ["@!a.der candidate 413"]);
    // The long field counts only where the short one refers to it.
    assert_eq!(held("x.zip", &on(0, &long(1))), ["@!a.der candidate 413"]);
    for elsewhere in [on(1, b""), on(u16::MAX, b""), on(u16::MAX, &long(1))] {
        archive_refused(&elsewhere, "central-directory");
    }
}

#[test]
fn hostile_names_are_escaped() {
    let long = vec![b'x'; 10_000];
    let names = [&b"a\nb\r\x1b[31m.der"[..], b"nul\0.der", "\u{202E}red.der".as_bytes(), b"\xFF\xFE!#%.der", &long];
    let entries: Vec<Entry> = names.iter().map(|name| Entry::stored(name, &leaf(0))).collect();
    let lines = held("x.zip", &zip(&entries));
    assert_eq!(
        lines[..4],
        [
            "@!a%0Ab%0D%1B[31m.der candidate 413",
            "@!nul%00.der candidate 413",
            "@!%E2%80%AEred.der candidate 413",
            "@!%FF%FE%21%23%25.der candidate 413",
        ]
    );
    assert!(lines[4].len() < 600 && lines[4].starts_with("@!xxx"), "{}", lines[4]);
}

#[test]
fn archives_inside_archives_are_read_one_level_deep() {
    let inner = zip(&[a()]);
    let two = zip(&[Entry::deflated("in!ner.zip", &inner), Entry::stored("b.der", &leaf(1))]);
    assert_eq!(held("x.zip", &two), ["@!in%21ner.zip!a.der candidate 413", GOOD]);
    let three = zip(&[Entry::deflated("two.zip", &two)]);
    let lines = held("x.zip", &three);
    assert_eq!(lines, ["@!two.zip!in%21ner.zip rejected reel.limit.archive-depth", "@!two.zip!b.der candidate 413"]);
    // Too large for memory: set aside in a scratch file.
    let padding: Vec<u8> = (0..2_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2] | 0x80).collect();
    let large = zip(&[Entry::stored("noise.bin", &padding), a()]);
    let lines = held("x.zip", &zip(&[Entry::deflated("large.zip", &large)]));
    assert_eq!(lines, ["@!large.zip!noise.bin ignored reel.text.no-certificate", "@!large.zip!a.der candidate 413"]);
}

#[test]
fn an_empty_archive_says_so() {
    assert_eq!(held("x.zip", &zip(&[])), ["@ ignored reel.archive.empty"]);
    let lines = held("x.zip", &zip(&[Entry::stored("empty.zip", &zip(&[]))]));
    assert_eq!(lines, ["@!empty.zip ignored reel.archive.empty"]);
}

#[test]
fn every_single_damaged_byte_of_an_archive_is_survived() {
    let good = zip(&[a().described(true, false), Entry::stored("b.der", &leaf(1))]);
    for at in 0..good.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut bad = good.clone();
            bad[at] ^= change;
            let (items, _) = items_of(&Input::Stdin, Some(&bad), &Limits::default());
            assert!(!items.is_empty(), "byte {at}");
        }
    }
    for length in 0..good.len() {
        let (items, _) = items_of(&Input::Stdin, Some(&good[..length]), &Limits::default());
        assert!(!items.is_empty(), "{length} bytes");
        assert!(items.iter().all(|item| matches!(item, Item::Finding(_))), "{length} bytes");
    }
}

#[test]
fn the_zip_crate_and_this_reader_agree_on_good_archives() {
    use std::io::Write;
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for n in 0..300 {
        let method = if n % 2 == 0 { ::zip::CompressionMethod::Deflated } else { ::zip::CompressionMethod::Stored };
        let options = ::zip::write::SimpleFileOptions::default().compression_method(method).large_file(n % 3 == 0);
        writer.start_file(format!("folder/{n}.der"), options).unwrap();
        writer.write_all(&leaf(n % 3)).unwrap();
    }
    writer.set_comment("from elsewhere").unwrap();
    let archive = writer.finish().unwrap().into_inner();
    let expected: Vec<Vec<u8>> = (0..300).map(|n| leaf(n % 3)).collect();
    assert_eq!(candidates(&archive), expected);
    let mut second =
        ::zip::ZipArchive::new(std::io::Cursor::new(zip(&[a(), Entry::stored("b", &deflate(b"x"))]))).unwrap();
    assert_eq!((second.len(), second.by_index(0).unwrap().size()), (2, 413), "our writer writes zip archives");
}
