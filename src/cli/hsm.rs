//! `reroot hsm`

use std::fmt::Write as _;
use std::time::Duration;

use reroot::ownership::Role;
use reroot::report::Table;
use reroot::signer::pkcs11::{self, Bench, BenchKey, BenchReport, Examined, Measured, Settings, TokenKey};
use reroot::signer::{KeyUri, Secret, SecretSource, SignerError};
use reroot::text::Printable;
use reroot::x509::KeyAlgorithm;
use reroot_check::words::ours;

use super::args::{Format, HsmCommand, PinArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, load};

pub(crate) fn run(command: &HsmCommand, printer: Printer) -> Result<Exit, Fault> {
    match command {
        HsmCommand::Doctor { uri, pin } => {
            let settings = Settings::default();
            let report = pkcs11::doctor(token_key(uri, pin, &settings, printer)?, &settings);
            match printer.format {
                Format::Json => printer.json(&Examined(&report)),
                Format::Text => {
                    let mut table = Table::new(12);
                    table.extend(Examined(&report).facts().into_iter().map(|(name, value)| (name, ours(&value))));
                    printer.data(&table.finish());
                }
            }
            Ok(if report.is_healthy() { Exit::Done } else { Exit::Signer })
        }
        HsmCommand::Bench { uri, pin, sessions, batch, seconds, key, use_this_key } => {
            let settings = Settings::default();
            let token_key = token_key(uri, pin, &settings, printer)?;
            let what = Bench {
                key: if *use_this_key { BenchKey::Given } else { BenchKey::Passing(key_algorithm(key)) },
                sessions: sessions.clone(),
                time: Duration::from_secs(*seconds),
            };
            let report = pkcs11::bench(token_key, &what, &settings).map_err(SignerError::from)?;
            match printer.format {
                Format::Json => printer.json(&Measured { report: &report, batch: *batch }),
                Format::Text => printer.data(&bench_text(&report, *batch)),
            }
            Ok(Exit::Done)
        }
    }
}

/// Reads a URI that was typed. Relative paths in it are of the present directory; a module must be named with a folder,
/// so that none is loaded that merely is there.
pub(crate) fn uri(text: &str, printer: Printer) -> Result<KeyUri, Fault> {
    let mut uri = KeyUri::parse(text).map_err(|error| {
        // the URI itself is not repeated: it may hold a PIN, which is what is wrong with it then
        let hint = error.hint().unwrap_or_default();
        Fault::usage(error.to_string()).hint(&hint)
    })?;
    if let Some(path) = &mut uri.module_path {
        if path.components().count() == 1 {
            return Err(Fault::usage(format!("module-path `{}` names no folder", Printable::new(path)))
                .hint("Give the whole path, such as /usr/lib/vendor.so, or ./vendor.so for one in this directory."));
        }
        *path = super::init::in_this_directory(path)?;
        load::guarded(path, Role::Trusted, printer)?;
    }
    if let Some(path) = &uri.pin_source {
        load::guarded(path, Role::Secret, printer)?;
    }
    Ok(uri)
}

/// Where the options say that the PIN is.
pub(crate) fn pin_source(args: &PinArgs) -> Option<SecretSource> {
    let file = args.pin_file.clone().map(SecretSource::File);
    file.or_else(|| args.pin_env.clone().map(SecretSource::Env))
}

/// The PIN for a token, from the options, the URI or a prompt.
pub(crate) fn pin(
    uri: &KeyUri,
    args: &PinArgs,
    settings: &Settings,
    printer: Printer,
) -> Result<Option<Secret>, Fault> {
    let source = pin_source(args);
    if let Some(SecretSource::File(path)) = &source {
        load::guarded(path, Role::Secret, printer)?;
    }
    if source.is_some() && uri.pin_source.is_some() {
        return Err(Fault::usage("--pin-env or --pin-file and the URI's pin-source both say where the PIN is")
            .hint("Leave one of them out."));
    }
    Ok(pkcs11::resolve_pin(uri, source.as_ref(), &Secrets, settings)?)
}

fn token_key(text: &str, args: &PinArgs, settings: &Settings, printer: Printer) -> Result<TokenKey, Fault> {
    let uri = uri(text, printer)?;
    let pin = pin(&uri, args, settings, printer)?;
    Ok(pkcs11::token_key(uri, pin).map_err(SignerError::from)?)
}

/// One of [`KEY_KINDS`](super::args::KEY_KINDS).
pub(crate) fn key_algorithm(name: &str) -> KeyAlgorithm {
    match name {
        "P-384" => KeyAlgorithm::P384,
        "P-521" => KeyAlgorithm::P521,
        "Ed25519" => KeyAlgorithm::Ed25519,
        "RSA-3072" => KeyAlgorithm::Rsa { bits: 3072 },
        _ => KeyAlgorithm::P256,
    }
}

fn bench_text(report: &BenchReport, batch: u64) -> String {
    let mut text =
        format!("{}, {}\n{:>8}  {:>12}\n", Printable::new(&report.token), report.algorithm, "sessions", "signatures/s");
    for row in &report.rows {
        let _ = writeln!(text, "{:>8}  {:>12.1}", row.sessions, row.rate());
    }
    if let (Some(best), Some(time)) = (report.best(), report.time_for(batch)) {
        let _ = writeln!(text, "best: {} sessions; {batch} certificates take about {}", best.sessions, lasting(time));
    }
    text
}

fn lasting(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 60..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
