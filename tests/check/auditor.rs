//! `reroot-check`, the program for auditors: it cannot sign, and says of a batch, a proof and a pack what `reroot`
//! says.

use std::collections::BTreeSet;

use crate::support::faulty::reroot_check;
use crate::support::pki::der;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

const ANCHORS: &str = "--source-anchor pki/anchors/test-root.pem --issuer-anchor pki/ca/root.pem";

fn check(workshop: &Workshop, line: &str) -> Finished {
    Run::tool(reroot_check()).args(line.split_whitespace()).env("NO_COLOR", "1").folder(workshop.folder()).run()
}

/// A batch of four chips with its input, the proofs of a chip and of another one's absence, a pack and a leaf.
fn batch() -> (Workshop, String, String) {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..4);
    workshop.issue("reel.zip", "batch", &[]).success();
    let uid = |index| workshop.pki.leaf(index).uid().clone();
    let (present, absent) = (uid(0), uid(9));
    for (uid, out) in [(&present, "chip.json"), (&absent, "absent.json")] {
        workshop.reroot(&["prove", "batch", uid, "--out", out]).run().success();
    }
    let export = "export batch --to line-pack --out batch.pack --issuer-anchor pki/ca/root.pem";
    workshop.reroot(&export.split(' ').collect::<Vec<_>>()).run().success();
    workshop.write("leaf.der", &workshop.pki.leaf(0).der);
    (workshop, present, absent)
}

/// No crate that can sign or talk is in the program: a mistake of its own cannot make one do so.
#[test]
fn nothing_that_signs_or_opens_a_connection_is_part_of_the_program() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let tree = ["tree", "--offline", "--manifest-path", manifest, "--edges", "normal,build", "--prefix", "none"];
    let list = |package: &str| {
        let run = Run::tool(env!("CARGO")).args(tree).args(["--package", package]).run().success();
        run.out().lines().map(str::to_owned).collect::<Vec<String>>()
    };
    let packages = list("reroot-check");
    let own: BTreeSet<&str> =
        packages.iter().filter(|line| line.contains(" (/")).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(own, BTreeSet::from(["p256-batch", "reroot-check", "reroot-core"]));
    const NEVER: [&str; 8] =
        ["cryptoki", "pkcs11-pool", "reroot-issue", "rpassword", "rustls", "secrecy", "tracing", "ureq"];
    let name = |line: &String| line.split(' ').next().unwrap().to_owned();
    let names: BTreeSet<String> = packages.iter().map(name).collect();
    let found: Vec<&str> = NEVER.into_iter().filter(|never| names.contains(*never)).collect();
    assert!(found.is_empty(), "{found:?}");
    // the names are those of crates that the full program has, so that the list cannot be out of date
    let full: BTreeSet<String> = list("reroot").iter().map(name).collect();
    assert!(NEVER.iter().all(|never| full.contains(*never)), "{full:?}");
}

#[test]
fn both_programs_say_the_same() {
    let (workshop, present, absent) = batch();
    let chain = ["pki/ca/issuing.pem", "pki/ca/root.pem"].map(|file| std::fs::read(workshop.path(file)).unwrap());
    workshop.write("issuing-chain.pem", &chain.concat());
    workshop.write("broken.json", &changed(std::fs::read(workshop.path("chip.json")).expect("it was made")));
    workshop.write("bad.toml", crate::support::workshop::POLICY.replace("not_after = ", "notafter = ").as_bytes());
    for (line, code) in [
        (format!("verify batch {ANCHORS}"), 0),
        (format!("verify batch --input reel.zip --history batch {ANCHORS}"), 0),
        // another root than the batch's
        ("verify batch --source-anchor pki/anchors/test-root.pem --issuer-anchor pki/anchors/test-root.pem".into(), 1),
        (format!("verify-proof chip.json {ANCHORS}"), 0),
        (format!("verify-proof absent.json --absent --uid {absent} {ANCHORS}"), 0),
        (format!("verify-proof absent.json {ANCHORS}"), 1),
        (format!("verify-proof broken.json {ANCHORS}"), 1),
        (format!("lookup batch.pack {present} {ANCHORS}"), 0),
        (format!("lookup batch.pack {present} --pem {ANCHORS}"), 0),
        (format!("lookup batch.pack --leaf leaf.der --der {ANCHORS}"), 0),
        (format!("lookup batch {present} {ANCHORS}"), 0),
        (format!("lookup batch.pack {absent} --absent {ANCHORS}"), 0),
        (format!("lookup batch.pack {absent} {ANCHORS}"), 1),
        ("inspect reel.zip --verify --source-anchor pki/anchors/test-root.pem --policy policy.toml".into(), 0),
        ("inspect reel.zip".into(), 0),
        ("policy check policy.toml".into(), 0),
        ("policy check policy.toml --issuer issuing-chain.pem --set lot=A1".into(), 0),
        ("policy check policy.toml bad.toml".into(), 2),
        ("policy check nothing.toml".into(), 2),
        (
            "policy show policy.toml --leaf leaf.der --set lot=A1 --at 2027-01-01T00:00:00Z --issuer issuing-chain.pem \
             --source-anchor pki/anchors/test-root.pem"
                .into(),
            0,
        ),
        ("policy shipped".into(), 0),
        ("policy shipped aws-iot".into(), 0),
        ("policy reference".into(), 0),
    ] {
        for format in ["text", "json"] {
            let line = format!("{line} --format {format}");
            let full = workshop.reroot(&line.split_whitespace().collect::<Vec<_>>()).run().expect(code);
            let small = check(&workshop, &line).expect(code);
            assert_eq!(small.stdout, full.stdout, "{line}");
            assert_eq!(small.err(), full.err(), "{line}");
        }
    }
    // the page names the program that made it
    let page = |name: &str| std::fs::read_to_string(workshop.path(name)).unwrap();
    check(&workshop, &format!("verify batch --report small.html {ANCHORS}")).success();
    assert!(page("small.html").contains(&format!(" by reroot-check {}", env!("CARGO_PKG_VERSION"))));
}

/// A proof whose last digit is another one.
fn changed(mut proof: Vec<u8>) -> Vec<u8> {
    let last = proof.iter().rposition(u8::is_ascii_digit).expect("a proof has digits");
    proof[last] = if proof[last] == b'0' { b'1' } else { b'0' };
    proof
}

/// A time-stamp and a supplement beside the batch are read by both programs: a file there that is not one is an error
/// in both.
#[test]
fn what_lies_beside_a_batch_is_read() {
    let (workshop, _, _) = batch();
    workshop.write("batch.tst", b"no time-stamp");
    workshop.write("batch.pop.json", b"no supplement");
    for file in ["batch.pop.json.p7s", "batch.pop.jsonl"] {
        workshop.write(file, b"");
    }
    let line = format!("verify batch {ANCHORS} --format json");
    let full = workshop.reroot(&line.split(' ').collect::<Vec<_>>()).run().expect(1);
    let small = check(&workshop, &line).expect(1);
    assert_eq!(small.out(), full.out());
    // without an anchor of an authority, a time-stamp is noted and not looked at
    for found in ["\"place\": \"possession\"", "the time-stamp was not looked at"] {
        assert!(small.out().contains(found), "{}", small.out());
    }
}

/// There is no configuration: an anchor that no option names is missing, and one is not read from a file beside.
#[test]
fn anchors_come_from_options_alone() {
    let (workshop, present, _) = batch();
    // where the full program looks by default
    std::os::unix::fs::symlink(workshop.path("pki/reroot.toml"), workshop.path("reroot.toml")).unwrap();
    for line in [
        "verify batch".to_owned(),
        "verify batch --issuer-anchor pki/ca/root.pem".to_owned(),
        "verify batch --source-anchor pki/anchors/test-root.pem".to_owned(),
        "verify-proof chip.json".to_owned(),
        format!("lookup batch.pack {present}"),
        "inspect reel.zip --verify".to_owned(),
    ] {
        let refused = check(&workshop, &line).expect(2);
        assert!(refused.err().contains("error: no trust anchor\n\nhint: Name the root"), "{line}: {}", refused.err());
        assert!(refused.err().contains("--source-anchor") && refused.out().is_empty(), "{line}: {}", refused.err());
    }
    let show = "policy show policy.toml --leaf leaf.der --set lot=A1";
    for (more, missing) in [
        ("", "the issuing CA and the trust anchors of the leaf"),
        (" --issuer pki/ca/issuing.pem", "the trust anchors of the leaf"),
        (" --source-anchor pki/anchors/test-root.pem", "the issuing CA"),
    ] {
        let refused = check(&workshop, &format!("{show}{more}")).expect(2);
        assert!(refused.err().starts_with(&format!("error: no option names {missing}\n")), "{}", refused.err());
    }
    for line in ["verify batch --config pki/reroot.toml".to_owned(), format!("{show} --config pki/reroot.toml")] {
        let refused = check(&workshop, &line).expect(2);
        assert!(
            refused.err().contains("this program reads no configuration: name the certificates"),
            "{}",
            refused.err()
        );
    }
    check(&workshop, &format!("verify batch {ANCHORS}")).success();
}

/// Every command's help, with an example that can be typed; nothing in it is of the full program.
#[test]
fn the_help_speaks_of_this_program() {
    let workshop = tempfile::tempdir().unwrap();
    let run = |line: &str| Run::tool(reroot_check()).args(line.split_whitespace()).folder(workshop.path()).run();
    let verbs = ["completions", "inspect", "lookup", "man", "policy", "verify", "verify-proof"];
    let top = run("--help").success().out();
    for verb in verbs {
        assert!(top.contains(&format!("\n  {verb} ")), "{verb}: {top}");
    }
    for verb in ["ca", "export", "hsm", "init", "issue", "ledger", "plan", "pop", "prove", "sign", "timestamp"] {
        let refused = run(verb).expect(2);
        assert!(refused.err().contains("unrecognized subcommand"), "{}", refused.err());
    }
    for line in [
        "completions",
        "inspect",
        "lookup",
        "man",
        "policy check",
        "policy show",
        "policy shipped",
        "policy reference",
        "verify",
        "verify-proof",
    ] {
        let help = run(&format!("{line} --help")).success().out();
        for word in ["onfiguration", "--config", "reroot.toml", "reroot "] {
            assert!(!help.contains(word), "{line}: `{word}` in\n{help}");
        }
        let (_, examples) = help.split_once("Example:\n").or_else(|| help.split_once("Examples:\n")).unwrap();
        // a long line is wrapped
        let examples = examples.split("\n\n").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        for example in examples.split("reroot-check ").skip(1) {
            let words = example.strip_prefix(line).unwrap_or_else(|| panic!("{example} is an example of {line}"));
            let typed = words.split(" > ").next().unwrap();
            run(&format!("{line}{typed} --help")).success();
        }
    }
    assert!(run("--version").success().out().starts_with("reroot-check "));
    assert!(run("policy shipped none").expect(2).err().contains("`reroot-check policy shipped` lists them"));
    run("man pages").success();
    let mut pages: Vec<_> = std::fs::read_dir(workshop.path().join("pages")).unwrap().collect();
    assert!(pages.len() > verbs.len(), "{pages:?}");
    while let Some(Ok(page)) = pages.pop() {
        let text = std::fs::read_to_string(page.path()).unwrap();
        assert!(text.contains("reroot\\-check") && !text.contains("reroot.toml"), "{}\n{text}", page.path().display());
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&format!("completions {shell}")).success();
        assert!(script.out().contains("reroot-check") && script.out().contains("verify-proof"), "{shell}");
    }
}

/// The pack is opened for reading, and nothing is made beside it, also where that could be done.
#[test]
fn a_pack_is_opened_for_reading_alone() {
    let (workshop, present, _) = batch();
    let trace = ["-f", "-o", "trace", "-e", "trace=open,openat,openat2,creat,rename,unlink,unlinkat,mkdir"];
    let line = format!("lookup batch.pack {present} {ANCHORS}");
    let run = Run::tool("strace").args(trace).arg(reroot_check()).args(line.split(' ')).folder(workshop.folder());
    run.run().success();
    let calls = std::fs::read_to_string(workshop.path("trace")).unwrap();
    let of_pack: Vec<&str> = calls.lines().filter(|call| call.contains("batch.pack")).collect();
    assert!(!of_pack.is_empty(), "{calls}");
    for call in of_pack {
        assert!(call.contains("batch.pack\"") && call.contains("O_RDONLY"), "{call}");
    }
    for word in ["O_WRONLY", "O_RDWR", "O_CREAT", "rename(", "unlink", "mkdir("] {
        assert!(!calls.contains(word), "{word} in {calls}");
    }
}

/// What comes from files and arguments moves no cursor, here as in the full program.
#[test]
fn what_is_printed_is_printable() {
    let (workshop, _, _) = batch();
    let hostile = "\x1b[2J\u{9b}31m\u{202e}";
    let line =
        ["verify", hostile, "--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];
    for args in [&line[..], &["verify-proof", hostile], &[hostile], &["policy", "check", hostile]] {
        let finished = Run::tool(reroot_check()).args(args).folder(workshop.folder()).run();
        let text = finished.out() + &finished.err();
        assert!(text.chars().all(|one| one == '\n' || reroot::text::is_printable(one)), "{text:?}");
    }
    let pem = der::pem("CERTIFICATE", b"no certificate");
    workshop.write("none.pem", pem.as_bytes());
    let refused = check(&workshop, "verify batch --source-anchor none.pem --issuer-anchor pki/ca/root.pem").expect(2);
    assert!(refused.err().starts_with("error: `none.pem`: "), "{}", refused.err());
}
