//! Codes of findings that only the pipeline can make.

codes! {
    pub const;

    ANSWER_DIFFERS = "answer.differs", "Another CA's certificate is not as asked for, and the policy does not let it differ there."
        => "Ask the CA to issue it as requested, or allow the difference in the policy's [foreign].";
    CMP_IN_DOUBT = "cmp.in-doubt", "A request left for the CA and nobody knows what came of it."
        => "Ask the CA whether it issued this certificate, record the answer, then run the same command again.";
    CMP_REFUSED = "cmp.refused", "The CA refused the request."
        => "Ask the CA for its reason; what it sent is shown above.";
    UNNAMED_LINT = "lint.unnamed", "A lint without a code of its own."
        => "Report this with the policy and the leaf: every rule has a code.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::listed_codes;
    use crate::cert::ANSWER_CODES;
    use crate::origin::ledger_codes;
    use crate::{lint, policy, reel, verify};

    #[test]
    fn every_code_of_a_finding_says_what_to_do() {
        let leaf = policy::CODES.iter().filter(|(code, _)| code.as_str().starts_with("policy.leaf."));
        let all = [
            reel::CODES,
            verify::CODES,
            lint::CODES,
            ledger_codes::CODES,
            CODES,
            ANSWER_CODES,
            super::super::authority::ANSWER_CODES,
        ];
        for (code, _) in all.into_iter().flatten().chain(leaf) {
            assert!(code.hint().is_some_and(|hint| hint.ends_with('.')), "{code}");
        }
    }

    /// Every code of a finding that the program can make is on the list, or is known to stop a run.
    #[test]
    fn no_code_of_a_finding_is_forgotten() {
        let stops = [
            "answer.differs",
            "cmp.in-doubt",
            "cmp.refused",
            "ledger.abandoned",
            "ledger.held-by-open-batch",
            "ledger.issued.other-params",
            "ledger.issued.other-policy",
            "ledger.issued.other-source",
            "lint.unnamed",
            "verify.chain.anchor-expired",
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
