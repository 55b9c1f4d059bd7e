//! Policies: their texts, what is wrong with one, how one differs from the active one, and whether jobs may use them.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path as Named, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use reroot_core::crypto::sha256;
use reroot_issue::approval::same_person;
use serde::Deserialize;
use serde_json::json;

use super::chrome::{Chrome, Spot, Trouble, Visit, show};
use super::desk::{Desk, List, part, shown};
use super::form::{Asked, Fields};
use super::words;

/// A policy, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PolicyView {
    pub(super) sha256: String,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) owner: String,
    pub(super) created: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) params: BTreeMap<String, String>,
}

/// A line of two texts that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// `same`, `new` or `old`; `gap` for lines that are omitted.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

#[derive(Template)]
#[template(path = "policies.html")]
struct ListPage {
    c: Chrome,
    policies: Vec<PolicyView>,
    next: Option<String>,
    may_put: bool,
}

pub(super) async fn list(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let cursor = asked.cursor();
    let List { items: policies, next } = desk.get(&visit, &format!("/v1/policies?limit=100{cursor}")).await?;
    let (c, may_put) = (visit.chrome("Policies"), visit.may("PUT", "/v1/policies/{sha256}"));
    Ok(show(&ListPage { c, policies, next, may_put }))
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    c: Chrome,
    policy: PolicyView,
    lines: Vec<(usize, String)>,
    /// The active one of the same name, and what is different.
    active: Option<(PolicyView, Vec<Difference>)>,
    revision: String,
    /// Whether the person may activate the policy; `None` if the person may not change its state. The person who stored
    /// the text may not activate it.
    change: Option<bool>,
    may_put: bool,
    may_use: bool,
}

pub(super) async fn page(
    State(desk): State<Desk>,
    visit: Visit,
    Named(wanted): Named<String>,
) -> Result<Response, Trouble> {
    let path = format!("/v1/policies/{}", part(&wanted));
    let policy: PolicyView = desk.get(&visit, &path).await?;
    let revision = revision(&desk, &visit, &path).await?;
    let List { items: policies, .. }: List<PolicyView> = desk.get(&visit, "/v1/policies?limit=1000").await?;
    let other =
        policies.iter().find(|one| one.name == policy.name && one.state == "active" && one.sha256 != policy.sha256);
    let active = match other {
        Some(other) => {
            let other: PolicyView = desk.get(&visit, &format!("/v1/policies/{}", part(&other.sha256))).await?;
            let difference = around_changes(difference(&other.text, &policy.text));
            Some((other, difference))
        }
        None => None,
    };
    Ok(show(&PolicyPage {
        c: visit.chrome(format!("Policy {}", policy.name)),
        lines: (1..).zip(policy.text.lines().map(str::to_owned)).collect(),
        active,
        revision,
        change: visit
            .may("PUT", "/v1/policies/{sha256}/state")
            .then(|| !same_person(&visit.principal().name, &policy.owner)),
        may_put: visit.may("PUT", "/v1/policies/{sha256}"),
        may_use: visit.may("POST", "/v1/jobs") && policy.state != "retired",
        policy,
    }))
}

/// The revision that the page shows: a change that was made since is not overwritten.
async fn revision(desk: &Desk, visit: &Visit, path: &str) -> Result<String, Trouble> {
    let response = desk.ask(visit, Method::GET, path, HeaderMap::new(), axum::body::Body::empty()).await?;
    let tag = response.headers().get(header::ETAG).and_then(|value| value.to_str().ok());
    Ok(tag.unwrap_or_default().to_owned())
}

pub(super) async fn state(
    State(desk): State<Desk>,
    visit: Visit,
    Named(wanted): Named<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let path = format!("/v1/policies/{}", part(&wanted));
    let revision = HeaderValue::from_str(fields.one("revision")).unwrap_or(HeaderValue::from_static("\"\""));
    let json_type = HeaderValue::from_static("application/json");
    let headers = HeaderMap::from_iter([(header::IF_MATCH, revision), (header::CONTENT_TYPE, json_type)]);
    let body = json!({ "state": fields.one("state") }).to_string().into();
    let _: PolicyView = desk.call(&visit, Method::PUT, &format!("{path}/state"), headers, body).await?;
    Ok(Redirect::to(&format!("/console/policies/{}", part(&wanted))).into_response())
}

/// Whether a line has a mistake.
fn is_wrong(places: &[Spot], line: usize) -> bool {
    places.iter().any(|place| place.line == line)
}

/// Whether a line is shown with the mistakes: those around each.
fn is_near(places: &[Spot], line: usize) -> bool {
    places.iter().any(|place| place.line.abs_diff(line) <= 4)
}

#[derive(Template)]
#[template(path = "new_policy.html")]
struct NewPage {
    c: Chrome,
    /// As it was sent.
    text: String,
    /// Its lines, printable.
    lines: Vec<(usize, String)>,
    /// What is wrong with it; none if it was not checked.
    places: Option<Vec<Spot>>,
    may_put: bool,
}

/// The form of a new text: empty, or that of a policy.
pub(super) async fn new(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let text = match asked.some("from") {
        Some(from) => desk.get::<PolicyView>(&visit, &format!("/v1/policies/{}", part(&from))).await?.text,
        None => String::new(),
    };
    let may_put = visit.may("PUT", "/v1/policies/{sha256}");
    Ok(show(&NewPage { c: visit.chrome("New policy"), text, lines: vec![], places: None, may_put }))
}

#[derive(Debug, Deserialize)]
struct Checked {
    sha256: String,
    places: Vec<Spot>,
}

/// Checks a text, and stores it as a draft if that is asked for and nothing is wrong with it.
pub(super) async fn put(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    // browsers send the lines of a form with CR LF
    let text = fields.raw("text").replace("\r\n", "\n");
    let document = json!({ "text": text });
    let checked: Checked = desk.send(&visit, Method::POST, "/v1/policies/check", &document).await?;
    debug_assert_eq!(checked.sha256, sha256(text.as_bytes()).to_string(), "the text is the one that was checked");
    if checked.places.is_empty() && fields.one("run") == "store" {
        let path = format!("/v1/policies/{}", checked.sha256);
        let _: PolicyView = desk.send(&visit, Method::PUT, &path, &document).await?;
        return Ok(Redirect::to(&format!("/console/policies/{}", checked.sha256)).into_response());
    }
    let may_put = visit.may("PUT", "/v1/policies/{sha256}");
    let lines = (1..).zip(shown(&text).lines().map(str::to_owned)).collect();
    Ok(show(&NewPage { c: visit.chrome("New policy"), text, lines, places: Some(checked.places), may_put }))
}

/// The lines of two texts: what both have, what only the old one has, what only the new one has. Texts that are too long for
/// a table of all pairs are shown whole, the old one first.
pub(super) fn difference(old: &str, new: &str) -> Vec<Difference> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut lines = Vec::new();
    let mut push = |kind, text: &str| lines.push(Difference { kind, text: text.to_owned() });
    if old.len() * new.len() > MOST_PAIRS {
        for line in old {
            push("old", line);
        }
        for line in new {
            push("new", line);
        }
        return lines;
    }
    // the longest common subsequence of what follows each pair of places
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            push("same", new[j]);
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            push("old", old[i]);
            i += 1;
        } else {
            push("new", new[j]);
            j += 1;
        }
    }
    lines
}

/// The lines that are different, with a few around them.
fn around_changes(lines: Vec<Difference>) -> Vec<Difference> {
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.kind != "same").map(|(at, _)| at).collect();
    let near = |at: usize| changed.iter().any(|change| change.abs_diff(at) <= AROUND);
    let mut shown: Vec<Difference> = Vec::new();
    for (at, line) in lines.into_iter().enumerate() {
        if near(at) {
            shown.push(line);
        } else if shown.last().is_none_or(|last| last.kind != "gap") {
            shown.push(Difference { kind: "gap", text: String::new() });
        }
    }
    shown
}

/// Lines around a change that are shown.
const AROUND: usize = 3;
/// Pairs of lines that are compared.
const MOST_PAIRS: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_what_is_old_and_what_is_new() {
        let shown = |old: &str, new: &str| {
            let lines = difference(old, new);
            lines.iter().map(|line| format!("{}:{}", line.kind, line.text)).collect::<Vec<_>>()
        };
        assert_eq!(shown("a\nb\nc", "a\nx\nc\nd"), ["same:a", "old:b", "new:x", "same:c", "new:d"]);
        assert_eq!(shown("", "a"), ["new:a"]);
        assert_eq!(shown("a", ""), ["old:a"]);
        assert_eq!(shown("a\nb", "a\nb"), ["same:a", "same:b"]);
        let old = (0..20).fold(String::new(), |text, line| format!("{text}{line}\n"));
        let near = around_changes(difference(&old, &old.replace("10\n", "ten\n")));
        let kinds: Vec<&str> = near.iter().map(|line| line.kind).collect();
        assert_eq!(kinds, ["gap", "same", "same", "same", "old", "new", "same", "same", "same", "gap"]);
    }
}
