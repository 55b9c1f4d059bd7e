//! What can be typed.

mod approve;
mod ca;
mod cmp;
mod init;
mod ledger;
mod plan;
mod pool;
mod proof;
mod revoke;
#[cfg(feature = "service")]
mod serve;
mod signer;

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use reroot::config::Sharing;

pub(crate) use approve::ApproveArgs;
pub(crate) use ca::CeremonyArgs;
pub(crate) use cmp::{IssueCommand, IssuerArg};
pub(crate) use init::{AdoptArgs, InitArgs, ManifestUnderArg};
pub(crate) use ledger::{LedgerCommand, WhichLedger};
pub(crate) use plan::{FinishArgs, PlanArgs, SignArgs};
pub(crate) use pool::PoolCommand;
pub(crate) use proof::{PopCommand, ProveArgs, TimestampCommand};
pub(crate) use reroot_check::args::{
    AnchorArgs, AuditCommand, EngineArgs, Format, InspectArgs, LookupArgs, PolicyCommand, VerifyArgs, VerifyProofArgs,
};
pub(crate) use revoke::{
    BlockArgs, ChangeArgs, CrlArgs, CrlCommand, CrlExportArg, ReleaseArgs, RevokeArgs, SelectorArgs,
};
#[cfg(feature = "service")]
pub(crate) use serve::ServeArgs;
pub(crate) use signer::{SignerArgs, SignerCommand};

/// Gives every STSAFE-A secure element a second root of trust without breaking the first.
///
/// Verifies the leaf certificates of a reel against ST's root, re-issues them under your own CA over the same public
/// key and UID, and seals a manifest that proves the continuity to anyone.
#[derive(Debug, Parser)]
#[command(name = "reroot", version = reroot_check::VERSION, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Start here: reroot quickstart\nExit codes and daily use: docs/guide/operator-guide.md")]
pub(crate) struct Cli {
    /// Form of what is printed on standard output (and of errors)
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Say nothing on standard error but warnings and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Take configuration, keys, secrets, ledger and PKCS#11 module also where other users can change or read them
    #[arg(long, global = true)]
    pub(crate) allow_shared: bool,
    /// Wait up to this long for a ledger that another process has, or a service's folder, instead of failing at once
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 0, hide_default_value = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=604_800))]
    pub(crate) wait: u64,
    /// Write what each step does to standard error, one line of JSON each (default: the value of REROOT_LOG, else nothing)
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub(crate) log: Option<LogLevel>,
    /// Add these lines to the end of this file instead; without --log they are those of level `info`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Whether files that others can change or read are taken.
    pub(crate) fn sharing(&self) -> Sharing {
        if self.allow_shared { Sharing::Allowed } else { Sharing::Refused }
    }
}

/// The least important lines that a log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// The error that ended the command
    Error,
    /// Also what a person should look at
    Warn,
    /// Also each step of a run
    Info,
    /// Also each chunk and each request
    Debug,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A throw-away CA, the genuine ST leaves of fixtures/, a whole batch, its verification
    Quickstart(QuickstartArgs),
    /// Make a CA (root, issuing, manifest signer), anchors, reroot.toml and the shipped policies
    Init(InitArgs),
    /// Show what is in an archive: counts, families, issuers, keys, UID range, findings
    Inspect(InspectArgs),
    /// Check policies, or show what one would issue
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Verify, build, sign and seal: leaves in, a batch directory out
    Issue(Box<IssueCommand>),
    /// Prepare a batch for a CA key that is on another machine: leaves in, a signed plan out
    Plan(Box<PlanArgs>),
    /// Approve a plan with a key of your own, so that the machine that holds the CA key signs it
    Approve(Box<ApproveArgs>),
    /// Sign a plan on the machine that holds the CA key
    Sign(SignArgs),
    /// The signing service: signs the plans that programs hand over a Unix socket, and opens no network connection
    Signer(SignerArgs),
    /// Take what a plan came back with, and seal the batch
    Finish(FinishArgs),
    /// Check a batch: everything re-derived from the batch, the anchors and, if given, the input
    Verify(VerifyArgs),
    /// Have a time-stamping authority say when a batch existed (RFC 3161); no network is asked
    #[command(subcommand)]
    Timestamp(TimestampCommand),
    /// Make the proof of single chips, for a person who has the anchors and nothing else
    Prove(ProveArgs),
    /// Check proofs of single chips: needs the anchors and no batch
    VerifyProof(VerifyProofArgs),
    /// Give a batch's certificates out in another form: cloud registration, a table, plain files
    Export(ExportArgs),
    /// Find the certificate of the chip in hand, in a line pack or a batch; its proof is checked first
    Lookup(LookupArgs),
    /// The audit log of a service: check it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Let chips on the line show that they hold their keys
    #[command(subcommand)]
    Pop(PopCommand),
    /// Record that certificates are revoked: by chip, list, reel, batch, policy or time
    Revoke(Box<RevokeArgs>),
    /// Record that certificates on hold are valid again
    Release(Box<ReleaseArgs>),
    /// Record that nothing is issued for chips
    #[command(after_help = "Example:\n  reroot block --reel stolen.zip --why \"stolen in transit\"\n\n\
        `issue` rejects these chips with the code ledger.blocked until `reroot unblock`. Certificates that they have stay \
        valid: `reroot revoke` revokes them.")]
    Block(BlockArgs),
    /// Take a block back
    #[command(after_help = "Example:\n  reroot unblock --uid 0209A021E021C4E1D00139 --why \"found again\"\n\n\
        `issue` takes these chips again. A certificate that was revoked stays revoked.")]
    Unblock(BlockArgs),
    /// Make, sign and publish a round of revocation lists; plan one for a vault; say whether one is due
    Crl(CrlArgs),
    /// The CA's certificates: look at them, have another root make them, prove to a cloud that you hold the key
    #[command(subcommand)]
    Ca(CaCommand),
    /// What was promised, signed and published: check it, count it, print its head
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Batches that are handed to workers of several machines
    #[command(subcommand)]
    Pool(PoolCommand),
    /// How the CA is doing: certificates and their ends, ledger, open batches, whether a run is on
    Status(StatusArgs),
    /// Take uploads, jobs and approvals over HTTP, plan and finish batches; holds no issuing key
    #[cfg(feature = "service")]
    Serve(ServeArgs),
    /// Examine a PKCS#11 token, or measure how fast it signs
    #[command(subcommand)]
    Hsm(HsmCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write man pages into a directory
    Man(ManArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot status --config pki/reroot.toml --format json\n\n\
    Ends with 1 if something does not hold: a certificate that cannot be read or has ended, a ledger that cannot be read. \
    From 60 days before a certificate ends there is a warning. It can be asked while a run is on.")]
pub(crate) struct StatusArgs {
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot quickstart /tmp/try-reroot")]
pub(crate) struct QuickstartArgs {
    /// Directory to create
    #[arg(default_value = "reroot-quickstart")]
    pub(crate) dir: PathBuf,
}

/// Kinds of keys that are made.
pub(crate) const KEY_KINDS: [&str; 5] = ["P-256", "P-384", "P-521", "Ed25519", "RSA-3072"];

/// Where a token's PIN is. Without either of them: where the URI's pin-source says, or a prompt.
#[derive(Args, Debug)]
pub(crate) struct PinArgs {
    /// The token's PIN is in this environment variable
    #[arg(long, value_name = "NAME", conflicts_with = "pin_file")]
    pub(crate) pin_env: Option<String>,
    /// The token's PIN is in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HsmCommand {
    /// Go through module, token, login, key, attributes, mechanisms and sessions, and say what does not work. Signs
    /// nothing
    #[command(
        after_help = "Example:\n  reroot hsm doctor \"pkcs11:token=ca;object=issuing?module-path=/usr/lib/vendor.so\" \
        --pin-file pin"
    )]
    Doctor {
        /// Module, token and key (RFC 7512)
        uri: String,
        #[command(flatten)]
        pin: PinArgs,
    },
    /// Measure signatures a second against the number of sessions, with a key that is gone afterwards
    #[command(after_help = "Example:\n  reroot hsm bench \"pkcs11:token=ca?module-path=/usr/lib/vendor.so\" \
        --pin-file pin --batch 100000")]
    Bench {
        /// Module and token (RFC 7512)
        uri: String,
        #[command(flatten)]
        pin: PinArgs,
        /// Numbers of sessions to try (default: 1, 2, 4 and so on, up to what the token allows or 32)
        #[arg(long, value_name = "N", value_delimiter = ',')]
        sessions: Vec<std::num::NonZeroUsize>,
        /// Certificates of the batch whose time is estimated
        #[arg(long, value_name = "N", default_value_t = 10_000)]
        batch: u64,
        /// How long to sign with each number of sessions
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
        /// Kind of the key that is made for it
        #[arg(long, default_value = "P-256", value_parser = KEY_KINDS, conflicts_with = "use_this_key")]
        key: String,
        /// Sign with the URI's own key instead: a text that says it is not a certificate
        #[arg(long)]
        use_this_key: bool,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot issue reel.zip --policy policies/aws-iot.toml --out batches/reel-0042\n\n\
    Running the same command again is always safe: it resumes, publishes again, or says `already done`.")]
pub(crate) struct IssueArgs {
    /// Archives, directories, bundles or files; `-` is standard input
    #[arg(required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// The policy that decides what the certificates say
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The batch directory to create
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
    /// What a rejected item does to the run
    #[arg(long, value_enum, default_value = "stop")]
    pub(crate) on_reject: OnRejectArg,
    /// What to do if an expected chip (--expect, --expect-count) is not in the input
    #[arg(long, value_enum, default_value = "stop")]
    pub(crate) on_missing: OnMissingArg,
    /// What to do with a chip that is in the input but not on the list
    #[arg(long, value_enum, default_value = "reject")]
    pub(crate) on_surplus: OnSurplusArg,
    /// List every rejected or ignored item in this new file, one line of JSON each, as `rejected.jsonl` does, before
    /// anything is signed
    #[arg(long, value_name = "FILE")]
    pub(crate) findings: Option<PathBuf>,
    /// Operator's parameters that the policy declares
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// The chips that must be there, and no others: one UID a line
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,
    /// A file with a public value that could not be known earlier (today's newspaper, the head of a public log): no
    /// serial number of a new batch is older than it. The batch has its SHA-256; keep the file
    #[arg(long, value_name = "FILE")]
    pub(crate) beacon: Option<PathBuf>,
    /// How many chips must verify
    #[arg(long, value_name = "N")]
    pub(crate) expect_count: Option<u64>,
    /// ST's bulk identifier, kept on the ledger
    #[arg(long, value_name = "ID")]
    pub(crate) bulk_id: Option<String>,
    /// Write the bulk identifier into the manifest too (it is what ST's claim page asks for)
    #[arg(long, requires = "bulk_id")]
    pub(crate) publish_bulk_id: bool,
    /// Encodings of the certificates to deliver
    #[arg(long, value_enum, value_delimiter = ',', default_value = "der")]
    pub(crate) form: Vec<FormArg>,
    /// Issue again what was issued before, for this reason, which is recorded
    #[arg(long, value_name = "REASON")]
    pub(crate) reissue: Option<String>,
    /// The ledger head printed by the last run: refuse a ledger restored from an older backup
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_head: Option<String>,
    /// The ledger of an earlier issuing key: chips that have a certificate there are reported; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) known_ledger: Vec<PathBuf>,
    /// A list of the chips of a different site (`reroot ledger export-names`): they are rejected here; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Vec<PathBuf>,
    /// This machine's clock is right although it is before the ledger's last batch or far after all that is known, for
    /// this reason, which is recorded
    #[arg(long, value_name = "REASON")]
    pub(crate) accept_clock: Option<String>,
    /// Threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub(crate) jobs: Option<usize>,
    /// Leaves a chunk, used if a new batch begins: a chunk is signed between two flushes of the ledger, and a kill may
    /// cost its signatures, so a slow token wants small ones (default: a quarter of the leaves, from 1024 to 4096; with
    /// --issuer cmp 256)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) chunk: Option<u32>,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// Print where the time went
    #[arg(long)]
    pub(crate) timings: bool,
    /// Check everything, then stop before anything is recorded or signed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What a rejected item does to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnRejectArg {
    /// Sign nothing, list everything
    Stop,
    /// Issue the good ones, exit with 1
    Skip,
}

/// Encoding of a delivered certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnMissingArg {
    /// Sign nothing, and list the missing chips
    Stop,
    /// Issue the chips that are there, list the missing ones, and end with exit code 1
    Note,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnSurplusArg {
    /// Reject it; --on-reject says what a rejection does to the run
    Reject,
    /// Leave it out, and list it as ignored
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormArg {
    /// `<UID>.der`
    Der,
    /// `<UID>.pem`
    Pem,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot export batches/reel-0042 --to aws-bulk --out things --issuer-anchor ca/root.pem\n  \
    reroot export batches/reel-* --to csv --from uids.txt --out - > chips.csv\n\n\
    What is exported is what was sealed: the seal and the digest of every file read are checked first.\n\
    Whether what was sealed is right is for `reroot verify` to say."
)]
pub(crate) struct ExportArgs {
    /// The batch directories; those of one issuing CA come out together, in the order of UIDs
    #[arg(required = true)]
    pub(crate) batch: Vec<PathBuf>,
    /// Export these chips alone: one UID or ST number a line. All of them must be there
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Let the certificates of the CAs above follow each certificate in PEM, without the root (directory, zip)
    #[arg(long)]
    pub(crate) with_chain: bool,
    /// Who takes the certificates in
    #[arg(long, value_enum)]
    pub(crate) to: TargetArg,
    /// The file or directory to create; `-` is standard output, where the export is one file
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Encodings of plain files (directory, zip)
    #[arg(long, value_enum, value_delimiter = ',', default_value = "der")]
    pub(crate) form: Vec<FormArg>,
    /// Name of the AWS IoT policy that the templates attach to certificates (aws-bulk)
    #[arg(long, value_name = "NAME")]
    pub(crate) aws_policy: Option<String>,
    /// Bytes of the zone that the certificate must fit (stsafe-zone)
    #[arg(long, value_name = "N", required_if_eq("to", "stsafe-zone"))]
    pub(crate) zone_bytes: Option<usize>,
    /// Put the issuing CA's certificate into the zone too, before the chip's (stsafe-zone)
    #[arg(long, requires = "zone_bytes")]
    pub(crate) zone_chain: bool,
    /// Trust anchor of the new certificates and, unless another is given, of the manifest signer (default: the
    /// configuration's root)
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_anchor: Option<PathBuf>,
    /// Trust anchor of the manifest signer (default: the issuer anchor)
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest_anchor: Option<PathBuf>,
    /// Configuration to take the anchor from if none is given
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
    /// Do not look at the seal: nothing then proves where the certificates come from
    #[arg(long, conflicts_with_all = ["issuer_anchor", "manifest_anchor"])]
    pub(crate) unverified: bool,
}

/// Who takes an export in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetArg {
    /// Directory: input of `aws iot start-thing-registration-task` and the templates
    AwsBulk,
    /// File: input of AWS Thingpress (multi-account registration), one certificate a line
    AwsThingpress,
    /// File: Azure DPS individual enrolments, one bulk request of up to ten a line
    AzureDps,
    /// File: UID, ST number, serial, SHA-256, SHA-1, LFDI and SFDI of each certificate
    Csv,
    /// Directory: `<UID>.der` or `<UID>.pem`
    Directory,
    /// File: one SQLite database for stations: certificates, chains, proofs (docs/spec/line-pack.md)
    LinePack,
    /// Directory: `<UID>.bin`, the exact bytes for a data zone of the chip
    StsafeZone,
    /// File: one archive of `<UID>.der` or `<UID>.pem`
    Zip,
}

/// Whose key a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// The issuing CA's
    Issuing,
    /// The manifest signer's
    Manifest,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make the certificate that shows a cloud that you hold the issuing key (AWS IoT, Azure DPS and IoT Hub)
    #[command(after_help = "Example:\n  reroot ca proof --code 7b1c... --out verification.pem\n\n\
        The cloud gives the code when the CA is registered and takes the certificate in return.")]
    Proof {
        /// The registration or verification code that the cloud gave
        #[arg(long, value_name = "CODE")]
        code: String,
        /// The file to create (PEM); `-` is standard output
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Days of validity
        #[arg(long, value_name = "N", default_value_t = 7)]
        days: u16,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Make a request to another root (PKCS#10) with the configured key
    #[command(after_help = "Example:\n  reroot ca csr --organization \"Acme SA\" --out issuing.csr.pem\n\n\
        The key may lie in a token and need not have been made by this program. A ledger is made if the CA has none \
        yet.")]
    Csr {
        /// Whose key
        #[arg(long = "for", value_enum, default_value = "issuing")]
        role: RoleArg,
        /// Organization in the name asked for (default: the name in the certificate that is there)
        #[arg(long, short, value_name = "O")]
        organization: Option<String>,
        /// The file to create (PEM); `-` is standard output
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Take in the certificate that another root made for the issuing CA's or the manifest signer's key
    #[command(after_help = "Example:\n  reroot ca import issuing.pem --chain acme-root.pem\n\n\
        Key, rights and chain are checked first; the files go where the configuration says, and nothing is overwritten.")]
    Import {
        /// The certificate, PEM or DER; the ones above it may follow in the same file
        certificate: PathBuf,
        /// The certificates above it, nearest first
        #[arg(long, value_name = "FILE")]
        chain: Vec<PathBuf>,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Certify the key of a request with the root's key: another issuing CA or manifest signer
    #[command(
        after_help = "Example:\n  reroot ca issue new.csr.pem --for issuing --root-key root.key --root-cert root.pem --out \
        new.pem\n\n\
        The request's signature is checked. Name and key are taken from it, everything else is decided here. The root's\n\
        signature is recorded first, on the ledger of the issuing key. docs/guide/own-ca.md describes the ceremony."
    )]
    Issue {
        /// The request (PKCS#10, PEM or DER)
        request: PathBuf,
        #[command(flatten)]
        ceremony: CeremonyArgs,
    },
    /// Certify the configured key for longer, with the root's key: same name, same key
    #[command(
        after_help = "Example:\n  reroot ca renew --for manifest --root-key root.key.pem --out pki/ca/manifest-2.pem\n\n\
        Then name the new file in reroot.toml. Extensions that another CA wrote into the old certificate are not carried\n\
        over: of such a CA, have the certificate renewed there."
    )]
    Renew(CeremonyArgs),
    /// Show the configured certificates: issuing CA, chain, manifest signer, source anchors
    #[command(after_help = "Example:\n  reroot ca show --config pki/reroot.toml")]
    Show {
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot completions bash > /etc/bash_completion.d/reroot")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Directory to write the pages into
    pub(crate) dir: PathBuf,
}
