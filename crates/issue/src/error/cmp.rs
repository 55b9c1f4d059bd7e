//! Why a certificate was not had by CMP.

use crate::signer::SignerError;
use crate::x509::CertificateError;
use crate::x509::tlv::DerError;

/// Why bytes did not reach the CA, or none came back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The CA cannot have seen the request.
    #[error("the CA was not reached: {reason}")]
    NotSent {
        /// The system's reason.
        reason: String,
    },
    /// The CA may have seen the request.
    #[error("no answer came: {reason}")]
    Lost {
        /// The system's reason.
        reason: String,
    },
    /// What answered does not speak CMP.
    #[error("the server answered HTTP status {status} instead of a CMP message")]
    Status {
        /// The HTTP status.
        status: u16,
    },
}

/// Why a request ended without an accepted certificate, and what that proves.
///
/// Which of the two it is follows from where the exchange was when it ended, not from the error: only the places in
/// `Client::request` that hold a proof make a `Settled`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The CA may have made a certificate that this program does not have.
    #[error(transparent)]
    InDoubt(CmpError),
    /// No certificate is outstanding: the request did not leave, the CA rejected the request itself, or the CA
    /// acknowledged that its certificate is not accepted. The request may be sent again.
    #[error(transparent)]
    Settled(CmpError),
}

/// Why a certificate was not had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CmpError {
    /// The certificate is not as asked for; the CA was told so and acknowledged it.
    #[error("the CA's certificate is not accepted: {reason}")]
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
    /// An answer belongs to another transaction.
    #[error("the answer's {what} is not the request's (RFC 9810 §5.1.1)")]
    Foreign {
        /// The field.
        what: &'static str,
    },
    /// An answer is not a CMP message.
    #[error("the answer is not a CMP message: {what}")]
    Malformed {
        /// What was found.
        what: String,
    },
    /// The certificate was made, and the CA did not acknowledge that it was accepted.
    #[error("the certificate was confirmed and the CA did not acknowledge it: {reason}")]
    NotAcknowledged {
        /// What came instead.
        reason: String,
    },
    /// The answer's protection does not hold.
    #[error("the answer's protection does not hold: {what}")]
    Protection {
        /// What is wrong with it.
        what: String,
    },
    /// The CA said no.
    #[error("the CA refused: {status}{}", reason.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// PKIStatus and PKIFailureInfo in words.
        status: String,
        /// The CA's own words, escaped.
        reason: Option<String>,
    },
    /// The CA said no after it had taken the request and asked to wait.
    #[error("the CA had asked to wait, then it answered {answer}; this does not prove that it made no certificate")]
    RefusedLate {
        /// Its answer in words.
        answer: String,
    },
    /// The certificate is not as asked for, and the CA did not acknowledge the rejection.
    #[error("the CA's certificate is not accepted: {reason}; the CA did not acknowledge the rejection: {answer}")]
    RejectionNotAcknowledged {
        /// What came instead of `pkiConf`.
        answer: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The signer of requests failed.
    #[error("key that protects requests: {0}")]
    Signer(#[from] SignerError),
    /// The CA keeps asking to wait.
    #[error("the CA still had no certificate after {polls} polls")]
    StillWaiting {
        /// How many.
        polls: u32,
    },
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The CA's answer is neither a certificate nor a plain rejection.
    #[error("the CA answered {answer}, which does not prove that it made no certificate (RFC 9810 §5.2.3)")]
    Unclear {
        /// Its answer in words.
        answer: String,
    },
    /// Anyone can have written the answer.
    #[error("the answer is not protected (RFC 9483 §3.2); it says: {says}")]
    Unprotected {
        /// Its content in words.
        says: String,
    },
}

impl CmpError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Certificate { .. } => {
                "Have the CA's profile changed, or let the policy's [foreign] allow the difference. The CA was told that the \
                 certificate is not accepted."
            }
            Self::Foreign { .. } | Self::Malformed { .. } | Self::Unprotected { .. } | Self::Protection { .. } => {
                "Check `url`, secret and `server_certificate` in [cmp]. An attacker between here and the CA \
                 could have answered."
            }
            Self::Refused { .. } => "Ask the CA's operator what it requires of a registration authority.",
            Self::NotAcknowledged { .. }
            | Self::RefusedLate { .. }
            | Self::RejectionNotAcknowledged { .. }
            | Self::StillWaiting { .. }
            | Self::Unclear { .. } => "Ask the CA's operator whether a certificate was made for this key.",
            Self::Signer(error) => return error.hint(),
            Self::Transport(_) => "Check `url` in [cmp], and the network.",
        };
        Some(text.to_owned())
    }
}

impl From<DerError> for CmpError {
    fn from(error: DerError) -> Self {
        Self::Malformed { what: error.to_string() }
    }
}

impl From<CertificateError> for CmpError {
    fn from(error: CertificateError) -> Self {
        Self::Malformed { what: error.to_string() }
    }
}
