//! `reroot approve`

use std::path::PathBuf;

use clap::Args;
use reroot::approval::MAX_DAYS;

use super::PinArgs;

/// What is approved, and with whose key.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  reroot approve a.plan --planner p.pem --requester anna --certificate b.pem --key b.key --out b.ok\n\n\
    Shows what would be signed, asks, and signs an approval with your own key. `reroot sign --approval FILE` accepts it if \
    `[signing]` on the signing machine names your certificate. The person who asked cannot approve."
)]
pub(crate) struct ApproveArgs {
    /// The plan: of certificates (`reroot plan`) or of revocation lists (`reroot crl plan`)
    pub(crate) plan: PathBuf,
    /// Manifest certificates of those whose plans are accepted: the planner's signature is verified
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) planner: Vec<PathBuf>,
    /// The person who asked for the plan
    #[arg(long, value_name = "NAME")]
    pub(crate) requester: String,
    /// Your certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: PathBuf,
    /// Your key: a file (PEM, DER or PKCS#12) or a PKCS#11 URI
    #[arg(long, value_name = "FILE|URI")]
    pub(crate) key: String,
    /// The passphrase of your key is in this file (default: asked for if the key is encrypted)
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_env")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The passphrase of your key is in this environment variable
    #[arg(long, value_name = "NAME")]
    pub(crate) passphrase_env: Option<String>,
    #[command(flatten)]
    pub(crate) pin: PinArgs,
    /// For how many days the approval can be used
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_DAYS)))]
    pub(crate) days: u16,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// The approval to create
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}
