//! What can be typed after the verbs that check.

mod audit;
mod policy;

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

pub use audit::{AuditCommand, AuditVerifyArgs};
pub use policy::{CheckArgs, PolicyCommand, ShowArgs};

/// Form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs: the same facts
    Json,
}

/// Where the trust anchors are: the person who checks gives them, a batch never does.
#[derive(Args, Debug)]
pub struct AnchorArgs {
    /// Trust anchor of the source leaves, PEM or DER (default: those of the configuration)
    #[arg(long, value_name = "FILE")]
    pub source_anchor: Vec<PathBuf>,
    /// Trust anchor of the new certificates (default: the configuration's root)
    #[arg(long, value_name = "FILE")]
    pub issuer_anchor: Option<PathBuf>,
    /// Trust anchor of the manifest signer (default: the issuer anchor)
    #[arg(long, value_name = "FILE")]
    pub manifest_anchor: Option<PathBuf>,
    /// Configuration to take anchors from that are not given
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub config: PathBuf,
}

/// Which code checks signatures, and makes them.
#[derive(Args, Clone, Copy, Debug)]
pub struct EngineArgs {
    /// Leave every signature to the general library alone: the same results, several times slower
    #[arg(long, alias = "generic-verify")]
    pub generic: bool,
}

/// Options of `inspect`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  reroot inspect reel.zip --verify --source-anchor anchors/stm-stsafe-a-prod-ca-01.pem"
)]
pub struct InspectArgs {
    /// Archives, directories, bundles or files; `-` is standard input
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// Verify every leaf and list all findings
    #[arg(long)]
    pub verify: bool,
    /// Trust anchors for --verify, PEM or DER (default: those of the configuration)
    #[arg(long, value_name = "FILE")]
    pub source_anchor: Vec<PathBuf>,
    /// Take family, keys and relaxations for --verify from this policy (default: stsafe-a, all keys, none)
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub config: PathBuf,
    /// The chips that must be there: one UID a line
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub expect: Option<PathBuf>,
    /// List every rejected or ignored item in this new file, one line of JSON each, as `rejected.jsonl` does
    #[arg(long, value_name = "FILE")]
    pub findings: Option<PathBuf>,
    /// Leave every signature to the general library alone: the same results, several times slower
    #[arg(long, alias = "generic-verify", requires = "verify")]
    pub generic: bool,
}

/// Options of `lookup`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot lookup reel-0042.pack 0209A021E021C4E1D00139 --pem --config pki/reroot.toml\n  \
    reroot lookup reel-0042.pack --leaf - --der --config pki/reroot.toml < leaf.der > zone1.der\n  \
    reroot lookup reel-0042.pack 0209A021E021C4E1D00139 --absent --config pki/reroot.toml\n\n\
    A chip that is not there is exit 1; with --absent, one that is there."
)]
pub struct LookupArgs {
    /// The line pack, or a batch directory
    pub shelf: PathBuf,
    /// The chip: its UID, or of an STSAFE-A chip the ST number or the unique number
    #[arg(required_unless_present = "leaf")]
    pub uid: Option<String>,
    /// The chip's leaf certificate as it was read from the chip, PEM, DER or a padded zone; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "uid")]
    pub leaf: Option<PathBuf>,
    /// Write the certificate to standard output, DER
    #[arg(long, conflicts_with = "pem")]
    pub der: bool,
    /// Write the certificate to standard output, PEM, then the issuing CA's and those above it
    #[arg(long)]
    pub pem: bool,
    /// CRLs of the issuing CA, DER or PEM: a certificate is returned only if they show that it is not revoked
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub crl: Vec<PathBuf>,
    /// Demand a proof that the chip is not there
    #[arg(long, conflicts_with_all = ["der", "pem"])]
    pub absent: bool,
    /// The trust anchors
    #[command(flatten)]
    pub anchors: AnchorArgs,
}

/// Options of `verify`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot verify batches/reel-0042 --source-anchor anchors/stm-stsafe-a-prod-ca-01.pem \
    --issuer-anchor ca/root.pem\n  reroot verify batches/reel-0042 --input reel.zip --history batches/*/ --expect uids.txt \
    --head DIGEST\n\n\
    What a certificate says needs no trust in the provider. That nothing was left out, that no chip has a second certificate, \
    and when all this was: the report says what was not checked, and which option checks it."
)]
pub struct VerifyArgs {
    /// The batch directory
    pub batch: PathBuf,
    /// The archives the batch was made from, in any order: adds the accounting of their items, and derives every
    /// finding again
    #[arg(long, value_name = "ARCHIVE", num_args = 1..)]
    pub input: Vec<PathBuf>,
    /// The other batches of the ledger: adds who follows whom, and that no chip has two certificates
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub history: Vec<PathBuf>,
    /// The file that must be the batch's beacon: no derived serial number is older than the public value in it
    #[arg(long, value_name = "FILE")]
    pub beacon: Option<PathBuf>,
    /// SHA-256 of the statement that was sealed last, kept elsewhere: the chain must end there
    #[arg(long, value_name = "DIGEST")]
    pub head: Option<String>,
    /// The list of expected chips that the batch was made with: adds which of them are missing
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Time-stamp over the statement (default: `BATCH.tst` beside the batch, if it is there)
    #[arg(long, value_name = "FILE")]
    pub timestamp: Option<PathBuf>,
    /// Trust anchor of the time-stamping authority; with it there must be a time-stamp
    #[arg(long, value_name = "FILE")]
    pub tsa_anchor: Vec<PathBuf>,
    /// Days that the time-stamp may be younger than the statement (default: more than 7 are noted, and no fault)
    #[arg(long, value_name = "DAYS", requires = "tsa_anchor", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    pub max_stamp_delay: Option<u32>,
    /// CRLs of the issuing CA, DER or PEM: adds which certificates are revoked
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub crl: Vec<PathBuf>,
    /// Write the report as a web page too: one file without scripts, for the audit's records
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// The trust anchors
    #[command(flatten)]
    pub anchors: AnchorArgs,
    /// Threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub jobs: Option<usize>,
    /// Which code checks signatures
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Options of `verify-proof`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot verify-proof chip.proof.json --source-anchor stm-root.pem --issuer-anchor our-root.pem\n  \
    reroot verify-proof other.proof.json --absent --uid 0209A021E021C4E1D00139 --config pki/reroot.toml\n\n\
    Every proof must show that its chip is in the batch; with --absent, that it is not. Anything else is exit 1."
)]
pub struct VerifyProofArgs {
    /// Files with one proof a line; `-` is standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The trust anchors
    #[command(flatten)]
    pub anchors: AnchorArgs,
    /// Demand that the proofs are about this chip: its UID, or of an STSAFE-A chip the ST number or the unique number
    #[arg(long, value_name = "UID")]
    pub uid: Option<String>,
    /// CRLs of the issuing CA, DER or PEM: the certificate must be shown not to be revoked
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub crl: Vec<PathBuf>,
    /// Demand that the proofs show that the chip is not in the batch
    #[arg(long)]
    pub absent: bool,
}
