//! `reroot signer`

use std::path::Path;
use std::sync::Arc;

use reroot::config::Config;
use reroot::error::{Error, SigningServiceError};
use reroot::ledger::LedgerError;
use reroot::ownership::Role;
use reroot::report::Table;
use reroot::signer::{SecretResolver as _, SecretSource};
use reroot::signing_service::{ApprovalMode, Client, Host, Readiness, SecretText, Service, SignerState};
use reroot::text::Printable;

use super::args::{Format, SignerArgs, SignerCommand};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &SignerArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match &args.command {
        None => serve(args, world, printer),
        Some(SignerCommand::Status { socket }) => status(socket, printer),
        Some(SignerCommand::Unlock { socket, secret_file }) => unlock(socket, secret_file.as_deref(), printer),
    }
}

fn serve(args: &SignerArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(&args.config, printer)?;
    load::ending(&config, world, printer);
    let host = Host {
        clock: world.clock,
        random: world.random,
        env: |name| Secrets.env(name),
        cancel: Arc::clone(&world.checking.cancel),
        tool: concat!("reroot ", env!("CARGO_PKG_VERSION")),
    };
    let socket = config.signer_section().map(|section| section.socket().to_owned()).unwrap_or_default();
    let in_use = |error: &Error| {
        matches!(
            error,
            Error::SigningService(SigningServiceError::Running { .. }) | Error::Ledger(LedgerError::Locked { .. })
        )
    };
    // with `--wait`, a second host that is ready: it goes on when the first one's process is gone
    let mut first = Some(config);
    let service = printer.when(in_use, || {
        let config = first.take().map_or_else(|| Config::load_with(&args.config, printer.sharing), Ok)?;
        Service::open(config, host.clone(), args.new_ledger)
    })?;
    printer.say(&format!("listening on `{}`", Printable::new(&socket)));
    service.run()?;
    Ok(Exit::Done)
}

fn status(socket: &Path, printer: Printer) -> Result<Exit, Fault> {
    let state = Client::new(socket.to_owned()).state()?;
    match printer.format {
        Format::Json => printer.json(&state),
        Format::Text => printer.data(&text(&state)),
    }
    Ok(if state.readiness == (Readiness::Ready {}) { Exit::Done } else { Exit::Findings })
}

fn text(state: &SignerState) -> String {
    let mut table = Table::new(16);
    let readiness = match &state.readiness {
        Readiness::Failing { text } => format!("FAILED: {text}"),
        Readiness::Ready {} => "ready".to_owned(),
        Readiness::Starting {} => "opening the key".to_owned(),
        Readiness::WaitingForSecret { last: None } => "waiting for the secret: run `reroot signer unlock`".to_owned(),
        Readiness::WaitingForSecret { last: Some(text) } => format!("waiting for the secret; the last one: {text}"),
    };
    table.lines("state", &readiness.lines().collect::<Vec<_>>());
    table.line("build", &state.build);
    table.line("issuer", format!("SHA-256 {}", state.issuer_sha256));
    let needed = render::count(u64::from(state.approvals_needed));
    let approvals = match state.approvals {
        ApprovalMode::Console => "a click of a second person, told by the program that hands plans over".to_owned(),
        ApprovalMode::Signed => format!("{needed}, signed by persons that this machine knows"),
    };
    table.line("approvals", approvals);
    table.line("requests", format!("{} not answered", render::count(state.queued)));
    table.line("free", format!("{} bytes", render::count(state.free_bytes)));
    table.finish()
}

fn unlock(socket: &Path, secret_file: Option<&Path>, printer: Printer) -> Result<Exit, Fault> {
    let secret = match secret_file {
        None => {
            let question = "passphrase or PIN of the CA key";
            Secrets.prompt(question).map_err(|error| {
                Fault::usage(format!("{question} could not be asked for: {error}"))
                    .hint("Without a terminal, name a file with --secret-file.")
            })?
        }
        Some(path) => {
            load::guarded(path, Role::Secret, printer)?;
            let secret = SecretSource::File(path.to_owned()).resolve("the CA key", &Secrets);
            let secret = secret.map_err(reroot::signer::SignerError::from)?;
            String::from_utf8_lossy(secret.expose()).into_owned()
        }
    };
    Client::new(socket.to_owned()).unlock(SecretText::new(secret))?;
    printer.say("the key is open");
    Ok(Exit::Done)
}
