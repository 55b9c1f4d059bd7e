//! A catalog without batches; those with batches are tested through HTTP (`tests/service`).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use reroot_core::durable::create_new;

use super::*;

#[test]
fn a_catalog_that_cannot_be_used_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("catalog");
    let first = Catalog::open(&place, [1; 32]).unwrap();
    assert_eq!(first.counts().unwrap(), (0, 0, 0));
    drop(first);
    // the secret of the cursors is that of the file
    assert_eq!(Catalog::open(&place, [2; 32]).unwrap().secret(), &[1; 32]);
    for damage in ["not a database, and long enough to be looked at ".repeat(100), String::new()] {
        durable::remove_partial_file(&place.join(FILE)).unwrap();
        let mut file = create_new(&place.join(FILE), Access::Private).unwrap();
        std::io::Write::write_all(&mut file, damage.as_bytes()).unwrap();
        assert_eq!(Catalog::open(&place, [3; 32]).unwrap().secret(), &[3; 32]);
    }
}

#[test]
fn a_folder_that_is_no_batch_is_refused_once() {
    let folder = tempfile::tempdir().unwrap();
    let (place, batches) = (folder.path().join("catalog"), folder.path().join("batches"));
    let catalog = Catalog::open(&place, [1; 32]).unwrap();
    for folder in [batches.clone(), batches.join("x\u{202e}<b>")] {
        durable::create_directory(&folder, Access::Private).unwrap();
    }
    let mut file = create_new(&batches.join("x\u{202e}<b>/manifest.json"), Access::Private).unwrap();
    std::io::Write::write_all(&mut file, b"{}").unwrap();
    let mut builder = Builder::open(&place, &batches, vec![], Arc::new(AtomicBool::new(false))).unwrap();
    builder.look().unwrap();
    builder.look().unwrap();
    assert_eq!(catalog.counts().unwrap(), (0, 0, 1));
}
