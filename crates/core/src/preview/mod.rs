//! What would be issued for one leaf: everything but the batch's own serial number and the signature, each field beside
//! the line of the policy that decides it.
//!
//! Guarantees: the leaf is verified, the fields are those that `issue` would encode, and the lints are those that it
//! would apply. Nothing is signed or recorded; neither a key nor a ledger is needed.

mod asn1;
mod extension;
mod fields;
mod general_name;
mod names;
mod place;
mod zones;

use crate::cert::{Encoder, IssuerIdentity, Seed, SerialBasis, Serials, TbsCertificate};
use crate::crypto::sha256;
use crate::error::Error;
use crate::lint;
use crate::origin::{Finding, ItemName};
use crate::policy::{BatchContext, Params, Policy};
use crate::reel::{SourceLeaf, certificates_in_pem};
use crate::verify::{self, Examined, TrustAnchor, VerifiedLeaf, Verifier, Warning};
use crate::x509::{Certificate, Sha256Digest, Time};

pub use fields::ShownField;
pub(crate) use fields::of as fields_of;
pub use place::{Decided, PolicyLine};
pub use zones::{ZONES, Zone};

/// The batch id that a preview uses in place of the one that a batch draws.
pub const STAND_IN_BATCH: &str = "00000000-0000-7000-8000-000000000000";

/// What to show and for which leaf.
#[derive(Debug)]
pub struct Preview<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The operator's parameters.
    pub params: Params,
    /// The issuing CA.
    pub issuer: &'a IssuerIdentity,
    /// Trust anchors for the leaf.
    pub anchors: &'a [Certificate],
    /// The leaf, PEM or DER; CA certificates beside it may be part of its path.
    pub leaf: &'a [u8],
    /// The leaf's name for findings.
    pub name: &'a str,
    /// The instant that is used as the batch's.
    pub at: Time,
}

/// A certificate that would be issued, if it has no findings.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The leaf it is for.
    pub leaf: ShownLeaf,
    /// Its fields in the order of the encoding.
    pub fields: Vec<ShownField>,
    /// Rules that it breaks: then it would not be issued.
    pub findings: Vec<ShownFinding>,
    /// Bytes of the tbsCertificate.
    pub tbs_bytes: usize,
    /// The most bytes that a certificate of this policy can have under this issuer, for any leaf and any signature.
    pub max_bytes: usize,
    /// The line of the policy that limits the size, if it has one.
    pub max_bytes_line: Option<PolicyLine>,
    /// The certificate with an empty signature: every parser reads it, no verifier accepts it.
    pub unsigned: Vec<u8>,
}

/// The source leaf.
#[derive(Clone, Debug)]
pub struct ShownLeaf {
    /// The UID in upper-case hexadecimal.
    pub uid: String,
    /// The chip family.
    pub family: &'static str,
    /// Its subject, escaped.
    pub subject: String,
    /// Kind of its key.
    pub key: String,
    /// Digest of the leaf.
    pub sha256: Sha256Digest,
    /// Subject of the trust anchor that it leads to, escaped.
    pub anchor: String,
    /// Relaxations it needed.
    pub relaxations: Vec<&'static str>,
    /// What an operator should know about it.
    pub warnings: Vec<Warning>,
}

/// A broken rule and the line of the policy that decides what it has found fault with.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ShownFinding {
    /// The rule's code.
    pub code: crate::origin::Code,
    /// The field: `subject`, `extensions.2.5.29.15`, ...
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
    /// The line of the policy.
    #[serde(rename = "policy")]
    pub line: PolicyLine,
}

/// Builds and lints the certificate of one leaf. The inner error is the leaf's rejection: there would be none.
///
/// # Errors
/// The anchors, the policy or the leaf's file are not usable at all.
pub fn preview(request: &Preview<'_>) -> Result<Result<Shown, Finding>, Error> {
    let anchors = request.anchors.iter().cloned().map(TrustAnchor::from_certificate).collect::<Result<_, _>>()?;
    let mut verifier = Verifier::new(anchors, request.policy.source().clone(), request.at)?;
    let (leaf, warnings) = match examine(request, &mut verifier) {
        Ok(verified) => verified,
        Err(finding) => return Ok(Err(finding)),
    };
    let context =
        BatchContext { batch: STAND_IN_BATCH.to_owned(), issued_at: request.at, params: request.params.clone() };
    let bound = request.policy.bind(request.issuer, &context)?;
    let template = match bound.template(&leaf) {
        Ok(template) => template,
        Err(finding) => return Ok(Err(finding)),
    };
    let seed = Seed([0; 32]);
    let basis = SerialBasis { encoder: Encoder::NEW, batch: STAND_IN_BATCH, seed: &seed, beacon: None };
    // the batch draws the real seed; every derived serial number has the same length
    let serial = Serials::new(&basis, request.issuer.spki()).of(&template, 0);
    let tbs = TbsCertificate::encode(request.issuer, &template, serial, 0);
    let findings = match lint::check(request.issuer, &template, tbs.clone()) {
        Ok(_) => vec![],
        Err(findings) => findings
            .into_iter()
            .map(|finding| ShownFinding {
                line: place::line(request.policy, &request.policy.place_of(&finding)),
                code: finding.code,
                field: finding.path,
                message: finding.message,
            })
            .collect(),
    };
    Ok(Ok(Shown {
        fields: fields::of(request.policy, request.issuer, &template),
        findings,
        tbs_bytes: tbs.der().len(),
        max_bytes: bound.max_certificate_bytes(request.issuer),
        max_bytes_line: place::of(request.policy, "device.max_certificate_bytes"),
        unsigned: tbs.wrap(&[]),
        leaf: ShownLeaf {
            uid: leaf.uid().to_string(),
            family: leaf.family().as_str(),
            subject: leaf.certificate().subject().to_string(),
            key: leaf.spki().algorithm().to_string(),
            sha256: sha256(leaf.certificate().der()),
            anchor: verifier.anchors()[leaf.proof().anchor()].name().to_string(),
            relaxations: leaf.proof().relaxations().iter().map(|relaxation| relaxation.as_str()).collect(),
            warnings,
        },
    }))
}

type Verified = (VerifiedLeaf, Vec<Warning>);

/// Finds the one leaf among the certificates of the file, and verifies it.
fn examine(request: &Preview<'_>, verifier: &mut Verifier) -> Result<Verified, Finding> {
    let item = ItemName::input(request.name.as_bytes());
    let mut others = Vec::new();
    let ders = match certificates_in_pem(request.leaf) {
        Ok(ders) => ders,
        Err(error) => return Err(Finding::rejected(item, NO_CERTIFICATE, error.to_string())),
    };
    for der in ders {
        let source = SourceLeaf { item: item.clone(), der, file_name: None };
        match verifier.examine(&source) {
            Examined::CaCertificate(certificate) => verifier.add_intermediate(certificate),
            Examined::Rejected(_) | Examined::Verified(..) => others.push(source),
        }
    }
    let [leaf] = others.as_slice() else {
        let (code, reason) = if others.is_empty() {
            (verify::CA_CERTIFICATE, "a CA certificate, expected a source leaf".to_owned())
        } else {
            (SEVERAL_LEAVES, format!("{} leaves in one file, expected one", others.len()))
        };
        return Err(Finding::rejected(item, code, reason));
    };
    // once more: by now all CA certificates of the file are known
    match verifier.examine(leaf) {
        Examined::Verified(leaf, warnings) => Ok((leaf, warnings)),
        Examined::Rejected(finding) => Err(finding),
        Examined::CaCertificate(_) => unreachable!("it was none before"),
    }
}

/// What was named as leaf is not a certificate.
const NO_CERTIFICATE: crate::origin::Code = crate::origin::Code::new("preview.leaf.no-certificate");
/// A preview is of one certificate.
const SEVERAL_LEAVES: crate::origin::Code = crate::origin::Code::new("preview.leaf.several");
