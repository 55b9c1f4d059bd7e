//! `reroot ledger ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Read every record: hash chain, places, leaf lists, results. Exits with 1 if something is not in order
    #[command(after_help = "Example:\n  reroot ledger verify --config pki/reroot.toml\n\n\
        Only a head that was noted elsewhere (--expect-head) shows that the ledger was not replaced by an older copy of\n\
        itself.")]
    Verify {
        #[command(flatten)]
        ledger: WhichLedger,
        /// The ledger head printed by the last run
        #[arg(long, value_name = "DIGEST")]
        expect_head: Option<String>,
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
    /// A ledger, of whatever issuer (default: the one that the configuration names, of its issuer)
    pub(crate) ledger: Option<PathBuf>,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
}
