//! What fails around the service: a token that hangs, a disk that is full, an API token that expires. Nothing is lost.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use reroot::durable::{Access, create_directory};
use serde_json::json;

use crate::bench::Bench;
use crate::client::Client;
use crate::program::{Program, SERVE, command};
use crate::signer::{CONSOLE, Signer};
use crate::support::judges::put;
use crate::support::run::Run;
use crate::uploads::wait_until;

/// The signer's token hangs in the middle of a batch: the job says so, and goes on by itself.
#[test]
fn a_token_that_hangs_makes_the_job_wait_and_go_on() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    let real = "/usr/lib/softhsm/libsofthsm2.so";
    let (folder, path) = (bench.workshop.folder().to_owned(), |name: &str| bench.workshop.path(name));
    create_directory(&path("tokens"), Access::Private).unwrap();
    put(
        &path("softhsm2.conf"),
        format!("directories.tokendir = {}\nobjectstore.backend = file\n", path("tokens").display()),
    );
    bench.workshop.write("pin", b"5678\n");
    let key = "vault/ca/issuing.key.pem";
    for args in [
        &["--init-token", "--free", "--label", "vault", "--so-pin", "1234", "--pin", "5678"][..],
        &["--import", key, "--token", "vault", "--label", "ca", "--id", "01", "--pin", "5678"],
    ] {
        let run = Run::tool("softhsm2-util").args(args).folder(&folder);
        run.env("SOFTHSM2_CONF", path("softhsm2.conf")).run().success();
    }
    Run::tool("rm").arg(key).folder(&folder).run().success();
    let module = crate::support::tokens::faulty();
    let uri = format!("pkcs11:token=vault;object=ca?module-path={module}&pin-source=file:{}", path("pin").display());
    let config = std::fs::read_to_string(path("vault/reroot.toml")).unwrap();
    let config = config.replace("\"ca/issuing.key.pem\"", &format!("\"{uri}\""));
    put(&path("vault/reroot.toml"), config + "\n[hsm]\ncall_timeout = \"2s\"\n");
    let command = bench.workshop.reroot(&["signer", "--config", "vault/reroot.toml", "--new-ledger"]);
    let command = command.env("SOFTHSM2_CONF", path("softhsm2.conf"));
    let _signer = Signer::started(command.env("FAULTY_PKCS11_MODULE", real).env("FAULTY_PKCS11", "C_Sign:1:hang"));

    let service = bench.start();
    let anna = service.of("anna");
    let job = crate::jobs::posted(&bench, &anna, 0..6);
    anna.wait_for(&job, &["awaiting-approval"]);
    service.of("bert").post(&format!("/v1/jobs/{job}/approvals"), &json!({ "console": true })).expect(202);
    let published = anna.wait_for(&job, &["published"]);
    let batch = published["plan"]["batch"].as_str().unwrap().to_owned();
    bench.workshop.verify(&format!("data/batches/{batch}"), &[]).success();
    // the events still say why it waited
    let said = anna.events(&job, "0", "published");
    assert!(said.contains("the signer failed") && said.contains("did not return"), "{said}");
    assert_eq!(bench.workshop.lines(&format!("data/batches/{batch}")).len(), 6);
}

/// The disk becomes full while a content arrives: 507, nothing half-written, and the same upload succeeds later.
#[test]
fn a_disk_that_is_full_while_an_upload_arrives_keeps_nothing_of_it() {
    let bench = Bench::new();
    let mut program = Program::new(&bench, "[limits]\nfree_bytes = 1\n");
    let content = vec![7_u8; 4 << 20];
    let new = json!({ "name": "reel.zip", "bytes": content.len() });
    let upload = program.anna().post("/v1/uploads", &new).expect(201).json();
    let place = upload["content"].as_str().unwrap().to_owned();
    program.kill();
    for calls in ["write", "write,fsync,fdatasync", "renameat2,rename,renameat"] {
        // every such call below the folder of contents fails
        let how = ["--calls", calls, "--from", "1", "--how", "error=ENOSPC"];
        program.again(bench.faulty("data/uploads", &how, &SERVE));
        let full = program.anna().send("PUT", &place, &[], &content).problem(507, "failure.storage");
        assert!(full["detail"].as_str().unwrap().contains("No space left"), "{calls}: {full:#}");
        assert_eq!(bench.names("uploads"), Vec::<String>::new(), "{calls}: nothing is left");
        let still = program.anna().get(&format!("/v1/uploads/{}", upload["id"].as_str().unwrap())).expect(200).json();
        assert_eq!(still["state"], "expected", "{calls}: {still:#}");
        program.end();
    }
    program.again(command(&bench));
    program.anna().send("PUT", &place, &[], &content).expect(200);
    assert_eq!(bench.names("uploads").len(), 1);
}

/// A token that expires while its content arrives: the request was allowed when it began, and ends. The next one is refused,
/// and a new token of the same owner goes on with what was announced.
#[test]
fn a_token_that_expires_during_an_upload_loses_nothing() {
    let bench = Bench::new();
    let program = Program::new(&bench, "[limits]\nfree_bytes = 1\n");
    let content = vec![7_u8; 1 << 20];
    let new = json!({ "name": "reel.zip", "bytes": content.len() });
    let place =
        |client: &Client| client.post("/v1/uploads", &new).expect(201).json()["content"].as_str().unwrap().to_owned();
    let brief = program.of(&program.token("anna", "operator", 4));
    let (sent, waiting) = (place(&brief), place(&brief));
    let mut stream = brief.connect().unwrap();
    stream.write_all(brief.head("PUT", &sent, &[], content.len()).as_bytes()).unwrap();
    stream.write_all(&content[..content.len() / 2]).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while brief.get("/v1/uploads").status != 401 {
        assert!(Instant::now() < end, "the token does not expire");
        std::thread::sleep(Duration::from_millis(300));
    }
    stream.write_all(&content[content.len() / 2..]).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    brief.send("PUT", &waiting, &[], &content).problem(401, "auth.refused");
    program.anna().send("PUT", &waiting, &[], &content).expect(200);
    assert_eq!(bench.names("uploads").len(), 2);
}

/// The signer's disk is full when the plan arrives, and when its ledger grows: the job waits, says why, and goes on by itself
/// when there is space.
#[test]
fn a_full_disk_of_the_signer_makes_the_job_wait_and_go_on() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    Signer::start(&bench).kill();
    let service = bench.start();
    let anna = service.of("anna");
    let under = |under: &str, how: &[&str]| {
        Signer::started(bench.faulty(under, how, &["signer", "--config", "vault/reroot.toml"]))
    };
    for (at, (folder, calls)) in (0..).zip([("vault/requests", "write"), ("vault", "pwrite64")]) {
        // what the start writes is written
        under(folder, &["--calls", calls, "--record", "calls"]).kill();
        let start = std::fs::read_to_string(bench.workshop.path("calls")).unwrap().lines().count();
        let first = (start + 1).to_string();
        let full = under(folder, &["--calls", calls, "--from", &first, "--how", "error=ENOSPC"]);
        let job = crate::jobs::posted(&bench, &anna, at * 10..at * 10 + 3);
        anna.wait_for(&job, &["awaiting-approval"]);
        service.of("bert").post(&format!("/v1/jobs/{job}/approvals"), &json!({ "console": true })).expect(202);
        anna.events(&job, "0", "No space left");
        full.kill();
        let _signer = Signer::start(&bench);
        let published = anna.wait_for(&job, &["published"]);
        let out = format!("data/batches/{}", published["plan"]["batch"].as_str().unwrap());
        bench.workshop.verify(&out, &[]).success();
        assert_eq!(bench.workshop.lines(&out).len(), 3, "{folder}");
    }
}

/// No line pack can get its name: the batch is published all the same, and gets its pack when there is space.
#[test]
fn a_disk_that_is_full_when_a_line_pack_is_made_costs_no_pack() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    let _signer = Signer::start(&bench);
    let mut program = Program::new(&bench, "[limits]\nfree_bytes = 1\n");
    program.kill();
    // the database of the catalog renames nothing
    let how = ["--calls", "renameat2,rename,renameat", "--from", "1", "--how", "error=ENOSPC"];
    program.again(bench.faulty("data/catalog", &how, &SERVE));
    let job = crate::jobs::posted(&bench, &program.anna(), 0..3);
    program.anna().wait_for(&job, &["awaiting-approval"]);
    program.bert().post(&format!("/v1/jobs/{job}/approvals"), &json!({ "console": true })).expect(202);
    let published = program.anna().wait_for(&job, &["published"]);
    let path = format!("/v1/batches/{}", published["plan"]["batch"].as_str().unwrap());
    let batch = program.anna().get(&path).expect(200).json();
    assert!(batch["pack_sha256"].is_null(), "{batch:#}");
    program.anna().get(&format!("{path}/pack")).problem(404, "batch.file-unknown");
    program.end();
    program.again(command(&bench));
    wait_until("the pack is made", || program.anna().get(&format!("{path}/pack")).status == 200);
}
