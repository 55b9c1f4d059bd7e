//! tar archives, plain and compressed.

use super::files::gzip;
use super::zip_writer::{Entry, zip};
use super::*;

/// One header block with its content, padded.
struct Tar(Vec<u8>);

impl Tar {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn add(self, kind: u8, name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        self.add_with(kind, name, content, |_| ())
    }

    fn file(self, name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        self.add(b'0', name, content)
    }

    fn add_with(mut self, kind: u8, name: impl AsRef<[u8]>, content: &[u8], change: impl Fn(&mut [u8])) -> Self {
        let mut header = [0; 512];
        let name = name.as_ref();
        header[..name.len()].copy_from_slice(name);
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        change(&mut header);
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(header);
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn pax(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (1..9).map(|digits| rest + digits).find(|length| rest + length.to_string().len() == *length).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

const GOOD: &str = "@!z.der candidate 413";

fn beside(tar: Tar) -> Vec<String> {
    let content = tar.file("z.der", &leaf(1)).end();
    let lines = held("x.tar", &content);
    assert_eq!(held("x.tar", &gzip(&content)), lines, "compression changes nothing");
    lines
}

fn refused(tar: Tar, name: &str, code: &str) {
    assert_eq!(beside(tar), [format!("@!{name} rejected reel.tar.{code}"), GOOD.into()]);
}

fn archive_refused(tar: Tar, code: &str) {
    assert_eq!(beside(tar), [format!("@ rejected reel.tar.{code}")]);
}

#[test]
fn regular_files_of_every_age_are_read() {
    let v7 = |header: &mut [u8]| header[257..265].fill(0);
    for kind in [b'0', b'\0', b'7'] {
        assert_eq!(beside(Tar::new().add(kind, "0209/a.der", &leaf(0))), ["@!0209/a.der candidate 413", GOOD]);
        assert_eq!(beside(Tar::new().add_with(kind, "0.der", &leaf(0), v7)), ["@!0.der candidate 413", GOOD]);
    }
    assert_eq!(beside(Tar::new().add(b'5', "sub/", b"")), ["@!sub/ ignored reel.tar.directory", GOOD]);
    let prefixed = Tar::new().add_with(b'0', "a.der", &leaf(0), |header| header[345..349].copy_from_slice(b"deep"));
    assert_eq!(beside(prefixed), ["@!deep/a.der candidate 413", GOOD]);
}

#[test]
fn the_tar_crate_and_this_reader_agree_on_good_archives() {
    let mut builder = ::tar::Builder::new(Vec::new());
    for n in 0..30 {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(leaf(n % 3).len() as u64);
        header.set_mode(0o644);
        let name = format!("{}{n}.der", "a_rather_long_directory_name/".repeat(n));
        builder.append_data(&mut header, name, &leaf(n % 3)[..]).unwrap();
    }
    let content = builder.into_inner().unwrap();
    let expected: Vec<Vec<u8>> = (0..30).map(|n| leaf(n % 3)).collect();
    assert_eq!(candidates(&content), expected);
    assert_eq!(candidates(&gzip(&content)), expected);
}

#[test]
fn long_names_and_sizes_from_extensions_are_honoured() {
    let long = "n".repeat(300);
    let expected = [format!("@!{long} candidate 413"), GOOD.into()];
    assert_eq!(
        beside(Tar::new().add(b'L', "././@LongLink", &[long.as_bytes(), b"\0"].concat()).file("a", &leaf(0))),
        expected
    );
    assert_eq!(beside(Tar::new().add(b'x', "PaxHeader", &pax("path", long.as_bytes())).file("a", &leaf(0))), expected);
    let sized = Tar::new().add(b'x', "p", &pax("size", b"413")).add_with(b'0', "a", &leaf(0), |header| {
        header[124..136].copy_from_slice(b"00000000000\0");
    });
    assert_eq!(beside(sized), ["@!a candidate 413", GOOD]);
    let newline = Tar::new().add(b'x', "p", &pax("path", b"a\n11 path=b")).file("a", &leaf(0));
    assert_eq!(beside(newline), ["@!a%0A11 path=b candidate 413", GOOD]);
    let comment = Tar::new().add(b'g', "p", &pax("comment", b"made by hand")).file("a", &leaf(0));
    assert_eq!(beside(comment), ["@!a candidate 413", GOOD]);
    // Base 256, as GNU writes large sizes.
    let binary = Tar::new().add_with(b'0', "a", &leaf(0), |header| {
        header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x9D]);
    });
    assert_eq!(beside(binary), ["@!a candidate 413", GOOD]);
}

#[test]
fn links_and_special_files_are_refused() {
    for link in [b'1', b'2'] {
        refused(Tar::new().add(link, "a", b""), "a", "link");
    }
    for special in [b'3', b'4', b'6'] {
        refused(Tar::new().add(special, "a", b""), "a", "special-file");
    }
    for other in [b'S', b'V', b'M', b'D', b'N', b'8'] {
        refused(Tar::new().add(other, "a", &leaf(0)), "a", "unsupported-entry");
    }
    let sparse = Tar::new().add(b'x', "p", &pax("GNU.sparse.major", b"1")).file("a", &leaf(0));
    refused(sparse, "a", "unsupported-entry");
}

#[test]
fn names_that_leave_the_archive_or_come_twice_are_refused() {
    refused(Tar::new().file("../a", &leaf(0)), "../a", "path-traversal");
    refused(Tar::new().file("/a", &leaf(0)), "/a", "absolute-name");
    refused(Tar::new().add(b'5', "../", b""), "../", "path-traversal");
    refused(Tar::new().add(b'x', "p", &pax("path", b"a/../../b")).file("a", &leaf(0)), "a/../../b", "path-traversal");
    assert_eq!(beside(Tar::new().file("./a", &leaf(0))), ["@!./a candidate 413", GOOD]);
    let twice = Tar::new().file("a", &leaf(0)).file("a", &leaf(2));
    assert_eq!(beside(twice), ["@!a candidate 413", "@!a%=2 rejected reel.tar.duplicate-name", GOOD]);
}

#[test]
fn damaged_archives_are_refused() {
    let good = Tar::new().file("a", &leaf(0)).end();
    let first = "@!a candidate 413";
    let cut = |length: usize| held("x.tar", &good[..length]);
    assert_eq!(cut(1024), [first, "@ rejected reel.tar.truncated"]);
    assert_eq!(cut(900), ["@!a rejected reel.tar.truncated", "@ rejected reel.tar.truncated"]);
    assert_eq!(cut(1100), [first, "@ rejected reel.tar.truncated"]);
    assert_eq!(cut(1024 + 512), [first], "one zero block ends an archive as well");
    let mut wrong = good.clone();
    wrong[110] ^= 1;
    assert_eq!(held("x.tar", &wrong), ["@ rejected reel.tar.header"]);
    archive_refused(Tar::new().add_with(b'0', "a", b"", |h| h[124..136].copy_from_slice(b"not a number")), "header");
    archive_refused(Tar::new().add_with(b'0', "a", b"", |h| h[124..136].fill(0xFF)), "header");
    archive_refused(Tar::new().add(b'x', "p", b"13 size=none\n").file("a", b""), "header");
    archive_refused(Tar::new().add(b'x', "p", b"99 path=a\n").file("a", b""), "header");
    archive_refused(Tar::new().add(b'x', "p", b"rubbish").file("a", b""), "header");
    archive_refused(Tar::new().add(b'L', "p", &vec![b'n'; 300 << 10]).file("a", b""), "header");
    let more = [&good[..], &good].concat();
    assert_eq!(held("x.tar", &more), [first, "@ rejected reel.tar.trailing-data"]);
    let zeros = [&good[..], &[0; 9000]].concat();
    assert_eq!(held("x.tar", &zeros), [first]);
    let packed = gzip(&good);
    let lines = held("x.tar.gz", &packed[..packed.len() - 1]);
    assert!(lines.iter().any(|line| line.ends_with("rejected reel.gzip.corrupt")), "{lines:?}");
}

#[test]
fn archives_of_different_kinds_nest_one_level_deep() {
    let zipped = zip(&[Entry::deflated("a.der", &leaf(0))]);
    let tarred = Tar::new().file("a.der", &leaf(0)).end();
    for (outer, name) in [("x.tar", "in.zip"), ("x.tar.gz", "in.zip")] {
        let content = Tar::new().file(name, &zipped).end();
        let content = if outer == "x.tar" { content } else { gzip(&content) };
        assert_eq!(held(outer, &content), [format!("@!{name}!a.der candidate 413")]);
    }
    for inner in [tarred.clone(), gzip(&tarred)] {
        assert_eq!(held("x.zip", &zip(&[Entry::deflated("in", &inner)])), ["@!in!a.der candidate 413"]);
    }
    let deep = zip(&[Entry::stored("b", &Tar::new().file("c.tgz", &gzip(&tarred)).end())]);
    assert_eq!(held("x.zip", &deep), ["@!b!c.tgz rejected reel.limit.archive-depth"]);
}

#[test]
fn an_empty_archive_says_so() {
    let only_globals = Tar::new().add(b'g', "p", &pax("comment", b"nothing follows")).end();
    assert_eq!(held("x.tar", &only_globals), ["@ ignored reel.archive.empty"]);
    assert_eq!(held("x.tar", &[0; 10_240]), ["@ ignored reel.archive.empty"]);
    // The end mark is two blocks of zeros, and nothing else is one.
    assert_eq!(held("x.tar", &[0; 1024]), ["@ ignored reel.archive.empty"]);
    for no_mark in [&[0; 1023][..], &[1; 10_240]] {
        assert_eq!(held("x.tar", no_mark), ["@ rejected reel.file.not-an-archive"]);
    }
}
