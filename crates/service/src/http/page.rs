//! Pages of lists: an opaque cursor that says where the next page begins, signed so that it cannot be made up. No totals.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use reroot_core::crypto::hmac_sha256;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::problem::{Problem, REQUEST_MALFORMED};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// What is on it.
    pub(super) items: Vec<T>,
    /// The cursor of the next page; `null` on the last one.
    pub(super) next: Option<String>,
}

impl<T> Page<T> {
    /// The same page of what is made of its items.
    pub(super) fn map<U>(self, make: impl Fn(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), next: self.next }
    }
}

/// Which page.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
    /// The most that is on a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Option<usize>,
}

impl Wanted {
    /// The most that is on a page.
    ///
    /// # Errors
    /// It is 0, or more than a page has.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(100) {
            limit @ 1..=MOST => Ok(limit),
            other => Err(Problem::new(REQUEST_MALFORMED, format!("`limit` is {other}, expected 1 to {MOST}"))),
        }
    }

    /// Where the page begins.
    ///
    /// # Errors
    /// The cursor was not made for this list by this service.
    pub(super) fn place(&self, app: &App, list: &str) -> Result<Option<String>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let wrong = || Problem::new(REQUEST_MALFORMED, "`cursor` is not one of this list");
        let place = read(app.catalog().secret(), list, cursor).ok_or_else(wrong)?;
        Ok(Some(place))
    }
}

/// What a page of a list is, of one item more than fits onto it.
pub(super) fn page<T>(app: &App, list: &str, mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| write(app.catalog().secret(), list, &place(last)));
    Page { items, next }
}

/// The cursor of a place.
pub(super) fn cursor(app: &App, list: &str, place: &str) -> String {
    write(app.catalog().secret(), list, place)
}

fn write(secret: &[u8; 32], list: &str, place: &str) -> String {
    hex::encode([&mac(secret, list, place)[..], place.as_bytes()].concat())
}

fn read(secret: &[u8; 32], list: &str, cursor: &str) -> Option<String> {
    let bytes = hex::decode(cursor).ok()?;
    let (found, place) = bytes.split_at_checked(MAC)?;
    let place = std::str::from_utf8(place).ok()?;
    bool::from(mac(secret, list, place).ct_eq(found)).then(|| place.to_owned())
}

fn mac(secret: &[u8; 32], list: &str, place: &str) -> [u8; MAC] {
    let whole = hmac_sha256(secret, &[list.as_bytes(), &[0], place.as_bytes()]);
    whole[..MAC].try_into().expect("a part of it")
}

/// The query of a request, or a problem.
pub(super) struct In<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned + Send> FromRequestParts<App> for In<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(wanted)) => Ok(Self(wanted)),
            Err(rejection) => Err(Problem::new(REQUEST_MALFORMED, rejection.body_text())),
        }
    }
}

/// The variables of a path, or a problem.
pub(super) struct At<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned + Send> FromRequestParts<App> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, app).await {
            Ok(axum::extract::Path(found)) => Ok(Self(found)),
            Err(rejection) => Err(Problem::new(REQUEST_MALFORMED, rejection.body_text())),
        }
    }
}

const MOST: usize = 1000;
const MAC: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_one_list_and_unchanged() {
        let cursor = write(&[1; 32], "batches", "b-7");
        assert_eq!(read(&[1; 32], "batches", &cursor).as_deref(), Some("b-7"));
        assert_eq!(read(&[2; 32], "batches", &cursor), None);
        assert_eq!(read(&[1; 32], "tokens", &cursor), None);
        for at in 0..cursor.len() {
            let mut other = cursor.clone().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(read(&[1; 32], "batches", std::str::from_utf8(&other).unwrap()), None, "{at}");
        }
        for other in ["", "00", "zz", &cursor[..cursor.len() - 2]] {
            assert_eq!(read(&[1; 32], "batches", other), None, "{other}");
        }
    }
}
