//! What verified lists say of a certificate (RFC 5280 §6.3, for complete and direct lists).

use crate::crypto::{KeyError, PublicKey, SignatureError};
use crate::x509::tlv::{Reader, tag};
use crate::x509::{Certificate, KeyUsage, SerialNumber, Spki, Time, oid};

use super::{Crl, CrlEntry, OnlyContains};

/// Lists whose signatures were verified under the CAs that issued them.
#[derive(Clone, Debug, Default)]
pub struct VerifiedCrls(Vec<Verified>);

#[derive(Clone, Debug)]
struct Verified {
    crl: Crl,
    issuer: Spki,
    /// In order of serial numbers.
    entries: Vec<CrlEntry>,
}

/// What lists say of a certificate.
#[derive(Clone, Copy, Debug)]
pub enum Status<'a> {
    /// The list covers the certificate and does not have it.
    Good(&'a Crl),
    /// The list has it.
    Revoked(&'a Crl, CrlEntry),
    /// The newest list that covers the certificate has ended, or is not of its time yet.
    OutOfDate(&'a Crl),
    /// No list covers the certificate: each is another issuer's, or of another distribution point.
    Uncovered,
}

impl VerifiedCrls {
    /// Verifies each list under the certificate of the CA that issued it.
    ///
    /// # Errors
    /// A list is of none of these CAs, its CA must not sign lists, or its signature does not verify.
    pub fn new<'c>(
        lists: impl IntoIterator<Item = Crl>,
        issuers: &(impl IntoIterator<Item = &'c Certificate> + Clone),
    ) -> Result<Self, CrlSignatureError> {
        let verify = |crl: Crl| {
            let issuer = verify(&crl, issuers.clone())?;
            let mut entries: Vec<CrlEntry> = crl.entries().collect();
            entries.sort_unstable_by_key(|entry| entry.serial);
            Ok(Verified { crl, issuer, entries })
        };
        lists.into_iter().map(verify).collect::<Result<_, _>>().map(Self)
    }

    /// The lists.
    pub fn lists(&self) -> impl Iterator<Item = &Crl> {
        self.0.iter().map(|verified| &verified.crl)
    }

    /// What the newest list that covers a certificate of `issuer` says of it at an instant.
    pub fn status(&self, certificate: &Certificate, issuer: &Certificate, at: Time) -> Status<'_> {
        let mut status = Status::Uncovered;
        // a shard and the full list of one round say the same; where they do not, the revocation counts
        for verified in self.newest(certificate, issuer) {
            let crl = &verified.crl;
            if let Some(entry) = verified.entry(certificate.serial()) {
                return Status::Revoked(crl, entry);
            }
            let in_time = crl.this_update() <= at && at <= crl.next_update();
            status = if in_time { Status::Good(crl) } else { Status::OutOfDate(crl) };
        }
        status
    }

    /// The newest lists that cover a certificate of `issuer`.
    pub fn covering(&self, certificate: &Certificate, issuer: &Certificate) -> impl Iterator<Item = &Crl> {
        self.newest(certificate, issuer).into_iter().map(|verified| &verified.crl)
    }

    fn newest(&self, certificate: &Certificate, issuer: &Certificate) -> Vec<&Verified> {
        let urls = crl_urls(certificate).unwrap_or_default();
        let covers = |verified: &&Verified| {
            *certificate.issuer() == *verified.crl.issuer()
                && verified.issuer == *issuer.spki()
                && covers(&verified.crl, &urls, certificate.is_ca())
        };
        let mut covering: Vec<&Verified> = self.0.iter().filter(covers).collect();
        let newest = covering.iter().map(|verified| verified.crl.number()).max().cloned();
        covering.retain(|verified| Some(verified.crl.number()) == newest.as_ref());
        covering
    }
}

impl Verified {
    fn entry(&self, serial: &SerialNumber) -> Option<CrlEntry> {
        let at = self.entries.binary_search_by_key(serial, |entry| entry.serial).ok()?;
        Some(self.entries[at])
    }
}

/// RFC 5280 §6.3.3 (b)(2): one of the names in the list's scope is one of the certificate's.
fn covers(crl: &Crl, urls: &[String], is_ca: bool) -> bool {
    let Some(point) = crl.distribution_point() else { return true };
    let of_kind = match point.only {
        None => true,
        Some(OnlyContains::UserCertificates) => !is_ca,
        Some(OnlyContains::CaCertificates) => is_ca,
    };
    of_kind && (point.urls.is_empty() || point.urls.iter().any(|url| urls.contains(url)))
}

fn verify<'c>(crl: &Crl, issuers: impl IntoIterator<Item = &'c Certificate>) -> Result<Spki, CrlSignatureError> {
    let mut found = CrlSignatureError::UnknownIssuer { issuer: crl.issuer().to_string() };
    for issuer in issuers.into_iter().filter(|issuer| issuer.subject() == crl.issuer()) {
        match verify_under(crl, issuer) {
            Ok(()) => return Ok(issuer.spki().clone()),
            Err(error) => found = error,
        }
    }
    Err(found)
}

fn verify_under(crl: &Crl, issuer: &Certificate) -> Result<(), CrlSignatureError> {
    let named = || issuer.subject().to_string();
    let key_identifier = issuer.subject_key_identifier().ok().flatten();
    if let (Some(expected), Some(found)) = (&key_identifier, crl.authority_key_identifier())
        && found != expected
    {
        return Err(CrlSignatureError::KeyIdentifier { issuer: named() });
    }
    // RFC 5280 §6.3.3 (f)
    if issuer.key_usage().is_ok_and(|usage| usage.is_some_and(|usage| !usage.has(KeyUsage::CRL_SIGN))) {
        return Err(CrlSignatureError::KeyUsage { issuer: named() });
    }
    let key =
        PublicKey::from_spki(issuer.spki()).map_err(|source| CrlSignatureError::Key { issuer: named(), source })?;
    key.verify(crl.signature_algorithm(), crl.tbs(), crl.signature())
        .map_err(|source| CrlSignatureError::Signature { issuer: named(), source })
}

/// The URLs of a certificate's cRLDistributionPoints, those of all points; none if it has no such extension, or one
/// with names that are not URLs.
pub fn crl_urls(certificate: &Certificate) -> Option<Vec<String>> {
    const WHAT: &str = "cRLDistributionPoints";
    let value = &certificate.extension(oid::CRL_DISTRIBUTION_POINTS)?.value;
    let mut points = Reader::new(Reader::new(value).expect(tag::SEQUENCE, WHAT).ok()?.content);
    let mut urls = Vec::new();
    while !points.is_empty() {
        let mut fields = Reader::new(points.expect(tag::SEQUENCE, WHAT).ok()?.content);
        let point = fields.expect(0xA0, WHAT).ok()?;
        // a point with reasons or another issuer is for lists that are not read here
        if !fields.is_empty() {
            continue;
        }
        let mut names = Reader::new(Reader::new(point.content).expect(0xA0, WHAT).ok()?.content);
        while !names.is_empty() {
            let name = names.element(WHAT).ok()?;
            if name.tag == 0x86 {
                urls.push(String::from_utf8(name.content.to_vec()).ok()?);
            }
        }
    }
    Some(urls)
}

/// Why a list is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlSignatureError {
    /// The CA's key is not valid.
    #[error("key of the CA `{issuer}`: {source}")]
    Key {
        /// The CA's subject.
        issuer: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The list names another key than the CA's.
    #[error("authorityKeyIdentifier of the CRL is not the subjectKeyIdentifier of the CA `{issuer}` (RFC 5280 §5.2.1)")]
    KeyIdentifier {
        /// The CA's subject.
        issuer: String,
    },
    /// The CA's certificate does not allow it to sign lists.
    #[error("keyUsage of the CA `{issuer}` has no cRLSign (RFC 5280 §6.3.3 (f))")]
    KeyUsage {
        /// The CA's subject.
        issuer: String,
    },
    /// The signature does not verify.
    #[error("the CRL's signature under the key of the CA `{issuer}`: {source}")]
    Signature {
        /// The CA's subject.
        issuer: String,
        /// Why not.
        source: SignatureError,
    },
    /// None of the CAs has this name.
    #[error("the CRL's issuer `{issuer}` is not one of the CAs here")]
    UnknownIssuer {
        /// The issuer that the list names.
        issuer: String,
    },
}
