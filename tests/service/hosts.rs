//! Two hosts, one folder and one server with both ledgers: one host is active, the other is ready.

use rustix::process::Signal;

use crate::client::Client;
use crate::killed::Field;
use crate::program::command;
use crate::support::judges::put;
use crate::support::postgres::Server;
use crate::support::run::Running;

/// A ledger of each side on the server, named where its file was.
fn on_server(field: &mut Field, server: &Server) {
    field.kill();
    for side in ["pki", "vault"] {
        let file = format!("{side}/ledger.db");
        let url = server.url(side);
        field.bench.workshop.reroot(&["ledger", "copy", &file]).arg(&url).run().success();
        let config = field.bench.workshop.path(&format!("{side}/reroot.toml"));
        let text = std::fs::read_to_string(&config).unwrap();
        let moved = text.replace("path = \"ledger.db\"", &format!("url = \"{}\"", url.display()));
        assert_ne!(moved, text);
        put(&config, moved);
    }
}

/// Starts a process of the second host, which waits for the first one's.
fn ready(command: crate::support::run::Run) -> Running {
    let mut running = command.args(["--wait", "600"]).start();
    running.wait_for_err("; waiting up to 600 s");
    running
}

/// The host whose processes are killed while a job is in this state is followed by the other, and the job ends right.
fn taken_over_in(state: &str) {
    let server = Server::start();
    let mut field = Field::new();
    on_server(&mut field, &server);
    field.start();
    let serve = ready(command(&field.bench));
    let signer = ready(field.bench.workshop.reroot(&["signer", "--config", "vault/reroot.toml"]));

    let job = field.issue();
    field.anna().wait_for(&job, &["awaiting-approval"]);
    let held = (state != "awaiting-approval").then(|| {
        let held = field.hold(state);
        field.approve(&job);
        field.anna().wait_for(&job, &[state]);
        held
    });
    field.kill();
    drop(held);
    field.follow(serve, signer);
    field.end(&job, "published");
    field.check_batch(state);
    field.check();
}

#[test]
fn metrics_say_what_is_handed_out_to_workers() {
    let server = Server::start();
    let mut field = Field::new();
    on_server(&mut field, &server);
    // a port that is free now: the program prints the one that it was given for the API
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = std::fs::read_to_string(field.bench.workshop.path("service.toml")).unwrap();
    put(&field.bench.workshop.path("service.toml"), format!("metrics = \"{free}\"\n{settings}"));
    field.start();
    let job = field.issue();
    field.anna().wait_for(&job, &["awaiting-approval"]);
    // an open batch of which two chunks are handed out, of a worker that was never there again
    server.execute(
        "SELECT pki.hand_out(batch, ARRAY[sha256('one'), sha256('two')], ARRAY[2::bigint, 1]) FROM pki.record WHERE kind = 1",
    );
    server.execute("SELECT * FROM pki.claim('w', 'build', 'signer', 'host', 1, 0, 1, 5)");
    let text = Client { address: free, token: None }.get("/metrics").expect(200).body;
    let text = String::from_utf8(text).unwrap();
    for line in [
        "reroot_pool_chunks{state=\"open\"} 2",
        "reroot_pool_chunks{state=\"parked\"} 0",
        "reroot_pool_certificates{state=\"missing\"} 3",
        "reroot_pool_workers{state=\"heard\"} 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn the_other_host_goes_on_with_a_job_that_waits() {
    taken_over_in("awaiting-approval");
}

#[test]
fn the_other_host_goes_on_with_a_job_that_is_signed() {
    taken_over_in("signing");
}

#[test]
fn the_other_host_goes_on_with_a_job_that_is_sealed() {
    taken_over_in("sealing");
}

#[test]
fn who_waits_for_the_folder_can_be_ended() {
    let field = Field::new();
    let serve = ready(command(&field.bench));
    serve.signal(Signal::TERM);
    serve.finish().expect(6);
}
