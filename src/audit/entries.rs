//! Line by line: the whole way from the source leaf to the new certificate, walked again.

use std::sync::atomic::Ordering;

use crate::cert::{IssuerIdentity, Seed, UncheckedCertificate};
use crate::crypto::{is_full_width, sha256};
use crate::delivery::{BatchReader, Stamp, StoredCertificate, WrittenFile};
use crate::error::Error;
use crate::issue::{self, derive_serial, serial_for};
use crate::manifest::{self, Entry, Statement, TreeBuilder};
use crate::origin::Uid;
use crate::parallel;
use crate::policy::{BatchContext, BoundPolicy, Policy};
use crate::verify::{Relaxation, TrustAnchor, Verifier};
use crate::x509::{Certificate, Sha256Digest};

use super::possession::Receipts;
use super::report::{AuditReport, Fault, code};
use super::source::Against;
use super::tally::Sample;
use super::{Audit, believed, certificates, check_digest};

/// Lines checked at once; bounds the memory.
const BLOCK: usize = 4_096;

/// Octets of certificates checked at once: some 20,000 ordinary ones.
const BLOCK_OCTETS: usize = 32 << 20;

/// One line with what belongs to it, as read.
struct Row {
    number: u64,
    line: String,
    certificate: StoredCertificate,
    source: StoredCertificate,
}

/// What a line whose certificates hold adds to the report.
struct Good {
    anchor: String,
    relaxations: Vec<Relaxation>,
    source: Sha256Digest,
    attempt: u32,
    sample: Sample,
    possession: bool,
}

/// What the lines rest on, each already found to be what the statement names.
pub(super) struct Basis<'a> {
    pub(super) identity: &'a IssuerIdentity,
    pub(super) policy: &'a Policy,
    pub(super) receipts: Receipts,
}

/// Everything a line is checked against.
struct Context<'a> {
    receipts: &'a Receipts,
    identity: &'a IssuerIdentity,
    bound: BoundPolicy,
    verifier: Verifier,
    anchors: &'a [Certificate],
    statement: &'a Statement,
    seed: Seed,
}

const SOURCE_CHAIN: &str = "source-chain.pem";

/// Walks all lines.
pub(super) fn check(
    job: &Audit<'_>,
    reader: &BatchReader,
    statement: &Statement,
    against: &Basis<'_>,
    report: &mut AuditReport,
) -> Result<(), Error> {
    let Some(context) = context(job, reader, statement, against, report)? else { return Ok(()) };
    let before = report.count();
    let mut walk = Walk { tree: TreeBuilder::new(), last: None, discarded: Some(0), numbers: 0, shown: 0 };
    let lines = believed(reader.lines(manifest::ENTRIES_FILE), manifest::ENTRIES_FILE, report)?;
    let certificates = believed(reader.certificates(), "certificates.zip", report)?;
    let sources = believed(reader.sources(), "sources.zip", report)?;
    let (Some(mut lines), Some(mut certificates), Some(mut sources)) = (lines, certificates, sources) else {
        return Ok(());
    };
    loop {
        if job.cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let mut block = Vec::with_capacity(BLOCK);
        let mut octets = 0;
        while block.len() < BLOCK && octets < BLOCK_OCTETS {
            let line = believed(lines.next_line(), manifest::ENTRIES_FILE, report)?.flatten();
            let certificate = believed(certificates.next_certificate(), "certificates.zip", report)?.flatten();
            let source = believed(sources.next_certificate(), "sources.zip", report)?.flatten();
            let (line, certificate, source) = match (line, certificate, source) {
                (Some(line), Some(certificate), Some(source)) => (line.to_owned(), certificate, source),
                (None, None, None) => break,
                (line, certificate, source) => {
                    let ended = [
                        (line.is_none(), "lines"),
                        (certificate.is_none(), "certificates"),
                        (source.is_none(), "sources"),
                    ];
                    let ended: Vec<&str> = ended.iter().filter(|(ended, _)| *ended).map(|(_, what)| *what).collect();
                    let message = format!("{} end after {}", ended.join(" and "), walk.numbers);
                    report.fault(code::TREE_SIZE, manifest::ENTRIES_FILE, &message);
                    return Ok(());
                }
            };
            octets += certificate.der.len() + source.der.len();
            walk.numbers += 1;
            walk.line(&line, report);
            block.push(Row { number: walk.numbers, line, certificate, source });
        }
        if block.is_empty() {
            break;
        }
        let count = block.len() as u64;
        for checked in parallel::map(job.jobs, block, |row| context.check(&row)) {
            report.certificates += 1;
            match checked {
                Ok(good) => walk.good(good, &context, report),
                Err(fault) => report.push(*fault),
            }
        }
        (job.advance)(count);
    }
    for (name, stamp) in [("certificates.zip", certificates.stamp()), ("sources.zip", sources.stamp())] {
        if stamp.is_some_and(|stamp| stamp != Stamp::new(statement.issued_at)) {
            report.fault(code::ARCHIVE_TIME, name, "its entries carry another time than issued_at");
        }
    }
    report.checked_since(before, "every source leaf's chain, UID and key under the source anchors");
    report.checked_since(
        before,
        "every certificate: rebuilt bit for bit from policy, seed and leaf, and the CA's signature",
    );
    context.receipts.finish(walk.shown, walk.numbers, report);
    walk.finish(statement, report);
    check_archives(statement, [certificates.files(), sources.files()].concat().as_slice(), report);
    check_digest(&lines.finish()?, statement, report);
    Ok(())
}

/// What was walked through are the files that the statement names, and it names no archive besides: nobody should find
/// certificates in a sealed batch that no verifier has looked at.
fn check_archives(statement: &Statement, walked: &[WrittenFile], report: &mut AuditReport) {
    for file in walked {
        check_digest(file, statement, report);
    }
    for (name, _) in statement.digests() {
        // as a file system that knows no letter case would find it
        let folded = name.to_ascii_lowercase();
        let stem = folded.strip_suffix(".zip").unwrap_or_default();
        let archive = stem.starts_with("certificates") || stem.starts_with("sources");
        if archive && !walked.iter().any(|file| file.name == name) {
            report.fault(code::ARCHIVE_UNREAD, name, "not one of the numbered parts of the batch's archives");
        }
    }
}

fn context<'a>(
    job: &Audit<'a>,
    reader: &BatchReader,
    statement: &'a Statement,
    against: &'a Basis<'_>,
    report: &mut AuditReport,
) -> Result<Option<Context<'a>>, Error> {
    let Basis { identity, policy, receipts } = against;
    let anchors = job.source_anchors.iter().cloned().map(TrustAnchor::from_certificate).collect::<Result<_, _>>()?;
    let mut verifier = Verifier::new(anchors, policy.source().clone(), statement.issued_at)?;
    // certificates of the batch may only help to build paths; the anchors are the auditor's
    if let Some(chain) = believed(reader.read(SOURCE_CHAIN), SOURCE_CHAIN, report)? {
        match certificates(&chain) {
            Ok(chain) => {
                check_anchors(statement, &chain, report);
                for certificate in chain {
                    verifier.add_intermediate(certificate);
                }
            }
            Err(reason) => report.fault(code::FILE_UNREADABLE, SOURCE_CHAIN, &reason),
        }
    }
    let params = match policy.params(&statement.params) {
        Ok(params) => params,
        Err(errors) => {
            report.fault(code::POLICY_BIND, manifest::STATEMENT_FILE, &errors.to_string());
            return Ok(None);
        }
    };
    let batch = BatchContext { batch: statement.batch.clone(), issued_at: statement.issued_at, params };
    let bound = match policy.bind(identity, &batch) {
        Ok(bound) => bound,
        Err(errors) => {
            report.fault(code::POLICY_BIND, "policy.toml", &errors.to_string());
            return Ok(None);
        }
    };
    let Some(seed) = statement.serial_seed else {
        report.fault(
            code::ENCODER,
            manifest::STATEMENT_FILE,
            "no serial seed: not a batch of this program's own issuing",
        );
        return Ok(None);
    };
    let seed = Seed(seed);
    Ok(Some(Context { receipts, identity, bound, verifier, anchors: job.source_anchors, statement, seed }))
}

/// Lines count the anchors by the statement's list: what it says of each must be what the certificate says.
fn check_anchors(statement: &Statement, chain: &[Certificate], report: &mut AuditReport) {
    for (number, anchor) in statement.anchors.iter().enumerate() {
        let found = chain.iter().any(|certificate| {
            sha256(certificate.der()) == anchor.sha256
                && sha256(certificate.spki().der()) == anchor.spki_sha256
                && certificate.subject().to_string() == anchor.subject
        });
        if !found {
            let message =
                format!("anchor {number}, `{}`, is not among the certificates of source-chain.pem", anchor.subject);
            report.fault(code::ANCHORS, manifest::STATEMENT_FILE, &message);
        }
    }
}

/// What is followed from line to line.
struct Walk {
    tree: TreeBuilder,
    last: Option<Uid>,
    /// Discarded serial numbers of the statement that the lines have given so far; none once they differed.
    discarded: Option<usize>,
    numbers: u64,
    /// Chips with a receipt of possession that holds.
    shown: u64,
}

impl Walk {
    fn line(&mut self, line: &str, report: &mut AuditReport) {
        self.tree.push(line.as_bytes());
        // a line that cannot be read is reported where it is checked
        let Ok(entry) = Entry::parse(line) else { return };
        if self.last.as_ref().is_some_and(|last| last >= entry.uid()) {
            let message = format!("chip {} does not come after the chip before it", entry.uid());
            report.fault(code::ENTRY_ORDER, &place(self.numbers), &message);
        }
        self.last = Some(entry.uid().clone());
    }

    fn good(&mut self, good: Good, context: &Context<'_>, report: &mut AuditReport) {
        report.tally.add(&good.sample);
        self.shown += u64::from(good.possession);
        *report.anchors.entry(good.anchor).or_default() += 1;
        for relaxation in good.relaxations {
            *report.relaxations.entry(relaxation.to_string()).or_default() += 1;
        }
        // one by one against the statement's: a line that claims billions of attempts ends at the first that differs
        let issuer = context.identity.spki();
        for attempt in 0..good.attempt {
            self.discarded = self.discarded.filter(|at| {
                let serial = derive_serial(&context.seed, issuer, &good.source, attempt);
                context.statement.discarded_serials.get(*at) == Some(&serial)
            });
            let Some(at) = &mut self.discarded else { break };
            *at += 1;
        }
    }

    fn finish(self, statement: &Statement, report: &mut AuditReport) {
        let stated = &statement.entries;
        if self.tree.size() != stated.tree_size || statement.counts.issued != stated.tree_size {
            let message = format!("{} lines, the statement says {}", self.tree.size(), stated.tree_size);
            report.fault(code::TREE_SIZE, manifest::ENTRIES_FILE, &message);
        }
        let root = self.tree.root();
        if root == stated.root_hash {
            report.checked("order, number and Merkle root of the lines");
        } else {
            let message = format!("Merkle root is {root}, the statement says {}", stated.root_hash);
            report.fault(code::TREE_ROOT, manifest::ENTRIES_FILE, &message);
        }
        if self.discarded != Some(statement.discarded_serials.len()) {
            let message = "discarded_serials are not those that the lines' attempts give";
            report.fault(code::DISCARDED_SERIALS, manifest::STATEMENT_FILE, message);
        }
    }
}

fn place(number: u64) -> String {
    format!("{} line {number}", manifest::ENTRIES_FILE)
}

impl Context<'_> {
    fn check(&self, row: &Row) -> Result<Good, Box<Fault>> {
        let fault = |code, message: String| Box::new(Fault { code, place: place(row.number), message });
        let entry = Entry::parse(&row.line).map_err(|error| fault(code::ENTRY_SYNTAX, error.to_string()))?;
        let uid = entry.uid();

        if row.source.uid != *uid {
            let message = format!("source {} does not belong to chip {uid}", row.source.uid);
            return Err(fault(code::SOURCE_NAME, message));
        }
        if row.certificate.uid != *uid {
            let message = format!("certificate {} does not belong to chip {uid}", row.certificate.uid);
            return Err(fault(code::CERTIFICATE_NAME, message));
        }
        let against = Against { verifier: &self.verifier, anchors: self.anchors, statement: self.statement };
        let leaf = against.source(&entry, &row.source.der).map_err(|found| fault(found.code, found.message))?;
        let anchor = &self.anchors[leaf.proof().anchor];

        let template =
            self.bound.template(&leaf).map_err(|finding| fault(code::CERTIFICATE_TBS, finding.reason.clone()))?;
        let serial = serial_for(&template, &self.seed, self.identity, entry.attempt());
        let linted = self.identity.prepare(&template, serial, entry.attempt()).map_err(|lints| {
            let lints: Vec<String> = lints.iter().map(ToString::to_string).collect();
            fault(code::CERTIFICATE_TBS, format!("chip {uid}: {}", lints.join("; ")))
        })?;
        let tbs = linted.into_tbs();
        let certificate = Certificate::from_der(&row.certificate.der)
            .map_err(|error| fault(code::CERTIFICATE_TBS, format!("certificate of chip {uid}: {error}")))?;
        if certificate.tbs() != tbs.der() || certificate.signature_algorithm() != tbs.signature_algorithm() {
            let message = format!("certificate of chip {uid} is not the one that policy, seed and leaf give");
            return Err(fault(code::CERTIFICATE_TBS, message));
        }
        let full_width = tbs.full_width_signature();
        let unchecked = UncheckedCertificate { tbs, signature: certificate.signature().to_vec() };
        let issued = issue::check(self.identity, unchecked).map_err(|error| {
            fault(
                code::CERTIFICATE_SIGNATURE,
                format!("certificate of chip {uid} was not signed by the issuer: {error}"),
            )
        })?;
        if full_width && !is_full_width(self.identity.spki().algorithm(), issued.signature()) {
            return Err(fault(code::FULL_WIDTH, format!("signature of chip {uid} has a leading zero octet in r or s")));
        }

        let padded = against.may_be_padded(&entry);
        // every other field of the line follows from the certificates just proved, and from the statement
        let expected = Entry::new(&issued, &leaf, self.statement.reissue.as_deref())
            .stated(u32::try_from(entry.anchor()).expect("read as one"), padded);
        if expected.line() != row.line {
            return Err(fault(
                code::ENTRY_DIFFERS,
                format!("the line of chip {uid} is not what its certificates give"),
            ));
        }
        let possession = self.receipts.check(&entry, leaf.spki()).map_err(|found| fault(found.code, found.message))?;
        Ok(Good {
            anchor: anchor.subject().to_string(),
            relaxations: entry.relax().to_vec(),
            source: leaf.origin().fingerprint,
            attempt: entry.attempt(),
            sample: Sample::of(&entry, leaf.certificate()),
            possession,
        })
    }
}
