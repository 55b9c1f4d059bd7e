//! Whether the configured certificates belong together and may do what they are there for.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;

use crate::approval::{Approver, same_person};
use crate::cert::{IssuerIdentity, IssuerIdentityError};
use crate::crypto::{PublicKey, chain_end, other_algorithm_hint};
use crate::signer::SignerError;
use crate::text::brief;
use crate::toml::Mistakes;
use crate::x509::{Certificate, ExtensionError, KeyUsage, Place, SignatureAlgorithm, Spki, check_ca, oid};

use super::error;

/// The issuer, if its chain holds: each certificate signed by the next one's key, each of those a CA that may have as
/// many CAs below it. Extensions and constraints are judged by [`IssuerIdentity::new`]. A root's signature over itself
/// is not looked at: nothing depends on it.
pub(super) fn issuer(
    certificate: Spanned<Certificate>,
    chain: Vec<Spanned<Certificate>>,
    errors: &Mistakes<SignerError>,
) -> Option<IssuerIdentity> {
    let mut sound = true;
    let mut below = &certificate;
    // RFC 5280 §4.2.1.9: self-issued certificates do not count
    let mut cas_below = u32::from(!certificate.get_ref().is_self_issued());
    for above in &chain {
        sound &= link(below, above, errors).is_some();
        sound &= authority(above, cas_below, errors).is_some();
        cas_below += u32::from(!above.get_ref().is_self_issued());
        below = above;
    }
    let span = certificate.span();
    let chain = chain.into_iter().map(Spanned::into_inner).collect();
    match IssuerIdentity::new(certificate.into_inner(), chain) {
        Ok(identity) => Some(identity).filter(|_| sound),
        // the order of the chain was judged above, with its place
        Err(_) if !sound => None,
        Err(reason) => {
            let code = match &reason {
                IssuerIdentityError::Extension { .. } => error::CHAIN_EXTENSION,
                _ => error::ISSUER_UNFIT,
            };
            match reason.hint() {
                Some(hint) => errors.push_hint(code, &span, reason.to_string(), hint),
                None => errors.push(code, &span, reason.to_string()),
            }
        }
    }
}

/// Checks that the chain reaches its root: the chain is installed permanently, and batches are verified with it.
pub(super) fn complete(
    identity: IssuerIdentity,
    span: &Range<usize>,
    errors: &Mistakes<SignerError>,
) -> Option<IssuerIdentity> {
    match chain_end(identity.certificate(), identity.chain()) {
        Ok(_) => Some(identity),
        Err(reason) => {
            let hint = "Name every certificate up to the root: nothing can be verified under a chain that has no end.";
            errors.push_hint(error::CHAIN_INCOMPLETE, span, reason, hint)
        }
    }
}

/// The manifest signer's certificate (docs/adr/0025-manifest-signer.md): for document signing and nothing else, its key no CA's, and signed by
/// anyone but the issuing CA, whose device certificates would otherwise share its standing. `anchors` are those that are named for
/// it, if any.
pub(super) fn manifest_signer(
    certificate: &Certificate,
    issuer: &IssuerIdentity,
    anchors: &[Certificate],
    span: &Range<usize>,
    errors: &Mistakes<SignerError>,
) -> Option<()> {
    let unfit = |message: String| {
        let hint = "The certificate that was made with the CA is right; another CA's needs keyUsage digitalSignature and the \
                    one critical extendedKeyUsage 1.3.6.1.5.5.7.3.36.";
        errors.push_hint::<()>(error::MANIFEST_UNFIT, span, message, hint)
    };
    let before = errors.count();
    if let SignatureAlgorithm::Unverified(other) = certificate.signature_algorithm() {
        let message = format!("manifest certificate is signed with {other}, which this program does not verify");
        errors.push_hint::<()>(error::MANIFEST_SIGNATURE, span, message, other_algorithm_hint(other));
        return None;
    }
    if certificate.is_ca() {
        unfit("manifest certificate is a CA certificate, expected an end entity's".to_owned());
    }
    match certificate.key_usage() {
        Ok(Some(usage)) if usage.has(KeyUsage::DIGITAL_SIGNATURE) => {
            if usage.0 & !(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::NON_REPUDIATION) != 0 {
                unfit("manifest certificate's keyUsage allows more than signing documents".to_owned());
            }
        }
        Ok(_) => {
            unfit("manifest certificate's keyUsage lacks digitalSignature (RFC 5280 §4.2.1.3)".to_owned());
        }
        Err(reason) => {
            unfit(format!("manifest certificate: {reason}"));
        }
    }
    match certificate.extended_key_usage() {
        Ok(Some(purposes)) if purposes == [oid::KP_DOCUMENT_SIGNING] => {
            if !certificate.extension(oid::EXTENDED_KEY_USAGE).is_some_and(|extension| extension.critical) {
                unfit("manifest certificate's extendedKeyUsage is not critical".to_owned());
            }
        }
        Ok(_) => {
            let only = "manifest certificate's extendedKeyUsage is not id-kp-documentSigning alone (RFC 9336 §3.1)";
            unfit(only.to_owned());
        }
        Err(reason) => {
            unfit(format!("manifest certificate: {reason}"));
        }
    }
    let cas = || std::iter::once(issuer.certificate()).chain(issuer.chain());
    if let Some(ca) = cas().find(|ca| same_key(ca.spki(), certificate.spki())) {
        let message = format!("manifest signer has the key of the CA `{}`, expected a key of its own", ca.subject());
        errors.push::<()>(error::MANIFEST_KEY, span, message);
    }
    if signed_by(certificate, issuer.spki()).is_ok() {
        let message = "manifest certificate was issued by the issuing CA: every device certificate has the same issuer, \
                       expected the root's or another CA's signature";
        errors.push::<()>(error::MANIFEST_ISSUER, span, message);
    }
    if !anchors.is_empty() && !anchors.iter().any(|anchor| signed_by(certificate, anchor.spki()).is_ok()) {
        let message = "manifest certificate was not signed by the key of a certificate that `anchor` names";
        errors.push::<()>(error::MANIFEST_SIGNATURE, span, message);
    }
    // the manifest anchor need not be in the chain; but where the name is the chain's, the key must be too
    let mut named = cas().filter(|ca| ca.subject() == certificate.issuer()).peekable();
    if named.peek().is_some() && !named.any(|ca| signed_by(certificate, ca.spki()).is_ok()) {
        let message = format!("manifest certificate was not signed by the key of `{}`", certificate.issuer());
        errors.push::<()>(error::MANIFEST_SIGNATURE, span, message);
    }
    (errors.count() == before).then_some(())
}

fn link(below: &Spanned<Certificate>, above: &Spanned<Certificate>, errors: &Mistakes<SignerError>) -> Option<()> {
    let (lower, upper) = (below.get_ref(), above.get_ref());
    if lower.issuer() != upper.subject() {
        let message = format!(
            "chain does not continue: the certificate of `{}` was issued by `{}`, found `{}`",
            lower.subject(),
            lower.issuer(),
            upper.subject()
        );
        let hint = "List the chain nearest first, up to the root.";
        return errors.push_hint(error::CHAIN_ORDER, above.span(), message, hint);
    }
    match signed_by(lower, upper.spki()) {
        Ok(()) => Some(()),
        Err(reason) => {
            let message = format!(
                "certificate of `{}` was not signed by the key of `{}`: {reason}",
                lower.subject(),
                upper.subject()
            );
            match lower.signature_algorithm() {
                SignatureAlgorithm::Unverified(other) => {
                    errors.push_hint(error::CHAIN_SIGNATURE, below.span(), message, other_algorithm_hint(other))
                }
                _ => errors.push(error::CHAIN_SIGNATURE, below.span(), message),
            }
        }
    }
}

fn authority(ca: &Spanned<Certificate>, cas_below: u32, errors: &Mistakes<SignerError>) -> Option<()> {
    let certificate = ca.get_ref();
    let not_ca = |reason: &str| {
        let message = format!("certificate of `{}` in the chain {reason}", certificate.subject());
        errors.push(error::CHAIN_NOT_CA, ca.span(), message)
    };
    let place = if certificate.is_self_issued() { Place::Anchor } else { Place::Below };
    let path_len = match check_ca(certificate, place) {
        Ok(path_len) => path_len,
        Err(ExtensionError::NotACa) => {
            return not_ca("is not a CA's: basicConstraints cA is not TRUE (RFC 5280 §4.2.1.9)");
        }
        Err(ExtensionError::NoKeyCertSign) => {
            return not_ca("may not sign certificates: keyUsage lacks keyCertSign (RFC 5280 §4.2.1.3)");
        }
        Err(ExtensionError::Certificate(reason)) => return not_ca(&format!("cannot be used: {reason}")),
        Err(reason @ ExtensionError::Version { .. }) => return not_ca(&reason.to_string()),
        // IssuerIdentity::new says it, with what to do
        Err(_) => return Some(()),
    };
    if let Some(limit) = path_len.filter(|limit| *limit < cas_below) {
        let message = format!(
            "certificate of `{}` allows {limit} CAs below it, the chain has {cas_below} (pathLenConstraint, RFC 5280 \
             §4.2.1.9)",
            certificate.subject()
        );
        return errors.push(error::CHAIN_PATH_LENGTH, ca.span(), message);
    }
    Some(())
}

fn signed_by(certificate: &Certificate, key: &Spki) -> Result<(), String> {
    // a root may be as old as SHA-1: no verifier relies on its signature over itself
    if certificate.signature_algorithm().is_over_sha1() && !certificate.is_self_issued() {
        return Err("a signature over SHA-1 proves nothing".to_owned());
    }
    let key = PublicKey::from_spki(key).map_err(|error| error.to_string())?;
    key.verify(certificate.signature_algorithm(), certificate.tbs(), certificate.signature())
        .map_err(|error| error.to_string())
}

fn same_key(one: &Spki, other: &Spki) -> bool {
    (one.algorithm(), one.key()) == (other.algorithm(), other.key())
}

/// Approvers are different persons with different keys, and none is a planner: who plans cannot approve.
pub(super) fn approvers(
    approvers: &[Approver],
    places: &[(String, Spanned<PathBuf>)],
    planners: &[Certificate],
    errors: &Mistakes<SignerError>,
) -> Option<()> {
    let mut sound = Some(());
    for (at, (approver, (person, place))) in approvers.iter().zip(places).enumerate() {
        let key = approver.certificate.spki();
        let earlier = &approvers[..at];
        let person = brief(person);
        let message = if earlier.iter().any(|other| same_person(&other.person, &approver.person)) {
            format!("the approver `{person}` is there twice")
        } else if let Some(other) = earlier.iter().find(|other| other.certificate.spki() == key) {
            format!("the approver `{person}` has the key of the approver `{}`", brief(&other.person))
        } else if planners.iter().any(|planner| planner.spki() == key) {
            format!("the approver `{person}` has the key of a planner")
        } else {
            continue;
        };
        let hint = "Each person who approves has a key of their own, which no other person can use.";
        sound = errors.push_hint(error::VALUE, place.span(), message, hint);
    }
    sound
}
