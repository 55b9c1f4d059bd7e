//! The files that a configuration names.

use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use zeroize::Zeroizing;

use crate::approval::Approver;
use crate::input;
use crate::signer::SignerError;
use crate::text::Printable;
use crate::toml::Mistakes;
use crate::x509::{Certificate, bundle};

use super::error;
use super::signing::SigningSection;

/// Longest file that is read: certificates and keys are far shorter.
const MAX_BYTES: u64 = 1 << 20;

/// A file's content, which may be a key: wiped when dropped.
pub(super) fn read(path: &Path, span: &Range<usize>, errors: &Mistakes<SignerError>) -> Option<Zeroizing<Vec<u8>>> {
    let content = input::open(path).and_then(|file| {
        let length = file.metadata()?.len().min(MAX_BYTES);
        // room for all of it at once, so that growing leaves no copies behind
        let capacity = usize::try_from(length).unwrap_or(0) + 64;
        let mut content = Zeroizing::new(Vec::with_capacity(capacity));
        file.take(MAX_BYTES + 1).read_to_end(&mut content)?;
        Ok(content)
    });
    match content {
        Ok(content) if content.len() as u64 <= MAX_BYTES => Some(content),
        Ok(_) => {
            let message = format!("`{}` is longer than {MAX_BYTES} bytes", Printable::new(path));
            errors.push(error::FILE_UNREADABLE, span, message)
        }
        Err(reason) => errors.push(error::FILE_UNREADABLE, span, format!("`{}`: {reason}", Printable::new(path))),
    }
}

/// The one certificate of a file.
pub(super) fn certificate(path: &Spanned<PathBuf>, errors: &Mistakes<SignerError>) -> Option<Certificate> {
    let mut certificates = certificates(path, errors)?;
    if let [_] = certificates[..] {
        return certificates.pop();
    }
    let message =
        format!("`{}` holds {} certificates, expected exactly one", Printable::new(path.get_ref()), certificates.len());
    let hint = "Name the certificates above it under `chain`.";
    errors.push_hint(error::CERTIFICATE_COUNT, path.span(), message, hint)
}

/// The certificates of a file, at least one: PEM blocks, or the DER of one.
pub(super) fn certificates(path: &Spanned<PathBuf>, errors: &Mistakes<SignerError>) -> Option<Vec<Certificate>> {
    let span = path.span();
    let content = read(path.get_ref(), &span, errors)?;
    match bundle::named(&content) {
        Ok(certificates) => Some(certificates),
        Err(reason) => {
            let message = format!("`{}`: {reason}", Printable::new(path.get_ref()));
            match reason.hint() {
                Some(hint) => errors.push_hint(error::CERTIFICATE_MALFORMED, &span, message, hint),
                None => errors.push(error::CERTIFICATE_MALFORMED, &span, message),
            }
        }
    }
}

/// The persons who may approve, each with the one certificate of a file.
pub(super) fn approvers(section: &SigningSection, errors: &Mistakes<SignerError>) -> Option<Vec<Approver>> {
    let read = |(person, path): &(String, Spanned<PathBuf>)| {
        Some(Approver { person: person.clone(), certificate: certificate(path, errors)? })
    };
    // every file is looked at before the first mistake ends the reading
    let approvers: Vec<_> = section.approvers.iter().map(read).collect();
    approvers.into_iter().collect()
}
