//! Answers: JSON in which no text of a user moves a cursor, with a revision as ETag.

use axum::Extension;
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
    changed: Changed,
}

/// What a request has changed, for the audit log. The answer carries it as an extension to the guard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// The state before, where there was one.
    pub(super) before: Option<String>,
    /// The state after it, where there is one.
    pub(super) after: Option<String>,
}

impl Changed {
    /// Something new is there.
    pub(super) fn new(after: impl Into<String>) -> Self {
        Self { before: None, after: Some(after.into()) }
    }

    /// Something has a different state.
    pub(super) fn from(before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { before: Some(before.into()), after: Some(after.into()) }
    }

    /// Something is gone.
    pub(super) fn gone(before: impl Into<String>) -> Self {
        Self { before: Some(before.into()), after: None }
    }
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
        let text = printable_json(&text).into_owned() + "\n";
        Ok(Self { status: StatusCode::OK, text, headers, changed: Changed::default() })
    }

    /// Changes the status.
    #[must_use]
    pub const fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Says what was changed.
    #[must_use]
    pub(super) fn changed(mut self, changed: Changed) -> Self {
        self.changed = changed;
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
        (self.status, self.headers, Extension(self.changed), self.text).into_response()
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
