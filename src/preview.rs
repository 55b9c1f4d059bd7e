//! What would be issued for one leaf: everything but the batch's own serial number and the signature.

use crate::cert::{IssuerIdentity, Seed};
use crate::error::Error;
use crate::issue::serial_for;
use crate::origin::{Finding, ItemName};
use crate::policy::{BatchContext, Params, Policy};
use crate::reel::{SourceLeaf, certificates_in_pem};
use crate::verify::{self, Examined, TrustAnchor, Verifier};
use crate::x509::{Certificate, Time};

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
    /// The leaf, PEM or DER.
    pub leaf: &'a [u8],
    /// The leaf's name for findings.
    pub name: &'a str,
    /// The instant that stands for the batch's.
    pub at: Time,
}

/// Field by field.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Name and value, in the order of the certificate.
    pub fields: Vec<(String, String)>,
}

/// Builds and lints the certificate of one leaf. The inner error says why there would be none.
///
/// # Errors
/// The anchors, the policy or the leaf's file are not usable at all.
pub fn preview(request: &Preview<'_>) -> Result<Result<Shown, Vec<Finding>>, Error> {
    let anchors = request.anchors.iter().cloned().map(TrustAnchor::from_certificate).collect::<Result<_, _>>()?;
    let verifier = Verifier::new(anchors, request.policy.source().clone(), request.at)?;
    let der = certificates_in_pem(request.leaf)?.into_iter().next().unwrap_or_default();
    let item = ItemName::input(request.name.as_bytes());
    let leaf = match verifier.examine(&SourceLeaf { item: item.clone(), der, file_name: None }) {
        Examined::Verified(leaf, _) => leaf,
        Examined::Rejected(finding) => return Ok(Err(vec![finding])),
        Examined::CaCertificate(_) => {
            let reason = "a CA certificate, expected a leaf";
            return Ok(Err(vec![Finding::rejected(item, verify::CA_CERTIFICATE, reason)]));
        }
    };
    let context = BatchContext {
        batch: "00000000-0000-7000-8000-000000000000".into(),
        issued_at: request.at,
        params: request.params.clone(),
    };
    let bound = request.policy.bind(request.issuer, &context)?;
    let template = match bound.template(&leaf) {
        Ok(template) => template,
        Err(finding) => return Ok(Err(vec![finding])),
    };
    // the batch draws the real seed; every derived serial number has the same length
    let serial = serial_for(&template, &Seed([0; 32]), request.issuer, 0);
    let tbs = match request.issuer.prepare(&template, serial, 0) {
        Ok(linted) => linted.into_tbs(),
        Err(lints) => {
            let finding = |lint: &crate::lint::LintFinding| {
                Finding::rejected(item.clone(), lint.code, lint.to_string()).of(Some(leaf.uid().clone()), None)
            };
            return Ok(Err(lints.iter().map(finding).collect()));
        }
    };
    let mut fields = vec![
        ("issuer".to_owned(), request.issuer.subject().to_string()),
        ("subject".to_owned(), template.subject.to_string()),
        ("serial".to_owned(), format!("{:?}", template.serial)),
        ("not_before".to_owned(), template.validity.not_before().to_string()),
        ("not_after".to_owned(), template.validity.not_after().to_string()),
        ("signature".to_owned(), template.signature.to_string()),
        ("public key".to_owned(), format!("{} (as in the leaf)", template.spki.algorithm())),
    ];
    for extension in &template.extensions {
        let critical = if extension.critical { "critical, " } else { "" };
        fields.push((format!("extension {}", extension.oid), format!("{critical}{}", hex::encode(&extension.value))));
    }
    fields.push(("tbsCertificate".to_owned(), format!("{} octets", tbs.der().len())));
    fields.push(("certificate".to_owned(), format!("{} octets at most", bound.max_certificate_octets(request.issuer))));
    Ok(Ok(Shown { fields }))
}
