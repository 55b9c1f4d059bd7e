//! The threads that run jobs: one plans and finishes, as the ledger has one writer; one looks at files; one talks to the
//! signer. Each takes its work from the store, so a restart finds what there was.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reroot_core::durable;
use reroot_core::parallel::{self, NoThread};
use reroot_issue::signing_service::Client;

use super::end;
use super::issue::{self, Place, Ran, Stopped};
use super::signing::{self, Looked};
use super::spec::{Spec, StoredSpec};
use super::{crl, export, look, revoke};
use crate::app::App;
use crate::problem::{BUG, INPUT_REFUSED, Problem};
use crate::running::Live;
use crate::store::{Change, Job, JobState, StoreError};

/// Longest sleep of a thread that has nothing to do.
const LONG: Duration = Duration::from_secs(1);
/// Between two looks at a signer that works.
const SOON: Duration = Duration::from_millis(100);
/// Between two looks at a signer that does not, and between two runs on a disk that failed.
const LATER: Duration = Duration::from_secs(2);

/// Starts the threads. They end after the world's `cancel` was set.
///
/// # Errors
/// The system has no thread to spare.
pub fn start(app: &App) -> Result<Vec<JoinHandle<()>>, NoThread> {
    let planner = app.clone();
    let looker = app.clone();
    let signer = app.clone();
    Ok(vec![
        parallel::start("planner".to_owned(), move || work(&planner, &Spec::writes))?,
        parallel::start("looker".to_owned(), move || work(&looker, &|spec| !spec.writes()))?,
        parallel::start("signer".to_owned(), move || sign(&signer))?,
    ])
}

fn ends(app: &App) -> bool {
    app.world().cancel.load(Ordering::Relaxed)
}

/// Runs jobs of these kinds, one after the other: lists and revocations first, then what only has to be finished.
fn work(app: &App, mine: &dyn Fn(&Spec) -> bool) {
    let (mut seen, mut not_before) = (0, Instant::now());
    while !ends(app) {
        let next = if Instant::now() < not_before { None } else { next(app, mine) };
        let Some((job, stored)) = next else {
            seen = app.running().wait(seen, LONG.min(not_before.saturating_duration_since(Instant::now()).max(SOON)));
            continue;
        };
        let live = app.running().follow(&job.id);
        let ended = run(app, &job, &stored, &live);
        app.running().forget(&job.id);
        match ended {
            Ok(true) => {}
            Ok(false) => not_before = Instant::now() + LATER,
            Err(problem) => {
                tracing::error!(job = %job.id, problem = %problem.document().detail, "the store failed");
                not_before = Instant::now() + LATER;
            }
        }
    }
}

/// The job that is next, with its command.
fn next(app: &App, mine: &dyn Fn(&Spec) -> bool) -> Option<(Job, StoredSpec)> {
    let states = [JobState::Interrupted, JobState::Received, JobState::Checking, JobState::Sealing];
    let mut waiting = app.store().waiting(&states).ok()?;
    // lists before revocations, as both are short, and certificates last
    let rank = |job: &Job| ["crl", "revoke"].iter().position(|kind| *kind == job.kind).unwrap_or(usize::MAX);
    let seals = |job: &Job| [Some(job.state), job.resumes].contains(&Some(JobState::Sealing));
    waiting.sort_by_key(|job| (rank(job), !seals(job)));
    waiting.into_iter().find_map(|job| {
        let stored = StoredSpec::of_text(&job.spec)?;
        mine(&stored.spec).then_some((job, stored))
    })
}

/// Runs one job's next part. Returns whether there may be more to do at once.
fn run(app: &App, job: &Job, stored: &StoredSpec, live: &Arc<Live>) -> Result<bool, Problem> {
    tracing::info!(job = %job.id, state = job.state.as_str(), "the job runs");
    let resumed = match job.resumes {
        None => None,
        Some(state) => {
            let change = Change { state: Some(state), reason: Some(None), ..Change::default() };
            match app.change(&job.id, &[JobState::Interrupted], &change)? {
                Some(resumed) => Some(resumed),
                None => return Ok(true),
            }
        }
    };
    let job = resumed.as_ref().unwrap_or(job);
    let ran = if job.state == JobState::Sealing {
        match &stored.spec {
            Spec::Crl(_) => crl::finish(app, job),
            Spec::Revoke(_) => revoke::record(app, job),
            _ => issue::finish(app, job, live),
        }
    } else {
        if job.state == JobState::Received {
            let change = Change { state: Some(JobState::Checking), reason: Some(None), ..Change::default() };
            // it may have been canceled since it was found
            if app.change(&job.id, &[JobState::Received], &change)?.is_none() {
                return Ok(true);
            }
        }
        match &stored.spec {
            Spec::Issue(spec) => issue::plan(app, job, stored, spec, live),
            Spec::Inspect(spec) => look::inspect(app, job, stored, spec, live),
            Spec::Verify(spec) => look::verify(app, job, stored, spec, live),
            Spec::Export(spec) => export::export(app, job, stored, spec, live),
            Spec::Revoke(spec) => revoke::plan(app, job, stored, spec),
            Spec::Crl(spec) => crl::plan(app, job, spec),
        }
    };
    let current = app.store().job(&job.id)?.ok_or_else(|| Problem::new(BUG, "the job is gone"))?;
    match ran {
        Ok(Ran::Checked(result)) => end(app, &current, JobState::Checked, None, Some(&result))?,
        Ok(Ran::Published(result)) => end(app, &current, JobState::Published, None, Some(&result))?,
        Ok(Ran::Refused(result)) => {
            let reasons = result.get("reasons").and_then(|reasons| reasons.as_array());
            let reasons: Vec<&str> = reasons.into_iter().flatten().filter_map(|reason| reason.as_str()).collect();
            let detail = if reasons.is_empty() { "nothing is left to do".to_owned() } else { reasons.join("; ") };
            end(app, &current, JobState::Refused, Some(&Problem::new(INPUT_REFUSED, detail)), Some(&result))?;
        }
        Ok(Ran::Recorded(result)) => end(app, &current, JobState::Recorded, None, Some(&result))?,
        Ok(Ran::Planned(planned, result, state)) => {
            signing::note_needed(&Client::new(app.settings().signer.clone()), app.running());
            let waits = state == JobState::AwaitingApproval;
            let change = Change {
                state: Some(state),
                reason: Some(waits.then(|| format!("0 of {} approvals were given", app.running().needed()))),
                plan: Some(serde_json::to_string(&planned).expect("a plan has text for keys")),
                result: Some(result.to_string()),
                problem: None,
            };
            app.change(&job.id, &[JobState::Checking], &change)?;
        }
        Err(Stopped::Interrupted) if live.by_person.load(Ordering::Relaxed) => {
            end(app, &current, JobState::Canceled, None, None)?;
        }
        // the process ends, and the next one runs the same command again
        Err(Stopped::Interrupted) => {
            interrupt(app, &current)?;
            return Ok(false);
        }
        Err(Stopped::LedgerInUse(reason)) => return waits(app, &current, reason),
        Err(Stopped::Later(problem)) => return waits(app, &current, problem.document().detail.clone()),
        Err(Stopped::For(problem)) => {
            let state = if problem.document().exit <= 3 { JobState::Refused } else { JobState::Failed };
            end(app, &current, state, Some(&problem), None)?;
        }
    }
    Ok(true)
}

fn interrupt(app: &App, job: &Job) -> Result<(), StoreError> {
    let reason = Some(Some("the service ended during the run; it goes on by itself".to_owned()));
    let change = Change { state: Some(JobState::Interrupted), reason, ..Change::default() };
    let now = app.world().now().to_string();
    app.store().change_job(&job.id, &[JobState::Checking, JobState::Sealing], &change, &now)?;
    app.running().changed();
    Ok(())
}

/// Notes which runs an earlier process did not end: it was killed, or this machine was.
///
/// # Errors
/// The store cannot be read or written.
pub fn note_interrupted(app: &App) -> Result<(), StoreError> {
    for job in app.store().waiting(&[JobState::Checking, JobState::Sealing])? {
        interrupt(app, &job)?;
    }
    Ok(())
}

fn waits(app: &App, job: &Job, reason: String) -> Result<bool, Problem> {
    if job.reason.as_deref() != Some(&reason) {
        app.change(&job.id, &[job.state], &Change { reason: Some(Some(reason)), ..Change::default() })?;
    }
    Ok(false)
}

/// Talks to the signer for every job that it has or is to have.
fn sign(app: &App) {
    let client = Client::new(app.settings().signer.clone());
    let mut seen = 0;
    while !ends(app) {
        let jobs = app.store().waiting(&[JobState::Approved, JobState::Signing]).unwrap_or_default();
        let mut pause = if jobs.is_empty() { LONG } else { LATER };
        let later = jobs.iter().fold(false, |later, job| {
            let looked = signing::look(app, &client, job).unwrap_or_else(|problem| {
                tracing::error!(job = %job.id, problem = %problem.document().detail, "the store failed");
                Looked::Later
            });
            if job.state != JobState::Signing || looked == Looked::Changed {
                app.running().forget(&job.id);
            }
            if looked != Looked::Later {
                pause = SOON;
            }
            later || looked == Looked::Later
        });
        if later && pause == LATER {
            // a new approval does not make a signer that is gone answer
            std::thread::sleep(SOON);
        }
        seen = app.running().wait(seen, pause);
    }
}

/// Removes what no job and no principal needs any more: uploads whose time is over, and files of an earlier process.
///
/// # Errors
/// The store cannot be read or written.
pub fn sweep(app: &App) -> Result<(), Problem> {
    let uploads = app.settings().uploads();
    for id in app.store().expired_uploads(app.world().now().unix())? {
        if app.store().remove_upload(&id)? {
            let _ = durable::remove_partial_file(&uploads.join(&id));
        }
    }
    for entry in std::fs::read_dir(app.settings().jobs()).into_iter().flatten().flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if app.store().job(&id)?.is_none_or(|job| job.state.is_end()) {
            Place::of(app.settings(), &id).remove();
        }
    }
    for entry in std::fs::read_dir(&uploads).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let arriving = app.arriving().contains(name.trim_end_matches(PARTIAL));
        if !arriving && app.store().upload(&name)?.is_none() {
            let _ = durable::remove_partial_file(&entry.path());
        }
    }
    Ok(())
}

/// The end of the name of an upload that arrives.
pub const PARTIAL: &str = ".partial";
