//! What every page has around it: who looks, where they can go, and what went wrong.

use std::convert::Infallible;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::assets;
use super::desk::may;
use crate::auth::session::Session;
use crate::principal::{Peer, Principal, Role};
use crate::problem::{BUG, Problem};
use crate::store::StoreError;

/// A request of a user.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) session: Session,
    pub(super) peer: Peer,
    /// The path, for the menu.
    pub(super) path: String,
    /// The program.
    pub(super) tool: &'static str,
}

impl Visit {
    pub(super) const fn principal(&self) -> &Principal {
        &self.session.principal
    }

    /// Whether the user may send a request to the API.
    pub(super) fn may(&self, method: &str, path: &str) -> bool {
        may(self.principal().roles, method, path)
    }

    /// What is around a page.
    pub(super) fn chrome(&self, title: impl Into<String>) -> Chrome {
        let roles: Vec<&str> = self.principal().roles.each().map(Role::as_str).collect();
        Chrome {
            title: title.into(),
            user: Some(User {
                name: self.principal().name.clone(),
                roles: roles.join(", "),
                form_token: self.session.form_token.clone(),
            }),
            menu: self.menu(),
            tool: self.tool,
            style: assets::STYLE.path(),
            script: assets::SCRIPT.path(),
            refresh: None,
        }
    }

    fn menu(&self) -> Vec<MenuItem> {
        let here = |href: &str| if href == "/console/" { self.path == href } else { self.path.starts_with(href) };
        MENU.iter()
            .filter(|(_, _, route)| self.may("GET", route))
            .map(|(href, label, _)| MenuItem { href, label, here: here(href) })
            .collect()
    }
}

/// The pages, each with what a user must be allowed to read for it.
const MENU: &[(&str, &str, &str)] = &[
    ("/console/", "Dashboard", "/v1/jobs"),
    ("/console/uploads", "Uploads", "/v1/uploads"),
    ("/console/jobs", "Jobs", "/v1/jobs"),
    ("/console/batches", "Batches", "/v1/batches"),
    ("/console/revocations", "Revocation", "/v1/revocations"),
    ("/console/crls", "Revocation lists", "/v1/crls"),
    ("/console/policies", "Policies", "/v1/policies"),
    ("/console/stations", "Stations", "/v1/stations"),
    ("/console/audit", "Audit log", "/v1/audit/head"),
    ("/console/admin", "Users and tokens", "/v1/users"),
];

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().expect("the gate lets nothing else through to a page"))
    }
}

/// What is around a page.
pub(super) struct Chrome {
    pub(super) title: String,
    pub(super) user: Option<User>,
    pub(super) menu: Vec<MenuItem>,
    pub(super) tool: &'static str,
    pub(super) style: String,
    pub(super) script: String,
    /// Where the page leads by itself, and after how many seconds.
    pub(super) refresh: Option<(u32, String)>,
}

impl Chrome {
    /// Around a page of someone who has not logged in.
    pub(super) fn of_stranger(title: impl Into<String>, tool: &'static str) -> Self {
        let (style, script) = (assets::STYLE.path(), assets::SCRIPT.path());
        Self { title: title.into(), user: None, menu: vec![], tool, style, script, refresh: None }
    }

    /// The sign in the browser's tab.
    #[expect(clippy::unused_self, reason = "templates ask the chrome")]
    pub(super) fn icon(&self) -> String {
        assets::ICON.path()
    }

    /// The token that a form of this session carries.
    pub(super) fn form_token(&self) -> &str {
        self.user.as_ref().map_or("", |user| &user.form_token)
    }
}

pub(super) struct User {
    pub(super) name: String,
    pub(super) roles: String,
    pub(super) form_token: String,
}

pub(super) struct MenuItem {
    pub(super) href: &'static str,
    pub(super) label: &'static str,
    pub(super) here: bool,
}

/// Why a page or a form was not done: a problem of the API, or of the console itself.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Trouble {
    pub(super) status: u16,
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) code: String,
    #[serde(default)]
    pub(super) hint: Option<String>,
    #[serde(default)]
    pub(super) places: Vec<Spot>,
}

/// A place in a text that was sent.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Spot {
    pub(super) code: String,
    pub(super) text: String,
    #[serde(default)]
    pub(super) hint: Option<String>,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        let document = serde_json::to_value(problem.document()).expect("a problem has text for keys");
        serde_json::from_value(document).expect("a problem is a problem")
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::from(Problem::from(error))
    }
}

impl IntoResponse for Trouble {
    /// Without a page: the gate puts one around it, where it knows who looks.
    fn into_response(self) -> Response {
        let mut response =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    c: Chrome,
    trouble: Trouble,
}

/// The page of a trouble.
pub(super) fn trouble_page(trouble: Trouble, visit: Option<&Visit>, tool: &'static str) -> Response {
    let title = trouble.title.trim_end_matches('.').to_owned();
    let c = visit.map_or_else(|| Chrome::of_stranger(title.clone(), tool), |visit| visit.chrome(title.clone()));
    let status = StatusCode::from_u16(trouble.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = show(&TroublePage { c, trouble });
    *response.status_mut() = status;
    response
}

/// A page.
pub(super) fn show(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            ([(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], text).into_response()
        }
        Err(error) => Problem::new(BUG, format!("the page cannot be written: {error}")).into_response(),
    }
}
