//! What the commands that sign read before they do anything: the configuration and what it names.

use std::path::Path;

use reroot::cert::IssuerIdentity;
use reroot::config::{Config, Sharing};
use reroot::durable::output::Shape;
use reroot::error::Error;
use reroot::ledger::Ledger;
use reroot::ownership::{Ownership, Role, Shared};
use reroot::text::Printable;
use reroot::x509::{Certificate, Sha256Digest, Spki};
use reroot_check::{Configuration, Configured};

use super::{Fault, Patience, Printer, World};

pub(crate) use reroot_check::load::{
    beacon, bytes, bytes_up_to, certificates, engine, expected, inputs, params, place, policy,
};

/// As [`place`], of an output that an earlier run of this command may have written: when it is there, the command decides.
/// To be called before a passphrase is asked for.
pub(crate) fn place_unless_there(out: &Path, shape: Shape) -> Result<(), Fault> {
    if out.symlink_metadata().is_ok() { Ok(()) } else { place(out, shape) }
}

/// Reads the configuration.
pub(crate) fn config(path: &Path, printer: Printer) -> Result<Config, Fault> {
    config_or(path, printer, "Make one with `reroot init DIR`, or name one with --config.")
}

/// Reads the configuration, and says which; `hint` says what else would do.
pub(crate) fn config_or(path: &Path, printer: Printer, hint: &str) -> Result<Config, Fault> {
    if !path.exists() {
        return Err(Fault::usage(format!("there is no configuration `{}`", Printable::new(path))).hint(hint));
    }
    let config = Config::load_with(path, printer.sharing).map_err(Error::from)?;
    printer.configuration(&path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    overruled(config.overruled(), printer);
    Ok(config)
}

/// Reads the configuration, for what a verb that checks needs of it.
pub(crate) fn configured(path: &Path, printer: Printer) -> Result<Box<dyn Configured>, Fault> {
    Ok(Box::new(InFile(config(path, printer)?)))
}

/// Warns of certificates of the configuration that end soon, before something is signed.
pub(crate) fn ending(config: &Config, world: &World, printer: Printer) {
    for warning in reroot::status::ending(config, world.now) {
        printer.warn(&warning);
    }
}

/// Where the verbs that check find what no option names: `reroot.toml`.
pub(crate) struct FromFile(pub(crate) Sharing, pub(crate) Patience);

impl Configuration for FromFile {
    fn load(&self, path: &Path, printer: reroot_check::Printer, hint: &str) -> Result<Box<dyn Configured>, Fault> {
        Ok(Box::new(InFile(config_or(path, Printer::with(printer, self.0, self.1), hint)?)))
    }
}

/// A configuration that was read.
struct InFile(Config);

impl Configured for InFile {
    fn source_anchors(&self) -> Result<Vec<Certificate>, Fault> {
        Ok(self.0.anchors()?)
    }

    fn issuer(&self) -> Result<IssuerIdentity, Fault> {
        Ok(self.0.issuer_identity()?)
    }

    fn manifest_anchors(&self) -> Result<Vec<Certificate>, Fault> {
        Ok(self.0.manifest_anchors()?)
    }
}

/// Refuses a file that an option names if a different user can change it, or can read a secret in it.
pub(crate) fn guarded(path: &Path, role: Role, printer: Printer) -> Result<(), Fault> {
    match (Ownership::of_this_process().check(path, role), printer.sharing) {
        (Ok(()), _) => Ok(()),
        (Err(shared), Sharing::Allowed) => {
            overruled(&[shared], printer);
            Ok(())
        }
        (Err(shared), Sharing::Refused) => Err(Fault::usage(shared.to_string()).hint(&shared.hint())),
    }
}

fn overruled(shared: &[Shared], printer: Printer) {
    for shared in shared {
        printer.warn(&format!("{shared}; --allow-shared overrules this"));
    }
}

/// Opens the ledger that the configuration names, or makes it where that was asked for.
pub(crate) fn ledger(config: &Config, issuer: &Spki, new: bool, printer: Printer) -> Result<Ledger, Fault> {
    let open = || if new { config.open_or_create_ledger(issuer) } else { config.open_ledger(issuer) };
    noted(config, || printer.when_free(open), printer)
}

/// Opens the ledger of a worker, which is on a server.
pub(crate) fn ledger_as_worker(config: &Config, url: &Path, issuer: &Spki, printer: Printer) -> Result<Ledger, Fault> {
    noted(config, || Ok(config.open_ledger_as_worker(url, issuer)?), printer)
}

/// Opens a ledger, and warns where there was no head to compare it with.
fn noted(config: &Config, open: impl FnOnce() -> Result<Ledger, Fault>, printer: Printer) -> Result<Ledger, Fault> {
    let unnoted = config.head_file().filter(|file| !file.exists());
    let ledger = open()?;
    if let Some(file) = unnoted {
        let file = Printable::new(file);
        printer.warn(&format!(
            "there is no `{file}` to compare the ledger's head with; it is written at the end of this run"
        ));
    }
    Ok(ledger)
}

/// The digest of `--expect-head`.
pub(crate) fn head(text: &str) -> Result<Sha256Digest, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("--expect-head is not a digest: {error}")))
}

/// The digest of `--expect-signatures`.
pub(crate) fn digest_of_signatures(text: &str) -> Result<Sha256Digest, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("--expect-signatures is not a digest: {error}")))
}
