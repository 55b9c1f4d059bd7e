//! `reroot lookup`

use std::io::Read as _;
use std::path::Path;

use reroot_core::audit::Fault as Broken;
use reroot_core::delivery::{PackReader, certificate_to_pem};
use reroot_core::origin::Uid;
use reroot_core::proof::{
    Checker, ChipName, Found, NotRevoked, Presence, ProofSource, Proved, Statuses, code, leaf_from_chip, lookup,
};
use reroot_core::report::{Absent, Present, Table};
use reroot_core::text::Printable;
use reroot_core::x509::Certificate;

use crate::args::{Format, LookupArgs};
use crate::chip::chip;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::world::World;
use crate::{anchors, lists, load, render};

/// Largest leaf that is read from standard input.
const MAX_LEAF: u64 = 64 * 1024;

/// Finds a chip and gives its certificate, once its proof was checked.
pub fn run(args: &LookupArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let anchors = anchors::all(&args.anchors, world, printer)?;
    let checker = Checker::new(&anchors.source, &anchors.issuer, &anchors.manifest)?;
    let mut statuses = lists::statuses(&args.crl, Some(&args.shelf), world.now)?;
    let (name, leaf) = match (&args.uid, &args.leaf) {
        (Some(uid), _) => (chip(uid)?, None),
        (None, Some(path)) => {
            let leaf = leaf(path, world)?;
            (ChipName::from(Uid::from_serial(leaf.serial())), Some(leaf))
        }
        (None, None) => return Err(Fault::usage("no chip was named")),
    };
    match lookup(source(&args.shelf)?, &name, &checker, &world.cancel)? {
        Found::Chip(found) if args.absent => {
            let place = format!("chip {}", found.0.entry.uid());
            Ok(broken(printer, &Broken { code: code::PRESENT, place, message: "is in the batch".to_owned() }))
        }
        Found::Chip(found) => {
            let (presence, proved) = &*found;
            match leaf.filter(|leaf| leaf.der() != presence.source.der()) {
                None => {
                    let check = |statuses: &mut Statuses| statuses.check(&presence.certificate, &presence.identity);
                    match statuses.as_mut().map(check).transpose() {
                        Ok(status) => answer(args, printer, (presence, proved), status.as_ref()),
                        Err(fault) => Ok(broken(printer, &fault)),
                    }
                }
                Some(_) => Ok(broken(
                    printer,
                    &Broken {
                        code: code::LEAF,
                        place: format!("chip {}", presence.entry.uid()),
                        message: "the batch was made from another leaf of this chip".to_owned(),
                    },
                )),
            }
        }
        Found::Absent(proved) if args.absent => Ok(absence(printer, &name, &proved)),
        Found::Absent(_) => {
            let (code, place) = (code::ABSENT, format!("chip {name}"));
            Ok(broken(printer, &Broken { code, place, message: "is not in the batch, and that is proved".to_owned() }))
        }
        Found::Broken(fault) => Ok(broken(printer, &fault)),
    }
}

/// What the path leads to.
pub fn source(path: &Path) -> Result<ProofSource<'_>, Fault> {
    if PackReader::is_one(path) {
        return Ok(ProofSource::Pack(path));
    }
    if path.is_dir() {
        return Ok(ProofSource::Batch(path));
    }
    let message = format!("`{}` is neither a line pack nor a batch directory", Printable::new(path));
    Err(Fault::usage(message).hint("Make a pack with `reroot export BATCH --to line-pack --out FILE`."))
}

/// The leaf as a station reads it: alone in a file, or at the beginning of a zone.
fn leaf(path: &Path, world: &mut World) -> Result<Certificate, Fault> {
    let stdin = path.as_os_str() == "-";
    let bytes = if stdin {
        let mut bytes = Vec::new();
        let mut input = (&mut world.stdin).take(MAX_LEAF);
        input.read_to_end(&mut bytes).map_err(|error| Fault::usage(format!("standard input: {error}")))?;
        bytes
    } else {
        load::bytes("leaf", path)?
    };
    leaf_from_chip(&bytes).map_err(|error| {
        let place = if stdin { "standard input".to_owned() } else { format!("`{}`", Printable::new(path)) };
        Fault::usage(format!("{place} {error}")).hint(error.hint())
    })
}

fn answer(
    args: &LookupArgs,
    printer: Printer,
    (presence, proved): (&Presence, &Proved),
    status: Option<&NotRevoked>,
) -> Result<Exit, Fault> {
    let found = Present { presence, proved };
    if args.der {
        printer.binary(presence.certificate.der())?;
    } else if args.pem {
        let mut text = certificate_to_pem(presence.certificate.der());
        found.chain().for_each(|above| text.push_str(&certificate_to_pem(above.der())));
        printer.exact(&text);
    } else if printer.format == Format::Json {
        printer.json(&lists::with_status(render::document(&found), status));
    } else {
        let mut facts = found.facts();
        facts.extend(status.map(|status| ("status", lists::shown(status))));
        tell(printer, facts, "proof OK\n");
    }
    Ok(Exit::Done)
}

/// The proof that the chip is not there was asked for.
fn absence(printer: Printer, name: &ChipName, proved: &Proved) -> Exit {
    let absent = Absent::new(name, proved);
    match printer.format {
        Format::Json => printer.json(&absent),
        Format::Text => tell(printer, absent.facts(), "proof OK: the chip is NOT in the batch\n"),
    }
    Exit::Done
}

fn tell(printer: Printer, facts: Vec<(&'static str, String)>, verdict: &str) {
    let mut table = Table::new(14);
    table.extend(facts);
    table.text(verdict);
    printer.data(&table.finish());
}

/// Nothing is returned: on standard output there is only what was proved.
fn broken(printer: Printer, fault: &Broken) -> Exit {
    printer.failure(&printer.value(&format!("[{}] {}: {}", fault.code, fault.place, fault.message)), None);
    Exit::Findings
}
