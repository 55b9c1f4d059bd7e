//! `reroot export`

use std::path::Path;

use reroot::delivery::{Target, Zone};
use reroot::durable;
use reroot::error::Error;
use reroot::export::{Export, export};
use reroot::input::open as open_input;
use reroot::origin::ChipName;
use reroot::proof::{Pack, pack};
use reroot::report::{ExportMade, Place};
use reroot::revoke::read_chips;
use reroot::text::Printable;
use reroot::x509::Certificate;
use reroot_check::anchors;

use super::args::{ExportArgs, FormArg, Format, TargetArg};
use super::progress::Counter;
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &ExportArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let forms: Vec<_> = args.form.iter().map(|form| form.into_library()).collect();
    let target = args.to.into_library();
    check_options(args, target, printer)?;
    let only = args.from.as_deref().map(chips).transpose()?;
    let anchors = if args.unverified { None } else { Some(manifest_anchors(args, printer)?) };
    let counter = Counter::new(printer.draws());
    let Some(target) = target else {
        let job = Pack {
            batch: &args.batch[0],
            out: &args.out,
            anchors: anchors.as_deref(),
            advance: &|count| counter.advance(count),
            cancel: &world.cancel,
        };
        let made = pack(&job);
        counter.finish();
        let made = made?;
        say(args, printer, std::slice::from_ref(&made.statement.batch), "line-pack", made.present);
        return Ok(Exit::Done);
    };
    let streamed = is_stream(args);
    // the whole export is checked before its first byte is handed on
    let aside = std::env::temp_dir().join(format!("reroot-export-{}", hex::encode(world.random::<16>())));
    let place = if streamed { &aside } else { &args.out };
    let job = Export {
        batches: &args.batch,
        only: only.as_deref(),
        with_chain: args.with_chain,
        out: place,
        target,
        zone: args.zone_bytes.map(|bytes| Zone { bytes, chain: args.zone_chain }),
        forms: &forms,
        archive: false,
        aws_policy: args.aws_policy.as_deref(),
        anchors: anchors.as_deref(),
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    let exported = export(&job);
    counter.finish();
    let exported = exported?;
    if streamed {
        let sent = open_input(&aside).map_err(|source| Fault::usage(format!("{}: {source}", Printable::new(&aside))));
        let sent = sent.and_then(|mut file| printer.stream(&mut file, target == Target::Zip));
        durable::remove_partial_file(&aside).map_err(Error::from)?;
        sent?;
    }
    say(args, printer, &exported.batches, job.target.as_str(), exported.certificates);
    Ok(Exit::Done)
}

fn is_stream(args: &ExportArgs) -> bool {
    args.out.as_os_str() == "-"
}

/// What can be told from the options alone.
fn check_options(args: &ExportArgs, target: Option<Target>, printer: Printer) -> Result<(), Fault> {
    let in_files = matches!(target, Some(Target::Directory | Target::Zip));
    if args.with_chain && !(in_files && args.form.contains(&FormArg::Pem)) {
        return Err(Fault::usage("--with-chain is for PEM files").hint("Pass --to directory or zip, and --form pem."));
    }
    if is_stream(args) && target.is_none_or(Target::is_directory) {
        return Err(Fault::usage("--out -: this export is not one file").hint("Name the file or directory to create."));
    }
    if is_stream(args) && printer.format == Format::Json {
        return Err(Fault::usage("--out - and --format json both want standard output").hint("Name a file with --out."));
    }
    if target.is_none() && (args.batch.len() > 1 || args.from.is_some()) {
        return Err(Fault::usage("a line pack is of one whole batch").hint("Make one pack for each batch."));
    }
    Ok(())
}

/// The chips of a list.
fn chips(path: &Path) -> Result<Vec<ChipName>, Fault> {
    let name = Printable::new(path).to_string();
    let chips = read_chips(&name, &load::bytes("list", path)?);
    chips.map_err(|finding| {
        Fault::usage(format!("{}: {}", finding.place, finding.what)).hint(finding.hint.as_deref().unwrap_or_default())
    })
}

fn say(args: &ExportArgs, printer: Printer, batches: &[String], to: &str, certificates: u64) {
    if args.unverified {
        printer.warn("the seal was not looked at: nothing proves where these certificates come from");
    }
    match printer.format {
        Format::Json => {
            let (out, batch, verified) = (Place(&args.out), &batches[0], !args.unverified);
            printer.json(&ExportMade { out, to, batch, batches, certificates, verified });
        }
        Format::Text => {
            if !is_stream(args) {
                printer.data(&format!("{}\n", Printable::new(&args.out)));
            }
            let count = render::count(certificates);
            let of = match batches {
                [batch] => format!("batch {batch}"),
                several => format!("{} batches", several.len()),
            };
            printer.say(&format!("{count} certificates of {of} for {to}"));
        }
    }
}

/// The anchors of `reroot verify` for the manifest signer.
fn manifest_anchors(args: &ExportArgs, printer: Printer) -> Result<Vec<Certificate>, Fault> {
    let named = args.manifest_anchor.as_deref().or(args.issuer_anchor.as_deref());
    let configured = if named.is_some() { None } else { Some(load::configured(&args.config, printer)?) };
    let anchors = anchors::manifest(named, configured.as_deref())?;
    if anchors.is_empty() {
        return Err(Fault::usage("no trust anchor: the configuration has no chain above the issuing CA")
            .hint("Name your root with --issuer-anchor, or the manifest signer's with --manifest-anchor."));
    }
    Ok(anchors)
}

impl TargetArg {
    /// `None`: the line pack, which is made otherwise.
    fn into_library(self) -> Option<Target> {
        Some(match self {
            Self::AwsBulk => Target::AwsBulk,
            Self::AwsThingpress => Target::AwsThingpress,
            Self::AzureDps => Target::AzureDps,
            Self::Csv => Target::Csv,
            Self::Directory => Target::Directory,
            Self::LinePack => return None,
            Self::StsafeZone => Target::StsafeZone,
            Self::Zip => Target::Zip,
        })
    }
}
