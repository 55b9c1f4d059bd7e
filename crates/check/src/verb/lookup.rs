//! `reroot lookup`

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use reroot_core::audit::Fault as Broken;
use reroot_core::delivery::{PackReader, certificate_to_pem};
use reroot_core::origin::Uid;
use reroot_core::proof::{Checker, ChipName, Found, Presence, Proved, Shelf, code, lookup};
use reroot_core::reel::certificates_in_pem;
use reroot_core::text::Printable;
use reroot_core::x509::tlv::Reader;
use reroot_core::x509::{Certificate, Leniency};
use serde_json::json;

use crate::args::{Format, LookupArgs};
use crate::chip::chip;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::load;
use crate::printer::Printer;
use crate::world::World;

/// Largest leaf that is read from standard input.
const MAX_LEAF: u64 = 64 * 1024;

/// Finds a chip and gives its certificate, once its proof was checked.
pub fn run(args: &LookupArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let anchors = load::anchors(&args.anchors, world, printer)?;
    let checker = Checker::new(&anchors.source, &anchors.issuer, &anchors.manifest)?;
    let (name, leaf) = match (&args.uid, &args.leaf) {
        (Some(uid), _) => (chip(uid)?, None),
        (None, Some(path)) => {
            let leaf = leaf(path, world)?;
            (ChipName::from(Uid::from_serial(leaf.serial())), Some(leaf))
        }
        (None, None) => return Err(Fault::usage("no chip was named")),
    };
    match lookup(shelf(&args.shelf)?, &name, &checker, &world.cancel)? {
        Found::Chip(found) if args.absent => {
            let place = format!("chip {}", found.0.entry.uid());
            Ok(broken(printer, &Broken { code: code::PRESENT, place, message: "is in the batch".to_owned() }))
        }
        Found::Chip(found) => {
            let (presence, proved) = &*found;
            match leaf.filter(|leaf| leaf.der() != presence.source.der()) {
                None => answer(args, printer, presence, proved),
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
pub fn shelf(path: &Path) -> Result<Shelf<'_>, Fault> {
    if PackReader::is_one(path) {
        return Ok(Shelf::Pack(path));
    }
    if path.is_dir() {
        return Ok(Shelf::Batch(path));
    }
    let message = format!("`{}` is neither a line pack nor a batch directory", Printable::new(path));
    Err(Fault::usage(message).hint("Make a pack with `reroot export BATCH --to line-pack --out FILE`."))
}

/// The leaf as a station reads it: alone in a file, or at the beginning of a zone.
fn leaf(path: &Path, world: &mut World) -> Result<Certificate, Fault> {
    let octets = if path.as_os_str() == "-" {
        let mut octets = Vec::new();
        let mut input = (&mut world.stdin).take(MAX_LEAF);
        input.read_to_end(&mut octets).map_err(|error| Fault::usage(format!("standard input: {error}")))?;
        octets
    } else {
        load::bytes("leaf", path)?
    };
    let none = || {
        let place =
            if path.as_os_str() == "-" { "standard input".to_owned() } else { format!("`{}`", Printable::new(path)) };
        Fault::usage(format!("{place} holds no leaf certificate"))
            .hint("Give the leaf as the chip has it: DER, alone or at the beginning of a zone, or PEM.")
    };
    let der = match octets.first() {
        Some(0x30) => {
            let first = Reader::new(&octets).element("leaf").map_err(|_| none())?.raw;
            let padding = &octets[first.len()..];
            if !padding.iter().all(|octet| *octet == 0) && !padding.iter().all(|octet| *octet == 0xFF) {
                return Err(none().hint("After the certificate a zone holds nothing but 00 or FF."));
            }
            first.to_vec()
        }
        _ => certificates_in_pem(&octets).ok().and_then(|list| list.into_iter().next()).ok_or_else(none)?,
    };
    let leniency = Leniency { explicit_default_boolean: true };
    Certificate::from_der_leniently(&der, leniency).map(|(leaf, _)| leaf).map_err(|_| none())
}

fn answer(args: &LookupArgs, printer: Printer, presence: &Presence, proved: &Proved) -> Result<Exit, Fault> {
    let entry = &presence.entry;
    let chain = || std::iter::once(presence.identity.certificate()).chain(presence.identity.chain());
    if args.der {
        printer.binary(presence.certificate.der())?;
    } else if args.pem {
        let mut text = certificate_to_pem(presence.certificate.der());
        chain().for_each(|above| text.push_str(&certificate_to_pem(above.der())));
        printer.exact(&text);
    } else if printer.format == Format::Json {
        printer.json(&json!({
            "uid": entry.uid().to_string(),
            "st_number": entry.st_number().map(hex::encode_upper),
            "batch": proved.statement.batch,
            "sha256": entry.sha256().to_string(),
            "serial": entry.serial().to_string(),
            "certificate": certificate_to_pem(presence.certificate.der()),
            "chain": chain().map(|above| certificate_to_pem(above.der())).collect::<Vec<_>>(),
        }));
    } else {
        let mut text = String::new();
        let validity = entry.validity();
        for (name, value) in [
            ("chip", entry.uid().to_string()),
            ("subject", presence.certificate.subject().to_string()),
            ("serial", entry.serial().to_string()),
            ("valid", format!("{} to {}", validity.not_before(), validity.not_after())),
            ("sha256", entry.sha256().to_string()),
            ("octets", entry.bytes().to_string()),
            ("batch", proved.statement.batch.clone()),
        ] {
            let _ = writeln!(text, "{name:<14}{}", Printable::new(&value));
        }
        text.push_str("the proof holds\n");
        printer.data(&text);
    }
    Ok(Exit::Done)
}

/// The proof that the chip is not there was asked for.
fn absence(printer: Printer, name: &ChipName, proved: &Proved) -> Exit {
    if printer.format == Format::Json {
        printer.json(&json!({
            "chip": name.to_string(),
            "present": false,
            "family": proved.family.as_str(),
            "batch": proved.statement.batch,
        }));
    } else {
        let mut text = String::new();
        for (name, value) in [
            ("chip", name.to_string()),
            ("family", proved.family.as_str().to_owned()),
            ("batch", proved.statement.batch.clone()),
        ] {
            let _ = writeln!(text, "{name:<14}{}", Printable::new(&value));
        }
        text.push_str("the proof holds: the chip is NOT in the batch\n");
        printer.data(&text);
    }
    Exit::Done
}

/// Nothing is given out: on standard output there is only what was proved.
fn broken(printer: Printer, fault: &Broken) -> Exit {
    printer.failure(&printer.value(&format!("[{}] {}: {}", fault.code, fault.place, fault.message)), None);
    Exit::Findings
}
