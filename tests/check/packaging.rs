//! What is packaged with the programs: the example units name commands that exist, and the bill of materials names what is
//! linked. `scripts/try-deb.sh` installs the packages in a clean Debian.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::judges::put;
use crate::support::run::{Run, project};
use crate::support::workshop::Workshop;

#[test]
fn every_unit_runs_a_command_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let mut commands = 0;
    for entry in std::fs::read_dir(project("packaging/systemd")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/bin/reroot ")) {
            Run::reroot(folder.path()).args(line.split(' ')).args(["--help"]).run().success();
            commands += 1;
        }
        // each timer starts the service of its name
        if path.extension().is_some_and(|extension| extension == "timer") {
            assert!(path.with_extension("service").is_file(), "{}", path.display());
        }
    }
    assert!(commands > 1, "{commands}");
}

#[test]
fn the_example_settings_are_settings() {
    reroot_service::Settings::load(&project("packaging/service/service.toml")).expect("the service takes them");
    let workshop = Workshop::new();
    let more = std::fs::read_to_string(project("packaging/service/signer.toml")).unwrap();
    let mut text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap() + &more;
    text = text.replace("# \"bert@", "\"bert@");
    put(&workshop.path("empty.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n");
    Run::tool("mkdir").args(["pki/approvers"]).folder(workshop.folder()).run().success();
    let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout bert.key -out pki/approvers/bert.pem \
                -days 3650 -subj /CN=bert -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature";
    let openssl = Run::openssl().folder(workshop.folder()).env("OPENSSL_CONF", "empty.cnf");
    openssl.args(made.split_whitespace()).run().success();
    // a user of every machine, and folders of the test's
    text = text
        .replace("[\"reroot\"]", "[\"root\"]")
        .replace("/run/reroot-signer/socket", "socket")
        .replace("/var/lib/reroot-signer/spool", "spool");
    put(&workshop.path("pki/reroot.toml"), text);
    Run::tool("mkdir").args(["-m", "700", "pki/spool"]).folder(workshop.folder()).run().success();
    // it begins: the configuration was read to its end
    let mut running = workshop.reroot(&["signer", "--config", "pki/reroot.toml"]).start();
    running.wait_for_err("listening on");
    running.signal(rustix::process::Signal::TERM);
    running.finish();
}

#[test]
fn the_bill_of_materials_names_what_is_linked_and_nothing_else() {
    let bill = |package: &str| -> Value {
        let arguments = [package, "0123456789abcdef", "x86_64-unknown-linux-gnu"];
        let run = Run::tool("python3").arg(project("packaging/sbom.py")).args(arguments).folder(&project("."));
        let run = run.env("SOURCE_DATE_EPOCH", "1700000000").env("CARGO_NET_OFFLINE", "true");
        serde_json::from_slice(&run.run().success().stdout).unwrap()
    };
    let names = |bill: &Value| -> BTreeSet<String> {
        let components = bill["components"].as_array().unwrap();
        components.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let (full, auditor) = (bill("reroot"), bill("reroot-check"));
    assert_eq!(full["metadata"]["component"]["name"], "reroot");
    assert_eq!(full["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let (all, checking) = (names(&full), names(&auditor));
    for name in ["aws-lc-sys", "cryptoki-sys", "libsqlite3-sys", "reroot-issue"] {
        assert!(all.contains(name), "{name}");
    }
    for name in ["cryptoki-sys", "reroot-issue"] {
        assert!(!checking.contains(name), "{name}");
    }
    for name in ["reroot", "cc", "serde_derive", "rcgen", "tempfile", "reroot-test-support"] {
        assert!(!all.contains(name), "{name} is not linked");
    }
    for one in full["components"].as_array().unwrap() {
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
        // the crates of this repository are in no registry
        assert_eq!(one["purl"].is_string(), one["hashes"][0]["content"].is_string(), "{one}");
    }
}
