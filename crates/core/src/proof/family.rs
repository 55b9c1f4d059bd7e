//! The family of a batch's chips: which UIDs they can have, and so which absence can be proved.

use crate::audit::{self, Fault};
use crate::crypto::sha256;
use crate::manifest::{self, Proof, ProofVersion, Statement};
use crate::policy::Policy;
use crate::verify::Family;

use super::check::fault;

/// The family as a proof says it: its statement, or its policy; `None` for a proof of version 1, which has neither.
///
/// # Errors
/// The policy is not the one that the statement names, cannot be read, or is not needed; a proof of version 1 has a
/// statement of version 2.
pub(super) fn stated(proof: &Proof, statement: &Statement) -> Result<Option<Family>, Fault> {
    let value = |message: &str| Err(fault(manifest::codes::PROOF_VALUE, "proof", message));
    match (proof.version, statement.format.family(), &proof.policy) {
        (ProofVersion::One, Some(_), _) => value("its format is `reroot-proof/1`, and its statement is of version 2"),
        (ProofVersion::One, None, _) => Ok(None),
        (ProofVersion::Two, Some(_), Some(_)) => value("it has a policy, and its statement is of version 2"),
        (ProofVersion::Two, Some(family), None) => Ok(Some(family)),
        (ProofVersion::Two, None, None) => Ok(Some(UNSAID)),
        (ProofVersion::Two, None, Some(policy)) => {
            if sha256(policy) != statement.policy.sha256 {
                let message = "the policy is not the one the statement names";
                return Err(fault(audit::code::POLICY_DIGEST, "policy", message));
            }
            match of_policy(policy) {
                Ok(UNSAID) => value("it has a policy of the family stsafe-a, expected none"),
                Ok(family) => Ok(Some(family)),
                Err(reason) => Err(fault(audit::code::FILE_UNREADABLE, "policy", reason)),
            }
        }
    }
}

/// The family that a policy accepts.
///
/// # Errors
/// It cannot be read.
pub(super) fn of_policy(policy: &[u8]) -> Result<Family, String> {
    let text = std::str::from_utf8(policy).map_err(|error| error.to_string())?;
    let policy = Policy::parse(text, "policy").map_err(|errors| errors.to_string())?;
    Ok(policy.source().family)
}

/// The family of a batch whose statement does not say it, where no policy does.
pub(super) const UNSAID: Family = Family::StsafeA;
