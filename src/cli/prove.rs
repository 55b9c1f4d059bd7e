//! `reroot prove`

use std::path::Path;

use reroot::delivery::check_place;
use reroot::durable::output::{self, Shape};
use reroot::durable::{self, Access};
use reroot::error::CoreError;
use reroot::manifest::Proof;
use reroot::origin::TypedList;
use reroot::proof::{ChipName, ChipNameError, Chips, Prove, Proven, prove};
use reroot::report::{Place, ProofsMade};
use reroot::text::Printable;
use reroot_check::chip::{chip, not_a_chip};
use reroot_check::lists::Covering;

use super::args::{Format, ProveArgs};
use super::progress::Counter;
use super::{Exit, Fault, Printer, World, destination, load, render};

pub(crate) fn run(args: &ProveArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let names = match (&args.uid, &args.from) {
        (Some(uid), _) => vec![chip(uid)?],
        (None, Some(list)) => chips(list)?,
        (None, None) => vec![],
    };
    let out = named(args);
    let counter = Counter::new(out.is_some() && printer.draws());
    let job = Prove {
        batch: &args.batch,
        chips: if args.all { Chips::All } else { Chips::These(&names) },
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    if let Some(out) = out.filter(|_| args.uid.is_some()) {
        load::place(out, Shape::PLAIN)?;
    }
    let mut covering = match out {
        Some(out) if args.with_status => Covering::new(&args.crl, out, world.now)?,
        None if args.with_status => {
            return Err(Fault::usage("--with-status wants a file beside the proofs").hint("Name the place with --out."));
        }
        _ => None,
    };
    let mut see = |proof: &Proof| covering.iter_mut().for_each(|covering| covering.see(proof));
    let proven = match out {
        None => prove(&job, &mut |proof| {
            printer.exact(&proof.to_line());
            Ok(())
        }),
        Some(out) if args.uid.is_some() => prove(&job, &mut |proof| {
            see(&proof);
            Ok(output::write_new(out, Access::Public, proof.to_line().as_bytes())?)
        }),
        Some(out) => into_directory(&job, out, &mut see),
    };
    counter.finish();
    let proven = proven?;
    covering.map_or(Ok(()), Covering::write)?;
    let text = format!(
        "batch {}: {} proved to be in it, {} proved not to be",
        proven.statement.batch,
        render::count(proven.present),
        render::count(proven.absent)
    );
    match (printer.format, out) {
        (Format::Json, Some(out)) => {
            let Proven { present, absent, .. } = proven;
            printer.json(&ProofsMade { out: Place(out), batch: &proven.statement.batch, present, absent });
        }
        // standard output is the proofs
        (_, None) => printer.say(&text),
        (Format::Text, Some(out)) => {
            printer.data(&format!("{}\n", Printable::new(out)));
            printer.say(&text);
        }
    }
    Ok(Exit::Done)
}

/// Many proofs at once: the directory appears when the last of them is on disk.
fn into_directory(job: &Prove<'_>, out: &Path, see: &mut dyn FnMut(&Proof)) -> Result<Proven, CoreError> {
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
        see(&proof);
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

/// Where the proofs go; `None` is standard output.
fn named(args: &ProveArgs) -> Option<&Path> {
    args.out.as_deref().filter(|out| !destination::is_stream(out))
}

const PARTIAL: &str = ".partial";
/// Bytes of the name of a proof of the longest UID.
const LONGEST_NAME: usize = 40 + ".proof.json".len();

fn chips(list: &Path) -> Result<Vec<ChipName>, Fault> {
    let content = load::bytes("list of chips", list)?;
    let text = TypedList::new(&content)
        .map_err(|error| Fault::usage(format!("{}: {error}", Printable::new(list))).hint(error.hint()))?;
    let name = |(line, cell): (u64, &str)| {
        cell.parse().map_err(|error: ChipNameError| not_a_chip(&error, cell, Some((list, line))))
    };
    let mut names = text.lines().map(name).collect::<Result<Vec<ChipName>, Fault>>()?;
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(Fault::usage(format!("list of chips `{}` names no chip", Printable::new(list))));
    }
    Ok(names)
}
