//! Rounds whose key is in a file, in a token, in a pool of which a token fails, and in the token of a vault.

use serde_json::json;

use super::super::plan::token::Token;
use super::field::{Field, another_program_rebuilds_every_list, json as read, sharded};
use super::vault::{Vault, run};
use crate::support::judges::put;
use crate::support::place::{PIN, Place, append, edit, silent, without_pin};
use crate::support::run::Run;
use crate::support::tokens::faulty;
use crate::support::workshop::Workshop;

/// Two rounds over a revocation, judged by OpenSSL. The result is the same wherever the key is.
fn rounds(workshop: Workshop, algorithm: &str) {
    let field = Field::of(workshop, 4, &sharded().replace("ecdsa-sha256", algorithm));
    field.revoke(&["--uid", &field.uid(2), "--reason", "keyCompromise"]).success();
    for number in [1, 2] {
        let round = read(&silent(field.run(&["crl", "--out", "www", "--format", "json"], &[])).success());
        assert_eq!((&round["round"], &round["signatures_made"]), (&json!(number), &json!(5)), "{algorithm}");
        every_list_verifies(&field);
    }
    assert_eq!(field.serials("www/full.crl").len(), 1, "{algorithm}");
    field.ledger_holds();
    another_program_rebuilds_every_list(&field);
    without_pin(field.workshop.folder());
}

fn every_list_verifies(field: &Field) {
    let index = std::fs::read(field.path("www/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    for list in index["lists"].as_array().unwrap() {
        let file = format!("www/{}", list["file"].as_str().unwrap());
        let args = ["crl", "-inform", "DER", "-noout", "-CAfile", "pki/ca/issuing.pem", "-in", &file];
        let said = Run::openssl().args(args).folder(field.workshop.folder()).run().success();
        assert!(said.err().contains("verify OK"), "{file}: {}", said.err());
    }
}

#[test]
fn rounds_are_signed_by_files_and_tokens_with_every_kind_of_key() {
    for (kind, algorithm) in [
        ("P-256", "ecdsa-sha256"),
        ("P-384", "ecdsa-sha384"),
        ("P-521", "ecdsa-sha512"),
        ("Ed25519", "ed25519"),
        ("RSA-3072", "rsa-pkcs1-sha256"),
    ] {
        if matches!(kind, "P-256" | "P-384") {
            rounds(Workshop::with(&["--key", kind]), algorithm);
        }
        rounds(Place::softhsm(&["lab"]).workshop(kind), algorithm);
    }
}

/// One token of a pool fails in the middle of a round: the other one signs the rest.
#[test]
fn a_round_goes_on_with_the_other_token_of_a_pool_and_says_so() {
    let place = Place::softhsm(&["a", "b"]);
    // as many lists that both tokens are asked
    let mut field = Field::of(Workshop::new(), 4, &sharded().replace("shards = 4", "shards = 64"));
    let key = field.path("pki/ca/issuing.key.pem").display().to_string();
    for token in ["a", "b"] {
        let import = ["--import", &key, "--token", token, "--label", "ca", "--id", "01", "--pin", PIN];
        place.tool("softhsm2-util", &import);
    }
    Run::tool("rm").arg(&key).run().success();
    let uri = |token: &str| {
        format!("\"pkcs11:token={token};object=ca?module-path={}&pin-source=file:{}\"", faulty(), place.pin_file())
    };
    edit(&field.workshop, "\"ca/issuing.key.pem\"", &format!("[{}, {}]", uri("a"), uri("b")));
    append(&field.workshop, "\n[hsm]\nretries = 1\nfirst_pause = \"1ms\"\nsessions = 2\ncall_timeout = \"2s\"\n");
    let env = &mut field.workshop.env;
    env.extend(place.env.clone());
    env.insert("FAULTY_PKCS11_MODULE".to_owned(), place.module.clone());
    env.insert("FAULTY_PKCS11_TOKEN".to_owned(), "a".to_owned());
    field.revoke(&["--uid", &field.uid(0), "--reason", "superseded"]).success();
    field.crl();
    field.workshop.env.insert("FAULTY_PKCS11".to_owned(), "C_Sign:2-:fail=0x30".to_owned());
    let done = silent(field.run(&["crl", "--out", "www"], &[])).success();
    assert!(done.err().contains("C_Sign returned CKR_DEVICE_ERROR (token `a`"), "{}", done.err());
    assert!(done.err().contains("another token went on"), "{}", done.err());
    every_list_verifies(&field);
    // both fail: the round is on the ledger and not signed, and the same command signs it
    field.workshop.env.insert("FAULTY_PKCS11_TOKEN".to_owned(), String::new());
    let before = std::fs::read(field.path("www/full.crl")).unwrap();
    silent(field.run(&["crl", "--out", "www"], &[])).expect(4);
    assert_eq!(std::fs::read(field.path("www/full.crl")).unwrap(), before, "nothing was published");
    field.workshop.env.remove("FAULTY_PKCS11");
    let round = field.crl();
    assert_eq!((&round["round"], &round["resumed"]), (&json!(3), &json!(true)));
    every_list_verifies(&field);
    field.ledger_holds();
    another_program_rebuilds_every_list(&field);
}

#[test]
fn a_vault_signs_a_round_with_a_token() {
    let vault = Vault::new(4);
    vault.revoke(1, &["--reason", "keyCompromise"]);
    vault.plan("one.plan");
    let token = Token::of(vault.machines);
    let machines = &token.machines;
    token.run(&["sign", "one.plan", "--out", "one.signatures", "--yes"]).success();
    run(machines, &["crl", "finish", "one.signatures", "--out", "www"]).success();
    let args = ["crl", "-inform", "DER", "-noout", "-CAfile", "pki/ca/issuing.pem", "-in", "www/full.crl"];
    let said = Run::openssl().args(args).folder(machines.workshop.folder()).run().success();
    assert!(said.err().contains("verify OK"), "{}", said.err());
    // with a wrong PIN nothing is signed
    run(machines, &["crl", "plan", "--out", "two.plan"]).success();
    put(&machines.path("pin"), "0000\n");
    token.run(&["sign", "two.plan", "--out", "two.signatures", "--yes"]).expect(4);
    assert!(!machines.path("two.signatures").exists());
}
