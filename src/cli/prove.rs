//! `reroot prove`

use std::path::Path;

use reroot::delivery::check_place;
use reroot::durable::output::{self, Shape};
use reroot::durable::{self, Access};
use reroot::error::Error;
use reroot::proof::{ChipName, Chips, Prove, Proven, prove};
use serde_json::json;

use super::args::{Format, ProveArgs};
use super::progress::Counter;
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &ProveArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let names = match (&args.uid, &args.from) {
        (Some(uid), _) => vec![chip(uid)?],
        (None, Some(list)) => chips(list)?,
        (None, None) => vec![],
    };
    let counter = Counter::new(printer.terminal && args.out.is_some() && printer.format == Format::Text);
    let job = Prove {
        batch: &args.batch,
        chips: if args.all { Chips::All } else { Chips::These(&names) },
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    if let Some(out) = args.out.as_ref().filter(|_| args.uid.is_some()) {
        load::place(out, Shape::PLAIN)?;
    }
    let proven = match &args.out {
        None => prove(&job, &mut |proof| {
            printer.data(&proof.to_line());
            Ok(())
        }),
        Some(out) if args.uid.is_some() => {
            prove(&job, &mut |proof| Ok(output::write_new(out, Access::Public, proof.to_line().as_bytes())?))
        }
        Some(out) => into_directory(&job, out),
    };
    counter.finish();
    let proven = proven?;
    let text = format!(
        "batch {}: {} proved to be in it, {} proved not to be",
        proven.statement.batch,
        render::count(proven.present),
        render::count(proven.absent)
    );
    match (printer.format, &args.out) {
        (Format::Json, Some(out)) => printer.json(&json!({
            "out": out.display().to_string(),
            "batch": proven.statement.batch,
            "present": proven.present,
            "absent": proven.absent,
        })),
        // standard output is the proofs
        (_, None) => printer.say(&text),
        (Format::Text, Some(out)) => {
            printer.data(&format!("{}\n", out.display()));
            printer.say(&text);
        }
    }
    Ok(Exit::Done)
}

/// Many proofs at once: the directory appears when the last of them is on disk.
fn into_directory(job: &Prove<'_>, out: &Path) -> Result<Proven, Error> {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    let partial = &*out.with_file_name(name);
    check_place(out, Shape::directory(PARTIAL.len(), LONGEST_NAME))?;
    // what an interrupted run left
    if partial.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        durable::remove_partial(partial)?;
    }
    output::create_directory(partial, Access::Public)?;
    let written = prove(job, &mut |proof| {
        let path = partial.join(format!("{}.proof.json", proof.uid));
        Ok(durable::write_unsynced(&path, Access::Public, proof.to_line().as_bytes())?)
    });
    let published = written.and_then(|proven| {
        output::sync_filesystem(partial)?;
        output::publish(partial, out)?;
        Ok(proven)
    });
    if published.is_err() {
        // the first error is the one to tell
        let _ = durable::remove_partial(partial);
    }
    published
}

const PARTIAL: &str = ".partial";
/// Bytes of the name of a proof of the longest UID.
const LONGEST_NAME: usize = 40 + ".proof.json".len();

pub(crate) fn chip(text: &str) -> Result<ChipName, Fault> {
    text.parse().map_err(|_| {
        Fault::usage(format!("`{}` is not a UID", render::escape(text)))
            .hint("A UID is 1 to 20 octets in hexadecimal, such as 0209A021E021C4E1D00139.")
    })
}

fn chips(list: &Path) -> Result<Vec<ChipName>, Fault> {
    let text = load::bytes("list of chips", list)?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut names = lines.filter(|line| !line.is_empty()).map(chip).collect::<Result<Vec<_>, _>>()?;
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(Fault::usage(format!("list of chips `{}` names no chip", render::path(list))));
    }
    Ok(names)
}
