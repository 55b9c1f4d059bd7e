//! The family of a batch's chips: which UIDs they can have, and so which absence can be proved.

use crate::crypto::sha256;
use crate::manifest::Statement;
use crate::policy::Policy;
use crate::verify::Family;

/// The family that statement and policy give; `None`: neither of them says it.
///
/// `policy` is `policy.toml` octet for octet. It is needed only where the family is not the one that a statement without
/// a word of it is taken to mean ([`UNSAID`]), and only then is it taken.
///
/// # Errors
/// The policy is not the one that the statement names, cannot be read, or is not needed.
pub(super) fn stated(statement: &Statement, policy: Option<&[u8]>) -> Result<Option<Family>, String> {
    let Some(policy) = policy else { return Ok(None) };
    match of_policy(statement, policy)? {
        UNSAID => Err(format!("a policy of the family `{UNSAID}` is not part of a proof")),
        family => Ok(Some(family)),
    }
}

/// The family that the policy of a batch says, once it is the one that the statement names.
///
/// # Errors
/// It is not, or cannot be read.
pub(super) fn of_policy(statement: &Statement, policy: &[u8]) -> Result<Family, String> {
    let found = sha256(policy);
    if found != statement.policy.sha256 {
        return Err(format!("the policy has the SHA-256 {found}, the statement names {}", statement.policy.sha256));
    }
    let text = std::str::from_utf8(policy).map_err(|error| format!("the policy is not UTF-8: {error}"))?;
    let policy = Policy::parse(text, "policy.toml").map_err(|errors| errors.to_string())?;
    Ok(policy.source().family)
}

/// The family of a batch whose statement does not say it, where no policy does.
pub(super) const UNSAID: Family = Family::StsafeA;
