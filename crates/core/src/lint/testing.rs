//! A test CA, a template, and encodings that can be broken field by field.

use der::asn1::ObjectIdentifier;

use crate::cert::{DeviceLimits, IssuerIdentity, ObjectTemplate, Profiles, RuleScope, SerialRule, TemplateFields};
use crate::origin::{ItemName, Origin, Uid};
use crate::x509::tlv::{element, tag};
use crate::x509::{
    Certificate, Extension, KeyAlgorithm, Name, SerialNumber, Sha256Digest, SignatureAlgorithm, Spki, Time, Validity,
    oid,
};

use super::finding::{LintFinding, Report};
use super::rule::{Rule, Subject};
use super::tbs::Tbs;

/// What a test CA certificate is to be like.
#[derive(Clone)]
pub(crate) struct CaSpec {
    pub(crate) key: KeyAlgorithm,
    pub(crate) subject: Vec<u8>,
    pub(crate) not_before: &'static str,
    pub(crate) not_after: &'static str,
    pub(crate) key_identifier: Option<Vec<u8>>,
    /// extendedKeyUsage, none if empty.
    pub(crate) purposes: &'static [ObjectIdentifier],
}

impl Default for CaSpec {
    fn default() -> Self {
        Self {
            key: KeyAlgorithm::P256,
            subject: name(&[
                (oid::ORGANIZATION_NAME, tag::UTF8_STRING, b"TEST"),
                (oid::COMMON_NAME, tag::UTF8_STRING, b"TEST Issuing CA"),
            ]),
            not_before: "2025-01-01T00:00:00Z",
            not_after: "2065-01-01T00:00:00Z",
            key_identifier: Some(vec![0xCA; 20]),
            purposes: &[],
        }
    }
}

impl CaSpec {
    /// An issuer with an invented key and an invented signature: neither is looked at by what is tested here.
    pub(crate) fn issuer(&self) -> IssuerIdentity {
        IssuerIdentity::new(self.certificate(), vec![]).unwrap()
    }

    /// Its certificate, which names itself as its issuer.
    pub(crate) fn certificate(&self) -> Certificate {
        let mut extensions = vec![
            extension(oid::BASIC_CONSTRAINTS, Some(&[0xFF]), &[0x30, 3, 1, 1, 0xFF]),
            extension(oid::KEY_USAGE, Some(&[0xFF]), &[3, 2, 1, 6]),
        ];
        if let Some(id) = &self.key_identifier {
            extensions.push(extension(oid::SUBJECT_KEY_IDENTIFIER, None, &element(tag::OCTET_STRING, &[id])));
        }
        if !self.purposes.is_empty() {
            let purposes: Vec<Vec<u8>> =
                self.purposes.iter().map(|purpose| element(6, &[purpose.as_bytes()])).collect();
            let purposes = element(tag::SEQUENCE, &[&purposes.concat()]);
            extensions.push(extension(oid::EXTENDED_KEY_USAGE, None, &purposes));
        }
        let algorithm = match self.key {
            KeyAlgorithm::Ed25519 => SignatureAlgorithm::Ed25519,
            KeyAlgorithm::Rsa { .. } => SignatureAlgorithm::RsaPkcs1Sha256,
            _ => SignatureAlgorithm::EcdsaSha256,
        };
        let time = |text| Time::from_rfc3339(text).unwrap().to_der();
        let tbs = element(
            tag::SEQUENCE,
            &[
                &[0xA0, 3, 2, 1, 2],
                &[2, 1, 1],
                &algorithm.identifier(),
                &self.subject,
                &element(tag::SEQUENCE, &[&time(self.not_before), &time(self.not_after)]),
                &self.subject,
                spki(self.key).der(),
                &element(0xA3, &[&element(tag::SEQUENCE, &[&extensions.concat()])]),
            ],
        );
        let signature = element(tag::BIT_STRING, &[&[0], &[0x30, 6, 2, 1, 1, 2, 1, 1]]);
        let der = element(tag::SEQUENCE, &[&tbs, &algorithm.identifier(), &signature]);
        Certificate::from_der(&der).unwrap()
    }
}

/// The usual test issuer: P-256, valid 2025 to 2065.
pub(crate) fn issuer() -> IssuerIdentity {
    CaSpec::default().issuer()
}

/// A SubjectPublicKeyInfo with an invented key.
pub(crate) fn spki(key: KeyAlgorithm) -> Spki {
    if let KeyAlgorithm::Rsa { bits } = key {
        let modulus = vec![0xC5; usize::from(bits) / 8];
        let key = element(tag::SEQUENCE, &[&element(tag::INTEGER, &[&[0], &modulus]), &[2, 3, 1, 0, 1]]);
        let algorithm = element(tag::SEQUENCE, &[&element(6, &[oid::RSA_ENCRYPTION.as_bytes()]), &[5, 0]]);
        return Spki::from_der(&element(tag::SEQUENCE, &[&algorithm, &element(tag::BIT_STRING, &[&[0], &key])]))
            .unwrap();
    }
    let curve = match key {
        KeyAlgorithm::P256 => Some(oid::SECP256R1),
        KeyAlgorithm::P384 => Some(oid::SECP384R1),
        KeyAlgorithm::P521 => Some(oid::SECP521R1),
        KeyAlgorithm::BrainpoolP256r1 => Some(oid::BRAINPOOL_P256R1),
        KeyAlgorithm::BrainpoolP384r1 => Some(oid::BRAINPOOL_P384R1),
        _ => None,
    };
    let algorithm = match curve {
        Some(curve) => [element(6, &[oid::EC_PUBLIC_KEY.as_bytes()]), element(6, &[curve.as_bytes()])].concat(),
        None => element(6, &[oid::ED25519.as_bytes()]),
    };
    let bits = key.field_bytes().map_or(vec![0x55; 32], |bytes| [vec![4], vec![0x55; 2 * bytes]].concat());
    let der =
        element(tag::SEQUENCE, &[&element(tag::SEQUENCE, &[&algorithm]), &element(tag::BIT_STRING, &[&[0], &bits])]);
    Spki::from_der(&der).unwrap()
}

/// A Name with one attribute in each RDN.
pub(crate) fn name(attributes: &[(ObjectIdentifier, u8, &[u8])]) -> Vec<u8> {
    let rdn = |(kind, tag, value): &(ObjectIdentifier, u8, &[u8])| {
        let pair = element(tag::SEQUENCE, &[&element(6, &[kind.as_bytes()]), &element(*tag, &[value])]);
        element(tag::SET, &[&pair])
    };
    element(tag::SEQUENCE, &[&attributes.iter().map(rdn).collect::<Vec<_>>().concat()])
}

/// An Extension.
pub(crate) fn extension(oid: ObjectIdentifier, critical: Option<&[u8]>, value: &[u8]) -> Vec<u8> {
    let critical = critical.map_or(vec![], |content| element(tag::BOOLEAN, &[content]));
    element(tag::SEQUENCE, &[&element(6, &[oid.as_bytes()]), &critical, &element(tag::OCTET_STRING, &[value])])
}

/// A subjectAltName with a hardwareModuleName alone.
pub(crate) fn hardware_module_name() -> Vec<u8> {
    let value = element(tag::SEQUENCE, &[&[6, 3, 0x2A, 3, 4], &[4, 2, 2, 9]]);
    let kind = element(6, &[oid::ON_HARDWARE_MODULE_NAME.as_bytes()]);
    element(tag::SEQUENCE, &[&element(0xA0, &[&kind, &element(0xA0, &[&value])])])
}

/// A certificate's template and its encoding in pieces.
pub(crate) struct Case {
    pub(crate) issuer: IssuerIdentity,
    pub(crate) template: ObjectTemplate,
    pub(crate) recorded_serial: SerialNumber,
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) issuer_name: Vec<u8>,
    pub(crate) not_before: Vec<u8>,
    pub(crate) not_after: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    pub(crate) unique_identifiers: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) with_extensions: bool,
}

impl Case {
    /// A certificate without a fault: subject O and CN, and the usual extensions of a TLS client.
    pub(crate) fn good() -> Self {
        let subject = name(&[
            (oid::ORGANIZATION_NAME, tag::UTF8_STRING, b"Example Devices"),
            (oid::COMMON_NAME, tag::UTF8_STRING, b"0209B0846159E439520139"),
        ]);
        let authority = element(tag::SEQUENCE, &[&element(0x80, &[&[0xCA; 20]])]);
        let extensions = vec![
            ext(oid::BASIC_CONSTRAINTS, true, &[0x30, 0]),
            ext(oid::KEY_USAGE, true, &[3, 2, 7, 0x80]),
            ext(
                oid::EXTENDED_KEY_USAGE,
                false,
                &element(tag::SEQUENCE, &[&element(6, &[oid::KP_CLIENT_AUTH.as_bytes()])]),
            ),
            ext(oid::SUBJECT_KEY_IDENTIFIER, false, &element(tag::OCTET_STRING, &[&[0x51; 20]])),
            ext(oid::AUTHORITY_KEY_IDENTIFIER, false, &authority),
            ext(oid::SUBJECT_ALT_NAME, false, &element(tag::SEQUENCE, &[&element(0x86, &[b"urn:stsafe:0209"])])),
        ];
        let validity = Validity::new(
            Time::from_rfc3339("2026-03-01T00:00:00Z").unwrap(),
            Time::from_rfc3339("2046-02-28T23:59:59Z").unwrap(),
        );
        let template = ObjectTemplate::assert_decided(TemplateFields {
            origin: Origin {
                item: ItemName::input(b"reel.zip"),
                uid: "0209B0846159E439520139".parse::<Uid>().unwrap(),
                fingerprint: Sha256Digest::new([7; 32]),
            },
            serial: SerialRule::Derived,
            signature: SignatureAlgorithm::EcdsaSha256,
            validity: validity.unwrap(),
            subject: Name::from_der(&subject).unwrap(),
            spki: spki(KeyAlgorithm::P256),
            extensions,
            device: DeviceLimits { stselib: true, max_certificate_bytes: Some(1000), full_width_signature: true },
            rules: RuleScope { may_outlive_issuer: false, profiles: Profiles::NONE },
        });
        Self::of(issuer(), template)
    }

    /// The encoding of a template in pieces.
    pub(crate) fn of(issuer: IssuerIdentity, template: ObjectTemplate) -> Self {
        let critical = |critical: bool| critical.then_some(&[0xFF][..]);
        Self {
            recorded_serial: SerialNumber::from_content(&[0x40; 16]).unwrap(),
            version: vec![0xA0, 3, 2, 1, 2],
            serial: vec![0x40; 16],
            signature: template.signature.identifier(),
            issuer_name: issuer.subject().der().to_vec(),
            not_before: template.validity.not_before().to_der(),
            not_after: template.validity.not_after().to_der(),
            subject: template.subject.der().to_vec(),
            spki: template.spki.der().to_vec(),
            unique_identifiers: vec![],
            extensions: template
                .extensions
                .iter()
                .map(|one| extension(one.oid, critical(one.critical), &one.value))
                .collect(),
            with_extensions: !template.extensions.is_empty(),
            issuer,
            template,
        }
    }

    /// Replaces (or adds) an extension in template and encoding.
    pub(crate) fn set(mut self, oid: ObjectIdentifier, critical: bool, value: &[u8]) -> Self {
        self.remove(oid);
        self.template.extensions.push(ext(oid, critical, value));
        self.extensions.push(extension(oid, critical.then_some(&[0xFF]), value));
        self.with_extensions = true;
        self
    }

    /// Takes an extension out of template and encoding.
    pub(crate) fn without(mut self, oid: ObjectIdentifier) -> Self {
        self.remove(oid);
        self
    }

    fn remove(&mut self, oid: ObjectIdentifier) {
        self.template.extensions.retain(|extension| extension.oid != oid);
        let head = element(6, &[oid.as_bytes()]);
        self.extensions.retain(|der| !der[2..].starts_with(&head) && !der[3..].starts_with(&head));
    }

    /// Replaces the subject in template and encoding.
    pub(crate) fn subject(mut self, attributes: &[(ObjectIdentifier, u8, &[u8])]) -> Self {
        self.subject = name(attributes);
        self.template.subject = Name::from_der(&self.subject).unwrap();
        self
    }

    /// Replaces the key in template and encoding.
    pub(crate) fn key(mut self, key: KeyAlgorithm) -> Self {
        self.template.spki = spki(key);
        self.spki = self.template.spki.der().to_vec();
        self
    }

    /// The tbsCertificate.
    pub(crate) fn der(&self) -> Vec<u8> {
        let list = element(tag::SEQUENCE, &[&self.extensions.concat()]);
        let extensions = if self.with_extensions { element(0xA3, &[&list]) } else { vec![] };
        element(
            tag::SEQUENCE,
            &[
                &self.version,
                &element(tag::INTEGER, &[&self.serial]),
                &self.signature,
                &self.issuer_name,
                &element(tag::SEQUENCE, &[&self.not_before, &self.not_after]),
                &self.subject,
                &self.spki,
                &self.unique_identifiers,
                &extensions,
            ],
        )
    }

    /// The findings of one rule, whether or not it applies.
    pub(crate) fn run(&self, rule: &Rule) -> Vec<LintFinding> {
        let der = self.der();
        let tbs = Tbs::read(&der).unwrap();
        let subject =
            Subject { issuer: &self.issuer, template: &self.template, serial: &self.recorded_serial, tbs: &tbs };
        let mut report = Report::default();
        (rule.check)(&subject, &mut report.of(rule.code, rule.clause));
        report.finish()
    }

    /// Asserts that a rule has nothing to say.
    #[track_caller]
    pub(crate) fn passes(&self, rule: &Rule) {
        assert_eq!(self.run(rule), vec![], "expected no finding");
    }

    /// Asserts that a rule has exactly one finding whose text has `part`.
    #[track_caller]
    pub(crate) fn fails(&self, rule: &Rule, part: &str) {
        let found = self.run(rule);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].code, rule.code);
        assert!(found[0].to_string().contains(part), "{}", found[0]);
    }

    /// The codes of all findings of all rules that apply.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let findings = super::examine(&self.issuer, &self.template, &self.recorded_serial, &self.der());
        findings.iter().map(|finding| finding.code.as_str()).collect()
    }
}

pub(crate) fn ext(oid: ObjectIdentifier, critical: bool, value: &[u8]) -> Extension {
    Extension { oid, critical, value: value.to_vec().into() }
}
