//! Revocation and release: chosen, approved where that is needed, recorded; then the lists say it.
//!
//! What is recorded is the request file that was written when certificates were chosen, and that persons approved: a run that
//! goes on after a kill records the same, and what is recorded already is passed over.

use reroot_core::crl::Reason;
use reroot_core::crypto::sha256;
use reroot_core::durable;
use reroot_core::origin::{ChipName, typed_bytes};
use reroot_core::x509::{SerialNumber, Time};
use reroot_issue::approval::Action;
use reroot_issue::error::Error;
use reroot_issue::revoke::request::{self, Asked, Request};
use reroot_issue::revoke::{
    Change, Chosen, Decision, Named, Selection, choose, choose_release, parse_reason, read_list, read_reel, read_uids,
    reasons,
};

use super::crl;
use super::issue::{Place, Planned, Ran, Stopped, config, ledger, read, storage, value};
use super::spec::{RevocationChange, RevokeJob, StoredSpec};
use crate::app::App;
use crate::problem::{Problem, REQUEST_MALFORMED};
use crate::store::{Job, JobState};

/// What a request says by itself: everything that needs no upload.
struct Said {
    selection: Selection,
    reason: Reason,
    at: Option<Time>,
}

/// Finds what is wrong with a request before it is stored.
///
/// # Errors
/// A name, the reason or the time is not one, or nothing is named.
pub(crate) fn check(spec: &RevokeJob) -> Result<(), Problem> {
    let said = said(spec)?;
    let no_file = spec.uid_lists.is_empty() && spec.lists.is_empty() && spec.reels.is_empty();
    if said.selection.is_empty() && no_file {
        return Err(Problem::new(REQUEST_MALFORMED, "no certificate is named").hint(
            "Name chips, certificates or batches: `uids`, `serials`, `batches`, `policies`, `superseded_by`, `uid_lists`, \
             `lists`, `reels`.",
        ));
    }
    Ok(())
}

fn said(spec: &RevokeJob) -> Result<Said, Problem> {
    let wrong = |member: &str, what: String| Problem::new(REQUEST_MALFORMED, format!("`{member}`: {what}"));
    let mut selection = Selection { policies: spec.policies.clone(), ..Selection::default() };
    for text in &spec.uids {
        let chip = text.parse::<ChipName>();
        let chip = chip.map_err(|error| wrong("uids", error.to_string()).hint(error.hint()))?;
        selection.chips.push(Named { place: "uids".to_owned(), chip, reason: None, at: None, of_reel: false });
    }
    for text in &spec.serials {
        let bytes = typed_bytes(text).map_err(|error| wrong("serials", error.to_string()))?;
        let serial = SerialNumber::from_content(&bytes).map_err(|error| wrong("serials", error.to_string()))?;
        selection.serials.push(("serials".to_owned(), serial));
    }
    for text in &spec.batches {
        selection.batches.push(text.parse().map_err(|_| wrong("batches", format!("`{text}` is not a batch")))?);
    }
    if let Some(text) = &spec.superseded_by {
        let batch = text.parse().map_err(|_| wrong("superseded_by", format!("`{text}` is not a batch")))?;
        selection.superseded_by = Some(batch);
    }
    let reason = match (&spec.reason, spec.change) {
        (None, RevocationChange::Release) => Reason::CertificateHold,
        (Some(_), RevocationChange::Release) => {
            return Err(wrong("reason", "a release has none".to_owned()));
        }
        (Some(text), RevocationChange::Revoke) => {
            parse_reason(text).ok_or_else(|| wrong("reason", format!("`{text}` is not a reason")).hint(reasons()))?
        }
        // a list can say it line by line
        (None, RevocationChange::Revoke) if !spec.lists.is_empty() => Reason::Unspecified,
        (None, RevocationChange::Revoke) => return Err(wrong("reason", "it is missing".to_owned()).hint(reasons())),
    };
    let at = spec.at.as_deref().map(Time::from_rfc3339).transpose();
    let at = at.map_err(|error| wrong("at", error.to_string()).hint("Write a time as 2026-03-01T12:00:00Z."))?;
    Ok(Said { selection, reason, at })
}

/// Finds what was named, and what would be recorded. Nothing is.
pub(super) fn plan(app: &App, job: &Job, stored: &StoredSpec, spec: &RevokeJob) -> Result<Ran, Stopped> {
    let (place, config) = (Place::of(app.settings(), &job.id), config(app)?);
    place.make()?;
    durable::remove_partial_file(&place.plan()).map_err(storage)?;
    let Said { mut selection, reason, at } = said(spec)?;
    read_files(app, &place, stored, spec, &mut selection)?;
    let issuer = config.issuer_identity().map_err(Error::from)?;
    let ledger = ledger(&config, issuer.spki())?;
    let now = app.world().now();
    let decision = Decision { reason, at: at.unwrap_or(now), requester: &job.owner, approvals: &[], now };
    let (verb, action) = words(spec.change);
    let chosen = match spec.change {
        RevocationChange::Revoke => choose(&ledger, &issuer, &selection, &decision)?,
        RevocationChange::Release => choose_release(&ledger, &issuer, &selection, &decision)?,
    };
    drop(ledger);
    let result = |outcome| value(&Change { verb, outcome, chosen: &chosen });
    if !chosen.findings.is_empty() && !spec.skip_unknown {
        return Ok(Ran::Refused(refused(result("refused")?, &chosen)));
    }
    if spec.dry_run {
        return Ok(Ran::Checked(result("dry-run")?));
    }
    if chosen.counts.chosen == 0 && chosen.block.is_empty() {
        return Ok(Ran::Recorded(result("already-done")?));
    }
    let certificate = config.manifest_certificate().map_err(Error::from)?;
    let signer = config.open_manifest_signer(&*app.world().secrets).map_err(Error::from)?;
    let why = if spec.reels.is_empty() { "" } else { "revoked with its reel" };
    let asked = Asked { issuer: &issuer, planner: (&certificate, &*signer), requester: &job.owner, why, now };
    request::write(&place.plan(), action, &chosen, &asked)?;
    let read = Request::read(&place.plan(), std::slice::from_ref(&certificate))?;
    let planned = Planned::of(&read.demand(), [read.facts(), chosen.facts()].concat());
    let many = chosen.counts.chosen + chosen.block.len() as u64 > app.settings().revocation.alone;
    let second = many || chosen.counts.changed > 0 || spec.change == RevocationChange::Release;
    let state = if second { JobState::AwaitingApproval } else { JobState::Sealing };
    Ok(Ran::Planned(Box::new(planned), result("planned")?, state))
}

const fn words(change: RevocationChange) -> (&'static str, Action) {
    match change {
        RevocationChange::Revoke => ("revoke", Action::Revoke),
        RevocationChange::Release => ("release", Action::Release),
    }
}

/// A result whose findings are also the reasons of the refusal.
fn refused(mut result: serde_json::Value, chosen: &Chosen) -> serde_json::Value {
    let lines = chosen.findings.iter().take(3).map(|finding| format!("{}: {}", finding.place, finding.what));
    let reasons: Vec<String> =
        std::iter::once(format!("nothing was recorded: {} in doubt", chosen.findings.len())).chain(lines).collect();
    if let Some(members) = result.as_object_mut() {
        members.insert("reasons".to_owned(), reasons.into());
    }
    result
}

fn read_files(
    app: &App,
    place: &Place,
    stored: &StoredSpec,
    spec: &RevokeJob,
    selection: &mut Selection,
) -> Result<(), Stopped> {
    let each = |ids: &[String]| {
        let paths = place.paths(app.settings(), stored, ids)?;
        Ok::<_, Stopped>(ids.iter().map(|id| format!("upload {id}")).zip(paths).collect::<Vec<_>>())
    };
    for (name, path) in each(&spec.uid_lists)? {
        selection.add(read_uids(&name, &read(&path)?));
    }
    for (name, path) in each(&spec.lists)? {
        selection.add(read_list(&name, &read(&path)?));
    }
    for (name, path) in each(&spec.reels)? {
        selection.add(read_reel(&name, &path, None, place.folder())?);
    }
    Ok(())
}

/// Records what was approved, or needs no approval, and has the lists made.
pub(super) fn record(app: &App, job: &Job) -> Result<Ran, Stopped> {
    let (place, config) = (Place::of(app.settings(), &job.id), config(app)?);
    let certificate = config.manifest_certificate().map_err(Error::from)?;
    let request = Request::read(&place.plan(), std::slice::from_ref(&certificate))?;
    let given = app.store().approvals(&job.id).map_err(Problem::from)?;
    let approvals: Vec<_> =
        given.iter().filter(|one| one.kind == "signed").map(|one| sha256(one.body.as_bytes())).collect();
    let issuer = config.issuer_identity().map_err(Error::from)?;
    let ledger = ledger(&config, issuer.spki())?;
    // the recording that an earlier run began is passed over where it ended
    request.record(&ledger, &approvals)?;
    drop(ledger);
    let lists = crl::post(app, &job.owner)?;
    let mut result = job.result.as_deref().and_then(|text| serde_json::from_str(text).ok());
    if let Some(members) = result.as_mut().and_then(serde_json::Value::as_object_mut) {
        members.insert("outcome".to_owned(), "done".into());
    }
    Ok(Ran::Recorded(crl::with_lists(result.unwrap_or_default(), &lists)))
}
