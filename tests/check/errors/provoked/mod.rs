//! Errors that functions of the libraries return for inputs that are wrong in one place.

mod crl;
mod leaves;
mod names;
mod x509;

use super::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    names::all(sheet);
    x509::all(sheet);
    crl::all(sheet);
    leaves::all(sheet);
}

/// The error of a result that must be one.
#[track_caller]
fn refused<T, E>(result: Result<T, E>) -> E {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error,
    }
}
