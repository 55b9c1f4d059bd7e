//! Revoking, blocking, and making lists.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What is known of the certificates. Several options name all that any of them names.
#[derive(Args, Debug)]
pub(crate) struct SelectorArgs {
    /// A chip, by its UID or ST number: every certificate that it has
    #[arg(long, value_name = "UID")]
    pub(crate) uid: Vec<String>,
    /// A list of chips, one a line in its first column
    #[arg(long, value_name = "FILE")]
    pub(crate) uids: Vec<PathBuf>,
    /// A certificate, by its serial number in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub(crate) serial: Vec<String>,
    /// A certificate, PEM or DER: of a chip, a CA or a manifest signer
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Vec<PathBuf>,
    /// The archive of a reel: every certificate of its chips
    #[arg(long, value_name = "ARCHIVE")]
    pub(crate) reel: Vec<PathBuf>,
    /// A whole batch
    #[arg(long, value_name = "BATCH")]
    pub(crate) batch: Vec<String>,
    /// All batches under a policy of this name (with --issued-between: those of that time)
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Vec<String>,
    /// All batches that were issued between two days or times (with --policy: those under that policy)
    #[arg(long, value_name = "FROM..TO")]
    pub(crate) issued_between: Option<String>,
    /// Earlier certificates, under the same policy name, of the chips in this batch
    #[arg(long, value_name = "BATCH")]
    pub(crate) superseded_by: Option<String>,
}

/// What a change of revocations asks for besides the certificates.
#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    /// Who asks; it is recorded (default: the user's name)
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Go on without lines, chips and certificates that are in doubt; exits with 1 then
    #[arg(long)]
    pub(crate) skip_unknown: bool,
    /// Do not ask: for jobs
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show what would be recorded, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  reroot revoke --uid 0209A021E021C4E1D00139 --reason keyCompromise\n  \
    reroot revoke --reel reel-0042.zip --reason keyCompromise --by security\n  \
    reroot revoke --list returned.csv --yes\n  \
    reroot revoke --superseded-by 019a3c1e-7b1c-7000-8000-000000000001 --reason superseded\n\n\
    Shows first what would be recorded and what the lists would weigh, and asks. Nothing is recorded while a line, chip or \
    certificate is in doubt. No relying party knows of it before the next `reroot crl`. Running the same command again is \
    always safe.\n\nReasons (RFC 5280): unspecified, keyCompromise, affiliationChanged, superseded, \
    cessationOfOperation, certificateHold, privilegeWithdrawn. A list has the columns uid, reason and time.")]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    pub(crate) selectors: SelectorArgs,
    /// A list with the columns `uid`, and if wanted `reason` and `time`, named in its first row
    #[arg(long, value_name = "CSV")]
    pub(crate) list: Vec<PathBuf>,
    /// Why, by the name or number of RFC 5280
    #[arg(long, value_name = "REASON", conflicts_with = "hold")]
    pub(crate) reason: Option<String>,
    /// Revoke for now: the reason certificateHold, which `reroot release` takes back. Half of all relying parties treat it
    /// like any other
    #[arg(long)]
    pub(crate) hold: bool,
    /// Since when (default: now)
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot release --uids found-again.txt --by quality\n\n\
    Only certificates on hold are released. Relying parties know of it with the next `reroot crl`.")]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    pub(crate) selectors: SelectorArgs,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct BlockArgs {
    /// A chip, by its UID or ST number
    #[arg(long, value_name = "UID")]
    pub(crate) uid: Vec<String>,
    /// A list of chips, one a line in its first column
    #[arg(long, value_name = "FILE")]
    pub(crate) uids: Vec<PathBuf>,
    /// The archive of a reel: all its chips
    #[arg(long, value_name = "ARCHIVE")]
    pub(crate) reel: Vec<PathBuf>,
    /// Why; it is recorded
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  reroot crl --out /srv/www/crl\n  reroot crl plan --out round.plan\n  \
    reroot crl finish round.signatures --out /srv/www/crl\n  reroot crl due /srv/www/crl\n\n\
    One round: the full list, and one for every CRL distribution point of the certificates. Run it daily, and after a \
    revocation. Running the same command again is always safe: numbers ascend, and what was signed is taken from the \
    ledger."
)]
pub(crate) struct CrlArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CrlCommand>,
    /// The directory that a web server shows; it is made if it does not exist, and its lists are replaced
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) out: Option<PathBuf>,
    /// How long the lists are valid, in days or hours (default: 8d; of a root 400d)
    #[arg(long, value_name = "TIME")]
    pub(crate) valid: Option<String>,
    /// Make the ledger that the configuration names if there is none: for a root whose key has no ledger yet
    #[arg(long)]
    pub(crate) new_ledger: bool,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CrlCommand {
    /// Plan a round for a CA key that is on another machine (then `reroot sign` there, `reroot crl finish` here)
    #[command(after_help = "Example:\n  reroot crl plan --out round.plan --published /srv/www/crl --valid 45d\n\n\
        The plan has the revocations that the other machine does not have yet. It makes the lists itself, and signs them \
        only if they are those of the plan.")]
    Plan {
        /// The plan file to create
        #[arg(long, value_name = "PLAN")]
        out: PathBuf,
        /// The directory that a web server shows: refuse a ledger that lacks what is there
        #[arg(long, value_name = "DIR")]
        published: Option<PathBuf>,
        /// How long the lists are valid, in days or hours
        #[arg(long, value_name = "TIME", default_value = "45d")]
        valid: String,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Take the signatures of a planned round, and publish its lists
    #[command(after_help = "Example:\n  reroot crl finish round.signatures --out /srv/www/crl")]
    Finish {
        /// What `reroot sign` made of the plan
        signatures: PathBuf,
        /// The directory that a web server shows
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Say whether a round is due: exits with 1 if so, for monitors
    #[command(after_help = "Example:\n  reroot crl due /srv/www/crl --ledger ledger.db --before 3d\n\n\
        Due: the lists end soon, a file is missing or is not what the index says, a signed round or a revocation is not \
        published. Signs nothing, and keeps no run waiting.")]
    Due {
        /// The directory that a web server shows
        dir: PathBuf,
        /// The ledger, to see what waits to be published
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
        /// How long before nextUpdate, in days or hours
        #[arg(long, value_name = "TIME", default_value = "3d")]
        before: String,
        /// How long a revocation may wait for a round, in days or hours
        #[arg(long, value_name = "TIME", default_value = "24h")]
        waiting: String,
    },
    /// Write what is revoked now for those who read no CRL
    #[command(after_help = "Examples:\n  reroot crl export --to aws-revoke --out revoke.sh\n  \
        reroot crl export --to jsonl --out revocations.jsonl\n\n\
        AWS IoT and Azure DPS read no CRL when a device connects: each certificate or enrolment is set there.")]
    Export {
        /// The form
        #[arg(long, value_enum)]
        to: CrlExportArg,
        /// The file to create; `-` is standard output
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CrlExportArg {
    /// A script of `aws iot update-certificate`, by certificate id
    AwsRevoke,
    /// One JSON line for each enrolment of Azure DPS to disable
    AzureDpsDisable,
    /// One JSON line for each certificate: UID, serial number, SHA-256, reason, time
    Jsonl,
}
