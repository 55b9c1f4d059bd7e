//! `issue`, and what it needs when another CA is asked.

use clap::{Args, ValueEnum};

use super::IssueArgs;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  reroot issue reel.zip --policy policies/aws-iot.toml --out batches/reel-0042\n  \
    reroot issue reel.zip --policy theirs.toml --issuer cmp --out batches/reel-0043\n\n\
    Running the same command again is always safe: it resumes, publishes again, or says `already done`.")]
pub(crate) struct IssueCommand {
    #[command(flatten)]
    pub(crate) issue: IssueArgs,
    /// Who signs
    #[arg(long, value_enum, default_value = "local")]
    pub(crate) issuer: IssuerArg,
    /// After a request was lost: ask the CA again for this chip, or for `all`. Ask the CA's operator first
    #[arg(long, value_name = "UID", requires = "because")]
    pub(crate) ask_again: Vec<String>,
    /// Why it is right to ask again; recorded
    #[arg(long, value_name = "REASON", requires = "ask_again")]
    pub(crate) because: Option<String>,
    /// Make the ledger that the configuration names if there is none (with --issuer cmp)
    #[arg(long)]
    pub(crate) new_ledger: bool,
}

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IssuerArg {
    /// The key that the configuration names
    Local,
    /// An external CA that speaks CMP, as [cmp] in the configuration says
    Cmp,
}
