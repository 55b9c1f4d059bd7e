//! Starting the service.

use reroot::parallel::NoThread;
use reroot_service::ServiceError;
use reroot_service::oidc::{OidcError, Refused};
use reroot_service::store::StoreError;

use super::{disk, path};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    sheet.ends(ServiceError::Admin { what: "there is one".to_owned() });
    sheet.ends(ServiceError::Listen { place: "127.0.0.1:8443".to_owned(), source: disk() });
    sheet.ends(ServiceError::NoThread(NoThread::from(disk())));
    let what = "it has no certificate in PEM".to_owned();
    sheet.ends(ServiceError::Oidc { path: path("roots.pem"), what });
    sheet.ends(ServiceError::Runtime(disk()));
    let what = "it has no certificate in PEM".to_owned();
    sheet.ends(ServiceError::Tls { path: path("server.pem"), what });
    sheet.ends(StoreError::Content { what: "the state `lost`".to_owned() });
    sheet.ends(StoreError::Open { path: path("data/jobs.sqlite"), source: rusqlite::Error::InvalidQuery });
    sheet.ends(StoreError::Use(rusqlite::Error::InvalidQuery));
    sheet.ends(StoreError::Version { path: path("data/jobs.sqlite"), found: 9, known: 1 });
    logins(sheet);
}

/// What a person is told who cannot be identified.
fn logins(sheet: &mut Sheet<'_>) {
    let url = "https://login.example.com/.well-known/openid-configuration";
    sheet.part(&OidcError::Provider(format!("`{url}` answers with status 404")));
    sheet.part(&OidcError::Code("invalid_grant (status 400)".to_owned()));
    sheet.part(&Refused::Malformed("not three parts".to_owned()));
    sheet.part(&Refused::Algorithm("none".to_owned()));
    sheet.part(&Refused::UnknownKey(Some("2026-11".to_owned())));
    sheet.part(&Refused::Signature);
    sheet.part(&Refused::Claim("exp"));
    let found = "https://login.example.org".to_owned();
    sheet.part(&Refused::Issuer { found, expected: "https://login.example.com".to_owned() });
    sheet.part(&Refused::Audience("it is for `other`, expected `reroot`".to_owned()));
    sheet.part(&Refused::Expired(90));
    sheet.part(&Refused::Early(120));
    sheet.part(&Refused::Nonce);
}
