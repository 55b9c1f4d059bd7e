//! Approvals: what is to be signed, and the signatures of persons over it. Whether they count is the signer's word.

use axum::extract::{Path as Named, State};
use axum::response::Response;
use reroot_core::input;
use reroot_core::x509::{Sha256Digest, Time};
use reroot_issue::approval::{Approval, ApprovalMode, Demand, Terms, same_person};
use reroot_issue::error::Error;
use reroot_issue::signing_service::Client;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::JsonBody;
use super::file::attachment;
use super::jobs::find;
use super::reply::{Changed, Reply};
use crate::app::App;
use crate::job::{Planned, planned};
use crate::principal::Principal;
use crate::problem::{
    APPROVAL_MALFORMED, APPROVAL_NOT_WAITING, APPROVAL_OWN_REQUEST, APPROVAL_SIGNED_ONLY, BUG, JOB_OVER, Problem,
    REQUEST_MALFORMED, SIGNER_UNREACHABLE,
};
use crate::store::{JobState, StoredApproval};

/// How long an approval of the text that is shown would hold, in seconds: 7 days.
const HOLDS: i64 = 7 * 86_400;

/// What is to be approved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalText {
    /// The bytes that an approver signs, with their line feed.
    text: String,
    /// What they mean: names and values.
    facts: Vec<(String, String)>,
    /// Where the plan is, which an approver reads on a machine of their own.
    plan: String,
    /// How many approvals the signer wants.
    needed: u32,
    /// Who has approved.
    given: Vec<String>,
}

/// An approval: the text of a file, or a click.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApproval {
    /// The text of a file of approval.
    #[serde(default)]
    approval: Option<String>,
    /// A click: counts only where the signer says so.
    #[serde(default)]
    console: bool,
}

/// Whether the job goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalTaken {
    /// The state of the job.
    state: &'static str,
    /// What it still waits for.
    reason: Option<String>,
}

/// What an approval of a plan says.
fn demand(plan: &Planned) -> Result<Demand, Problem> {
    let digest = |text: &str| {
        text.parse::<Sha256Digest>().map_err(|error| Problem::new(BUG, format!("the plan of the job: {error}")))
    };
    Ok(Demand {
        action: plan.action,
        subject: digest(&plan.subject)?,
        issuer: digest(&plan.issuer)?,
        policy: plan.policy.as_deref().map(digest).transpose()?,
        count: plan.count,
    })
}

/// Shows the bytes that an approver signs, and what they mean.
#[utoipa::path(get, path = "/v1/jobs/{id}/approval-text", tag = "approvals", params(("id" = String, Path)), responses(
    (status = 200, body = ApprovalText),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn text(State(app): State<App>, _: Principal, Named(id): Named<String>) -> Result<Reply, Problem> {
    let document = app
        .blocking(move |app| {
            let job = find(app, &id)?;
            if job.plan.is_none() || job.state.is_end() {
                return Err(Problem::new(APPROVAL_NOT_WAITING, format!("the job is {}", job.state.as_str())));
            }
            let plan = planned(&job)?;
            let until = Time::from_unix(app.world().now().unix() + HOLDS)
                .map_err(|error| Problem::new(BUG, format!("the calendar ends: {error}")))?;
            let terms = Terms {
                demand: demand(&plan)?,
                requester: job.owner.clone(),
                not_after: until,
                nonce: app.world().bytes(),
            };
            Ok(ApprovalText {
                text: terms.to_line(),
                facts: plan.facts,
                plan: format!("/v1/jobs/{}/plan", job.id),
                needed: app.running().needed(),
                given: app.store().approvals(&job.id)?.into_iter().map(|one| one.person).collect(),
            })
        })
        .await?;
    Reply::new(&document)
}

/// Gives the plan out, so that an approver reads it on a machine of their own.
#[utoipa::path(get, path = "/v1/jobs/{id}/plan", tag = "approvals", params(("id" = String, Path)), responses(
    (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn plan(State(app): State<App>, _: Principal, Named(id): Named<String>) -> Result<Response, Problem> {
    let (file, bytes, id) = app
        .blocking(move |app| {
            let job = find(app, &id)?;
            let path = app.settings().jobs().join(&job.id).join("plan");
            let none = |_| Problem::new(JOB_OVER, "the job has no plan now");
            let file = input::open(&path).map_err(none)?;
            let bytes = file.metadata().map_err(none)?.len();
            Ok((file, bytes, job.id))
        })
        .await?;
    Ok(attachment(file, bytes, &format!("{id}.plan")))
}

/// Takes an approval. The person who asked cannot approve. The signer checks it again, and its word counts.
#[utoipa::path(post, path = "/v1/jobs/{id}/approvals", tag = "approvals", params(("id" = String, Path)),
    request_body = NewApproval,
    responses(
        (status = 202, body = ApprovalTaken),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
        (status = "5XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn post(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named<String>,
    JsonBody(new): JsonBody<NewApproval>,
) -> Result<Reply, Problem> {
    let taken = app.blocking(move |app| take(app, &principal, &id, new)).await?;
    let changed = Changed::from(JobState::AwaitingApproval.as_str(), taken.state);
    Ok(Reply::new(&taken)?.status(axum::http::StatusCode::ACCEPTED).changed(changed))
}

fn take(app: &App, principal: &Principal, id: &str, new: NewApproval) -> Result<ApprovalTaken, Problem> {
    let job = find(app, id)?;
    if job.state != JobState::AwaitingApproval {
        return Err(Problem::new(APPROVAL_NOT_WAITING, format!("the job is {}", job.state.as_str())));
    }
    if same_person(&principal.name, &job.owner) {
        return Err(Problem::new(APPROVAL_OWN_REQUEST, format!("`{}` asked for the job", job.owner)));
    }
    let (kind, body) = match (new.approval, new.console) {
        (Some(text), false) => {
            check(&job.owner, &planned(&job)?, &text)?;
            ("signed", text)
        }
        (None, true) => ("console", String::new()),
        _ => return Err(Problem::new(REQUEST_MALFORMED, "expected `approval` with a text, or `console` with true")),
    };
    let state = Client::new(app.settings().signer.clone()).state();
    let needed = match (&state, kind) {
        (Ok(state), "console") if state.approvals != ApprovalMode::Console => {
            return Err(Problem::new(APPROVAL_SIGNED_ONLY, "a click is no approval at this signer")
                .hint("Sign the plan on a machine of your own, and send the text of the approval."));
        }
        (Ok(state), _) => state.approvals_needed,
        // what a person has signed is kept, whatever happens to the signer
        (Err(_), "signed") => app.running().needed(),
        (Err(_), _) => {
            let error = Error::from(state.expect_err("it is one"));
            return Err(Problem::new(SIGNER_UNREACHABLE, error.to_string()).retry_after(5));
        }
    };
    app.running().note_needed(needed);
    let at = app.world().now().to_string();
    let approval = StoredApproval { person: principal.name.clone(), kind: kind.to_owned(), body, at };
    let job = app.store().approve_job(&job.id, &approval, needed)?;
    app.running().changed();
    let job = job.ok_or_else(|| Problem::new(APPROVAL_NOT_WAITING, "the job has just changed"))?;
    tracing::info!(job = %job.id, person = %principal.name, kind, "an approval was taken");
    Ok(ApprovalTaken { state: job.state.as_str(), reason: job.reason })
}

/// Finds what is wrong with an approval as far as that is seen here: whose signature it is, only the signer knows.
fn check(owner: &str, plan: &Planned, text: &str) -> Result<(), Problem> {
    let wrong = |what: String| Problem::new(APPROVAL_MALFORMED, what);
    let approval = Approval::parse("approval", text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let terms = Terms::parse(approval.line()).map_err(wrong)?;
    if terms.demand != demand(plan)? {
        return Err(
            wrong("the approval is for a different plan".to_owned()).hint("Have the plan of this job approved.")
        );
    }
    if terms.requester != owner {
        return Err(wrong(format!("the approval names the requester `{}`, expected `{owner}`", terms.requester)));
    }
    Ok(())
}
