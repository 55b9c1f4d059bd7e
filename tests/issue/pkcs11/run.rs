//! One use of a token in a process of its own: the test binary is started again for the test [`child`], which reads
//! what to do from a file and writes what came of it into another.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reroot::crypto::PublicKey;
use reroot::signer::pkcs11::{
    Bench, BenchKey, NewTokenKey, Outcome, Pkcs11Signer, Settings, bench, doctor, generate, hanging_calls, leave,
    token_key,
};
use reroot::signer::{KeyUri, Signer as _, SignerError};
use reroot::x509::{KeyAlgorithm, SignatureAlgorithm, Spki};
use serde::{Deserialize, Serialize};

use crate::support::tokens::{Hsm, SOFTHSM};

/// What a run is to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) command: String,
    pub(crate) uris: Vec<String>,
    pub(crate) algorithm: String,
    pub(crate) messages: usize,
    /// Messages per call of `sign_batch`.
    pub(crate) chunk: usize,
    /// 0: as many as help.
    pub(crate) sessions: usize,
    pub(crate) timeout_ms: u64,
    pub(crate) retries: u32,
    /// The certificate's public key, in hexadecimal.
    pub(crate) expected: Option<String>,
    /// Pauses are real; otherwise they only count.
    pub(crate) real_pauses: bool,
    #[serde(skip)]
    pub(crate) environment: BTreeMap<String, String>,
}

/// What came of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) spki: Option<String>,
    pub(crate) signatures: Vec<String>,
    pub(crate) error: Option<String>,
    pub(crate) hint: Option<String>,
    /// Steps of the doctor, rows of the benchmark, failures of tokens.
    pub(crate) lines: Vec<String>,
    pub(crate) sessions: usize,
    pub(crate) pauses_ms: Vec<u128>,
    pub(crate) hanging: usize,
}

impl Run {
    /// Signs 50 messages with ECDSA and SHA-256 in one session and one batch.
    pub(crate) fn signing(uri: &str) -> Self {
        Self {
            command: "sign".to_owned(),
            uris: vec![uri.to_owned()],
            algorithm: "ecdsa-sha256".to_owned(),
            messages: 50,
            chunk: 50,
            sessions: 1,
            timeout_ms: 20_000,
            retries: 3,
            expected: None,
            real_pauses: false,
            environment: BTreeMap::new(),
        }
    }

    pub(crate) fn command(uri: &str, command: &str) -> Self {
        Self { command: command.to_owned(), ..Self::signing(uri) }
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Through the fault-injecting module, which the URI must name.
    pub(crate) fn faults(self, rules: &str) -> Self {
        self.env("FAULTY_PKCS11_MODULE", SOFTHSM).env("FAULTY_PKCS11", rules)
    }

    /// Runs it. Without a report the process died.
    pub(crate) fn start(&self, hsm: &Hsm) -> (ExitStatus, Option<Report>) {
        self.spawn(hsm).wait()
    }

    /// Runs it and expects it to live.
    pub(crate) fn report(&self, hsm: &Hsm) -> Report {
        let (status, report) = self.start(hsm);
        assert!(status.success(), "{status}");
        report.expect("a process that ends well has written its report")
    }

    /// Starts it.
    pub(crate) fn spawn(&self, hsm: &Hsm) -> Running {
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let what = hsm.write(&format!("run-{number}"), &serde_json::to_string(self).unwrap());
        let report = hsm.path(&format!("report-{number}"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "pkcs11::run::child", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env("REROOT_RUN", what).env("REROOT_REPORT", &report);
        command.env("SOFTHSM2_CONF", hsm.path("softhsm2.conf")).envs(&self.environment);
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        Running { child: command.spawn().unwrap(), report }
    }
}

static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// A run under way.
pub(crate) struct Running {
    pub(crate) child: std::process::Child,
    report: PathBuf,
}

/// Where a run notes that it has signed its first chunk.
fn begun(report: &Path) -> PathBuf {
    report.with_extension("begun")
}

impl Running {
    /// Whether it has signed its first chunk.
    pub(crate) fn has_begun(&self) -> bool {
        begun(&self.report).exists()
    }

    pub(crate) fn wait(mut self) -> (ExitStatus, Option<Report>) {
        let status = self.child.wait().unwrap();
        let report = std::fs::read(&self.report).ok();
        (status, report.map(|text| serde_json::from_slice(&text).unwrap()))
    }
}

impl Report {
    /// How many of the signatures verify under the key that the run told.
    pub(crate) fn verified(&self, algorithm: SignatureAlgorithm) -> usize {
        let Some(spki) = &self.spki else { return 0 };
        let key = PublicKey::from_spki(&Spki::from_der(&hex::decode(spki).unwrap()).unwrap()).unwrap();
        let signatures = self.signatures.iter().enumerate();
        signatures
            .filter(|(number, signature)| {
                key.verify(algorithm, &message(*number), &hex::decode(signature).unwrap()).is_ok()
            })
            .count()
    }
}

/// The message of this number: about as long as a certificate.
pub(crate) fn message(number: usize) -> Vec<u8> {
    format!("message {number} ").repeat(40).into_bytes()
}

#[test]
#[ignore = "started by the other tests, in a process of its own"]
fn child() {
    let run: Run = serde_json::from_slice(&std::fs::read(std::env::var("REROOT_RUN").unwrap()).unwrap()).unwrap();
    let pauses = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&pauses);
    let settings = Settings {
        sessions: NonZeroUsize::new(run.sessions),
        call_timeout: Duration::from_millis(run.timeout_ms),
        retries: run.retries,
        wait: (!run.real_pauses).then(|| {
            std::sync::Arc::new(move |pause: Duration| noted.lock().unwrap().push(pause.as_millis()))
                as std::sync::Arc<dyn Fn(Duration) + Send + Sync>
        }),
        ..Settings::default()
    };
    let mut report = Report::default();
    if let Err(error) = perform(&run, &settings, &mut report) {
        report.error = Some(error.to_string());
        report.hint = error.hint();
    }
    report.pauses_ms.clone_from(&pauses.lock().unwrap());
    report.hanging = hanging_calls();
    let text = serde_json::to_vec(&report).unwrap();
    reroot::durable::write_new(&report_path(), reroot::durable::Access::Private, &text).unwrap();
    if report.hanging > 0 {
        leave(0);
    }
}

fn report_path() -> PathBuf {
    PathBuf::from(std::env::var("REROOT_REPORT").unwrap())
}

fn perform(run: &Run, settings: &Settings, report: &mut Report) -> Result<(), SignerError> {
    let key = |uri: &String| token_key(KeyUri::parse(uri).unwrap(), None).unwrap();
    let kind = |name: &str| match name {
        "P-256" => KeyAlgorithm::P256,
        "P-384" => KeyAlgorithm::P384,
        "P-521" => KeyAlgorithm::P521,
        "Ed25519" => KeyAlgorithm::Ed25519,
        "RSA-2048" => KeyAlgorithm::Rsa { bits: 2048 },
        "brainpoolP256r1" => KeyAlgorithm::BrainpoolP256r1,
        other => panic!("{other}"),
    };
    match run.command.as_str() {
        "sign" => {
            let expected = run.expected.as_ref().map(|der| Spki::from_der(&hex::decode(der).unwrap()).unwrap());
            let signer = Pkcs11Signer::open(run.uris.iter().map(key).collect(), expected.as_ref(), settings)?;
            report.spki = Some(hex::encode(signer.public_key().der()));
            let algorithm = SignatureAlgorithm::from_name(&run.algorithm).unwrap();
            signer.check_algorithm(algorithm)?;
            let messages: Vec<Vec<u8>> = (0..run.messages).map(message).collect();
            let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let mut signatures = Vec::new();
            let started = Instant::now();
            let signed = messages.chunks(run.chunk.max(1)).try_for_each(|chunk| {
                signer.sign_batch(algorithm, chunk, &mut signatures)?;
                std::fs::write(begun(&report_path()), []).unwrap();
                Ok(())
            });
            report.lines.extend(signer.failures().iter().map(ToString::to_string));
            report.lines.push(format!("signing took {:?}", started.elapsed()));
            report.sessions = signer.sessions();
            report.signatures = signatures.iter().map(hex::encode).collect();
            signed
        }
        "take turns" => {
            // a signer for each URI, all open at the same time, chunk by chunk; signatures as the first one made them
            let open = |uri| Pkcs11Signer::open(vec![key(uri)], None, settings);
            let signers: Vec<Pkcs11Signer> = run.uris.iter().map(open).collect::<Result<_, _>>()?;
            report.spki = Some(hex::encode(signers[0].public_key().der()));
            let mut signatures = Vec::new();
            for start in (0..run.messages).step_by(run.chunk) {
                let messages: Vec<Vec<u8>> = (start..start + run.chunk).map(message).collect();
                let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
                signers[0].sign_batch(SignatureAlgorithm::EcdsaSha256, &messages, &mut signatures)?;
                for signer in &signers[1..] {
                    signer.sign_batch(SignatureAlgorithm::EcdsaSha256, &messages, &mut Vec::new())?;
                }
            }
            report.signatures = signatures.iter().map(hex::encode).collect();
            Ok(())
        }
        "generate" => {
            // the algorithm, the label and the identifier
            let parts: Vec<&str> = run.algorithm.split(' ').collect();
            let id = hex::decode(parts[2]).unwrap();
            let wanted = [NewTokenKey { algorithm: kind(parts[0]), label: parts[1].to_owned(), id }];
            let made = generate(key(&run.uris[0]), &wanted, settings)?;
            report.spki = Some(hex::encode(made[0].der()));
            Ok(())
        }
        "doctor" => {
            let found = doctor(key(&run.uris[0]), settings);
            report.spki = found.public_key.as_ref().map(|spki| hex::encode(spki.der()));
            for step in &found.steps {
                report.lines.push(match &step.outcome {
                    Outcome::Passed(facts) => format!("{} passed: {}", step.name, facts.join(", ")),
                    Outcome::Failed { message, hint, .. } => {
                        format!("{} failed: {message}. {}", step.name, hint.clone().unwrap_or_default())
                    }
                    Outcome::Skipped => format!("{} skipped", step.name),
                });
            }
            Ok(())
        }
        "bench" => {
            let key_kind =
                if run.algorithm == "given" { BenchKey::Given } else { BenchKey::Passing(kind(&run.algorithm)) };
            let what = Bench {
                key: key_kind,
                sessions: [1, 2].map(|sessions| NonZeroUsize::new(sessions).unwrap()).to_vec(),
                time: Duration::from_millis(100),
            };
            let measured = bench(key(&run.uris[0]), &what, settings)?;
            for row in &measured.rows {
                report.lines.push(format!("{} sessions: {} signatures", row.sessions, row.signatures));
            }
            report.lines.push(format!("{}: {:?}", measured.algorithm, measured.time_for(1_000)));
            Ok(())
        }
        other => panic!("{other}"),
    }
}
