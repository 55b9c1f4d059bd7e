//! PostgreSQL alone; what every store does is tested beside the ledger.

use super::testing::Server;
use super::*;
use crate::ledger::testing::{batch_id, issuer_spki, leaves, row, terms};
use crate::ledger::{Draft, Ledger};

fn begin(ledger: &Ledger, n: u32) -> Result<(), LedgerError> {
    let list = leaves(u64::from(n) * 10..u64::from(n) * 10 + 7);
    ledger.begin(row(n, terms("test", &list), 4), &list)
}

fn draft(chunk: u64) -> Draft {
    Draft { place: Place::new(Kind::Intent, 1, chunk), count: 2, signatures: 3, body: vec![7; 100] }
}

fn append(store: &mut PostgresStore, chunk: u64) -> Result<Head, StoreError> {
    let head = store.head()?;
    let record = Record::after(&head, draft(chunk));
    let after = record.head();
    store.append(&head, &mut std::iter::once(record)).map(|()| after)
}

#[test]
fn a_second_run_is_refused_and_a_reader_is_not() {
    let server = Server::start();
    let url = server.url("one");
    assert!(matches!(Ledger::open(&url, &issuer_spki()), Err(LedgerError::Missing { .. })));
    let ledger = Ledger::create(&url, &issuer_spki()).unwrap();
    assert!(matches!(Ledger::create(&url, &issuer_spki()), Err(LedgerError::Exists { .. })));
    begin(&ledger, 1).unwrap();
    let head = ledger.head().unwrap();
    assert!(matches!(Ledger::open(&url, &issuer_spki()), Err(LedgerError::Locked { .. })));
    let reader = Ledger::open_to_read(&url).unwrap();
    begin(&ledger, 2).unwrap();
    assert_eq!(reader.head().unwrap(), head, "as it was when it was opened");
    assert!(reader.examine(&|_, _| {}).unwrap().findings.is_empty());
    assert!(matches!(begin(&reader, 3), Err(LedgerError::Store(StoreError::ReadOnly))));
    // another schema is another ledger
    Ledger::create(&server.url("two"), &issuer_spki()).unwrap();
    drop(ledger);
    let again = Ledger::open_or_create(&url, &issuer_spki()).unwrap();
    assert!(again.batch(&batch_id(2)).unwrap().is_some());
}

#[test]
fn what_was_added_survives_a_crash_of_the_server() {
    let mut server = Server::start();
    let url = server.url("reroot");
    let ledger = Ledger::create(&url, &issuer_spki()).unwrap();
    begin(&ledger, 1).unwrap();
    let head = ledger.head().unwrap();
    server.crash();
    assert!(matches!(ledger.check(), Err(LedgerError::Store(StoreError::Lost { .. }))));
    assert!(ledger.conclude().is_err());
    drop(ledger);
    let ledger = Ledger::open(&url, &issuer_spki()).unwrap();
    assert_eq!(ledger.head().unwrap(), head);
    assert!(ledger.examine(&|_, _| {}).unwrap().findings.is_empty());
}

#[test]
fn a_commit_whose_answer_is_lost_is_looked_up() {
    let server = Server::start();
    let url = server.url("reroot");
    let mut store = PostgresStore::create(&url).unwrap();
    let first = append(&mut store, 1).unwrap();
    // committed, and the session ended before the answer
    let session = store.session.process;
    let record = Record::after(&first, draft(2));
    let (last, committed) = store.add(&first, &mut std::iter::once(record)).unwrap();
    committed.unwrap();
    assert!(store.look_up(&first, &last).unwrap(), "it is there");
    assert_ne!(store.session.process, session, "on a new connection");
    let there: i64 = server
        .client()
        .query_one("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", &[&session.0])
        .unwrap()
        .get(0);
    assert_eq!(there, 0, "after the old session has ended");
    // not committed
    let never = Record::after(&last, draft(3)).head();
    assert!(!store.look_up(&last, &never).unwrap());
    assert_eq!(append(&mut store, 4).unwrap().records, 3, "nothing was added twice");
    // another server, or an older one
    let missing = Head { records: 9, ..last };
    assert!(matches!(store.look_up(&missing, &never), Err(StoreError::Lost { .. })));
}

#[test]
fn a_session_that_ends_during_an_append_adds_nothing() {
    let server = Server::start();
    let mut store = PostgresStore::create(&server.url("reroot")).unwrap();
    let head = append(&mut store, 1).unwrap();
    let process = store.session.process.0;
    let mut killed = std::iter::from_fn(|| {
        server.execute(&format!("SELECT pg_terminate_backend({process}, 10000)"));
        Some(Record::after(&head, draft(2)))
    });
    assert!(matches!(store.append(&head, &mut killed), Err(StoreError::Postgres { .. })));
    assert!(matches!(append(&mut store, 3), Err(StoreError::Broken | StoreError::Postgres { .. })));
    let mut store = PostgresStore::open(&server.url("reroot")).unwrap();
    assert_eq!(store.head().unwrap(), head);
}

#[test]
fn another_writer_is_noticed_by_the_head_even_if_the_lock_is_lost() {
    let server = Server::start();
    let mut store = PostgresStore::create(&server.url("reroot")).unwrap();
    append(&mut store, 1).unwrap();
    let seen = store.head().unwrap();
    server.execute("SELECT reroot.append(1, (SELECT digest FROM reroot.head), 7::smallint, 1, 9, 0, 0, 0, 'x')");
    let error = store.append(&seen, &mut std::iter::once(Record::after(&seen, draft(2)))).unwrap_err();
    assert!(matches!(error, StoreError::HeadMoved { expected: 1, found: 2 }), "{error}");
    let error = store.append(&seen, &mut std::iter::empty()).unwrap_err();
    assert!(matches!(error, StoreError::HeadMoved { expected: 1, found: 2 }), "{error}");
    assert_eq!(append(&mut store, 2).unwrap().records, 3);
}

#[test]
fn a_server_that_would_lose_records_is_refused() {
    let server = Server::start();
    let url = server.url("reroot");
    drop(Ledger::create(&url, &issuer_spki()).unwrap());
    for setting in ["fsync", "full_page_writes"] {
        server.execute(&format!("ALTER SYSTEM SET {setting} = off"));
        server.execute("SELECT pg_reload_conf()");
        let refused = || Ledger::open(&url, &issuer_spki());
        let until = std::time::Instant::now() + Duration::from_secs(30);
        while !matches!(refused(), Err(LedgerError::ServerSetting { setting: named, .. }) if named == setting) {
            assert!(std::time::Instant::now() < until, "{setting} is never noticed");
        }
        assert!(Ledger::open_to_read(&url).is_ok(), "reading loses nothing");
        server.execute(&format!("ALTER SYSTEM RESET {setting}"));
        server.execute("SELECT pg_reload_conf()");
        while refused().is_err() {
            assert!(std::time::Instant::now() < until, "{setting} stays");
        }
    }
}

/// A server whose default is not to wait for the disk is asked to wait.
#[test]
fn each_commit_waits_whatever_the_default_of_the_server_is() {
    let server = Server::start();
    server.execute("ALTER ROLE postgres SET synchronous_commit = off");
    let mut store = PostgresStore::create(&server.url("reroot")).unwrap();
    let setting: String = store.session.client.query_one("SHOW synchronous_commit", &[]).unwrap().get(0);
    assert_eq!(setting, "on");
}

#[test]
fn a_role_that_runs_can_add_records_and_change_none() {
    let server = Server::start();
    server.execute("CREATE ROLE reroot_writer LOGIN; CREATE ROLE reroot_reader LOGIN; CREATE ROLE other LOGIN");
    drop(Ledger::create(&server.url("reroot"), &issuer_spki()).unwrap());
    let ledger = Ledger::open(&server.url_of("reroot_writer", "reroot"), &issuer_spki()).unwrap();
    begin(&ledger, 1).unwrap();
    drop(ledger);
    let reader = server.url_of("reroot_reader", "reroot");
    assert!(Ledger::open_to_read(&reader).unwrap().examine(&|_, _| {}).unwrap().findings.is_empty());
    assert!(Ledger::open(&reader, &issuer_spki()).is_err());
    assert!(Ledger::open_to_read(&server.url_of("other", "reroot")).is_err());
    for role in ["reroot_writer", "reroot_reader"] {
        for sql in [
            "UPDATE reroot.record SET body = ''",
            "DELETE FROM reroot.record",
            "TRUNCATE reroot.record",
            "INSERT INTO reroot.record SELECT * FROM reroot.record",
            "UPDATE reroot.head SET records = 0",
            "DROP SCHEMA reroot CASCADE",
        ] {
            let mut client = server.client();
            client.batch_execute(&format!("SET ROLE {role}")).unwrap();
            let refused = client.batch_execute(sql).unwrap_err();
            assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role}: {sql}");
        }
    }
}

#[test]
fn a_changed_row_does_not_verify() {
    let changes = [
        ("UPDATE reroot.record SET body = 'x' WHERE kind = 3", "it does not continue the hash chain"),
        ("UPDATE reroot.record SET count = count + 1 WHERE kind = 3", "it does not continue the hash chain"),
        ("DELETE FROM reroot.record WHERE position = 3", "it is missing"),
    ];
    for (schema, (sql, expected)) in ["a", "b", "c"].into_iter().zip(changes) {
        let server = Server::start();
        let ledger = Ledger::create(&server.url(schema), &issuer_spki()).unwrap();
        begin(&ledger, 1).unwrap();
        server.execute(&sql.replace("reroot.", &format!("{schema}.")));
        let report = ledger.examine(&|_, _| {}).unwrap();
        assert!(report.findings.iter().any(|finding| finding.what.contains(expected)), "{sql}: {:?}", report.findings);
    }
}

/// The head is noted outside, as for a ledger in a file: a server that was restored from an old copy lacks it.
#[test]
fn a_server_that_comes_back_older_is_refused() {
    let mut server = Server::start();
    let url = server.url("reroot");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("head");
    let ledger = Ledger::create(&url, &issuer_spki()).unwrap();
    assert!(!ledger.note_head_in(&file).unwrap(), "nothing is noted yet");
    begin(&ledger, 1).unwrap();
    drop(ledger);
    server.keep_copy();
    let ledger = Ledger::open(&url, &issuer_spki()).unwrap();
    assert!(ledger.note_head_in(&file).unwrap());
    begin(&ledger, 2).unwrap();
    ledger.conclude().unwrap();
    drop(ledger);
    server.restore_copy();
    let ledger = Ledger::open(&url, &issuer_spki()).unwrap();
    let refused = ledger.note_head_in(&file).unwrap_err();
    assert!(matches!(refused, LedgerError::NotedHead { .. }), "{refused}");
    assert_eq!(refused.class(), crate::class::Class::Storage);
    // also when it has gone on in another way
    begin(&ledger, 3).unwrap();
    begin(&ledger, 4).unwrap();
    assert!(matches!(ledger.note_head_in(&file), Err(LedgerError::NotedHead { .. })));
}

#[test]
fn a_server_elsewhere_is_verified_by_its_name_and_a_root() {
    let (server, port) = Server::start_with_tls();
    server.execute("CREATE ROLE far LOGIN SUPERUSER PASSWORD 'secret'");
    let root = server.root();
    let password = root.with_file_name("password");
    crate::durable::write_new(&password, crate::durable::Access::Private, b"secret\n").unwrap();
    let wrong = root.with_file_name("wrong");
    crate::durable::write_new(&wrong, crate::durable::Access::Private, b"public\n").unwrap();
    let url = |host: &str, members: &str| PathBuf::from(format!("postgres://far@{host}:{port}/postgres?{members}"));
    let with = |password: &Path| format!("sslrootcert={}&password_file={}", root.display(), password.display());
    let ledger = Ledger::create(&url("localhost", &with(&password)), &issuer_spki()).unwrap();
    begin(&ledger, 1).unwrap();
    drop(ledger);
    let refused = |url: PathBuf| Ledger::open_to_read(&url).unwrap_err().to_string();
    let said = refused(url("localhost", &with(&wrong)));
    assert!(said.contains("password authentication failed"), "{said}");
    // the certificate is for localhost; the system's roots have not issued it
    let said = refused(url("127.0.0.1", &with(&password)));
    assert!(said.contains("not valid for name") || said.contains("NotValidForName"), "{said}");
    let said = refused(url("localhost", &format!("password_file={}", password.display())));
    assert!(said.contains("UnknownIssuer") || said.contains("root certificates"), "{said}");
    // the server takes no connection from elsewhere that is not inside TLS
    let said = refused(url("localhost", &format!("sslmode=disable&password_file={}", password.display())));
    assert!(said.contains("pg_hba.conf"), "{said}");
}

#[test]
fn an_url_is_refused_for_what_it_lacks_and_shows_no_password() {
    let refused = |text: &str| match Address::parse(Path::new(text)) {
        Ok(_) => panic!("{text} was taken"),
        Err(error) => error.to_string(),
    };
    for text in ["postgres://me:hunter2@host/db", "postgres://me@host/db?password=hunter2"] {
        let said = refused(text);
        assert!(said.contains("contains a password") && !said.contains("hunter2"), "{said}");
    }
    assert!(refused("postgres://me@host/db?port=x").contains("not of the form"));
    for schema in ["A", "a-b", "pg_x", "", "a;drop", "1"] {
        assert!(refused(&format!("postgres://me@127.0.0.1/db?sslmode=disable&schema={schema}")).contains("`schema`"));
    }
    assert!(refused("postgres://me@far.example/db?sslmode=disable").contains("on this machine"));
    for mode in ["prefer", "require", "verify-ca", ""] {
        assert!(refused(&format!("postgres://me@far.example/db?sslmode={mode}")).contains("verify-full"), "{mode}");
    }
    assert!(refused("postgres://me@far.example/db?sslrootcert=root.pem").contains("absolute"));
    assert!(refused("postgres://me@far.example/db?sslrootcert=/nowhere/root.pem").contains("/nowhere/root.pem"));
    assert!(refused("postgres://me@/db?host=/run&password_file=/nowhere/pw").contains("password file"));
    assert!(Address::parse(Path::new("postgres://me@/db?host=/run/postgresql")).is_ok());
}
