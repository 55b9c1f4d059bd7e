//! Proofs of single chips.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reroot_check::args::AnchorArgs;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  reroot prove batches/reel-0042 0209A021E021C4E1D00139 --out chip.proof.json\n  \
    reroot prove batches/reel-0042 --from uids.txt --out proofs\n\n\
    Of a chip that is not in the batch, its absence is proved. A proof is one line of JSON.")]
pub(crate) struct ProveArgs {
    /// The batch directory
    pub(crate) batch: PathBuf,
    /// The chip: its UID, or of an STSAFE-A chip the ST number or the unique number
    #[arg(required_unless_present_any = ["all", "from"], conflicts_with_all = ["all", "from"])]
    pub(crate) uid: Option<String>,
    /// Every chip of the batch
    #[arg(long, conflicts_with = "from")]
    pub(crate) all: bool,
    /// The chips in this list: one UID a line, `#` begins a comment
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// The file to create; with --all or --from a directory of `<UID>.proof.json` (default, and `-`: standard output, one
    /// line a proof)
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Write the CRLs that cover the chips to `PATH.crl` too: `verify-proof` then says whether they were revoked
    #[arg(long, requires_all = ["out", "crl"])]
    pub(crate) with_status: bool,
    /// CRLs of the issuing CA, DER or PEM, for --with-status
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "with_status")]
    pub(crate) crl: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TimestampCommand {
    /// Take in the authority's answer: it is checked and kept beside the batch as `BATCH.tst`
    #[command(
        after_help = "Example:\n  reroot timestamp attach batches/reel-0042 answer.tsr --tsa-anchor tsa-root.pem"
    )]
    Attach {
        /// The batch directory
        batch: PathBuf,
        /// The answer, or a bare time-stamp token
        answer: PathBuf,
        /// Trust anchor of the authority; without it only what was stamped is checked, not by whom
        #[arg(long, value_name = "FILE")]
        tsa_anchor: Vec<PathBuf>,
    },
    /// Write the request that goes to the authority
    #[command(after_help = "Example:\n  reroot timestamp request batches/reel-0042 --out request.tsq\n\n\
        Send it with: curl --data-binary @request.tsq -H 'Content-Type: application/timestamp-query' URL > answer.tsr")]
    Request {
        /// The batch directory
        batch: PathBuf,
        /// The file to create; `-` is standard output
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PopCommand {
    /// Make what the chip is to sign: a fresh challenge that names batch, chip and certificate
    #[command(
        after_help = "Example:\n  reroot pop challenge reel-0042.pack 0209A021E021C4E1D00139 --out challenge.json\n\n\
        The chip signs `sign` as it stands: the hash of a message that begins reroot-pop/1, made by this program alone."
    )]
    Challenge {
        /// The line pack, or a batch directory
        shelf: PathBuf,
        /// The chip: its UID, or of an STSAFE-A chip the ST number or the unique number
        uid: String,
        /// The file to create (default, and `-`: standard output)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        anchors: AnchorArgs,
    },
    /// Seal the receipts of all stations as a supplement beside the batch
    #[command(after_help = "Example:\n  reroot pop seal batches/reel-0042 --receipts station1.jsonl station2.jsonl")]
    Seal {
        /// The batch directory
        batch: PathBuf,
        /// Receipts that `pop verify` wrote
        #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
        receipts: Vec<PathBuf>,
        /// Configuration, with the manifest signer
        #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
        config: PathBuf,
    },
    /// Check what the chip signed and append a receipt
    #[command(
        after_help = "Example:\n  reroot pop verify reel.pack A021E021C4E1D0 --challenge c.json --signature s.bin --receipts r.jsonl"
    )]
    Verify {
        /// The line pack, or a batch directory
        shelf: PathBuf,
        /// The chip
        uid: String,
        /// The challenge that it was given
        #[arg(long, value_name = "FILE")]
        challenge: PathBuf,
        /// What it answered: r and s of full width one after the other, or DER
        #[arg(long, value_name = "FILE")]
        signature: PathBuf,
        /// The receipts file to append to
        #[arg(long, value_name = "FILE")]
        receipts: PathBuf,
        #[command(flatten)]
        anchors: AnchorArgs,
    },
}
