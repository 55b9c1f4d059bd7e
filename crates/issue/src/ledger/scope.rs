//! The scope of a CRL: which certificates it covers.

use std::sync::Arc;

use super::codec::{Malformed, Reader, Writer};

/// The URLs of a certificate's CRL distribution point, in their order. Certificates without one have the empty scope, and
/// so has the CRL that covers all certificates of the issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<[String]>);

impl Scope {
    /// The scope of these URLs.
    pub fn new(urls: impl IntoIterator<Item = String>) -> Self {
        Self(urls.into_iter().collect())
    }

    /// Its URLs.
    pub fn urls(&self) -> &[String] {
        &self.0
    }

    /// Whether it has no URL.
    pub fn is_full(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.count(self.0.len());
        for url in &*self.0 {
            writer.text(url);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let urls = (0..reader.count()?).map(|_| Ok(reader.text()?.to_owned()));
        Ok(Self(urls.collect::<Result<Vec<_>, Malformed>>()?.into()))
    }
}
