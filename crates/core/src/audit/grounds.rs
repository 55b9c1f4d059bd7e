//! The closed list of codes that a finding of a sealed batch can have, and what each of them rests on.
//!
//! Everything that is rejected or ignored is left out of a batch, so its code must say why, and an auditor must be able
//! to check the reason. A code that is not on the list is refused: a provider who could invent codes could leave out
//! any chip. The list belongs to the formats `reroot-manifest/1` and `reroot-manifest/2`; a code is added to it
//! together with a new list number.
//!
//! Not on the list are codes of findings that stop a run before anything is sealed: `ledger.abandoned`,
//! `ledger.held-by-open-batch`, `ledger.issued.*`, `answer.*`, `cmp.*`, and the code of a finding about a run as a
//! whole (`verify.expect.missing`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::origin::{Code, Disposition, ledger_codes};
use crate::{lint, policy, reel, verify};

/// The number of the list. It grows when a code is added.
pub const LIST: u32 = 2;

/// What a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// The bytes of the inputs.
    Inputs,
    /// Inputs, policy and source anchors: the item is not a leaf that verifies, or conflicts with another one.
    Leaf,
    /// The expected list.
    List,
    /// Policy, parameters, issuing CA and the leaf: no certificate follows, or one that breaks a rule.
    Certificate,
    /// An earlier batch of the same ledger: the signer's word, unless the history shows it.
    History,
    /// The signer's word alone.
    Signer,
}

impl Ground {
    /// What an auditor derives the finding from, as the list has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inputs => "derived: inputs",
            Self::Leaf => "derived: inputs, policy, source anchors",
            Self::List => "derived: inputs, expected list",
            Self::Certificate => "derived: inputs, policy, `params`, issuing CA",
            Self::History => "signer's word, or the history",
            Self::Signer => "signer's word",
        }
    }
}

/// A code of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedCode {
    /// The code.
    pub code: Code,
    /// What it says of its item; `None` where both occur.
    pub disposition: Option<Disposition>,
    /// What it rests on.
    pub ground: Ground,
}

/// The code of this text, if it is on the list.
pub(super) fn listed(code: &str) -> Option<&'static ListedCode> {
    static BY_TEXT: LazyLock<BTreeMap<&'static str, ListedCode>> =
        LazyLock::new(|| listed_codes().into_iter().map(|listed| (listed.code.as_str(), listed)).collect());
    BY_TEXT.get(code)
}

/// The whole list, in the order of the stages that find.
pub fn listed_codes() -> Vec<ListedCode> {
    let mut list = Vec::new();
    let mut add = |code: Code, disposition, ground| list.push(ListedCode { code, disposition, ground });
    for (code, meaning) in reel::CODES {
        let disposition = match meaning.split_once(':') {
            Some(("rejected", _)) => Some(Disposition::Rejected),
            Some(("ignored", _)) => Some(Disposition::Ignored),
            _ => None,
        };
        add(*code, disposition, Ground::Inputs);
    }
    for (code, _) in verify::CODES {
        match *code {
            // about a run as a whole, or a warning about a leaf that is used
            verify::EXPECT_MISSING | verify::FILE_NAME_MISMATCH | verify::CHAIN_ANCHOR_EXPIRED => {}
            verify::EXPECT_SURPLUS => add(*code, Some(Disposition::Ignored), Ground::List),
            verify::EXPECT_UNEXPECTED => add(*code, Some(Disposition::Rejected), Ground::List),
            verify::CA_CERTIFICATE | verify::CONFLICT_DUPLICATE | verify::CONFLICT_TWIN => {
                add(*code, Some(Disposition::Ignored), Ground::Leaf);
            }
            _ => add(*code, Some(Disposition::Rejected), Ground::Leaf),
        }
    }
    for (code, _) in policy::CODES.iter().filter(|(code, _)| code.as_str().starts_with("policy.leaf.")) {
        add(*code, Some(Disposition::Rejected), Ground::Certificate);
    }
    for (code, _) in lint::CODES {
        add(*code, Some(Disposition::Rejected), Ground::Certificate);
    }
    add(ledger_codes::ALREADY_ISSUED, Some(Disposition::Ignored), Ground::History);
    for code in [ledger_codes::KEY_UNDER_OTHER_UID, ledger_codes::SERIAL_REPEATED, ledger_codes::UID_WITH_OTHER_KEY] {
        add(code, Some(Disposition::Rejected), Ground::History);
    }
    for code in [ledger_codes::NOT_IN_BATCH, ledger_codes::BLOCKED, ledger_codes::ELSEWHERE] {
        add(code, Some(Disposition::Rejected), Ground::Signer);
    }
    list
}

/// The list as a table of `docs/spec/manifest-format.md`.
pub fn list_markdown() -> String {
    let mut text = String::from("| code | disposition | whose word |\n|---|---|---|\n");
    for ListedCode { code, disposition, ground } in listed_codes() {
        let disposition = disposition.map_or("`rejected` or `ignored`".to_owned(), |one| format!("`{}`", one.as_str()));
        writeln!(text, "| `{code}` | {disposition} | {} |", ground.as_str()).expect("writing to a String");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_listed_once() {
        let codes: BTreeSet<_> = listed_codes().iter().map(|listed| listed.code).collect();
        assert_eq!(codes.len(), listed_codes().len());
        for code in ["reel.zip.checksum", "verify.conflict.twin", "policy.leaf.key", "rfc5280.structure"] {
            assert!(listed(code).is_some(), "{code}");
        }
        for code in [
            "ledger.abandoned",
            "ledger.held-by-open-batch",
            "ledger.issued.other-policy",
            "cmp.refused",
            "policy.value.empty",
            "x",
        ] {
            assert!(listed(code).is_none(), "{code}");
        }
    }
}
