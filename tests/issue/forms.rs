//! Files and UIDs in the forms that people have them in: read where the meaning is certain, otherwise named.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use crate::support::judges::put;
use crate::support::run::Run;
use crate::support::workshop::{PASSPHRASE, PASSPHRASE_VARIABLE, Workshop};

const BOM: &[u8] = b"\xEF\xBB\xBF";

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(bytes).collect()
}

fn read(workshop: &Workshop, name: &str) -> Vec<u8> {
    std::fs::read(workshop.path(name)).unwrap()
}

/// A file of OpenSSL's making.
fn openssl(workshop: &Workshop, args: &str) {
    Run::openssl().args(args.split(' ')).folder(workshop.folder()).run().success();
}

/// Puts a form of it into the place of a file of the configuration and issues a reel.
#[track_caller]
fn issues_with(name: &str, form: impl Fn(&Workshop, &str) -> Vec<u8>) {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..1);
    let content = form(&workshop, &format!("pki/{name}"));
    put(&workshop.path("pki").join(name), content);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.verify("batch", &["--input", "reel.zip"]).success();
}

const CERTIFICATES: [&str; 4] = ["ca/issuing.pem", "ca/root.pem", "ca/manifest.pem", "anchors/test-root.pem"];
const KEYS: [&str; 2] = ["ca/issuing.key.pem", "ca/manifest.key.pem"];

#[test]
fn a_byte_order_mark_before_pem_is_skipped_in_every_file_of_the_configuration() {
    for name in CERTIFICATES.into_iter().chain(KEYS) {
        issues_with(name, |workshop, name| [BOM, &read(workshop, name)].concat());
    }
    for big in [false, true] {
        issues_with("ca/issuing.pem", |workshop, name| utf16(&String::from_utf8(read(workshop, name)).unwrap(), big));
        issues_with("ca/issuing.key.pem", |workshop, name| {
            utf16(&String::from_utf8(read(workshop, name)).unwrap(), big)
        });
    }
}

#[test]
fn der_is_read_where_pem_is_usual() {
    for name in CERTIFICATES {
        issues_with(name, |workshop, name| {
            openssl(workshop, &format!("x509 -in {name} -outform DER -out x.der"));
            read(workshop, "x.der")
        });
    }
    for name in KEYS {
        issues_with(name, |workshop, name| {
            openssl(workshop, &format!("pkcs8 -topk8 -nocrypt -in {name} -outform DER -out x.der"));
            read(workshop, "x.der")
        });
    }
}

#[test]
fn an_encrypted_key_in_der_is_one_too() {
    let workshop = Workshop::with(&["--passphrase-env", PASSPHRASE_VARIABLE]);
    workshop.reel("reel.zip", 0..1);
    openssl(&workshop, "asn1parse -in pki/ca/issuing.key.pem -noout -out x.der");
    put(&workshop.path("pki/ca/issuing.key.pem"), read(&workshop, "x.der"));
    let args = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";
    let run = |passphrase: &str| {
        workshop.reroot(&args.split(' ').collect::<Vec<_>>()).env(PASSPHRASE_VARIABLE, passphrase).run()
    };
    assert!(run("wrong").expect(4).err().contains("passphrase"));
    run(PASSPHRASE).success();
}

#[test]
fn options_take_the_same_forms() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..1);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.write("bom.pem", &[BOM, &read(&workshop, "pki/ca/root.pem")].concat());
    workshop.write("utf16.pem", &utf16(&String::from_utf8(read(&workshop, "pki/ca/root.pem")).unwrap(), true));
    openssl(&workshop, "x509 -in pki/ca/root.pem -outform DER -out root.der");
    for root in ["bom.pem", "utf16.pem", "root.der"] {
        let args = ["verify", "batch", "--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", root];
        workshop.reroot(&args).run().success();
    }
    let policy = [BOM, &read(&workshop, "policy.toml")].concat();
    workshop.write("bom.toml", &policy);
    workshop.reroot(&["policy", "check", "bom.toml"]).run().success();
    put(&workshop.path("pki/reroot.toml"), [BOM, &read(&workshop, "pki/reroot.toml")].concat());
    workshop.reroot(&["ca", "show", "--config", "pki/reroot.toml"]).run().success();
}

#[test]
fn what_is_neither_is_named_with_the_way_out() {
    let workshop = Workshop::new();
    let key = "pki/ca/issuing.key.pem";
    openssl(&workshop, &format!("pkcs12 -export -in pki/ca/issuing.pem -inkey {key} -passout pass:x -out store.p12"));
    openssl(&workshop, "crl2pkcs7 -nocrl -certfile pki/ca/issuing.pem -outform DER -out certs.p7b");
    openssl(&workshop, &format!("req -new -key {key} -subj /CN=x -outform DER -out request.der"));
    openssl(&workshop, &format!("ec -in {key} -outform DER -out traditional.der"));
    openssl(&workshop, &format!("pkcs8 -topk8 -nocrypt -in {key} -outform DER -out key.der"));
    workshop.write("store.jks", &[0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 1]);
    workshop.write("empty.pem", b"");
    let text = String::from_utf8(read(&workshop, "pki/reroot.toml")).unwrap();
    for (file, what, way_out) in [
        ("store.p12", "is PKCS#12", Some("openssl pkcs12 -in")),
        ("certs.p7b", "is PKCS#7", Some("openssl pkcs7 ")),
        ("request.der", "is a certificate request in DER", Some("certificate that the CA made")),
        ("key.der", "is a private key in DER", None),
        ("store.jks", "is a Java key store", Some("keytool ")),
        ("empty.pem", "is empty", None),
    ] {
        let as_option = workshop.reroot(&["policy", "check", "policy.toml", "--issuer", file]).run().expect(2);
        let config = format!("pki/{file}.toml");
        workshop.write(&config, text.replace("ca/issuing.pem", &format!("../{file}")).as_bytes());
        let in_config = workshop.reroot(&["ca", "show", "--config", &config]).run().expect(2);
        for said in [as_option.err(), in_config.err()] {
            assert!(said.contains(what), "{file}: {said}");
            assert!(way_out.is_none_or(|hint| said.contains(hint)), "{file}: {said}");
        }
    }
    // keys in PKCS#12 and in the older formats are read (own_ca.rs)
    for (file, what) in
        [("pki/ca/issuing.pem", "holds `CERTIFICATE`, expected a private key"), ("empty.pem", "is empty")]
    {
        // others may not read a key
        Run::tool("chmod").args(["600", file]).folder(workshop.folder()).run().success();
        let config = format!("pki/key-{}.toml", file.replace('/', "-"));
        workshop.write(&config, text.replace("ca/issuing.key.pem", &format!("../{file}")).as_bytes());
        let args = ["ca", "proof", "--code", "x", "--out", "p.pem", "--config", &config];
        let said = workshop.reroot(&args).run().err();
        assert!(said.contains(what), "{file}: {said}");
    }
    let mark = "a byte order mark of UTF-16";
    workshop.write("u16.toml", &utf16(&String::from_utf8(read(&workshop, "policy.toml")).unwrap(), false));
    let said = workshop.reroot(&["policy", "check", "u16.toml"]).run().expect(2).err();
    assert!(said.contains(&format!("starts with {mark}, expected UTF-8 text")), "{said}");
    workshop.write("pki/u16.toml", &utf16(&text, false));
    let said = workshop.reroot(&["ca", "show", "--config", "pki/u16.toml"]).run().expect(2).err();
    assert!(said.contains(&format!("starts with {mark}, expected UTF-8")), "{said}");
}

#[test]
fn a_secret_behind_a_byte_order_mark_is_not_guessed() {
    let workshop = Workshop::new();
    for (name, secret) in [("a.pass", [BOM, b"secret\n"].concat()), ("b.pass", utf16("secret", false))] {
        workshop.write(name, &secret);
        let refused = workshop.reroot(&["init", "new", "--organization", "New", "--passphrase-file", name]).run();
        assert!(refused.err().contains("starts with a byte order mark"), "{}", refused.err());
        assert!(!workshop.path("new").exists());
    }
}

/// A UID in the forms that people have, the whole one first.
fn forms(uid: &str) -> Vec<String> {
    let pairs: Vec<String> = uid.as_bytes().chunks(2).map(|pair| String::from_utf8(pair.to_vec()).unwrap()).collect();
    vec![
        uid.to_owned(),
        uid.to_lowercase(),
        format!("0x{uid}"),
        pairs.join(":"),
        pairs.join("-").to_lowercase(),
        pairs.join(" "),
        format!(" \"{uid}\" "),
        format!("=\"{uid}\""),
        uid[4..].to_owned(),
        pairs[2..9].join(":"),
    ]
}

#[test]
fn every_command_takes_a_uid_in_every_form() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    let uid = workshop.pki.leaf(1).uid();
    let proof = workshop.reroot(&["prove", "batch", &uid]).run().success().out();
    workshop.write("chip.proof.json", proof.as_bytes());
    for (at, form) in forms(&uid).into_iter().enumerate() {
        assert_eq!(workshop.reroot(&["prove", "batch", &form]).run().success().out(), proof, "{form}");
        let config = ["--config", "pki/reroot.toml"];
        workshop.reroot(&["lookup", "batch", &form]).args(config).run().success();
        workshop.reroot(&["pop", "challenge", "batch", &form]).args(config).run().success();
        workshop.reroot(&["verify-proof", "chip.proof.json", "--uid", &form]).args(config).run().success();
        let list = format!("{at}.txt");
        workshop.write(&list, format!("UID;lot\r\n{form};7\r\n").as_bytes());
        assert_eq!(workshop.reroot(&["prove", "batch", "--from", &list]).run().success().out(), proof, "{form}");
        let expect = [
            "inspect",
            "reel.zip",
            "--verify",
            "--expect",
            &list,
            "--policy",
            "policy.toml",
            "--config",
            "pki/reroot.toml",
        ];
        let seen = workshop.reroot(&expect).run().expect(1);
        assert!(seen.out().contains("verified     1") && !seen.out().contains("missing"), "{form}: {}", seen.out());
    }
    for damaged in ["2.09E+20", "2,09E+20", "2:9:0", "209", "0209XY", ""] {
        for args in [
            &["prove", "batch", damaged][..],
            &["lookup", "batch", damaged, "--config", "pki/reroot.toml"],
            &["verify-proof", "chip.proof.json", "--uid", damaged, "--config", "pki/reroot.toml"],
            &["pop", "challenge", "batch", damaged, "--config", "pki/reroot.toml"],
        ] {
            let refused = workshop.reroot(args).run().expect(2);
            assert!(refused.err().contains("is not a UID: "), "{args:?}: {}", refused.err());
        }
    }
}

#[test]
fn a_list_is_read_in_every_encoding_and_its_damage_is_named_with_the_line() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let uids = [workshop.pki.leaf(0).uid(), workshop.pki.leaf(1).uid()];
    let text =
        format!("Serial number;Lot;Date\r\n{};4711;2026\r\n\r\n\"{}\";4711;2026\r\n", uids[0], uids[1].to_lowercase());
    let issue = |list: &str| workshop.issue("reel.zip", "batch", &["--expect", list, "--dry-run"]);
    for (name, content) in [
        ("a.csv", text.clone().into_bytes()),
        ("b.csv", [BOM, text.as_bytes()].concat()),
        ("c.csv", utf16(&text, false)),
        ("d.csv", utf16(&text, true)),
        ("e.csv", utf16(&text, false)[2..].to_vec()),
        ("f.csv", text.replace(';', "\t").into_bytes()),
        ("g.csv", text.replace(';', ",").into_bytes()),
        ("h.csv", text.replace("\r\n", "\r").into_bytes()),
    ] {
        workshop.write(name, &content);
        issue(name).success();
    }
    for (at, (line, what)) in [
        ("2.09E+20", "what a spreadsheet makes of a long number"),
        ("2,09E+20;4711", "what a spreadsheet makes of a long number"),
        ("209030000007000130", ""),
        ("209846159439520139123", "a spreadsheet drops zeros in front of what it takes for a number"),
        ("30000000710", "a spreadsheet drops zeros in front of what it takes for a number"),
        ("846159439520", "a spreadsheet drops zeros in front of what it takes for a number"),
        ("O2090A0000007E57000139", "is not hexadecimal"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("bad{at}.csv");
        workshop.write(&name, format!("UID\n{}\n{line}\n", uids[0]).as_bytes());
        let said = issue(&name);
        if what.is_empty() {
            // a valid form: it is missing, and said so
            assert!(said.expect(3).err().contains("missing: "));
        } else {
            let said = said.expect(2).err();
            assert!(said.contains(&format!("{name}, line 3: ")) && said.contains(what), "{said}");
        }
    }
}
