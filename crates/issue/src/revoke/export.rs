//! Revocations for those who read no CRL: clouds, which want each certificate named, firewalls and portals.

use serde_json::json;

use crate::cert::IssuerIdentity;
use crate::crl::Reason;
use crate::error::Error;
use crate::ledger::{BatchId, Ledger, Revoked};

use super::certificates::BatchCertificates;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One line for each certificate: `aws iot update-certificate` sets it to REVOKED, or to INACTIVE while it is on hold.
    AwsRevoke,
    /// One JSON line for each chip: an individual enrolment of Azure DPS that is disabled, which overrules its group.
    AzureDpsDisable,
    /// One JSON line for each certificate.
    Jsonl,
}

/// What an export has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Lines.
    pub lines: u64,
    /// Revoked certificates that the form does not know: of CAs and manifest signers.
    pub left_out: u64,
}

/// Returns every certificate that is revoked now, as text in a form.
///
/// # Errors
/// The ledger cannot be read.
pub fn export(ledger: &Ledger, issuer: &IssuerIdentity, form: Form) -> Result<(String, Exported), Error> {
    let revocations = ledger.revocations(u64::MAX)?;
    let mut content = String::from(if form == Form::AwsRevoke { AWS_HEAD } else { "" });
    let mut exported = Exported { lines: 0, left_out: 0 };
    let ids = ledger.batch_ids()?;
    for of_batch in revocations.certificates().chunk_by(|a, b| a.batch == b.batch) {
        let number = of_batch[0].batch;
        let Some((id, _)) = ids.iter().find(|(_, known)| *known == number) else {
            for one in of_batch {
                if form == Form::Jsonl {
                    content.push_str(&line(one, None, None));
                    exported.lines += 1;
                } else {
                    exported.left_out += 1;
                }
            }
            continue;
        };
        let Some(mut batch) = BatchCertificates::open(ledger, issuer, id)? else { continue };
        let mut digests = Digests { ledger, id, chunk: None };
        for one in of_batch {
            let digest = digests.of(one.index, batch.row.chunk_size)?;
            let uid = batch.leaf(one.index)?.uid.to_string();
            let line = match form {
                Form::AwsRevoke => {
                    let status = if one.reason == Reason::CertificateHold { "INACTIVE" } else { "REVOKED" };
                    digest.map(|digest| {
                        format!(
                            "aws iot update-certificate --certificate-id {digest} --new-status {status} # {uid} {}\n",
                            one.reason
                        )
                    })
                }
                Form::AzureDpsDisable => batch.common_name(one.index)?.map(|name| {
                    let enrolment = json!({ "registrationId": name.to_lowercase(), "provisioningStatus": "disabled" });
                    format!("{enrolment}\n")
                }),
                Form::Jsonl => Some(line(one, Some(&uid), digest.as_deref())),
            };
            match line {
                Some(line) => {
                    content.push_str(&line);
                    exported.lines += 1;
                }
                None => exported.left_out += 1,
            }
        }
    }
    Ok((content, exported))
}

fn line(one: &Revoked, uid: Option<&str>, sha256: Option<&str>) -> String {
    let value = json!({
        "uid": uid,
        "serial": one.serial.to_string(),
        "sha256": sha256,
        "reason": one.reason.name(),
        "revoked_at": one.since.to_string(),
        "not_after": one.not_after.to_string(),
        "crl": one.scope.urls(),
    });
    format!("{value}\n")
}

/// SHA-256 of certificates, chunk after chunk.
struct Digests<'a> {
    ledger: &'a Ledger,
    id: &'a BatchId,
    chunk: Option<(u64, std::collections::HashMap<u32, String>)>,
}

impl Digests<'_> {
    fn of(&mut self, index: u32, chunk_size: u32) -> Result<Option<String>, Error> {
        let (chunk, place) = (u64::from(index / chunk_size), index % chunk_size);
        if self.chunk.as_ref().is_none_or(|(kept, _)| *kept != chunk) {
            self.chunk = Some((chunk, self.ledger.certificate_digests(self.id, chunk)?));
        }
        Ok(self.chunk.as_ref().and_then(|(_, digests)| digests.get(&place).cloned()))
    }
}

/// What a person reads first.
const AWS_HEAD: &str = "#!/bin/sh\n# AWS IoT reads no CRL when a device connects: each certificate is set by its id, the SHA-256 of its DER.\nset -e\n";
