//! A new job: inputs and a policy first, then the policy's parameters, with the first certificate beside the lines of the policy
//! that decide it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use askama::Template;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reroot_core::reel::{self, Input, Item, Limits};
use reroot_issue::error::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::{Asked, Fields};
use super::jobs::Job;
use super::policies::PolicyView;
use super::uploads::Upload;
use super::words;
use crate::app::App;
use crate::problem::{AUTH_ROLE, Problem};

/// A field of the first certificate.
#[derive(Clone, Debug, Deserialize)]
struct Field {
    name: String,
    value: Vec<String>,
    critical: Option<bool>,
    oid: Option<String>,
    otherwise: Option<String>,
    policy: Option<Lines>,
}

/// The lines of the policy that decide a field.
#[derive(Clone, Debug, Deserialize)]
struct Lines {
    line: u64,
    text: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Certificate {
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    findings: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Refusal {
    code: String,
    reason: String,
}

/// What the policy makes of the first leaf.
#[derive(Clone, Debug, Deserialize)]
struct Preview {
    issued: bool,
    #[serde(default)]
    certificate: Option<Certificate>,
    #[serde(default)]
    finding: Option<Refusal>,
}

/// A parameter that the policy declares.
struct Param {
    name: String,
    pattern: String,
    value: String,
}

#[derive(Template)]
#[template(path = "new_job.html")]
struct Page {
    c: Chrome,
    uploads: Vec<(Upload, bool)>,
    policies: Vec<(PolicyView, bool)>,
    chosen: Option<Chosen>,
    trouble: Option<Trouble>,
}

/// Inputs and a policy are chosen: the second step.
struct Chosen {
    inputs: Vec<Upload>,
    policy: PolicyView,
    params: Vec<Param>,
    fields: Fields,
    preview: Option<Preview>,
    /// Why there is none.
    no_preview: Option<String>,
}

impl Chosen {
    fn field(&self, name: &str) -> &str {
        self.fields.one(name)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.fields.one(name) == value
    }
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    shown(&desk, &visit, asked, None).await
}

async fn shown(desk: &Desk, visit: &Visit, asked: Fields, trouble: Option<Trouble>) -> Result<Response, Trouble> {
    if !visit.may("POST", "/v1/jobs") {
        return Err(Problem::new(AUTH_ROLE, format!("`{}` is not operator", visit.principal().name)).into());
    }
    let List { items: uploads, .. }: List<Upload> = desk.get(visit, "/v1/uploads?limit=1000").await?;
    let uploads: Vec<Upload> =
        uploads.into_iter().filter(|one| one.state == "received" && one.owner == visit.principal().name).collect();
    let List { items: policies, .. }: List<PolicyView> = desk.get(visit, "/v1/policies?limit=1000").await?;
    let usable: Vec<PolicyView> = policies.into_iter().filter(|policy| policy.state != "retired").collect();
    let (inputs, policy) = (asked.all("input"), asked.one("policy").to_owned());
    let chosen = if inputs.is_empty() || policy.is_empty() {
        None
    } else {
        Some(chosen(desk, visit, &inputs, &policy, asked, &uploads).await?)
    };
    let first = uploads.len() == 1;
    Ok(show(&Page {
        c: visit.chrome("New job"),
        uploads: uploads
            .into_iter()
            .map(|one| (inputs.contains(&one.id) || first, one))
            .map(|(on, one)| (one, on))
            .collect(),
        policies: usable.into_iter().map(|one| (one.sha256 == policy, one)).map(|(on, one)| (one, on)).collect(),
        chosen,
        trouble,
    }))
}

async fn chosen(
    desk: &Desk,
    visit: &Visit,
    inputs: &[String],
    policy: &str,
    fields: Fields,
    uploads: &[Upload],
) -> Result<Chosen, Trouble> {
    let path = format!("/v1/policies/{}", part(policy));
    let policy: PolicyView = desk.get(visit, &path).await?;
    let given: BTreeMap<String, String> =
        fields.beginning("param.").map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let params: Vec<Param> = policy
        .params
        .iter()
        .map(|(name, pattern)| Param {
            name: name.clone(),
            pattern: pattern.clone(),
            value: given.get(name).cloned().unwrap_or_default(),
        })
        .collect();
    let inputs: Vec<Upload> =
        inputs.iter().filter_map(|id| uploads.iter().find(|one| one.id == *id).cloned()).collect();
    let (mut preview, mut no_preview) = (None, None);
    if params.iter().any(|param| param.value.is_empty()) {
        no_preview = Some("Fill the parameters in to see the first certificate.".to_owned());
    } else if let Some(first) = inputs.first() {
        let id = first.id.clone();
        match desk.app.blocking(move |app| first_leaf(app, &id)).await? {
            None => no_preview = Some("The first file has no certificate that can be read.".to_owned()),
            Some(leaf) => {
                let document = json!({ "leaf": STANDARD.encode(leaf), "params": given });
                match desk.send(visit, Method::POST, &format!("{path}/preview"), &document).await {
                    Ok(made) => preview = Some(made),
                    Err(trouble) => no_preview = Some(trouble.detail),
                }
            }
        }
    }
    Ok(Chosen { inputs, policy, params, fields, preview, no_preview })
}

/// The first certificate of an upload, for the preview.
fn first_leaf(app: &App, id: &str) -> Result<Option<Vec<u8>>, Problem> {
    let path = app.settings().uploads().join(id);
    let mut found = None;
    let mut looked = 0;
    let read = reel::read(&Input::Path(path), None, &Limits::default(), &app.settings().uploads(), &mut |item| {
        looked += 1;
        if let Item::Candidate(leaf) = item {
            found = Some(leaf.der);
        }
        if found.is_some() || looked >= MOST_ITEMS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    read.map_err(Error::from)?;
    Ok(found)
}

/// Posts the job. What is wrong with it is shown on the form.
pub(super) async fn post(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let params: BTreeMap<&str, &str> = fields.beginning("param.").map(|(name, value)| (name, value.trim())).collect();
    let spec = if fields.one("kind") == "inspect" {
        json!({ "kind": "inspect", "inputs": fields.all("input"), "policy": fields.some("policy"), "verify": true })
    } else {
        let choice = |name: &str, usual: &str| fields.some(name).unwrap_or_else(|| usual.to_owned());
        json!({
            "kind": "issue",
            "inputs": fields.all("input"),
            "policy": fields.one("policy"),
            "params": params,
            "on_reject": choice("on_reject", "stop"),
            "expect_count": expect_count(&fields)?,
            "bulk_id": fields.some("bulk_id"),
            "reissue": fields.some("reissue"),
            "dry_run": fields.one("run") != "issue",
        })
    };
    match desk.send::<Job>(&visit, Method::POST, "/v1/jobs", &spec).await {
        Ok(job) => Ok(Redirect::to(&format!("/console/jobs/{}", part(&job.id))).into_response()),
        Err(trouble) if trouble.status < 500 => {
            let status = axum::http::StatusCode::from_u16(trouble.status).unwrap_or_default();
            let mut response = shown(&desk, &visit, fields, Some(trouble)).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(trouble) => Err(trouble),
    }
}

fn expect_count(fields: &Fields) -> Result<Option<u64>, Problem> {
    let wrong = |text: String| {
        let what = format!("`how many certificates` is `{text}`, expected a number");
        Problem::new(crate::problem::REQUEST_MALFORMED, what)
    };
    fields.some("expect_count").map(|text| text.replace(',', "").parse().map_err(|_| wrong(text))).transpose()
}

/// Items that are looked at for the first certificate.
const MOST_ITEMS: u32 = 1000;
