//! Every item of the inputs against every line that a batch has for it, once each.
//!
//! Both are sorted by the items' names in scratch files and gone through side by side, so that memory is bounded
//! whatever their number.

use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;

use crate::crypto::sha256;
use crate::error::Error;
use crate::intake::Row;
use crate::manifest::{Entry, FindingLine};
use crate::origin::{Code, Disposition, Finding, ItemName};
use crate::reel::{self, SortedRecord, SortedRecords, SortedSpool};
use crate::verify;
use crate::x509::Sha256Digest;

use super::report::MAX_FAULTS;

/// What the inputs say and what the batch says, until they are compared.
pub(super) struct Items {
    derived: SortedSpool,
    lines: SortedSpool,
    /// Every code of a derived finding, and what stands for it.
    codes: BTreeMap<Code, u16>,
}

/// The file of a batch that a line is in, in the order in which they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Entries,
    Rejected,
}

/// A line that says something else than the inputs. Ordered by its place alone.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) place: Place,
    /// Counted from zero.
    pub(super) line: u64,
    pub(super) what: What,
}

/// What is wrong with a line.
#[derive(Debug)]
pub(super) enum What {
    /// The inputs have another leaf under this name.
    AnotherLeaf,
    /// No item of this name is left.
    NotThere,
    /// The finding does not follow from the inputs, which say this instead.
    Otherwise(String),
    /// It was issued, and the inputs give a finding.
    NotALeaf,
}

/// What the comparison comes to.
pub(super) struct Compared {
    /// The first [`MAX_FAULTS`] lines that do not fit, in their order.
    pub(super) misfits: Vec<Misfit>,
    /// The others.
    pub(super) more: u64,
    /// Items that no line is about.
    pub(super) left: u64,
}

impl Items {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { derived: SortedSpool::new(scratch), lines: SortedSpool::new(scratch), codes: BTreeMap::new() }
    }

    /// Adds an item that is a verified leaf without a conflict.
    pub(super) fn leaf(&mut self, item: &ItemName, row: &Row) -> Result<(), Error> {
        add(&mut self.derived, item, &[&[LEAF], row.source().as_bytes()])
    }

    /// Adds an item that is not a leaf that could be issued, whatever the ledger says.
    pub(super) fn finding(&mut self, finding: &Finding) -> Result<(), Error> {
        let next = u16::try_from(self.codes.len()).expect("codes are a few hundred");
        let code = *self.codes.entry(finding.code).or_insert(next);
        add(&mut self.derived, &finding.item, &[&[FINDING, flag(finding.disposition)], &code.to_be_bytes()])
    }

    /// Adds a line of the manifest. All items were added before.
    pub(super) fn entry(&mut self, line: u64, entry: &Entry) -> Result<(), Error> {
        let source = entry.source_sha256();
        add(&mut self.lines, entry.source_item(), &[&[0], &line.to_be_bytes(), source.as_bytes()])
    }

    /// Adds a line of `rejected.jsonl`. All items were added before.
    pub(super) fn rejected(&mut self, number: u64, line: &FindingLine) -> Result<(), Error> {
        let code = self.codes.iter().find(|(code, _)| code.as_str() == line.code()).map_or(UNKNOWN, |(_, code)| *code);
        let flags = [flag(line.disposition()), u8::from(follows_from_inputs(line.code()))];
        let source = line.source_sha256();
        let source = source.as_ref().map_or(&[][..], |source| &source.as_bytes()[..]);
        add(&mut self.lines, line.item(), &[&[1], &number.to_be_bytes(), &flags, &code.to_be_bytes(), source])
    }

    /// Strikes out one item for each line: one that fits if there is one, since names might be there twice.
    ///
    /// With other anchors than the batch was made with, findings need not follow: then only their items count.
    pub(super) fn compare(self, same_anchors: bool) -> Result<Compared, Error> {
        let codes: BTreeMap<u16, Code> = self.codes.into_iter().map(|(code, short)| (short, code)).collect();
        let (derived, lines) = (self.derived.finish()?, self.lines.finish()?);
        let (mut derived, mut lines) = (derived.records(), lines.records());
        let mut next_derived = next(&mut derived, |body| Derived::read(body, &codes))?;
        let mut next_line = next(&mut lines, Line::read)?;
        let mut worst = BinaryHeap::new();
        let (mut more, mut left) = (0, 0);
        let mut same_name = Vec::new();
        while let Some(key) = [&next_derived.as_ref().map(|(key, _)| *key), &next_line.as_ref().map(|(key, _)| *key)]
            .into_iter()
            .flatten()
            .min()
            .copied()
        {
            while let Some((_, item)) = next_derived.take_if(|(of, _)| *of == key) {
                same_name.push(item);
                next_derived = next(&mut derived, |body| Derived::read(body, &codes))?;
            }
            while let Some((_, line)) = next_line.take_if(|(of, _)| *of == key) {
                let follows = |what: &What| same_anchors || !matches!(what, What::Otherwise(_));
                if let Some(what) = line.strike(&mut same_name).filter(follows) {
                    worst.push(Misfit { place: line.place, line: line.number, what });
                    if worst.len() > MAX_FAULTS {
                        worst.pop();
                        more += 1;
                    }
                }
                next_line = next(&mut lines, Line::read)?;
            }
            left += same_name.drain(..).count() as u64;
        }
        Ok(Compared { misfits: worst.into_sorted_vec(), more, left })
    }
}

/// What the inputs themselves say of one item.
#[derive(Clone, Copy)]
enum Derived {
    Finding { disposition: Disposition, code: Code, short: u16 },
    Leaf { source: Sha256Digest },
}

impl Derived {
    fn read(body: &[u8], codes: &BTreeMap<u16, Code>) -> Option<Self> {
        match body {
            [LEAF, source @ ..] => Some(Self::Leaf { source: Sha256Digest::new(source.try_into().ok()?) }),
            [FINDING, flag, high, low] => {
                let short = u16::from_be_bytes([*high, *low]);
                Some(Self::Finding { disposition: disposition(*flag), code: *codes.get(&short)?, short })
            }
            _ => None,
        }
    }
}

/// What the batch says of one item.
struct Line {
    place: Place,
    number: u64,
    claim: Claim,
}

enum Claim {
    Issued {
        source: Sha256Digest,
    },
    Finding {
        disposition: Disposition,
        code: u16,
        /// Whether leaf, policy and anchors decide about it.
        follows: bool,
        source: Option<Sha256Digest>,
    },
}

impl Line {
    fn read(body: &[u8]) -> Option<Self> {
        let (place, rest) = body.split_first()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(*number);
        if *place == 0 {
            let source = Sha256Digest::new(rest.try_into().ok()?);
            return Some(Self { place: Place::Entries, number, claim: Claim::Issued { source } });
        }
        let ([flag, follows, high, low], source) = rest.split_first_chunk::<4>()?;
        let source = if source.is_empty() { None } else { Some(Sha256Digest::new(source.try_into().ok()?)) };
        let code = u16::from_be_bytes([*high, *low]);
        let claim = Claim::Finding { disposition: disposition(*flag), code, follows: *follows != 0, source };
        Some(Self { place: Place::Rejected, number, claim })
    }

    /// Takes the item that the line is about out of those of its name. What is wrong with the line, if anything.
    fn strike(&self, same_name: &mut Vec<Derived>) -> Option<What> {
        let fits = same_name.iter().position(|derived| self.wrong(derived).is_none());
        if let Some(at) = fits {
            same_name.remove(at);
            return None;
        }
        if same_name.is_empty() {
            return Some(What::NotThere);
        }
        self.wrong(&same_name.remove(0))
    }

    /// What a line should say instead, if it can be known.
    fn wrong(&self, derived: &Derived) -> Option<What> {
        match (&self.claim, derived) {
            (Claim::Issued { source: stated }, Derived::Leaf { source }) => {
                (stated != source).then_some(What::AnotherLeaf)
            }
            (Claim::Issued { .. }, Derived::Finding { .. }) => Some(What::NotALeaf),
            (Claim::Finding { disposition: stated, code: of, .. }, Derived::Finding { disposition, code, short }) => {
                let same = stated == disposition && of == short;
                (!same).then(|| What::Otherwise(format!("would be {} as {code}", disposition.as_str())))
            }
            (Claim::Finding { follows: true, .. }, Derived::Leaf { .. }) => {
                Some(What::Otherwise("verifies and conflicts with no other".into()))
            }
            (Claim::Finding { source: stated, .. }, Derived::Leaf { source }) => {
                let differs = stated.is_some_and(|stated| stated != *source);
                differs.then(|| What::Otherwise("is another leaf in the inputs".into()))
            }
        }
    }
}

impl Ord for Misfit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.place, self.line).cmp(&(other.place, other.line))
    }
}

impl PartialOrd for Misfit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Misfit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Misfit {}

/// Whether a finding of this code follows from leaf, policy and anchors, without the ledger or an expected list.
fn follows_from_inputs(code: &str) -> bool {
    let expected = [verify::EXPECT_COUNT, verify::EXPECT_MISSING, verify::EXPECT_SURPLUS, verify::EXPECT_UNEXPECTED];
    let known = reel::CODES.iter().chain(verify::CODES).any(|(known, _)| known.as_str() == code);
    known && !expected.iter().any(|expected| expected.as_str() == code)
}

fn add(spool: &mut SortedSpool, item: &ItemName, body: &[&[u8]]) -> Result<(), Error> {
    Ok(spool.add(SortedRecord { key: digest(item), name: &[], body: &body.concat() })?)
}

fn next<T>(records: &mut SortedRecords<'_>, read: impl Fn(&[u8]) -> Option<T>) -> Result<Option<(u128, T)>, Error> {
    let Some(record) = records.next_record()? else { return Ok(None) };
    Ok(Some((record.key, read(record.body).ok_or(Error::SpoolChanged)?)))
}

const fn flag(disposition: Disposition) -> u8 {
    match disposition {
        Disposition::Ignored => 0,
        Disposition::Rejected => 1,
    }
}

const fn disposition(flag: u8) -> Disposition {
    if flag == 0 { Disposition::Ignored } else { Disposition::Rejected }
}

/// Half a SHA-256 stands for an item's name: a collision would have to be made on purpose, by whoever made the archive,
/// to hide one of their own items.
fn digest(name: &ItemName) -> u128 {
    let digest = sha256(name.as_str().as_bytes());
    u128::from_be_bytes(digest.as_bytes()[..16].try_into().expect("half of 32 bytes"))
}

const LEAF: u8 = 0;
const FINDING: u8 = 1;
/// A code that no derived finding has.
const UNKNOWN: u16 = u16::MAX;
