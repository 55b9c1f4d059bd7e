//! `reroot sign --pool`: a worker of a pool.

use std::path::Path;
use std::time::Duration;

use reroot::ledger::{Pool, Worker};
use reroot::pipeline::Worked;
use reroot::plan::LeafStore;
use reroot::report::Table;
use reroot::setup::{Vault, WorkChoices};
use reroot::text::Printable;

use super::args::{Format, SignArgs};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, instant, load, progress, render};

pub(super) fn run(args: &SignArgs, url: Option<&Path>, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let leaves = args.pool.leaves.clone().expect("it is required with --pool");
    if leaves.to_str().is_some_and(|text| text.contains("://") && !text.starts_with("http://")) {
        let found = Printable::new(&leaves);
        return Err(Fault::usage(format!(
            "--leaves: `{found}`, expected a directory or a URL that begins with `http://`"
        ))
        .hint(
            "Digests on the ledger keep the files what they were. Where they must stay private, share a directory.",
        ));
    }
    let config = load::config(&args.config, printer)?;
    load::ending(&config, world, printer);
    let url = url.unwrap_or_else(|| config.ledger_path());
    let vault = Vault::open(&config, &Secrets)?;
    let ledger = load::ledger_as_worker(&config, url, vault.issuer_key(), printer)?;
    let mut pool = Pool::open(url)?;
    let clock = world.clock;
    let choices = WorkChoices {
        leaves: LeafStore::at(&leaves),
        scratch: std::env::temp_dir(),
        worker: worker(world, &vault),
        lease: Duration::from_secs(args.pool.lease),
        at_once: args.pool.at_once,
        until_empty: args.pool.until_empty,
        jobs: args.jobs,
        clock: &move || instant(clock()),
        note: &|text| printer.warn(text),
    };
    printer
        .say(&format!("worker `{}` takes chunks, each for {} seconds at a time", choices.worker.name, args.pool.lease));
    let worked = progress::with_bars(world, printer, |around| vault.work(&choices, &ledger, &mut pool, around))?;
    printer.notes(vault.notes());
    match printer.format {
        Format::Json => printer.json(&worked),
        Format::Text => printer.data(&text(&worked)),
    }
    if worked.parked > 0 {
        printer.warn("chunks are parked: `reroot pool status` shows why, and `reroot plan` again hands them out again");
    }
    Ok(if worked.parked > 0 { Exit::Findings } else { Exit::Done })
}

/// What the pool knows this process by.
fn worker(world: &World, vault: &Vault) -> Worker {
    let host = load::bytes("name of this machine", Path::new(HOST))
        .map(|name| String::from_utf8_lossy(&name).trim().to_owned())
        .unwrap_or_default();
    Worker {
        name: format!("{host}-{}-{}", std::process::id(), hex::encode(world.random::<4>())),
        build: concat!("reroot ", env!("CARGO_PKG_VERSION")).to_owned(),
        signer: vault.issuer_name(),
        host,
    }
}

/// Where the system says what this machine is called.
const HOST: &str = "/proc/sys/kernel/hostname";

fn text(worked: &Worked) -> String {
    let mut table = Table::new(14);
    table.line("chunks", render::count(worked.chunks));
    table.line("certificates", render::count(worked.certificates));
    table.line("given back", render::count(worked.failed));
    table.line("parked", render::count(worked.parked));
    table.finish()
}
