//! A list of a test CA in pieces that can be broken one by one.

use der::asn1::ObjectIdentifier;

use crate::cert::IssuerIdentity;
use crate::crl::{CrlEntry, CrlParameters, IssuingDistributionPoint, Reason};
use crate::lint::finding::{LintFinding, Report};
use crate::lint::testing::{CaSpec, extension};
use crate::x509::tlv::{element, tag};
use crate::x509::{SerialNumber, SignatureAlgorithm, Time, oid};

use super::list::List;
use super::{CrlRule, Subject};

pub(super) struct Case {
    pub(super) issuer: IssuerIdentity,
    pub(super) parameters: CrlParameters,
    pub(super) version: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) issuer_name: Vec<u8>,
    pub(super) this_update: Vec<u8>,
    pub(super) next_update: Vec<u8>,
    pub(super) entries: Option<Vec<Vec<u8>>>,
    pub(super) extensions: Vec<Vec<u8>>,
}

impl Case {
    /// Shard 7 with two entries and no fault.
    pub(super) fn good() -> Self {
        let issuer = CaSpec::default().issuer();
        let time = |text| Time::from_rfc3339(text).unwrap();
        let url = "http://pki.example.com/07.crl";
        let parameters = CrlParameters {
            issuer: issuer.subject().clone(),
            authority_key_identifier: issuer.key_identifier().cloned(),
            number: 7,
            this_update: time("2026-03-01T00:00:00Z"),
            next_update: time("2026-03-09T00:00:00Z"),
            signature: SignatureAlgorithm::EcdsaSha256,
            distribution_point: Some(IssuingDistributionPoint::of_urls(vec![url.to_owned()])),
        };
        let point = element(0xA0, &[&element(0xA0, &[&element(0x86, &[url.as_bytes()])])]);
        let authority = [&[0x30, 22, 0x80, 20][..], &[0xCA; 20]].concat();
        let case = Self {
            version: vec![2, 1, 1],
            signature: parameters.signature.identifier(),
            issuer_name: issuer.subject().der().to_vec(),
            this_update: parameters.this_update.to_der(),
            next_update: parameters.next_update.to_der(),
            entries: Some(vec![]),
            extensions: vec![
                extension(oid::AUTHORITY_KEY_IDENTIFIER, None, &authority),
                extension(oid::CRL_NUMBER, None, &[2, 1, 7]),
                extension(oid::ISSUING_DISTRIBUTION_POINT, Some(&[0xFF]), &element(tag::SEQUENCE, &[&point])),
            ],
            issuer,
            parameters,
        };
        case.entry(&[5], &[]).entry(&[1, 0], &[(oid::CRL_REASON, false, &[10, 1, 1])])
    }

    /// The entries of [`good`](Self::good) as values.
    pub(super) fn good_entries() -> [CrlEntry; 2] {
        let entry = |serial: &[u8], reason| CrlEntry {
            serial: SerialNumber::from_content(serial).unwrap(),
            revoked_at: Time::from_rfc3339("2026-03-01T00:00:00Z").unwrap(),
            reason,
        };
        [entry(&[5], Reason::Unspecified), entry(&[1, 0], Reason::KeyCompromise)]
    }

    /// Adds an entry at the end.
    pub(super) fn entry(mut self, serial: &[u8], extensions: &[(ObjectIdentifier, bool, &[u8])]) -> Self {
        let one = |(oid, critical, value): &(ObjectIdentifier, bool, &[u8])| {
            extension(*oid, critical.then_some(&[0xFF]), value)
        };
        let list = extensions.iter().map(one).collect::<Vec<_>>().concat();
        let list = if extensions.is_empty() { vec![] } else { element(tag::SEQUENCE, &[&list]) };
        let serial = element(tag::INTEGER, &[serial]);
        let date = Time::from_rfc3339("2026-03-01T00:00:00Z").unwrap().to_der();
        self.entries.get_or_insert_default().push(element(tag::SEQUENCE, &[&serial, &date, &list]));
        self
    }

    /// Replaces (or adds) an extension.
    pub(super) fn set(self, oid: ObjectIdentifier, critical: Option<&[u8]>, value: &[u8]) -> Self {
        let mut case = self.without(oid);
        case.extensions.push(extension(oid, critical, value));
        case
    }

    /// Takes an extension out.
    pub(super) fn without(mut self, oid: ObjectIdentifier) -> Self {
        let head = element(tag::OBJECT_IDENTIFIER, &[oid.as_bytes()]);
        self.extensions.retain(|der| !der[2..].starts_with(&head));
        self
    }

    /// Makes an extension uncritical.
    pub(super) fn uncritical(self, oid: ObjectIdentifier) -> Self {
        let der = self.der();
        let list = List::read(&der).unwrap();
        let value = list.extension(oid).unwrap().value.to_vec();
        self.set(oid, None, &value)
    }

    /// Takes cRLSign out of the CA's keyUsage.
    pub(super) fn without_crl_sign(mut self) -> Self {
        let der = hex::encode(CaSpec::default().certificate().der());
        let der = hex::decode(der.replace("03020106", "03020204")).unwrap();
        let certificate = crate::x509::Certificate::from_der(&der).unwrap();
        self.issuer = IssuerIdentity::new(certificate, vec![]).unwrap();
        self
    }

    /// The tbsCertList.
    pub(super) fn der(&self) -> Vec<u8> {
        let entries = self.entries.as_ref().map_or(vec![], |list| element(tag::SEQUENCE, &[&list.concat()]));
        let list = element(tag::SEQUENCE, &[&self.extensions.concat()]);
        let extensions = if self.extensions.is_empty() { vec![] } else { element(0xA0, &[&list]) };
        let parts: [&[u8]; 7] = [
            &self.version,
            &self.signature,
            &self.issuer_name,
            &self.this_update,
            &self.next_update,
            &entries,
            &extensions,
        ];
        element(tag::SEQUENCE, &parts)
    }

    fn run(&self, rule: &CrlRule) -> Vec<LintFinding> {
        let der = self.der();
        let list = List::read(&der).unwrap();
        let subject = Subject { issuer: &self.issuer, parameters: &self.parameters, list: &list };
        let mut report = Report::default();
        (rule.check)(&subject, &mut report.of(rule.code, rule.clause));
        report.finish()
    }

    /// Asserts that a rule has nothing to say.
    #[track_caller]
    pub(super) fn passes(&self, rule: &CrlRule) {
        assert_eq!(self.run(rule), vec![], "expected no finding");
    }

    /// Asserts that a rule has exactly one finding whose text has `part`.
    #[track_caller]
    pub(super) fn fails(&self, rule: &CrlRule, part: &str) {
        let found = self.run(rule);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].code, rule.code);
        assert!(found[0].to_string().contains(part), "{}", found[0]);
    }
}
