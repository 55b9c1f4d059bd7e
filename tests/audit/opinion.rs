//! The second opinion: docs/verify_batch.py, written from docs/manifest-format.md, says what the program says.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::support::run::{Run, Running, project};
use super::support::workshop::Workshop;

/// Answers one line for each line of four paths: a batch, its anchors for sources, issuer and manifest.
const SERVER: &str = r#"
import json, sys
sys.path.insert(0, sys.argv[1])
import verify_batch as judge
for line in sys.stdin:
    batch, source, issuer, manifest = json.loads(line)
    try:
        judge.verify(batch, judge.anchors([source]), judge.anchors([issuer]), judge.anchors([manifest]))
        answer = "accepted"
    except judge.Refused as reason:
        answer = f"refused: {reason}"
    print(json.dumps(answer) + "\x00", flush=True)
"#;

/// What the other verifier says of a batch in the workshop: `None` if it accepts it.
pub(crate) fn opinion(workshop: &Workshop, batch: &str, anchors: [&str; 3]) -> Option<String> {
    static SERVERS: OnceLock<Mutex<Running>> = OnceLock::new();
    let server = SERVERS.get_or_init(|| {
        Mutex::new(Run::python(SERVER).arg(project("docs")).env("PYTHONDONTWRITEBYTECODE", "1").start())
    });
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    let paths: Vec<String> =
        [[batch].as_slice(), &anchors].concat().iter().map(|path| workshop.path(path).display().to_string()).collect();
    let question = serde_json::to_string(&paths).unwrap();
    server.feed(format!("{question}\n").as_bytes());
    let answer = server.read_until(0);
    let answer: String = serde_json::from_slice(&answer[..answer.len() - 1]).unwrap();
    answer.strip_prefix("refused: ").map(str::to_owned).or_else(|| {
        assert_eq!(answer, "accepted");
        None
    })
}

pub(crate) const ANCHORS: [&str; 3] = ["pki/anchors/test-root.pem", "pki/ca/root.pem", "pki/ca/root.pem"];

/// Demands that both verifiers come to one verdict, on the batch alone.
#[track_caller]
pub(crate) fn agreed(workshop: &Workshop, batch: &str, accepted: bool) {
    if let Some(reason) = opinion(workshop, batch, ANCHORS).filter(|_| accepted) {
        panic!("{batch}: the other verifier refuses it: {reason}");
    }
    assert!(accepted || opinion(workshop, batch, ANCHORS).is_some(), "{batch}: the other verifier accepts it");
}

/// A policy with everything that the other verifier derives, in more than one form, and something that it does not.
#[test]
fn both_verifiers_accept_good_batches() {
    let policy = super::support::workshop::POLICY;
    let long = policy
        .replace("subject = [{ O = \"Workshop\" }, { OU = \"{lot}\" }, { CN = \"{uid}\" }]",
            "subject = [{ C = \"FR\" }, { O = \"Work {{ shop\" }, { serialNumber = \"{unique|lower}\" }, { CN = \"{st_number|slice(0,4)}-{lot}\" }]")
        .replace("not_after = \"5y\"", "not_after = \"never\"")
        .replace("outlives_issuer = \"error\"", "outlives_issuer = \"clamp\"")
        .replace("rfc7093-1", "rfc5280-1")
        .replace("full_width_signature = false", "full_width_signature = true")
        .replace("authority_key_identifier = {}", "authority_key_identifier = {}\nsubject_alt_name = { critical = false, names = [{ uri = \"urn:stsafe:{uid|lower}\" }] }");
    let source = policy
        .replace("serial = \"derived\"", "serial = \"source\"")
        .replace("not_after = \"5y\"", "not_after = \"1y30d12h\"")
        .replace(
            "key_usage = { critical = true, bits = [\"digitalSignature\"] }",
            "key_usage = { critical = true, bits = [\"digitalSignature\", \"keyAgreement\"] }",
        )
        .replace("extended_key_usage = { critical = false, purposes = [\"clientAuth\"] }\n", "")
        .replace("subject_key_identifier = { method = \"rfc7093-1\" }\n", "");
    for (init, policy) in [(&[][..], policy), (&[], &long), (&["--key", "P-384"], &source.replace("sha256", "sha384"))]
    {
        let workshop = Workshop::with(init);
        super::support::judges::put(&workshop.path("policy.toml"), policy);
        for (n, form) in (0..).zip(["der", "pem", "der,pem"]) {
            let reel = format!("{n}.zip");
            workshop.reel(&reel, 10 * n..10 * n + 5);
            workshop.issue(&reel, form, &["--form", form, "--reissue", "a \"test\"\n\u{e9}"]).success();
            workshop.verify(form, &[]).success();
            agreed(&workshop, form, true);
        }
    }
}

#[test]
fn it_runs_as_it_is_printed() {
    let workshop = super::batch::batch();
    let script = project("docs/verify_batch.py").display().to_string();
    let args = ["-I", &script, "batch", "--source-anchor", ANCHORS[0], "--issuer-anchor", ANCHORS[1]];
    let run = Run::venv("python").args(args).env("PYTHONDONTWRITEBYTECODE", "1").folder(workshop.folder()).run();
    assert_eq!(run.success().out(), "4 certificates hold\n");
    let other = ["-I", &script, "batch", "--source-anchor", ANCHORS[1], "--issuer-anchor", ANCHORS[1]];
    let run =
        Run::venv("python").args(other).env("PYTHONDONTWRITEBYTECODE", "1").folder(workshop.folder()).run().expect(1);
    assert!(run.err().starts_with("REFUSED: no source anchor signed the leaf"), "{}", run.err());
}
