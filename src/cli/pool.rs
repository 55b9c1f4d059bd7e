//! `reroot pool`

use reroot::ledger::{HandedOut, Pool, PoolStatus, PoolWorker};
use reroot::report::Table;
use reroot::text::Printable;

use super::args::{Format, PoolCommand, WhichLedger};
use super::{Exit, Fault, Printer, load, render};

pub(crate) fn run(command: &PoolCommand, printer: Printer) -> Result<Exit, Fault> {
    let PoolCommand::Status { ledger: WhichLedger { ledger, config } } = command;
    let path = match ledger {
        Some(path) => path.clone(),
        None => load::config_or(config, printer, "Name the ledger, or a configuration with --config.")?
            .ledger_path()
            .to_owned(),
    };
    let status = Pool::open_to_read(&path)?.status()?;
    match printer.format {
        Format::Json => {
            let mut value = render::document(&status);
            value["ledger"] = render::path_json(&path).into();
            printer.json(&value);
        }
        Format::Text => {
            let mut table = Table::new(16);
            table.line("ledger", Printable::new(&path).to_string());
            fill(&mut table, &status);
            printer.data(&table.finish());
        }
    }
    Ok(if status.parked.is_empty() { Exit::Done } else { Exit::Findings })
}

fn fill(table: &mut Table, status: &PoolStatus) {
    if status.batches.is_empty() {
        table.line("batches", "none is handed out");
    }
    for of in &status.batches {
        let HandedOut { batch, leaves, certificates, open, leased, done, parked } = of;
        let [leaves, certificates] = [*leaves, *certificates].map(render::count);
        let [all, open, leased, done, parked] =
            [open + leased + done + parked, *open, *leased, *done, *parked].map(render::count);
        table.line("batch", batch.as_str());
        table.line("  certificates", format!("{certificates} of {leaves}"));
        table.line("  chunks", format!("{all} = {open} open + {leased} leased + {done} done + {parked} parked"));
        for chunk in status.parked.iter().filter(|chunk| chunk.batch == *batch) {
            table.line("  parked", format!("chunk {}, leased {} times: {}", chunk.chunk, chunk.attempts, chunk.reason));
        }
    }
    for PoolWorker { worker, started_seconds, seen_seconds, leased, certificates } in &status.workers {
        let [leased, certificates] = [*leased, *certificates].map(render::count);
        let lines = [
            format!("{} on {}, version {}, signs with {}", worker.name, worker.host, worker.build, worker.signer),
            format!("seen {seen_seconds} s ago, first {started_seconds} s ago"),
            format!("{leased} chunks leased, {certificates} certificates"),
        ];
        table.lines("worker", &lines);
    }
}
