//! The way from a page to the API: a request in this process, in the name of the session's user.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path as Named, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use reroot_core::text::printable_lines;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::chrome::{Trouble, Visit};
use crate::app::App;
use crate::principal::allowed;
use crate::problem::{BUG, Problem};

/// What every page has; cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) app: App,
    api: Router,
}

/// A page of a list, as the API gives it.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

impl Desk {
    pub(super) const fn new(app: App, api: Router) -> Self {
        Self { app, api }
    }

    /// Asks the API. The answer is as it is sent to any other caller.
    pub(super) async fn ask(
        &self,
        visit: &Visit,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response, Trouble> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        let wrong = |_| Trouble::from(Problem::new(BUG, format!("`{path}` is not a path of the API")));
        *request.uri_mut() = path.parse().map_err(wrong)?;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(visit.peer.clone());
        request.extensions_mut().insert(visit.principal().clone());
        match TowerToHyperService::new(self.api.clone()).call(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    /// Asks the API. What it refuses is trouble, whose texts are printable.
    pub(super) async fn answered(
        &self,
        visit: &Visit,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response, Trouble> {
        let response = self.ask(visit, method, path, headers, body).await?;
        if !response.status().is_client_error() && !response.status().is_server_error() {
            return Ok(response);
        }
        let bytes = axum::body::to_bytes(response.into_body(), MAX_ANSWER).await.unwrap_or_default();
        let document = printable(&bytes).unwrap_or_default();
        let unread = |_| Trouble::from(Problem::new(BUG, "the API refused without saying why"));
        Err(serde_json::from_value(document).unwrap_or_else(unread))
    }

    /// Asks the API and reads the document of its answer. Texts in it are printable: what a user named cannot move a cursor,
    /// and cannot be shown in a different order.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        visit: &Visit,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<T, Trouble> {
        let response = self.answered(visit, method, path, headers, body).await?;
        let wrong = |what: String| Trouble::from(Problem::new(BUG, format!("the answer of `{path}`: {what}")));
        let bytes =
            axum::body::to_bytes(response.into_body(), MAX_ANSWER).await.map_err(|error| wrong(error.to_string()))?;
        let document = printable(&bytes).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_value(document).map_err(|error| wrong(error.to_string()))
    }

    /// Reads a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, visit: &Visit, path: &str) -> Result<T, Trouble> {
        self.call(visit, Method::GET, path, HeaderMap::new(), Body::empty()).await
    }

    /// Sends a document.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        visit: &Visit,
        method: Method,
        path: &str,
        document: &Value,
    ) -> Result<T, Trouble> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        self.call(visit, method, path, headers, Body::from(document.to_string())).await
    }

    /// Asks for something to be done that has no document.
    pub(super) async fn act(&self, visit: &Visit, method: Method, path: &str) -> Result<(), Trouble> {
        self.call::<Value>(visit, method, path, HeaderMap::new(), Body::empty()).await.map(drop)
    }
}

/// Whether one of these roles may send a request, by the one table.
pub(super) fn may(roles: crate::principal::Roles, method: &str, path: &str) -> bool {
    allowed::route(method, path).is_some_and(|route| route.roles.iter().any(|role| roles.has(*role)))
}

/// A file, a document or events of the API, for a browser that has no token.
pub(super) async fn forward(
    State(desk): State<Desk>,
    visit: Visit,
    Named(_): Named<String>,
    request: Request,
) -> Result<Response, Trouble> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let path = path.strip_prefix("/console").unwrap_or(path).to_owned();
    let kept = [
        header::ACCEPT,
        header::IF_NONE_MATCH,
        header::IF_RANGE,
        header::RANGE,
        header::HeaderName::from_static("last-event-id"),
    ];
    let mut headers = HeaderMap::new();
    for name in kept {
        if let Some(value) = request.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    desk.answered(&visit, Method::GET, &path, headers, Body::empty()).await
}

/// A part of a path.
pub(super) fn part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~@+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// The document of an answer, in which every text is printable; `null` if the answer is empty.
fn printable(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut document = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(bytes)? };
    clean(&mut document);
    Ok(document)
}

pub(super) fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            let printable = shown(text);
            if printable != *text {
                *text = printable;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(clean),
        Value::Object(members) => {
            let names: Vec<String> = members.keys().filter(|name| shown(name) != **name).cloned().collect();
            for name in names {
                if let Some(member) = members.remove(&name) {
                    members.insert(shown(&name), member);
                }
            }
            members.values_mut().for_each(clean);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Printable text; line feeds and tabs stay, as in policies.
pub(super) fn shown(text: &str) -> String {
    let cells: Vec<_> = text.split('\t').map(printable_lines).collect();
    cells.join("\t")
}

/// Longest document of the API that a page reads.
const MAX_ANSWER: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_of_a_path_is_one_part() {
        assert_eq!(part("anna@example.com"), "anna@example.com");
        assert_eq!(part("../a b?c#d/é"), "..%2Fa%20b%3Fc%23d%2F%C3%A9");
    }

    #[test]
    fn texts_of_answers_are_printable() {
        let mut value = json!({"a\u{202e}": ["x\u{1b}[31m", 1, null], "b": "two\nlines"});
        clean(&mut value);
        assert_eq!(value, json!({"a\\u{202e}": ["x\\u{1b}[31m", 1, null], "b": "two\nlines"}));
    }
}
