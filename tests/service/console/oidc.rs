//! Logging in at an OpenID provider. The provider is a small one of this test, which can be made to answer wrongly.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reroot::crypto::sha256;
use reroot_service::principal::Role;
use reroot_service::settings::OidcSettings;
use serde_json::{Value, json};

use super::{Browser, text};
use crate::bench::{Bench, Service};
use crate::client::Answer;
use crate::support::judges::put;

const SECRET: &str = "of the client & \"more\"";

/// A provider on this machine.
struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    issuer: String,
    key: EcdsaKeyPair,
    key_id: String,
    /// Claims that the next tokens have in place of the right ones.
    claims: Value,
    /// The login that a code is for: its nonce and its challenge.
    login: (String, String),
    works: bool,
}

fn key() -> EcdsaKeyPair {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap()
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (issuer, login) = (format!("http://{address}/realm"), (String::new(), String::new()));
        let (key, key_id, claims) = (key(), "one".to_owned(), json!({}));
        let state = Arc::new(Mutex::new(State { issuer, key, key_id, claims, login, works: true }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let request = read(&mut connection);
                let (status, answer) = shared.lock().unwrap().answer(&request);
                let answer = answer.to_string();
                let length = answer.len();
                let head = format!("HTTP/1.1 {status} .\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                connection.write_all((head + &answer).as_bytes()).unwrap();
            }
        });
        Self { address, state }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    fn settings(&self, bench: &Bench) -> OidcSettings {
        let secret = bench.workshop.path("oidc.secret");
        put(&secret, format!("{SECRET}\n"));
        OidcSettings {
            issuer: format!("http://{}/realm", self.address),
            client_id: "reroot".to_owned(),
            client_secret: Some(secret),
            public_url: "https://reroot.example".to_owned(),
            ca: Some(bench.workshop.path("pki/ca/root.pem")),
            name_claim: "email".to_owned(),
            groups_claim: "groups".to_owned(),
            roles: vec![("pki".to_owned(), vec![Role::Operator, Role::Viewer])],
            skew: 60,
        }
    }
}

fn read(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let more = connection.read(&mut part).unwrap();
        request.extend_from_slice(&part[..more]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_ascii_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.lines().next().unwrap().trim().parse().unwrap());
        if more == 0 || body.len() >= length {
            return text.into_owned();
        }
    }
}

impl State {
    fn answer(&self, request: &str) -> (u16, Value) {
        let of = |path: &str| format!("{}/{path}", self.issuer);
        if !self.works {
            return (500, json!({}));
        }
        match request.split(' ').nth(1).unwrap() {
            "/realm/.well-known/openid-configuration" => (
                200,
                json!({
                    "issuer": self.issuer, "authorization_endpoint": of("authorize"), "token_endpoint": of("token"),
                    "jwks_uri": of("keys"),
                }),
            ),
            "/realm/keys" => {
                let point = self.key.public_key().as_ref();
                let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
                (200, json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": self.key_id, "x": x, "y": y}]}))
            }
            "/realm/token" => self.token(request),
            path => panic!("{path}"),
        }
    }

    /// What RFC 6749 §4.1.3 and RFC 7636 §4.6 say.
    fn token(&self, request: &str) -> (u16, Value) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let basic = STANDARD.encode("reroot:of+the+client+%26+%22more%22");
        let fields: Vec<(&str, &str)> = body.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
        let challenge = URL_SAFE_NO_PAD.encode(sha256(field("code_verifier").as_bytes()).as_bytes());
        let redirect = "https%3A%2F%2Freroot.example%2Fconsole%2Flogin%2Foidc%2Fcallback";
        let fits = head.contains(&format!("Basic {basic}")) || head.contains(&format!("basic {basic}"));
        if !fits || field("grant_type") != "authorization_code" || field("redirect_uri") != redirect {
            return (401, json!({"error": "invalid_client", "error_description": request}));
        }
        if field("code") != "good" || challenge != self.login.1 {
            return (400, json!({"error": "invalid_grant"}));
        }
        let now = std::process::Command::new("date").arg("+%s").output().unwrap().stdout;
        let now: i64 = String::from_utf8(now).unwrap().trim().parse().unwrap();
        let mut claims = json!({
            "iss": self.issuer, "aud": "reroot", "sub": "7", "iat": now, "exp": now + 300, "nonce": self.login.0,
            "email": "olga@example.com", "email_verified": true, "groups": ["pki"],
        });
        for (claim, value) in self.claims.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        if claims["exp"] == json!("ended") {
            claims["exp"] = json!(now - 61);
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "ES256", "kid": self.key_id})), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        (200, json!({"id_token": format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), "access_token": "a"}))
    }
}

/// A browser that was sent to the provider: what it brings back.
struct Sent {
    browser: Browser,
    state: String,
}

impl Sent {
    fn to(provider: &Provider, service: &Service) -> Self {
        let mut browser = Browser::new(service.address);
        assert!(browser.page("/console/login").contains("Log in with your organization"));
        let sent = browser.get("/console/login/oidc").expect(303);
        let set = &sent.headers["set-cookie"];
        assert!(set.contains("SameSite=Lax") && set.contains("HttpOnly") && set.contains("Max-Age=600"), "{set}");
        browser.keep(&sent);
        let place = &sent.headers["location"];
        let (endpoint, query) = place.split_once('?').unwrap();
        assert_eq!(endpoint, format!("http://{}/realm/authorize", provider.address));
        let value = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            pair.unwrap_or_else(|| panic!("{name}: {query}")).to_owned()
        };
        assert_eq!((&*value("response_type"), &*value("code_challenge_method")), ("code", "S256"));
        assert!(value("scope").starts_with("openid"));
        provider.set(|state| state.login = (value("nonce"), value("code_challenge")));
        Self { browser, state: value("state") }
    }

    fn back(&self, query: &str) -> Answer {
        let state = &self.state;
        self.browser.get(&format!("/console/login/oidc/callback?state={state}&{query}"))
    }
}

fn started() -> (Bench, Provider, Service) {
    let mut bench = Bench::new();
    let provider = Provider::start();
    bench.settings.oidc = Some(provider.settings(&bench));
    let service = bench.start();
    (bench, provider, service)
}

#[test]
fn a_person_of_the_provider_logs_in_once_for_each_answer() {
    let (bench, provider, service) = started();
    let mut sent = Sent::to(&provider, &service);
    let answer = sent.back("code=good").expect(200);
    sent.browser.keep(&answer);
    let page = sent.browser.page("/console/");
    assert!(page.contains("<strong>olga@example.com</strong>"), "{page}");
    // what her groups allow, and no more
    sent.browser.get("/console/jobs/new").expect(200);
    sent.browser.get("/console/admin").expect(403);
    // the same answer a second time
    let again = sent.back("code=good");
    assert_eq!(again.status, 401);
    let events = std::fs::read_dir(bench.data("audit")).unwrap().map(|file| file.unwrap().path());
    let log: String = events.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let fits = |line: &str| line.contains("console.login") && line.contains("\"auth\":\"oidc\"");
    assert!(log.lines().any(|line| fits(line) && line.contains("olga@example.com")), "{log}");
}

#[test]
fn an_answer_that_does_not_fit_logs_nobody_in() {
    let (_bench, provider, service) = started();
    for (claims, said) in [
        (json!({"nonce": "another"}), "a different login"),
        (json!({"aud": "another"}), "expected `reroot`"),
        (json!({"iss": "https://evil.example"}), "expected `http://127.0.0.1"),
        (json!({"exp": "ended"}), "ended"),
        (json!({"groups": ["staff"]}), "has a role here"),
        (json!({"email_verified": false}), "verified"),
        (json!({"email": "<b>x</b>"}), "must have"),
    ] {
        provider.set(|state| state.claims = claims.clone());
        let page = text(&Sent::to(&provider, &service).back("code=good").expect(401));
        assert!(page.replace("&#39;", "'").contains(said), "{claims}: {page}");
        assert!(!page.contains("<b>x"), "{page}");
    }
    provider.set(|state| state.claims = json!({}));
    // the code of somebody else, the browser of somebody else, no code, another provider, a person who does not want
    assert!(text(&Sent::to(&provider, &service).back("code=bad").expect(401)).contains("invalid_grant"));
    let sent = Sent::to(&provider, &service);
    let stranger = Browser::new(service.address);
    let path = format!("/console/login/oidc/callback?state={}&code=good", sent.state);
    assert!(text(&stranger.get(&path).expect(401)).contains("different browser"));
    let other = Sent::to(&provider, &service);
    assert!(text(&other.browser.get(&path).expect(401)).contains("different browser"));
    assert!(text(&sent.back("").expect(401)).contains("no `code`"));
    let sent = Sent::to(&provider, &service);
    assert!(text(&sent.back("code=good&iss=https://evil.example").expect(401)).contains("a different provider"));
    let sent = Sent::to(&provider, &service);
    let page = text(&sent.back("error=access_denied&error_description=%3Cscript%3E").expect(401));
    assert!(page.contains("access_denied") && !page.contains("<script>"), "{page}");
    // and the right one still does
    Sent::to(&provider, &service).back("code=good").expect(200);
}

#[test]
fn a_provider_may_change_its_key_and_may_be_away() {
    let (_bench, provider, service) = started();
    Sent::to(&provider, &service).back("code=good").expect(200);
    // with the old name: the signature fails, and the keys are asked for again; once within half a minute
    provider.set(|state| (state.key, state.key_id) = (key(), "two".to_owned()));
    let first = Sent::to(&provider, &service).back("code=good");
    assert!(first.status == 401 && text(&first).contains("no key `two`"), "{}", text(&first));
    provider.set(|state| state.works = false);
    let sent = Sent::to(&provider, &service);
    assert!(text(&sent.back("code=good").expect(503)).contains("cannot be asked"));
    // an API token of one's own for this client
    service.stranger().send("GET", "/v1/jobs", &[("authorization", "Bearer a.b.c")], &[]).problem(401, "auth.refused");
}
