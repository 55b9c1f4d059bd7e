//! `-` as the place of a small file is standard output, and nothing of that name is made.

use crate::support::run::Finished;
use crate::support::workshop::Workshop;

#[test]
fn a_small_file_goes_to_standard_output_where_that_is_its_place() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let uid = workshop.pki.leaf(0).uid();
    let revoke = ["revoke", "--uid", &uid, "--reason", "keyCompromise", "--yes"];
    workshop.reroot(&revoke).args(["--config", "pki/reroot.toml"]).run().success();
    let config = ["--config", "pki/reroot.toml"];
    let anchors = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];
    let renew = ["ca", "renew", "--for", "manifest", "--root-key", "pki/ca/root.key.pem"];
    let commands: [(&[&str], &[&str], &str); 7] = [
        (&["prove", "batch", &uid], &[], "{"),
        (&["pop", "challenge", "batch", &uid], &anchors, "{"),
        (&["ca", "proof", "--code", "c0de"], &config, "-----BEGIN CERTIFICATE-----\n"),
        (&["ca", "csr", "--organization", "Workshop"], &config, "-----BEGIN CERTIFICATE REQUEST-----\n"),
        (&renew, &config, "-----BEGIN CERTIFICATE-----\n"),
        (&["crl", "export", "--to", "jsonl"], &config, "{"),
        (&["timestamp", "request", "batch"], &[], "0"),
    ];
    for (number, (command, more, begins)) in commands.into_iter().enumerate() {
        let run = |out: &str| -> Finished { workshop.reroot(command).args(more).args(["--out", out]).run().success() };
        let streamed = run("-");
        assert!(streamed.stdout.starts_with(begins.as_bytes()), "{}: {}", streamed.command, streamed.out());
        let name = format!("file-{number}");
        let named = run(&name);
        // a challenge is the one that names no place
        assert!([format!("{name}\n"), String::new()].contains(&named.out()), "{}", named.out());
        let file = std::fs::read(workshop.path(&name)).unwrap();
        assert!(file.starts_with(begins.as_bytes()), "{}", named.command);
        assert!(!workshop.path("-").exists(), "{}", streamed.command);
    }
    // two documents cannot share it
    let both = workshop.reroot(&["ca", "proof", "--code", "c0de", "--out", "-", "--format", "json"]).args(config).run();
    assert!(both.expect(2).err().contains("both want standard output"));
}
