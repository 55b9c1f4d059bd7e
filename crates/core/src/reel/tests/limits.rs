//! Every limit has its own finding; an input just inside the limit is read.

use super::files::gzip;
use super::zip_writer::{Entry, zip};
use super::*;

fn three() -> Vec<u8> {
    zip(&[0, 1, 2].map(|n| Entry::stored(format!("{n}.der"), &leaf(n))))
}

#[test]
fn more_items_than_the_limit_stop_the_reading() {
    let limits = |items| Limits { items, ..Limits::default() };
    assert_eq!(held_with("x.zip", &three(), &limits(3)).len(), 3);
    assert_eq!(held_with("x.zip", &three(), &limits(2)), ["@ rejected reel.limit.items"], "told before reading");
    let row = [leaf(0), leaf(1), leaf(2)].concat();
    assert_eq!(held_with("x.der", &row, &limits(3)).len(), 3);
    let lines = held_with("x.der", &row, &limits(2));
    assert_eq!(lines, ["@#1 candidate 413", "@#2 candidate 413", "@#3 rejected reel.limit.items"]);
}

#[test]
fn more_bytes_than_the_limit_stop_the_reading() {
    let limits = |total_bytes| Limits { total_bytes, ..Limits::default() };
    let file = u64::try_from(three().len()).unwrap();
    assert_eq!(held_with("x.zip", &three(), &limits(file - 1)), ["@ rejected reel.limit.total-bytes"]);
    // the file counts, and what comes out of it
    let total = file + 413 + 413 + 402;
    assert_eq!(held_with("x.zip", &three(), &limits(total)).len(), 3);
    assert_eq!(held_with("x.zip", &three(), &limits(total - 1))[2], "@!2.der rejected reel.limit.total-bytes");
    // Small in the file and large outside of it.
    let same: Vec<u8> = zip(&[0, 1, 2].map(|n| Entry::deflated(format!("{n}.txt"), &[b'a'; 10_000])));
    let file = u64::try_from(same.len()).unwrap();
    let lines = held_with("x.zip", &same, &limits(file + 29_999));
    assert_eq!(lines[2], "@!2.txt rejected reel.limit.total-bytes");
    assert_eq!(held_with("x.zip", &same, &limits(file + 30_000)).len(), 3);
    // Archives in an archive: every level counts, and all of them together.
    let nested = zip(&["one.zip", "two.zip"].map(|name| Entry::deflated(name, &same)));
    let total = u64::try_from(nested.len()).unwrap() + 2 * (file + 30_000);
    assert_eq!(held_with("x.zip", &nested, &limits(total)).len(), 6);
    let lines = held_with("x.zip", &nested, &limits(total - 1));
    assert_eq!((lines.len(), &lines[5][..]), (6, "@!two.zip!2.txt rejected reel.limit.total-bytes"));
    let items = |items| Limits { items, ..Limits::default() };
    assert_eq!(held_with("x.zip", &nested, &items(6)).len(), 6);
    assert_eq!(held_with("x.zip", &nested, &items(5))[3..], ["@!two.zip rejected reel.limit.items"]);
    let lines = held_with("x.gz", &gzip(&[b'a'; 10_000]), &limits(9_999));
    assert_eq!(lines, ["@ rejected reel.limit.total-bytes"]);
    let scratch = tempfile::tempdir().unwrap();
    let mut endless = std::io::repeat(b'a');
    let mut items = Vec::new();
    let records = read(&Input::Stdin, Some(&mut endless), &limits(1 << 20), scratch.path(), &mut |item| {
        items.push(item);
        ControlFlow::Continue(())
    });
    assert_eq!((lines_of(&items), records.unwrap().len()), (vec!["- rejected reel.limit.total-bytes".to_owned()], 0));
    // The files of a directory are counted together.
    for n in 0..3 {
        std::fs::write(scratch.path().join(format!("{n}.der")), leaf(n)).unwrap();
    }
    let (items, records) = items_of_directory(scratch.path(), &limits(413 + 413 + 401));
    assert_eq!((items.len(), records), (3, 2));
    assert!(items[2].ends_with("2.der rejected reel.limit.total-bytes"), "{items:?}");
    assert_eq!(items_of_directory(scratch.path(), &limits(413 + 413 + 402)).1, 3);
}

fn lines_of(items: &[Item]) -> Vec<String> {
    lines(items)
}

fn items_of_directory(path: &Path, limits: &Limits) -> (Vec<String>, usize) {
    let (items, records) = items_of(&Input::Path(path.to_owned()), None, limits);
    (lines(&items), records.len())
}

#[test]
fn a_candidate_above_the_limit_is_a_rejection() {
    let limits = |item_bytes| Limits { item_bytes, ..Limits::default() };
    let text = [pem("CERTIFICATE", &leaf(0)), pem("CERTIFICATE", &leaf(2))].concat();
    let rows = format!("{}\n{}\n", base64(&leaf(0)), base64(&leaf(2)));
    for content in [text, rows] {
        assert_eq!(held_with("x.pem", content.as_bytes(), &limits(414)).len(), 2);
        let lines = held_with("x.pem", content.as_bytes(), &limits(402));
        assert_eq!(lines, ["@#1 rejected reel.limit.item-bytes", "@#2 candidate 402"]);
    }
    assert_eq!(held_with("x.der", &leaf(0), &limits(413)), ["@ candidate 413"]);
    assert_eq!(held_with("x.der", &leaf(0), &limits(412)), ["@ rejected reel.limit.item-bytes"]);
    let huge = [leaf(0), vec![0xFF; 2 << 20]].concat();
    assert_eq!(held("x.der", &huge), ["@ rejected reel.limit.item-bytes"]);
    let claims = [&[0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF][..], &vec![0; 2 << 20]].concat();
    assert_eq!(held("x.der", &claims), ["@ rejected reel.limit.item-bytes"]);
    let der = format!("{}\n", hex::encode(&claims[..1 << 10]));
    assert_eq!(held("x.txt", der.as_bytes()), ["@ rejected reel.limit.item-bytes"]);
}

#[test]
fn bundles_and_lines_have_limits() {
    let limits = Limits { bundle_bytes: 1000, line_bytes: 2000, ..Limits::default() };
    let bundle = [&[0x30, 0x82, 4, 0, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 1, 7, 2][..], &[0; 1013]].concat();
    assert_eq!(held_with("x.p7b", &bundle, &limits), ["@ rejected reel.limit.bundle-bytes"]);
    assert_eq!(held_with("x.txt", &[b'a'; 2000], &limits), ["@ ignored reel.text.no-certificate"]);
    assert_eq!(held_with("x.txt", &[b'a'; 2001], &limits), ["@ rejected reel.limit.line-bytes"]);
    let lines = held_with("x.txt", &[&[b'a'; 2001][..], b"\n"].concat(), &limits);
    assert_eq!(lines, ["@ rejected reel.limit.line-bytes"]);
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let zeros = vec![0; 4 << 20];
    let good = Entry::stored("b.der", &leaf(1));
    let lines = held("x.zip", &zip(&[Entry::deflated("bomb.bin", &zeros), good.clone()]));
    assert_eq!(lines, ["@!bomb.bin rejected reel.limit.compression-ratio", "@!b.der candidate 413"]);
    assert_eq!(held("x.gz", &gzip(&zeros)), ["@ rejected reel.limit.compression-ratio"]);
    // An entry that says it is small, and is not.
    let liar = Entry::deflated("bomb.bin", &zeros).both(|header| header.size = 1000);
    assert_eq!(held("x.zip", &zip(&[liar, good.clone()]))[0], "@!bomb.bin rejected reel.zip.data");
    let letters = vec![b'a'; 4 << 20];
    let liar = Entry::deflated("bomb.txt", &letters).both(|header| header.size = 300_000);
    assert_eq!(held("x.zip", &zip(&[liar, good.clone()]))[0], "@!bomb.txt rejected reel.zip.data");
    // An erased zone is not a bomb.
    let erased = Entry::deflated("zone.bin", &[0xFF; 5120]);
    assert_eq!(held("x.zip", &zip(&[erased, good]))[0], "@!zone.bin ignored reel.text.no-certificate");
}

#[test]
fn directories_have_a_depth() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b/c")).unwrap();
    std::fs::write(folder.path().join("a/b/c/1.der"), leaf(0)).unwrap();
    let limits = |directory_depth| Limits { directory_depth, ..Limits::default() };
    let (lines, _) = items_of_directory(folder.path(), &limits(3));
    assert!(lines[0].ends_with("!a/b/c/1.der candidate 413"), "{lines:?}");
    let (lines, _) = items_of_directory(folder.path(), &limits(2));
    assert!(lines[0].ends_with("!a/b/c rejected reel.limit.directory-depth"), "{lines:?}");
}

#[test]
fn the_receiver_may_stop_at_any_item() {
    let scratch = tempfile::tempdir().unwrap();
    for (stop, records) in [(1, 0), (2, 0), (3, 0), (4, 1)] {
        let mut count = 0;
        let outcome = read(&Input::Stdin, Some(&mut &three()[..]), &Limits::default(), scratch.path(), &mut |_| {
            count += 1;
            if count == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((outcome.unwrap().len(), count), (records, stop.min(3)));
    }
}
