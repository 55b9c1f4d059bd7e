//! The two files beside the pages: they are in the program, and their names have their digest, so that a browser keeps them.

use axum::extract::Path as Named;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use reroot_core::crypto::sha256;

use super::chrome::Trouble;
use crate::problem::{PATH_UNKNOWN, Problem};

/// A file of the program.
pub(super) struct Asset {
    name: &'static str,
    ending: &'static str,
    media: &'static str,
    content: &'static str,
}

pub(super) const STYLE: Asset = Asset {
    name: "console",
    ending: "css",
    media: "text/css; charset=utf-8",
    content: include_str!("assets/console.css"),
};

pub(super) const SCRIPT: Asset = Asset {
    name: "console",
    ending: "js",
    media: "text/javascript; charset=utf-8",
    content: include_str!("assets/console.js"),
};

/// The sign in a browser's tab.
pub(super) const ICON: Asset =
    Asset { name: "icon", ending: "svg", media: "image/svg+xml", content: include_str!("assets/icon.svg") };

impl Asset {
    /// Where it is.
    pub(super) fn path(&self) -> String {
        format!("/console/assets/{}", self.file())
    }

    fn file(&self) -> String {
        let digest = sha256(self.content.as_bytes()).to_string();
        format!("{}-{}.{}", self.name, &digest[..16], self.ending)
    }
}

pub(super) async fn send(Named(name): Named<String>) -> Result<Response, Trouble> {
    let found = [STYLE, SCRIPT, ICON].into_iter().find(|asset| asset.file() == name);
    let asset = found.ok_or_else(|| Problem::new(PATH_UNKNOWN, format!("there is no file `{name}`")))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    Ok((headers, asset.content).into_response())
}
