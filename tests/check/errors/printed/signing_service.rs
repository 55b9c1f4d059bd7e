//! The signing service: what a client that speaks another version, or a socket that fails, makes of a call.

use std::io;

use reroot::error::{Error, SigningServiceError};

use crate::errors::transcripts::Sheet;

use super::{disk, path};

pub(super) fn all(sheet: &mut Sheet<'_>) {
    let errors = [
        SigningServiceError::Console { what: "`reroot.toml` (owner ca, group ca, mode 0666)".to_owned() },
        SigningServiceError::Deadline { seconds: 10 },
        SigningServiceError::Descriptors { found: 0, expected: 1 },
        SigningServiceError::Format { found: "reroot-rpc/9".to_owned(), expected: "reroot-rpc/1" },
        SigningServiceError::Frame { what: "its length is 0 bytes, expected 1 to 1048576".to_owned() },
        SigningServiceError::Io { doing: "write", path: path("reel.signatures"), source: disk() },
        SigningServiceError::Message { what: "unknown field `more`".to_owned() },
        SigningServiceError::NoApprovals,
        SigningServiceError::NoSection,
        SigningServiceError::NotAFile,
        SigningServiceError::Refused { code: "peer".to_owned(), text: "user 1001 may not connect".to_owned() },
        SigningServiceError::Running { path: path("/var/lib/reroot-signer") },
        SigningServiceError::Socket {
            doing: "connect to",
            path: path("/run/reroot-signer/socket"),
            source: io::Error::from_raw_os_error(2),
        },
        SigningServiceError::SocketTaken { path: path("/run/reroot-signer/socket") },
        SigningServiceError::Unexpected { found: "state", expected: "submitted" },
        SigningServiceError::UnknownPeer { name: "reroot-web".to_owned() },
        SigningServiceError::Unlock { text: "the passphrase does not open the key".to_owned() },
        SigningServiceError::Wire(io::Error::from_raw_os_error(104)),
    ];
    for error in errors {
        sheet.ends(Error::SigningService(error));
    }
}
