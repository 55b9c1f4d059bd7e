//! A policy, an issuer and a batch: every field decided but for what comes from the leaf.

use bytes::Bytes;

use crate::cert::{
    DeviceLimits, IssuerIdentity, ObjectTemplate, RuleScope, SerialRule, TbsCertificate, TemplateFields,
};
use crate::origin::{Finding, Origin};
use crate::verify::{Family, VerifiedLeaf};
use crate::x509::oid::{self, ObjectIdentifier};
use crate::x509::{Extension, KeyAlgorithm, Name, Purposes, SignatureAlgorithm, Spki, Time, Validity};

use super::error::{self, Mistakes, PolicyErrors};
use super::field::Recipe;
use super::field::extended_key_usage;
use super::field::serial::SerialSource;
use super::field::signature::Signature;
use super::field::validity::{OutlivesIssuer, ValidityFault, ValidityRule};
use super::leaf::{BatchValues, LeafValues, Unfit};
use super::node::{Node, element_bytes};
use super::params::Params;
use super::parse::Policy;
use super::sample;
use super::value::Variable;

/// What a batch adds to its policy.
#[derive(Clone, Debug)]
pub struct BatchContext {
    /// The batch id: a UUID in its 36-character form, lower case.
    pub batch: String,
    /// The instant of the batch in whole seconds: `issuance`.
    pub issued_at: Time,
    /// What the operator supplied.
    pub params: Params,
}

/// A policy bound to an issuer and a batch. Filling in a leaf needs nothing else and cannot go wrong for a leaf that
/// the policy's `[source]` accepts, unless a field copies from the leaf what the leaf does not have.
#[derive(Clone, Debug)]
pub struct BoundPolicy {
    family: Family,
    keys: Vec<KeyAlgorithm>,
    serial: SerialSource,
    pub(super) validity: BoundValidity,
    signature: SignatureAlgorithm,
    pub(super) subject: BoundName,
    pub(super) extensions: Vec<BoundExtension>,
    device: DeviceLimits,
    rules: RuleScope,
}

#[derive(Clone, Debug)]
pub(super) enum BoundValidity {
    Fixed(Validity),
    FromLeaf { rule: ValidityRule, issued_at: Time, issuer: Validity },
}

#[derive(Clone, Debug)]
pub(super) enum BoundName {
    Fixed(Name),
    FromLeaf(Node),
}

#[derive(Clone, Debug)]
pub(super) struct BoundExtension {
    pub(super) oid: der::asn1::ObjectIdentifier,
    critical: bool,
    pub(super) value: BoundExtensionValue,
}

#[derive(Clone, Debug)]
pub(super) enum BoundExtensionValue {
    Fixed(Bytes),
    FromLeaf(Node),
}

/// Why a leaf has no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LeafFault {
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(transparent)]
    Validity(#[from] ValidityFault),
}

impl Policy {
    /// Binds the policy to the CA that will issue and to the batch.
    ///
    /// # Errors
    /// The issuer's key does not fit the signature algorithm, the validity does not fit the issuer's, the issuer has no
    /// key identifier to copy, a certificate could be larger than the device's limit, or a sample certificate fails a
    /// lint.
    pub fn bind(&self, issuer: &IssuerIdentity, batch: &BatchContext) -> Result<BoundPolicy, PolicyErrors> {
        let errors = Mistakes::default();
        let bound = self.bind_collecting(issuer, batch, &errors);
        errors.finish(&self.file_name, &self.text, bound)
    }

    /// Checks what does not depend on the batch: that the CA's key makes the policy's signatures, that the CA has a key
    /// identifier if the policy copies it, and that no extendedKeyUsage of a CA forbids the policy's purposes.
    /// [`bind`](Self::bind) includes it; asked before inputs are read, it saves the reading.
    ///
    /// # Errors
    /// The policy cannot be used with this CA, regardless of the batch.
    pub fn check_issuer(&self, issuer: &IssuerIdentity) -> Result<(), PolicyErrors> {
        let errors = Mistakes::default();
        self.signature.check(issuer, &errors);
        self.check_key_identifier(issuer, &errors);
        self.check_purposes(issuer, &errors);
        let fits = errors.is_empty().then_some(());
        errors.finish(&self.file_name, &self.text, fits)
    }

    fn bind_collecting(&self, issuer: &IssuerIdentity, batch: &BatchContext, errors: &Mistakes) -> Option<BoundPolicy> {
        if !is_uuid(&batch.batch) {
            errors.push::<()>(error::BATCH_ID, self.head.span.clone(), "the batch id is not a UUID in lower case");
        }
        if !self.accepts(&batch.params) {
            let message = "the parameters were checked against another policy";
            return errors.push(error::PARAM_MISMATCH, self.head.span.clone(), message);
        }
        self.signature.check(issuer, errors);
        self.check_key_identifier(issuer, errors);
        self.check_purposes(issuer, errors);
        let validity = self.bind_validity(issuer, batch.issued_at, errors);
        if !errors.is_empty() {
            return None;
        }
        let values = BatchValues {
            batch: &batch.batch,
            issued_at: batch.issued_at.to_string(),
            params: batch.params.values(),
            issuer_key_identifier: issuer.key_identifier(),
        };
        let bound = BoundPolicy {
            family: self.source.family,
            keys: self.source.keys.clone(),
            serial: self.serial,
            validity: validity?,
            signature: self.signature.algorithm,
            subject: match self.subject.node.bind(&values) {
                Node::Bytes(der) => BoundName::Fixed(Name::from_der(&der).expect("the policy builds names")),
                node => BoundName::FromLeaf(node),
            },
            extensions: self.extensions.iter().map(|recipe| recipe.bind(&values)).collect(),
            device: self.device.limits,
            rules: RuleScope {
                may_outlive_issuer: self.validity.outlives == OutlivesIssuer::Allow,
                profiles: self.head.profiles,
            },
        };
        self.check_size(&bound, issuer, errors);
        if errors.is_empty() {
            sample::check_lints(self, &bound, issuer, errors);
        }
        Some(bound)
    }

    /// The purposes of extendedKeyUsage, if the policy has the extension.
    pub fn purposes(&self) -> Option<Vec<ObjectIdentifier>> {
        self.extensions.iter().find(|recipe| recipe.oid == oid::EXTENDED_KEY_USAGE).map(extended_key_usage::purposes)
    }

    /// Checks the policy's validity against the CAs above the issuing CA: one that ends before the issuing CA ends
    /// every path through it. With `allow` that is a note, which is returned; [`bind`](Self::bind) does not look at it,
    /// because old batches are bound too.
    ///
    /// # Errors
    /// A CA above ends first, and the policy does not allow certificates to outlive their CA.
    pub fn check_ends(&self, issuer: &IssuerIdentity) -> Result<Vec<String>, PolicyErrors> {
        let errors = Mistakes::default();
        let end = issuer.validity().not_after();
        let mut notes = Vec::new();
        for above in issuer.chain().iter().filter(|above| above.validity().not_after() < end) {
            let (subject, earlier) = (above.subject(), above.validity().not_after());
            let message =
                format!("the CA `{subject}` ends at {earlier}, before the issuing CA below it, which ends at {end}");
            if self.validity.outlives == OutlivesIssuer::Allow {
                notes.push(format!("{message}: no certificate can be verified after that"));
                continue;
            }
            errors.push_hint::<()>(
                error::ISSUER_END,
                self.validity.end_span.clone(),
                format!("`certificate`: {message} (RFC 5280 §6.1.3 (a)(2))"),
                "Have the CA above certified for longer, issue under a CA that ends first, or write outlives_issuer = \
                 \"allow\".",
            );
        }
        let fits = errors.is_empty().then_some(notes);
        errors.finish(&self.file_name, &self.text, fits)
    }

    /// Relying parties apply the extendedKeyUsage of a CA to everything below it.
    fn check_purposes(&self, issuer: &IssuerIdentity, errors: &Mistakes) {
        let purposes = self.purposes();
        let Err(reason) = issuer.check_purposes(purposes.as_deref().map_or(Purposes::Any, Purposes::Of)) else {
            return;
        };
        let recipe = self.extensions.iter().find(|recipe| recipe.oid == oid::EXTENDED_KEY_USAGE);
        let span = recipe.map_or_else(|| self.head.span.clone(), |recipe| recipe.span.clone());
        let hint = reason.hint().unwrap_or_default();
        errors.push_hint::<()>(error::ISSUER_PURPOSE, span, reason.to_string(), hint);
    }

    fn check_key_identifier(&self, issuer: &IssuerIdentity, errors: &Mistakes) {
        if issuer.key_identifier().is_some() {
            return;
        }
        for recipe in &self.extensions {
            let copies = |text: &&super::text::Text| text.uses(&Variable::IssuerKeyIdentifier);
            if recipe.value.texts().iter().any(copies) {
                errors.push_hint::<()>(
                    error::ISSUER_KEY_IDENTIFIER,
                    recipe.span.clone(),
                    format!(
                        "`{}` copies the issuing CA's subjectKeyIdentifier, but the CA's certificate has none",
                        recipe.path
                    ),
                    "Issue under a CA certificate with a subjectKeyIdentifier (RFC 5280 §4.2.1.2), or drop the line.",
                );
            }
        }
    }

    fn bind_validity(&self, issuer: &IssuerIdentity, issued_at: Time, errors: &Mistakes) -> Option<BoundValidity> {
        let rule = &self.validity;
        if !rule.is_constant() {
            let issuer = issuer.validity();
            return Some(BoundValidity::FromLeaf { rule: rule.clone(), issued_at, issuer });
        }
        match rule.decide(issued_at, issuer.validity(), issuer.validity()) {
            Ok(validity) => Some(BoundValidity::Fixed(validity)),
            Err(fault) => {
                let span = if fault.is_of_begin() { rule.begin_span.clone() } else { rule.end_span.clone() };
                errors.push_hint(error::VALIDITY, span, format!("`certificate`: {fault}"), fault.hint())
            }
        }
    }

    fn check_size(&self, bound: &BoundPolicy, issuer: &IssuerIdentity, errors: &Mistakes) {
        let Some(limit) = self.device.limits.max_certificate_bytes else { return };
        let largest = bound.max_certificate_bytes(issuer);
        if usize::try_from(limit).is_ok_and(|limit| largest > limit) {
            let message = format!(
                "a certificate of this policy under this CA can have {largest} bytes, more than `device.max_certificate_bytes` = {limit}"
            );
            let hint = "Shorten names or drop extensions, or raise the limit to what the zone holds.";
            errors.push_hint::<()>(error::SIZE, self.device.size_span.clone(), message, hint);
        }
    }
}

impl Recipe {
    fn bind(&self, values: &BatchValues<'_>) -> BoundExtension {
        let value = match self.value.bind(values) {
            Node::Bytes(bytes) => BoundExtensionValue::Fixed(bytes.into()),
            node => BoundExtensionValue::FromLeaf(node),
        };
        BoundExtension { oid: self.oid, critical: self.critical, value }
    }
}

impl BoundPolicy {
    /// Calls [`TbsCertificate::kept`] for a leaf, with what this policy decides for every leaf.
    pub fn kept(&self, der: &[u8], leaf: &VerifiedLeaf) -> Option<TbsCertificate> {
        TbsCertificate::kept(der, leaf.origin(), leaf.spki(), self.signature, self.device.full_width_signature)
    }

    /// Decides every field of the certificate for a leaf.
    ///
    /// # Errors
    /// A rejection of the leaf: it is not of the policy's family or key kinds, or a field that the policy takes from
    /// the leaf is missing or not allowed.
    pub fn template(&self, leaf: &VerifiedLeaf) -> Result<ObjectTemplate, Finding> {
        self.check_leaf(leaf).map_err(|(code, reason)| reject(leaf, code, reason))?;
        let serial = match self.serial {
            SerialSource::Derived => SerialRule::Derived,
            SerialSource::Source => SerialRule::Source(*leaf.certificate().serial()),
        };
        let source = leaf.certificate().validity();
        self.fill(leaf.origin().clone(), serial, leaf.spki().clone(), source, &LeafValues::of(leaf)).map_err(|fault| {
            let code = match fault {
                LeafFault::Unfit(_) => error::LEAF_COMMON_NAME,
                LeafFault::Validity(_) => error::LEAF_VALIDITY,
            };
            reject(leaf, code, fault.to_string())
        })
    }

    /// The most bytes a certificate of this policy can have, with the largest signature (RFC 5280 §4.1).
    pub fn max_certificate_bytes(&self, issuer: &IssuerIdentity) -> usize {
        let serial = match self.serial {
            SerialSource::Derived => 16,
            SerialSource::Source => self.family.uid_bytes().1,
        };
        let validity = match &self.validity {
            BoundValidity::Fixed(validity) => {
                validity.not_before().to_der().len() + validity.not_after().to_der().len()
            }
            BoundValidity::FromLeaf { .. } => 2 * 17,
        };
        let subject = match &self.subject {
            BoundName::Fixed(name) => name.der().len(),
            BoundName::FromLeaf(node) => node.max_bytes(),
        };
        let spki = self.keys.iter().map(|key| sample::spki(*key).der().len()).max().unwrap_or_default();
        let mut extensions = 0;
        for extension in &self.extensions {
            let value = match &extension.value {
                BoundExtensionValue::Fixed(bytes) => bytes.len(),
                BoundExtensionValue::FromLeaf(node) => node.max_bytes(),
            };
            let critical = if extension.critical { 3 } else { 0 };
            extensions +=
                element_bytes(element_bytes(extension.oid.as_bytes().len()) + critical + element_bytes(value));
        }
        if extensions > 0 {
            extensions = element_bytes(element_bytes(extensions));
        }
        let algorithm = self.signature.identifier().len();
        let version = 5;
        let tbs = version + element_bytes(serial) + algorithm + issuer.subject().der().len() + element_bytes(validity);
        let tbs = element_bytes(tbs + subject + spki + extensions);
        let signature = element_bytes(1 + Signature::max_bytes(issuer.spki().algorithm()));
        element_bytes(tbs + algorithm + signature)
    }

    pub(super) fn fill(
        &self,
        origin: Origin,
        serial: SerialRule,
        spki: Spki,
        source: Validity,
        values: &LeafValues<'_>,
    ) -> Result<ObjectTemplate, LeafFault> {
        let validity = match &self.validity {
            BoundValidity::Fixed(validity) => *validity,
            BoundValidity::FromLeaf { rule, issued_at, issuer } => rule.decide(*issued_at, source, *issuer)?,
        };
        let mut bytes = Vec::with_capacity(256);
        let subject = match &self.subject {
            BoundName::Fixed(name) => name.clone(),
            BoundName::FromLeaf(node) => {
                Name::from_der(render(node, values, &mut bytes)?).expect("the policy builds names")
            }
        };
        let mut extensions = Vec::with_capacity(self.extensions.len());
        for extension in &self.extensions {
            let value = match &extension.value {
                BoundExtensionValue::Fixed(bytes) => bytes.clone(),
                BoundExtensionValue::FromLeaf(node) => Bytes::copy_from_slice(render(node, values, &mut bytes)?),
            };
            extensions.push(Extension { oid: extension.oid, critical: extension.critical, value });
        }
        Ok(ObjectTemplate::assert_decided(TemplateFields {
            origin,
            serial,
            signature: self.signature,
            validity,
            subject,
            spki,
            extensions,
            device: self.device,
            rules: self.rules,
        }))
    }

    /// What intake has checked already; a leaf that was verified under other rules must not get past it.
    fn check_leaf(&self, leaf: &VerifiedLeaf) -> Result<(), (crate::origin::Code, String)> {
        let (min, max) = self.family.uid_bytes();
        let bytes = leaf.uid().as_bytes().len();
        if leaf.family() != self.family || !(min..=max).contains(&bytes) {
            let found = leaf.family();
            let reason = format!(
                "leaf of family {found} with a UID of {bytes} octets, expected {} with {min} to {max}",
                self.family
            );
            return Err((error::LEAF_FAMILY, reason));
        }
        let key = leaf.spki().algorithm();
        if !self.keys.contains(&key) {
            return Err((
                error::LEAF_KEY,
                format!("leaf has a {key} key, which `source.keys` of the policy does not list"),
            ));
        }
        Ok(())
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }

    pub(super) fn keys(&self) -> &[KeyAlgorithm] {
        &self.keys
    }

    pub(super) fn serial(&self) -> SerialSource {
        self.serial
    }
}

/// The bytes of a node for a leaf, in a buffer for those of many.
fn render<'a>(node: &Node, values: &LeafValues<'_>, bytes: &'a mut Vec<u8>) -> Result<&'a [u8], Unfit> {
    bytes.clear();
    node.render(values, bytes)?;
    Ok(bytes)
}

fn reject(leaf: &VerifiedLeaf, code: crate::origin::Code, reason: String) -> Finding {
    let origin = leaf.origin();
    Finding::rejected(origin.item.clone(), code, reason).of(Some(origin.uid), Some(origin.fingerprint))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}
