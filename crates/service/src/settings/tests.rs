//! What is read, and what next to it is refused.

use super::*;

const GOOD: &str =
    "listen = \"127.0.0.1:8443\"\ndata = \"data\"\nconfiguration = \"reroot.toml\"\nsigner = \"/run/s\"\n";

fn codes(text: &str) -> Vec<String> {
    let errors = Settings::parse(text, Path::new("/etc/reroot/service.toml")).expect_err("there is a mistake");
    errors.errors().iter().map(|error| error.code().as_str().to_owned()).collect()
}

#[test]
fn paths_are_relative_to_the_file() {
    let settings = Settings::parse(GOOD, Path::new("/etc/reroot/service.toml")).unwrap();
    assert_eq!(settings.store(), Path::new("/etc/reroot/data/jobs.sqlite"));
    assert_eq!(settings.signer, Path::new("/run/s"));
    assert_eq!(settings.listen, Listen::Tcp("127.0.0.1:8443".parse().unwrap()));
    let unix = GOOD.replace("127.0.0.1:8443", "unix:serve.sock");
    let settings = Settings::parse(&unix, Path::new("/etc/reroot/service.toml")).unwrap();
    assert_eq!(settings.listen, Listen::Unix(PathBuf::from("/etc/reroot/serve.sock")));
}

#[test]
fn other_machines_reach_it_over_tls_only() {
    let open = GOOD.replace("127.0.0.1", "0.0.0.0");
    assert_eq!(codes(&open), ["service.listen.open"]);
    let tls = format!("{open}[tls]\ncertificate = \"c\"\nkey = \"k\"\n");
    assert!(Settings::parse(&tls, Path::new("service.toml")).unwrap().tls.is_some());
    assert_eq!(codes(&format!("metrics = \"0.0.0.0:9\"\n{GOOD}")), ["service.listen.open"]);
}

#[test]
fn lists_have_a_listener_that_everyone_reaches() {
    let text = format!("{GOOD}[revocation]\nlisten = \"0.0.0.0:80\"\ndirectory = \"lists\"\nround_hours = 24\n");
    let settings = Settings::parse(&text, Path::new("/etc/reroot/service.toml")).unwrap();
    assert_eq!(settings.crls(), Path::new("/etc/reroot/lists"));
    assert_eq!(settings.revocation.listen, Some(Listen::Tcp("0.0.0.0:80".parse().unwrap())));
    let usual = Settings::parse(GOOD, Path::new("/etc/reroot/service.toml")).unwrap();
    assert_eq!((usual.crls(), usual.revocation.alone), (PathBuf::from("/etc/reroot/data/crl"), 100));
    for wrong in ["round_hours = 0", "valid_days = 401", "alone = -1", "listen = \"x\"", "directory = \"\""] {
        assert_eq!(codes(&format!("{GOOD}[revocation]\n{wrong}\n")), ["service.schema.value"], "{wrong}");
    }
    assert_eq!(codes(&format!("{GOOD}[revocation]\ncolour = 1\n")), ["service.schema.unknown"]);
}

#[test]
fn every_mistake_is_found_with_its_code() {
    assert_eq!(codes("listen = "), ["service.schema.syntax"]);
    assert_eq!(codes(""), ["service.schema.missing"; 4]);
    assert_eq!(codes(&format!("{GOOD}colour = 1\n")), ["service.schema.unknown"]);
    assert_eq!(codes(&GOOD.replace("\"data\"", "7")), ["service.schema.type"]);
    assert_eq!(codes(&GOOD.replace("\"data\"", "\"\"")), ["service.schema.value"]);
    assert_eq!(codes(&GOOD.replace("127.0.0.1:8443", "localhost")), ["service.schema.value"]);
    assert_eq!(codes(&format!("{GOOD}[limits]\nuploads_at_once = 0\n")), ["service.schema.value"]);
    assert_eq!(
        codes(&format!("{GOOD}[tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_crl = \"l\"\n")),
        ["service.schema.value"]
    );
}

#[test]
fn rates_are_those_of_the_file_and_else_the_usual_ones() {
    use crate::rate::{Class, Rate};
    let read = |more: &str| Settings::parse(&format!("{GOOD}{more}"), Path::new("service.toml"));
    let rates = read("[rates]\nlookup = { per_minute = 7, at_once = 9 }\n").unwrap().rates;
    assert_eq!(rates.of(Class::Lookup), Rate { per_minute: 7, at_once: 9 });
    assert_eq!(rates.of(Class::Read), Class::Read.usual());
    assert_eq!(
        codes(&format!("{GOOD}[rates]\nlookups = {{ per_minute = 7, at_once = 9 }}\n")),
        ["service.schema.unknown"]
    );
    assert_eq!(codes(&format!("{GOOD}[rates]\nread = {{ per_minute = 0, at_once = 9 }}\n")), ["service.schema.value"]);
    assert_eq!(codes(&format!("{GOOD}[rates]\nread = {{ per_minute = 1 }}\n")), ["service.schema.missing"]);
}

const OIDC: &str = "[oidc]\nissuer = \"https://login.example.com/realm\"\nclient_id = \"reroot\"\n\
    public_url = \"https://reroot.example.com\"\n[oidc.roles]\npki = [\"operator\", \"approver\"]\n\"audit team\" = \"auditor\"\n";

#[test]
fn the_provider_is_read() {
    use crate::principal::Role;
    let text = format!("{GOOD}{OIDC}");
    let oidc = Settings::parse(&text, Path::new("/etc/reroot/service.toml")).unwrap().oidc.unwrap();
    assert_eq!((&*oidc.name_claim, &*oidc.groups_claim, oidc.skew), ("email", "groups", 60));
    assert_eq!(oidc.redirect_uri(), "https://reroot.example.com/console/login/oidc/callback");
    let roles =
        [("audit team".to_owned(), vec![Role::Auditor]), ("pki".to_owned(), vec![Role::Operator, Role::Approver])];
    assert!(roles.iter().all(|role| oidc.roles.contains(role)) && oidc.roles.len() == 2);
}

#[test]
fn a_provider_that_anybody_can_play_is_refused() {
    let with = |from: &str, to: &str| codes(&format!("{GOOD}{}", OIDC.replace(from, to)));
    for (from, to) in [
        ("https://login.example.com/realm", "http://login.example.com/realm"),
        ("https://login.example.com/realm", "http://127.0.0.1.example.com"),
        ("https://login.example.com/realm", "http://localhost@example.com"),
        ("https://login.example.com/realm", "login.example.com"),
        ("https://login.example.com/realm", "https://"),
        ("https://login.example.com/realm", "https://login.example.com/?realm=1"),
        ("https://reroot.example.com", "https://reroot.example.com/"),
        ("https://reroot.example.com", "http://reroot.example.com"),
        ("\"reroot\"", "\"\""),
        ("\"auditor\"", "\"root\""),
        ("\"auditor\"", "\"station\""),
        ("\"auditor\"", "[\"auditor\", \"x\"]"),
    ] {
        assert_eq!(with(from, to), ["service.schema.value"], "{to}");
    }
    assert_eq!(with("\"auditor\"", "7"), ["service.schema.type"]);
    assert_eq!(with("client_id", "client"), ["service.schema.missing", "service.schema.unknown"]);
    assert_eq!(
        codes(&format!("{GOOD}{}[oidc.roles]\n", OIDC.split("[oidc.roles]").next().unwrap())),
        ["service.schema.value"]
    );
    let local = format!("{GOOD}{}", OIDC.replace("https://login.example.com/realm", "http://[::1]:9/realm"));
    assert!(Settings::parse(&local, Path::new("service.toml")).is_ok());
}
