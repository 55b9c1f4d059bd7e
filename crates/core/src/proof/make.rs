//! Making proofs: the lines are read once for the tree and once more beside the archives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::crypto::sha256;
use crate::delivery::{BatchReader, DeliveryError, Row, Rows, check_digest};
use crate::error::Error;
use crate::manifest::{
    self, CHAIN_FILE, Proof, ProofChip, ProofLine, ProofVersion, SOURCE_CHAIN_FILE, Statement, Tree, leaf_hash,
};
use crate::origin::Uid;
use crate::verify::Family;
use crate::x509::{Certificate, Leniency, Name, Sha256Digest};

use super::{ChipName, family};

/// What to prove.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Prove<'a> {
    /// The batch directory.
    pub batch: &'a Path,
    /// About which chips.
    pub chips: Chips<'a>,
    /// Told how many lines have been gone through; every line twice.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Ends the work early.
    pub cancel: &'a AtomicBool,
}

/// The chips that proofs are about.
#[derive(Clone, Copy, Debug)]
pub enum Chips<'a> {
    /// Every chip of the batch.
    All,
    /// These: of those in the batch the presence is shown, of the others the absence. Of a unique number that no chip
    /// has, it is the absence of the lowest UID with it, between lines that leave room for none with another product
    /// id.
    These(&'a [ChipName]),
}

/// What was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// What the batch's signer says, as it is in the proofs; not believed here.
    pub statement: Statement,
    /// Chips that are in the batch.
    pub present: u64,
    /// Chips that are not.
    pub absent: u64,
}

/// Makes a proof for each chip, in order of UIDs, and hands it on.
///
/// No anchor is needed: the recipient of a proof verifies it against an anchor. What the proofs rest on is checked all
/// the same: the lines are in order, their digest and root are those of the statement, and the certificates are those
/// that the lines name.
///
/// # Errors
/// The batch is damaged, no chip of its family is called as one of `chips`, or several are, `take` fails, or the
/// environment does.
pub fn prove(job: &Prove<'_>, take: &mut dyn FnMut(Proof) -> Result<(), Error>) -> Result<Proven, Error> {
    let reader = BatchReader::open(job.batch)?;
    let bytes = reader.read(manifest::STATEMENT_FILE)?;
    let statement = Statement::parse(&bytes).map_err(Error::NotSealed)?;
    let seal = reader.read(manifest::SEAL_FILE)?;
    let mut wanted = Wanted::new(job.chips);
    let tree = tree(job, &reader, &statement, &mut wanted)?;
    let (family, policy) = family(&reader, &statement)?;
    let chips = wanted.resolve(family)?;
    let maker = Maker {
        statement: bytes,
        seal,
        tree,
        policy,
        chain: chain(&reader, &statement)?,
        intermediates: intermediates(&reader, &statement)?,
    };
    let mut proven = Proven { statement, present: 0, absent: 0 };
    walk(job, &reader, &maker, chips.as_ref(), &mut |proof| {
        *(if proof.chip.is_some() { &mut proven.present } else { &mut proven.absent }) += 1;
        take(proof)
    })?;
    Ok(proven)
}

/// The first pass: all leaf hashes, and what the names given stand for.
fn tree(job: &Prove<'_>, reader: &BatchReader, statement: &Statement, wanted: &mut Wanted<'_>) -> Result<Tree, Error> {
    let mut lines = reader.lines(manifest::ENTRIES_FILE)?;
    let mut leaves: Vec<Sha256Digest> = Vec::new();
    let mut last: Option<Uid> = None;
    while let Some(line) = lines.next_line()? {
        job.step()?;
        let uid = uid_of(line, leaves.len() as u64)?;
        if let Some(last) = last.filter(|last| *last >= uid) {
            let (previous, found) = (last.to_string(), uid.to_string());
            return Err(DeliveryError::Order { what: "line", previous, found }.into());
        }
        leaves.push(leaf_hash(line.as_bytes()));
        wanted.see(&uid);
        last = Some(uid);
    }
    let file = lines.finish()?;
    let tree = Tree::new(leaves);
    let stated = &statement.entries;
    for (found, expected) in [(file.sha256, stated.sha256), (tree.root(), stated.root_hash)] {
        check_digest(&file.name, found, expected)?;
    }
    Ok(tree)
}

/// Returns the UID that a line begins with. The rest of the line is checked by the recipient of the proof.
fn uid_of(line: &str, index: u64) -> Result<Uid, Error> {
    let uid = line.strip_prefix("{\"uid\":\"").and_then(|rest| rest.split_once('"')?.0.parse().ok());
    let broken = || DeliveryError::Line {
        name: manifest::ENTRIES_FILE.to_owned(),
        line: index + 1,
        what: "does not begin with a UID",
    };
    Ok(uid.ok_or_else(broken)?)
}

/// The names given and what they turned out to stand for.
struct Wanted<'a> {
    /// `None`: all.
    names: Option<BTreeMap<&'a [u8], Seen>>,
    given: &'a [ChipName],
}

impl<'a> Wanted<'a> {
    fn new(chips: Chips<'a>) -> Self {
        match chips {
            Chips::All => Self { names: None, given: &[] },
            Chips::These(given) => {
                Self { names: Some(given.iter().map(|name| (name.as_bytes(), Seen::Nowhere)).collect()), given }
            }
        }
    }

    fn see(&mut self, uid: &Uid) {
        let Some(names) = &mut self.names else { return };
        let [st_number, unique] = ChipName::parts(uid).unwrap_or_default();
        for name in [uid.as_bytes(), st_number, unique] {
            if let Some(seen) = names.get_mut(name) {
                *seen = match seen {
                    // a whole UID names one chip, even if it is also a part of other UIDs
                    _ if name == uid.as_bytes() => Seen::Whole(*uid),
                    Seen::Whole(_) => continue,
                    Seen::Nowhere => Seen::Part(*uid),
                    Seen::Part(_) | Seen::Several => Seen::Several,
                };
            }
        }
    }

    /// Whole UIDs; `None` for all of the batch.
    fn resolve(self, family: Family) -> Result<Option<BTreeSet<Uid>>, Error> {
        let Some(names) = self.names else { return Ok(None) };
        self.given
            .iter()
            .map(|name| match names[name.as_bytes()] {
                Seen::Whole(uid) | Seen::Part(uid) => Ok(uid),
                Seen::Nowhere => family.named(name).map(|named| *named.first()).ok_or_else(|| misnamed(name, family)),
                Seen::Several => Err(Error::Chip {
                    chip: name.to_string(),
                    found: "names several chips of the batch",
                    hint: "Give the whole UID: the leaf's serial number.",
                }),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// The chip of the batch that has a name.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Nowhere,
    /// A chip of which the name is a part of the UID.
    Part(Uid),
    /// The chip of which it is the UID.
    Whole(Uid),
    Several,
}

/// Absence is proved of chips that there could be: anything else is absent from every batch.
pub(super) fn misnamed(name: &ChipName, family: Family) -> Error {
    Error::Chip {
        chip: name.to_string(),
        found: family.misnamed(),
        hint: "Give the chip's UID: the serial number of its leaf certificate.",
    }
}

/// What all proofs of a batch have in common.
struct Maker {
    statement: Vec<u8>,
    seal: Vec<u8>,
    policy: Option<Vec<u8>>,
    tree: Tree,
    chain: Vec<Vec<u8>>,
    intermediates: Vec<Certificate>,
}

/// The second pass: every line with the one before and the one after it.
fn walk(
    job: &Prove<'_>,
    reader: &BatchReader,
    maker: &Maker,
    chips: Option<&BTreeSet<Uid>>,
    take: &mut dyn FnMut(Proof) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut rows = Rows::open(reader)?;
    // those not met yet, in order
    let mut waiting = chips.into_iter().flatten().peekable();
    let mut before: Option<Row> = None;
    let mut here = next_row(&mut rows)?;
    while let Some(absent) = waiting.next_if(|uid| here.as_ref().is_none_or(|row| **uid < row.certificate.uid)) {
        take(maker.absence(absent, &[here.as_ref()]))?;
    }
    while let Some(row) = here {
        if chips.is_some() && waiting.peek().is_none() {
            return Ok(());
        }
        job.step()?;
        let after = next_row(&mut rows)?;
        if chips.is_none() || waiting.next_if(|uid| **uid == row.certificate.uid).is_some() {
            take(maker.presence(&row, [before.as_ref(), Some(&row), after.as_ref()])?)?;
        }
        while let Some(absent) = waiting.next_if(|uid| after.as_ref().is_none_or(|after| **uid < after.certificate.uid))
        {
            take(maker.absence(absent, &[Some(&row), after.as_ref()]))?;
        }
        before = Some(row);
        here = after;
    }
    Ok(())
}

/// The next row, whose line, certificate and source leaf are of one chip.
fn next_row(rows: &mut Rows) -> Result<Option<Row>, Error> {
    let row = rows.next_row().map_err(DeliveryError::from)?;
    if let Some(row) = &row {
        row.check_uid(&uid_of(&row.line, row.number - 1)?)?;
    }
    Ok(row)
}

impl Maker {
    fn presence(&self, row: &Row, lines: [Option<&Row>; 3]) -> Result<Proof, Error> {
        // damage is better found here than by the recipient of the proof
        for (der, key) in [(&row.certificate.der, "sha256"), (&row.source().der, "source_sha256")] {
            if !row.line.contains(&format!("\"{key}\":\"{}\"", sha256(der))) {
                return Err(DeliveryError::EntryDiffers { uid: row.certificate.uid, what: key }.into());
            }
        }
        let chip = ProofChip {
            source: row.source().der.clone(),
            source_chain: self.source_chain(row)?,
            certificate: row.certificate.der.clone(),
            chain: self.chain.clone(),
        };
        Ok(Proof { chip: Some(chip), ..self.absence(&row.certificate.uid, &lines) })
    }

    fn absence(&self, uid: &Uid, lines: &[Option<&Row>]) -> Proof {
        let line = |row: &Row| ProofLine {
            index: row.number - 1,
            path: self.tree.path(row.number - 1),
            line: row.line.clone(),
        };
        Proof {
            version: ProofVersion::Two,
            uid: *uid,
            chip: None,
            lines: lines.iter().flatten().map(|row| line(row)).collect(),
            policy: self.policy.clone(),
            statement: self.statement.clone(),
            seal: self.seal.clone(),
            seals: vec![],
        }
    }

    /// Certificates above the leaf, by name, as far as the batch has them. A self-issued one is an anchor or nothing:
    /// the recipient of the proof has the anchors already.
    fn source_chain(&self, row: &Row) -> Result<Vec<Vec<u8>>, Error> {
        if self.intermediates.is_empty() {
            return Ok(vec![]);
        }
        let leniency = Leniency { explicit_default_boolean: true };
        let (leaf, _) = Certificate::from_der_leniently(&row.source().der, leniency)
            .map_err(|_| DeliveryError::EntryDiffers { uid: row.certificate.uid, what: "source leaf" })?;
        let mut chain: Vec<Vec<u8>> = Vec::new();
        let mut issuer: &Name = leaf.issuer();
        while chain.len() < MAX_SOURCE_CHAIN
            && let Some(above) = self.intermediates.iter().find(|above| above.subject() == issuer)
        {
            chain.push(above.der().to_vec());
            issuer = above.issuer();
        }
        Ok(chain)
    }
}

/// The family of the batch's chips, and the policy where nothing else in a proof says it.
fn family(reader: &BatchReader, statement: &Statement) -> Result<(Family, Option<Vec<u8>>), Error> {
    if let Some(family) = statement.format.family() {
        return Ok((family, None));
    }
    let policy = reader.read(POLICY_FILE)?;
    check_digest(POLICY_FILE, sha256(&policy), statement.policy.sha256)?;
    let family = family::of_policy(&policy).map_err(|reason| DeliveryError::malformed(POLICY_FILE, reason))?;
    Ok((family, (family != family::UNSAID).then_some(policy)))
}

/// The issuing CA and those above it, but for roots.
fn chain(reader: &BatchReader, statement: &Statement) -> Result<Vec<Vec<u8>>, Error> {
    let certificates = reader.chain(CHAIN_FILE, statement)?;
    let needed = |(position, certificate): &(usize, Certificate)| *position == 0 || !is_self_issued(certificate);
    Ok(certificates.into_iter().enumerate().filter(needed).map(|(_, one)| one.der().to_vec()).collect())
}

fn intermediates(reader: &BatchReader, statement: &Statement) -> Result<Vec<Certificate>, Error> {
    Ok(reader.chain(SOURCE_CHAIN_FILE, statement)?.into_iter().filter(|one| !is_self_issued(one)).collect())
}

fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.subject() == certificate.issuer()
}

impl Prove<'_> {
    fn step(&self) -> Result<(), Error> {
        (self.advance)(1);
        if self.cancel.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

const POLICY_FILE: &str = "policy.toml";
/// A proof has no more, and a path with more is not built by a verifier either.
const MAX_SOURCE_CHAIN: usize = 6;
