//! The schema: what is asked for is what can be written.

use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use reroot_core::text::did_you_mean;
use reroot_core::toml::{Mistakes, Table, Value, Wording, parse};

use crate::rate::{Class, Rate, RateTable};

use super::{Console, Limits, Listen, Revocation, Settings, Tls, error};

/// The words of this kind of file.
#[derive(Debug)]
struct Words;

impl Wording for Words {
    fn missing(&self, table: &Table<'_>, key: &str) {
        table.errors.push::<()>(error::MISSING, &table.header, format!("`{}` is missing", table.path_of(key)));
    }

    fn out_of_range(&self, value: &Value<'_>, found: &str, allowed: &RangeInclusive<u64>) {
        let (from, to) = (allowed.start(), allowed.end());
        value.error::<()>(error::VALUE, format!("`{}` is {found}, expected {from} to {to}", value.path));
    }

    fn unknown(&self, table: &Table<'_>, key: &str, place: Range<usize>) {
        let message = format!("`{}` does not exist", table.path_of(key));
        match did_you_mean(key, table.asked()) {
            Some(hint) => table.errors.push_hint::<()>(error::UNKNOWN, place, message, hint),
            None => table.errors.push::<()>(error::UNKNOWN, place, message),
        };
    }

    fn wrong_type(&self, value: &Value<'_>, found: &str, expected: &str) {
        value.error::<()>(error::TYPE, format!("`{}` is {found}, expected {expected}", value.path));
    }
}

/// Reads the text. Every mistake in it is noted.
pub(super) fn read(text: &str, base: &Path, errors: &Mistakes) -> Option<Settings> {
    let document = parse(text, error::SYNTAX, errors)?;
    let table = Table::top(&document, &Words, errors);
    let listen = table.required("listen").and_then(|value| Some((listen(&value, base)?, value)));
    let metrics = table.optional("metrics").map(|value| (listen_here(&value, base), value));
    let path = |key| table.required(key).and_then(|value| path(&value, base));
    let (data, configuration, signer) = (path("data"), path("configuration"), path("signer"));
    let has_tls = table.has("tls");
    let tls = table.optional("tls").map(|value| tls(&value, base));
    let console = match table.optional("console") {
        None => Some(Console::default()),
        Some(value) => console(&value),
    };
    let limits = match table.optional("limits") {
        None => Some(Limits::usual()),
        Some(value) => limits(&value),
    };
    let rates = table.optional("rates").map_or_else(|| Some(RateTable::default()), |value| rates(&value));
    let oidc = table.optional("oidc").map(|value| super::oidc::read(&value, base));
    let revocation = match table.optional("revocation") {
        None => Some(Revocation::usual()),
        Some(value) => revocation(&value, base),
    };
    table.finish();
    if let Some((Listen::Tcp(address), value)) = &listen
        && !has_tls
        && !address.ip().is_loopback()
    {
        let message = format!("`listen` is {address}, which other machines reach, and there is no [tls]");
        let hint = "Listen on 127.0.0.1 or a unix socket, or give the listener a certificate in [tls].";
        value.error_hint::<()>(error::LISTEN_OPEN, message, hint);
    }
    Some(Settings {
        listen: listen?.0,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
        metrics: match metrics {
            Some((metrics, _)) => Some(metrics?),
            None => None,
        },
        data: data?,
        configuration: configuration?,
        signer: signer?,
        oidc: match oidc {
            Some(oidc) => Some(oidc?),
            None => None,
        },
        console: console?,
        limits: limits?,
        rates: rates?,
        revocation: revocation?,
    })
}

fn console(value: &Value<'_>) -> Option<Console> {
    let table = value.table()?;
    let hosts = match table.optional("hosts") {
        None => Some(vec![]),
        Some(value) => value.array()?.iter().map(host).collect::<Option<Vec<String>>>(),
    };
    table.finish();
    Some(Console { hosts: hosts? })
}

/// A name of this service, without a port.
fn host(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if text.is_empty() || !text.chars().all(fits) {
        let message = format!("`{}` is not the name of a host", value.path);
        return value.error_hint(error::VALUE, message, "Write a name without a scheme and a port: `reroot.example`.");
    }
    Some(text.to_owned())
}

pub(super) fn path(value: &Value<'_>, base: &Path) -> Option<PathBuf> {
    let text = value.string()?;
    if text.is_empty() {
        return value.error(error::VALUE, format!("`{}` is empty, expected a path", value.path));
    }
    Some(base.join(text))
}

/// `127.0.0.1:8443`, or `unix:PATH`.
fn listen(value: &Value<'_>, base: &Path) -> Option<Listen> {
    let text = value.string()?;
    if let Some(path) = text.strip_prefix("unix:")
        && !path.is_empty()
    {
        return Some(Listen::Unix(base.join(path)));
    }
    let Ok(address) = text.parse::<SocketAddr>() else {
        let message = format!("`{}` is not an address with a port, and not `unix:` with a path", value.path);
        return value.error_hint(error::VALUE, message, "Write `127.0.0.1:8443` or `unix:/run/reroot/serve.sock`.");
    };
    Some(Listen::Tcp(address))
}

/// As [`listen`], for this machine alone.
fn listen_here(value: &Value<'_>, base: &Path) -> Option<Listen> {
    let found = listen(value, base)?;
    match found {
        Listen::Tcp(address) if !address.ip().is_loopback() => {
            let message = format!("`{}` is {address}, which other machines reach", value.path);
            value.error_hint(error::LISTEN_OPEN, message, "Metrics are read on 127.0.0.1 or a unix socket.")
        }
        found => Some(found),
    }
}

fn tls(value: &Value<'_>, base: &Path) -> Option<Tls> {
    let table = value.table()?;
    let required = |key| table.required(key).and_then(|value| path(&value, base));
    let optional = |key| table.optional(key).map(|value| path(&value, base));
    let (certificate, key) = (required("certificate"), required("key"));
    let (client_ca, client_crl) = (optional("client_ca"), optional("client_crl"));
    table.report_unknown();
    if client_ca.is_none() && client_crl.is_some() {
        let (place, message) = (table.place("client_crl"), "`tls.client_crl` is there without `tls.client_ca`");
        table.errors.push::<()>(error::VALUE, place, message);
    }
    let whole = |path: Option<Option<PathBuf>>| match path {
        Some(path) => path.map(Some),
        None => Some(None),
    };
    Some(Tls { certificate: certificate?, key: key?, client_ca: whole(client_ca)?, client_crl: whole(client_crl)? })
}

impl Revocation {
    /// What holds where nothing is written.
    pub const fn usual() -> Self {
        Self { alone: 100, round_hours: None, valid_days: 8, directory: None, listen: None }
    }
}

fn revocation(value: &Value<'_>, base: &Path) -> Option<Revocation> {
    let table = value.table()?;
    let usual = Revocation::usual();
    let number = |key, allowed: RangeInclusive<u64>| table.optional(key).map(|value| value.integer(&allowed));
    let alone = number("alone", 0..=1 << 32).unwrap_or(Some(usual.alone));
    let round_hours = number("round_hours", 1..=24 * 365);
    let valid_days = number("valid_days", 1..=400).unwrap_or(Some(u64::from(usual.valid_days)));
    let directory = table.optional("directory").map(|value| path(&value, base));
    let place = table.optional("listen").map(|value| listen(&value, base));
    table.finish();
    let short = |number: u64| u32::try_from(number).ok();
    Some(Revocation {
        alone: alone?,
        round_hours: match round_hours {
            Some(hours) => Some(short(hours?)?),
            None => None,
        },
        valid_days: short(valid_days?)?,
        directory: match directory {
            Some(directory) => Some(directory?),
            None => None,
        },
        listen: match place {
            Some(place) => Some(place?),
            None => None,
        },
    })
}

impl Limits {
    /// What holds where nothing is written.
    pub const fn usual() -> Self {
        Self {
            upload_bytes: 8 << 30,
            uploads_per_user: 4,
            uploads_at_once: 16,
            upload_days: 7,
            free_bytes: 1 << 30,
            requests_at_once: 256,
            connections: 1024,
            threads: None,
        }
    }
}

/// A table for each class that has a rate of its own.
fn rates(value: &Value<'_>) -> Option<RateTable> {
    let table = value.table()?;
    let (mut rates, mut whole) = (RateTable::default(), true);
    for class in Class::ALL {
        let Some(value) = table.optional(class.as_str()) else { continue };
        match rate(&value) {
            Some(rate) => rates.set(class, rate),
            None => whole = false,
        }
    }
    table.finish();
    whole.then_some(rates)
}

fn rate(value: &Value<'_>) -> Option<Rate> {
    let table = value.table()?;
    let number = |key| {
        let number = table.required(key).and_then(|value| value.integer(&(1..=10_000_000)));
        number.and_then(|number| u32::try_from(number).ok())
    };
    let (per_minute, at_once) = (number("per_minute"), number("at_once"));
    table.finish();
    Some(Rate { per_minute: per_minute?, at_once: at_once? })
}

fn limits(value: &Value<'_>) -> Option<Limits> {
    let table = value.table()?;
    let usual = Limits::usual();
    let long = |key, usual: u64, most: u64| match table.optional(key) {
        None => Some(usual),
        Some(value) => value.integer(&(1..=most)),
    };
    let short = |key, usual: u32, most: u32| {
        long(key, u64::from(usual), u64::from(most)).and_then(|number| u32::try_from(number).ok())
    };
    let upload_bytes = long("upload_bytes", usual.upload_bytes, 1 << 40);
    let free_bytes = long("free_bytes", usual.free_bytes, 1 << 40);
    let uploads_per_user = short("uploads_per_user", usual.uploads_per_user, 1000);
    let uploads_at_once = short("uploads_at_once", usual.uploads_at_once, 256);
    let upload_days = short("upload_days", usual.upload_days, 365);
    let requests_at_once = short("requests_at_once", usual.requests_at_once, 65_536);
    let connections = short("connections", usual.connections, 65_536);
    let threads = table.optional("threads").map(|value| value.integer(&(1..=256)));
    table.finish();
    Some(Limits {
        upload_bytes: upload_bytes?,
        uploads_per_user: uploads_per_user?,
        uploads_at_once: uploads_at_once?,
        upload_days: upload_days?,
        free_bytes: free_bytes?,
        requests_at_once: requests_at_once?,
        connections: connections?,
        threads: match threads {
            Some(threads) => Some(usize::try_from(threads?).ok()?),
            None => None,
        },
    })
}
