//! zip archives (PKWARE APPNOTE.TXT 6.3), read by their central directory: stored and deflated entries, zip64.
//!
//! Two passes over the directory. The first refuses the archive as a whole where its structure does not hold
//! (directory, overlapping entries) and finds names that occur twice; the second reads the entries. Local headers must
//! say what the directory says: programs that read one or the other must see the same archive.

mod end;
mod entry;
mod field;
mod record;

use flate2::Decompress;

use crate::origin::Code;

use super::bytes::{Bytes, PIECE, Window};
use super::codes;
use super::content;
use super::edition::Edition;
use super::fault::Fault;
use super::feed::Buffered;
use super::item_sink::{ItemSink, Place};
use super::limits::check_ratio;
use super::names::{NameProblem, problem};

pub(super) use end::ends_like_zip;

use entry::Unpack;
use record::{Record, Records, Survey, flag};

/// Entries up to this size, packed and unpacked, are unpacked at once in memory that is used again.
const WHOLE: u64 = 256 << 10;

/// Hands out the entries of an archive. `place` is the archive, opened.
pub(super) fn read(sink: &mut ItemSink<'_>, place: &Place<'_>, bytes: &mut Bytes) -> Result<(), Fault> {
    let directory = end::find(bytes)?;
    if directory.entries > sink.items_left() {
        let (entries, most) = (directory.entries, sink.limits.items);
        let reason = format!("the archive has {entries} entries, expected at most {most} items; reading stopped here");
        return Err(Fault::Exhausted { code: codes::LIMIT_ITEMS, reason });
    }
    let survey = Survey::of(bytes, directory)?;
    if let Some(name) = survey.document().filter(|_| sink.limits.edition > Edition::First) {
        return refuse(codes::CONTAINER_DOCUMENT, &format!("{name}, which is not read"));
    }
    if directory.entries == 0 {
        sink.ignored(place.name.clone(), codes::ARCHIVE_EMPTY, "the zip archive has no entries")?;
    } else if directory.prefix > 0 {
        let mut first = [0; 4];
        bytes.peek_at(0, &mut first)?;
        if directory.prefix >= 4 && first == entry::LOCAL {
            // a program that reads from the front sees a different archive than a program that reads the directory
            let reason = "another zip archive stands before this one: which is meant cannot be told";
            return Err(Fault::content(codes::ZIP_TWO_ARCHIVES, reason));
        }
        let reason = format!("{} octets before the zip archive are not read", directory.prefix);
        sink.ignored(place.name.clone(), codes::ZIP_PREFIX, reason)?;
    }
    let mut reader = Reader {
        bytes,
        survey,
        directory_start: directory.start,
        window: Window::new(PIECE),
        inflate: Decompress::new(false),
        unpacked: Vec::new(),
        last_end: directory.prefix,
    };
    let mut records = Records::of(directory);
    while let Some((record, name)) = records.next(reader.bytes)? {
        let entry = place.entry(name);
        match reader.survey.occurrence(name) {
            None => {
                let outcome = reader.visit(sink, &entry, &record);
                sink.settle(&entry.name, outcome)?;
            }
            Some(number) => {
                let name = if number > 1 { entry.name.again(number) } else { entry.name };
                let reason = "another entry has the same name: which is meant cannot be told";
                sink.rejected(name, codes::ZIP_DUPLICATE_NAME, reason)?;
            }
        }
    }
    Ok(())
}

struct Reader<'o> {
    bytes: &'o mut Bytes,
    survey: Survey,
    directory_start: u64,
    window: Window,
    inflate: Decompress,
    unpacked: Vec<u8>,
    /// Where the last entry ended.
    last_end: u64,
}

impl Reader<'_> {
    fn visit(&mut self, sink: &mut ItemSink<'_>, entry: &Place<'_>, record: &Record) -> Result<(), Fault> {
        check(entry, record)?;
        if entry.path.ends_with(b"/") {
            return sink.ignored(entry.name.clone(), codes::ZIP_DIRECTORY, "a directory entry");
        }
        check_ratio(sink.limits, record.compressed, record.size)?;
        let data = entry::data(self.bytes, &mut self.window, record, entry.path)?;
        let end = data + record.compressed;
        let bound = self.survey.successor(record.offset).unwrap_or(self.directory_start);
        if end > bound || (self.survey.is_ordered() && record.offset < self.last_end) {
            return refuse(codes::ZIP_OVERLAP, "the entry shares octets with its neighbour");
        }
        self.last_end = end;
        sink.budget.charge(record.size)?;
        let unpack = Unpack::new(self.bytes, &mut self.window, &mut self.inflate, record, data);
        if record.size <= WHOLE && record.compressed <= WHOLE {
            let mut content = unpack.whole(&mut self.unpacked)?;
            content::read(sink, entry, &mut content)
        } else {
            content::read(sink, entry, &mut Buffered::new(unpack))
        }
    }
}

/// What can be said without looking at the entry itself.
fn check(entry: &Place<'_>, record: &Record) -> Result<(), Fault> {
    const DIRECTORY: u16 = 0o040_000;
    const LINK: u16 = 0o120_000;
    const REGULAR: u16 = 0o100_000;
    let is_directory = entry.path.ends_with(b"/");
    match problem(entry.path) {
        Some(problem @ NameProblem::Absolute) => refuse(codes::ZIP_ABSOLUTE_NAME, &problem.to_string())?,
        Some(problem @ NameProblem::Traversal) => refuse(codes::ZIP_PATH_TRAVERSAL, &problem.to_string())?,
        None => {}
    }
    match record.file_type() {
        LINK => refuse(codes::ZIP_LINK, "a symbolic link, which is not followed")?,
        0 | REGULAR | DIRECTORY => {}
        _ => refuse(codes::ZIP_SPECIAL_FILE, "a pipe, socket or device")?,
    }
    // Method 99 is AES encryption (APPNOTE.TXT 7.2.3 calls for it; WinZip's AE-1, AE-2).
    if record.flags & flag::ENCRYPTED != 0 || record.method == 99 {
        refuse(codes::ZIP_ENCRYPTED, "an encrypted entry")?;
    }
    if !matches!(record.method, 0 | 8) || record.flags & flag::PATCH != 0 {
        let reason = format!("compression method {}, expected stored (0) or deflated (8)", record.method);
        refuse(codes::ZIP_METHOD, &reason)?;
    }
    if record.method == 0 && record.compressed != record.size {
        let reason = format!("a stored entry of {} octets in {}", record.size, record.compressed);
        refuse(codes::ZIP_DATA, &reason)?;
    }
    if is_directory && record.size != 0 {
        refuse(codes::ZIP_DATA, &format!("a directory entry with {} octets of content", record.size))?;
    }
    Ok(())
}

fn refuse<T>(code: Code, reason: &str) -> Result<T, Fault> {
    Err(Fault::content(code, reason))
}
