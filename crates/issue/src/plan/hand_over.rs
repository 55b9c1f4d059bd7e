//! What an external CA is given: a directory with the wishes as a table and as JSON lines, and the plan, which
//! stays in the house.
//!
//! Both files say the same. Nothing in them is secret; names are escaped to printable ASCII. `docs/spec/plan-format.md`
//! lists the columns.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cert::{Difference, ObjectTemplate};
use crate::crypto::sha256;
use crate::delivery::Staged;
use crate::durable::output::Shape;
use crate::durable::{self, Access, DurableError};
use crate::error::Error;
use crate::input;
use crate::policy::difference_name;
use crate::verify::VerifiedLeaf;
use crate::x509::tlv::tag;
use crate::x509::{Name, pem};

/// The wishes as a table (RFC 4180).
const CSV: &str = "requests.csv";
/// The wishes, one JSON object a line.
const JSONL: &str = "requests.jsonl";
/// The plan.
pub(crate) const PLAN: &str = "plan";

const COLUMNS: &str = "uid,st_number,spki_sha256,subject,not_before,not_after,signature,extensions,spki_pem\r\n";

/// One line of the JSON lines, members in this order.
#[derive(Serialize)]
struct Wish {
    uid: String,
    st_number: Option<String>,
    source_sha256: String,
    spki_sha256: String,
    spki_pem: String,
    subject: String,
    subject_der: String,
    subject_rdns: Vec<Vec<WishedAttribute>>,
    not_before: String,
    not_after: String,
    signature: &'static str,
    extensions: Vec<WishedExtension>,
}

#[derive(Serialize)]
struct WishedAttribute {
    r#type: String,
    string: &'static str,
    value: Option<String>,
}

#[derive(Serialize)]
struct WishedExtension {
    name: String,
    oid: String,
    critical: bool,
    der: String,
}

impl Wish {
    fn new(leaf: &VerifiedLeaf, template: &ObjectTemplate) -> Self {
        Self {
            uid: leaf.uid().to_string(),
            st_number: leaf.st_number().map(hex::encode_upper),
            source_sha256: leaf.origin().fingerprint.to_string(),
            spki_sha256: sha256(template.spki.der()).to_string(),
            spki_pem: pem::write("PUBLIC KEY", template.spki.der()).to_string(),
            subject: template.subject.to_string(),
            subject_der: hex::encode(template.subject.der()),
            subject_rdns: attributes(&template.subject),
            not_before: template.validity.not_before().to_string(),
            not_after: template.validity.not_after().to_string(),
            signature: template.signature.name(),
            extensions: template
                .extensions
                .iter()
                .map(|extension| WishedExtension {
                    name: difference_name(&Difference::Extension(extension.oid)),
                    oid: extension.oid.to_string(),
                    critical: extension.critical,
                    der: hex::encode(&extension.value),
                })
                .collect(),
        }
    }

    /// The same as a row of the table; extensions as a configuration of OpenSSL writes them.
    fn row(&self) -> String {
        let extensions: Vec<String> = self
            .extensions
            .iter()
            .map(|extension| {
                let critical = if extension.critical { "critical," } else { "" };
                format!("{}={critical}DER:{}", extension.oid, extension.der)
            })
            .collect();
        let st_number = self.st_number.clone().unwrap_or_default();
        let extensions = extensions.join(";");
        let cells = [
            &self.uid,
            &st_number,
            &self.spki_sha256,
            &self.subject,
            &self.not_before,
            &self.not_after,
            self.signature,
            &extensions,
            &self.spki_pem,
        ];
        let cells: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        cells.join(",") + "\r\n"
    }
}

fn attributes(name: &Name) -> Vec<Vec<WishedAttribute>> {
    let string = |found: u8| match found {
        tag::UTF8_STRING => "utf8",
        tag::PRINTABLE_STRING => "printable",
        tag::IA5_STRING => "ia5",
        _ => "other",
    };
    let rdn = |rdn: Vec<crate::x509::Attribute<'_>>| {
        let wished = |attribute: crate::x509::Attribute<'_>| WishedAttribute {
            r#type: attribute.kind.to_string(),
            string: string(attribute.tag),
            value: attribute.text().map(Cow::into_owned),
        };
        rdn.into_iter().map(wished).collect()
    };
    name.rdns().into_iter().map(rdn).collect()
}

/// A directory that is filled beside its name.
pub(crate) struct HandOver {
    staged: Staged,
    csv: BufWriter<File>,
    jsonl: BufWriter<File>,
}

impl HandOver {
    /// Begins a directory beside `out`.
    pub(crate) fn create(out: &Path) -> Result<Self, Error> {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        // an interrupted run may have left this directory: no other command uses the name
        let staged = Staged::create(out, out.with_file_name(name))?;
        let partial = staged.folder();
        let file =
            |name: &str| Ok::<_, Error>(BufWriter::new(durable::create_new(&partial.join(name), Access::Public)?));
        let (mut csv, jsonl) = (file(CSV)?, file(JSONL)?);
        csv.write_all(COLUMNS.as_bytes()).map_err(|source| io("write", partial, source))?;
        Ok(Self { staged, csv, jsonl })
    }

    /// Adds a chip's wish.
    pub(crate) fn add(&mut self, leaf: &VerifiedLeaf, template: &ObjectTemplate) -> Result<(), Error> {
        let wish = Wish::new(leaf, template);
        let line = serde_json::to_string(&wish).expect("a wish has text for keys") + "\n";
        let written = self.csv.write_all(wish.row().as_bytes());
        Ok(written
            .and_then(|()| self.jsonl.write_all(line.as_bytes()))
            .map_err(|source| io("write", self.staged.folder(), source))?)
    }

    /// Flushes the wishes; the plan is written there next.
    pub(crate) fn finish(self) -> Result<Staged, Error> {
        for (name, file) in [(CSV, self.csv), (JSONL, self.jsonl)] {
            let path = self.staged.folder().join(name);
            let file = file.into_inner().map_err(|error| io("write", &path, error.into_error()))?;
            durable::output::sync_file(&path, &file)?;
        }
        Ok(self.staged)
    }
}

/// What the directory is while it is filled.
pub(crate) const SHAPE: Shape = Shape::directory(".partial".len(), PLAN.len() + ".partial".len());

/// Whether `out` holds the wishes of `staged`, which is removed.
pub(crate) fn same_wishes(staged: Staged, out: &Path) -> Result<bool, Error> {
    let mut same = true;
    for name in [CSV, JSONL] {
        let digest = |path: PathBuf| {
            let mut hash = crate::crypto::Sha256::new();
            let mut piece = vec![0; 1 << 20];
            let mut file = input::open(&path).map_err(|source| io("open", &path, source))?;
            loop {
                match file.read(&mut piece).map_err(|source| io("read", &path, source))? {
                    0 => return Ok::<_, DurableError>(hash.finish()),
                    length => hash.update(&piece[..length]),
                }
            }
        };
        let wanted = digest(staged.folder().join(name))?;
        same &= digest(out.join(name)).is_ok_and(|found| found == wanted);
    }
    staged.remove()?;
    Ok(same)
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> DurableError {
    DurableError::Io { doing, path: path.to_owned(), source }
}
