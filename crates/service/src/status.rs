//! HTTP statuses: one exhaustive match over the class of an error (docs/guide/service.md), never renumbered.

use axum::http::StatusCode;
use reroot_core::class::Class;

/// The status of a failure.
pub const fn of(class: Class) -> StatusCode {
    match class {
        // the request names something that is wrong or exists: the caller changes the request
        Class::Usage => StatusCode::BAD_REQUEST,
        // the input was read and refused: RFC 9110 §15.5.21
        Class::Input | Class::Content => StatusCode::UNPROCESSABLE_ENTITY,
        // the signer and the disk are behind this server, and come back
        Class::Signer | Class::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
        Class::Storage => StatusCode::INSUFFICIENT_STORAGE,
        Class::Bug => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The exit code that the command line has for the class.
pub const fn exit(class: Class) -> u8 {
    match class {
        Class::Content => 1,
        Class::Usage => 2,
        Class::Input => 3,
        Class::Signer => 4,
        Class::Storage => 5,
        Class::Interrupted => 6,
        Class::Bug => 70,
    }
}

/// The code of a problem for which the library has no code of its own.
pub const fn code(class: Class) -> &'static str {
    match class {
        Class::Content => "failure.content",
        Class::Usage => "failure.usage",
        Class::Input => "failure.input",
        Class::Signer => "failure.signer",
        Class::Storage => "failure.storage",
        Class::Interrupted => "failure.interrupted",
        Class::Bug => "failure.bug",
    }
}
