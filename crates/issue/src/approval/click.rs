//! The other way to approve: a click in a console, told by the program that submits the plan.

use serde::{Deserialize, Serialize};

use crate::x509::Time;

use super::{ApprovalError, MAX_DAYS, check_person, same_person};

/// How approvals are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalMode {
    /// By a click in the console: the program that submits plans says that a second person agreed. It is then the approver.
    Console,
    /// By signatures of persons, which the machine with the key checks.
    Signed,
}

/// The second person's click in a console, as the console says it. The machine with the key cannot check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Click {
    /// Who clicked.
    pub person: String,
    /// Who asked for the plan, and therefore cannot approve it.
    pub requester: String,
    /// When, by the console's clock.
    #[serde(with = "instant")]
    pub at: Time,
}

impl Click {
    /// Checks that it can be written down, is by a second person, and is not too old.
    ///
    /// # Errors
    /// A name is not one, both names are one person's, or the click is too old or from the future.
    pub fn check(&self, now: Time) -> Result<(), ApprovalError> {
        let named = |who, name: &str| check_person(name).map_err(|what| ApprovalError::ClickPerson { who, what });
        named("person", &self.person)?;
        named("requester", &self.requester)?;
        if same_person(&self.person, &self.requester) {
            return Err(ApprovalError::OwnRequest { name: CLICK.to_owned(), person: self.person.clone() });
        }
        let age = now.unix() - self.at.unix();
        if (-AHEAD..=i64::from(MAX_DAYS) * 86_400).contains(&age) {
            Ok(())
        } else {
            Err(ApprovalError::ClickTime { at: self.at, now })
        }
    }
}

/// Seconds that the console's clock may be ahead.
const AHEAD: i64 = 300;
/// What messages call it.
const CLICK: &str = "click";

/// An instant as text (RFC 3339).
mod instant {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::x509::Time;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        Time::from_rfc3339(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_by_a_second_person_and_of_these_days() {
        let now = Time::from_unix(1_800_000_000).unwrap();
        let at = |seconds: i64| Time::from_unix(1_800_000_000 + seconds).unwrap();
        let click = |person: &str, requester: &str, at: Time| Click {
            person: person.to_owned(),
            requester: requester.to_owned(),
            at,
        };
        click("bert", "anna", now).check(now).unwrap();
        click("bert", "anna", at(300)).check(now).unwrap();
        click("bert", "anna", at(-30 * 86_400)).check(now).unwrap();
        for (bad, what) in [
            (click("anna", "anna", now), "who made the request"),
            (click("ANNA", "anna", now), "who made the request"),
            (click("", "anna", now), "person"),
            (click("bert", " anna", now), "requester"),
            (click("be\nrt", "anna", now), "control character"),
            (click("bert", "anna", at(301)), "click is of"),
            (click("bert", "anna", at(-30 * 86_400 - 1)), "click is of"),
        ] {
            let said = bad.check(now).unwrap_err().to_string();
            assert!(said.contains(what), "{said}");
        }
    }
}
