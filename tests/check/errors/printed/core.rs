//! Reading, checking and writing.

use reroot::audit::Fault;
use reroot::cert::{AnswerFault, WrongSignature};
use reroot::crl::{CrlError, CrlSignatureError};
use reroot::crypto::{EngineError, KeyError, NotSigned, SignatureError};
use reroot::delivery::DeliveryError;
use reroot::durable::DurableError;
use reroot::error::CoreError;
use reroot::findings::FindingsError;
use reroot::load::LoadError;
use reroot::origin::ItemName;
use reroot::parallel::NoThread;
use reroot::policy::CommonNameNeeded;
use reroot::proof::LeafError;
use reroot::reel::ReelError;
use reroot::verify::{ExpectError, VerifyError};
use reroot::x509::oid::ObjectIdentifier;
use reroot::x509::{AlgorithmError, KeyAlgorithm, NameError, OtherAlgorithm, SignatureAlgorithm, TimeError};

use super::{LATER, NOW, digest, disk, path, time, uid};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    reading(sheet);
    delivering(sheet);
    exporting(sheet);
    checking(sheet);
    answers(sheet);
    lists(sheet);
}

fn reading(sheet: &mut Sheet<'_>) {
    sheet.ends(LoadError::BeaconEmpty { path: path("beacon.txt") });
    sheet.ends(LoadError::TooLong { what: "policy", path: path("policy.toml"), length: 80 << 20, most: 64 << 20 });
    sheet.ends(LoadError::NotText { path: path("policy.toml"), found: "is not UTF-8 text".to_owned() });
    sheet.ends(LoadError::NoAnchor);
    sheet.ends(LoadError::StdinTwice);
    sheet.ends(LoadError::Read { what: "policy", path: path("policy.toml"), reason: disk() });
    sheet.ends(LoadError::Expected(ExpectError::Empty { file: "expected.txt".to_owned() }));
    sheet.ends(ReelError::Changed { path: path("reel.zip") });
    sheet.ends(ReelError::Configuration { problem: "no certificate".to_owned() });
    sheet.ends(ReelError::Io { path: path("reel.zip"), source: disk() });
    sheet.ends(ReelError::NotAFile { path: path("/dev/tty") });
    let full = DurableError::Io { doing: "write", path: path("out"), source: disk() };
    sheet.ends(ReelError::Scratch { source: full });
    sheet.ends(ReelError::SpoolRead { source: disk() });
    sheet.ends(ReelError::SpoolWrite { source: disk() });
    sheet.ends(ReelError::StdinMissing);
    sheet.ends(ReelError::StdinRead { name: ItemName::input(b"-"), source: disk() });
    sheet.ends(DurableError::Exists { path: path("out") });
    sheet.ends(DurableError::Io { doing: "write", path: path("out"), source: disk() });
    sheet.ends(DurableError::NameTooLong { path: path("out") });
    sheet.ends(DurableError::OutputNameTooLong { path: path("out"), found: 270 });
    sheet.ends(DurableError::NoSafeName { path: path("out"), missing: "hard links" });
    sheet.ends(FindingsError::Taken { path: path("findings.jsonl") });
    sheet.part(&NoThread::from(disk()));
    sheet.part_with(&LeafError::Padding, Some(LeafError::Padding.hint()));
    sheet.part_with(&LeafError::NotALeaf, Some(LeafError::NotALeaf.hint()));
}

fn delivering(sheet: &mut Sheet<'_>) {
    let name = || "certificates.zip".to_owned();
    sheet.ends(DeliveryError::Archive {
        name: name(),
        at: 30,
        what: "the signature of an entry",
        expected: "PK 03 04",
        code: reroot::delivery::codes::FILE_MALFORMED,
    });
    sheet.ends(DeliveryError::BatchName { found: "Batch".to_owned() });
    sheet.ends(DeliveryError::Counts { certificates: 9, sources: 10, entries: 10 });
    sheet.ends(DeliveryError::Differs { name: name(), found: digest(1), expected: digest(2) });
    sheet.ends(DeliveryError::EntryDiffers { uid: uid(), what: "the serial number" });
    sheet.ends(DeliveryError::EntryTooLarge { uid: uid(), bytes: 70000, limit: 65536 });
    sheet.ends(DeliveryError::FileName { found: "../out".to_owned() });
    sheet.ends(DeliveryError::Finished { what: "a certificate".to_owned() });
    sheet.ends(DeliveryError::Incomplete { missing: "report.json" });
    let [first, second] = ["0209A021E021C4E1D00138", "0209A021E021C4E1D00139"].map(str::to_owned);
    sheet.ends(DeliveryError::Order { what: "the line", previous: second, found: first });
    sheet.ends(DeliveryError::Line { name: "manifest.jsonl".to_owned(), line: 3, what: "it has no end" });
    sheet.ends(DeliveryError::Malformed { name: name(), reason: "it ends early".to_owned() });
    sheet.ends(DeliveryError::Missing { name: name() });
    sheet.ends(DeliveryError::NotAFile { name: name() });
    sheet.ends(DeliveryError::OutputExists { path: path("out") });
    sheet.ends(DeliveryError::OutputName { path: path("..") });
    sheet.ends(DeliveryError::OutputParent { path: path("missing") });
    sheet.ends(DeliveryError::InsideBatch { path: path("batch/out"), batch: path("batch") });
    sheet.ends(DeliveryError::PartialInTheWay { path: path("out.partial") });
    sheet.ends(DeliveryError::Read { path: path("batch/manifest.json"), source: disk() });
    sheet.ends(DeliveryError::TooLarge { name: "manifest.json".to_owned(), limit: 1 << 20 });
    sheet.ends(DeliveryError::NotABatch { path: path("batch") });
    sheet.ends(DeliveryError::Pack { path: path("line.pack"), reason: "it has no index".to_owned() });
}

fn exporting(sheet: &mut Sheet<'_>) {
    sheet.ends(DeliveryError::AwsPolicyName { found: "my policy".to_owned() });
    sheet.ends(DeliveryError::ChipTwice { uid: uid() });
    sheet.ends(DeliveryError::NotInBatches { chip: uid().to_string(), count: 3 });
    sheet.ends(DeliveryError::NoBatch);
    sheet.ends(DeliveryError::SeveralIssuers);
    sheet.ends(DeliveryError::NameTwice { uid: uid(), target: "azure", name: "device-1".to_owned() });
    let found = "common name of 200 characters".to_owned();
    sheet.ends(DeliveryError::NameUnfit { uid: uid(), target: "azure", found, expected: "1 to 128 characters" });
    sheet.ends(DeliveryError::NoForm);
    sheet.ends(DeliveryError::NoZone);
    let [found, expected] = ["1200 bytes", "at most 1000"].map(str::to_owned);
    sheet.ends(DeliveryError::ZoneUnfit { uid: uid(), found, expected });
}

fn checking(sheet: &mut Sheet<'_>) {
    let subject = || "CN=Issuing CA".to_owned();
    sheet.ends(CoreError::CertificateNotValid {
        subject: subject(),
        not_before: time(NOW),
        not_after: time(LATER),
        at: time("2037-01-01T00:00:00Z"),
    });
    sheet.ends(CoreError::ChainIncomplete { reason: "the certificate of `CN=Root` is missing".to_owned() });
    let hint = "Write more of the UID.";
    sheet.ends(CoreError::Chip { chip: "0139".to_owned(), found: "could be several chips", hint });
    sheet.ends(CoreError::InputTwice { name: "reel.zip".to_owned() });
    sheet.ends(CoreError::Interrupted);
    sheet.ends(CoreError::SpoolChanged);
    let code = "audit.chain.extension".to_owned();
    sheet.ends(CoreError::Unverifiable { code, reason: "`CN=Root` has nameConstraints".to_owned() });
    sheet.ends(EngineError::Disagreement { accepted: true, message: digest(1) });
    sheet.ends(EngineError::KnownAnswer);
    sheet.ends(EngineError::Table { window: 8 });
    let code = reroot::verify::CODES[0].0;
    let anchor = || "CN=STM STSAFE-A PROD CA 01".to_owned();
    sheet.ends(VerifyError::AnchorDefect { anchor: anchor(), code, reason: "it has version 1".to_owned() });
    sheet.ends(VerifyError::AnchorKey {
        anchor: anchor(),
        source: KeyError::NotOnCurve { algorithm: KeyAlgorithm::P256 },
    });
    sheet.ends(VerifyError::AnchorNotACa { anchor: anchor() });
    sheet.ends(VerifyError::NoAnchor);
    sheet.ends(VerifyError::NoKeyAllowed);
    let message = "it is not what the statement says".to_owned();
    sheet.part(&Fault { code, place: "manifest.jsonl, line 3".to_owned(), message });
    sheet.part(&CommonNameNeeded);
    let issuer = subject;
    let source = KeyError::NotOnCurve { algorithm: KeyAlgorithm::P256 };
    sheet.part(&CrlSignatureError::Key { issuer: issuer(), source });
    sheet.part(&CrlSignatureError::KeyIdentifier { issuer: issuer() });
    sheet.part(&CrlSignatureError::KeyUsage { issuer: issuer() });
    sheet.part(&CrlSignatureError::Signature { issuer: issuer(), source: SignatureError::Invalid });
    sheet.part(&CrlSignatureError::UnknownIssuer { issuer: issuer() });
    sheet.part(&CrlError::Time { field: "thisUpdate", source: TimeError::Format });
    sheet.part(&SignatureError::Unverified { algorithm: OtherAlgorithm::PssUnreadable });
    sheet.part(&NotSigned::Signature(SignatureError::Invalid));
}

fn answers(sheet: &mut Sheet<'_>) {
    let [found, expected] = ["CN=Another CA", "CN=Issuing CA"].map(str::to_owned);
    for fault in [
        AnswerFault::Ca,
        AnswerFault::Certificate(reroot::x509::CertificateError::Version),
        AnswerFault::Encoding,
        AnswerFault::Issuer { found, expected },
        AnswerFault::Key,
        AnswerFault::OutlivesIssuer,
        AnswerFault::Purpose,
        AnswerFault::Signature(SignatureError::Invalid),
        AnswerFault::Version { found: 1 },
        AnswerFault::Weak,
    ] {
        sheet.part(&fault);
    }
    sheet.part(&WrongSignature { uid: uid(), source: SignatureError::Invalid });
    let algorithm = SignatureAlgorithm::EcdsaSha256;
    sheet.part(&SignatureError::AlgorithmKey { algorithm, key: KeyAlgorithm::Ed25519 });
}

/// Defects of revocation lists; most are provoked.
fn lists(sheet: &mut Sheet<'_>) {
    let oid = ObjectIdentifier::new_unwrap("2.5.29.29");
    let place = "entry";
    for error in [
        CrlError::Algorithm(AlgorithmError::Unknown { algorithm: oid }),
        CrlError::AlgorithmMismatch,
        CrlError::AuthorityKeyIdentifier,
        CrlError::CriticalExtension { place, oid },
        CrlError::Delta,
        CrlError::DuplicateExtension { place, oid },
        CrlError::Empty { what: "revokedCertificates" },
        CrlError::Entry { number: 2, source: Box::new(CrlError::Reason { found: 8 }) },
        CrlError::Flag,
        CrlError::MissingExtension { extension: "cRLNumber", clause: "RFC 5280 §5.2.3" },
        CrlError::Name(NameError::EmptyRdn),
        CrlError::NoNextUpdate,
        CrlError::Number,
        CrlError::Reason { found: 8 },
        CrlError::Scope { field: "indirectCRL" },
        CrlError::SignatureUnusedBits,
        CrlError::Version,
    ] {
        sheet.part(&error);
    }
}
