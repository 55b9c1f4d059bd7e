//! Issuing: a plan, and the batch of what the signer made of it. Both are the library's; here are their choices and places.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reroot_core::crypto::VerificationEngine;
use reroot_core::delivery::Form;
use reroot_core::durable::{self, Access, create_directory};
use reroot_core::input;
use reroot_core::load;
use reroot_core::policy::Policy;
use reroot_core::reel::Input;
use reroot_core::x509::Sha256Digest;
use reroot_core::x509::Spki;
use reroot_issue::approval::{Action, Demand};
use reroot_issue::config::Config;
use reroot_issue::error::Error;
use reroot_issue::ledger::{Ledger, LedgerError};
use reroot_issue::pipeline::{Ended, Outcome};
use reroot_issue::plan::Proposal;
use reroot_issue::setup::{By, Came, Choices, FinishChoices, Reel, Returned, Surroundings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spec::{BatchForm, IssueJob, StoredSpec};
use crate::app::App;
use crate::problem::{BUG, POLICY_UNKNOWN, Problem, UPLOAD_UNKNOWN};
use crate::running::Live;
use crate::settings::Settings;
use crate::store::{Job, JobState};

/// A plan that waits for approvals, as the job has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// What the plan asks for.
    #[serde(default = "sign_plan")]
    pub(crate) action: Action,
    /// SHA-256 of the plan's head: what an approval names.
    pub(crate) subject: String,
    /// SHA-256 of the issuing CA's certificate.
    pub(crate) issuer: String,
    /// SHA-256 of the policy.
    pub(crate) policy: Option<String>,
    /// The batch, if it is a plan of one.
    pub(crate) batch: Option<String>,
    /// Certificates, or revocation lists.
    pub(crate) count: u64,
    /// Names and values for people.
    pub(crate) facts: Vec<(String, String)>,
    /// The request at the signer, once it has the plan.
    pub(crate) request: Option<String>,
    /// Of a round of lists: its number.
    #[serde(default)]
    pub(crate) round: Option<u64>,
}

impl Planned {
    /// What is to be approved of a plan that is of no batch.
    pub(super) fn of(demand: &Demand, facts: Vec<(&'static str, String)>) -> Self {
        Self {
            action: demand.action,
            subject: demand.subject.to_string(),
            issuer: demand.issuer.to_string(),
            policy: demand.policy.map(|digest| digest.to_string()),
            batch: None,
            count: demand.count,
            facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            request: None,
            round: None,
        }
    }
}

/// What plans asked for that were stored before there was a different kind.
const fn sign_plan() -> Action {
    Action::SignPlan
}

/// How a run of a part of a job ended.
pub(super) enum Ran {
    /// Everything was checked, and that was all.
    Checked(Value),
    /// There is a plan, and this is what it waits for.
    Planned(Box<Planned>, Value, JobState),
    /// The batch is sealed, or lists are in their place.
    Published(Value),
    /// A revocation or release is on the ledger.
    Recorded(Value),
    /// The inputs were refused.
    Refused(Value),
}

/// Why a run did not end well.
pub(super) enum Stopped {
    /// A library's error or this crate's.
    For(Problem),
    /// The run was ended early.
    Interrupted,
    /// A different process has the ledger.
    LedgerInUse(String),
    /// A disk failed: the same run may do better later.
    Later(Problem),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        use reroot_core::class::Class;
        match (&error, error.class()) {
            (Error::Ledger(LedgerError::Locked { .. }), _) => Self::LedgerInUse(error.to_string()),
            (_, Class::Interrupted) => Self::Interrupted,
            (_, Class::Storage) => Self::Later(error.into()),
            _ => Self::For(error.into()),
        }
    }
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::For(problem)
    }
}

/// The files of a job that has not ended.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn of(settings: &Settings, id: &str) -> Self {
        Self(settings.jobs().join(id))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn plan(&self) -> PathBuf {
        self.0.join("plan")
    }

    pub(super) fn signatures(&self) -> PathBuf {
        self.0.join("signatures")
    }

    /// Makes the folder.
    pub(super) fn make(&self) -> Result<(), Stopped> {
        if !self.0.is_dir() {
            create_directory(&self.0, Access::Private).map_err(storage)?;
        }
        Ok(())
    }

    fn inputs(&self) -> PathBuf {
        self.0.join("inputs")
    }

    /// Gives the job uploads of its own, named by their content: a name that a principal gave is never a path, and an
    /// upload can be removed while the job has it.
    pub(super) fn paths(
        &self,
        settings: &Settings,
        stored: &StoredSpec,
        ids: &[String],
    ) -> Result<Vec<PathBuf>, Stopped> {
        self.make()?;
        if !self.inputs().is_dir() {
            create_directory(&self.inputs(), Access::Private).map_err(storage)?;
        }
        let mut paths = Vec::with_capacity(ids.len());
        for id in ids {
            let unknown = || Problem::new(UPLOAD_UNKNOWN, format!("there is no upload `{id}`"));
            let digest = stored.digests.get(id).ok_or_else(unknown)?;
            let own = self.inputs().join(digest);
            if !own.is_file() {
                std::fs::hard_link(settings.uploads().join(id), &own).map_err(|_| unknown())?;
            }
            paths.push(own);
        }
        Ok(paths)
    }

    /// The same as inputs of a run.
    pub(super) fn take(&self, settings: &Settings, stored: &StoredSpec, ids: &[String]) -> Result<Vec<Input>, Stopped> {
        Ok(self.paths(settings, stored, ids)?.into_iter().map(Input::Path).collect())
    }

    /// Removes everything: the job has ended.
    pub(super) fn remove(&self) {
        let _ = durable::remove_partial(&self.0);
    }
}

/// Reads a file of a job. A disk that fails may do better later.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Stopped> {
    let unreadable = |source| durable::DurableError::Io { doing: "read", path: path.to_owned(), source };
    input::read(path).map_err(|source| Stopped::Later(unreadable(source).into()))
}

pub(super) fn storage(error: durable::DurableError) -> Stopped {
    Stopped::Later(error.into())
}

pub(super) fn config(app: &App) -> Result<Config, Stopped> {
    Ok(app.config()?)
}

pub(super) fn ledger(config: &Config, issuer: &Spki) -> Result<Ledger, Stopped> {
    config.open_ledger(issuer).map_err(|error| Error::from(error).into())
}

/// The policy of a stored digest.
pub(super) fn policy(app: &App, sha256: &str) -> Result<Policy, Stopped> {
    let stored = app.store().policy(sha256).map_err(Problem::from)?;
    let stored = stored.ok_or_else(|| Problem::new(POLICY_UNKNOWN, format!("there is no policy `{sha256}`")))?;
    Policy::parse(&stored.text, "policy.toml").map_err(|errors| Problem::from(errors).into())
}

/// Runs the library in this process's surroundings.
fn within<T>(app: &App, live: &Arc<Live>, run: impl FnOnce(&mut Surroundings<'_>) -> T) -> T {
    let world = app.world();
    let (random, now) = (world.random, world.now());
    let cancel: &AtomicBool = &live.cancel;
    run(&mut Surroundings {
        now,
        now_millis: world.now_millis(),
        random: &move |bytes| random(bytes),
        pause: &|pause: Duration| std::thread::sleep(pause),
        stdin: &mut std::io::empty(),
        progress: &**live,
        cancel,
        tool: world.tool,
    })
}

/// Reads, verifies, builds and plans.
pub(super) fn plan(
    app: &App,
    job: &Job,
    stored: &StoredSpec,
    issue: &IssueJob,
    live: &Arc<Live>,
) -> Result<Ran, Stopped> {
    let (settings, place) = (app.settings(), Place::of(app.settings(), &job.id));
    let policy = policy(app, &issue.policy)?;
    let inputs = place.take(settings, stored, &issue.inputs)?;
    let expected = match &issue.expect {
        None => None,
        Some(id) => {
            let list = &place.paths(settings, stored, std::slice::from_ref(id))?[0];
            Some(load::expected(list, policy.source().family).map_err(|error| Stopped::For(error.into()))?)
        }
    };
    let findings = settings.findings(&job.id);
    durable::remove_partial_file(&findings).map_err(storage)?;
    let choices = Choices {
        inputs,
        by: By::AirGapped,
        policy,
        params: issue.params.clone(),
        out: place.plan(),
        findings: Some(findings),
        forms: forms(&issue.forms),
        on_reject: issue.on_reject.into_library(),
        on_missing: issue.on_missing.into_library(),
        on_surplus: issue.on_surplus.into_library(),
        expected,
        expect_count: issue.expect_count,
        expect_head: None,
        beacon: None,
        known_ledgers: vec![],
        known_names: vec![],
        bulk_id: issue.bulk_id.clone(),
        publish_bulk_id: issue.publish_bulk_id,
        reissue: issue.reissue.clone(),
        accept_clock: None,
        jobs: settings.limits.threads,
        chunk: None,
        engine: VerificationEngine::FixedKey,
        pool: None,
        dry_run: issue.dry_run,
    };
    let config = config(app)?;
    let reel = Reel::ready(&config, choices, &*app.world().secrets)?;
    let ledger = ledger(&config, reel.issuer_key())?;
    let outcome = within(app, live, |around| reel.plan(&ledger, around))?;
    drop(ledger);
    let result = value(&Ended { outcome: &outcome, out: Path::new("plan") })?;
    match outcome {
        Outcome::DryRun(_) => Ok(Ran::Checked(result)),
        Outcome::Refused(_) => Ok(Ran::Refused(result)),
        Outcome::AlreadyDone(planned) | Outcome::Done(planned) => {
            let planners = [config.manifest_certificate().map_err(Error::from)?];
            let proposal = Proposal::read(&place.plan(), &planners)?;
            let facts = proposal.facts().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let subject = planned.plan_sha256.to_string();
            let (batch, count) = (planned.summary.batch.clone(), proposal.demand.count);
            let (issuer, policy) = (proposal.demand.issuer.to_string(), proposal.demand.policy);
            let action = proposal.demand.action;
            let policy = policy.map(|digest| digest.to_string());
            let batch = Some(batch);
            let planned = Planned { action, subject, issuer, policy, batch, count, facts, request: None, round: None };
            Ok(Ran::Planned(Box::new(planned), result, JobState::AwaitingApproval))
        }
    }
}

/// The encodings that were chosen, and where none was, what the command line delivers.
pub(super) fn forms(chosen: &[BatchForm]) -> Vec<Form> {
    if chosen.is_empty() { vec![Form::Der] } else { chosen.iter().map(|form| form.into_library()).collect() }
}

/// Puts the signatures in, and seals the batch.
pub(super) fn finish(app: &App, job: &Job, live: &Arc<Live>) -> Result<Ran, Stopped> {
    let (settings, place) = (app.settings(), Place::of(app.settings(), &job.id));
    let planned = planned(job)?;
    let batch = planned.batch.ok_or_else(|| Problem::new(BUG, "the plan of the job has no batch"))?;
    let out = settings.batches().join(&batch);
    let choices = FinishChoices {
        plan: place.plan(),
        came: Came::Signatures(place.signatures(), None::<Sha256Digest>),
        out: out.clone(),
        findings: None,
        accept_clock: None,
        jobs: settings.limits.threads,
    };
    let config = config(app)?;
    let returned = Returned::ready(&config, choices, &*app.world().secrets)?;
    let ledger = ledger(&config, returned.issuer_key())?;
    let outcome = within(app, live, |around| returned.finish(&ledger, around))?;
    let out = PathBuf::from("batches").join(&batch);
    let result = value(&Ended { outcome: &outcome, out: &out })?;
    match outcome {
        Outcome::AlreadyDone(_) | Outcome::Done(_) => {
            // the catalog has the batch before the job says that it is published; other jobs need the ledger meanwhile
            drop(ledger);
            app.catalog().follow(&live.cancel);
            if live.cancel.load(Ordering::Relaxed) {
                return Err(Stopped::Interrupted);
            }
            Ok(Ran::Published(result))
        }
        Outcome::DryRun(_) | Outcome::Refused(_) => Ok(Ran::Refused(result)),
    }
}

/// What of a job is to be approved.
pub(crate) fn planned(job: &Job) -> Result<Planned, Problem> {
    let text = job.plan.as_deref().ok_or_else(|| Problem::new(BUG, "the job has no plan in this state"))?;
    serde_json::from_str(text)
        .map_err(|error| Problem::new(BUG, format!("the plan of the job cannot be read: {error}")))
}

/// A document of the library, with its long lists cut: they are in files of their own.
pub(super) fn value(document: &impl Serialize) -> Result<Value, Stopped> {
    let mut value = serde_json::to_value(document)
        .map_err(|error| Stopped::For(Problem::new(BUG, format!("the result is not JSON: {error}"))))?;
    cut(&mut value);
    Ok(value)
}

fn cut(value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.truncate(MAX_LIST);
            list.iter_mut().for_each(cut);
        }
        Value::Object(members) => members.values_mut().for_each(cut),
        _ => {}
    }
}

/// Members of a list that an answer shows.
const MAX_LIST: usize = 100;
