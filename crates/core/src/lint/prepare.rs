//! From a template to bytes that may be recorded.

use super::{LintFinding, LintedTbs, check};
use crate::cert::{IssuerIdentity, ObjectTemplate, TbsCertificate};
use crate::x509::SerialNumber;

impl IssuerIdentity {
    /// Encodes a template for this issuer and lints the bytes. Needs no key, so an auditor can do it too.
    ///
    /// # Errors
    /// Every rule that the bytes break; then there is nothing that could be signed.
    pub fn prepare(
        &self,
        template: &ObjectTemplate,
        serial: SerialNumber,
        attempt: u32,
    ) -> Result<LintedTbs, Vec<LintFinding>> {
        check(self, template, TbsCertificate::encode(self, template, serial, attempt))
    }
}
