//! Octets as a statement: exactly the layout that [`Statement::to_bytes`] writes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::cert::{Encoder, Seed};
use crate::manifest::error::{ManifestError, Part};
use crate::manifest::json::{BATCH, REASON, Scan, batch_name, reason, time, upper_hex};
use crate::manifest::{ENTRIES_FILE, Format, INPUTS_FILE, MISSING_FILE, REJECTED_FILE, SEAL_FILE, STATEMENT_FILE};
use crate::verify::{Family, Relaxation};
use crate::x509::{SerialNumber, Sha256Digest, Time};

use super::{
    AnchorReference, Counts, EntriesReference, Expected, FileDigest, InputsReference, IssuerMode, IssuerReference,
    PolicyReference, Possession, Previous, Statement, Unmet,
};

impl Statement {
    /// Reads a statement. Unknown, missing, doubled and displaced keys, other spacing and other escapes are refused:
    /// what is read, written again, is the same octets.
    ///
    /// A statement is not believed because it parses: see [`SignedManifest::open`](crate::manifest::SignedManifest).
    ///
    /// # Errors
    /// The format is another one, the octets are spelled otherwise, or values contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > Self::MAX_BYTES {
            let found = format!("{} octets", bytes.len());
            return Err(value("length", &found, "at most 16 MiB"));
        }
        let encoder = version(bytes)?;
        let mut layout = Layout { scan: Scan::new(Part::Statement, bytes), depth: 0, empty: true };
        layout.open("{")?;
        let statement = statement(&mut layout, encoder)?;
        layout.scan.finish()?;
        consistent(&statement)?;
        // the layout above reads one spelling only; this holds it even if a step there is changed
        if statement.to_bytes() == bytes {
            Ok(statement)
        } else {
            Err(value("layout", "another spelling", "the one spelling of its content"))
        }
    }
}

/// Looks at `format` and `encoder` before anything else: what follows is read as they say, or not at all.
fn version(bytes: &[u8]) -> Result<Encoder, ManifestError> {
    let begins = |encoder: &Encoder| {
        bytes.starts_with(format!("{{\n  \"format\": \"{}\",\n", Format::name(*encoder)).as_bytes())
    };
    let Some(encoder) = Encoder::ALL.into_iter().find(begins) else {
        let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        return Err(ManifestError::format(&beginning));
    };
    // no string has a line feed in it, so the first place is that of the key or there is none
    const KEY: &[u8] = b"\n  \"encoder\": ";
    let Some(at) = bytes.windows(KEY.len()).position(|window| window == KEY) else { return Ok(encoder) };
    let digits = bytes[at + KEY.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    let found: String = digits.take(MAX_DIGITS).map(|digit| char::from(*digit)).collect();
    // what is no number is refused where it is read
    match found.parse::<u64>() {
        Ok(number) if number != u64::from(encoder.number()) => {
            Err(ManifestError::Encoder { format: Format::name(encoder), found })
        }
        _ => Ok(encoder),
    }
}

fn statement(layout: &mut Layout<'_>, encoder: Encoder) -> Result<Statement, ManifestError> {
    let second = encoder >= Encoder::Two;
    layout.fixed("format", Format::name(encoder))?;
    let batch = layout.convert("batch", BATCH, batch_name)?;
    let issued_at = layout.time("issued_at")?;
    let created = layout.time("created")?;
    let tool = layout.text("tool")?.into_owned();
    layout.key("encoder")?.scan.literal(&encoder.to_string())?;
    let format = match encoder {
        Encoder::One => Format::One,
        Encoder::Two => Format::Two(layout.convert("family", "`stsafe-a`, `stsafe-l` or `generic`", |text| {
            Family::ALL.into_iter().find(|family| family.as_str() == text)
        })?),
    };
    layout.key("inputs")?.open("{")?;
    layout.fixed("file", INPUTS_FILE)?;
    let inputs = InputsReference { sha256: layout.sha256("sha256")?, count: layout.number("count")? };
    layout.close("}")?;
    layout.key("anchors")?.open("[")?;
    let mut anchors = Vec::new();
    while layout.another()? {
        layout.open("{")?;
        anchors.push(AnchorReference {
            subject: layout.text("subject")?.into_owned(),
            spki_sha256: layout.sha256("spki_sha256")?,
            sha256: layout.sha256("sha256")?,
        });
        layout.close("}")?;
    }
    layout.close("]")?;
    layout.key("relaxations")?.open("[")?;
    let mut relaxations: Vec<Relaxation> = Vec::new();
    while layout.another()? {
        let next = layout.scan.value("relaxations", "the names of relaxations, sorted, each once", |text| {
            Relaxation::from_name(text).filter(|next| relaxations.last().is_none_or(|last| last < next))
        })?;
        relaxations.push(next);
    }
    layout.close("]")?;
    layout.key("policy")?.open("{")?;
    let policy = PolicyReference {
        name: layout.text("name")?.into_owned(),
        version: layout.key("version")?.scan.number32()?,
        sha256: layout.sha256("sha256")?,
    };
    layout.close("}")?;
    layout.key("params")?.open("{")?;
    let mut params: BTreeMap<String, String> = BTreeMap::new();
    while layout.another()? {
        let name = layout.scan.value("params", "names in byte order, each once", |text| {
            params.last_key_value().is_none_or(|(last, _)| last.as_str() < text).then(|| text.to_owned())
        })?;
        layout.scan.literal(": ")?;
        let text = layout.scan.string()?.into_owned();
        params.insert(name, text);
    }
    layout.close("}")?;
    let reissue =
        layout.key("reissue")?.scan.value_or_null("reissue", REASON, |text| reason(text).map(str::to_owned))?;
    let bulk_id = layout
        .key("bulk_id")?
        .scan
        .value_or_null("bulk_id", "text", |text| (!text.is_empty()).then(|| text.to_owned()))?;
    layout.key("issuer")?.open("{")?;
    let issuer = IssuerReference {
        mode: layout.convert("mode", "`local`, `air-gapped` or `foreign`", |text| {
            IssuerMode::ALL.into_iter().find(|mode| mode.as_str() == text)
        })?,
        subject: layout.text("subject")?.into_owned(),
        sha256: layout.sha256("sha256")?,
        spki_sha256: layout.sha256("spki_sha256")?,
    };
    layout.close("}")?;
    let serial_seed = layout
        .key("serial_seed")?
        .scan
        .value_or_null("serial_seed", DIGEST, |text| text.parse::<Sha256Digest>().ok())?
        .map(|octets| Seed(*octets.as_bytes()));
    let beacon = if second {
        layout.key("beacon")?.scan.value_or_null("beacon", "null or 64 lower-case hexadecimal digits", |text| {
            text.parse::<Sha256Digest>().ok()
        })?
    } else {
        None
    };
    layout.key("discarded_serials")?.open("[")?;
    let mut discarded_serials = Vec::new();
    while layout.another()? {
        discarded_serials.push(layout.scan.value(
            "discarded_serials",
            "serial numbers in upper-case hexadecimal",
            |text| SerialNumber::from_content(&upper_hex(text)?).ok(),
        )?);
    }
    layout.close("]")?;
    let mut expected = None;
    if !layout.null("expected")? {
        layout.open("{")?;
        let (sha256, count) = (layout.sha256("sha256")?, layout.number("count")?);
        let mut unmet = None;
        if second {
            layout.key("missing")?.open("{")?;
            layout.fixed("file", MISSING_FILE)?;
            let (missing, missing_count) = (layout.sha256("sha256")?, layout.number("count")?);
            layout.close("}")?;
            unmet = Some(Unmet { missing, missing_count, surplus: layout.number("surplus")? });
        }
        expected = Some(Expected { sha256, count, unmet });
        layout.close("}")?;
    }
    layout.key("counts")?.open("{")?;
    let counts = Counts {
        items: layout.number("items")?,
        issued: layout.number("issued")?,
        rejected: layout.number("rejected")?,
        ignored: layout.number("ignored")?,
        signatures_made: layout.number("signatures_made")?,
    };
    layout.close("}")?;
    layout.key("entries")?.open("{")?;
    layout.fixed("file", ENTRIES_FILE)?;
    let entries = EntriesReference {
        sha256: layout.sha256("sha256")?,
        tree_size: layout.number("tree_size")?,
        root_hash: layout.sha256("root_hash")?,
    };
    layout.close("}")?;
    layout.key("rejected")?.open("{")?;
    layout.fixed("file", REJECTED_FILE)?;
    let rejected = layout.sha256("sha256")?;
    layout.close("}")?;
    layout.key("files")?.open("[")?;
    let mut files: Vec<FileDigest> = Vec::new();
    while layout.another()? {
        layout.open("{")?;
        let name = layout.convert("name", FILE_NAME, |text| {
            (file_name(text, encoder) && files.last().is_none_or(|last| last.name.as_str() < text))
                .then(|| text.to_owned())
        })?;
        files.push(FileDigest { name, sha256: layout.sha256("sha256")? });
        layout.close("}")?;
    }
    layout.close("]")?;
    let mut previous = None;
    if !layout.null("previous")? {
        layout.open("{")?;
        previous = Some(Previous {
            batch: layout.convert("batch", BATCH, batch_name)?,
            statement_sha256: layout.sha256("statement_sha256")?,
        });
        layout.close("}")?;
    }
    let proof_of_possession = layout.convert("proof_of_possession", "`none`", |text| {
        (text == Possession::None.as_str()).then_some(Possession::None)
    })?;
    let mut seals: Vec<String> = Vec::new();
    if second {
        layout.key("seals")?.open("[")?;
        while layout.another()? {
            let next = layout.scan.value("seals", SEAL_KINDS, |text| {
                (seal_kind(text) && seals.last().is_none_or(|last| last.as_str() < text)).then(|| text.to_owned())
            })?;
            seals.push(next);
        }
        layout.close("]")?;
    }
    layout.close("}")?;
    layout.scan.literal("\n")?;
    Ok(Statement {
        format,
        batch,
        issued_at,
        created,
        tool,
        inputs,
        anchors,
        relaxations,
        policy,
        params,
        reissue,
        bulk_id,
        issuer,
        serial_seed,
        beacon,
        discarded_serials,
        expected,
        counts,
        entries,
        rejected,
        files,
        previous,
        proof_of_possession,
        seals,
    })
}

/// What one field says about another.
fn consistent(statement: &Statement) -> Result<(), ManifestError> {
    let Counts { items, issued, rejected, ignored, .. } = statement.counts;
    let sum = issued.checked_add(rejected).and_then(|sum| sum.checked_add(ignored));
    if sum != Some(items) {
        return Err(value("items", &items.to_string(), "the sum of issued, rejected and ignored"));
    }
    if statement.entries.tree_size != issued {
        return Err(value("tree_size", &statement.entries.tree_size.to_string(), "the number of certificates issued"));
    }
    if (statement.issuer.mode == IssuerMode::Foreign) != statement.serial_seed.is_none() {
        return Err(value("serial_seed", "null or not", "null exactly when the issuer is foreign"));
    }
    if statement.beacon.is_some() && statement.serial_seed.is_none() {
        return Err(value("beacon", "a digest", "null where no serial number depends on it"));
    }
    if let Some(expected) = &statement.expected
        && let Some(unmet) = &expected.unmet
    {
        if unmet.missing_count > expected.count {
            return Err(value("missing", &unmet.missing_count.to_string(), "at most the chips of the list"));
        }
        if unmet.surplus > rejected.saturating_add(ignored) {
            return Err(value("surplus", &unmet.surplus.to_string(), "at most the rejected and ignored items"));
        }
    }
    if statement.created < statement.issued_at {
        return Err(value("created", &statement.created.to_string(), "a time not before issued_at"));
    }
    if statement.previous.as_ref().is_some_and(|previous| previous.batch == statement.batch) {
        return Err(value("previous", &statement.batch, "another batch than this one"));
    }
    Ok(())
}

const DIGEST: &str = "64 lower-case hexadecimal digits";
const SEAL_KINDS: &str = "kinds of seals in lower-case letters, digits and hyphens, sorted, each once";
/// Digits of an encoder's number that are looked at; more are no number of a statement.
const MAX_DIGITS: usize = 19;
const FILE_NAME: &str = "plain file names in byte order, each once, without those of the statement's other fields";

fn file_name(text: &str, encoder: Encoder) -> bool {
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    let listed_elsewhere = [ENTRIES_FILE, INPUTS_FILE, REJECTED_FILE, STATEMENT_FILE, SEAL_FILE];
    // version 1 knows no such file, so that a batch may have one of its own
    let missing = encoder >= Encoder::Two && text == MISSING_FILE;
    !missing
        && !text.is_empty()
        && !text.starts_with(['.', '-'])
        && text.bytes().all(plain)
        && !listed_elsewhere.contains(&text)
}

/// Whether a text can name a kind of seal.
pub(in crate::manifest) fn seal_kind(text: &str) -> bool {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=40).contains(&text.len()) && text.bytes().all(fits)
}

fn value(key: &'static str, found: &str, expected: &'static str) -> ManifestError {
    ManifestError::value(Part::Statement, key, found, expected)
}

/// Reads the layout that the writer's twin writes.
struct Layout<'a> {
    scan: Scan<'a>,
    depth: usize,
    empty: bool,
}

impl<'a> Layout<'a> {
    fn open(&mut self, bracket: &str) -> Result<(), ManifestError> {
        self.scan.literal(bracket)?;
        self.depth += 1;
        self.empty = true;
        Ok(())
    }

    fn close(&mut self, bracket: &str) -> Result<(), ManifestError> {
        self.depth -= 1;
        if !self.empty {
            self.scan.literal(&line(self.depth))?;
        }
        self.empty = false;
        self.scan.literal(bracket)
    }

    /// Whether the list goes on; if so, reads up to its next element.
    fn another(&mut self) -> Result<bool, ManifestError> {
        let goes_on = if self.empty { self.scan.sees("\n") } else { self.scan.sees(",") };
        if goes_on {
            self.item()?;
        }
        Ok(goes_on)
    }

    fn item(&mut self) -> Result<(), ManifestError> {
        if !self.empty {
            self.scan.literal(",")?;
        }
        self.empty = false;
        self.scan.literal(&line(self.depth))
    }

    fn key(&mut self, name: &str) -> Result<&mut Self, ManifestError> {
        self.item()?;
        self.scan.literal(&format!("\"{name}\": "))?;
        Ok(self)
    }

    fn text(&mut self, name: &str) -> Result<Cow<'a, str>, ManifestError> {
        self.key(name)?.scan.string()
    }

    fn fixed(&mut self, name: &str, text: &str) -> Result<(), ManifestError> {
        self.key(name)?.scan.literal(&format!("\"{text}\""))
    }

    fn number(&mut self, name: &str) -> Result<u64, ManifestError> {
        self.key(name)?.scan.number(u64::MAX)
    }

    fn convert<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        convert: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ManifestError> {
        self.key(name)?.scan.value(name, expected, convert)
    }

    fn sha256(&mut self, name: &'static str) -> Result<Sha256Digest, ManifestError> {
        self.convert(name, DIGEST, |text| text.parse().ok())
    }

    fn time(&mut self, name: &'static str) -> Result<Time, ManifestError> {
        self.convert(name, "a time such as 2026-01-31T00:00:00Z", time)
    }

    fn null(&mut self, name: &str) -> Result<bool, ManifestError> {
        Ok(self.key(name)?.scan.takes("null"))
    }
}

fn line(depth: usize) -> String {
    format!("\n{}", "  ".repeat(depth))
}
