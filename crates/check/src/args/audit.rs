//! What can be typed after `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Commands about the audit log of a service.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the audit log of a service: every line, the chain through all files, the seal of every closed file
    Verify(AuditVerifyArgs),
}

/// Options of `audit verify`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  reroot audit verify /var/lib/reroot/audit --config pki/reroot.toml\n  \
    reroot audit verify /var/lib/reroot/audit --manifest-anchor our-root.pem --head NUMBER:DIGEST\n\n\
    That the end of the open file was not cut off is shown only by --head: a head that was noted elsewhere.")]
pub struct AuditVerifyArgs {
    /// The folder with the files of the log
    pub dir: PathBuf,
    /// Trust anchor of the manifest signer, PEM or DER (default: that of the configuration)
    #[arg(long, value_name = "FILE")]
    pub manifest_anchor: Option<PathBuf>,
    /// A head that was noted earlier: the log must have this event, and may go on after it
    #[arg(long, value_name = "NUMBER:DIGEST")]
    pub head: Option<String>,
    /// The end of what was archived elsewhere: the log begins with the event after it
    #[arg(long, value_name = "NUMBER:DIGEST")]
    pub after: Option<String>,
    /// Configuration to take the anchor from that is not given
    #[arg(long, value_name = "FILE", default_value = "reroot.toml")]
    pub config: PathBuf,
}
