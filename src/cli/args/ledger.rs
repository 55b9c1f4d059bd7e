//! `reroot ledger ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// List every batch: its state, date, policy and counts, and where it is
    #[command(after_help = "Examples:\n  reroot ledger list --config pki/reroot.toml --look-in batches\n  \
        reroot ledger list --csv > batches.csv\n\n\
        The ledger keeps no paths: a batch is found where its directory is, in the folders that --look-in names.")]
    List {
        #[command(flatten)]
        ledger: WhichLedger,
        #[command(flatten)]
        look_in: LookIn,
        /// Print a table with commas, for spreadsheets and scripts
        #[arg(long)]
        csv: bool,
    },
    /// Show all certificates of a chip. Exits with 1 if there is none
    #[command(after_help = "Examples:\n  reroot ledger find 0209A021E021C4E1D00139 --config pki/reroot.toml\n  \
        reroot ledger find 4F2A...91 --csv\n\n\
        64 hexadecimal digits are the SHA-256 of a certificate, of a chip's key or of its source leaf; anything else is a UID, \
        an ST number or a serial number.")]
    Find {
        /// UID, ST number, serial number or SHA-256
        wanted: String,
        #[command(flatten)]
        ledger: NamedLedger,
        /// Print a table with commas, for spreadsheets and scripts
        #[arg(long)]
        csv: bool,
    },
    /// Show everything that is known of one batch, also of an open one, and what to type to go on with it
    #[command(after_help = "Example:\n  reroot ledger show 019a3c1e-7b1c-7000-8000-000000000001 --look-in batches")]
    Show {
        /// The batch
        batch: String,
        #[command(flatten)]
        ledger: NamedLedger,
        #[command(flatten)]
        look_in: LookIn,
    },
    /// Publish a sealed batch again from its sources: the same bytes, and no key is used
    #[command(
        after_help = "Example:\n  reroot ledger publish 019a3c1e-7b1c-7000-8000-000000000001 reel-0042.zip --out batches/reel-0042\n\n\
        Policy, parameters and forms are those on the ledger. The inputs must have the names and the content of then."
    )]
    Publish {
        /// The batch
        batch: String,
        /// What it was made of: archives, directories, bundles or files, in the same order
        #[arg(required = true)]
        inputs: Vec<PathBuf>,
        /// The batch directory to create
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// The list of expected chips, if the batch was made with one
        #[arg(long, value_name = "FILE")]
        expect: Option<PathBuf>,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Give up an open batch permanently: chips that nothing may have been signed for are free, the others count as issued
    #[command(
        after_help = "Example:\n  reroot ledger abandon 019a3c1e-7b1c-7000-8000-000000000001 --because \"reel returned to ST\"\n\n\
        It is recorded and cannot be taken back. Running the command that began the batch again is usually better: it\n\
        finishes the batch. For a chip that counts as issued, only --reissue makes another certificate. Revoking the batch\n\
        covers the serial numbers of such chips."
    )]
    Abandon {
        /// The batch
        batch: String,
        /// Why; it is recorded
        #[arg(long, value_name = "WHY")]
        because: String,
        /// Who asks; it is recorded (default: the user's name)
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Do not ask: for jobs
        #[arg(long)]
        yes: bool,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Copy the ledger to a new file, complete and flushed, and print its head. No run can add to it meanwhile
    #[command(
        after_help = "Example:\n  reroot ledger backup /media/backup/ledger-0042.db --config pki/reroot.toml --wait 3600\n\n\
        `reroot ledger verify FILE` reads the copy from end to end. Before a copy takes the place of a lost ledger, compare \
        heads: it lacks what was issued later."
    )]
    Backup {
        /// The file to make
        out: PathBuf,
        /// Configuration
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Write the UIDs of all chips that the ledger would not issue for again to a new file, for other sites
    #[command(after_help = "Example:\n  reroot ledger export-names site-1.names --config pki/reroot.toml\n\n\
        The other site gives it to `reroot issue --known site-1.names`, which then rejects these chips.")]
    ExportNames {
        /// The file to make
        out: PathBuf,
        #[command(flatten)]
        ledger: NamedLedger,
    },
    /// Move a ledger, from a file to a PostgreSQL server or back: every record as it is, and the old one is closed
    #[command(
        after_help = "Example:\n  reroot ledger copy pki/ledger.db 'postgres://reroot_owner@/reroot?host=/run/postgresql'\n\n\
        Each record is read back and compared before the old ledger gets its last record, which names the new one. Then put\n\
        the new place into the configuration. After an interruption the same command does the rest."
    )]
    Copy {
        /// The ledger: a path or a URL
        from: PathBuf,
        /// The new place: a path or a URL
        to: PathBuf,
    },
    /// Read every record: hash chain, places, leaf lists, results. Exits with 1 if something is not in order
    #[command(after_help = "Examples:\n  reroot ledger verify --config pki/reroot.toml\n  \
        reroot ledger verify 'postgres://reader@standby.example/reroot' --from head-of-last-night\n\n\
        Only a head that was noted elsewhere (--expect-head) shows that the ledger was not replaced by an older copy of\n\
        itself.")]
    Verify {
        #[command(flatten)]
        ledger: WhichLedger,
        /// The ledger head printed by the last run
        #[arg(long, value_name = "DIGEST")]
        expect_head: Option<String>,
        /// A file with the head that the last verification printed, or that a run noted: only what was recorded after it is
        /// read, and the batches that this belongs to
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Count batches, leaves, certificates and signatures, by policy, and list the batches that are open
    #[command(after_help = "Example:\n  reroot ledger stats --config pki/reroot.toml --format json")]
    Stats {
        #[command(flatten)]
        ledger: WhichLedger,
    },
    /// Print the digest of the chain through all records: note it down after a run, give it to the next one
    #[command(after_help = "Example:\n  reroot ledger head --config pki/reroot.toml > head-of-today")]
    Head {
        #[command(flatten)]
        ledger: WhichLedger,
    },
}

/// The ledger to look at.
#[derive(Args, Debug)]
pub(crate) struct WhichLedger {
    /// A ledger of any issuer (default: the one that the configuration names, of its issuer)
    pub(crate) ledger: Option<PathBuf>,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
}

/// The ledger to look at, where something else is named first.
#[derive(Args, Debug)]
pub(crate) struct NamedLedger {
    /// A ledger of any issuer (default: the one that the configuration names, of its issuer)
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
}

/// Where batches may be.
#[derive(Args, Debug)]
pub(crate) struct LookIn {
    /// A folder that holds batch directories, or is one
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) look_in: Vec<PathBuf>,
}
