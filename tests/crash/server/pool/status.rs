//! What `reroot pool status` prints.

use std::path::PathBuf;
use std::time::Duration;

use reroot::crypto::sha256;
use reroot::ledger::{ChunkFile, Pool, Settled, Worker};
use serde_json::{Value, json};

use super::super::super::bench::Bench;
use super::super::on_server;
use crate::support::postgres::Server;

const BATCH: &str = "01890a5d-ac96-774b-bcce-000000000000";

#[test]
fn the_status_names_what_is_handed_out_and_what_is_parked() {
    let server = Server::start();
    server.execute("CREATE ROLE reroot_reader LOGIN");
    // with an open batch of one leaf
    let bench = Bench::after(1, 1, 1);
    let url = server.url("reroot");
    let workshop = on_server(&bench, &url);
    let text = |code| workshop.reroot(&["pool", "status", "--config", "pki/reroot.toml"]).run().expect(code).out();
    let line = |text: &str, name: &str| {
        let mut lines = text.lines().map(str::trim_start);
        let found = lines.find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        found.trim().to_owned()
    };
    assert_eq!(line(&text(0), "batches"), "none is handed out");

    let mut pool = Pool::open(&url).unwrap();
    let file = ChunkFile { sha256: sha256(b"its leaves"), leaves: 1 };
    pool.hand_out(&BATCH.parse().unwrap(), &[file]).unwrap();
    let [name, build, signer, host] = ["w1", "1.2.3", "a token", "host-1"].map(ToOwned::to_owned);
    let worker = Worker { name, build, signer, host };
    let claims = pool.claim(&worker, Duration::from_secs(3600), 5).unwrap();
    let leased = text(0);
    assert_eq!(line(&leased, "batch "), BATCH);
    assert_eq!(line(&leased, "certificates"), "0 of 1");
    assert_eq!(line(&leased, "chunks"), "1 = 0 open + 1 leased + 0 done + 0 parked");
    assert_eq!(line(&leased, "worker"), "w1 on host-1, version 1.2.3, signs with a token");
    assert!(leased.contains("1 chunks leased, 0 certificates\n"), "{leased}");

    assert!(pool.settle(&claims[0], Settled::Parked { reason: "its leaf is\nnot a certificate" }).unwrap());
    assert_eq!(line(&text(1), "parked"), "chunk 0, leased 1 times: its leaf is\\u{a}not a certificate");
    // a role that only reads, and a program
    let reader = server.url_of("reroot_reader", "reroot");
    let asked = workshop.reroot(&["--format", "json", "pool", "status"]).arg(&reader).run().expect(1);
    let mut found: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(PathBuf::from(found["ledger"].take().as_str().unwrap()), reader);
    let of_worker = found["workers"][0].as_object_mut().unwrap();
    for ago in ["started_seconds", "seen_seconds"] {
        assert!(of_worker.remove(ago).unwrap().as_u64().unwrap() < 600, "{ago}");
    }
    let expected = json!({
        "ledger": null,
        "batches": [{
            "batch": BATCH, "leaves": 1, "certificates": 0, "open": 0, "leased": 0, "done": 0, "parked": 1,
        }],
        "parked": [{ "batch": BATCH, "chunk": 0, "attempts": 1, "reason": "its leaf is\nnot a certificate" }],
        "workers": [{
            "name": "w1", "build": "1.2.3", "signer": "a token", "host": "host-1", "leased": 0, "certificates": 0,
        }],
    });
    assert_eq!(found, expected);
    let refused = workshop.reroot(&["pool", "status", "ledger.db"]).run().expect(2).err();
    assert!(refused.contains("`ledger.db` is in a file, expected one on a server"), "{refused}");
}
