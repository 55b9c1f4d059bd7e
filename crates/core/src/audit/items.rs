//! Every item of the inputs against every line that a batch has for it, once each.
//!
//! Both are sorted by the items' names in scratch files and read side by side, so that memory is bounded for any number
//! of items.

use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;

use crate::error::Error;
use crate::manifest::{Entry, FindingLine};
use crate::origin::{Code, Disposition, Finding, ItemName, Uid};
use crate::reel::{SortedRecord, SortedRecords, SortedSpool};
use crate::verify::{self, Relaxation};
use crate::x509::Sha256Digest;

use super::claims::{Claim as LedgerClaim, Claims};
use super::grounds::{self, Ground};
use super::inputs::half_digest;
use super::report::MAX_FAULTS;

/// What the inputs say and what the batch says, until they are compared.
pub(super) struct Items {
    derived: SortedSpool,
    lines: SortedSpool,
    /// Every code of a derived finding, with the number that a record holds for it.
    codes: BTreeMap<Code, u16>,
}

/// A leaf that verifies and conflicts with none.
pub(super) struct Leaf<'a> {
    pub(super) key: &'a verify::Row,
    /// It was cut out of a padded zone dump.
    pub(super) padded: bool,
    /// Why policy, issuing CA and leaf give no certificate: looked for only where a line says so.
    pub(super) unfit: &'a [Code],
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
    /// It was issued, and the inputs give a finding.
    NotALeaf,
    /// No item of this name is left.
    NotThere,
    /// The finding does not follow from the inputs, which say this instead.
    Otherwise(String),
    /// Whether the leaf was cut out of a padded zone dump is not what the line says.
    Padding,
}

/// What the comparison comes to.
pub(super) struct Compared {
    /// The first [`MAX_FAULTS`] lines that do not fit, in their order.
    pub(super) misfits: Vec<Misfit>,
    /// The others.
    pub(super) more: u64,
    /// Items that no line is about.
    pub(super) left: u64,
    /// Statements of the batch about leaves that only the ledger can confirm.
    pub(super) claims: Claims,
}

impl Items {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { derived: SortedSpool::new(scratch), lines: SortedSpool::new(scratch), codes: BTreeMap::new() }
    }

    /// Adds an item that is a verified leaf without a conflict.
    pub(super) fn leaf(&mut self, item: &ItemName, leaf: &Leaf<'_>) -> Result<(), Error> {
        let unfit: Vec<u8> = leaf.unfit.iter().flat_map(|code| self.short(*code).to_be_bytes()).collect();
        let uid = leaf.key.uid.as_bytes();
        let flags = [LEAF, u8::from(leaf.padded), byte(uid.len())];
        let (source, spki) = (leaf.key.fingerprint, leaf.key.spki);
        add(&mut self.derived, item, &[&flags, uid, source.as_bytes(), spki.as_bytes(), &unfit])
    }

    /// Adds an item for which no certificate can be issued. The ledger has no influence on this.
    pub(super) fn finding(&mut self, item: &ItemName, finding: &Finding) -> Result<(), Error> {
        let code = self.short(finding.code);
        let of = Of { uid: finding.uid, source: finding.source_sha256 };
        add(&mut self.derived, item, &[&[FINDING, flag(finding.disposition)], &code.to_be_bytes(), &of.bytes()])
    }

    fn short(&mut self, code: Code) -> u16 {
        let next = u16::try_from(self.codes.len()).expect("codes are a few hundred");
        *self.codes.entry(code).or_insert(next)
    }

    /// Adds a line of the manifest. All items were added before.
    pub(super) fn entry(&mut self, line: u64, entry: &Entry) -> Result<(), Error> {
        let padded = entry.relax().contains(&Relaxation::TrailingPadding);
        let source = entry.source_sha256();
        add(&mut self.lines, entry.source_item(), &[&[0], &line.to_be_bytes(), &[u8::from(padded)], source.as_bytes()])
    }

    /// Adds a line of `rejected.jsonl`. All items were added before.
    pub(super) fn rejected(&mut self, number: u64, line: &FindingLine) -> Result<(), Error> {
        let code = match grounds::listed(line.code()) {
            Some(listed) => self.short(listed.code),
            None => UNKNOWN,
        };
        let of = Of { uid: line.uid().copied(), source: line.source_sha256() };
        let head = [flag(line.disposition())];
        add(&mut self.lines, line.item(), &[&[1], &number.to_be_bytes(), &head, &code.to_be_bytes(), &of.bytes()])
    }

    /// Strikes out one item for each line: one that fits if there is one, since names might be there twice.
    pub(super) fn compare(self, scratch: &Path) -> Result<Compared, Error> {
        let codes: BTreeMap<u16, Code> = self.codes.into_iter().map(|(code, short)| (short, code)).collect();
        let (derived, lines) = (self.derived.finish()?, self.lines.finish()?);
        let (mut derived, mut lines) = (derived.records(), lines.records());
        let mut next_derived = next(&mut derived, |body| Derived::read(body, &codes))?;
        let mut next_line = next(&mut lines, |body| Line::read(body, &codes))?;
        let mut worst = BinaryHeap::new();
        let (mut more, mut left) = (0, 0);
        let mut claims = Claims::new(scratch);
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
                let (what, struck) = line.strike(&mut same_name);
                if let Some(what) = what {
                    worst.push(Misfit { place: line.place, line: line.number, what });
                    if worst.len() > MAX_FAULTS {
                        worst.pop();
                        more += 1;
                    }
                } else if let (Said::Finding { code: Some(code), .. }, Some(Derived::Leaf { uid, source, spki, .. })) =
                    (&line.said, struck)
                {
                    let spki = Some(spki);
                    claims.add(&LedgerClaim { line: line.number, code: *code, uid, source: Some(source), spki })?;
                }
                next_line = next(&mut lines, |body| Line::read(body, &codes))?;
            }
            left += same_name.drain(..).count() as u64;
        }
        Ok(Compared { misfits: worst.into_sorted_vec(), more, left, claims })
    }
}

/// The chip and the certificate of an item, as far as they are known.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Of {
    uid: Option<Uid>,
    source: Option<Sha256Digest>,
}

impl Of {
    fn bytes(&self) -> Vec<u8> {
        let uid = self.uid.as_ref().map_or(&[][..], Uid::as_bytes);
        let source = self.source.as_ref().map_or(&[][..], |source| &source.as_bytes()[..]);
        [&[byte(uid.len())], uid, source].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first()?;
        let (uid, source) = rest.split_at_checked(usize::from(*length))?;
        let uid = if uid.is_empty() { None } else { Some(Uid::from_bytes(uid).ok()?) };
        let source = if source.is_empty() { None } else { Some(Sha256Digest::new(source.try_into().ok()?)) };
        Some(Self { uid, source })
    }
}

/// What the inputs themselves say of one item.
#[derive(Clone)]
enum Derived {
    Finding { disposition: Disposition, code: Code, of: Of },
    Leaf { uid: Uid, source: Sha256Digest, spki: Sha256Digest, padded: bool, unfit: Vec<Code> },
}

impl Derived {
    fn read(body: &[u8], codes: &BTreeMap<u16, Code>) -> Option<Self> {
        match body {
            [LEAF, padded, length, rest @ ..] => {
                let (uid, rest) = rest.split_at_checked(usize::from(*length))?;
                let (source, rest) = rest.split_first_chunk::<32>()?;
                let (spki, unfit) = rest.split_first_chunk::<32>()?;
                let (unfit, _) = unfit.as_chunks::<2>();
                Some(Self::Leaf {
                    uid: Uid::from_bytes(uid).ok()?,
                    source: Sha256Digest::new(*source),
                    spki: Sha256Digest::new(*spki),
                    padded: *padded != 0,
                    unfit: unfit
                        .iter()
                        .map(|short| codes.get(&u16::from_be_bytes(*short)).copied())
                        .collect::<Option<_>>()?,
                })
            }
            [FINDING, flag, high, low, of @ ..] => {
                let code = *codes.get(&u16::from_be_bytes([*high, *low]))?;
                Some(Self::Finding { disposition: disposition(*flag), code, of: Of::read(of)? })
            }
            _ => None,
        }
    }
}

/// What the batch says of one item.
struct Line {
    place: Place,
    number: u64,
    said: Said,
}

enum Said {
    Issued {
        source: Sha256Digest,
        padded: bool,
    },
    Finding {
        disposition: Disposition,
        /// None if it is not on the list.
        code: Option<Code>,
        of: Of,
    },
}

impl Line {
    fn read(body: &[u8], codes: &BTreeMap<u16, Code>) -> Option<Self> {
        let (place, rest) = body.split_first()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(*number);
        if *place == 0 {
            let (padded, source) = rest.split_first()?;
            let source = Sha256Digest::new(source.try_into().ok()?);
            return Some(Self { place: Place::Entries, number, said: Said::Issued { source, padded: *padded != 0 } });
        }
        let ([flag, high, low], of) = rest.split_first_chunk::<3>()?;
        let code = codes.get(&u16::from_be_bytes([*high, *low])).copied();
        let said = Said::Finding { disposition: disposition(*flag), code, of: Of::read(of)? };
        Some(Self { place: Place::Rejected, number, said })
    }

    /// Takes the item that the line is about out of those of its name. What is wrong with the line, if anything, and
    /// the item.
    fn strike(&self, same_name: &mut Vec<Derived>) -> (Option<What>, Option<Derived>) {
        if let Some(at) = same_name.iter().position(|derived| self.wrong(derived).is_none()) {
            return (None, Some(same_name.remove(at)));
        }
        if same_name.is_empty() {
            return (Some(What::NotThere), None);
        }
        let derived = same_name.remove(0);
        (self.wrong(&derived), Some(derived))
    }

    /// What a line should say instead, if it can be known.
    fn wrong(&self, derived: &Derived) -> Option<What> {
        let otherwise = |wrong: bool, text: &str| wrong.then(|| What::Otherwise(text.to_owned()));
        match (&self.said, derived) {
            (Said::Issued { source: stated, padded: said }, Derived::Leaf { source, padded, .. }) => {
                if stated == source { (said != padded).then_some(What::Padding) } else { Some(What::AnotherLeaf) }
            }
            (Said::Issued { .. }, Derived::Finding { .. }) => Some(What::NotALeaf),
            // that a code is not on the list was said when the lines were counted
            (Said::Finding { code: None, .. }, _) => None,
            (
                Said::Finding { disposition: said, code: Some(stated), of },
                Derived::Finding { disposition, code, of: found },
            ) => {
                let same = said == disposition && stated == code;
                let kind = otherwise(!same, &format!("would be {} as {code}", disposition.as_str()));
                kind.or_else(|| otherwise(of != found, "is of another chip or certificate than the line says"))
            }
            (Said::Finding { disposition, code: Some(code), of }, Derived::Leaf { uid, source, unfit, .. }) => {
                let of_leaf = Of { uid: Some(*uid), source: Some(*source) };
                if *of != of_leaf {
                    return otherwise(true, "is another leaf in the inputs, or one that the line does not name");
                }
                let listed = grounds::listed(code.as_str())?;
                if listed.disposition.is_some_and(|only| only != *disposition) {
                    // that was said when the lines were counted
                    return None;
                }
                match listed.ground {
                    Ground::Inputs | Ground::Leaf => otherwise(true, "verifies and conflicts with no other"),
                    Ground::Certificate => otherwise(
                        !unfit.contains(code),
                        "policy, issuing CA and leaf give a certificate without that fault",
                    ),
                    // these are looked at where list and history are
                    Ground::History | Ground::List | Ground::Signer => None,
                }
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

fn add(spool: &mut SortedSpool, item: &ItemName, body: &[&[u8]]) -> Result<(), Error> {
    // a collision would have to be made on purpose, by the maker of the archive, to hide one of their own items
    Ok(spool.add(SortedRecord { key: half_digest(item.as_str().as_bytes()), name: &[], body: &body.concat() })?)
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

fn byte(length: usize) -> u8 {
    u8::try_from(length).expect("a UID has 20 bytes at most")
}

const LEAF: u8 = 0;
const FINDING: u8 = 1;
/// Stands for every code that is not on the list.
const UNKNOWN: u16 = u16::MAX;
