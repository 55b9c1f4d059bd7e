//! Having another machine sign.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::IssueArgs;

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  reroot plan reel.zip --policy policies/aws-iot.toml --out reel-0042.plan\n\n\
    Carry the file to the signing machine (reroot sign), and what it makes back here (reroot finish). Nothing secret is \
    in it. Running the same command again is always safe.",
    mut_arg("out", |arg| arg.value_name("PLAN").help("The plan file to create")),
    mut_arg("dry_run", |arg| arg.help("Check everything, then stop before anything is recorded or written"))
)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) issue: IssueArgs,
    /// Plan for an external CA: PLAN becomes a directory with requests.csv and requests.jsonl to hand over
    #[arg(long)]
    pub(crate) foreign: bool,
    /// Make the ledger that the configuration names if there is none: for a machine that has not issued yet
    #[arg(long)]
    pub(crate) new_ledger: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot sign reel-0042.plan --out reel-0042.signatures\n\n\
    Checks the planner's signature, verifies every leaf and derives every certificate again, shows what is to be signed \
    and asks. `[signing]` in the configuration says whose plans and which policies are taken. Running the same command \
    again is always safe: nothing is signed in two plans.")]
pub(crate) struct SignArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// The signature file to create
    #[arg(long, value_name = "SIGNATURES")]
    pub(crate) out: PathBuf,
    /// Configuration of this machine
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
    /// An approval of this plan, made by `reroot approve`: as many as `[signing]` demands
    #[arg(long = "approval", value_name = "FILE")]
    pub(crate) approvals: Vec<PathBuf>,
    /// Do not ask: for jobs whose `[signing]` says everything
    #[arg(long)]
    pub(crate) yes: bool,
    /// Make the ledger that the configuration names if there is none: for a machine that has not signed yet
    #[arg(long)]
    pub(crate) new_ledger: bool,
    /// This machine's clock is right although it is before the ledger's last batch or far after all that is known, for
    /// this reason, which is recorded
    #[arg(long, value_name = "REASON")]
    pub(crate) accept_clock: Option<String>,
    /// Threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub(crate) jobs: Option<usize>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot finish reel-0042.plan --signatures reel-0042.signatures --out batches/reel-0042\n  \
    reroot finish reel-0042.foreign --certificates from-the-ca.zip --out batches/reel-0042\n\n\
    Where the plan was made, with its configuration and ledger. Every signature is verified, and every certificate of \
    another CA is looked at as a leaf of ST's is. Running the same command again is always safe."
)]
pub(crate) struct FinishArgs {
    /// The plan, or the directory of `plan --foreign`
    pub(crate) plan: PathBuf,
    /// What `reroot sign` made of it
    #[arg(long, value_name = "FILE", conflicts_with = "certificates", required_unless_present = "certificates")]
    pub(crate) signatures: Option<PathBuf>,
    /// SHA-256 of the signature file as `reroot sign` printed it: refuse a file that was changed on its way
    #[arg(long, value_name = "DIGEST", requires = "signatures")]
    pub(crate) expect_signatures: Option<String>,
    /// The certificates that an external CA made: archives, directories, bundles or files
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) certificates: Vec<PathBuf>,
    /// The batch directory to create
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
    /// This machine's clock is right although it is before the ledger's last batch or far after all that is known, for
    /// this reason, which is recorded
    #[arg(long, value_name = "REASON")]
    pub(crate) accept_clock: Option<String>,
    /// List every item of --certificates that was left out or is wrong in this new file, one line of JSON each
    #[arg(long, value_name = "FILE", conflicts_with = "signatures")]
    pub(crate) findings: Option<PathBuf>,
    /// Threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub(crate) jobs: Option<usize>,
}
