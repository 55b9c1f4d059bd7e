//! Codes of findings that rest on what the ledger knows of a leaf (`Standing` in the ledger).

use crate::origin::Code;

/// The identity has a certificate from another batch, made in the same way: nothing is missing.
pub const ALREADY_ISSUED: Code = Code::new("ledger.already-issued");
/// The identity is in a batch that is not finished.
pub const HELD: Code = Code::new("ledger.held-by-open-batch");
/// The key was recorded under another UID.
pub const KEY_UNDER_OTHER_UID: Code = Code::new("ledger.key-under-other-uid");
/// The chip passes now but is not in the batch that this run continues.
pub const NOT_IN_BATCH: Code = Code::new("ledger.not-in-batch");
/// The identity has a certificate that was made with other parameters.
pub const OTHER_PARAMS: Code = Code::new("ledger.issued.other-params");
/// The identity has a certificate that was made under another policy file of the same name.
pub const OTHER_POLICY: Code = Code::new("ledger.issued.other-policy");
/// The identity has a certificate that was made from another leaf certificate.
pub const OTHER_SOURCE: Code = Code::new("ledger.issued.other-source");
/// The serial number would be copied from a leaf whose UID this issuer has recorded before.
pub const SERIAL_REPEATED: Code = Code::new("ledger.serial-repeated");
/// The UID was recorded with another key.
pub const UID_WITH_OTHER_KEY: Code = Code::new("ledger.uid-with-other-key");

/// Every code of this stage and its meaning.
pub const CODES: &[(Code, &str)] = &[
    (ALREADY_ISSUED, "another batch has issued a certificate for this chip and key under this policy name"),
    (HELD, "a batch that is not finished holds this chip; run that batch to its end first"),
    (KEY_UNDER_OTHER_UID, "the ledger has this key under another UID: one of the two is not genuine"),
    (NOT_IN_BATCH, "the chip passes now but is not in the batch that this run continues"),
    (
        OTHER_PARAMS,
        "already issued under this policy name with other parameters; it passes with a reason for issuing again",
    ),
    (OTHER_POLICY, "already issued under another policy file of this name; it passes with a reason for issuing again"),
    (
        OTHER_SOURCE,
        "already issued from another leaf certificate of the same chip and key; it passes with a reason for issuing again",
    ),
    (SERIAL_REPEATED, "the policy copies serial numbers, and this issuer has recorded the chip before"),
    (UID_WITH_OTHER_KEY, "the ledger has this UID with another key: one of the two is not genuine"),
];
