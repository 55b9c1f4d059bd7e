//! Issues a batch: a new certificate for every leaf of an archive, under a policy, with the keys of a configuration.
//!
//! ```text
//! issue REROOT.toml POLICY.toml ARCHIVE OUTPUT
//! ```
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example program prints and asks the clock")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use reroot_issue::{
    BatchId, Config, Input, Issue, Issuer, Job, JobBasis, Local, Outcome, Policy, ResolveWith, Seed, Time,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, policy, archive, out] = &arguments[..] else {
        return Err("expected four arguments: a configuration, a policy, an archive, and the batch's folder".into());
    };
    let config = Config::load(Path::new(config))?;
    let policy = Policy::parse(&std::fs::read_to_string(policy)?, policy)?;

    // Keys: this program takes passphrases and PINs from the environment and never prompts.
    let secrets = ResolveWith {
        env: |name: &str| std::env::var_os(name),
        prompt: |_: &str| Err(io::Error::from(io::ErrorKind::Unsupported)),
    };
    let issuer = Issuer::new(config.issuer_identity()?, config.open_issuer_signer(&secrets)?)?;
    let manifest_signer = config.open_manifest_signer(&secrets)?;
    let ledger = config.open_or_create_ledger(issuer.identity().spki())?;

    // Time and randomness are the caller's: the library asks for neither.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let (mut seed, mut name) = ([0; 32], [0; 10]);
    aws_lc_rs::rand::fill(&mut seed)?;
    aws_lc_rs::rand::fill(&mut name)?;

    let basis = JobBasis {
        inputs: &[Input::Path(archive.into())],
        params: policy.params(&BTreeMap::new())?,
        policy: &policy,
        issuer: issuer.identity(),
        manifest_certificate: &config.manifest_certificate()?,
        manifest_signer: &*manifest_signer,
        anchors: &config.anchors()?,
        out: Path::new(out),
        now: Time::from_unix(now.as_secs().try_into()?)?,
        seed: Seed(seed),
        batch_id: BatchId::new(now.as_millis().try_into()?, name),
    };
    let job = Job::builder(basis).build();
    let task = Issue { job: &job, stdin: &mut io::empty() };
    match reroot_issue::run(task, &ledger, &Local { issuer: &issuer }, &(), &AtomicBool::new(false))? {
        Outcome::Done(batch) | Outcome::AlreadyDone(batch) | Outcome::DryRun(batch) => {
            println!("batch {}: {} certificates in {out}", batch.batch, batch.issued);
            Ok(())
        }
        Outcome::Refused(why) => {
            Err(format!("nothing was signed: {} of {} items are ready", why.ready, why.items).into())
        }
    }
}
