//! The second opinion: verifier/, written from docs/spec/manifest-format.md, says what the program says.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::run::{Run, Running, project};
use super::workshop::Workshop;

/// Answers one line for each line of four paths: a batch or a proof, the anchors for sources, issuer and manifest.
const SERVER: &str = r#"
import json, os, sys
sys.path.insert(0, sys.argv[1])
from verify_batch import Refused, judged, verify_folder
from verify_proof import verify_proof
for line in sys.stdin:
    what, *anchors = json.loads(line)
    verify, more = verify_folder, {}
    if not os.path.isdir(what):
        # what a proof is expected to show is what it claims: the tests of the program's own option are elsewhere
        verify, more = verify_proof, {"absent": b',"chip":null,' in open(what, "rb").read()}
    try:
        judged(verify, what, *[[open(a, "rb").read()] for a in anchors], **more)
        answer = "accepted"
    except Refused as reason:
        answer = f"refused: {reason}"
    print(json.dumps(answer) + "\x00", flush=True)
"#;

/// What the other verifier says of a batch in the workshop: `None` if it accepts it.
pub fn opinion(workshop: &Workshop, batch: &str, anchors: [&str; 3]) -> Option<String> {
    static SERVERS: OnceLock<Mutex<Running>> = OnceLock::new();
    let server = SERVERS.get_or_init(|| {
        Mutex::new(Run::python(SERVER).arg(project("verifier")).env("PYTHONDONTWRITEBYTECODE", "1").start())
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

/// Anchors of a workshop's batches, for sources, issuer and manifest.
pub const ANCHORS: [&str; 3] = ["pki/anchors/test-root.pem", "pki/ca/root.pem", "pki/ca/root.pem"];

/// Demands that both verifiers come to one verdict, on the batch alone.
#[track_caller]
pub fn agreed(workshop: &Workshop, batch: &str, accepted: bool) {
    agreed_under(workshop, batch, ANCHORS, accepted);
}

/// As [`agreed`], under these anchors.
#[track_caller]
pub fn agreed_under(workshop: &Workshop, batch: &str, anchors: [&str; 3], accepted: bool) {
    match opinion(workshop, batch, anchors) {
        Some(reason) => assert!(!accepted, "{batch}: the other verifier refuses it: {reason}"),
        None => assert!(accepted, "{batch}: the other verifier accepts it"),
    }
}
