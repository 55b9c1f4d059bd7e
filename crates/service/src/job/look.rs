//! Jobs that sign nothing: they look at uploads, or verify a batch.

use std::path::PathBuf;
use std::sync::Arc;

use reroot_core::audit::{Audit, audit};
use reroot_core::crypto::VerificationEngine;
use reroot_core::durable;
use reroot_core::inspect::{Judgement, Look, look, look_and_verify};
use reroot_core::parallel;
use reroot_core::reel::Limits;
use reroot_core::verify::{Family, SourceRules};
use reroot_core::x509::KeyAlgorithm;
use reroot_issue::error::Error;

use super::issue::{Place, Ran, Stopped, config, policy, storage, value};
use super::spec::{InspectJob, StoredSpec, VerifyJob};
use crate::app::App;
use crate::problem::{BATCH_UNKNOWN, Problem};
use crate::running::Live;
use crate::store::Job;

/// Looks at what is in uploads.
pub(super) fn inspect(
    app: &App,
    job: &Job,
    stored: &StoredSpec,
    spec: &InspectJob,
    live: &Arc<Live>,
) -> Result<Ran, Stopped> {
    let place = Place::of(app.settings(), &job.id);
    let inputs = place.take(app.settings(), stored, &spec.inputs)?;
    let request = Look {
        inputs: &inputs,
        limits: Limits::default(),
        scratch: place.folder(),
        entries: false,
        advance: &|count| live.advanced(count),
        cancel: &live.cancel,
    };
    let mut nothing = std::io::empty();
    let seen = if spec.verify {
        let anchors = config(app)?.anchors().map_err(Error::from)?;
        let rules = match &spec.policy {
            Some(sha256) => policy(app, sha256)?.source().clone(),
            None => SourceRules { family: Family::StsafeA, keys: KeyAlgorithm::SUBJECTS.to_vec(), relax: vec![] },
        };
        let judgement = Judgement {
            anchors: &anchors,
            rules: &rules,
            expected: None,
            at: app.world().now(),
            jobs: app.settings().limits.threads.unwrap_or_else(parallel::cores),
            engine: VerificationEngine::FixedKey,
        };
        look_and_verify(&request, &judgement, &mut nothing)
    } else {
        look(&request, &mut nothing)
    };
    let seen = seen.map_err(Error::from)?;
    let findings = app.settings().findings(&job.id);
    durable::remove_partial_file(&findings).map_err(storage)?;
    seen.findings.write_to(&findings).map_err(Error::from)?;
    Ok(Ran::Checked(value(&seen)?))
}

/// Verifies a batch.
pub(super) fn verify(
    app: &App,
    job: &Job,
    stored: &StoredSpec,
    spec: &VerifyJob,
    live: &Arc<Live>,
) -> Result<Ran, Stopped> {
    let (place, config, batch) = (Place::of(app.settings(), &job.id), config(app)?, batch(app, &spec.batch)?);
    let inputs = place.take(app.settings(), stored, &spec.inputs)?;
    let identity = config.issuer_identity().map_err(Error::from)?;
    let issuer_anchors: Vec<_> = identity.anchor().cloned().into_iter().collect();
    let report = audit(
        &Audit {
            batch: &batch,
            source_anchors: &config.anchors().map_err(Error::from)?,
            issuer_anchors: &issuer_anchors,
            manifest_anchors: &config.manifest_anchors().map_err(Error::from)?,
            history: &[],
            head: None,
            expected: None,
            timestamp: None,
            tsa_anchors: &[],
            beacon: None,
            max_stamp_delay: None,
            now: app.world().now(),
            possession: None,
            inputs: &inputs,
            limits: Limits::default(),
            scratch: place.folder(),
            jobs: app.settings().limits.threads.unwrap_or_else(parallel::cores),
            engine: VerificationEngine::FixedKey,
            advance: &|count| live.advanced(count),
            cancel: &live.cancel,
        },
        &mut std::io::empty(),
    );
    Ok(Ran::Checked(value(&report.map_err(Error::from)?)?))
}

/// The folder of a batch, whose name is a UUID and never a path.
pub(super) fn batch(app: &App, name: &str) -> Result<PathBuf, Stopped> {
    let is_one = name.parse::<reroot_issue::BatchId>().is_ok();
    let folder = app.settings().batches().join(name);
    if is_one && folder.is_dir() {
        return Ok(folder);
    }
    Err(Problem::new(BATCH_UNKNOWN, format!("there is no batch `{name}`")).into())
}
