//! Codes of findings that need the ledger or the whole input to be seen.

use crate::origin::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: Code = Code::new($code);)*

        /// Every code with its meaning.
        pub const CODES: &[(Code, &str)] = &[$(($name, $meaning)),*];
    };
}

codes! {
    ALREADY_ISSUED = "ledger.already-issued", "The chip has a certificate under this policy from an earlier batch.";
    HELD = "ledger.held-by-open-batch", "The chip belongs to a batch that was begun and not finished.";
    ISSUED_DIFFERENTLY = "ledger.issued-differently", "The chip was issued under this policy name from another policy text, other parameters or another leaf.";
    KEY_UNDER_OTHER_UID = "ledger.key-under-other-uid", "The chip's key belongs to another chip on the ledger: an alarm.";
    NOT_IN_BATCH = "ledger.not-in-batch", "The chip passes now but is not in the batch that this run continues.";
    UID_WITH_OTHER_KEY = "ledger.uid-with-other-key", "The chip has another key on the ledger: an alarm.";
    UNNAMED_LINT = "lint.unnamed", "A lint without a code of its own.";
}
