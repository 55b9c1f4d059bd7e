//! The possession certificate: what AWS IoT and Azure ask for when a CA is registered.
//!
//! The cloud gives a code; a certificate with that code as its common name, signed by the CA's key, shows that the
//! account that registers the CA holds the key. The certificate's own key is made here and thrown away: it can never be
//! used, which is why the certificate needs neither a purpose nor a revocation.

use crate::cert::IssuerIdentity;
use crate::ledger::Ledger;
use crate::signer::{self, Signer};
use crate::x509::{Certificate, KeyAlgorithm, Time, Validity, oid};

use super::CaError;
use super::certificate::{Role, Statement, name};
use super::init::serial;
use super::key::CaKey;

/// What a possession certificate is to say.
#[derive(Clone, Copy, Debug)]
pub struct ProofOptions<'a> {
    /// The cloud's code: AWS IoT's registration code, Azure's verification code.
    pub code: &'a str,
    /// Days of validity, at most [`MAX_DAYS`](Self::MAX_DAYS).
    pub days: u16,
    /// Begin of validity.
    pub now: Time,
    /// Fresh random bytes for the serial number, never used for anything else.
    pub random: [u8; 16],
}

impl ProofOptions<'_> {
    /// Longest validity: registering a CA takes minutes.
    pub const MAX_DAYS: u16 = 30;
}

/// Makes a possession certificate: encoded, recorded, signed, verified, recorded.
///
/// # Errors
/// The code or the days are not usable, the issuer is not valid for that time, or a step fails.
pub fn proof(
    issuer: &IssuerIdentity,
    signer: &dyn Signer,
    ledger: &Ledger,
    options: &ProofOptions<'_>,
) -> Result<Certificate, CaError> {
    check_code(options.code)?;
    let validity = validity(issuer, options)?;
    let ca = CaKey::new(signer, issuer.spki())?;
    signer.check_algorithm(ca.algorithm())?;
    // dropped, and with it wiped, at the end of this function
    let key = signer::generate(KeyAlgorithm::P256, None)?;
    let statement = Statement {
        role: Role::Possession,
        serial: &serial(&options.random),
        signature: ca.algorithm(),
        issuer: issuer.subject(),
        validity,
        subject: &name(&[(oid::COMMON_NAME, options.code)]),
        spki: &key.spki,
        own_key: None,
        issuer_key: issuer.key_identifier(),
    };
    let der = ca.sign(ledger, KIND, &statement.encode(), options.now)?;
    ledger.conclude()?;
    Ok(Certificate::from_der(&der)?)
}

/// Checks the code. Codes are hexadecimal today; a cloud may change that, but a code must never be able to change the
/// meaning of a name.
fn check_code(code: &str) -> Result<(), CaError> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=64).contains(&code.len()) && code.bytes().all(fit) {
        return Ok(());
    }
    Err(CaError::Code { found: code.to_owned() })
}

fn validity(issuer: &IssuerIdentity, options: &ProofOptions<'_>) -> Result<Validity, CaError> {
    if !(1..=ProofOptions::MAX_DAYS).contains(&options.days) {
        return Err(CaError::Days { days: options.days, limit: ProofOptions::MAX_DAYS });
    }
    // the end is inclusive
    let end = options.now.unix() + i64::from(options.days) * 86_400 - 1;
    let validity = Validity::new(options.now, Time::from_unix(end)?)?;
    let of_issuer = issuer.validity();
    if of_issuer.contains(validity.not_before()) && of_issuer.contains(validity.not_after()) {
        return Ok(validity);
    }
    Err(CaError::IssuerNotValid {
        subject: issuer.subject().to_string(),
        not_before: of_issuer.not_before(),
        not_after: of_issuer.not_after(),
        end: validity.not_after(),
    })
}

/// What the ledger calls it.
const KIND: &str = "possession";
