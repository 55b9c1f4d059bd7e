//! Requests to another root: PKCS #10 (RFC 2986), with the extensions that the certificate should have.
//!
//! The key that signs a request proves that it is at hand; a chip on a reel cannot, which is why object certificates
//! have no requests.

use crate::ledger::Ledger;
use crate::signer::Signer;
use crate::x509::tlv::{element, tag};
use crate::x509::{Name, Spki, Time, oid};

use super::CaError;
use super::certificate::{Role, extensions, key_identifier, name};
use super::init::{check_organization, common_name};
use super::key::CaKey;

/// What a certificate is requested for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestRole {
    /// The issuing CA.
    Issuing,
    /// The manifest signer.
    Manifest,
}

impl RequestRole {
    /// Returns a name that no other key has, made as [`init`](super::init()) makes it.
    ///
    /// # Errors
    /// The organization cannot be in a name.
    pub fn name(self, organization: &str, spki: &Spki) -> Result<Name, CaError> {
        check_organization(organization)?;
        let title = match self {
            Self::Issuing => "Object Issuing CA",
            Self::Manifest => "Manifest Signer",
        };
        let common_name = common_name(title, spki);
        Ok(name(&[(oid::ORGANIZATION_NAME, organization), (oid::COMMON_NAME, &common_name)]))
    }

    fn role(self) -> Role {
        match self {
            Self::Issuing => Role::Authority { path_len: 0 },
            Self::Manifest => Role::ManifestSigner,
        }
    }

    /// What the ledger calls it.
    fn kind(self) -> &'static str {
        match self {
            Self::Issuing => "issuing-request",
            Self::Manifest => "manifest-request",
        }
    }
}

/// What a request says.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Whose certificate it is to become.
    pub role: RequestRole,
    /// The name asked for.
    pub subject: &'a Name,
    /// When it is made.
    pub now: Time,
}

/// Makes a request: encoded, recorded, signed, verified, recorded. Returns its DER.
///
/// # Errors
/// The key cannot sign, or a step fails.
pub fn request(signer: &dyn Signer, ledger: &Ledger, request: &Request<'_>) -> Result<Vec<u8>, CaError> {
    let spki = signer.public_key();
    let key = CaKey::new(signer, spki)?;
    signer.check_algorithm(key.algorithm())?;
    let der = key.sign(ledger, request.role.kind(), &encode(request, spki), request.now)?;
    ledger.conclude()?;
    Ok(der)
}

/// CertificationRequestInfo (RFC 2986 §4.1) with the one attribute extensionRequest (RFC 2985 §5.4.2).
fn encode(request: &Request<'_>, spki: &Spki) -> Vec<u8> {
    let wanted = element(tag::SEQUENCE, &[&extensions(request.role.role(), &key_identifier(spki), None)]);
    let attribute = element(
        tag::SEQUENCE,
        &[&element(tag::OBJECT_IDENTIFIER, &[oid::EXTENSION_REQUEST.as_bytes()]), &element(tag::SET, &[&wanted])],
    );
    element(
        tag::SEQUENCE,
        &[
            &element(tag::INTEGER, &[&[0]]),
            request.subject.der(),
            spki.der(),
            // [0] IMPLICIT SET OF Attribute
            &element(0xA0, &[&attribute]),
        ],
    )
}
