//! Files that the planner seals: one line of JSON, and its seal in a second line.

use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::crypto::sha256;
use crate::durable::{self, Access};
use crate::error::{CoreError, Error, PlanError, RevokeError};
use crate::input;
use crate::manifest::verify_bytes;
use crate::seal;
use crate::signer::Signer;
use crate::text::brief;
use crate::x509::{Certificate, Sha256Digest, Time};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealLine {
    seal: String,
}

/// What a planner sealed, and the planner's name. What it says is not read yet.
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    pub(super) planner: String,
}

impl Sealed {
    /// SHA-256 of what the planner sealed.
    pub(super) fn sha256(&self) -> Sha256Digest {
        sha256(&self.bytes)
    }
}

/// Reads a file and verifies the planner's signature.
pub(super) fn read_sealed(path: &Path, kind: &'static str, planners: &[Certificate]) -> Result<Sealed, Error> {
    let malformed = |what: String| malformed(path, kind, what);
    let content = read(path)?;
    let mut lines = content.split(|byte| *byte == b'\n');
    let (Some(bytes), Some(seal)) = (lines.next(), lines.next()) else {
        return Err(malformed("it has no second line".to_owned()));
    };
    let seal: SealLine = serde_json::from_slice(seal).map_err(|error| malformed(brief(&error.to_string())))?;
    let seal = hex::decode(seal.seal).map_err(|_| malformed("its seal is not hexadecimal".to_owned()))?;
    let planner = planners.iter().find(|planner| verify_bytes(bytes, &seal, planner).is_ok());
    let planner = planner.ok_or_else(|| malformed("no planner of this machine's `[signing]` signed it".to_owned()))?;
    Ok(Sealed { bytes: bytes.to_vec(), planner: planner.subject().to_string() })
}

/// Seals bytes and writes the file. A seal says when it was made: a file of an earlier run with the same bytes stays as it
/// is.
pub(super) fn write_sealed(
    out: &Path,
    kind: &'static str,
    mut bytes: Vec<u8>,
    (certificate, signer): (&Certificate, &dyn Signer),
    now: Time,
) -> Result<(), Error> {
    let earlier = read_sealed(out, kind, std::slice::from_ref(certificate));
    if earlier.is_ok_and(|earlier| earlier.bytes == bytes) {
        return Ok(());
    }
    let seal = seal::seal_bytes(&bytes, certificate, signer, now)?;
    let seal = serde_json::to_string(&SealLine { seal: hex::encode(seal) }).expect("a seal has text for keys");
    writeln!(bytes, "\n{seal}").expect("writing to a Vec");
    write(out, &bytes)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    Ok(input::read(path).map_err(|source| PlanError::Read { path: path.to_owned(), source })?)
}

/// Writes a new file; one that is there and says the same is as good.
pub(super) fn write(out: &Path, content: &[u8]) -> Result<(), Error> {
    if input::read(out).is_ok_and(|there| there == content) {
        return Ok(());
    }
    durable::output::write_new(out, Access::Public, content).map_err(|error| Error::Core(CoreError::from(error)))
}

pub(super) fn malformed(path: &Path, kind: &'static str, what: String) -> Error {
    RevokeError::PlanMalformed { path: path.to_owned(), kind, what }.into()
}
