//! `[cmp]`: the address of a CA that speaks CMP, and what protects the messages.

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::error;
use super::hsm;
use super::schema::{Identity, Section};

/// The section as it is written.
#[derive(Debug)]
pub(super) struct CmpSection {
    pub(super) url: String,
    pub(super) shown: Shown,
    pub(super) servers: Vec<Spanned<PathBuf>>,
    pub(super) tls_anchors: Vec<Spanned<PathBuf>>,
    pub(super) timeout: Duration,
    pub(super) concurrency: usize,
    pub(super) retries: u32,
    pub(super) polls: u32,
    pub(super) longest_pause: Duration,
}

/// By what requests are protected.
#[derive(Debug)]
pub(super) enum Shown {
    /// A certificate and its key; the certificates above it.
    Certificate(Identity, Vec<Spanned<PathBuf>>),
    /// A reference and a secret that were agreed on.
    Secret(String, Spanned<crate::signer::SecretSource>),
}

/// Reads the section. Every mistake in it is noted.
pub(super) fn read(section: &Section<'_>) -> Option<CmpSection> {
    let before = section.errors.count();
    section.closed(&[
        "url",
        "certificate",
        "chain",
        "key",
        "secret",
        "reference",
        "server_certificate",
        "tls_anchors",
        "timeout",
        "concurrency",
        "retries",
        "polls",
        "longest_pause",
    ]);
    let url = section.required("url").and_then(|value| match value.get_ref() {
        DeValue::String(url) if url.starts_with("http://") || url.starts_with("https://") => {
            Some(url.clone().into_owned())
        }
        DeValue::String(_) => {
            section.errors.push(error::VALUE, &value.span(), "`url` begins with neither http:// nor https://")
        }
        other => section.wrong_type("url", value, other, "a string"),
    });
    let paths = |name| if section.table.contains_key(name) { section.paths(name) } else { Some(vec![]) };
    let shown = match section.table.get("reference") {
        None => {
            section.identity("cmp").zip(paths("chain")).map(|(identity, chain)| Shown::Certificate(identity, chain))
        }
        Some(value) => {
            for name in ["certificate", "key", "chain"] {
                if let Some(other) = section.table.get(name) {
                    let message =
                        format!("[cmp] has `reference` and `{name}`: a shared secret or a certificate, not both");
                    section.errors.push::<()>(error::VALUE, &other.span(), message);
                }
            }
            let secret = match section.secret() {
                Ok(Some(secret)) => Some(secret),
                Ok(None) => section.required("secret").and(None),
                Err(_) => None,
            };
            match value.get_ref() {
                DeValue::String(reference) => {
                    secret.map(|secret| Shown::Secret(reference.clone().into_owned(), secret))
                }
                other => section.wrong_type("reference", value, other, "a string"),
            }
        }
    };
    let number = |name, usual: u64, most: u64| {
        if section.table.contains_key(name) { hsm::integer(section, name, 1..=most) } else { Some(usual) }
    };
    let pause = |name, usual: u64| {
        let allowed = Duration::from_secs(1)..=Duration::from_secs(3_600);
        if section.table.contains_key(name) {
            hsm::duration(section, name, allowed)
        } else {
            Some(Duration::from_secs(usual))
        }
    };
    let servers = paths("server_certificate");
    let anchors = paths("tls_anchors");
    let timeout = pause("timeout", 60);
    let longest_pause = pause("longest_pause", 60);
    let counts = (number("concurrency", 4, 64), number("retries", 3, 100), number("polls", 60, 10_000));
    if section.errors.count() != before {
        return None;
    }
    Some(CmpSection {
        url: url?,
        shown: shown?,
        servers: servers?,
        tls_anchors: anchors?,
        timeout: timeout?,
        concurrency: usize::try_from(counts.0?).ok()?,
        retries: u32::try_from(counts.1?).ok()?,
        polls: u32::try_from(counts.2?).ok()?,
        longest_pause: longest_pause?,
    })
}
