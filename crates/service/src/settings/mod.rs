//! `service.toml`: where the service listens, where its data is, and its limits.
//!
//! Guarantees: the schema is closed, paths are relative to the file, and every mistake is reported at once, with its
//! place. Without TLS it listens on this machine alone.
//!
//! *Trusted.* Who can change this file chooses which certificates of clients count, and whose signer is asked. It holds
//! no secret.

mod error;
mod oidc;
mod read;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reroot_core::input;
use reroot_core::text::Printable;
use reroot_core::toml::{FileErrors, Mistakes};

use crate::rate::RateTable;

pub use error::{CODES, SettingsErrors};
pub use oidc::{CALLBACK, OidcSettings};

/// The file's usual name.
pub const FILE_NAME: &str = "service.toml";
/// Longest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Where connections are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// TLS of the listener.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The server's certificate, those above it after it.
    pub certificate: PathBuf,
    /// Its key, in a file that no other user can read.
    pub key: PathBuf,
    /// The CAs of client certificates; without them there are none.
    pub client_ca: Option<PathBuf>,
    /// Their revocation lists.
    pub client_crl: Option<PathBuf>,
}

/// The console.
#[derive(Clone, Debug, Default)]
pub struct Console {
    /// Names under which browsers reach the service, besides the address that it listens on.
    pub hosts: Vec<String>,
}

/// What is bounded.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest content of an upload, in bytes.
    pub upload_bytes: u64,
    /// Open uploads of one principal.
    pub uploads_per_user: u32,
    /// Uploads whose content arrives at the same time.
    pub uploads_at_once: u32,
    /// Days after which an upload that no job uses is removed.
    pub upload_days: u32,
    /// Free bytes that an upload must leave on the disk.
    pub free_bytes: u64,
    /// Requests at the same time, uploads and streams aside.
    pub requests_at_once: u32,
    /// Connections at the same time.
    pub connections: u32,
    /// Threads of a job; all cores if it is not said.
    pub threads: Option<usize>,
}

/// Revocation: who may do it alone, and the lists.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// Certificates that one person revokes without a second one.
    pub alone: u64,
    /// Hours between two rounds of lists; no round is started by time if it is not said.
    pub round_hours: Option<u32>,
    /// Days for which lists are valid.
    pub valid_days: u32,
    /// Where the lists are published; below the data if it is not said.
    pub directory: Option<PathBuf>,
    /// Where anyone reads the lists over plain HTTP.
    pub listen: Option<Listen>,
}

/// The settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where connections are taken.
    pub listen: Listen,
    /// TLS on them.
    pub tls: Option<Tls>,
    /// Where metrics are read.
    pub metrics: Option<Listen>,
    /// The folder of uploads, plans, batches and the store.
    pub data: PathBuf,
    /// The planner's configuration (`reroot.toml`).
    pub configuration: PathBuf,
    /// The socket of the signer.
    pub signer: PathBuf,
    /// The OpenID provider that people log in at.
    pub oidc: Option<OidcSettings>,
    /// The console.
    pub console: Console,
    /// What is bounded.
    pub limits: Limits,
    /// How often may be asked.
    pub rates: RateTable,
    /// Who may revoke alone, and where lists go.
    pub revocation: Revocation,
}

impl Settings {
    /// Settings of which nothing more is said than what must be.
    pub fn new(listen: Listen, data: PathBuf, configuration: PathBuf, signer: PathBuf) -> Self {
        let (console, limits, rates) = (Console::default(), Limits::usual(), RateTable::default());
        let (tls, metrics, oidc, revocation) = (None, None, None, Revocation::usual());
        Self { listen, tls, metrics, data, configuration, signer, oidc, console, limits, rates, revocation }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or is not of the schema: every mistake with its place.
    pub fn load(file: &Path) -> Result<Self, SettingsErrors> {
        let text = input::open(file).and_then(|file| {
            use std::io::Read as _;
            let mut text = String::new();
            file.take(MAX_BYTES).read_to_string(&mut text)?;
            Ok(text)
        });
        match text {
            Ok(text) => Self::parse(&text, file),
            Err(reason) => {
                let errors = Mistakes::default();
                let message = format!("`{}`: {reason}", Printable::new(file));
                errors.push::<()>(error::FILE_UNREADABLE, 0..0, message);
                Err(unread(errors.finish(file, "", None::<Self>)))
            }
        }
    }

    /// As [`load`](Self::load), from the text of a file that would be at `file`.
    ///
    /// # Errors
    /// As there.
    pub fn parse(text: &str, file: &Path) -> Result<Self, SettingsErrors> {
        let errors = Mistakes::default();
        let base = file.parent().unwrap_or(Path::new(""));
        let settings = read::read(text, base, &errors);
        errors.finish(file, text, settings).map_err(SettingsErrors)
    }

    /// The folder of the contents of uploads.
    pub fn uploads(&self) -> PathBuf {
        self.data.join("uploads")
    }

    /// The folder of plans and of what belongs to a job that is not done.
    pub fn jobs(&self) -> PathBuf {
        self.data.join("jobs")
    }

    /// The folder of the audit log.
    pub fn audit(&self) -> PathBuf {
        self.data.join("audit")
    }

    /// The folder of the catalog and of line packs, which are derived from the batches.
    pub fn catalog(&self) -> PathBuf {
        self.data.join("catalog")
    }

    /// The folder of sealed batches.
    pub fn batches(&self) -> PathBuf {
        self.data.join("batches")
    }

    /// The file of the findings of a job.
    pub fn findings(&self, job: &str) -> PathBuf {
        self.data.join("findings").join(format!("{job}.jsonl"))
    }

    /// The folder of exports.
    pub fn exports(&self) -> PathBuf {
        self.data.join("exports")
    }

    /// The folder in which revocation lists are published.
    pub fn crls(&self) -> PathBuf {
        self.revocation.directory.clone().unwrap_or_else(|| self.data.join("crl"))
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.data.join("jobs.sqlite")
    }
}

fn unread(result: Result<Settings, FileErrors>) -> SettingsErrors {
    SettingsErrors(result.expect_err("a mistake was noted"))
}

#[cfg(test)]
mod tests;
