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
    ANSWER_DIFFERS = "answer.differs", "Another CA's certificate is not as asked for, and the policy does not let it differ there.";
    CMP_IN_DOUBT = "cmp.in-doubt", "A request left for the CA and nobody knows what came of it.";
    CMP_REFUSED = "cmp.refused", "The CA refused the request.";
    UNNAMED_LINT = "lint.unnamed", "A lint without a code of its own.";
}
