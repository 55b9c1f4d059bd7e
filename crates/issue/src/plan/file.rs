//! The plan file: a line that says what it is, the head, the planner's signature over it, and four sections whose
//! digests the head names. Written once, under a name that did not exist; read front to back.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::cert::Encoder;
use crate::crypto::{Sha256, sha256};
use crate::durable::output::Shape;
use crate::durable::{self, Access, DurableError};
use crate::error::Error;
use crate::findings::Findings;
use crate::input;
use crate::manifest;
use crate::origin::ItemName;
use crate::reel::{ReelError, SourceLeaf};
use crate::signer::Signer;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::head::{Head, SectionHead, format};
use super::limits::{self, Lines};
use crate::error::PlanError;

/// CA certificates of the inputs through which paths lead.
pub(crate) const INTERMEDIATES: &str = "intermediates";
/// The content of `inputs.jsonl`.
pub(crate) const INPUTS: &str = "inputs";
/// The content of `rejected.jsonl`.
pub(crate) const REJECTED: &str = "rejected";
/// What will be `missing.jsonl`; since version 2.
pub(crate) const MISSING: &str = "missing";
/// Item name and source leaf of every chip, in UID order.
pub(crate) const LEAVES: &str = "leaves";

const SECTIONS: [&str; 5] = [INTERMEDIATES, INPUTS, REJECTED, MISSING, LEAVES];
/// Bytes of the first line, in every version.
const MAGIC: usize = 14;
/// Largest head, whose policy is read whole.
/// Added to the name while the file is written.
const PARTIAL: &str = ".partial";
const MAX_HEAD: u32 = 16 << 20;
const MAX_SEAL: u32 = 64 << 10;
/// Largest section that is read whole.
const MAX_SMALL: u64 = 4 << 30;
/// Most intermediates: an archive's paths lead through a handful.
const MAX_INTERMEDIATES: usize = 10_000;
/// Bytes of a section of lines that are read at once.
const PIECE: usize = 64 << 10;

/// The bytes of the section of leaves, as they grow.
///
/// Names of neighbours begin alike: a name is how many bytes it shares with the one before it, and the rest.
pub(crate) struct LeafWriter<W> {
    out: W,
    before: String,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> LeafWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, before: String::new(), hash: Sha256::new(), bytes: 0 }
    }

    pub(crate) fn add(&mut self, item: &ItemName, der: &[u8]) -> std::io::Result<()> {
        let name = item.as_str();
        let shared = self.before.bytes().zip(name.bytes()).take(255).take_while(|(a, b)| a == b).count();
        let rest = &name.as_bytes()[shared..];
        let mut record = Vec::with_capacity(der.len() + rest.len() + 5);
        record.push(u8::try_from(shared).expect("at most 255"));
        record.extend_from_slice(&length16(rest));
        record.extend_from_slice(rest);
        record.extend_from_slice(&length16(der));
        record.extend_from_slice(der);
        name.clone_into(&mut self.before);
        self.hash.update(&record);
        self.bytes += record.len() as u64;
        self.out.write_all(&record)
    }

    pub(crate) fn finish(self) -> (W, SectionHead) {
        let head = SectionHead { name: LEAVES.into(), bytes: self.bytes, sha256: self.hash.finish().to_string() };
        (self.out, head)
    }
}

fn length16(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).expect("item names and leaves are below 64 KiB").to_be_bytes()
}

/// Certificates one behind the other, each behind its length.
pub(crate) fn certificates_section<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> Vec<u8> {
    certificates.flat_map(|certificate| [&length16(certificate.der())[..], certificate.der()].concat()).collect()
}

/// What the head says of the findings.
pub(crate) fn rejected_section(findings: &Findings) -> Result<SectionHead, ReelError> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    findings.lines(|line| {
        hash.update(line);
        bytes += line.len() as u64;
        Ok::<(), ReelError>(())
    })?;
    Ok(SectionHead { name: REJECTED.into(), bytes, sha256: hash.finish().to_string() })
}

/// What the head says of a section that is in memory.
pub(crate) fn section(name: &str, content: &[u8]) -> SectionHead {
    SectionHead { name: name.to_owned(), bytes: content.len() as u64, sha256: sha256(content).to_string() }
}

/// Signs the head and writes the file under its name, which must be free. `give` gives it the name.
pub(crate) fn write(
    out: &Path,
    (head, encoder): (&[u8], Encoder),
    signer: (&Certificate, &dyn Signer),
    created: Time,
    (small, rejected, missing): ([&[u8]; 2], &Findings, &str),
    leaves: &mut dyn Read,
    give: impl FnOnce(&Path, &Path) -> Result<(), DurableError>,
) -> Result<(), Error> {
    let seal = crate::seal::seal_bytes(head, signer.0, signer.1, created)?;
    write_new(out, give, |file| {
        file.write_all(&magic(encoder))?;
        for part in [head, &seal] {
            file.write_all(&u32::try_from(part.len()).expect("a head is below 4 GiB").to_be_bytes())?;
            file.write_all(part)?;
        }
        for section in small {
            file.write_all(section)?;
        }
        rejected.lines(|line| file.write_all(line).map_err(LinesFault::from)).map_err(LinesFault::into_io)?;
        // empty in version 1, which has no such section
        file.write_all(missing.as_bytes())?;
        std::io::copy(leaves, file).map(drop)
    })
}

/// Writes a file beside its name and gives it the name when it is whole and on disk.
pub(crate) fn write_new(
    out: &Path,
    give: impl FnOnce(&Path, &Path) -> Result<(), DurableError>,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), Error> {
    let partial = partial(out);
    let at = |source| DurableError::Io { doing: "write", path: partial.clone(), source };
    // only this command uses the name: a file that is there was left by an interrupted run and can go
    durable::remove_partial_file(&partial)?;
    let file = durable::create_new(&partial, Access::Public)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    write(&mut file).and_then(|()| file.flush()).map_err(at)?;
    durable::output::sync_file(&partial, file.get_ref())?;
    Ok(give(&partial, out)?)
}

/// What a plan or a signature file is while it is written.
pub(crate) const SHAPE: Shape = Shape::file(PARTIAL.len(), 0);

/// Removes what a run left that was killed when the file had both names.
pub(crate) fn remove_partial(out: &Path) -> Result<(), DurableError> {
    durable::remove_partial_file(&partial(out))
}

fn partial(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    out.with_file_name(name)
}

/// A plan whose head was signed by a planner that the caller allows. The sections are believed when they were read.
pub(crate) struct PlanFile {
    pub(crate) head: Head,
    /// The version of the plan.
    pub(crate) encoder: Encoder,
    /// SHA-256 of the head: what a signature file names.
    pub(crate) digest: Sha256Digest,
    /// The head's bytes and the planner's signature.
    pub(crate) signed: (Vec<u8>, Vec<u8>),
    /// Position of the planner in the list that was given.
    pub(crate) planner: usize,
    pub(crate) intermediates: Vec<Certificate>,
    pub(crate) inputs: String,
    /// The content of `missing.jsonl`, should there be one.
    pub(crate) missing: String,
    pub(crate) lines: Lines,
    rejected: RejectedLines,
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
}

impl PlanFile {
    /// Opens a plan: signature first, then the head, then the small sections.
    pub(crate) fn open(path: &Path, planners: &[Certificate]) -> Result<Self, Error> {
        let fault = |source| PlanError::Read { path: path.to_owned(), source };
        let file = input::open(path).map_err(fault)?;
        let again = file.metadata().and_then(|about| about.is_file().then(|| file.try_clone()).transpose());
        Self::read_both(path, Box::new(file), again.map_err(fault)?, planners)
    }

    /// As [`open`](Self::open), of what `source` gives.
    #[cfg(fuzzing)]
    pub(crate) fn read(path: &Path, source: Box<dyn Read + Send>, planners: &[Certificate]) -> Result<Self, Error> {
        Self::read_both(path, source, None, planners)
    }

    /// `file` is the source once more, if it can be read at any place.
    fn read_both(
        path: &Path,
        source: Box<dyn Read + Send>,
        file: Option<File>,
        planners: &[Certificate],
    ) -> Result<Self, Error> {
        let mut reader = BufReader::with_capacity(1 << 20, source);
        let mut first = [0; MAGIC];
        let whole = reader.read_exact(&mut first).is_ok();
        let Some(encoder) = version(&first).filter(|_| whole) else {
            return Err(malformed("it does not begin with `reroot-plan/1` or `reroot-plan/2`").into());
        };
        let signed = (sized(&mut reader, MAX_HEAD)?, sized(&mut reader, MAX_SEAL)?);
        let planner = planner(&signed.0, &signed.1, planners)?;
        let head = Head::parse(&signed.0)?;
        if head.encoder != encoder.number() {
            return Err(PlanError::Encoder { found: head.encoder, expected: encoder.number() }.into());
        }
        let known = SECTIONS.into_iter().filter(|name| encoder >= Encoder::Two || *name != MISSING);
        if !head.sections.iter().map(|section| section.name.as_str()).eq(known) {
            return Err(malformed("its sections are not those of a plan").into());
        }
        let intermediates = read_certificates(&small(&mut reader, head.section(INTERMEDIATES)?)?)?;
        let inputs = text(small(&mut reader, head.section(INPUTS)?)?)?;
        limits::check_inputs(&inputs)?;
        let section = head.section(REJECTED)?;
        let mut rejected = RejectedLines::new(file, section)?;
        if let RejectedLines::InFile { start, .. } = &mut rejected {
            let before = [INTERMEDIATES, INPUTS].map(|name| head.section(name).map(|section| section.bytes));
            let [intermediates, inputs] = before;
            *start = (MAGIC + 8 + signed.0.len() + signed.1.len()) as u64 + intermediates? + inputs?;
        }
        let lines = rejected.read((&mut reader).take(section.bytes), section)?;
        let mut missing = String::new();
        if encoder >= Encoder::Two {
            missing = text(small(&mut reader, head.section(MISSING)?)?)?;
        }
        limits::check_missing(&missing, &head)?;
        let digest = sha256(&signed.0);
        Ok(Self {
            head,
            encoder,
            digest,
            signed,
            planner,
            intermediates,
            inputs,
            missing,
            rejected,
            lines,
            path: path.to_owned(),
            reader,
        })
    }

    /// Hands over every leaf, in order, then proves that they were the planner's: nothing of them counts before this
    /// returns. `each` ends the reading with `false`.
    pub(crate) fn leaves(&mut self, mut each: impl FnMut(SourceLeaf) -> bool) -> Result<(), Error> {
        let section = self.head.section(LEAVES)?.clone();
        let mut leaves = Leaves {
            reader: (&mut self.reader).take(section.bytes),
            hash: Sha256::new(),
            path: &self.path,
            name: Vec::new(),
        };
        let mut count = 0_u64;
        while let Some(leaf) = leaves.next()? {
            count += 1;
            if !each(leaf) {
                return Ok(());
            }
        }
        if differs(&leaves.hash.finish().to_string(), &section.sha256) {
            return Err(PlanError::Section { name: LEAVES }.into());
        }
        if count != self.head.counts.leaves {
            return Err(PlanError::Differs { what: "number of leaves" }.into());
        }
        if self.reader.read(&mut [0]).map_err(|source| self.fault(source))? != 0 {
            return Err(malformed("something follows its last section").into());
        }
        Ok(())
    }

    /// Hands over the content of `rejected.jsonl`, piece by piece: what was read when the plan was opened, or an error.
    pub(crate) fn rejected(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let section = self.head.section(REJECTED)?;
        let (file, start) = match &self.rejected {
            RejectedLines::InFile { file, start } => (file, *start),
            RejectedLines::Held(lines) => return each(lines),
        };
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        let (mut next, end) = (start, start + section.bytes);
        while next < end {
            let length = usize::try_from(end - next).unwrap_or(PIECE).min(PIECE);
            let piece = &mut piece[..length];
            file.read_exact_at(piece, next).map_err(|source| self.fault(source))?;
            hash.update(piece);
            each(piece)?;
            next += length as u64;
        }
        if hash.finish().to_string() == section.sha256 {
            Ok(())
        } else {
            Err(PlanError::Section { name: REJECTED }.into())
        }
    }

    fn fault(&self, source: std::io::Error) -> PlanError {
        PlanError::Read { path: self.path.clone(), source }
    }
}

/// The content of `rejected.jsonl`: it need not fit into memory where the plan can be read at any place.
enum RejectedLines {
    InFile { file: File, start: u64 },
    Held(Vec<u8>),
}

impl RejectedLines {
    fn new(file: Option<File>, section: &SectionHead) -> Result<Self, PlanError> {
        match file {
            Some(file) => Ok(Self::InFile { file, start: 0 }),
            None if section.bytes > MAX_SMALL => Err(malformed("a section is longer than any")),
            None => Ok(Self::Held(Vec::new())),
        }
    }

    /// Reads the section for the first time: it is as long as the head says, has its digest, and consists of lines.
    fn read(&mut self, mut content: impl BufRead, section: &SectionHead) -> Result<Lines, PlanError> {
        let mut hash = Sha256::new();
        let mut bytes = 0_u64;
        let mut lines = Ok(Lines::default());
        let mut line = Vec::new();
        loop {
            line.clear();
            let piece = (&mut content).take(limits::MAX_FINDING_LINE).read_until(b'\n', &mut line);
            if piece.map_err(|_| malformed("it ends too early"))? == 0 {
                break;
            }
            hash.update(&line);
            bytes += line.len() as u64;
            lines = lines.and_then(|lines| lines.with(&line));
            if let Self::Held(held) = self {
                held.extend_from_slice(&line);
            }
        }
        if bytes != section.bytes || differs(&hash.finish().to_string(), &section.sha256) {
            return Err(PlanError::Section { name: REJECTED });
        }
        lines
    }
}

/// Why lines could not be written: the file they are read from, or the one they are written to.
struct LinesFault(std::io::Error);

impl LinesFault {
    fn into_io(self) -> std::io::Error {
        self.0
    }
}

impl From<std::io::Error> for LinesFault {
    fn from(error: std::io::Error) -> Self {
        Self(error)
    }
}

impl From<ReelError> for LinesFault {
    fn from(error: ReelError) -> Self {
        Self(std::io::Error::other(error))
    }
}

struct Leaves<'a, R> {
    reader: R,
    hash: Sha256,
    path: &'a Path,
    name: Vec<u8>,
}

impl<R: Read> Leaves<'_, R> {
    fn next(&mut self) -> Result<Option<SourceLeaf>, PlanError> {
        let mut shared = [0];
        if self.reader.read(&mut shared).map_err(|source| self.fault(source))? == 0 {
            return Ok(None);
        }
        self.hash.update(&shared);
        let shared = usize::from(shared[0]);
        if shared > self.name.len() {
            return Err(malformed("a leaf's name is not one"));
        }
        let rest = self.sized()?;
        if shared + rest.len() > ItemName::MAX {
            return Err(malformed("a leaf's name is longer than any"));
        }
        self.name.truncate(shared);
        self.name.extend_from_slice(&rest);
        let name = std::str::from_utf8(&self.name).ok().and_then(|name| ItemName::from_escaped(name).ok());
        let item = name.ok_or_else(|| malformed("a leaf's name is not one"))?;
        Ok(Some(SourceLeaf { item, der: self.sized()?, file_name: None }))
    }

    fn sized(&mut self) -> Result<Vec<u8>, PlanError> {
        let mut length = [0; 2];
        self.reader.read_exact(&mut length).map_err(|source| self.fault(source))?;
        let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
        self.reader.read_exact(&mut bytes).map_err(|source| self.fault(source))?;
        self.hash.update(&length);
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn fault(&self, source: std::io::Error) -> PlanError {
        truncated(self.path, source)
    }
}

fn truncated(path: &Path, source: std::io::Error) -> PlanError {
    match source.kind() {
        std::io::ErrorKind::UnexpectedEof => malformed("it ends too early"),
        _ => PlanError::Read { path: path.to_owned(), source },
    }
}

fn malformed(what: &str) -> PlanError {
    PlanError::Malformed { what: what.to_owned() }
}

fn sized(reader: &mut impl Read, limit: u32) -> Result<Vec<u8>, PlanError> {
    let early = |_| malformed("it ends too early");
    let mut length = [0; 4];
    reader.read_exact(&mut length).map_err(early)?;
    let length = u32::from_be_bytes(length);
    if length > limit {
        return Err(malformed("its head or signature is longer than any"));
    }
    let mut bytes = vec![0; usize::try_from(length).expect("a head fits into memory")];
    reader.read_exact(&mut bytes).map_err(early)?;
    Ok(bytes)
}

/// Whether what was computed is another thing than what was stated. When plans are fuzzed it never is: a fuzzer cannot
/// compute digests, and what is behind them is to be reached.
pub(crate) fn differs<T: PartialEq>(found: &T, stated: &T) -> bool {
    !cfg!(fuzzing) && found != stated
}

/// The planner whose signature it is.
fn planner(head: &[u8], seal: &[u8], planners: &[Certificate]) -> Result<usize, PlanError> {
    if cfg!(fuzzing) {
        return Ok(0);
    }
    let mut failure = PlanError::PlannerUnknown;
    for (position, planner) in planners.iter().enumerate() {
        match manifest::verify_bytes(head, seal, planner) {
            Ok(_) => return Ok(position),
            Err(source) if source.code() == manifest::codes::SEAL_CERTIFICATES => {}
            Err(source) => failure = PlanError::PlannerSignature { source },
        }
    }
    Err(failure)
}

fn small(reader: &mut impl Read, section: &SectionHead) -> Result<Vec<u8>, PlanError> {
    let name = SECTIONS.into_iter().find(|name| *name == section.name).expect("the names were compared");
    if section.bytes > MAX_SMALL {
        return Err(malformed("a section is longer than any"));
    }
    let mut content = Vec::new();
    reader.take(section.bytes).read_to_end(&mut content).map_err(|_| malformed("it ends too early"))?;
    if content.len() as u64 != section.bytes || differs(&sha256(&content).to_string(), &section.sha256) {
        return Err(PlanError::Section { name });
    }
    Ok(content)
}

fn text(content: Vec<u8>) -> Result<String, PlanError> {
    String::from_utf8(content).map_err(|_| malformed("a section of lines is not text"))
}

pub(super) fn read_certificates(mut section: &[u8]) -> Result<Vec<Certificate>, PlanError> {
    let mut certificates = Vec::new();
    while !section.is_empty() {
        let broken = || malformed("an intermediate is not a certificate");
        let (length, rest) = section.split_first_chunk::<2>().ok_or_else(broken)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (der, rest) = rest.split_at_checked(length).ok_or_else(broken)?;
        if certificates.len() == MAX_INTERMEDIATES {
            return Err(malformed("it has more intermediates than any"));
        }
        certificates.push(Certificate::from_der(der).map_err(|_| broken())?);
        section = rest;
    }
    Ok(certificates)
}

/// Reads leaves that are in memory, in order.
pub(super) fn read_leaves(section: &[u8]) -> Result<Vec<SourceLeaf>, PlanError> {
    let mut leaves = Leaves { reader: section, hash: Sha256::new(), path: Path::new(LEAVES), name: Vec::new() };
    std::iter::from_fn(|| leaves.next().transpose()).collect()
}

/// Whether a file begins as a plan does.
pub(crate) fn looks_like_one(path: &Path) -> bool {
    let mut first = [0; MAGIC];
    input::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && version(&first).is_some()
}

/// The first line of a plan of this encoder.
fn magic(encoder: Encoder) -> Vec<u8> {
    [format(encoder).as_bytes(), b"\n"].concat()
}

/// The encoder of a plan that has this first line.
fn version(first: &[u8; MAGIC]) -> Option<Encoder> {
    Encoder::ALL.into_iter().find(|encoder| magic(*encoder) == *first)
}

#[cfg(fuzzing)]
pub(crate) fn fuzz(bytes: &[u8]) {
    let _ = read_certificates(bytes);
    let mut leaves = Leaves { reader: bytes, hash: Sha256::new(), path: Path::new("fuzz"), name: Vec::new() };
    while let Ok(Some(_)) = leaves.next() {}
}
