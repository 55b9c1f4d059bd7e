//! Starting the service.

use reroot::parallel::NoThread;
use reroot_service::ServiceError;
use reroot_service::store::StoreError;

use super::{disk, path};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    sheet.ends(ServiceError::Admin { what: "there is one".to_owned() });
    sheet.ends(ServiceError::Listen { place: "127.0.0.1:8443".to_owned(), source: disk() });
    sheet.ends(ServiceError::NoThread(NoThread::from(disk())));
    sheet.ends(ServiceError::Runtime(disk()));
    let what = "it has no certificate in PEM".to_owned();
    sheet.ends(ServiceError::Tls { path: path("server.pem"), what });
    sheet.ends(StoreError::Content { what: "the state `lost`".to_owned() });
    sheet.ends(StoreError::Open { path: path("data/jobs.sqlite"), source: rusqlite::Error::InvalidQuery });
    sheet.ends(StoreError::Use(rusqlite::Error::InvalidQuery));
    sheet.ends(StoreError::Version { path: path("data/jobs.sqlite"), found: 9, known: 1 });
}
