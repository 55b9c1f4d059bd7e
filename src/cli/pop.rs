//! `reroot pop`

use std::path::{Path, PathBuf};

use reroot::durable::Access;
use reroot::durable::output::{self, Shape};
use reroot::manifest::possession::{Challenge, Receipt, signature_from_chip};
use reroot::possession::{SealReceipts, SealedReceipts, seal_receipts};
use reroot::proof::{Checker, Found, Presence, Proved, lookup};
use reroot::report::{Place, PossessionMade, SupplementMade};
use reroot::text::Printable;
use reroot_check::beside::{MAX_RECEIPTS, PossessionFiles};
use reroot_check::chip::chip;
use reroot_check::verb::lookup::source as opened;

use super::args::{AnchorArgs, Format, PopCommand};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, destination, load, render};

pub(crate) fn run(command: &PopCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        PopCommand::Challenge { shelf, uid, out, anchors } => {
            let out = out.as_deref().filter(|out| !destination::is_stream(out));
            out.map_or(Ok(()), |out| load::place(out, Shape::PLAIN))?;
            let Some((presence, proved)) = find(shelf, uid, anchors, world, printer)? else {
                return Ok(Exit::Findings);
            };
            let challenge = Challenge {
                batch: proved.statement.batch,
                uid: *presence.entry.uid(),
                certificate_sha256: presence.entry.sha256(),
                nonce: world.random(),
            };
            let line = challenge.to_line(presence.source.spki().algorithm());
            match out {
                Some(out) => output::write_new(out, Access::Public, line.as_bytes())?,
                None => printer.exact(&line),
            }
            Ok(Exit::Done)
        }
        PopCommand::Verify { shelf, uid, challenge, signature, receipts, anchors } => {
            let challenge = Challenge::parse(&load::bytes("challenge", challenge)?).map_err(|error| {
                Fault::usage(format!("`{}` is not a challenge: {error}", Printable::new(challenge)))
                    .hint("Challenges are made by `reroot pop challenge`.")
            })?;
            let signature = load::bytes("signature", signature)?;
            let Some((presence, proved)) = find(shelf, uid, anchors, world, printer)? else {
                return Ok(Exit::Findings);
            };
            answer(&challenge, &signature, (&presence, &proved), receipts, world, printer)
        }
        PopCommand::Seal { batch, receipts, config } => seal(batch, receipts, config, world, printer),
    }
}

/// The chip, with its proof checked; `None` if it was said why not.
fn find(
    shelf: &Path,
    uid: &str,
    anchors: &AnchorArgs,
    world: &World,
    printer: Printer,
) -> Result<Option<(Presence, Proved)>, Fault> {
    let anchors = reroot_check::anchors::all(anchors, world, *printer)?;
    let checker = Checker::new(&anchors.source, &anchors.issuer, &anchors.manifest)?;
    let name = chip(uid)?;
    match lookup(opened(shelf)?, &name, &checker, &world.cancel)? {
        Found::Chip(found) => Ok(Some(*found)),
        Found::Broken(fault) => {
            printer.failure(&printer.value(&format!("[{}] {}: {}", fault.code, fault.place, fault.message)), None);
            Ok(None)
        }
        Found::Absent(_) => {
            printer.failure(&format!("[proof.absent] chip {name}: is not in the batch, and that is proved"), None);
            Ok(None)
        }
    }
}

/// The challenge must be one for this very chip and certificate: a file from elsewhere decides nothing.
fn answer(
    challenge: &Challenge,
    signature: &[u8],
    (presence, proved): (&Presence, &Proved),
    receipts: &Path,
    world: &World,
    printer: Printer,
) -> Result<Exit, Fault> {
    let entry = &presence.entry;
    let refused = |reason: &str| {
        printer.failure(&format!("[pop.refused] chip {}: {reason}", entry.uid()), None);
        Ok(Exit::Findings)
    };
    let about = (&proved.statement.batch, entry.uid(), entry.sha256());
    if (&challenge.batch, &challenge.uid, challenge.certificate_sha256) != about {
        return refused("the challenge is about another chip, certificate or batch");
    }
    let spki = presence.source.spki();
    let signature = match signature_from_chip(spki.algorithm(), signature) {
        Ok(signature) => signature,
        Err(error) => return refused(&error.to_string()),
    };
    let receipt = Receipt {
        uid: *entry.uid(),
        certificate_sha256: entry.sha256(),
        nonce: challenge.nonce,
        signature,
        time: world.now,
    };
    if let Err(error) = receipt.verify(&challenge.batch, spki) {
        return refused(&format!("the chip did not sign the challenge: {error}"));
    }
    let before = if receipts.exists() { read(receipts)? } else { vec![] };
    if before.iter().any(|other| other.nonce == receipt.nonce) {
        return refused("the challenge was answered before; a challenge is good for one answer");
    }
    output::append(receipts, Access::Public, format!("{}\n", receipt.line()).as_bytes())?;
    match printer.format {
        Format::Json => printer.json(&PossessionMade { uid: entry.uid(), possession: true }),
        Format::Text => printer.data(&format!("chip {} holds its key\n", entry.uid())),
    }
    Ok(Exit::Done)
}

fn read(receipts: &Path) -> Result<Vec<Receipt>, Fault> {
    Receipt::parse_all(&load::bytes_up_to(MAX_RECEIPTS, "receipts", receipts)?).map_err(|error| {
        Fault::usage(format!("`{}` is not a file of receipts: {error}", Printable::new(receipts)))
            .hint("If the last line was cut off, remove what follows the last line feed and ask that chip again.")
    })
}

/// The receipts of all stations, each chip once, beside the batch, sealed.
fn seal(batch: &Path, receipts: &[PathBuf], config: &Path, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let config = load::config(config, printer)?;
    load::ending(&config, world, printer);
    let certificate = config.manifest_certificate()?;
    let files = PossessionFiles::beside(batch)?;
    for path in [&files.supplement, &files.seal, &files.receipts] {
        load::place(path, Shape::PLAIN)?;
    }
    let receipts = receipts.iter().map(|path| read(path)).collect::<Result<Vec<_>, Fault>>()?.concat();
    let job = SealReceipts {
        batch,
        receipts,
        certificate: &certificate,
        signer: &|| Ok(config.open_manifest_signer(&Secrets)?),
        receipts_file: &files.receipts,
        seal_file: &files.seal,
        supplement_file: &files.supplement,
        now: world.now,
        cancel: &world.cancel,
    };
    let supplement = match seal_receipts(job)? {
        SealedReceipts::Sealed(supplement) => supplement,
        SealedReceipts::Nothing => return Err(Fault::usage("there is no receipt to seal")),
        SealedReceipts::Refused(chips) => {
            let message =
                format!("{} receipts are not of this batch's chips, the first that of {}", chips.len(), chips[0]);
            printer.failure(&format!("[pop.refused] {message}"), None);
            return Ok(Exit::Findings);
        }
    };
    match printer.format {
        Format::Json => {
            let out = Place(&files.supplement);
            printer.json(&SupplementMade { out, shown: supplement.shown, chips: supplement.chips });
        }
        Format::Text => {
            printer.data(&format!("{}\n", Printable::new(&files.supplement)));
            let (shown, chips) = (render::count(supplement.shown), render::count(supplement.chips));
            printer.say(&format!("{shown} of {chips} chips have shown that they hold their keys"));
        }
    }
    Ok(Exit::Done)
}
