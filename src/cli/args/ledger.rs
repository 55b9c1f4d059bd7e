//! `reroot ledger ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Read every record: hash chain, places, leaf lists, results. Exits with 1 if something is not in order
    #[command(
        after_help = "Example:\n  reroot ledger verify --config pki/reroot.toml --expect-head 9d1c3319f22ec61cf8\
        23b22e94c53cd2311c21c3fc0eb1b921403901603c4595\n\n\
        Only a head that was noted elsewhere shows that the ledger was not replaced by an older copy of itself."
    )]
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
