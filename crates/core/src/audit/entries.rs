//! Line by line: the whole way from the source leaf to the new certificate, walked again.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use crate::cert::{
    self, AnswerFault, Encoder, IssuedCertificate, IssuerIdentity, ObjectTemplate, Serials, TbsCertificate,
    UncheckedCertificate, WrongSignature, differences,
};
use crate::crypto::{IssuerKey, PublicKey, VerificationEngine, is_full_width, is_kept_form, keeps_higher_s, sha256};
use crate::delivery::{BatchReader, Row, Rows, Stamp, Torn, WrittenFile};
use crate::error::Error;
use crate::manifest::{self, Entry, ManifestError, SOURCE_CHAIN_FILE as SOURCE_CHAIN, Statement, TreeBuilder};
use crate::origin::{Code, Uid};
use crate::parallel;
use crate::policy::{BatchContext, BoundPolicy, Policy, difference_name};
use crate::reel::SourceLeaf;
use crate::verify::{Examined, Relaxation, TrustAnchor, VerifiedLeaf, Verifier};
use crate::x509::{Certificate, SerialNumber, Sha256Digest, bundle};

use super::names::Names;
use super::possession::Receipts;
use super::report::{AuditReport, Fault, code};
use super::source::AuditContext;
use super::tally::Sample;
use super::{Audit, believed, check_digest};

/// Lines checked at once; bounds the memory.
const BLOCK: usize = 4_096;

/// Bytes of certificates checked at once: about 20,000 ordinary ones.
const BLOCK_BYTES: usize = 32 << 20;

/// What a line whose certificates hold adds to the report.
struct Good {
    anchor: String,
    relaxations: Vec<Relaxation>,
    source: Sha256Digest,
    attempt: u32,
    sample: Sample,
    serial: SerialNumber,
    possession: bool,
}

/// What the lines rest on, each already found to be what the statement names.
pub(super) struct ProvenTerms<'a> {
    pub(super) identity: &'a IssuerIdentity,
    pub(super) policy: &'a Policy,
    pub(super) receipts: Receipts,
}

/// Everything a line is checked against.
struct Context<'a> {
    receipts: &'a Receipts,
    identity: &'a IssuerIdentity,
    key: IssuerKey,
    engine: VerificationEngine,
    bound: BoundPolicy,
    verifier: Verifier,
    anchors: &'a [Certificate],
    statement: &'a Statement,
    policy: &'a Policy,
    /// None if another CA made the certificates.
    serials: Option<Serials>,
}

/// Walks all lines.
pub(super) fn check(
    job: &Audit<'_>,
    reader: &BatchReader,
    statement: &Statement,
    against: &ProvenTerms<'_>,
    names: &mut Names,
    report: &mut AuditReport,
) -> Result<(), Error> {
    let Some(context) = context(job, reader, statement, against, report)? else { return Ok(()) };
    let before = report.count();
    let mut walk = Walk {
        tree: TreeBuilder::new(),
        last: None,
        discarded: Some(0),
        numbers: 0,
        serials: HashSet::new(),
        shown: 0,
    };
    let lines = believed(reader.lines(manifest::ENTRIES_FILE), manifest::ENTRIES_FILE, report)?;
    let certificates = believed(reader.certificates(), "certificates.zip", report)?;
    let sources = believed(reader.sources(), "sources.zip", report)?;
    let (Some(lines), Some(certificates), Some(sources)) = (lines, certificates, sources) else { return Ok(()) };
    let mut rows = Rows::new(lines, certificates, Some(sources));
    loop {
        if job.cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let (block, torn) = next_block(&mut rows);
        let entries = parallel::map(job.jobs, block.iter().map(|row| row.line.as_str()).collect(), |line| {
            Entry::parse(statement.format, line)
        });
        for (row, entry) in block.iter().zip(&entries) {
            walk.numbers = row.number;
            walk.line(&row.line, entry.as_ref().ok(), names, report)?;
        }
        if let Some(Torn { failed, ended, after, .. }) = torn {
            for (name, error) in failed {
                believed::<()>(Err(error), name, report)?;
            }
            if ended.len() < 3 {
                let message = format!("{} end after {after}", ended.join(" and "));
                report.fault(code::TREE_SIZE, manifest::ENTRIES_FILE, &message);
                return Ok(());
            }
        }
        if block.is_empty() {
            break;
        }
        let count = block.len() as u64;
        let block = block.into_iter().zip(entries).collect();
        for share in parallel::map_shares(job.jobs, block, |share| context.check_all(share)) {
            for checked in share? {
                report.certificates += 1;
                match checked {
                    Ok(good) => walk.good(good, &context, report),
                    Err(fault) => report.push(*fault),
                }
            }
        }
        (job.advance)(count);
    }
    let (lines, certificates, sources) = rows.into_parts();
    let sources = sources.expect("they were given");
    for (name, stamp) in [("certificates.zip", certificates.stamp()), ("sources.zip", sources.stamp())] {
        if stamp.is_some_and(|stamp| stamp != Stamp::new(statement.issued_at)) {
            report.fault(code::ARCHIVE_TIME, name, "its entries carry another time than issued_at");
        }
    }
    report.checked_since(before, "every source leaf's chain, UID and key under the source anchors");
    report.checked_since(
        before,
        match context.serials {
            Some(_) => "every certificate: rebuilt bit for bit from policy, seed and leaf, and the CA's signature",
            None => {
                "every certificate: the leaf's key, what the policy asks for but for the differences that it allows and the \
                 line names, and the CA's signature (another CA made it: nothing is rebuilt)"
            }
        },
    );
    context.receipts.finish(walk.shown, walk.numbers, report);
    walk.finish(statement, report);
    check_archives(statement, [certificates.files(), sources.files()].concat().as_slice(), report);
    check_digest(&lines.finish()?, statement, report);
    Ok(())
}

/// The next rows, and what ended them before the block was full.
fn next_block(rows: &mut Rows) -> (Vec<Row>, Option<Torn>) {
    let mut block = Vec::with_capacity(BLOCK);
    let mut bytes = 0;
    while block.len() < BLOCK && bytes < BLOCK_BYTES {
        match rows.next_row() {
            Ok(Some(row)) => {
                bytes += row.certificate.der.len() + row.source().der.len();
                block.push(row);
            }
            Ok(None) => break,
            Err(torn) => return (block, Some(torn)),
        }
    }
    (block, None)
}

/// Checks that the files that were read are those that the statement names, and that it names no other archive. A
/// sealed batch must not contain certificates that no verifier has checked.
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
    against: &'a ProvenTerms<'_>,
    report: &mut AuditReport,
) -> Result<Option<Context<'a>>, Error> {
    let ProvenTerms { identity, policy, receipts } = against;
    let anchors = job.source_anchors.iter().cloned().map(TrustAnchor::from_certificate).collect::<Result<_, _>>()?;
    let mut verifier = Verifier::new(anchors, policy.source().clone(), statement.issued_at)?.with_engine(job.engine);
    // certificates of the batch may only help to build paths; the anchors are the auditor's
    if let Some(chain) = believed(reader.read(SOURCE_CHAIN), SOURCE_CHAIN, report)? {
        match bundle::of_batch(&chain) {
            Ok(chain) => {
                check_anchors(statement, &chain, report);
                for certificate in chain {
                    verifier.add_intermediate(certificate);
                }
            }
            Err(reason) => report.fault(code::FILE_UNREADABLE, SOURCE_CHAIN, &reason.to_string()),
        }
    }
    let Some(bound) = bind(policy, identity, statement, report) else { return Ok(None) };
    let key = match PublicKey::from_spki(identity.spki()) {
        Ok(key) => key,
        Err(error) => {
            let message = format!("the issuer's key: {error}");
            report.fault(code::CERTIFICATE_SIGNATURE, manifest::CHAIN_FILE, &message);
            return Ok(None);
        }
    };
    Ok(Some(Context {
        receipts,
        identity,
        key: IssuerKey::new(key),
        engine: job.engine,
        bound,
        verifier,
        anchors: job.source_anchors,
        statement,
        policy,
        // the statement was read: there is a seed unless the issuer is foreign
        serials: statement.serial_basis().map(|basis| Serials::new(&basis, identity.spki())),
    }))
}

/// The policy bound to issuer, parameters and batch.
pub(super) fn bind(
    policy: &Policy,
    identity: &IssuerIdentity,
    statement: &Statement,
    report: &mut AuditReport,
) -> Option<BoundPolicy> {
    let params = match policy.params(&statement.params) {
        Ok(params) => params,
        Err(errors) => {
            report.fault_once(code::POLICY_BIND, manifest::STATEMENT_FILE, &errors.to_string());
            return None;
        }
    };
    let batch = BatchContext { batch: statement.batch.clone(), issued_at: statement.issued_at, params };
    match policy.bind(identity, &batch) {
        Ok(bound) => Some(bound),
        Err(errors) => {
            report.fault_once(code::POLICY_BIND, "policy.toml", &errors.to_string());
            None
        }
    }
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
    /// Serial numbers that another CA chose.
    serials: HashSet<SerialNumber>,
    /// Chips with a receipt of possession that holds.
    shown: u64,
}

impl Walk {
    /// Follows one line. `entry` is what it says; a line that cannot be read is reported where it is checked.
    fn line(
        &mut self,
        line: &str,
        entry: Option<&Entry>,
        names: &mut Names,
        report: &mut AuditReport,
    ) -> Result<(), Error> {
        self.tree.push(line.as_bytes());
        let Some(entry) = entry else { return Ok(()) };
        names.add(entry.source_item(), manifest::ENTRIES_FILE, self.numbers - 1)?;
        if self.last.as_ref().is_some_and(|last| last >= entry.uid()) {
            let message = format!("chip {} does not come after the chip before it", entry.uid());
            report.fault(code::ENTRY_ORDER, &place(self.numbers), &message);
        }
        self.last = Some(*entry.uid());
        Ok(())
    }

    fn good(&mut self, good: Good, context: &Context<'_>, report: &mut AuditReport) {
        report.tally.add(&good.sample);
        self.shown += u64::from(good.possession);
        *report.anchors.entry(good.anchor).or_default() += 1;
        for relaxation in good.relaxations {
            *report.relaxations.entry(relaxation.to_string()).or_default() += 1;
        }
        // one by one against the statement's: a line that claims billions of attempts ends at the first that differs
        let Some(serials) = &context.serials else {
            if !self.serials.insert(good.serial) {
                let message = "two certificates of the batch have one serial number (RFC 5280 §4.1.2.2)";
                report.fault(code::SERIAL_TWICE, manifest::ENTRIES_FILE, message);
            }
            return;
        };
        for attempt in 0..good.attempt {
            self.discarded = self.discarded.filter(|at| {
                let serial = serials.derive(&good.source, attempt);
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

/// A line whose certificate was compared with what it should be.
struct Compared {
    entry: Entry,
    leaf: VerifiedLeaf,
    made: Made,
}

enum Made {
    /// It is what policy, seed and leaf give, bit for bit; the CA's signature is not yet looked at.
    Here { full_width: bool },
    /// Another CA made and signed it; in what it differs from what the policy asks for.
    Elsewhere { issued: Box<IssuedCertificate>, differs: Vec<String> },
}

#[expect(clippy::unnecessary_box_returns, reason = "it travels in results, which a large error would make large")]
fn fault(row: &Row, code: Code, message: String) -> Box<Fault> {
    Box::new(Fault { code, place: place(row.number), message })
}

impl Context<'_> {
    fn against(&self) -> AuditContext<'_> {
        AuditContext { verifier: &self.verifier, anchors: self.anchors, statement: self.statement }
    }

    /// Walks the whole way for each line; the signatures of one key are looked at together. Of each line the first
    /// fault on the way is reported.
    fn check_all(
        &self,
        share: Vec<(Row, Result<Entry, ManifestError>)>,
    ) -> Result<Vec<Result<Good, Box<Fault>>>, Error> {
        let (rows, entries): (Vec<Row>, Vec<_>) = share.into_iter().unzip();
        let mut sources = Vec::with_capacity(rows.len());
        let read = rows.iter().zip(entries).map(|(row, entry)| {
            let entry = entry.map_err(|error| fault(row, code::ENTRY_SYNTAX, error.to_string()))?;
            sources.push(source(row, &entry)?);
            Ok(entry)
        });
        let read: Vec<Result<Entry, Box<Fault>>> = read.collect();
        let mut examined = self.verifier.examine_all(&sources)?.into_iter();
        let mut unchecked = Vec::with_capacity(rows.len());
        let compared: Vec<_> = rows
            .iter()
            .zip(read)
            .map(|(row, entry)| {
                let entry = entry?;
                let examined = examined.next().expect("one outcome for each source leaf");
                self.compare(row, entry, examined, &mut unchecked)
            })
            .collect();
        let mut checked = cert::check_all(&self.key, self.engine, unchecked)?.into_iter();
        let finished = rows.iter().zip(compared).map(|(row, compared)| {
            let Compared { entry, leaf, made } = compared?;
            let (issued, differs) = match made {
                Made::Here { full_width } => {
                    let issued = checked.next().expect("one outcome for each certificate");
                    (self.signed(row, &entry, full_width, issued)?, None)
                }
                Made::Elsewhere { issued, differs } => (*issued, Some(differs)),
            };
            self.finish(row, &entry, &leaf, &issued, differs)
        });
        Ok(finished.collect())
    }

    /// From the verified leaf to what the certificate should be. One of our own goes to the `unchecked` ones.
    fn compare(
        &self,
        row: &Row,
        entry: Entry,
        examined: Examined,
        unchecked: &mut Vec<UncheckedCertificate>,
    ) -> Result<Compared, Box<Fault>> {
        let uid = entry.uid();
        let leaf = self.against().judged(&entry, examined).map_err(|found| fault(row, found.code, found.message))?;
        let template =
            self.bound.template(&leaf).map_err(|finding| fault(row, code::CERTIFICATE_TBS, finding.reason.clone()))?;
        let certificate = Certificate::from_der(&row.certificate.der)
            .map_err(|error| fault(row, code::CERTIFICATE_TBS, format!("certificate of chip {uid}: {error}")))?;
        let made = match &self.serials {
            Some(serials) => {
                let tbs = self.rebuilt(row, serials, &entry, &template, &certificate)?;
                let full_width = tbs.full_width_signature();
                unchecked.push(UncheckedCertificate::new(tbs, certificate.signature().to_vec()));
                Made::Here { full_width }
            }
            None => self.made_elsewhere(row, uid, &template, &certificate)?,
        };
        Ok(Compared { entry, leaf, made })
    }

    /// The tbsCertificate that policy, seed and leaf give, which is the certificate's bit for bit.
    fn rebuilt(
        &self,
        row: &Row,
        serials: &Serials,
        entry: &Entry,
        template: &ObjectTemplate,
        certificate: &Certificate,
    ) -> Result<TbsCertificate, Box<Fault>> {
        let uid = entry.uid();
        let serial = serials.of(template, entry.attempt());
        let linted = self.identity.prepare(template, serial, entry.attempt()).map_err(|lints| {
            let lints: Vec<String> = lints.iter().map(ToString::to_string).collect();
            fault(row, code::CERTIFICATE_TBS, format!("chip {uid}: {}", lints.join("; ")))
        })?;
        let tbs = linted.into_tbs();
        if certificate.tbs() != tbs.der() || certificate.signature_algorithm() != tbs.signature_algorithm() {
            let message = format!("certificate of chip {uid} is not the one that policy, seed and leaf give");
            return Err(fault(row, code::CERTIFICATE_TBS, message));
        }
        Ok(tbs)
    }

    /// The CA's signature on one of our own.
    fn signed(
        &self,
        row: &Row,
        entry: &Entry,
        full_width: bool,
        issued: Result<IssuedCertificate, WrongSignature>,
    ) -> Result<IssuedCertificate, Box<Fault>> {
        let uid = entry.uid();
        let issued = issued.map_err(|error| {
            let message = format!("certificate of chip {uid} was not signed by the issuer: {error}");
            fault(row, code::CERTIFICATE_SIGNATURE, message)
        })?;
        let key = self.identity.spki().algorithm();
        if self.statement.format.encoder() >= Encoder::Two && !is_kept_form(key, full_width, issued.signature()) {
            let which = if keeps_higher_s(key, full_width) { "higher" } else { "lower" };
            let message =
                format!("signature of chip {uid} does not have the {which} of the two values of s that verify");
            return Err(fault(row, code::CERTIFICATE_FORM, message));
        }
        if full_width && !is_full_width(key, issued.signature()) {
            let message = format!("signature of chip {uid} has a leading zero byte in r or s");
            return Err(fault(row, code::FULL_WIDTH, message));
        }
        Ok(issued)
    }

    /// The certificate is another CA's for the same key, as the policy asks for or lets differ.
    fn made_elsewhere(
        &self,
        row: &Row,
        uid: &Uid,
        template: &ObjectTemplate,
        certificate: &Certificate,
    ) -> Result<Made, Box<Fault>> {
        let issued = cert::answered(self.identity, template, certificate).map_err(|error| {
            let code = match error {
                AnswerFault::Signature(_) | AnswerFault::Weak => code::CERTIFICATE_SIGNATURE,
                _ => code::CERTIFICATE_TBS,
            };
            fault(row, code, format!("certificate of chip {uid}: {error}"))
        })?;
        let differences = differences(template, certificate);
        if let Some(other) = differences.iter().find(|difference| !self.policy.may_differ(difference)) {
            let name = difference_name(other);
            let message = format!("certificate of chip {uid} differs in `{name}`, which the policy does not allow");
            return Err(fault(row, code::CERTIFICATE_DIFFERS, message));
        }
        Ok(Made::Elsewhere { issued: Box::new(issued), differs: differences.iter().map(difference_name).collect() })
    }

    /// Every other field of the line follows from the certificates just proved, and from the statement.
    fn finish(
        &self,
        row: &Row,
        entry: &Entry,
        leaf: &VerifiedLeaf,
        issued: &IssuedCertificate,
        differs: Option<Vec<String>>,
    ) -> Result<Good, Box<Fault>> {
        let padded = self.against().may_be_padded(entry);
        let expected = Entry::new(self.statement.format, issued, leaf, self.statement.reissue.as_deref())
            .stated(u32::try_from(entry.anchor()).expect("read as one"), padded);
        let expected = match differs {
            Some(differs) => expected.made_elsewhere(differs),
            None => expected,
        };
        if expected.line() != row.line {
            let message = format!("the line of chip {} is not what its certificates give", entry.uid());
            return Err(fault(row, code::ENTRY_DIFFERS, message));
        }
        let possession =
            self.receipts.check(entry, leaf.spki()).map_err(|found| fault(row, found.code, found.message))?;
        Ok(Good {
            anchor: self.anchors[leaf.proof().anchor()].subject().to_string(),
            relaxations: entry.relax().to_vec(),
            source: leaf.origin().fingerprint,
            attempt: entry.attempt(),
            sample: Sample::of(entry, leaf.certificate()),
            serial: *entry.serial(),
            possession,
        })
    }
}

/// The source leaf's bytes, as the line says that they are.
fn source(row: &Row, entry: &Entry) -> Result<SourceLeaf, Box<Fault>> {
    let uid = entry.uid();
    let source = row.source();
    if source.uid != *uid {
        let message = format!("source {} does not belong to chip {uid}", source.uid);
        return Err(fault(row, code::SOURCE_NAME, message));
    }
    if row.certificate.uid != *uid {
        let message = format!("certificate {} does not belong to chip {uid}", row.certificate.uid);
        return Err(fault(row, code::CERTIFICATE_NAME, message));
    }
    AuditContext::named(entry, &source.der).map_err(|found| fault(row, found.code, found.message))
}
