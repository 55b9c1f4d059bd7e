//! Answers: JSON in which no text of a user moves a cursor, with a revision as ETag.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reroot_core::text::printable_json;
use serde::Serialize;

use crate::problem::{BUG, PRECONDITION_FAILED, PRECONDITION_REQUIRED, Problem};

/// A document, with its status and headers.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    text: String,
    headers: HeaderMap,
}

impl Reply {
    /// An answer with this document.
    ///
    /// # Errors
    /// The document is not JSON: a bug.
    pub fn new(document: &impl Serialize) -> Result<Self, Problem> {
        let text = serde_json::to_string(document)
            .map_err(|error| Problem::new(BUG, format!("the answer is not JSON: {error}")))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { status: StatusCode::OK, text: printable_json(&text).into_owned() + "\n", headers })
    }

    /// Changes the status.
    #[must_use]
    pub const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a header, whose value this program made.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds the ETag of a revision.
    #[must_use]
    pub fn revision(self, revision: impl std::fmt::Display) -> Self {
        self.header(header::ETAG, format!("\"{revision}\""))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.text).into_response()
    }
}

/// Checks that the caller has seen this revision (`If-Match`, RFC 9110 §13.1.1).
///
/// # Errors
/// There is no If-Match, or it names a different revision.
pub(super) fn matches(headers: &HeaderMap, revision: impl std::fmt::Display) -> Result<(), Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Err(Problem::new(PRECONDITION_REQUIRED, "there is no If-Match")
            .hint("Read the resource, and send its ETag as If-Match."));
    };
    let wanted = format!("\"{revision}\"");
    let one = |tag: &str| tag.trim() == wanted || tag.trim() == "*";
    if value.to_str().is_ok_and(|value| value.split(',').any(one)) {
        Ok(())
    } else {
        Err(Problem::new(PRECONDITION_FAILED, format!("the resource has the revision {wanted}")))
    }
}

/// The end of a path or a query as it must be here: a short text of letters, digits, `-` and `_`.
pub(super) fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
