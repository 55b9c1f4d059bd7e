//! The URL of a ledger on a server: `postgres://USER@HOST/DATABASE?schema=NAME`, in the form of libpq, with three members of
//! its own and one that is stricter.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::{Client, Config, NoTls};

use crate::ledger::LedgerError;
use crate::text::Printable;

use super::tls::Tls;

/// Where a ledger is, and how to get there.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    tls: Option<Tls>,
    /// The schema, which is a plain SQL name.
    pub(super) schema: String,
}

impl Address {
    pub(super) fn parse(url: &Path) -> Result<Self, LedgerError> {
        let refused = |what: String| LedgerError::Url { what };
        let text = url.to_str().ok_or_else(|| refused("it is not UTF-8".to_owned()))?;
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut own = Own::default();
        let mut rest = Vec::new();
        for member in query.split('&').filter(|member| !member.is_empty()) {
            match member.split_once('=') {
                Some(("schema", name)) => own.schema = Some(name.to_owned()),
                Some(("sslrootcert", file)) => own.roots = Some(absolute("sslrootcert", file)?),
                Some(("password_file", file)) => own.password = Some(absolute("password_file", file)?),
                Some(("sslmode", mode)) => own.mode = Some(mode.to_owned()),
                Some(("password", _)) => return Err(refused(PASSWORD.to_owned())),
                _ => rest.push(member),
            }
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        // the library's own text may quote the URL
        let mut config: Config = plain
            .parse()
            .map_err(|_| refused("it is not of the form postgres://USER@HOST:PORT/DATABASE?schema=NAME".to_owned()))?;
        if config.get_password().is_some() {
            return Err(refused(PASSWORD.to_owned()));
        }
        let schema = own.schema.unwrap_or_else(|| "reroot".to_owned());
        let is_plain = |name: &str| {
            name.len() <= 63
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        if !is_plain(&schema) || schema.starts_with("pg_") {
            return Err(refused("`schema` is not a name of lower-case letters, digits and `_`".to_owned()));
        }
        if let Some(file) = own.password {
            let content = crate::input::read(&file).map_err(|error| {
                refused(format!("its password file `{}` cannot be read: {error}", Printable::new(&file)))
            })?;
            config.password(content.strip_suffix(b"\n").unwrap_or(&content));
        }
        let near = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
            Host::Unix(_) => true,
        });
        let sockets = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let tls = match own.mode.as_deref() {
            None if sockets => None,
            Some("disable") if near => None,
            Some("disable") => {
                return Err(refused("`sslmode=disable` is for a server on this machine alone".to_owned()));
            }
            None | Some("verify-full") => {
                let roots = own.roots.unwrap_or_else(|| PathBuf::from(SYSTEM_ROOTS));
                let made = Tls::new(&roots).map_err(|error| {
                    refused(format!("the root certificates in `{}` cannot be used: {error}", Printable::new(&roots)))
                })?;
                Some(made)
            }
            Some(_) => return Err(refused("`sslmode` is neither `verify-full` nor `disable`".to_owned())),
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        config.application_name("reroot");
        config.connect_timeout(CONNECT);
        config.keepalives_idle(IDLE).keepalives_interval(INTERVAL).keepalives_retries(3).tcp_user_timeout(GONE);
        Ok(Self { config, tls, schema })
    }

    pub(super) fn connect(
        &self,
        notices: impl Fn(postgres::error::DbError) + Send + Sync + 'static,
    ) -> Result<Client, postgres::Error> {
        let mut config = self.config.clone();
        config.notice_callback(notices);
        match &self.tls {
            Some(tls) => config.connect(tls.clone()),
            None => config.connect(NoTls),
        }
    }
}

/// The members that are not handed on.
#[derive(Default)]
struct Own {
    schema: Option<String>,
    roots: Option<PathBuf>,
    password: Option<PathBuf>,
    mode: Option<String>,
}

fn absolute(member: &str, file: &str) -> Result<PathBuf, LedgerError> {
    let path = PathBuf::from(file);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(LedgerError::Url { what: format!("`{member}` is not an absolute path") })
    }
}

const PASSWORD: &str = "it contains a password, which a list of processes, a log or a copy of the file would show";
/// Where Debian's package ca-certificates has what the system trusts.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
const CONNECT: Duration = Duration::from_secs(10);
/// A server that does not answer is given up after half a minute; one that waits for its standby does answer.
const IDLE: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_secs(5);
const GONE: Duration = Duration::from_secs(30);
