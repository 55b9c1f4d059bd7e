//! `reroot verify-proof`

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use reroot_core::audit::Fault as Broken;
use reroot_core::input;
use reroot_core::manifest::Proof;
use reroot_core::proof::{Checker, ChipName, Claim, NotRevoked, Proved, Statuses};
use reroot_core::report::{Refused, Table, facts_of_proof};
use reroot_core::text::Printable;

use crate::args::{Format, VerifyProofArgs};
use crate::chip::chip;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::printer::Printer;
use crate::world::World;
use crate::{anchors, lists, render};

/// Verifies proofs, each with a verdict of its own.
pub fn run(args: &VerifyProofArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let anchors = anchors::all(&args.anchors, world, printer)?;
    let checker = Checker::new(&anchors.source, &anchors.issuer, &anchors.manifest)?;
    let asked = args.uid.as_deref().map(chip).transpose()?;
    let claim = if args.absent { Claim::Absence } else { Claim::Presence };
    let mut statuses = lists::statuses(&args.crl, None, world.now)?;
    let mut exit = Exit::Done;
    for path in &args.files {
        let mut count = 0;
        let mut beside = if args.crl.is_empty() { lists::beside_proof(path)? } else { None };
        let mut each = |line: &[u8]| {
            count += 1;
            if !line.starts_with(BEGIN) {
                let message =
                    format!("`{}` is not a file of proofs: line {count} is not a proof", Printable::new(path));
                let verify = whole_batch(printer);
                return Err(Fault::usage(message).hint(&format!("Proofs are made by `reroot prove`. {verify}")));
            }
            let place = format!("{}, proof {count}", printer.value(&render::path_json(path)));
            match checker.check_bytes(line) {
                Ok((_, proved)) => match answers(&proved, asked.as_ref(), claim) {
                    Ok(()) => match status(&proved, statuses.as_mut().or(beside.as_mut())) {
                        Ok(status) => show(printer, &proved, status.as_ref()),
                        Err(other) => {
                            exit = Exit::Findings;
                            refuse(printer, &place, &other, REVOKED);
                        }
                    },
                    Err(other) => {
                        exit = Exit::Findings;
                        refuse(printer, &place, &other, ANOTHER);
                    }
                },
                Err(broken) => {
                    exit = Exit::Findings;
                    refuse(printer, &place, &broken, "proof verification FAILED");
                }
            }
            Ok(())
        };
        if path.as_os_str() == "-" {
            lines(path, &mut *world.stdin, printer, &mut each)?;
        } else {
            let file = input::open(path).map_err(|error| unreadable(path, &error, printer))?;
            lines(path, file, printer, &mut each)?;
        }
        if count == 0 {
            return Err(Fault::usage(format!("`{}` holds no proof", Printable::new(path))));
        }
    }
    Ok(exit)
}

/// One proof a line; a line without its end is a proof that was cut off.
fn lines(
    path: &Path,
    input: impl Read,
    printer: Printer,
    each: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut input).take(Proof::MAX_BYTES as u64 + 1);
        limited.read_until(b'\n', &mut line).map_err(|error| unreadable(path, &error, printer))?;
        if line.is_empty() {
            return Ok(());
        }
        each(&line)?;
    }
}

fn whole_batch(printer: Printer) -> String {
    format!("A whole batch is checked by `{} verify`.", printer.program)
}

fn unreadable(path: &Path, error: &std::io::Error, printer: Printer) -> Fault {
    let fault = Fault::usage(format!("cannot read `{}`: {error}", Printable::new(path)));
    if path.is_dir() {
        return fault.hint(&whole_batch(printer));
    }
    fault
}

/// A proof that holds may show something else than what was asked for.
fn answers(proved: &Proved, asked: Option<&ChipName>, claim: Claim) -> Result<(), Broken> {
    asked.map_or(Ok(()), |asked| proved.must_be_about(asked))?;
    proved.must_show(claim)
}

/// What the CRLs say, where the proof is of a chip that is in the batch.
fn status(proved: &Proved, statuses: Option<&mut Statuses>) -> Result<Option<NotRevoked>, Broken> {
    let (Some(statuses), Some(presence)) = (statuses, &proved.presence) else { return Ok(None) };
    statuses.check(&presence.certificate, &presence.identity).map(Some)
}

fn show(printer: Printer, proved: &Proved, status: Option<&NotRevoked>) {
    match printer.format {
        Format::Json => printer.json_line(&lists::with_status(render::document(proved), status)),
        Format::Text => printer.data(&text(proved, status)),
    }
}

fn text(proved: &Proved, status: Option<&NotRevoked>) -> String {
    let mut table = Table::new(14);
    table.extend(facts_of_proof(proved));
    table.extend(status.map(|status| ("status", lists::shown(status))));
    table.text(match proved.presence {
        Some(_) => "proof OK: the chip is in the batch\n",
        None => "proof OK: the chip is NOT in the batch\n",
    });
    table.finish()
}

fn refuse(printer: Printer, place: &str, broken: &Broken, verdict: &str) {
    match printer.format {
        Format::Json => printer.json_line(&Refused::new(place, broken)),
        Format::Text => {
            let message = Printable::new(&broken.message);
            // of the proof itself the place says enough
            let part =
                if broken.place == PROOF { String::new() } else { format!("{}: ", Printable::new(&broken.place)) };
            printer.data(&format!("FAULT [{}] {place}: {part}{message}\n{verdict}\n", broken.code));
        }
    }
}

/// What is wrong is the proof itself, not a part of it.
const PROOF: &str = "proof";
/// The proof holds, and is not the one that was asked for.
const ANOTHER: &str = "proof FAILED: it shows something else than was asked for";
/// The proof holds, and the certificate is revoked or not shown to be good.
const REVOKED: &str = "certificate FAILED: it is revoked, or no list shows that it is not";
const BEGIN: &[u8] = b"{\"format\":\"";
