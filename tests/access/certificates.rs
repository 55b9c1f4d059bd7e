//! Client certificates: those of known people, and everything next to them. OpenSSL makes the certificates and speaks TLS.

use serde_json::json;

use super::client::{Answer, ask, request};
use super::service::{Service, workshop};
use crate::support::judges::put;
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// A CA of clients, one that is not configured, and certificates of both.
pub(super) fn make(workshop: &Workshop) {
    let openssl = |line: &str| {
        Run::openssl().args(line.split(' ')).folder(workshop.folder()).run().success();
    };
    put(
        &workshop.path("ca.cnf"),
        "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n\
         default_crl_days=30\ncrlnumber=number\ncrl_extensions=k\nunique_subject=no\nx509_extensions=e\n[p]\ncommonName=supplied\n[k]\nauthorityKeyIdentifier=keyid\n[e]\nextendedKeyUsage=clientAuth\n",
    );
    put(&workshop.path("index.txt"), "");
    for name in ["serial", "number"] {
        put(&workshop.path(name), "01\n");
    }
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["clients", "strangers", "server"] {
        let more = if name == "server" { " -addext subjectAltName=DNS:localhost" } else { "" };
        openssl(&format!("req -x509 {key} -days 30 -subj /CN={name} -keyout {name}.key -out {name}.pem{more}"));
    }
    for (name, dates, ca) in [
        ("anna", "-days 10", "clients"),
        ("bert", "-days 10", "clients"),
        ("revoked", "-days 10", "clients"),
        ("expired", "-startdate 20200101000000Z -enddate 20200201000000Z", "clients"),
        ("stranger", "-days 10", "strangers"),
    ] {
        openssl(&format!("req {key} -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        openssl(&format!(
            "ca -batch -config ca.cnf -cert {ca}.pem -keyfile {ca}.key -in {name}.csr -out {name}.pem {dates} -notext"
        ));
    }
    openssl("ca -config ca.cnf -cert clients.pem -keyfile clients.key -revoke revoked.pem");
    openssl("ca -config ca.cnf -cert clients.pem -keyfile clients.key -gencrl -out clients.crl");
}

pub(super) const TLS: &str = "[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclient_ca = \"clients.pem\"\nclient_crl = \"clients.crl\"\n";

/// One request over TLS, with this person's certificate. No answer where the handshake fails.
pub(super) fn ask_as(
    service: &Service,
    name: Option<&str>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let mut args = vec!["s_client", "-quiet", "-connect", &service.address, "-CAfile", "server.pem"];
    let (certificate, key);
    if let Some(name) = name {
        (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        args.extend(["-cert", &certificate, "-key", &key]);
    }
    let run = Run::openssl().args(args).folder(service.workshop.folder());
    let finished = run.stdin(request(method, path, headers, body)).run();
    (!finished.stdout.is_empty()).then(|| Answer::parse(&finished.stdout))
}

/// The administrator, who has a token.
pub(super) fn as_admin(service: &Service, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {}", service.admin);
    let headers = [("Authorization", &bearer[..]), ("Content-Type", "application/json")];
    ask_as(service, None, method, path, &headers, body.as_bytes()).expect("a client needs no certificate")
}

/// What makes a user with the certificate of a name.
pub(super) fn user(service: &Service, name: &str, roles: &[&str], certificate: &str) -> String {
    let run = Run::openssl().args(["x509", "-in", &format!("{certificate}.pem"), "-outform", "DER"]);
    let der = run.folder(service.workshop.folder()).run().success().stdout;
    json!({"name": name, "roles": roles, "certificates": [reroot::crypto::sha256(&der).to_string()]}).to_string()
}

#[test]
fn a_known_certificate_is_a_person_and_all_others_are_refused() {
    let workshop = workshop();
    make(&workshop);
    let service = Service::start(workshop, TLS);
    let admin = |method: &str, path: &str, body: &str| as_admin(&service, method, path, body);
    let user = |name: &str, roles: &[&str], certificate: &str| user(&service, name, roles, certificate);
    for name in ["anna", "revoked", "expired", "stranger"] {
        admin("POST", "/v1/users", &user(name, &["viewer"], name)).expect(201);
    }
    let get = |name: Option<&str>| ask_as(&service, name, "GET", "/v1/batches", &[], b"");
    get(Some("anna")).expect("an answer").expect(200);
    ask_as(&service, Some("anna"), "GET", "/v1/tokens", &[], b"").expect("an answer").problem(403, "auth.role");
    get(None).expect("an answer").problem(401, "auth.missing");
    get(Some("bert")).expect("an answer").problem(401, "auth.refused");
    for name in ["revoked", "expired", "stranger"] {
        let answer = get(Some(name)).map(|answer| answer.status);
        assert_eq!(answer, None, "{name}: the handshake fails");
    }
    // a header of the caller says nothing
    let header = [("Client-Cert", ":AAAA:"), ("X-Forwarded-For", "192.0.2.1")];
    ask_as(&service, None, "GET", "/v1/batches", &header, b"").expect("an answer").problem(401, "auth.missing");

    admin("POST", "/v1/users", &user("anna", &["viewer"], "bert")).problem(409, "user.exists");
    admin("POST", "/v1/users", &user("other", &["viewer"], "anna")).problem(409, "user.exists");
    admin("POST", "/v1/users", &user("root", &["operator"], "bert")).problem(403, "auth.role");
    admin("POST", "/v1/users", r#"{"name":"x","roles":["viewer"],"certificates":["00"]}"#)
        .problem(400, "request.malformed");
    let clients = std::fs::read(service.workshop.path("clients.pem")).unwrap();
    let users = admin("GET", "/v1/users", "").expect(200).json();
    assert_eq!(users["items"].as_array().unwrap().len(), 4);
    // files that have changed are in use a second later; those that cannot be used leave the earlier ones in place
    let openssl = |line: &str| {
        Run::openssl().args(line.split(' ')).folder(service.workshop.folder()).run().success();
    };
    let replace = |name: &str, content: &[u8]| {
        put(&service.workshop.path("new"), content);
        Run::tool("mv").args(["new", name]).folder(service.workshop.folder()).run().success();
    };
    let taken = |name: &str| get(Some(name)).is_some();
    openssl("ca -config ca.cnf -cert clients.pem -keyfile clients.key -revoke bert.pem");
    openssl("ca -config ca.cnf -cert clients.pem -keyfile clients.key -gencrl -out next.crl");
    openssl("ca -config ca.cnf -cert strangers.pem -keyfile strangers.key -gencrl -out strangers.crl");
    let file = |name: &str| std::fs::read(service.workshop.path(name)).unwrap();
    replace("clients.crl", &file("next.crl"));
    service.until(|| !taken("bert"));
    assert!(taken("anna"));
    replace("clients.crl", b"no list");
    replace("clients.pem", &file("strangers.pem"));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(taken("anna") && !taken("stranger") && !taken("bert"));
    replace("clients.crl", &file("strangers.crl"));
    service.until(|| taken("stranger"));
    assert!(!taken("anna"), "the CA of clients is a different one now");
    replace("clients.pem", &clients);
    replace("clients.crl", &file("next.crl"));
    service.until(|| taken("anna"));
    admin("DELETE", "/v1/users/anna", "").expect(204);
    admin("DELETE", "/v1/users/anna", "").problem(404, "user.unknown");
    get(Some("anna")).expect("an answer").problem(401, "auth.refused");
    // plain HTTP is no TLS
    let plain = std::panic::catch_unwind(|| ask(&service.address, "GET", "/livez", &[], b"").status);
    assert!(plain.is_err(), "{plain:?}");
}
