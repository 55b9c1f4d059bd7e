//! What a token's return value means for the caller that wants a signature.

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

use crate::error::Pkcs11Error;
use crate::watchdog::Overdue;

/// What may help after a failed call, from the cheapest to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remedy {
    /// The same call again after a pause.
    Retry,
    /// Another session, and the key looked up again.
    Reopen,
    /// As [`Reopen`](Self::Reopen), and the user logged in again. Looking up checks the login anyway; the name says
    /// what was wrong.
    Login,
    /// This token rests; another one that holds the key takes over. Without one it is tried again after pauses.
    NextToken,
    /// Nothing: a person must look.
    Stop,
}

/// A failed call, or a finding of ours.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    what: What,
    /// What may help.
    pub(crate) remedy: Remedy,
    /// No more sessions can be had: the one fault that concerns a worker, not its token.
    pub(crate) no_session: bool,
}

#[derive(Clone, Debug)]
enum What {
    /// The function and its return value by name, or what else was wrong with its answer.
    Call { function: String, code: String },
    /// Told as it is.
    Finding(Box<Pkcs11Error>),
}

impl Fault {
    /// As the error of the token named `token`, after `attempts` attempts.
    pub(crate) fn at(self, token: &str, attempts: u32) -> Pkcs11Error {
        match self.what {
            What::Call { function, code } => Pkcs11Error::Call { function, code, token: token.to_owned(), attempts },
            What::Finding(error) => *error,
        }
    }

    /// A call that did not return, or was not made.
    pub(crate) fn hang(overdue: Overdue, limit: std::time::Duration, token: &str) -> Pkcs11Error {
        let token = token.to_owned();
        match overdue {
            Overdue::Call(function) => Pkcs11Error::Hang { function: function.to_owned(), limit, token },
            Overdue::NoThread(reason) => Pkcs11Error::NoThread { reason, token },
        }
    }
}

/// No repetition changes what was found.
impl From<Pkcs11Error> for Fault {
    fn from(error: Pkcs11Error) -> Self {
        Self { what: What::Finding(Box::new(error)), remedy: Remedy::Stop, no_session: false }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (function, code, remedy) = match &error {
            Error::Pkcs11(value, function) => (function_name(*function), value_name(*value), remedy(*value, *function)),
            Error::NullFunctionPointer => {
                ("a function the module lacks".to_owned(), "CKR_FUNCTION_NOT_SUPPORTED".to_owned(), Remedy::Stop)
            }
            other => ("the module".to_owned(), format!("an answer out of form: {other}"), Remedy::Stop),
        };
        let no_session = matches!(error, Error::Pkcs11(RvError::SessionCount, _));
        Self { what: What::Call { function, code }, remedy, no_session }
    }
}

/// `C_SignInit` for [`Function::SignInit`].
pub(crate) fn function_name(function: Function) -> String {
    format!("C_{function:?}")
}

/// `CKR_PIN_INCORRECT` for [`RvError::PinIncorrect`].
pub(crate) fn value_name(value: RvError) -> String {
    match value {
        RvError::VendorDefined(code) => return format!("the vendor's own CKR {code:#010x}"),
        RvError::UnknownErrorCode(code) => return format!("the unknown CKR {code:#010x}"),
        _ => {}
    }
    let mut name = String::from("CKR");
    for character in format!("{value:?}").chars() {
        if character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

/// The table of `docs/guide/hsm.md`, "What is done about a return value".
pub(crate) fn remedy(value: RvError, function: Function) -> Remedy {
    use RvError as E;
    let remedy = match value {
        E::Cancel
        | E::DeviceMemory
        | E::FunctionCanceled
        | E::FunctionFailed
        | E::FunctionRejected
        | E::HostMemory
        | E::SessionCount => Remedy::Retry,
        E::GeneralError
        | E::KeyHandleInvalid
        | E::ObjectHandleInvalid
        | E::OperationActive
        | E::OperationNotInitialized
        | E::SessionClosed
        | E::SessionHandleInvalid
        | E::UnknownErrorCode(_)
        | E::VendorDefined(_) => Remedy::Reopen,
        E::UserNotLoggedIn => Remedy::Login,
        E::CryptokiNotInitialized
        | E::DeviceError
        | E::DeviceRemoved
        | E::SlotIdInvalid
        | E::TokenNotPresent
        | E::TokenNotRecognized => Remedy::NextToken,
        _ => Remedy::Stop,
    };
    // a refused login counts against the PIN: only what cannot have reached the PIN check is tried again
    let reached_the_pin = matches!(remedy, Remedy::Retry | Remedy::Login)
        || matches!(value, E::GeneralError | E::UnknownErrorCode(_) | E::VendorDefined(_));
    if matches!(function, Function::Login) && reached_the_pin { Remedy::Stop } else { remedy }
}

/// What a module needs from its surroundings before it shows a token: the usual reason why it shows none.
pub(crate) fn surroundings(uri: &str) -> String {
    let configured = if uri.contains("softhsm") {
        "SoftHSM reads the file that SOFTHSM2_CONF names, or its own in /etc; that file and the folder of its \
         `directories.tokendir` must be readable for this user"
    } else if uri.contains("kryoptic") {
        "kryoptic reads the file that KRYOPTIC_CONF names; that file and the token's database must be readable for this \
         user"
    } else if uri.contains("p11-kit") {
        "p11-kit's client reaches the server that P11_KIT_SERVER_ADDRESS names"
    } else {
        "a module reads a configuration of its own, often through an environment variable, and its token's files or device \
         must be readable for this user"
    };
    format!("Check as which user this runs, and the module's configuration: {configured}.")
}

/// What an examination of the token would add to [`hint`].
pub(crate) fn doctor(function: &str, code: &str) -> Option<&'static str> {
    match code {
        "CKR_MECHANISM_INVALID" | "CKR_MECHANISM_PARAM_INVALID" => {
            Some("An examination of the token lists the mechanisms that it offers.")
        }
        _ if is_start(function) || is_explained(code) => None,
        _ => Some("An examination goes through the token step by step."),
    }
}

/// Whether a function comes before any token is known.
fn is_start(function: &str) -> bool {
    matches!(function, "C_Initialize" | "C_GetInfo" | "C_GetSlotList" | "C_GetSlotInfo" | "C_GetTokenInfo")
}

/// Whether a return value says by itself what is wrong.
fn is_explained(code: &str) -> bool {
    code.starts_with("CKR_PIN_")
        || code.starts_with("CKR_KEY_")
        || matches!(
            code,
            "CKR_USER_PIN_NOT_INITIALIZED"
                | "CKR_SESSION_COUNT"
                | "CKR_DEVICE_ERROR"
                | "CKR_DEVICE_REMOVED"
                | "CKR_TOKEN_NOT_PRESENT"
                | "CKR_SLOT_ID_INVALID"
                | "CKR_CANT_LOCK"
        )
}

/// What to do about a return value, for people. `token` names the token or the URI.
pub(crate) fn hint(function: &str, code: &str, token: &str) -> String {
    let text = match code {
        "CKR_PIN_INCORRECT" | "CKR_PIN_INVALID" | "CKR_PIN_LEN_RANGE" => {
            "Check where the PIN comes from. It was tried once and is not tried again, since tokens lock themselves."
        }
        "CKR_PIN_LOCKED" => "The security officer must unlock the token.",
        "CKR_PIN_EXPIRED" | "CKR_USER_PIN_NOT_INITIALIZED" => "Set the user PIN with the vendor's tool.",
        "CKR_MECHANISM_INVALID" | "CKR_MECHANISM_PARAM_INVALID" => {
            "Set another `signature` in the policy, or switch the mechanism on in the token."
        }
        "CKR_KEY_FUNCTION_NOT_PERMITTED" | "CKR_KEY_TYPE_INCONSISTENT" => {
            "The key must be a private key with CKA_SIGN true: see docs/guide/hsm.md, \"The key's attributes\"."
        }
        "CKR_SESSION_COUNT" => "Another program holds the token's sessions; end it, or set fewer sessions.",
        "CKR_DEVICE_ERROR" | "CKR_DEVICE_REMOVED" | "CKR_TOKEN_NOT_PRESENT" | "CKR_SLOT_ID_INVALID" => {
            "The token or the way to it is gone. When it is back, run the same command again: it goes on where it was."
        }
        "CKR_ARGUMENTS_BAD" if function == "C_Initialize" => {
            "The library wants arguments of its own; load it through p11-kit-proxy.so (see docs/guide/hsm.md, NSS)."
        }
        "CKR_CANT_LOCK" => "The library cannot be used by several threads; ask its vendor for one that can.",
        _ if is_start(function) => return surroundings(token),
        _ => {
            "Look up the return value in the vendor's documents and the token's log; run the same command again \
             afterwards: it goes on where it was."
        }
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_values_have_the_names_of_the_standard() {
        for (value, name) in [
            (RvError::DeviceError, "CKR_DEVICE_ERROR"),
            (RvError::PinIncorrect, "CKR_PIN_INCORRECT"),
            (RvError::SessionReadWriteSoExists, "CKR_SESSION_READ_WRITE_SO_EXISTS"),
            (RvError::VendorDefined(0x8000_0001), "the vendor's own CKR 0x80000001"),
        ] {
            assert_eq!(value_name(value), name);
        }
        assert_eq!(function_name(Function::SignInit), "C_SignInit");
        assert_eq!(function_name(Function::GenerateKeyPair), "C_GenerateKeyPair");
    }

    #[test]
    fn a_refused_pin_is_never_tried_again() {
        for value in [
            RvError::PinIncorrect,
            RvError::PinLocked,
            RvError::PinInvalid,
            RvError::FunctionFailed,
            RvError::GeneralError,
            RvError::VendorDefined(0x8000_0001),
        ] {
            assert_eq!(remedy(value, Function::Login), Remedy::Stop, "{value:?}");
        }
        assert_eq!(remedy(RvError::SessionHandleInvalid, Function::Login), Remedy::Reopen);
        assert_eq!(remedy(RvError::DeviceError, Function::Login), Remedy::NextToken);
        assert_eq!(remedy(RvError::FunctionFailed, Function::Sign), Remedy::Retry);
    }

    #[test]
    fn the_documents_say_what_is_done() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/hsm.md")).unwrap();
        use RvError as E;
        let every = [
            (Remedy::Retry, "**retry**", &[E::Cancel, E::DeviceMemory, E::FunctionCanceled, E::FunctionFailed][..]),
            (Remedy::Retry, "**retry**", &[E::FunctionRejected, E::HostMemory, E::SessionCount]),
            (Remedy::Reopen, "**reopen**", &[E::GeneralError, E::KeyHandleInvalid, E::ObjectHandleInvalid]),
            (Remedy::Reopen, "**reopen**", &[E::OperationActive, E::OperationNotInitialized, E::SessionClosed]),
            (Remedy::Reopen, "**reopen**", &[E::SessionHandleInvalid]),
            (Remedy::Login, "**login**", &[E::UserNotLoggedIn]),
            (Remedy::NextToken, "**next token**", &[E::CryptokiNotInitialized, E::DeviceError, E::DeviceRemoved]),
            (Remedy::NextToken, "**next token**", &[E::SlotIdInvalid, E::TokenNotPresent, E::TokenNotRecognized]),
        ];
        for (expected, word, values) in every {
            let row = text.lines().find(|line| line.starts_with("| ") && line.contains(word)).unwrap();
            for value in values {
                assert_eq!(remedy(*value, Function::Sign), expected, "{value:?}");
                assert!(row.contains(&value_name(*value)), "{value:?} is not in the row {word}");
            }
        }
    }
}
