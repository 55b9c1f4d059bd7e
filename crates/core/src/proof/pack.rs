//! Line packs: made from a batch, asked by stations.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::audit::Fault;
use crate::crypto::sha256;
use crate::delivery::{BatchReader, PackReader, PackWriter, check_digest};
use crate::error::Error;
use crate::manifest::{self, ManifestAnchor, Proof, SignedManifest, Statement, seal};
use crate::origin::Uid;
use crate::x509::Certificate;

use super::ChipName;
use super::check::{Checker, Presence, Proved};
use super::make::{Chips, Prove, Proven, misnamed, prove};

/// What to make a pack of and where to.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Pack<'a> {
    /// The batch directory.
    pub batch: &'a Path,
    /// Where the pack appears.
    pub out: &'a Path,
    /// Roots of the manifest signer. `None`: the seal is not looked at.
    pub anchors: Option<&'a [Certificate]>,
    /// Told how many lines have been gone through; every line twice.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Ends the work early.
    pub cancel: &'a AtomicBool,
}

/// Makes the line pack of a whole batch, or nothing.
///
/// # Errors
/// The batch does not hold ([`Error::NotSealed`], or [`Error::Delivery`] about its content), something is at `out`, or
/// the environment fails. Then nothing is left of the pack.
pub fn pack(job: &Pack<'_>) -> Result<Proven, Error> {
    let reader = BatchReader::open(job.batch)?;
    let statement = reader.read(manifest::STATEMENT_FILE)?;
    if let Some(anchors) = job.anchors {
        let anchors = anchors.iter().map(ManifestAnchor::from_certificate).collect::<Result<Vec<_>, _>>()?;
        let bytes = reader.read(manifest::SEAL_FILE)?;
        let signer = seal::certificate_in(&bytes).map_err(Error::NotSealed)?;
        SignedManifest::open(&statement, &bytes, &signer, &anchors).map_err(Error::NotSealed)?;
    }
    let batch = Statement::parse(&statement).map_err(Error::NotSealed)?.batch;
    let mut writer = PackWriter::create(job.out, &batch)?;
    let chips = Prove { batch: job.batch, chips: Chips::All, advance: job.advance, cancel: job.cancel };
    // a batch that was exchanged on the way is another batch
    let same = |proof: &Proof| check_digest(manifest::STATEMENT_FILE, sha256(&proof.statement), sha256(&statement));
    match prove(&chips, &mut |proof| {
        same(&proof)?;
        Ok(writer.add(&proof)?)
    }) {
        Ok(proven) => {
            writer.publish()?;
            Ok(proven)
        }
        Err(error) => {
            let _ = writer.abandon();
            Err(error)
        }
    }
}

/// Where a station looks.
#[derive(Clone, Copy, Debug)]
pub enum ProofSource<'a> {
    /// A batch directory: read from front to back for each answer.
    Batch(&'a Path),
    /// A line pack.
    Pack(&'a Path),
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// The chip's certificates, proved.
    Chip(Box<(Presence, Proved)>),
    /// No chip of this name is in the batch, which was proved.
    Absent(Box<Proved>),
    /// What is there does not hold.
    Broken(Fault),
}

/// Looks a chip up and checks the proof of the answer before giving it.
///
/// # Errors
/// Pack or batch cannot be read, or no chip of its family is called so.
pub fn lookup(
    source: ProofSource<'_>,
    chip: &ChipName,
    checker: &Checker,
    cancel: &AtomicBool,
) -> Result<Found, Error> {
    let proof = match source {
        ProofSource::Pack(path) => {
            let pack = PackReader::open(path)?;
            match present(&pack, chip)? {
                Some(proof) => proof,
                None => return absent(&pack, chip, checker),
            }
        }
        ProofSource::Batch(batch) => {
            let mut found = None;
            let chips = std::slice::from_ref(chip);
            let job = Prove { batch, chips: Chips::These(chips), advance: &|_| {}, cancel };
            prove(&job, &mut |proof| {
                found = Some(proof);
                Ok(())
            })?;
            found.expect("one chip, one proof")
        }
    };
    let checked = checker.check(&proof).and_then(|proved| {
        proved.must_be_about(chip)?;
        Ok(proved)
    });
    Ok(match checked {
        Err(fault) => Found::Broken(fault),
        Ok(mut proved) => match proved.presence.take() {
            Some(presence) => Found::Chip(Box::new((presence, proved))),
            None => Found::Absent(Box::new(proved)),
        },
    })
}

/// The proof of the chip that a pack has under this name.
fn present(pack: &PackReader, chip: &ChipName) -> Result<Option<Proof>, Error> {
    let mut candidates = chip.candidates();
    if let Some(unique) = chip.unique_number() {
        candidates.extend(pack.with_unique_number(unique)?);
        // a chip of another family may have a serial number of 7 bytes
        candidates.extend(chip.as_bytes().try_into().ok().and_then(|bytes: [u8; 7]| Uid::from_bytes(&bytes).ok()));
    }
    for uid in &candidates {
        if let Some(position) = pack.position(uid)? {
            return Ok(Some(pack.presence(uid, position)?));
        }
    }
    Ok(None)
}

/// A pack may be forged, and does not order its rows by anything that is sealed: absence is proved of every UID that
/// the name can stand for.
fn absent(pack: &PackReader, chip: &ChipName, checker: &Checker) -> Result<Found, Error> {
    let nobody = Uid::from_bytes(chip.as_bytes()).expect("a name has the bytes of a UID");
    let family = match checker.family(&pack.absence(&nobody, &[])?) {
        Ok(family) => family,
        Err(fault) => return Ok(Found::Broken(fault)),
    };
    let named = family.named(chip).ok_or_else(|| misnamed(chip, family))?;
    let parts = family.includes().iter().filter_map(|family| family.named(chip)).filter(|part| *part != named);
    let mut first = None;
    for named in std::iter::once(named).chain(parts) {
        let proof = pack.absence(named.first(), &pack.neighbours(named.first(), named.last())?)?;
        match checker.check(&proof).and_then(|proved| proved.must_exclude(&named).map(|()| proved)) {
            Ok(proved) => first = first.or(Some(proved)),
            Err(fault) => return Ok(Found::Broken(fault)),
        }
    }
    Ok(Found::Absent(Box::new(first.expect("the name stands for one UID at least"))))
}
