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
