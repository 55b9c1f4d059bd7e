//! `[cmp]`: the address of a CA that speaks CMP, and what protects the messages.

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use crate::toml::Value;

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
    let table = &section.table;
    let url = table.required("url").and_then(|value| {
        let url = value.string()?;
        if url.starts_with("http://") || url.starts_with("https://") {
            return Some(url.to_owned());
        }
        value.error(error::VALUE, "`url` begins with neither http:// nor https://")
    });
    let shown = match table.optional("reference") {
        None => {
            let identity = section.identity("cmp");
            identity.zip(section.optional_paths("chain")).map(|(identity, chain)| Shown::Certificate(identity, chain))
        }
        Some(reference) => shared_secret(section, &reference),
    };
    let number = |name, usual: u64, most: u64| match table.optional(name) {
        None => Some(usual),
        Some(value) => value.integer(&(1..=most)),
    };
    let pause = |name| match table.optional(name) {
        None => Some(PAUSE),
        Some(value) => hsm::duration(&value, &(Duration::from_secs(1)..=Duration::from_secs(3_600))),
    };
    let servers = section.optional_paths("server_certificate");
    let anchors = section.optional_paths("tls_anchors");
    let (timeout, longest_pause) = (pause("timeout"), pause("longest_pause"));
    let counts = (number("concurrency", 4, 64), number("retries", 3, 100), number("polls", 60, 10_000));
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

/// A reference and a secret, with no certificate beside them.
fn shared_secret(section: &Section<'_>, reference: &Value<'_>) -> Option<Shown> {
    for name in ["certificate", "key", "chain"] {
        if let Some(other) = section.table.optional(name) {
            let message = format!("[cmp] has `reference` and `{name}`: a shared secret or a certificate, not both");
            other.error::<()>(error::VALUE, message);
        }
    }
    let secret = match section.secret() {
        Ok(Some(secret)) => Some(secret),
        Ok(None) => section.table.required("secret").and(None),
        Err(_) => None,
    };
    let reference = reference.string()?.to_owned();
    secret.map(|secret| Shown::Secret(reference, secret))
}

/// How long an answer and a pause between two polls take at most, where nothing else is written.
const PAUSE: Duration = Duration::from_secs(60);
