//! Problems: what an answer says when a request was not done (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reroot_core::class::Class;
use reroot_core::failure::{Failure, IntoFailure};
use reroot_core::text::Printable;
use serde::Serialize;
use utoipa::ToSchema;

use crate::status;

/// A kind of problem that this crate itself finds: its stable code, the status, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Dotted code in kebab case.
    pub code: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What it means: the same for every occurrence.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Kind = Kind { code: $code, status: $status, title: $title };)*

        /// Every kind, in the order of their codes.
        pub const KINDS: &[Kind] = &[$($name),*];
    };
}

kinds! {
    APPROVAL_MALFORMED = "approval.malformed", 422, "What was sent is not an approval.";
    APPROVAL_NOT_WAITING = "approval.not-waiting", 409, "The job does not wait for an approval.";
    APPROVAL_OWN_REQUEST = "approval.own-request", 403, "The person who asked cannot approve.";
    APPROVAL_SIGNED_ONLY = "approval.signed-only", 409, "The signer takes signed approvals only.";
    AUDIT_FAILED = "audit.failed", 507, "The audit log cannot be written, so nothing was done.";
    AUTH_MISSING = "auth.missing", 401, "The request says nothing of who asks.";
    AUTH_PROVIDER = "auth.provider", 503, "The OpenID provider cannot be asked.";
    AUTH_REFUSED = "auth.refused", 401, "The token or the certificate is not known, has expired or was revoked.";
    AUTH_ROLE = "auth.role", 403, "The role of the caller does not allow this.";
    BATCH_UNKNOWN = "batch.unknown", 404, "There is no such batch.";
    BUG = "failure.bug", 500, "A bug in this program.";
    CHIP_PRESENT = "chip.present", 409, "The chip is in the batch.";
    CHIP_UNKNOWN = "chip.unknown", 404, "No batch has such a certificate.";
    CRL_UNKNOWN = "crl.unknown", 404, "No such revocation list is published.";
    FILE_UNKNOWN = "batch.file-unknown", 404, "The batch has no such file.";
    FORM_FOREIGN = "console.form-foreign", 403, "The form is not of a page of this session.";
    HOST_UNKNOWN = "console.host-unknown", 421, "The request is for a different host.";
    INPUT_REFUSED = "job.input-refused", 422, "The inputs of the job were refused.";
    JOB_COMMITTED = "job.committed", 409, "The job is so far that it can only be finished.";
    JOB_OVER = "job.over", 409, "The job has ended.";
    JOB_UNKNOWN = "job.unknown", 404, "There is no such job.";
    KEY_REUSED = "request.key-reused", 422, "The idempotency key was used for a different request.";
    LOAD_DIFFERS = "station.load-differs", 409, "A load with this number is kept with a different content.";
    LOAD_DIGEST = "station.load-digest", 422, "The report has a different digest than was said.";
    LOAD_GAP = "station.load-gap", 409, "The number of a load does not follow the last one.";
    LENGTH_REQUIRED = "request.length-required", 411, "The request needs a Content-Length.";
    MEDIA_TYPE = "request.media-type", 415, "The body has a different media type than expected.";
    METHOD = "request.method", 405, "The resource does not have this method.";
    PACK_UNASSIGNED = "station.pack-unassigned", 404, "The line pack is not assigned to the station.";
    PATH_UNKNOWN = "request.path-unknown", 404, "There is no such resource.";
    POLICY_RETIRED = "policy.not-active", 409, "The policy is not active.";
    POLICY_UNKNOWN = "policy.unknown", 404, "There is no such policy.";
    PRECONDITION_FAILED = "request.precondition-failed", 412, "The resource has changed since it was read.";
    PRECONDITION_REQUIRED = "request.precondition-required", 428, "The request needs an If-Match.";
    RANGE = "request.range", 416, "The file does not have the bytes that were asked for.";
    REQUEST_MALFORMED = "request.malformed", 400, "The request is not of the schema.";
    REQUEST_SLOW = "request.slow", 408, "The request did not arrive in time.";
    REQUEST_TOO_LARGE = "request.too-large", 413, "The request is larger than the limit.";
    REQUEST_TOO_MANY = "request.too-many", 429, "Too many requests at once.";
    SIGNER_REFUSED = "signer.refused", 422, "The signer refused the plan.";
    SIGNER_UNREACHABLE = "signer.unreachable", 503, "The signer does not answer.";
    STORE = "failure.storage", 507, "The store or the disk failed.";
    TOKEN_UNKNOWN = "token.unknown", 404, "There is no such token.";
    UPLOAD_DIGEST = "upload.digest", 422, "The content has a different digest than was said.";
    UPLOAD_IN_USE = "upload.in-use", 409, "The upload is being written, or a job uses it.";
    UPLOAD_INCOMPLETE = "upload.incomplete", 409, "The content of the upload has not arrived.";
    UPLOAD_LENGTH = "upload.length", 422, "The content has a different length than was said.";
    UPLOAD_NO_SPACE = "upload.no-space", 507, "The disk has too little free space.";
    UPLOAD_TOO_MANY = "upload.too-many", 429, "The caller has too many open uploads.";
    UPLOAD_UNKNOWN = "upload.unknown", 404, "There is no such upload.";
    USER_EXISTS = "user.exists", 409, "There is such a user, or a user with such a certificate.";
    USER_UNKNOWN = "user.unknown", 404, "There is no such user.";
}

/// A place in a file that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// Code of the mistake.
    pub code: String,
    /// What was found and what was expected.
    pub text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The document of a problem (RFC 9457 §3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Document {
    /// A URI of the kind: it ends with the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the kind means.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What was found and what was expected.
    pub detail: String,
    /// Stable dotted code.
    pub code: String,
    /// The exit code that the command line ends with for the same failure.
    pub exit: u8,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The resource concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Places in a file that was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
}

/// The code of a problem, on the answer, for the audit log and the metrics.
#[derive(Clone, Debug)]
pub struct ProblemCode(pub String);

/// Why a request was not done.
#[derive(Clone, Debug)]
pub struct Problem {
    document: Box<Document>,
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem of a kind. `detail` may hold text of the request: it becomes printable.
    pub fn new(kind: Kind, detail: impl AsRef<str>) -> Self {
        let exit = match kind.status {
            422 => 3,
            500 => 70,
            503 => 4,
            507 => 5,
            _ => 2,
        };
        let document = Document {
            kind: address(kind.code),
            title: kind.title.to_owned(),
            status: kind.status,
            detail: Printable::new(detail.as_ref()).to_string(),
            code: kind.code.to_owned(),
            exit,
            hint: None,
            instance: None,
            places: vec![],
        };
        Self { document: Box::new(document), retry_after: None }
    }

    /// The problem that an error of a library is.
    pub fn of(failure: &dyn Failure) -> Self {
        let class = failure.class();
        let found = failure.mistakes();
        let places: Vec<Place> = found.iter().flat_map(|found| places(found)).collect();
        let code = places.first().map_or_else(|| status::code(class).to_owned(), |place| place.code.clone());
        let document = Document {
            kind: address(&code),
            title: title(class).to_owned(),
            status: status::of(class).as_u16(),
            detail: Printable::new(&failure.to_string()).to_string(),
            code,
            exit: status::exit(class),
            hint: failure.hint(),
            instance: None,
            places,
        };
        Self { document: Box::new(document), retry_after: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.document.hint = Some(hint.into());
        self
    }

    /// Adds the resource concerned.
    #[must_use]
    pub fn instance(mut self, path: impl Into<String>) -> Self {
        self.document.instance = Some(path.into());
        self
    }

    /// Adds when to ask again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }
}

/// The mistakes in a file, with lines and columns.
fn places(found: &reroot_core::failure::MistakesIn<'_>) -> Vec<Place> {
    let place = |mistake: &reroot_core::failure::Mistake<'_>| {
        let before = found.text.get(..mistake.span.start).unwrap_or(found.text);
        let last = before.rsplit('\n').next().unwrap_or(before);
        Place {
            code: mistake.code.to_owned(),
            text: mistake.message.to_owned(),
            hint: mistake.hint.map(str::to_owned),
            line: before.matches('\n').count() + 1,
            column: last.chars().count() + 1,
        }
    };
    found.mistakes.iter().map(place).collect()
}

/// What a class means, in the words of `Class`.
const fn title(class: Class) -> &'static str {
    match class {
        Class::Bug => "A bug in this program.",
        Class::Content => "What was to be checked does not hold.",
        Class::Input => "An input cannot be read or was refused.",
        Class::Interrupted => "The run was ended early; the same job resumes it.",
        Class::Signer => "The signer failed, or could not be reached or opened.",
        Class::Storage => "The ledger or the output failed.",
        Class::Usage => "A parameter, the configuration or the policy is wrong, or the output exists.",
    }
}

fn address(code: &str) -> String {
    format!("https://reroot.example/problems/{code}")
}

impl<E: IntoFailure> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::of(&*error.into_failure())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&*self.document)).into_response();
        response.extensions_mut().insert(ProblemCode(self.document.code.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
