//! `reroot serve`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot serve --demo /tmp/try-reroot\n  reroot serve --config /etc/reroot/service.toml\n\n\
    It plans and finishes batches and holds no issuing key: `reroot signer`, a process of its own, signs. Without TLS it listens on \
    this machine alone. SIGTERM ends it in order; after a restart every job that had not ended is run again. With --wait it \
    goes on when a process that has the same data is gone."
)]
pub(crate) struct ServeArgs {
    /// Where it listens, where its data is, and its limits
    #[arg(long, value_name = "FILE", default_value = "service.toml")]
    pub(crate) config: PathBuf,
    /// Make a token for an administrator of this name, valid for one day, print it, and end; while the service does not run
    #[arg(long, value_name = "NAME")]
    pub(crate) first_admin: Option<String>,
    /// Make a link that logs this person into the console once, within 15 minutes, print it, and end; the service may run
    #[arg(long, value_name = "NAME", conflicts_with = "first_admin")]
    pub(crate) login_link: Option<String>,
    /// What the login may do, for a person who is not a user of the service
    #[arg(long, value_name = "ROLE", requires = "login_link")]
    #[arg(value_parser = ["admin", "approver", "auditor", "operator", "viewer"])]
    pub(crate) login_role: Vec<String>,
    /// Make the planner's ledger if there is none: for a machine that has not planned yet. With --first-admin too
    #[arg(long)]
    pub(crate) new_ledger: bool,
    /// Make a throw-away CA in this new directory, start the signer too, and print links that log into the console, and the
    /// lines that make a first batch in a shell; for this machine alone
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "new_ledger", "first_admin", "login_link"])]
    pub(crate) demo: Option<PathBuf>,
}
