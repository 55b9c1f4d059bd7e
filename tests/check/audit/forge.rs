//! A batch taken apart, changed anywhere, and put together again with digests, tree and seal that fit.

use std::collections::BTreeMap;
use std::path::Path;

use reroot::crypto::{low_s, sha1, sha256};
use reroot::delivery::{BatchReader, Stamp, ZipWriter};
use reroot::durable::{Access, create_directory};
use reroot::manifest::{self, FileDigest, Statement, TreeBuilder};
use reroot::seal;
use reroot::signer::Signer;
use reroot::signer::file::FileSigner;
use reroot::x509::tlv::{Reader, element, tag};
use reroot::x509::{Certificate, KeyAlgorithm, SignatureAlgorithm, Time, pem};

use crate::support::judges::put;
use crate::support::workshop::Workshop;

/// One chip's part of a batch.
#[derive(Clone)]
pub(crate) struct Chip {
    /// The name of its entries in the archives.
    pub(crate) name: String,
    /// Its line.
    pub(crate) line: String,
    /// Its new certificate.
    pub(crate) certificate: Vec<u8>,
    /// Its genuine leaf.
    pub(crate) source: Vec<u8>,
}

/// A batch in pieces.
pub(crate) struct Forge<'a> {
    workshop: &'a Workshop,
    /// The chips in order.
    pub(crate) chips: Vec<Chip>,
    /// Every other file that the statement lists.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The statement; digests, tree and the number of chips are put in when the batch is sealed.
    pub(crate) statement: Statement,
    /// The time of the archives' entries.
    pub(crate) stamp: Time,
}

impl<'a> Forge<'a> {
    /// Takes the workshop's `batch` apart.
    pub(crate) fn of(workshop: &'a Workshop) -> Self {
        let folder = workshop.path("batch");
        let reader = BatchReader::open(&folder).unwrap();
        let mut files = BTreeMap::new();
        for name in reader.names() {
            let inside = [manifest::STATEMENT_FILE, manifest::SEAL_FILE, manifest::ENTRIES_FILE, CERTIFICATES, SOURCES];
            if !inside.contains(&name) {
                files.insert(name.to_owned(), reader.read(name).unwrap());
            }
        }
        let statement = Statement::parse(&reader.read(manifest::STATEMENT_FILE).unwrap()).unwrap();
        let mut chips = Vec::new();
        let (mut certificates, mut sources) = (reader.certificates().unwrap(), reader.sources().unwrap());
        let mut lines = reader.lines(manifest::ENTRIES_FILE).unwrap();
        while let Some(line) = lines.next_line().unwrap() {
            let certificate = certificates.next_certificate().unwrap().unwrap();
            let source = sources.next_certificate().unwrap().unwrap().der;
            let name = certificate.uid.to_string();
            chips.push(Chip { name, line: line.to_owned(), certificate: certificate.der, source });
        }
        let stamp = statement.issued_at;
        Self { workshop, chips, files, statement, stamp }
    }

    /// Writes it to `out` with digests that fit, after a last change of the statement, sealed with the manifest key.
    pub(crate) fn seal(mut self, out: &str, last: impl FnOnce(&mut Statement)) {
        let folder = self.workshop.path(out);
        self.write_files(&folder);
        last(&mut self.statement);
        let statement = self.statement.to_bytes();
        let certificate = certificate(&self.files[manifest::SIGNER_FILE]);
        let signer = key(self.workshop, "manifest");
        let seal = seal::sign(&statement, &certificate, &signer, self.statement.created).unwrap();
        put(&folder.join(manifest::STATEMENT_FILE), statement);
        put(&folder.join(manifest::SEAL_FILE), seal);
    }

    /// Writes it to `out` with digests that fit, sealed by a certificate that this program would not seal with.
    pub(crate) fn seal_with_openssl(mut self, out: &str, signer: &[u8], private_key: &[u8]) {
        let folder = self.workshop.path(out);
        self.files.insert(manifest::SIGNER_FILE.to_owned(), pem::write("CERTIFICATE", signer).as_bytes().to_vec());
        self.write_files(&folder);
        put(&folder.join(manifest::STATEMENT_FILE), self.statement.to_bytes());
        let scratch = self.workshop.path("signer.key");
        put(&scratch, private_key);
        let arguments = "cms -sign -binary -outform DER -in manifest.json -signer manifest.pem -keyform DER -cades";
        let openssl = crate::support::run::Run::openssl().args(arguments.split(' ')).folder(&folder);
        openssl.arg("-out").arg(manifest::SEAL_FILE).arg("-inkey").arg(scratch).run().success();
    }

    fn write_files(&mut self, folder: &Path) {
        create_directory(folder, Access::Public).unwrap();
        let archive = |content: fn(&Chip) -> &[u8]| {
            let mut zip = ZipWriter::new(Vec::new(), Stamp::new(self.stamp));
            for chip in &self.chips {
                zip.add(&format!("{}.der", chip.name), content(chip)).unwrap();
            }
            zip.finish().unwrap()
        };
        let mut tree = TreeBuilder::new();
        let mut lines = String::new();
        for chip in &self.chips {
            tree.push(chip.line.as_bytes());
            lines += &chip.line;
            lines.push('\n');
        }
        let statement = &mut self.statement;
        statement.entries.sha256 = sha256(lines.as_bytes());
        statement.entries.root_hash = tree.root();
        statement.entries.tree_size = tree.size();
        statement.counts.issued = tree.size();
        statement.counts.items = tree.size() + statement.counts.rejected + statement.counts.ignored;
        statement.rejected = sha256(&self.files[manifest::REJECTED_FILE]);
        statement.inputs.sha256 = sha256(&self.files[manifest::INPUTS_FILE]);

        let mut written = self.files.clone();
        written.insert(CERTIFICATES.to_owned(), archive(|chip| &chip.certificate));
        written.insert(SOURCES.to_owned(), archive(|chip| &chip.source));
        let listed = written.iter().filter(|(name, _)| {
            ![manifest::REJECTED_FILE, manifest::INPUTS_FILE, manifest::MISSING_FILE].contains(&name.as_str())
        });
        let unmet = statement.expected.as_mut().and_then(|expected| expected.unmet.as_mut());
        if let Some((unmet, missing)) = unmet.zip(self.files.get(manifest::MISSING_FILE)) {
            unmet.missing = sha256(missing);
        }
        statement.files =
            listed.map(|(name, content)| FileDigest { name: name.clone(), sha256: sha256(content) }).collect();
        written.insert(manifest::ENTRIES_FILE.to_owned(), lines.into_bytes());
        for (name, content) in written {
            put(&folder.join(name), content);
        }
    }
}

impl Chip {
    /// Puts another value, as JSON, to a key of the line.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        let before = format!("\"{key}\":");
        let at = self.line.find(&before).unwrap_or_else(|| panic!("{key} is a key of a line")) + before.len();
        let rest = &self.line[at..];
        // strings of lines hold no `,"`
        let end = rest.find(",\"").unwrap_or(rest.len() - 1);
        self.line = format!("{}{value}{}", &self.line[..at], &rest[end..]);
    }

    /// The value of a key, as JSON.
    pub(crate) fn get(&self, key: &str) -> String {
        let line: serde_json::Value = serde_json::from_str(&self.line).unwrap();
        line[key].to_string()
    }

    /// Another certificate, with a line that fits.
    pub(crate) fn recertify(&mut self, der: Vec<u8>) {
        self.set("sha256", &format!("\"{}\"", sha256(&der)));
        self.set("sha1", &format!("\"{}\"", sha1(&der)));
        self.set("bytes", &der.len().to_string());
        self.certificate = der;
    }

    /// Another source leaf, with a line that fits.
    pub(crate) fn resource(&mut self, der: Vec<u8>) {
        self.set("source_sha256", &format!("\"{}\"", sha256(&der)));
        self.source = der;
    }

    /// The fields of the certificate's tbsCertificate, each as a whole element.
    pub(crate) fn fields(&self) -> Vec<Vec<u8>> {
        let certificate = Certificate::from_der(&self.certificate).unwrap();
        let tbs = Reader::new(certificate.tbs()).expect(tag::SEQUENCE, "tbsCertificate").unwrap();
        let mut reader = Reader::new(tbs.content);
        let mut fields = Vec::new();
        while !reader.is_empty() {
            fields.push(reader.element("field").unwrap().raw.to_vec());
        }
        fields
    }
}

/// A certificate of these fields, signed with a key of the workshop.
pub(crate) fn certify(workshop: &Workshop, signer: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let tbs = element(tag::SEQUENCE, &parts);
    let mut signatures = Vec::new();
    key(workshop, signer).sign_batch(SignatureAlgorithm::EcdsaSha256, &[&tbs], &mut signatures).unwrap();
    let signature = low_s(KeyAlgorithm::P256, signatures.remove(0));
    let signature = element(tag::BIT_STRING, &[&[0], &signature]);
    element(tag::SEQUENCE, &[&tbs, &SignatureAlgorithm::EcdsaSha256.identifier(), &signature])
}

/// A key that `init` made.
pub(crate) fn key(workshop: &Workshop, name: &str) -> FileSigner {
    let pem = std::fs::read(workshop.path(&format!("pki/ca/{name}.key.pem"))).unwrap();
    FileSigner::open(&pem, None).unwrap()
}

/// The certificate in a PEM file.
pub(crate) fn certificate(file: &[u8]) -> Certificate {
    Certificate::from_der(&pem::read(file).unwrap()[0].der).unwrap()
}

const CERTIFICATES: &str = "certificates.zip";
const SOURCES: &str = "sources.zip";
