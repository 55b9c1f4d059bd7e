//! Directories, and inputs that are neither they nor files.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::zip_writer::{Entry, zip};
use super::*;

#[test]
fn a_directory_is_read_in_byte_order_of_names_whatever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let reel = folder.path().join("reel");
    for directory in ["", "b", "b/c", "empty"] {
        std::fs::create_dir(reel.join(directory)).unwrap();
    }
    let hostile = reel.join(std::ffi::OsStr::from_bytes(b"\xFF\n\x1b!.der"));
    for (path, content) in [
        (reel.join("Z.der"), leaf(0)),
        (reel.join("a.der"), leaf(0)),
        (reel.join("b/2.pem"), [pem("CERTIFICATE", &leaf(0)), pem("CERTIFICATE", &leaf(1))].concat().into_bytes()),
        (reel.join("b/c/1.zip"), zip(&[Entry::stored("in.der", &leaf(2))])),
        (reel.join("note.txt"), b"about this reel".to_vec()),
        (hostile, leaf(1)),
    ] {
        std::fs::write(path, content).unwrap();
    }
    let (items, records) = items_of(&Input::Path(reel), None, &Limits::default());
    assert_eq!(
        lines(&items),
        [
            "reel!Z.der candidate 413",
            "reel!a.der candidate 413",
            "reel!b/2.pem#1 candidate 413",
            "reel!b/2.pem#2 candidate 413",
            "reel!b/c/1.zip!in.der candidate 402",
            "reel!note.txt ignored reel.text.no-certificate",
            "reel!%FF%0A%1B%21.der candidate 413",
        ]
    );
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    let expected = ["Z.der", "a.der", "b/2.pem", "b/c/1.zip", "note.txt", "%FF%0A%1B%21.der"];
    assert_eq!(names, expected.map(|name| format!("reel/{name}")));
    assert_eq!(records[0].sha256, crate::crypto::sha256(&leaf(0)));
    assert_eq!(records[4].sha256, crate::crypto::sha256(b"about this reel"));
}

#[test]
fn links_and_special_files_are_reported_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let reel = folder.path().join("reel");
    std::fs::create_dir(&reel).unwrap();
    std::fs::write(folder.path().join("outside.der"), leaf(0)).unwrap();
    symlink(folder.path().join("outside.der"), reel.join("1-link.der")).unwrap();
    symlink(folder.path(), reel.join("2-up")).unwrap();
    symlink("nowhere", reel.join("3-dangling")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, reel.join("4-pipe"), rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(reel.join("5-socket")).unwrap();
    std::fs::write(reel.join("6.der"), leaf(1)).unwrap();
    let (items, records) = items_of(&Input::Path(reel), None, &Limits::default());
    assert_eq!(
        lines(&items),
        [
            "reel!1-link.der rejected reel.directory.link",
            "reel!2-up rejected reel.directory.link",
            "reel!3-dangling rejected reel.directory.link",
            "reel!4-pipe rejected reel.directory.special-file",
            "reel!5-socket rejected reel.directory.special-file",
            "reel!6.der candidate 413",
        ]
    );
    assert_eq!(records.len(), 1);
}

#[test]
fn an_input_named_by_a_link_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.der"), leaf(0)).unwrap();
    symlink("a.der", folder.path().join("latest.der")).unwrap();
    let (items, _) = items_of(&Input::Path(folder.path().join("latest.der")), None, &Limits::default());
    assert_eq!(lines(&items), ["latest.der candidate 413"]);
}

#[test]
fn an_empty_directory_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let reel = folder.path().join("reel");
    std::fs::create_dir_all(reel.join("inside")).unwrap();
    let (items, records) = items_of(&Input::Path(reel), None, &Limits::default());
    assert_eq!(lines(&items), ["reel ignored reel.archive.empty"]);
    assert_eq!(records, []);
}

#[test]
fn what_cannot_be_read_is_an_error_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let open = |path: &Path| {
        read(&Input::Path(path.to_owned()), None, &Limits::default(), folder.path(), &mut |_| ControlFlow::Continue(()))
    };
    assert!(matches!(open(&pipe), Err(ReelError::NotAFile { .. })), "and nobody waits for a writer");
    assert!(matches!(open(Path::new("/dev/null")), Err(ReelError::NotAFile { .. })));
    let missing = open(&folder.path().join("missing")).unwrap_err();
    assert!(matches!(missing, ReelError::Io { .. }) && missing.hint().is_some());
    let hostile = open(Path::new("missing\n\x1b[2J\u{202E}")).unwrap_err().to_string();
    assert!(is_safe(&hostile), "{hostile}");
}

#[test]
fn a_file_that_changes_under_the_reader_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reel.zip");
    let entries: Vec<Entry> = (0..5000).map(|n| Entry::stored(format!("{n}.der"), &leaf(n % 3))).collect();
    let archive = zip(&entries);
    assert!(archive.len() > 2 << 20, "larger than what is read at once");
    std::fs::write(&path, &archive).unwrap();
    let mut count = 0;
    let outcome = read(&Input::Path(path.clone()), None, &Limits::default(), folder.path(), &mut |_| {
        count += 1;
        if count == 100 {
            std::fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(archive.len() as u64 / 2).unwrap();
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(outcome, Err(ReelError::Changed { .. })), "{outcome:?}");
}
