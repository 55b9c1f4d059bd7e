//! `reroot ca issue`, `reroot ca renew`

use std::path::PathBuf;

use clap::Args;

use super::{PinArgs, RoleArg};

/// What the root is to certify, and with which key.
#[derive(Args, Debug)]
pub(crate) struct CeremonyArgs {
    /// As what
    #[arg(long = "for", value_enum)]
    pub(crate) role: RoleArg,
    /// The root's key: a file (PEM, DER or PKCS#12) or a PKCS#11 URI; for a manifest signer also that of its own anchor
    #[arg(long, value_name = "FILE|URI")]
    pub(crate) root_key: String,
    /// The root's certificate (default: the end of the configured chain; for a manifest signer the anchor that [manifest]
    /// names)
    #[arg(long, value_name = "FILE")]
    pub(crate) root_cert: Option<PathBuf>,
    /// The passphrase of the root's key is in this file (default: asked for if the key is encrypted)
    #[arg(long, value_name = "FILE", conflicts_with = "root_passphrase_env")]
    pub(crate) root_passphrase_file: Option<PathBuf>,
    /// The passphrase of the root's key is in this environment variable
    #[arg(long, value_name = "NAME")]
    pub(crate) root_passphrase_env: Option<String>,
    #[command(flatten)]
    pub(crate) pin: PinArgs,
    /// Years of validity (default: 30 for an issuing CA, 10 for a manifest signer, and never longer than the root)
    #[arg(long, value_name = "N")]
    pub(crate) years: Option<u16>,
    /// The certificate to create (PEM); `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Configuration, on whose ledger the signature is recorded
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub(crate) config: PathBuf,
}
