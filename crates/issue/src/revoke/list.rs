//! Lists of chips, as people and spreadsheets write them: every line that is not understood is a finding with its number.

use crate::crl::Reason;
use crate::origin::{ChipName, TypedList};
use crate::text::brief;
use crate::x509::Time;

use super::{Finding, Named};

/// Reads a list of which each line must name one chip.
///
/// # Errors
/// The first line that is damaged, or names more than one chip.
pub fn read_chips(name: &str, content: &[u8]) -> Result<Vec<ChipName>, Finding> {
    let (named, findings) = read_uids(name, content);
    if let Some(finding) = findings.into_iter().next() {
        return Err(finding);
    }
    if let Some(one) = named.iter().find(|one| one.chip.candidates().is_empty()) {
        let hint = Some("Write the UID or the ST number.".to_owned());
        return Err(Finding::damaged(one.place.clone(), format!("`{}` does not name one chip", one.chip), hint));
    }
    Ok(named.into_iter().map(|one| one.chip).collect())
}

/// Reads a list of chips: one a line, in the first column.
pub fn read_uids(name: &str, content: &[u8]) -> (Vec<Named>, Vec<Finding>) {
    let (mut named, mut findings) = (Vec::new(), Vec::new());
    let list = match TypedList::new(content) {
        Ok(list) => list,
        Err(error) => {
            findings.push(Finding::damaged(name.to_owned(), error.to_string(), Some(error.hint().to_owned())));
            return (named, findings);
        }
    };
    for (line, cell) in list.lines() {
        let place = format!("{name}, line {line}");
        match cell.parse::<ChipName>() {
            Ok(chip) => named.push(Named { place, chip, reason: None, at: None, of_reel: false }),
            Err(error) => findings.push(Finding::damaged(place, error.to_string(), Some(error.hint().to_owned()))),
        }
    }
    if named.is_empty() && findings.is_empty() {
        findings.push(Finding::damaged(name.to_owned(), "the list names no chip".to_owned(), None));
    }
    (named, findings)
}

/// Reads a list with the columns `uid`, `reason` and `time`, which its first row names in any order; separated by commas,
/// semicolons or tabs. `reason` is a name or number of RFC 5280, `time` RFC 3339; each may be empty.
pub fn read_list(name: &str, content: &[u8]) -> (Vec<Named>, Vec<Finding>) {
    let (mut named, mut findings) = (Vec::new(), Vec::new());
    let list = match TypedList::new(content) {
        Ok(list) => list,
        Err(error) => {
            findings.push(Finding::damaged(name.to_owned(), error.to_string(), Some(error.hint().to_owned())));
            return (named, findings);
        }
    };
    let mut rows = list.rows();
    let Some((_, head)) = rows.next() else {
        findings.push(Finding::damaged(name.to_owned(), "the list is empty".to_owned(), None));
        return (named, findings);
    };
    let columns = match columns(&head) {
        Ok(columns) => columns,
        Err(what) => {
            let hint = "The first row names the columns: `uid`, and if wanted `reason` and `time`.".to_owned();
            findings.push(Finding::damaged(format!("{name}, line 1"), what, Some(hint)));
            return (named, findings);
        }
    };
    for (line, cells) in rows {
        let place = format!("{name}, line {line}");
        match row(&place, &cells, &columns, head.len()) {
            Ok(one) => named.push(one),
            Err((what, hint)) => findings.push(Finding::damaged(place, what, hint)),
        }
    }
    if named.is_empty() && findings.is_empty() {
        findings.push(Finding::damaged(name.to_owned(), "the list names no chip".to_owned(), None));
    }
    (named, findings)
}

/// Where the columns are.
struct Columns {
    uid: usize,
    reason: Option<usize>,
    time: Option<usize>,
}

fn columns(head: &[String]) -> Result<Columns, String> {
    let place = |name: &str| head.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    let unknown =
        head.iter().find(|cell| !["uid", "reason", "time"].iter().any(|name| cell.eq_ignore_ascii_case(name)));
    if let Some(unknown) = unknown {
        return Err(format!("unknown column `{}`, expected `uid`, `reason` and `time`", brief(unknown)));
    }
    let uid = place("uid").ok_or("there is no column `uid`")?;
    Ok(Columns { uid, reason: place("reason"), time: place("time") })
}

fn row(place: &str, cells: &[String], columns: &Columns, expected: usize) -> Result<Named, (String, Option<String>)> {
    if cells.len() != expected {
        return Err((format!("it has {} columns, expected {expected}", cells.len()), None));
    }
    let chip = cells[columns.uid].parse::<ChipName>();
    let chip = chip.map_err(|error| (error.to_string(), Some(error.hint().to_owned())))?;
    let cell = |column: Option<usize>| column.map(|at| cells[at].as_str()).filter(|cell| !cell.is_empty());
    let reason = cell(columns.reason)
        .map(|text| parse_reason(text).ok_or_else(|| (format!("`{}` is not a reason", brief(text)), Some(reasons()))));
    let at = cell(columns.time).map(|text| {
        let hint = "Write times as 2026-03-01T12:00:00Z.".to_owned();
        Time::from_rfc3339(text).map_err(|error| (format!("`time` is {error}"), Some(hint)))
    });
    Ok(Named { place: place.to_owned(), chip, reason: reason.transpose()?, at: at.transpose()?, of_reel: false })
}

/// Reads a reason that may be recorded: its name in any case, with or without dashes between its words, or its number.
pub fn parse_reason(text: &str) -> Option<Reason> {
    let plain: String = text.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
    Reason::ALLOWED.into_iter().find(|reason| {
        plain.eq_ignore_ascii_case(reason.name()) || plain.parse::<u8>().is_ok_and(|code| code == reason.code())
    })
}

/// The reasons that may be recorded, for people.
pub fn reasons() -> String {
    let names: Vec<String> =
        Reason::ALLOWED.iter().map(|reason| format!("{} ({})", reason.name(), reason.code())).collect();
    format!("Reasons are {}.", names.join(", "))
}
