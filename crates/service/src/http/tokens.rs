//! Tokens and users: for administrators. An auditor reads the lists.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::JsonBody;
use super::page::{At, In, Page, Wanted, page};
use super::reply::Changed;
use crate::app::App;
use crate::auth::token::{self, NewToken, Token, words};
use crate::auth::users::{self, User};
use crate::principal::{Principal, Role};
use crate::problem::{AUTH_ROLE, Document, Problem};

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Made {
    /// Its text. It is shown this once.
    text: String,
    /// What the store has of it.
    #[serde(flatten)]
    token: Token,
}

/// Lists tokens, without their secrets.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", params(Wanted),
    responses((status = 200, body = Page<Token>), (status = "4XX", body = Document)))]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<Token>>, Problem> {
    app.blocking(move |app| {
        let (limit, after) = (wanted.limit()?, wanted.place(app, TOKENS)?.unwrap_or_default());
        let tokens = token::list(app.store(), &after, limit + 1)?;
        Ok(Json(page(app, TOKENS, tokens, limit, |token| token.id.clone())))
    })
    .await
}

/// Makes a token.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, body = Made), (status = "4XX", body = Document)))]
pub(super) async fn create(
    principal: Principal,
    State(app): State<App>,
    JsonBody(wanted): JsonBody<NewToken>,
) -> Result<(StatusCode, Extension<Changed>, Json<Made>), Problem> {
    app.blocking(move |app| {
        not_for_oneself(&principal, &wanted.owner, &wanted.roles)?;
        let (token, text) = token::create(app.store(), app.world(), &wanted, &principal.name)?;
        let of = format!("token {} of {}: {}", token.id, token.owner, words(&token.roles, Role::as_str));
        Ok((StatusCode::CREATED, Extension(Changed::new(of)), Json(Made { text, token })))
    })
    .await
}

/// Revokes a token.
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The middle of its text")),
    responses((status = 200, body = Token), (status = "4XX", body = Document)))]
pub(super) async fn revoke(
    _: Principal,
    State(app): State<App>,
    At(id): At<String>,
) -> Result<(Extension<Changed>, Json<Token>), Problem> {
    app.blocking(move |app| {
        let token = token::revoke(app.store(), app.world(), &id)?;
        let before = format!("token of {}: {}", token.owner, words(&token.roles, Role::as_str));
        Ok((Extension(Changed::from(before, "revoked")), Json(token)))
    })
    .await
}

/// Lists people and machines.
#[utoipa::path(get, path = "/v1/users", tag = "tokens", params(Wanted),
    responses((status = 200, body = Page<User>), (status = "4XX", body = Document)))]
pub(super) async fn users(
    _: Principal,
    State(app): State<App>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<User>>, Problem> {
    app.blocking(move |app| {
        let (limit, after) = (wanted.limit()?, wanted.place(app, USERS)?.unwrap_or_default());
        let users = users::list(app.store(), &after, limit + 1)?;
        Ok(Json(page(app, USERS, users, limit, |user| user.name.clone())))
    })
    .await
}

/// Adds a person or a machine.
#[utoipa::path(post, path = "/v1/users", tag = "tokens", request_body = User,
    responses((status = 201, body = User), (status = "4XX", body = Document)))]
pub(super) async fn add_user(
    principal: Principal,
    State(app): State<App>,
    JsonBody(user): JsonBody<User>,
) -> Result<(StatusCode, Extension<Changed>, Json<User>), Problem> {
    app.blocking(move |app| {
        not_for_oneself(&principal, &user.name, &user.roles)?;
        users::create(app.store(), app.world(), &user, &principal.name)?;
        let changed = Changed::new(format!("{}: {}", user.name, words(&user.roles, Role::as_str)));
        Ok((StatusCode::CREATED, Extension(changed), Json(user)))
    })
    .await
}

/// Removes a person or a machine. Tokens are revoked one by one.
#[utoipa::path(delete, path = "/v1/users/{name}", tag = "tokens",
    params(("name" = String, Path, description = "The name")),
    responses((status = 204), (status = "4XX", body = Document)))]
pub(super) async fn remove_user(
    _: Principal,
    State(app): State<App>,
    At(name): At<String>,
) -> Result<(StatusCode, Extension<Changed>), Problem> {
    app.blocking(move |app| {
        let had = users::remove(app.store(), &name)?;
        Ok((StatusCode::NO_CONTENT, Extension(Changed::gone(words(&had, Role::as_str)))))
    })
    .await
}

/// An administrator gives others what they may do, and not themselves: a second one can.
fn not_for_oneself(principal: &Principal, name: &str, roles: &[Role]) -> Result<(), Problem> {
    if principal.name != name || roles.iter().all(|role| principal.roles.has(*role)) {
        return Ok(());
    }
    Err(Problem::new(AUTH_ROLE, "nothing gives its own maker more roles: another administrator can"))
}

const TOKENS: &str = "tokens";
const USERS: &str = "users";
