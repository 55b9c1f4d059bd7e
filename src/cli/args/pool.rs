//! `reroot pool ...`

use clap::Subcommand;

use super::WhichLedger;

#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Show how far batches are that are handed out, what is parked and why, and which workers there are
    #[command(after_help = "Example:\n  reroot pool status --config pki/reroot.toml --format json\n\n\
        Ends with 1 if a chunk is parked: five workers had it, and it failed each time, or it was parked by one. Running \
        the command that planned the batch again hands it out again.")]
    Status {
        #[command(flatten)]
        ledger: WhichLedger,
    },
}
