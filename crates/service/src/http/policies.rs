//! Policies: their text, what is wrong with one, what one would issue, and whether jobs may use them.

use std::collections::BTreeMap;

use axum::extract::{Path as Named, State};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reroot_core::crypto::sha256;
use reroot_core::policy::Policy;
use reroot_core::preview::{Preview, preview as shown_for};
use reroot_core::report::ShownUnder;
use reroot_issue::approval::same_person;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::page::{In, Page, Wanted, page};
use super::reply::{Changed, Reply, matches};
use crate::app::App;
use crate::principal::Principal;
use crate::problem::{APPROVAL_OWN_REQUEST, POLICY_UNKNOWN, PRECONDITION_FAILED, Place, Problem, REQUEST_MALFORMED};
use crate::store::{PolicyState, StoredPolicy};

/// The list, in its cursors.
const POLICIES: &str = "policies";

/// A policy's text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyText {
    /// The TOML text.
    text: String,
}

/// What is wrong with a policy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checked {
    /// SHA-256 of the text.
    sha256: String,
    /// The name that the policy gives itself, if it can be read.
    name: Option<String>,
    /// Every mistake, with its place.
    places: Vec<Place>,
}

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyView {
    sha256: String,
    name: String,
    /// `draft`, `active` or `retired`. The signer has a list of its own, which decides.
    state: &'static str,
    owner: String,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The parameters that it declares, each with its pattern.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<String, String>,
}

/// A state that jobs follow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewState {
    /// `draft`, `active` or `retired`.
    state: String,
}

/// A leaf for which a certificate is shown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewOf {
    /// The leaf: PEM, or DER in base64.
    leaf: String,
    /// The parameters that the policy declares.
    #[serde(default)]
    params: BTreeMap<String, String>,
}

fn view(policy: StoredPolicy, whole: bool) -> PolicyView {
    let parsed = whole.then(|| Policy::parse(&policy.text, "policy.toml").ok()).flatten();
    let params = parsed.iter().flat_map(Policy::declared_params);
    PolicyView {
        params: params.map(|(name, pattern)| (name.to_owned(), pattern.to_owned())).collect(),
        sha256: policy.sha256,
        name: policy.name,
        state: policy.state.as_str(),
        owner: policy.owner,
        created: policy.created,
        text: whole.then_some(policy.text),
    }
}

fn find(app: &App, sha256: &str) -> Result<StoredPolicy, Problem> {
    let found = app.store().policy(sha256)?;
    found.ok_or_else(|| Problem::new(POLICY_UNKNOWN, format!("there is no policy `{sha256}`")))
}

/// Lists policies by name.
#[utoipa::path(get, path = "/v1/policies", tag = "policies", params(Wanted), responses(
    (status = 200, body = Page<PolicyView>),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(app): State<App>, _: Principal, In(wanted): In<Wanted>) -> Result<Reply, Problem> {
    let policies = app
        .blocking(move |app| {
            let (limit, after) = (wanted.limit()?, wanted.place(app, POLICIES)?);
            let found = app.store().policies(after.as_deref(), limit + 1)?;
            Ok(page(app, POLICIES, found, limit, |one| one.sha256.clone()).map(|policy| view(policy, false)))
        })
        .await?;
    Reply::new(&policies)
}

/// Shows a policy.
#[utoipa::path(get, path = "/v1/policies/{sha256}", tag = "policies", params(("sha256" = String, Path)), responses(
    (status = 200, body = PolicyView),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn get(State(app): State<App>, _: Principal, Named(sha256): Named<String>) -> Result<Reply, Problem> {
    let policy = app.blocking(move |app| find(app, &sha256)).await?;
    let revision = policy.revision;
    Ok(Reply::new(&view(policy, true))?.revision(revision))
}

/// Checks the text of a policy. Nothing is stored.
#[utoipa::path(post, path = "/v1/policies/check", tag = "policies", request_body = PolicyText, responses(
    (status = 200, body = Checked),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn check(
    State(app): State<App>,
    _: Principal,
    JsonBody(PolicyText { text }): JsonBody<PolicyText>,
) -> Result<Reply, Problem> {
    let checked = app
        .blocking(move |_| {
            let sha256 = sha256(text.as_bytes()).to_string();
            Ok(match Policy::parse(&text, "policy.toml") {
                Ok(policy) => Checked { sha256, name: Some(policy.name().to_owned()), places: vec![] },
                Err(errors) => {
                    let places = Problem::from(errors).document().places.clone();
                    Checked { sha256, name: None, places }
                }
            })
        })
        .await?;
    Reply::new(&checked)
}

/// Stores a policy as a draft. The path is the SHA-256 of the text.
#[utoipa::path(put, path = "/v1/policies/{sha256}", tag = "policies", params(("sha256" = String, Path)),
    request_body = PolicyText,
    responses(
        (status = 200, body = PolicyView),
        (status = 201, body = PolicyView),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(app): State<App>,
    principal: Principal,
    Named(named): Named<String>,
    JsonBody(PolicyText { text }): JsonBody<PolicyText>,
) -> Result<Reply, Problem> {
    let (policy, new) = app
        .blocking(move |app| {
            let found = sha256(text.as_bytes()).to_string();
            if found != named {
                let detail = format!("the text has SHA-256 {found}, and the path says `{named}`");
                return Err(Problem::new(REQUEST_MALFORMED, detail));
            }
            let name = Policy::parse(&text, "policy.toml")?.name().to_owned();
            let created = app.world().now().to_string();
            let (state, owner) = (PolicyState::Draft, principal.name);
            let new = app.store().add_policy(&StoredPolicy {
                sha256: found.clone(),
                name,
                text,
                state,
                revision: 1,
                owner,
                created,
            })?;
            Ok((find(app, &found)?, new))
        })
        .await?;
    let (revision, status) = (policy.revision, if new { StatusCode::CREATED } else { StatusCode::OK });
    let place = format!("/v1/policies/{}", policy.sha256);
    let changed = if new { Changed::new(policy.state.as_str()) } else { Changed::default() };
    let reply = Reply::new(&view(policy, true))?.status(status).revision(revision).changed(changed);
    Ok(reply.header(header::LOCATION, place))
}

/// Changes whether jobs may use a policy. The person who stored the text does not activate it.
#[utoipa::path(put, path = "/v1/policies/{sha256}/state", tag = "policies",
    params(("sha256" = String, Path), ("If-Match" = String, Header)), request_body = NewState,
    responses(
        (status = 200, body = PolicyView),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn state(
    State(app): State<App>,
    principal: Principal,
    Named(sha256): Named<String>,
    headers: HeaderMap,
    JsonBody(NewState { state }): JsonBody<NewState>,
) -> Result<Reply, Problem> {
    let wanted = PolicyState::of(&state).ok_or_else(|| {
        Problem::new(REQUEST_MALFORMED, format!("`state` is `{state}`, expected draft, active or retired"))
    })?;
    let (policy, before) = app
        .blocking(move |app| {
            let policy = find(app, &sha256)?;
            matches(&headers, policy.revision)?;
            if wanted == PolicyState::Active && same_person(&principal.name, &policy.owner) {
                let detail = format!("`{}` stored the text of the policy", policy.owner);
                return Err(Problem::new(APPROVAL_OWN_REQUEST, detail).hint("A second administrator activates it."));
            }
            if !app.store().change_policy(&sha256, wanted, policy.revision)? {
                return Err(Problem::new(PRECONDITION_FAILED, "the policy has just changed"));
            }
            Ok((find(app, &sha256)?, policy.state))
        })
        .await?;
    let (revision, changed) = (policy.revision, Changed::from(before.as_str(), policy.state.as_str()));
    Ok(Reply::new(&view(policy, true))?.revision(revision).changed(changed))
}

/// Shows the certificate that a policy would give to a leaf. Nothing is stored or signed.
#[utoipa::path(post, path = "/v1/policies/{sha256}/preview", tag = "policies", params(("sha256" = String, Path)),
    request_body = PreviewOf,
    responses(
        (status = 200, body = Object),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
        (status = "5XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn preview(
    State(app): State<App>,
    _: Principal,
    Named(sha256): Named<String>,
    JsonBody(of): JsonBody<PreviewOf>,
) -> Result<Reply, Problem> {
    let document = app
        .blocking(move |app| {
            let policy = Policy::parse(&find(app, &sha256)?.text, "policy.toml")?;
            let params = policy.params(&of.params)?;
            let leaf = if of.leaf.trim_start().starts_with("-----") {
                of.leaf.into_bytes()
            } else {
                let text: String = of.leaf.split_whitespace().collect();
                STANDARD.decode(text).map_err(|error| {
                    Problem::new(REQUEST_MALFORMED, format!("`leaf` is not PEM and not base64: {error}"))
                })?
            };
            let config = app.config()?;
            let (issuer, anchors) = (config.issuer_identity()?, config.anchors()?);
            let at = app.world().now();
            let request =
                Preview { policy: &policy, params, issuer: &issuer, anchors: &anchors, leaf: &leaf, name: "leaf", at };
            Ok(match shown_for(&request)? {
                Ok(shown) => {
                    let under = ShownUnder { policy: &policy, at, shown: &shown };
                    json!({ "issued": shown.findings.is_empty(), "certificate": under })
                }
                Err(finding) => json!({
                    "issued": false,
                    "finding": { "code": finding.code.as_str(), "reason": finding.reason },
                }),
            })
        })
        .await?;
    Reply::new(&document)
}
