//! Logging in at a real OpenID provider, which `oidc.mjs` runs, with Chromium. The provider is a different site than the console.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reroot_service::principal::Role;
use reroot_service::settings::{Listen, OidcSettings};

use super::installed;
use crate::bench::{Bench, clock};
use crate::client::Client;
use crate::support::judges::put;

/// Seconds by which the clock of the service is ahead.
static LATER: AtomicU64 = AtomicU64::new(0);

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A service that knows the provider under this issuer, and itself under this client.
fn bench(provider: &str, client: &str, port: u16) -> Bench {
    let mut bench = Bench::new();
    let secret = bench.workshop.path("oidc.secret");
    put(&secret, "of the client & \"more\"\n");
    bench.settings.listen = Listen::Tcp(([127, 0, 0, 1], port).into());
    bench.clock = || clock() + Duration::from_secs(LATER.load(Ordering::Relaxed));
    bench.settings.oidc = Some(OidcSettings {
        issuer: provider.to_owned(),
        client_id: client.to_owned(),
        client_secret: Some(secret),
        public_url: format!("http://127.0.0.1:{port}"),
        ca: Some(bench.workshop.path("pki/ca/root.pem")),
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        roles: vec![("pki".to_owned(), vec![Role::Operator, Role::Viewer])],
        skew: 60,
    });
    bench
}

#[test]
fn a_real_provider_logs_people_in() {
    let (at, own) = (free_port(), free_port());
    let provider = format!("http://localhost:{at}");
    let bench_of_all = bench(&provider, "reroot", own);
    let _service = bench_of_all.start();
    let mut node = Command::new("timeout");
    node.args(["120", "node"]).arg(installed("oidc.mjs")).args([at.to_string(), format!("http://127.0.0.1:{own}")]);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut facts = Vec::new();
    for line in BufReader::new(node.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "later" {
            wrong_settings(&provider, at);
            // keys are asked for once in half a minute
            LATER.store(40, Ordering::Relaxed);
            node.stdin.as_mut().unwrap().write_all(b"it is\n").unwrap();
        } else if line.starts_with("OK ") {
            facts.push(line);
        }
    }
    assert!(node.wait().unwrap().success() && facts.len() == 4, "{facts:?}");
}

/// A service with a different name for the provider, or one that the provider does not know.
fn wrong_settings(provider: &str, at: u16) {
    let elsewhere = bench(&provider.replace("localhost", "127.0.0.1"), "reroot", free_port());
    let answer = elsewhere.start().stranger().get("/console/login/oidc").expect(503);
    let said = String::from_utf8(answer.body).unwrap();
    assert!(said.contains(&format!("its configuration is that of `{provider}`")), "{said}");
    let stranger = bench(provider, "stranger", free_port());
    let sent = stranger.start().stranger().get("/console/login/oidc").expect(303);
    let path = sent.headers["location"].strip_prefix(provider).unwrap().to_owned();
    let browser = Client { address: ([127, 0, 0, 1], at).into(), token: None };
    let refused = browser.send("GET", &path, &[("accept", "text/html")], &[]).expect(400);
    assert!(String::from_utf8(refused.body).unwrap().contains("invalid_client"));
}
