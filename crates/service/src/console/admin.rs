//! Users and tokens.

use askama::Template;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::Fields;
use super::words;
use crate::principal::Role;
use crate::principal::allowed::Area;

#[derive(Debug, Deserialize)]
struct User {
    name: String,
    roles: Vec<String>,
    #[serde(default)]
    certificates: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Token {
    id: String,
    owner: String,
    roles: Vec<String>,
    areas: Vec<String>,
    networks: Vec<String>,
    created_by: String,
    expires: String,
    revoked: Option<String>,
    last_used: Option<String>,
}

#[derive(Template)]
#[template(path = "admin.html")]
struct Page {
    c: Chrome,
    users: List<User>,
    tokens: List<Token>,
    roles: Vec<&'static str>,
    areas: Vec<&'static str>,
    /// The end of a token that is made now, in the form: in 90 days.
    expires: String,
    /// The text of a token that was made: shown this once.
    made: Option<String>,
    trouble: Option<Trouble>,
    may_change: bool,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit) -> Result<Response, Trouble> {
    shown(&desk, &visit, None, None).await
}

async fn shown(
    desk: &Desk,
    visit: &Visit,
    made: Option<String>,
    trouble: Option<Trouble>,
) -> Result<Response, Trouble> {
    let users = desk.get(visit, "/v1/users?limit=1000").await?;
    let tokens = desk.get(visit, "/v1/tokens?limit=1000").await?;
    let in_90_days = desk.app.world().now().unix() + 90 * 86_400;
    let expires =
        reroot_core::x509::Time::from_unix(in_90_days).map_or_else(|_| String::new(), |time| time.to_string());
    let status = trouble.as_ref().map(|trouble| trouble.status);
    let mut response = show(&Page {
        c: visit.chrome("Users and tokens"),
        users,
        tokens,
        roles: Role::ALL.map(Role::as_str).to_vec(),
        areas: Area::ALL.map(Area::as_str).to_vec(),
        expires,
        made,
        trouble,
        may_change: visit.may("POST", "/v1/users"),
    });
    if let Some(status) = status.and_then(|status| axum::http::StatusCode::from_u16(status).ok()) {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// The page with what went wrong with a form, or back to it.
async fn answered(desk: &Desk, visit: &Visit, done: Result<Value, Trouble>) -> Result<Response, Trouble> {
    match done {
        Ok(_) => Ok(Redirect::to("/console/admin").into_response()),
        Err(trouble) if trouble.status < 500 && visit.may("GET", "/v1/users") => {
            shown(desk, visit, None, Some(trouble)).await
        }
        Err(trouble) => Err(trouble),
    }
}

fn list(text: &str) -> Vec<&str> {
    text.split([',', ' ', '\n', '\r']).filter(|one| !one.is_empty()).collect()
}

pub(super) async fn add_user(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let certificates: Vec<String> = list(fields.raw("certificates")).into_iter().map(str::to_lowercase).collect();
    let user = json!({ "name": fields.one("name"), "roles": fields.all("role"), "certificates": certificates });
    let done = desk.send(&visit, Method::POST, "/v1/users", &user).await;
    answered(&desk, &visit, done).await
}

pub(super) async fn remove_user(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let path = format!("/v1/users/{}", part(fields.one("name")));
    let done = desk.send(&visit, Method::DELETE, &path, &Value::Null).await;
    answered(&desk, &visit, done).await
}

#[derive(Debug, Deserialize)]
struct Made {
    text: String,
}

pub(super) async fn make_token(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let token = json!({
        "owner": fields.one("owner"),
        "roles": fields.all("role"),
        "areas": fields.all("area"),
        "networks": list(fields.raw("networks")),
        "expires": fields.one("expires"),
    });
    match desk.send::<Made>(&visit, Method::POST, "/v1/tokens", &token).await {
        Ok(made) => shown(&desk, &visit, Some(made.text), None).await,
        Err(trouble) => answered(&desk, &visit, Err(trouble)).await,
    }
}

pub(super) async fn revoke_token(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let path = format!("/v1/tokens/{}", part(fields.one("id")));
    let done = desk.send(&visit, Method::DELETE, &path, &Value::Null).await;
    answered(&desk, &visit, done).await
}
