//! Seals what chips have shown on the line: the receipts of all stations, as a supplement beside a batch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::crypto::sha256;
use crate::delivery::BatchReader;
use crate::durable::Access;
use crate::durable::output::write_new;
use crate::error::{CoreError, Error};
use crate::manifest::possession::{Receipt, Supplement};
use crate::manifest::{STATEMENT_FILE, Statement};
use crate::origin::Uid;
use crate::proof::{ChipName, Chips, Prove, prove};
use crate::seal::sign_supplement;
use crate::signer::Signer;
use crate::x509::{Certificate, Leniency, Time};

/// What to seal, and where it goes.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct SealReceipts<'a> {
    /// The batch directory.
    pub batch: &'a Path,
    /// What the chips answered, of all stations; the last receipt of a chip counts.
    pub receipts: Vec<Receipt>,
    /// The manifest signer's certificate.
    pub certificate: &'a Certificate,
    /// Opens the manifest signer's key: after all receipts were checked.
    pub signer: &'a dyn Fn() -> Result<Box<dyn Signer>, Error>,
    /// Where the receipts go.
    pub receipts_file: &'a Path,
    /// Where the seal goes.
    pub seal_file: &'a Path,
    /// Where the supplement goes. It is written last: where it is, the others are.
    pub supplement_file: &'a Path,
    /// The instant of sealing.
    pub now: Time,
    /// Ends the work early.
    pub cancel: &'a AtomicBool,
}

/// What came of it.
#[derive(Debug)]
pub enum SealedReceipts {
    /// The supplement is there.
    Sealed(Supplement),
    /// There is no receipt.
    Nothing,
    /// Chips whose receipts the batch does not bear out.
    Refused(Vec<Uid>),
}

/// Checks every receipt under the batch and seals them, each chip once.
///
/// # Errors
/// The batch cannot be read, the key cannot be opened or used, or a file cannot be written.
pub fn seal_receipts(job: SealReceipts<'_>) -> Result<SealedReceipts, Error> {
    let chips: BTreeMap<Uid, Receipt> = job.receipts.into_iter().map(|receipt| (receipt.uid, receipt)).collect();
    if chips.is_empty() {
        return Ok(SealedReceipts::Nothing);
    }
    let names: Vec<ChipName> = chips.keys().copied().map(ChipName::from).collect();
    let asked = Prove { batch: job.batch, chips: Chips::These(&names), advance: &|_| {}, cancel: job.cancel };
    let statement = BatchReader::open(job.batch)?.read(STATEMENT_FILE)?;
    let name = Statement::parse(&statement).map_err(CoreError::NotSealed)?.batch;
    let mut wrong = Vec::new();
    let proven = prove(&asked, &mut |proof| {
        let receipt = &chips[&proof.uid];
        let leniency = Leniency { explicit_default_boolean: true };
        let holds = proof.chip.as_ref().is_some_and(|chip| {
            sha256(&chip.certificate) == receipt.certificate_sha256
                && Certificate::from_der_leniently(&chip.source, leniency)
                    .is_ok_and(|(leaf, _)| receipt.verify(&name, leaf.spki()).is_ok())
        });
        if !holds {
            wrong.push(proof.uid);
        }
        Ok(())
    })?;
    if !wrong.is_empty() {
        return Ok(SealedReceipts::Refused(wrong));
    }
    let text: String = chips.values().map(|receipt| receipt.line() + "\n").collect();
    let supplement = Supplement {
        batch: proven.statement.batch,
        statement_sha256: sha256(&statement),
        created: job.now,
        receipts_sha256: sha256(text.as_bytes()),
        shown: chips.len() as u64,
        chips: proven.statement.entries.tree_size,
    };
    let sealed = sign_supplement(&supplement, job.certificate, (job.signer)()?.as_ref())?;
    write_new(job.receipts_file, Access::Public, text.as_bytes())?;
    write_new(job.seal_file, Access::Public, &sealed)?;
    // last: where it is, the others are
    write_new(job.supplement_file, Access::Public, supplement.to_line().as_bytes())?;
    Ok(SealedReceipts::Sealed(supplement))
}
