//! Rules that a tbsCertificate must meet before it may be signed: one rule a file, foldered by authority.
//!
//! Guarantees: rules read the *encoded* bytes, parsed again and once, so the encoder is judged with the policy; a
//! [`LintedTbs`] has passed every rule that applies to it. Nothing here needs a key or a signature: sizes assume the
//! largest signature the issuer can make.

mod aws_iot;
mod azure_dps;
mod crl;
mod device;
mod devid;
mod finding;
mod ieee2030;
mod linted;
mod matter;
mod names;
mod prepare;
mod reference;
mod rfc5280;
mod rule;
mod shared;
mod stselib;
mod tbs;
mod template;

#[cfg(test)]
pub(crate) mod testing;

use crate::cert::{IssuerIdentity, ObjectTemplate, TbsCertificate};
use crate::origin::Code;
use crate::x509::SerialNumber;

pub use crl::{CRL_RULES, CRL_UNREADABLE, CrlRule, LintedCrl, check_crl};
pub use finding::LintFinding;
pub(crate) use finding::extension_path;
pub use linted::{LintedDigest, LintedHasher, LintedReceipt, LintedTbs};
pub use reference::reference_markdown;
pub use rule::{Applies, Rule};

use finding::Report;
use rule::Subject;
use tbs::Tbs;

/// The rules by authority, in the order in which they are applied.
pub const RULES: &[&[Rule]] = &[
    rfc5280::RULES,
    template::RULES,
    device::RULES,
    stselib::RULES,
    aws_iot::RULES,
    azure_dps::RULES,
    devid::RULES,
    ieee2030::RULES,
    matter::RULES,
];

/// Every code with its meaning.
pub const CODES: &[(Code, &str)] = &codes();

/// The bytes are not a tbsCertificate at all.
const UNREADABLE: Code =
    Code::new("rfc5280.structure").hinted(&"The encoder failed: report this with the policy and the leaf.");

/// Applies every rule to the encoding.
///
/// # Errors
/// Every finding; then the certificate must not be signed.
pub fn check(
    issuer: &IssuerIdentity,
    template: &ObjectTemplate,
    tbs: TbsCertificate,
) -> Result<LintedTbs, Vec<LintFinding>> {
    let findings = examine(issuer, template, tbs.serial(), tbs.der());
    if findings.is_empty() { Ok(LintedTbs::assert_clean(tbs)) } else { Err(findings) }
}

/// Every finding in `der`, which was made for `template` and `serial`.
fn examine(issuer: &IssuerIdentity, template: &ObjectTemplate, serial: &SerialNumber, der: &[u8]) -> Vec<LintFinding> {
    let mut report = Report::default();
    let tbs = match Tbs::read(der) {
        Ok(tbs) => tbs,
        Err(error) => {
            report.add(UNREADABLE, "tbsCertificate", format!("not a tbsCertificate in DER: {error} (RFC 5280 §4.1.2)"));
            return report.finish();
        }
    };
    let subject = Subject { issuer, template, serial, tbs: &tbs };
    for rule in RULES.iter().copied().flatten() {
        if rule.applies.to(template) {
            (rule.check)(&subject, &mut report.of(rule.code, rule.clause));
        }
    }
    report.finish()
}

const COUNT: usize = {
    let mut count = 1;
    let mut at = 0;
    while at < RULES.len() {
        count += RULES[at].len();
        at += 1;
    }
    count
};

const fn codes() -> [(Code, &'static str); COUNT] {
    let mut codes = [(UNREADABLE, "the bytes are not a tbsCertificate"); COUNT];
    let (mut next, mut authority) = (1, 0);
    while authority < RULES.len() {
        let mut at = 0;
        while at < RULES[authority].len() {
            codes[next] = (RULES[authority][at].code, RULES[authority][at].meaning);
            next += 1;
            at += 1;
        }
        authority += 1;
    }
    codes
}

#[cfg(test)]
mod tests;
