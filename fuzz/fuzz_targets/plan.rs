//! A plan on the signing machine, from its first byte to the question whether to sign it. No panic, and no text of the
//! plan reaches a message unescaped.
//!
//! The planner's signature and the digests are believed: no fuzzer makes these. The input says which part of a good
//! plan is replaced, and by what.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reroot::approval::{ApprovalMode, Rule};
use reroot::cert::IssuerIdentity;
use reroot::crypto::sha256;
use reroot::issue::Issuer;
use reroot::ledger::Ledger;
use reroot::reel::certificates_in_pem;
use reroot::pipeline::{Local, Progress, SignBasis, SignJob, Stage, fuzz_sign};
use reroot::signer::{Signer, SignerError};
use reroot::x509::{Certificate, SignatureAlgorithm, Spki, Time};

/// Genuine leaves in UID order.
const LEAVES: [&[u8]; 3] = [
    include_bytes!("../../fixtures/st/leaf-020930C56159E439520139.der"),
    include_bytes!("../../fixtures/st/leaf-0209B0846159E439520139.der"),
    include_bytes!("../../fixtures/st/leaf-0209F0204021CC225B0139.der"),
];

const POLICY: &str = r#"version = 1
name = "fuzz"
description = "for the fuzzer"
[source]
family = "stsafe-a"
keys = ["P-256"]
relax = []
[params.lot]
pattern = "[A-Z0-9]{1,8}"
[certificate]
subject = [{ OU = "{lot}" }, { CN = "{uid}" }]
serial = "derived"
not_before = "issuance"
not_after = "5y"
outlives_issuer = "error"
signature = "ecdsa-sha256"
[extensions]
authority_key_identifier = {}
[device]
target = "none"
full_width_signature = false
"#;

/// The members of a head with their values in a good plan; `sections` comes last and is computed.
fn members() -> Vec<(&'static str, String)> {
    let zeros = format!("\"{}\"", "0".repeat(64));
    let text = |text: &str| serde_json::to_string(text).expect("text");
    let identity = ISSUER.identity();
    let sha256 = sha256(identity.certificate().der());
    let issuer = format!("{{\"subject\":{},\"sha256\":\"{sha256}\"}}", text(&identity.subject().to_string()));
    vec![
        ("format", text("reroot-plan/2")),
        ("mode", text("air-gapped")),
        ("batch", text("01890a5d-ac96-774b-bcce-b302099a8057")),
        ("issued_at", text("2026-01-31T12:00:00Z")),
        ("seed", zeros.clone()),
        ("beacon", "null".to_owned()),
        ("encoder", "2".to_owned()),
        ("chunk_size", "4096".to_owned()),
        ("delivery", text("plan --form der")),
        ("issuer", issuer),
        ("anchors", format!("[{zeros}]")),
        ("relaxations", "[]".to_owned()),
        ("on_reject", text("stop")),
        ("reissue", "null".to_owned()),
        ("bulk_id", "null".to_owned()),
        ("expected", "null".to_owned()),
        ("counts", "{\"items\":3,\"leaves\":3,\"rejected\":0,\"ignored\":0}".to_owned()),
        ("policy_name", text("fuzz")),
        ("policy_sha256", zeros.clone()),
        ("policy", text(POLICY)),
        ("params", "{\"lot\":\"A1\"}".to_owned()),
        ("leaves_sha256", zeros.clone()),
        ("tbs_root", zeros),
    ]
}

/// Signs nothing: the fuzzer stops before.
struct NoKey(Spki);

impl Signer for NoKey {
    fn public_key(&self) -> &Spki {
        &self.0
    }

    fn sign_batch(&self, algorithm: SignatureAlgorithm, _: &[&[u8]], _: &mut Vec<Vec<u8>>) -> Result<(), SignerError> {
        Err(SignerError::Failed { algorithm })
    }
}

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Stage) {}
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self, _: Stage) {}
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let ca = Certificate::from_der(include_bytes!("../../fixtures/golden/issue/ca.der")).expect("DER");
    let identity = IssuerIdentity::new(ca, vec![]).expect("a CA");
    let key = NoKey(identity.spki().clone());
    Issuer::new(identity, Box::new(key)).expect("the CA's own key")
});

static ANCHORS: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let pem = include_bytes!("../../fixtures/st/stm-stsafe-a-prod-ca-01.pem");
    let root = certificates_in_pem(pem).expect("the fixture is PEM").remove(0);
    vec![Certificate::from_der(&root).expect("DER")]
});

static GOOD: LazyLock<bool> = LazyLock::new(|| fuzz(&[]));

fuzz_target!(|bytes: &[u8]| {
    assert!(*GOOD, "the plan that the fuzzer changes is one that may be signed");
    fuzz(bytes);
});

/// Whether the plan, changed as the input says, comes to the question.
fn fuzz(bytes: &[u8]) -> bool {
    let (place, rest) = bytes.split_first().map_or((None, bytes), |(place, rest)| (Some(usize::from(*place)), rest));
    let mut members = members();
    let mut leaves: Vec<(Vec<u8>, Vec<u8>)> =
        (0_u8..).zip(LEAVES).map(|(number, der)| (vec![b'a' + number], der.to_vec())).collect();
    let mut small = [vec![], vec![], vec![], vec![]];
    let mut raw = None;
    let count = members.len();
    match place {
        None => {}
        Some(at) if at < count => members[at].1 = String::from_utf8_lossy(rest).into_owned(),
        // any text, escaped correctly
        Some(at) if at < 2 * count => {
            members[at - count].1 = serde_json::to_string(&String::from_utf8_lossy(rest)).expect("text");
        }
        Some(at) if at < 2 * count + 3 => leaves[at - 2 * count].0 = rest.to_vec(),
        Some(at) if at < 2 * count + 6 => leaves[at - 2 * count - 3].1 = rest.to_vec(),
        Some(at) if at < 2 * count + 10 => small[at - 2 * count - 6] = rest.to_vec(),
        // a name as long as the input asks for
        Some(at) if at < 2 * count + 13 => {
            let length = rest.iter().fold(0, |length, byte| (length << 8 | usize::from(*byte)) & 0xFFFF);
            leaves[at - 2 * count - 10].0 = vec![b'x'; length];
        }
        Some(_) => raw = Some(rest.to_vec()),
    }
    let mut section = Vec::new();
    for (name, der) in &leaves {
        let sized = |part: &[u8]| u16::try_from(part.len()).map(u16::to_be_bytes);
        let (Ok(name_length), Ok(der_length)) = (sized(name), sized(der)) else { return false };
        section.extend([&[0], &name_length[..], name, &der_length[..], der].concat());
    }
    let section = raw.unwrap_or(section);
    let parts = [&small[0], &small[1], &small[2], &small[3], &section];
    let sections = ["intermediates", "inputs", "rejected", "missing", "leaves"].iter().zip(parts).map(|(name, part)| {
        format!("{{\"name\":\"{name}\",\"bytes\":{},\"sha256\":\"{}\"}}", part.len(), "0".repeat(64))
    });
    members.push(("sections", format!("[{}]", sections.collect::<Vec<_>>().join(","))));
    let head: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let head = format!("{{{}}}", head.join(","));
    let length = u32::try_from(head.len()).expect("a short input").to_be_bytes();
    let plan = [b"reroot-plan/2\n", &length[..], head.as_bytes(), &[0; 4], &parts.map(Vec::as_slice).concat()].concat();

    let out = std::env::temp_dir().join("fuzz.signatures");
    let job = SignJob::builder(SignBasis {
        plan: Path::new("fuzz.plan"),
        out: &out,
        issuer: ISSUER.identity(),
        anchors: &ANCHORS,
        planners: &ANCHORS,
        policies: &[],
        max_days: 30,
        rule: Rule { needed: 0, approvers: &[], mode: ApprovalMode::Signed },
        now: Time::from_rfc3339("2026-02-01T00:00:00Z").expect("a time"),
    })
    .jobs(1)
    .build();
    let ledger = Ledger::in_memory(ISSUER.identity().spki());
    fuzz_sign(&plan, &job, &ledger, &Local { issuer: &ISSUER }, &Silent).is_some()
}
