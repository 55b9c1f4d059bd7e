//! What a person wants to see of a batch beside the verdict on it: items that were left out, the policy, the issuing CA, one
//! certificate field by field.
//!
//! Guarantees: nothing is shown of a file that is not the one that the statement names, and a certificate is an example only
//! of a batch in which every certificate was checked.

use std::collections::BTreeMap;

use crate::cert::IssuerIdentity;
use crate::crypto::sha256;
use crate::delivery::{BatchReader, DeliveryError, Rows, check_stated};
use crate::error::Error;
use crate::manifest::{self, Entry, FindingLine, MissingLine, Statement};
use crate::origin::{Code, Disposition, Uid};
use crate::policy::Policy;
use crate::preview::{Decided, ShownField, fields_of};
use crate::verify::{TrustAnchor, Verifier};
use crate::x509::{Certificate, Sha256Digest};

use super::report::{AuditReport, code};
use super::source::AuditContext;
use super::{Audit, entries, grounds};

/// What there is to see of a batch. Empty where a file is not the one that the statement names.
#[derive(Debug, Default)]
pub struct BatchDetails {
    /// The policy, as its author wrote it.
    pub policy: Option<String>,
    /// The issuing CA's certificate.
    pub issuer: Option<Certificate>,
    /// Items that were not issued: the first [`MAX_LISTED`](Self::MAX_LISTED) of them.
    pub left_out: Vec<FindingLine>,
    /// Items that were not issued, by what became of them and why.
    pub reasons: BTreeMap<(&'static str, Code), u64>,
    /// Expected chips that the batch itself names as missing: the first [`MAX_LISTED`](Self::MAX_LISTED) of them.
    pub missing: Vec<Uid>,
    /// The first certificate.
    pub example: Option<Example>,
    /// Files that are not those that the statement names, with the SHA-256 that they have.
    pub different: Vec<(String, Sha256Digest)>,
}

/// A certificate field by field, each with what decides it.
#[derive(Debug)]
pub struct Example {
    /// The chip.
    pub uid: Uid,
    /// SHA-256 of the certificate.
    pub sha256: Sha256Digest,
    /// The fields in the order of the encoding.
    pub fields: Vec<ShownField>,
}

impl BatchDetails {
    /// Items that are listed one by one.
    pub const MAX_LISTED: usize = 500;

    /// Reads what there is to see, after the audit has made its report.
    ///
    /// # Errors
    /// The batch directory cannot be read.
    pub fn read(job: &Audit<'_>, report: &AuditReport) -> Result<Self, Error> {
        let mut details = Self::default();
        let Some(statement) = &report.statement else { return Ok(details) };
        let reader = BatchReader::open(job.batch)?;
        for fault in report.faults.iter().filter(|fault| fault.code == code::FILE_DIGEST) {
            if let Some(found) = shown(reader.digest(&fault.place))? {
                details.different.push((found.name, found.sha256));
            }
        }
        details.read_left_out(&reader, statement)?;
        details.read_missing(&reader, statement)?;
        let policy = shown(stated(&reader, statement, "policy.toml"))?.and_then(|bytes| String::from_utf8(bytes).ok());
        let chain = shown(reader.chain(manifest::CHAIN_FILE, statement))?.unwrap_or_default();
        details.issuer = chain.first().cloned();
        if let (Some(policy), true) = (&policy, report.holds()) {
            details.example = example(job, &reader, statement, policy, chain)?;
        }
        details.policy = policy;
        Ok(details)
    }

    fn read_left_out(&mut self, reader: &BatchReader, statement: &Statement) -> Result<(), Error> {
        let (mut first, mut reasons) = (Vec::new(), BTreeMap::new());
        let read = each_line(reader, statement, manifest::REJECTED_FILE, |line| {
            let Ok(line) = FindingLine::parse(line) else { return };
            if let Some(listed) = grounds::listed(line.code()) {
                *reasons.entry((line.disposition().as_str(), listed.code)).or_default() += 1;
            }
            // what was rejected is looked for first
            let at = match line.disposition() {
                Disposition::Rejected => {
                    first.partition_point(|one: &FindingLine| one.disposition() == Disposition::Rejected)
                }
                Disposition::Ignored => first.len(),
            };
            if at < Self::MAX_LISTED {
                first.insert(at, line);
                first.truncate(Self::MAX_LISTED);
            }
        });
        if shown(read)?.is_some() {
            (self.left_out, self.reasons) = (first, reasons);
        }
        Ok(())
    }

    fn read_missing(&mut self, reader: &BatchReader, statement: &Statement) -> Result<(), Error> {
        if statement.unmet().is_none() {
            return Ok(());
        }
        let mut chips = Vec::new();
        let read = each_line(reader, statement, manifest::MISSING_FILE, |line| {
            if let (Ok(line), true) = (MissingLine::parse(line), chips.len() < Self::MAX_LISTED) {
                chips.push(*line.chip());
            }
        });
        if shown(read)?.is_some() {
            self.missing = chips;
        }
        Ok(())
    }
}

/// The first certificate of a batch that holds, with the lines of the policy. There is none where another CA made the
/// certificates: the policy does not decide their fields alone.
fn example(
    job: &Audit<'_>,
    reader: &BatchReader,
    statement: &Statement,
    policy: &str,
    mut chain: Vec<Certificate>,
) -> Result<Option<Example>, Error> {
    if statement.serial_basis().is_none() || statement.counts.issued == 0 || chain.is_empty() {
        return Ok(None);
    }
    let (Ok(policy), issuing) = (Policy::parse(policy, "policy.toml"), chain.remove(0)) else { return Ok(None) };
    let Ok(identity) = IssuerIdentity::new(issuing, chain) else { return Ok(None) };
    let mut rows = Rows::new(reader.lines(manifest::ENTRIES_FILE)?, reader.certificates()?, Some(reader.sources()?));
    let Ok(Some(row)) = rows.next_row() else { return Ok(None) };
    let Ok(entry) = Entry::parse(statement.format, &row.line) else { return Ok(None) };
    let anchors = job.source_anchors.iter().cloned().map(TrustAnchor::from_certificate).collect::<Result<_, _>>()?;
    let mut verifier = Verifier::new(anchors, policy.source().clone(), statement.issued_at)?.with_engine(job.engine);
    for certificate in shown(reader.chain(manifest::SOURCE_CHAIN_FILE, statement))?.unwrap_or_default() {
        verifier.add_intermediate(certificate);
    }
    let context = AuditContext { verifier: &verifier, anchors: job.source_anchors, statement };
    let Ok(leaf) = context.source(&entry, &row.source().der) else { return Ok(None) };
    let Some(bound) = entries::bind(&policy, &identity, statement, &mut AuditReport::default()) else {
        return Ok(None);
    };
    let (Ok(template), Ok(certificate)) = (bound.template(&leaf), Certificate::from_der(&row.certificate.der)) else {
        return Ok(None);
    };
    let mut fields = fields_of(&policy, &identity, &template);
    let serial = hex::encode_upper(certificate.serial().content());
    for field in fields.iter_mut().filter(|field| field.name == "serialNumber") {
        field.value.insert(0, serial.clone());
    }
    fields.push(ShownField {
        name: "signatureValue".to_owned(),
        oid: None,
        critical: false,
        value: vec![format!("{} bytes", certificate.signature().len())],
        decided: Decided::Elsewhere("the issuing CA's key"),
    });
    Ok(Some(Example { uid: *entry.uid(), sha256: sha256(certificate.der()), fields }))
}

/// A small file, once it is the one that the statement names.
fn stated(reader: &BatchReader, statement: &Statement, name: &str) -> Result<Vec<u8>, DeliveryError> {
    let content = reader.read(name)?;
    check_stated(statement, name, sha256(&content))?;
    Ok(content)
}

/// Goes through the lines of a file, and fails at the end if it is not the one that the statement names.
fn each_line(
    reader: &BatchReader,
    statement: &Statement,
    name: &str,
    mut work: impl FnMut(&str),
) -> Result<(), DeliveryError> {
    let mut lines = reader.lines(name)?;
    while let Some(line) = lines.next_line()? {
        work(line);
    }
    check_stated(statement, name, lines.finish()?.sha256)
}

/// A file that says something wrong was reported by the audit, and is not shown; a disk that cannot be read is an error.
fn shown<T>(read: Result<T, DeliveryError>) -> Result<Option<T>, Error> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_about_content() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
