//! The list of expected chips against the statement and the lines.

use crate::crypto::sha256;
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::{self, Entry, FindingLine, MissingLine, Statement};
use crate::origin::Uid;
use crate::policy::Policy;
use crate::verify::{ExpectedList, Family, MissingChip};

use super::Audit;
use super::account::each_line;
use super::grounds::{self, Ground};
use super::report::{AuditReport, code};

/// The list as the auditor has it.
#[derive(Clone, Copy, Debug)]
pub struct ListFile<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its name, for messages.
    pub name: &'a str,
}

/// What the expected list showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ListShown {
    /// Chips on the list.
    pub listed: u64,
    /// Chips of the list that are not among the verified leaves, in the order of the list.
    pub missing: Vec<MissingChip>,
    /// Chips with a certificate that are not on the list.
    pub unlisted: u64,
}

/// The list, and whether it is the one that the statement names.
pub(super) struct Given {
    list: ExpectedList,
    family: Family,
    /// It is the list of the batch.
    pub(super) same: bool,
}

const PLACE: &str = "expected list";

/// Reads the list and compares it with what the statement says of it.
pub(super) fn open(
    job: &Audit<'_>,
    statement: &Statement,
    policy: &Policy,
    report: &mut AuditReport,
) -> Result<Option<Given>, Error> {
    let Some(file) = job.expected else { return Ok(None) };
    let family = policy.source().family;
    let list = ExpectedList::parse(family, file.bytes, file.name)?;
    let (digest, count) = (sha256(file.bytes), list.len() as u64);
    let same = match &statement.expected {
        None => {
            let message = "the statement names no expected list: the batch was made without one";
            report.fault(code::EXPECT_LIST, PLACE, message);
            false
        }
        Some(stated) if stated.sha256 != digest => {
            let message = format!("its SHA-256 is {digest}, the statement names {}", stated.sha256);
            report.fault(code::EXPECT_LIST, PLACE, &message);
            false
        }
        Some(stated) if stated.count != count => {
            let message = format!("it names {count} chips, the statement says {}", stated.count);
            report.fault(code::EXPECT_LIST, PLACE, &message);
            false
        }
        Some(_) => true,
    };
    Ok(Some(Given { list, family, same }))
}

/// The chips of all lines against the list: who has a certificate, who was left out because of the list, who is
/// missing.
///
/// The verified leaves are the chips with a certificate, and those whose finding is one of a verified leaf. That these
/// findings are true is for the inputs to show.
pub(super) fn check(
    reader: &BatchReader,
    statement: &Statement,
    given: &Given,
    report: &mut AuditReport,
) -> Result<(), Error> {
    let before = report.count();
    let mut compared = given.list.begin();
    let mut unlisted = 0;
    each_line(reader, statement, manifest::ENTRIES_FILE, report, |number, line, report| {
        // lines that cannot be read are reported where they are checked
        let Ok(entry) = Entry::parse(statement.format, line) else { return Ok(()) };
        if !compared.meet(entry.uid()) {
            unlisted += 1;
            if given.same {
                let place = format!("{} line {}", manifest::ENTRIES_FILE, number + 1);
                let message = format!("chip {} has a certificate and is not on the expected list", entry.uid());
                report.fault(code::EXPECT_CHIP, &place, &message);
            }
        }
        Ok(())
    })?;
    each_line(reader, statement, manifest::REJECTED_FILE, report, |number, line, report| {
        let Ok(line) = FindingLine::parse(line) else { return Ok(()) };
        let (Some(uid), Some(listed)) = (line.uid(), grounds::listed(line.code())) else { return Ok(()) };
        let of_list = match listed.ground {
            Ground::Inputs | Ground::Leaf => return Ok(()),
            Ground::List => true,
            Ground::Certificate | Ground::History | Ground::Signer => false,
        };
        // what the list does not name is left out for that reason, before anything else is looked at
        if compared.meet(uid) == of_list && given.same {
            let is = if of_list { "is" } else { "is not" };
            let message =
                format!("chip {uid} is {} as {}, but {is} on the list", line.disposition().as_str(), line.code());
            let place = format!("{} line {}", manifest::REJECTED_FILE, number + 1);
            report.fault(code::EXPECT_CHIP, &place, &message);
        }
        Ok(())
    })?;
    let missing = compared.missing();
    if given.same {
        check_missing(&sealed_names(&missing, given.family), statement, report);
    }
    let missing = missing.into_iter().map(|(line, chip)| MissingChip { chip, line }).collect();
    report.list = Some(ListShown { listed: given.list.len() as u64, missing, unlisted });
    if given.same {
        report.checked_since(
            before,
            "the expected list: its digest and count, and which of its chips have a certificate",
        );
    }
    Ok(())
}

/// Missing chips as `missing.jsonl` names them: by the UID, or by its first 9 bytes where the list has the unique
/// number; sorted.
pub(super) fn sealed_names(missing: &[(u64, String)], family: Family) -> Vec<Uid> {
    let short = |chip: &str| family.parts().filter(|parts| chip.len() == 2 * parts.unique);
    let name = |chip: &String| match short(chip) {
        Some(parts) => format!("{}{chip}", hex::encode_upper(parts.head)),
        None => chip.clone(),
    };
    let uid = |(_, chip): &(u64, String)| name(chip).parse().expect("a list names chips in hexadecimal");
    let mut names: Vec<Uid> = missing.iter().map(uid).collect();
    names.sort_unstable();
    names
}

/// What the batch says of the missing chips against the list; a statement of version 1 says nothing of them.
fn check_missing(recomputed: &[Uid], statement: &Statement, report: &mut AuditReport) {
    let Some(unmet) = statement.unmet() else { return };
    let lines: Vec<String> = recomputed.iter().map(|chip| MissingLine::new(*chip).line() + "\n").collect();
    if sha256(lines.concat().as_bytes()) != unmet.missing {
        let message = format!("names other chips than the {} that list and lines give", recomputed.len());
        report.fault(code::EXPECTED_MISSING, manifest::MISSING_FILE, &message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_chips_have_the_names_of_the_sealed_list() {
        let missing = [(1, "F0204021CC225B".to_owned()), (2, "020930C56159E439520139".to_owned())];
        let names = |missing, family| sealed_names(missing, family).iter().map(Uid::to_string).collect::<Vec<_>>();
        assert_eq!(names(&missing, Family::StsafeA), ["020930C56159E439520139", "0209F0204021CC225B"]);
        assert_eq!(names(&missing[..1], Family::Generic), ["F0204021CC225B"]);
    }
}
