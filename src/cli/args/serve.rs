//! `reroot serve`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot serve --config /etc/reroot/service.toml\n\n\
    It plans and finishes batches and holds no issuing key: `[signer]`, a process of its own, signs. Without TLS it listens on \
    this machine alone. SIGTERM ends it in order; after a restart every job that had not ended is run again.")]
pub(crate) struct ServeArgs {
    /// Where it listens, where its data is, and its limits
    #[arg(long, value_name = "FILE", default_value = "service.toml")]
    pub(crate) config: PathBuf,
    /// Make a token for an administrator of this name, valid for one day, print it, and end; while the service does not run
    #[arg(long, value_name = "NAME")]
    pub(crate) first_admin: Option<String>,
}
