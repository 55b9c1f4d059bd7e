//! `reroot policy ...`

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Verbs of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Check policy files and list every mistake
    Check(CheckArgs),
    /// Show the certificate that would be issued for a leaf, field by field, without signing
    Show(Box<ShowArgs>),
    /// List the shipped policies, or print one
    #[command(after_help = "Example:\n  reroot policy shipped aws-iot > aws-iot.toml")]
    Shipped {
        /// Name of the policy to print
        name: Option<String>,
    },
    /// Print the policy reference (Markdown)
    #[command(after_help = "Example:\n  reroot policy reference > policy-reference.md")]
    Reference,
}

/// Options of `policy check`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  reroot policy check policies/*.toml\n  \
    reroot policy check policies/aws-iot.toml --issuer pki/ca/issuing.pem\n\n\
    What depends on the issuing CA (its key, validity and name, the size of certificates) is checked with --issuer.")]
pub struct CheckArgs {
    /// Policy files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Check against this issuing CA as well: its certificate, PEM or DER, and the chain above it
    #[arg(long, value_name = "FILE")]
    pub issuer: Option<PathBuf>,
    /// Operator's parameters, for --issuer
    #[arg(long = "set", value_name = "NAME=VALUE", requires = "issuer")]
    pub set: Vec<String>,
    /// The instant of issuance, RFC 3339, for --issuer (default: now)
    #[arg(long, value_name = "TIME", requires = "issuer")]
    pub at: Option<String>,
}

/// Options of `policy show`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  reroot policy show policies/aws-iot.toml --leaf leaf.der\n  \
    reroot policy show ldevid.toml --leaf leaf.der --set site=LYON-2 --issuer ca.pem --source-anchor st.pem\n\n\
    Needs no key and no ledger. The issuing CA's certificate and the trust anchors come from the configuration, or\n\
    from --issuer and --source-anchor.")]
pub struct ShowArgs {
    /// Policy file
    pub file: PathBuf,
    /// A source leaf, DER or PEM
    #[arg(long, value_name = "FILE")]
    pub leaf: PathBuf,
    /// Operator's parameters
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The instant of issuance, RFC 3339 (default: now)
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The issuing CA's certificate, PEM or DER, and the chain above it (default: the configuration's)
    #[arg(long, value_name = "FILE")]
    pub issuer: Option<PathBuf>,
    /// Trust anchors of the leaf, PEM or DER (default: the configuration's)
    #[arg(long, value_name = "FILE")]
    pub source_anchor: Vec<PathBuf>,
    /// Configuration
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub config: PathBuf,
    /// Write the certificate with an empty signature to this new file, for other programs to read
    #[arg(long, value_name = "FILE")]
    pub der: Option<PathBuf>,
}
