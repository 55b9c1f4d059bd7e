//! Where our verdict differs from x509-limbo's, and why. Every case that is not listed here must agree.

const NO_CRLS: &str = "revocation of source leaves is not checked: no ST source CA publishes a CRL, its root names no \
    distribution point, and a genuine leaf that was stolen is for the expected list to find";
const NO_DEPTH: &str = "the case sets its own limit of depth; ours is a constant above it (six intermediates), and \
    pathLenConstraint is the CA's own means to limit a path";
const GENUINE: &str = "genuine ST chains have no key identifiers: the leaves carry no extension, PROD CA 01 carries \
    basicConstraints only";
const NEVER_A_LEAF: &str =
    "stricter on purpose: a CA certificate is never re-certified as a chip's, wherever it stands";

/// Case, whether *we* accept it, and the reason.
pub(crate) const DIVERGENCES: &[(&str, bool, &str)] = &[
    ("crl::crlnumber-critical", true, NO_CRLS),
    ("crl::crlnumber-missing", true, NO_CRLS),
    ("crl::issuer-missing-crlsign", true, NO_CRLS),
    ("crl::revoked-certificate-with-crl", true, NO_CRLS),
    ("pathlen::max-chain-depth-0-exhausted", true, NO_DEPTH),
    ("pathlen::max-chain-depth-1-exhausted", true, NO_DEPTH),
    ("pathlen::validation-ignores-pathlen-in-leaf", false, NEVER_A_LEAF),
    (
        "rfc5280::aki::cross-signed-root-missing-aki",
        true,
        "an anchor is a name and a key (RFC 5280 §6.1.1 (d)); who else signed it, and how it is found, is nobody's business",
    ),
    ("rfc5280::aki::intermediate-missing-aki", true, GENUINE),
    ("rfc5280::aki::leaf-missing-aki", true, GENUINE),
    ("rfc5280::ca-as-leaf", false, NEVER_A_LEAF),
    (
        "rfc5280::root-non-critical-basic-constraints",
        true,
        "two genuine ST roots (TEST CA 91 of 2023, STSAFE-L CA0001) have it not critical",
    ),
    ("rfc5280::ski::intermediate-missing-ski", true, GENUINE),
    ("rfc5280::ski::root-missing-ski", true, GENUINE),
    (
        "rfc5280::validity::expired-root",
        true,
        "genuine leaves outlive their root by up to three years: the anchor's own end is a warning (docs/adr/0004-own-path-validation.md)",
    ),
];
