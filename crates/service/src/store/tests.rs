//! Versions of the file.

use super::*;

#[test]
fn a_new_file_has_the_last_version_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    for _ in 0..2 {
        let store = Store::open(&path).unwrap();
        let version: u32 = store.connection().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, VERSION);
        let synchronous: u32 = store.connection().query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        assert_eq!(synchronous, 2, "FULL");
    }
}

#[test]
fn a_file_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.sqlite");
    let later = format!("PRAGMA user_version = {}", VERSION + 1);
    Store::open(&path).unwrap().connection().execute_batch(&later).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Version { .. }), "{error}");
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("jobs.sqlite")).unwrap();
    let count =
        || -> u32 { store.connection().query_row("SELECT count(*) FROM idempotency", [], |row| row.get(0)).unwrap() };
    let insert = "INSERT INTO idempotency VALUES ('a', 'b', 'c', 'd', 0)";
    let failed: Result<(), StoreError> = store.transaction(|transaction| {
        transaction.execute(insert, [])?;
        Err(StoreError::Content { what: "nothing".to_owned() })
    });
    assert!(failed.is_err());
    assert_eq!(count(), 0);
    store.transaction(|transaction| Ok::<_, StoreError>(transaction.execute(insert, [])?)).unwrap();
    assert_eq!(count(), 1);
}
