//! Making a certification authority: root, issuing CA, manifest signer, configuration and ledger in one directory.
//!
//! Guarantees: nothing is overwritten; the directory is complete or as it was before; every signature of a CA key is on
//! the ledger before it is made, and verified before it is written; private keys are readable by their owner alone.
//!
//! The root's key is needed to certify the next issuing CA or manifest signer, and for nothing else: **copy
//! `ca/root.key.pem` to offline media and delete it from the machine that issues.** An attacker who has it can make a
//! CA that every device accepts. *Trusted*: the machine that runs `init`, its random generator, and every holder of the
//! key files.
//!
//! The keys may be made in a PKCS#11 token instead; and the root may be an external CA: then this module makes
//! requests, and checks the certificates that come back as strictly as those made here.
//!
//! Certificates are encoded here, by [`tlv`](crate::x509::tlv), and not by a certificate builder such as `rcgen`: a
//! builder encodes and signs in one step, so the bytes could not be recorded before they are signed.

mod adopt;
mod anchor;
mod ceremony;
mod certificate;
mod error;
mod import;
mod init;
mod key;
mod keys;
mod matter;
mod place;
mod possession_certificate;
mod report;
mod request;
#[cfg(test)]
mod tests;

pub use adopt::{AdoptReport, AdoptedManifest, ExistingCa, ExistingKey, ManifestIssuer, adopt};
pub use anchor::{ANCHOR_FILE_NAME, anchor};
pub use ceremony::{Ceremony, Subject, certify};
pub use error::CaError;
pub use import::{Imported, import};
pub use init::{
    CaYears, InitOptions, InitReport, NewSecret, NewSecrets, RANDOM_BYTES, RequestReport, check_directory, init,
    init_without_root,
};
pub use keys::TokenPlace;
pub use matter::MatterIds;
pub use possession_certificate::{ProofOptions, proof};
pub use report::{CaCertificates, RequestMade};
pub use request::{Request, RequestRole, request};
