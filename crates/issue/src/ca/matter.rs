//! Matter's names for a CA: product attestation authority (PAA) and intermediate (PAI).
//!
//! Vendor and product id are attributes of their own, UTF8String of 4 upper-case hexadecimal digits (Matter core
//! specification §6.2.2), and stand **behind** the common name: ST's host library compares no issuer name that begins
//! with an attribute it does not know. There is no organization in them: a DAC has at most 600 bytes and repeats the
//! PAI's name.

use crate::x509::oid::{self, ObjectIdentifier};

use super::CaError;

/// Whose devices a Matter CA attests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatterIds<'a> {
    /// The vendor id of the Connectivity Standards Alliance: 4 upper-case hexadecimal digits, not 0000.
    pub vendor: &'a str,
    /// The product id, if the PAI is for one product only.
    pub product: Option<&'a str>,
}

impl<'a> MatterIds<'a> {
    /// # Errors
    /// An id is not one.
    pub(super) fn check(&self) -> Result<(), CaError> {
        let ids = [("vendor", Some(self.vendor)), ("product", self.product)];
        for (what, id) in ids.into_iter().filter_map(|(what, id)| id.map(|id| (what, id))) {
            let digits = id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
            if id.len() != 4 || !digits || id == "0000" {
                return Err(CaError::MatterId { what, found: id.to_owned() });
            }
        }
        Ok(())
    }

    /// What the PAA's name says: a PAA for one vendor cannot attest another's devices.
    pub(super) fn authority(&self) -> Vec<(ObjectIdentifier, &'a str)> {
        vec![(oid::MATTER_VENDOR_ID, self.vendor)]
    }

    /// What the PAI's name says.
    pub(super) fn intermediate(&self) -> Vec<(ObjectIdentifier, &'a str)> {
        let product = self.product.map(|product| (oid::MATTER_PRODUCT_ID, product));
        self.authority().into_iter().chain(product).collect()
    }
}
