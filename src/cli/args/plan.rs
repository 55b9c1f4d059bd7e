//! Having another machine sign.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::IssueArgs;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot plan reel.zip --policy policies/aws-iot.toml --out reel-0042.plan\n  \
    reroot plan reel.zip --policy policies/aws-iot.toml --out reel-0042.plan --pool /srv/leaves\n\n\
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
    /// Hand the chunks out to the workers that share the ledger (reroot sign --pool), with their leaves as files in DIR
    #[arg(long, value_name = "DIR", conflicts_with = "foreign")]
    pub(crate) pool: Option<PathBuf>,
    /// Make the ledger that the configuration names if there is none: for a machine that has not issued yet
    #[arg(long)]
    pub(crate) new_ledger: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  reroot sign reel-0042.plan --out reel-0042.signatures\n  \
    reroot sign --pool --leaves /srv/leaves --until-empty\n\n\
    Checks the planner's signature, verifies every leaf and derives every certificate again, shows what is to be signed \
    and asks. `[signing]` in the configuration says whose plans and which policies are taken. Running the same command \
    again is always safe: nothing is signed in two plans.\n\n\
    With --pool this machine is one of several that share a ledger on a PostgreSQL server. It signs chunks of plans that were \
    handed out. SIGTERM or Ctrl-C ends it after at most 256 signatures of each thread, which it records. \
    `reroot finish --pool` makes the batch.")]
pub(crate) struct SignArgs {
    /// The plan
    #[arg(required_unless_present = "pool", conflicts_with = "pool")]
    pub(crate) plan: Option<PathBuf>,
    /// The signature file to create
    #[arg(long, value_name = "SIGNATURES", required_unless_present = "pool", conflicts_with = "pool")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) pool: PoolArgs,
    /// Configuration of this machine
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
    /// An approval of this plan, made by `reroot approve`: as many as `[signing]` demands
    #[arg(long = "approval", value_name = "FILE", conflicts_with = "pool")]
    pub(crate) approvals: Vec<PathBuf>,
    /// Do not ask: for jobs whose `[signing]` says everything
    #[arg(long, conflicts_with = "pool")]
    pub(crate) yes: bool,
    /// Make the ledger that the configuration names if there is none: for a machine that has not signed yet
    #[arg(long, conflicts_with = "pool")]
    pub(crate) new_ledger: bool,
    /// This machine's clock is right although it is before the ledger's last batch or far after all that is known, for
    /// this reason, which is recorded
    #[arg(long, value_name = "REASON", conflicts_with = "pool")]
    pub(crate) accept_clock: Option<String>,
    /// Threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub(crate) jobs: Option<usize>,
}

#[derive(Args, Debug)]
#[expect(clippy::option_option, reason = "none, that of the configuration, or one that is named")]
pub(crate) struct PoolArgs {
    /// Sign chunks that are handed out on the ledger at this URL (default: that of the configuration), as one of several
    /// machines
    #[arg(long, value_name = "URL", num_args = 0..=1, requires = "leaves")]
    pub(crate) pool: Option<Option<PathBuf>>,
    /// Where the leaves of the chunks are: the directory of `reroot plan --pool`, a copy of it, or the http:// URL at which
    /// a web server has its files
    #[arg(long, value_name = "DIR|URL", requires = "pool")]
    pub(crate) leaves: Option<PathBuf>,
    /// Seconds after which other workers take over the chunks of one that is not heard of
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "pool",
        value_parser = RangedU64ValueParser::<u64>::new().range(2..=86_400))]
    pub(crate) lease: u64,
    /// Chunks that are signed at once
    #[arg(long, value_name = "N", default_value_t = 2, requires = "pool",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(crate) at_once: usize,
    /// End when no chunk is left, instead of waiting for the next plan
    #[arg(long, requires = "pool")]
    pub(crate) until_empty: bool,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot finish reel-0042.plan --signatures reel-0042.signatures --out batches/reel-0042\n  \
    reroot finish reel-0042.foreign --certificates from-the-ca.zip --out batches/reel-0042\n  \
    reroot finish reel-0042.plan --pool --out batches/reel-0042\n\n\
    Where the plan was made, with its configuration and ledger. Every signature is verified, and every certificate of \
    another CA is looked at as a leaf of ST's is. Running the same command again is always safe."
)]
pub(crate) struct FinishArgs {
    /// The plan, or the directory of `plan --foreign`
    pub(crate) plan: PathBuf,
    /// What `reroot sign` made of it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificates", "pool"],
        required_unless_present_any = ["certificates", "pool"])]
    pub(crate) signatures: Option<PathBuf>,
    /// SHA-256 of the signature file as `reroot sign` printed it: refuse a file that was changed on its way
    #[arg(long, value_name = "DIGEST", requires = "signatures")]
    pub(crate) expect_signatures: Option<String>,
    /// The certificates that an external CA made: archives, directories, bundles or files
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) certificates: Vec<PathBuf>,
    /// Workers signed the plan (reroot sign --pool): the ledger has all certificates
    #[arg(long, conflicts_with = "certificates")]
    pub(crate) pool: bool,
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["signatures", "pool"])]
    pub(crate) findings: Option<PathBuf>,
    /// Threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub(crate) jobs: Option<usize>,
}
