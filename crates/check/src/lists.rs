//! The CRLs that `--crl` names, and what is printed of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reroot_core::crl::Crl;
use reroot_core::durable::Access;
use reroot_core::durable::output::{self, Shape};
use reroot_core::manifest::Proof;
use reroot_core::proof::{NotRevoked, Statuses};
use reroot_core::text::Printable;
use reroot_core::x509::{Time, pem};
use serde_json::Value;

use crate::fault::Fault;
use crate::{beside, load, render};

/// The CRLs of files, or of the file beside `path` if none is named, as they are at an instant; none if there are none.
pub fn statuses(files: &[PathBuf], path: Option<&Path>, at: Time) -> Result<Option<Statuses>, Fault> {
    let beside = path.and_then(beside::crls).filter(|path| files.is_empty() && path.exists());
    let crls = read(beside.as_slice().iter().chain(files))?;
    Ok((!crls.is_empty()).then(|| Statuses::new(crls, at)))
}

/// The CRLs that `prove --with-status` wrote beside a file of proofs: they say what was so at their own time.
pub fn beside_proof(path: &Path) -> Result<Option<Statuses>, Fault> {
    let beside = beside::crls(path).filter(|path| path.exists());
    let crls = read(&beside)?;
    Ok((!crls.is_empty()).then(|| Statuses::of_their_time(crls)))
}

/// The CRLs that cover the chips of proofs, each once.
pub struct Covering {
    statuses: Statuses,
    lists: BTreeSet<Vec<u8>>,
    /// Why nothing can be said of a chip.
    fault: Option<String>,
    /// Where they are written.
    path: PathBuf,
}

impl Covering {
    /// Reads CRLs, of which those that cover chips are to be written beside `out`; none if no file is named.
    pub fn new(files: &[PathBuf], out: &Path, at: Time) -> Result<Option<Self>, Fault> {
        let path = beside::crls(out).ok_or_else(|| Fault::usage("--out names no file"))?;
        load::place(&path, Shape::PLAIN)?;
        let statuses = statuses(files, None, at)?;
        Ok(statuses.map(|statuses| Self { statuses, lists: BTreeSet::new(), fault: None, path }))
    }

    /// Takes the CRLs that cover the chip of a proof.
    pub fn see(&mut self, proof: &Proof) {
        let Some(chip) = &proof.chip else { return };
        match self.statuses.covering(chip) {
            Ok(lists) if lists.is_empty() => self.fault = Some(format!("no CRL given covers chip {}", proof.uid)),
            Ok(lists) => self.lists.extend(lists.iter().map(|crl| crl.der().to_vec())),
            Err(fault) => self.fault = Some(format!("[{}] {}: {}", fault.code, fault.place, fault.message)),
        }
    }

    /// Writes them beside the proofs.
    pub fn write(self) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            let message = format!("the proofs are written, their status is not: {fault}");
            return Err(Fault::usage(message).hint("Give every CRL of the round: the shards, or the full one."));
        }
        let blocks: Vec<_> = self.lists.iter().map(|der| pem::write("X509 CRL", der)).collect();
        let text: String = blocks.iter().map(|block| block.as_str()).collect();
        Ok(output::write_new(&self.path, Access::Public, text.as_bytes())?)
    }
}

/// Adds what CRLs say to a document, if they were asked.
pub fn with_status(mut document: Value, status: Option<&NotRevoked>) -> Value {
    if let Some(status) = status {
        document["status"] = render::document(status);
    }
    document
}

/// Reads the CRLs of files, DER or PEM.
fn read<'p>(files: impl IntoIterator<Item = &'p PathBuf>) -> Result<Vec<Crl>, Fault> {
    let mut crls = Vec::new();
    for file in files {
        let bytes = load::bytes_up_to(MAX_CRL, "CRL", file)?;
        let read = Crl::from_file(&bytes).map_err(|error| {
            Fault::usage(format!("CRL `{}`: {error}", Printable::new(file)))
                .hint("Give complete CRLs as their CA publishes them: DER, or PEM with any number of CRLs.")
        })?;
        crls.extend(read);
    }
    Ok(crls)
}

/// What is printed of a certificate that is not revoked.
pub fn shown(status: &NotRevoked) -> String {
    let NotRevoked { number, this_update, next_update } = status;
    format!("not revoked as of CRL {number} of {this_update}, valid until {next_update}")
}

/// Largest file of CRLs: five million revoked certificates.
const MAX_CRL: u64 = 256 << 20;
