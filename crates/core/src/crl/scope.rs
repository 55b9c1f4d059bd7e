//! Which certificates a list is about (RFC 5280 §5.2.5).

use crate::x509::tlv::{Element, Reader, nest, tag, write_element};

use super::error::CrlError;

/// An issuingDistributionPoint: the list covers the certificates whose cRLDistributionPoints has one of these URLs, and
/// only certificates of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuingDistributionPoint {
    /// The URLs of distributionPoint's fullName, in the order in which the certificates have them.
    pub urls: Vec<String>,
    /// The kind of certificates, if the list is restricted to one.
    pub only: Option<OnlyContains>,
}

/// The certificates that a list is restricted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlyContains {
    /// onlyContainsUserCerts
    UserCertificates,
    /// onlyContainsCACerts
    CaCertificates,
}

impl OnlyContains {
    const fn tag(self) -> u8 {
        match self {
            Self::UserCertificates => 0x81,
            Self::CaCertificates => 0x82,
        }
    }
}

impl IssuingDistributionPoint {
    /// The scope of one shard: the certificates with these URLs.
    pub fn of_urls(urls: Vec<String>) -> Self {
        Self { urls, only: None }
    }

    /// Appends the DER of the extension's value.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        nest(out, tag::SEQUENCE, |out| {
            if !self.urls.is_empty() {
                // distributionPoint [0] { fullName [0] GeneralNames }
                nest(out, 0xA0, |out| {
                    nest(out, 0xA0, |out| {
                        for url in &self.urls {
                            write_element(out, URI, &[url.as_bytes()]);
                        }
                    });
                });
            }
            if let Some(only) = self.only {
                out.extend([only.tag(), 1, 0xFF]);
            }
        });
    }

    /// Reads the extension's value.
    ///
    /// # Errors
    /// It is not DER, empty, or a scope that is not processed here.
    pub fn from_der(value: &[u8]) -> Result<Self, CrlError> {
        let mut reader = Reader::new(value);
        let sequence = reader.expect(tag::SEQUENCE, WHAT)?;
        reader.finish(WHAT)?;
        let mut fields = Reader::new(sequence.content);
        let urls = match fields.optional(0xA0, WHAT)? {
            Some(point) => urls(point)?,
            None => vec![],
        };
        let mut flag = |tag| match fields.optional(tag, WHAT)? {
            None => Ok(false),
            Some(Element { content: [0xFF], .. }) => Ok(true),
            // the default is never written (X.690 §11.5)
            Some(_) => Err(CrlError::Flag),
        };
        let (user, ca) = (flag(0x81)?, flag(0x82)?);
        if fields.optional(0x83, WHAT)?.is_some() {
            return Err(CrlError::Scope { field: "onlySomeReasons" });
        }
        for (tag, field) in [(0x84, "indirectCRL"), (0x85, "onlyContainsAttributeCerts")] {
            if fields.optional(tag, WHAT)?.is_some() {
                return Err(CrlError::Scope { field });
            }
        }
        fields.finish(WHAT)?;
        let only = match (user, ca) {
            (true, true) => return Err(CrlError::Scope { field: "onlyContainsUserCerts with onlyContainsCACerts" }),
            (true, false) => Some(OnlyContains::UserCertificates),
            (false, true) => Some(OnlyContains::CaCertificates),
            (false, false) => None,
        };
        if urls.is_empty() && only.is_none() {
            // RFC 5280 §5.2.5: "MUST NOT issue CRLs where the DER encoding ... is an empty sequence"
            return Err(CrlError::Scope { field: "nothing" });
        }
        Ok(Self { urls, only })
    }
}

/// uniformResourceIdentifier of GeneralName
const URI: u8 = 0x86;

const WHAT: &str = "issuingDistributionPoint";

fn urls(point: Element<'_>) -> Result<Vec<String>, CrlError> {
    let mut reader = Reader::new(point.content);
    let name = reader.element(WHAT)?;
    reader.finish(WHAT)?;
    if name.tag != 0xA0 {
        return Err(CrlError::Scope { field: "nameRelativeToCRLIssuer" });
    }
    let mut names = Reader::new(name.content);
    let mut urls = Vec::new();
    while !names.is_empty() {
        let name = names.element(WHAT)?;
        match std::str::from_utf8(name.content) {
            Ok(url) if name.tag == URI && url.is_ascii() => urls.push(url.to_owned()),
            _ => return Err(CrlError::Scope { field: "a fullName that is not a URL" }),
        }
    }
    if urls.is_empty() { Err(CrlError::Scope { field: "an empty fullName" }) } else { Ok(urls) }
}
