//! Checks whether a different user could change, or read, what a configuration names.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use crate::ledger::is_url;
use crate::ownership::{Ownership, Role, Shared};
use crate::signer::{SecretSource, SignerError};
use crate::text::Printable;
use crate::toml::Mistakes;

use super::cmp::Shown;
use super::error;
use super::schema::{Document, Identity, Key, KeyPlace, Section};

/// Whether the check of owners and modes may be overruled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// What a different user could change or read is noted and accepted.
    Allowed,
    /// It is refused.
    Refused,
}

/// Reads `[access]`: the group that may do what the user may.
pub(super) fn access(section: &Section<'_>) -> Option<Spanned<String>> {
    let value = section.table.required("group")?;
    Some(Spanned::new(value.span.clone(), value.string()?.to_owned()))
}

/// Checks the configuration itself. No group is excepted: who can change the file could write a group into it.
pub(super) fn check_file(file: &Path) -> Result<(), Shared> {
    Ownership::of_this_process().check(file, Role::Trusted)
}

/// Checks everything that the configuration names. Returns what was overruled.
pub(super) fn check_named(document: &Document, sharing: Sharing, errors: &Mistakes<SignerError>) -> Vec<Shared> {
    let mut ownership = Ownership::of_this_process();
    if let Some(group) = &document.access {
        let Some(with) = ownership.with_group(group.get_ref()) else {
            let message = format!(
                "there is no group `{}`, expected a name of /etc/group or a number",
                Printable::new(group.get_ref())
            );
            errors.push::<()>(error::VALUE, group.span(), message);
            return vec![];
        };
        ownership = with;
    }
    let mut overruled: Vec<Shared> = Vec::new();
    let mut noted: Vec<PathBuf> = Vec::new();
    for (path, span, role) in named(document) {
        let Err(shared) = ownership.check(&path, role) else { continue };
        // a folder above many files is reported once
        if noted.iter().any(|known| known == shared.path()) {
            continue;
        }
        noted.push(shared.path().to_owned());
        match sharing {
            Sharing::Allowed => overruled.push(shared),
            Sharing::Refused => {
                errors.push_hint::<()>(error::FILE_SHARED, &span, shared.to_string(), shared.hint());
            }
        }
    }
    overruled
}

type Named = (PathBuf, Range<usize>, Role);

fn named(document: &Document) -> Vec<Named> {
    let mut all = Vec::new();
    let mut trusted = |path: &Spanned<PathBuf>| all.push((path.get_ref().clone(), path.span(), Role::Trusted));
    // who may change a ledger on a server is the server's to say
    let files = !is_url(document.ledger.get_ref());
    if files {
        trusted(&document.ledger);
    }
    // what SQLite keeps beside it is as good as the ledger
    for suffix in ["-wal", "-shm", "-lock"].into_iter().filter(|_| files) {
        let mut beside = document.ledger.get_ref().clone().into_os_string();
        beside.push(suffix);
        trusted(&Spanned::new(document.ledger.span(), beside.into()));
    }
    document.head_file.iter().chain(&document.manifest_anchor).for_each(&mut trusted);
    document.signer.iter().map(|signer| &signer.directory).for_each(&mut trusted);
    let cmp = document.cmp.as_ref();
    let lists = [
        Some(&document.chain),
        Some(&document.anchors),
        document.signing.as_ref().map(|signing| &signing.planners),
        cmp.map(|cmp| &cmp.servers),
        cmp.map(|cmp| &cmp.tls_anchors),
    ];
    lists.into_iter().flatten().flatten().for_each(&mut trusted);
    identity(&document.issuer, &mut all);
    identity(&document.manifest, &mut all);
    match cmp.map(|cmp| &cmp.shown) {
        Some(Shown::Certificate(holder, chain)) => {
            identity(holder, &mut all);
            all.extend(chain.iter().map(|path| (path.get_ref().clone(), path.span(), Role::Trusted)));
        }
        Some(Shown::Secret(_, source)) => secret(source, &mut all),
        None => {}
    }
    all
}

fn identity(identity: &Identity, all: &mut Vec<Named>) {
    all.push((identity.certificate.get_ref().clone(), identity.certificate.span(), Role::Trusted));
    let Some(Key { place, secret: source }) = &identity.key else { return };
    match place.get_ref() {
        KeyPlace::File(path) => all.push((path.clone(), place.span(), Role::Secret)),
        KeyPlace::Tokens(uris) => {
            for uri in uris {
                all.extend(uri.module_path.iter().map(|path| (path.clone(), place.span(), Role::Trusted)));
                all.extend(uri.pin_source.iter().map(|path| (path.clone(), place.span(), Role::Secret)));
            }
        }
    }
    if let Some(source) = source {
        secret(source, all);
    }
}

fn secret(source: &Spanned<SecretSource>, all: &mut Vec<Named>) {
    if let SecretSource::File(path) = source.get_ref() {
        all.push((path.clone(), source.span(), Role::Secret));
    }
}
