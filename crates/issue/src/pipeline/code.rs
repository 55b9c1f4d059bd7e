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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::listed_codes;
    use crate::origin::ledger_codes;
    use crate::{lint, reel, verify};

    /// Every code of a finding that the program can make is on the list, or is known to stop a run.
    #[test]
    fn no_code_of_a_finding_is_forgotten() {
        let stops = [
            "answer.differs",
            "cmp.in-doubt",
            "cmp.refused",
            "ledger.held-by-open-batch",
            "ledger.issued.other-params",
            "ledger.issued.other-policy",
            "ledger.issued.other-source",
            "lint.unnamed",
            "verify.chain.anchor-expired",
            "verify.expect.count",
            "verify.expect.missing",
            "verify.file-name.mismatch",
        ];
        let all = [reel::CODES, verify::CODES, lint::CODES, ledger_codes::CODES, CODES];
        let listed = |code: &str| listed_codes().iter().any(|listed| listed.code.as_str() == code);
        for (code, _) in all.into_iter().flatten() {
            assert!(listed(code.as_str()) != stops.contains(&code.as_str()), "{code}");
        }
    }
}
