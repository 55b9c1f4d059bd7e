//! Where items leave this stage: counted, named, one outcome each.

use std::ops::ControlFlow;
use std::path::Path;

use crate::origin::{Code, Disposition, Finding, ItemName};

use super::codes;
use super::edition::Edition;
use super::fault::{Fault, Stop};
use super::limits::{Budget, Limits};
use super::source::{Item, SourceLeaf};

/// The receiver of items, with the limits of the input that is being read.
pub(super) struct ItemSink<'a> {
    pub(super) limits: &'a Limits,
    pub(super) budget: &'a Budget,
    pub(super) scratch: &'a Path,
    each: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
    items: u64,
}

impl<'a> ItemSink<'a> {
    pub(super) fn new(
        limits: &'a Limits,
        budget: &'a Budget,
        scratch: &'a Path,
        each: &'a mut dyn FnMut(Item) -> ControlFlow<()>,
    ) -> Self {
        Self { limits, budget, scratch, each, items: 0 }
    }

    /// Items handed out so far.
    pub(super) fn items(&self) -> u64 {
        self.items
    }

    pub(super) fn candidate(&mut self, leaf: SourceLeaf) -> Result<(), Fault> {
        self.emit(Item::Candidate(leaf))
    }

    pub(super) fn rejected(&mut self, item: ItemName, code: Code, reason: impl Into<String>) -> Result<(), Fault> {
        self.emit(Item::Finding(Finding::rejected(item, code, reason)))
    }

    pub(super) fn ignored(&mut self, item: ItemName, code: Code, reason: impl Into<String>) -> Result<(), Fault> {
        self.emit(Item::Finding(Finding::ignored(item, code, reason)))
    }

    /// Turns the way in which reading `item` ended into its finding; what is none goes on upwards.
    pub(super) fn settle(&mut self, item: &ItemName, outcome: Result<(), Fault>) -> Result<(), Fault> {
        match outcome {
            Err(Fault::Content { code, reason }) => self.rejected(item.clone(), code, reason),
            Err(Fault::Exhausted { code, reason }) => {
                self.rejected(item.clone(), code, reason)?;
                Err(Fault::Stop(Stop::Finished))
            }
            other => other,
        }
    }

    /// How many more items there may be.
    pub(super) fn items_left(&self) -> u64 {
        self.limits.items.saturating_sub(self.items)
    }

    fn emit(&mut self, item: Item) -> Result<(), Fault> {
        if self.items_left() == 0 {
            let name = match item {
                Item::Candidate(leaf) => leaf.item,
                Item::Finding(finding) => finding.item,
            };
            let reason = format!("the input holds more than {} items; reading stopped here", self.limits.items);
            let _ = (self.each)(Item::Finding(Finding::rejected(name, codes::LIMIT_ITEMS, reason)));
            return Err(Fault::Stop(Stop::Finished));
        }
        self.items += 1;
        match (self.each)(item) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Fault::Stop(Stop::Finished)),
        }
    }
}

/// A file, in a directory or in an archive.
#[derive(Clone, Debug)]
pub(super) struct Place<'p> {
    /// The item's name, without `#n`.
    pub(super) name: ItemName,
    /// Its path, from which only the suffix and the last component are looked at.
    pub(super) path: &'p [u8],
    /// Archives around it.
    pub(super) depth: u32,
    /// Whether it is what a gzip file holds: a tar archive and its compression count as one archive.
    pub(super) unzipped: bool,
}

impl<'p> Place<'p> {
    /// A file or directory that was named as an input, or is in such a directory.
    pub(super) fn outside(name: ItemName, path: &'p [u8]) -> Self {
        Self { name, path, depth: 0, unzipped: false }
    }

    /// An entry of this archive.
    pub(super) fn entry<'e>(&self, path: &'e [u8]) -> Place<'e> {
        Place { name: self.name.entry(path), path, depth: self.depth, unzipped: false }
    }

    /// This archive, opened: what is in it has one archive more around it.
    pub(super) fn open(&self, limits: &Limits) -> Result<Self, Fault> {
        if self.depth >= limits.archive_depth {
            let reason = format!(
                "an archive inside {} others, expected at most {}",
                self.depth,
                limits.archive_depth.saturating_sub(1)
            );
            return Err(Fault::content(codes::LIMIT_ARCHIVE_DEPTH, reason));
        }
        Ok(Self { depth: self.depth + 1, ..self.clone() })
    }

    /// The last component of the path.
    pub(super) fn file_name(&self) -> &'p [u8] {
        self.path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default()
    }

    /// What the name claims the content to be.
    pub(super) fn suffix(&self, edition: Edition) -> Suffix {
        let name = self.file_name();
        let name = strip_suffix(name, b".gz").unwrap_or(name);
        if [&b".cer"[..], b".crt", b".der", b".p7b", b".p7c"].iter().any(|suffix| strip_suffix(name, suffix).is_some())
        {
            Suffix::Certificate
        } else if strip_suffix(name, b".pem").is_some() {
            Suffix::Pem
        } else if [&b".gz"[..], b".tar", b".tgz", b".zip"]
            .iter()
            .any(|suffix| strip_suffix(self.file_name(), suffix).is_some())
            || edition > Edition::First && OTHER_ARCHIVES.iter().any(|suffix| strip_suffix(name, suffix).is_some())
        {
            Suffix::Archive
        } else {
            Suffix::Other
        }
    }
}

/// Suffixes of containers that are not read. Under one of them, a content that is not recognised arrived damaged.
const OTHER_ARCHIVES: &[&[u8]] = &[
    b".7z", b".age", b".arj", b".bz2", b".cab", b".cpio", b".deb", b".dmg", b".gpg", b".iso", b".jks", b".lha", b".lz",
    b".lz4", b".lzh", b".lzma", b".p12", b".p7m", b".pfx", b".pgp", b".rar", b".rpm", b".tbz", b".tbz2", b".txz",
    b".tzst", b".xz", b".z", b".zpaq", b".zst",
];

fn strip_suffix<'n>(name: &'n [u8], suffix: &[u8]) -> Option<&'n [u8]> {
    let (head, tail) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}

/// What a file's name claims. Content always decides first; this is for content that nothing recognised.
///
/// `.bin` claims nothing: it is as often firmware, and a zone dump is recognised by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    /// `.gz`, `.tar`, `.tgz`, `.zip`, and those of containers that are not read: there must be an archive, or a
    /// certificate.
    Archive,
    /// `.cer`, `.crt`, `.der`, `.p7b`, `.p7c`, in any letter case, also before `.gz`: there must be a certificate.
    Certificate,
    /// `.pem`: there must be a PEM block, regardless of its label.
    Pem,
    /// Any other, or none.
    Other,
}

/// Something found in a file.
#[derive(Debug)]
pub(super) enum Found {
    Candidate(Vec<u8>),
    Finding { disposition: Disposition, code: Code, reason: String },
}

impl Found {
    pub(super) fn rejected(code: Code, reason: impl Into<String>) -> Self {
        Self::Finding { disposition: Disposition::Rejected, code, reason: reason.into() }
    }

    pub(super) fn ignored(code: Code, reason: impl Into<String>) -> Self {
        Self::Finding { disposition: Disposition::Ignored, code, reason: reason.into() }
    }
}

/// The items of one file. What a file holds alone carries the file's name; where there are several, they are `#1`,
/// `#2`…: so the first waits until the second or the end of the file is seen.
pub(super) struct FileItems<'p> {
    place: &'p Place<'p>,
    held: Option<Found>,
    count: u64,
    certificates: u64,
}

impl<'p> FileItems<'p> {
    pub(super) fn of(place: &'p Place<'p>) -> Self {
        Self { place, held: None, count: 0, certificates: 0 }
    }

    /// Whether there was a candidate or a rejection.
    pub(super) fn has_certificates(&self) -> bool {
        self.certificates > 0
    }

    /// How much there was.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether there was anything.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn push(&mut self, sink: &mut ItemSink<'_>, found: Found) -> Result<(), Fault> {
        if !matches!(found, Found::Finding { disposition: Disposition::Ignored, .. }) {
            self.certificates += 1;
        }
        self.count += 1;
        if self.count == 1 {
            self.held = Some(found);
            return Ok(());
        }
        self.release(sink)?;
        let name = self.place.name.nth(self.count);
        hand_out(sink, name, found, None)
    }

    /// Hands out the item that waits, and says how reading the file ended.
    pub(super) fn finish(mut self, sink: &mut ItemSink<'_>, outcome: Result<(), Fault>) -> Result<(), Fault> {
        match outcome {
            Ok(()) => match self.held.take() {
                Some(found) => hand_out(sink, self.place.name.clone(), found, Some(self.place.file_name())),
                None => Ok(()),
            },
            Err(Fault::Stop(stop)) => Err(Fault::Stop(stop)),
            fault => {
                self.release(sink)?;
                sink.settle(&self.place.name, fault)
            }
        }
    }

    fn release(&mut self, sink: &mut ItemSink<'_>) -> Result<(), Fault> {
        match self.held.take() {
            Some(first) => hand_out(sink, self.place.name.nth(1), first, None),
            None => Ok(()),
        }
    }
}

fn hand_out(sink: &mut ItemSink<'_>, item: ItemName, found: Found, file_name: Option<&[u8]>) -> Result<(), Fault> {
    match found {
        Found::Candidate(der) => {
            let file_name = file_name.map(ItemName::escaped);
            sink.candidate(SourceLeaf { item, der, file_name })
        }
        Found::Finding { disposition: Disposition::Rejected, code, reason } => sink.rejected(item, code, reason),
        Found::Finding { disposition: Disposition::Ignored, code, reason } => sink.ignored(item, code, reason),
    }
}
