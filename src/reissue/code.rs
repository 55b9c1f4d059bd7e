//! Codes of findings that only the pipeline can make.

use crate::origin::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: Code = Code::new($code);)*

        /// Every code with its meaning.
        pub const CODES: &[(Code, &str)] = &[$(($name, $meaning)),*];
    };
}

codes! {
    NOT_IN_BATCH = "ledger.not-in-batch", "The chip passes now but is not in the batch that this run continues.";
    UNNAMED_LINT = "lint.unnamed", "A lint without a code of its own.";
}
