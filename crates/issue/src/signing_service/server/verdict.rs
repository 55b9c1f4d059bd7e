//! Whether a request that was not signed was refused, or the environment failed.

use crate::approval::ApprovalError;
use crate::class::Class;
use crate::error::{CoreError, Error, PlanError};

use super::super::message::RequestState;

/// How a request ends that was not signed.
pub(super) fn verdict(error: &Error) -> RequestState {
    let text = error.to_string();
    if is_environment(error) {
        RequestState::Failed { text }
    } else {
        RequestState::Refused { code: code(error).to_owned(), text }
    }
}

/// Whether it is neither the plan's fault nor its approvals'.
fn is_environment(error: &Error) -> bool {
    match error {
        Error::ClockJump { .. }
        | Error::Config(_)
        | Error::Core(CoreError::CertificateNotValid { .. })
        | Error::Plan(PlanError::Clock { .. } | PlanError::Read { .. }) => true,
        // what a person approved cannot be the environment's fault
        Error::Approval(_) => false,
        other => matches!(other.class(), Class::Bug | Class::Interrupted | Class::Signer | Class::Storage),
    }
}

/// The stable code of a refusal.
fn code(error: &Error) -> &'static str {
    match error {
        Error::Approval(error) => match error {
            ApprovalError::Certificate { .. } => "approval.certificate",
            ApprovalError::ClickNotTaken => "approval.click-not-taken",
            ApprovalError::ClickPerson { .. } | ApprovalError::ClickTime { .. } => "approval.click",
            ApprovalError::Expired { .. } => "approval.expired",
            ApprovalError::Malformed { .. } => "approval.malformed",
            ApprovalError::NoApprover { .. } => "approval.no-approver",
            ApprovalError::OtherDemand { .. } => "approval.other-plan",
            ApprovalError::OwnRequest { .. } => "approval.own-request",
            ApprovalError::Requesters { .. } => "approval.requesters",
            ApprovalError::TooFew { .. } => "approval.too-few",
            ApprovalError::Twice { .. } => "approval.twice",
            _ => "approval.refused",
        },
        Error::Plan(error) => match error {
            PlanError::Leaves { .. } => "plan.leaves",
            PlanError::PlannerSignature { .. } | PlanError::PlannerUnknown => "plan.planner",
            PlanError::PolicyNotApproved { .. } => "plan.policy",
            PlanError::OtherBatch { .. } | PlanError::SeedTaken { .. } | PlanError::Taken { .. } => "plan.taken",
            _ => "plan.refused",
        },
        Error::Revoke(_) => "crl-plan.refused",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SigningServiceError;
    use crate::x509::Time;

    #[test]
    fn a_disk_is_not_the_plans_fault_and_an_approval_is_not_the_disks() {
        let disk = std::io::Error::from_raw_os_error(28);
        let failed = Error::from(SigningServiceError::Io { doing: "write", path: "a".into(), source: disk });
        assert!(matches!(verdict(&failed), RequestState::Failed { .. }));
        let at = Time::from_unix(0).unwrap();
        let clock = Error::from(PlanError::Clock { issued_at: at, now: at, max_days: 1 });
        assert!(matches!(verdict(&clock), RequestState::Failed { .. }));
        let few = Error::from(ApprovalError::TooFew { found: 0, needed: 1 });
        assert!(matches!(verdict(&few), RequestState::Refused { code, .. } if code == "approval.too-few"));
        let planner = Error::from(PlanError::PlannerUnknown);
        assert!(matches!(verdict(&planner), RequestState::Refused { code, .. } if code == "plan.planner"));
    }
}
