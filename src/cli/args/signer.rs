//! `reroot signer`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  reroot signer --config /etc/reroot-signer/reroot.toml\n  reroot signer unlock\n  \
    reroot signer status\n\n\
    Signs the plans that programs of this machine hand over a Unix socket. `[signer]` in the configuration says where it \
    listens and who may connect, `[signing]` whose plans, which policies, and how many persons must approve. It opens no \
    network connection. SIGTERM ends it at the border of a chunk; what was not signed goes on at the next start."
)]
pub(crate) struct SignerArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SignerCommand>,
    /// Configuration of this machine
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
    /// Make the ledger that the configuration names if there is none: for a machine that has not signed yet
    #[arg(long)]
    pub(crate) new_ledger: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SignerCommand {
    /// Hand the passphrase or PIN of the CA key to a service that waits for it
    #[command(after_help = "Example:\n  reroot signer unlock --socket /run/reroot-signer/socket\n\n\
        Asks at the terminal. Root and the service's own user can do it. The secret stays in the service's memory until it \
        ends. A token counts wrong PINs.")]
    Unlock {
        /// The service's socket
        #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
        socket: PathBuf,
        /// The passphrase or PIN is in this file (default: asked for)
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Whether the service can sign, how approvals are given, and how many requests wait
    #[command(after_help = "Example:\n  reroot signer status --format json\n\n\
        Ends with 1 if the service cannot sign now.")]
    Status {
        /// The service's socket
        #[arg(long, value_name = "SOCKET", default_value = SOCKET)]
        socket: PathBuf,
    },
}

/// Where the packaged unit has it.
const SOCKET: &str = "/run/reroot-signer/socket";
