//! Codes of findings that rest on what the ledger knows of a leaf (`Standing` in the ledger).

codes! {
    pub const;

    ABANDONED = "ledger.abandoned", "a batch that was abandoned may have signed for this chip; it passes with a reason for issuing again"
        => "Give a reason for issuing again. Revoke the abandoned batch first: a certificate of it may exist.";
    ALREADY_ISSUED = "ledger.already-issued", "another batch has issued a certificate for this chip and key under this policy name"
        => "Nothing to do: the chip has its certificate in that batch.";
    BLOCKED = "ledger.blocked", "the chip was blocked: nothing is issued for it until that is taken back"
        => "Find out why it was blocked. If that is settled, take the block back, then run the same command again.";
    ELSEWHERE = "ledger.elsewhere", "a list of names that was given says that a different site has issued for this chip"
        => "Find out which site the chip belongs to. To issue for it here as well, give a reason for issuing again.";
    HELD = "ledger.held-by-open-batch", "a batch that is not finished holds this chip; run that batch to its end first"
        => "Run the command of that batch again until it ends, then this one.";
    KEY_UNDER_OTHER_UID = "ledger.key-under-other-uid", "the ledger has this key under another UID: one of the two is not genuine"
        => "Read the certificate from the chip itself, keep both files and ask the supplier.";
    NOT_IN_BATCH = "ledger.not-in-batch", "the chip passes now but is not in the batch that this run continues"
        => "Finish this batch first; a run with another output then issues for this chip.";
    OTHER_PARAMS = "ledger.issued.other-params", "already issued under this policy name with other parameters; it passes with a reason for issuing again"
        => "Give the parameters of the earlier batch, or a reason for issuing again.";
    OTHER_POLICY = "ledger.issued.other-policy", "already issued under another policy file of this name; it passes with a reason for issuing again"
        => "Use the policy file of the earlier batch, or give a reason for issuing again.";
    OTHER_SOURCE = "ledger.issued.other-source", "already issued from another leaf certificate of the same chip and key; it passes with a reason for issuing again"
        => "Find out which of the two leaves the chip has, or give a reason for issuing again.";
    SERIAL_REPEATED = "ledger.serial-repeated", "the policy copies serial numbers, and this issuer has recorded the chip before"
        => "To issue again for this chip, use a policy that derives serial numbers.";
    UID_WITH_OTHER_KEY = "ledger.uid-with-other-key", "the ledger has this UID with another key: one of the two is not genuine"
        => "Read the certificate from the chip itself, keep both files and ask the supplier.";
}
