//! What a signing machine shows before it signs.

use std::collections::BTreeMap;

use reroot_core::report::count;

use crate::approval::{Action, Demand};
use crate::verify::Relaxation;
use crate::x509::{Sha256Digest, Time};

/// What a person must know before the key is used.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// SHA-256 of the plan's head, as `plan` printed it.
    pub plan_sha256: Sha256Digest,
    /// The planner's certificate: subject and SHA-256.
    pub planner: (String, Sha256Digest),
    /// The batch.
    pub batch: String,
    /// The instant of issue.
    pub issued_at: Time,
    /// The issuing CA.
    pub issuer: String,
    /// SHA-256 of its certificate.
    pub issuer_sha256: Sha256Digest,
    /// The policy's name and SHA-256.
    pub policy: (String, Sha256Digest),
    /// The operator's parameters.
    pub params: BTreeMap<String, String>,
    /// Deviations from strict intake that the policy allows.
    pub relaxations: Vec<Relaxation>,
    /// Why chips that have a certificate under this policy get another one.
    pub reissue: Option<String>,
    /// Certificates to sign.
    pub count: u64,
    /// Persons who approved it, if that was demanded.
    pub approved_by: Vec<String>,
    /// Whether an earlier run of this command has started.
    pub resumed: bool,
    /// Leaves by the anchor their chain reaches.
    pub anchors: BTreeMap<String, u64>,
    /// The first and the last certificate.
    pub shown: [Shown; 2],
    /// Things worth a look that stop nothing.
    pub warnings: Vec<String>,
}

/// A certificate before it is signed.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The chip.
    pub uid: String,
    /// subject
    pub subject: String,
    /// serialNumber, upper-case hexadecimal.
    pub serial: String,
    /// First second.
    pub not_before: Time,
    /// Last second.
    pub not_after: Time,
}

impl Ceremony {
    /// What must be approved.
    pub fn demand(&self) -> Demand {
        Demand {
            action: Action::SignPlan,
            subject: self.plan_sha256,
            issuer: self.issuer_sha256,
            policy: Some(self.policy.1),
            count: self.count,
        }
    }

    /// Names and values for people. What decides is last, right above the question: what is before it grows with what
    /// the plan chose, and can leave the screen.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("plan", self.plan_sha256.to_string()),
            ("planner", format!("`{}`, SHA-256 {}", self.planner.0, self.planner.1)),
            ("batch", self.batch.clone()),
            ("issued at", self.issued_at.to_string()),
        ];
        facts.extend(
            self.anchors
                .iter()
                .map(|(anchor, leaves)| ("leaves", format!("{} verified under `{anchor}`", count(*leaves)))),
        );
        for (name, shown) in ["first", "last"].into_iter().zip(&self.shown) {
            facts.push((name, format!("chip {}, serial {}", shown.uid, shown.serial)));
            facts.push(("", format!("subject `{}`", shown.subject)));
            facts.push(("", format!("valid {} to {}", shown.not_before, shown.not_after)));
        }
        facts.extend(self.relaxations.iter().map(|relaxation| ("relaxation", relaxation.as_str().to_owned())));
        facts.extend(self.params.iter().map(|(name, value)| ("parameter", format!("{name} = {value}"))));
        if self.resumed {
            facts.push(("resumed", "an earlier run of this command has started to sign this plan".to_owned()));
        }
        facts.extend(self.approved_by.iter().map(|person| ("approved by", person.clone())));
        facts.push(("issuing CA", self.issuer.clone()));
        facts.extend(self.reissue.iter().map(|reason| ("REISSUE", format!("chips get another certificate: {reason}"))));
        facts.push(("policy", format!("{}, SHA-256 {}", self.policy.0, self.policy.1)));
        // a long reason can take the word above it off the screen
        let again = if self.reissue.is_some() { ", all of them a REISSUE" } else { "" };
        facts.push(("to sign", format!("{} certificates{again}", count(self.count))));
        facts
    }
}
