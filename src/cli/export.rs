//! `reroot export`

use reroot::delivery::{Target, Zone};
use reroot::export::{Export, export};
use reroot::proof::{Pack, pack};
use reroot::text::Printable;
use reroot::x509::Certificate;
use serde_json::json;

use super::args::{ExportArgs, Format, TargetArg};
use super::progress::Counter;
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &ExportArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let anchors = if args.unverified { None } else { Some(manifest_anchors(args, printer)?) };
    let forms: Vec<_> = args.form.iter().map(|form| form.into_library()).collect();
    let counter = Counter::new(printer.draws());
    let Some(target) = args.to.into_library() else {
        let job = Pack {
            batch: &args.batch,
            out: &args.out,
            anchors: anchors.as_deref(),
            advance: &|count| counter.advance(count),
            cancel: &world.cancel,
        };
        let made = pack(&job);
        counter.finish();
        let made = made?;
        say(args, printer, &made.statement.batch, "line-pack", made.present);
        return Ok(Exit::Done);
    };
    let job = Export {
        batch: &args.batch,
        out: &args.out,
        target,
        zone: args.zone_bytes.map(|octets| Zone { octets, chain: args.zone_chain }),
        forms: &forms,
        aws_policy: args.aws_policy.as_deref(),
        anchors: anchors.as_deref(),
        advance: &|count| counter.advance(count),
        cancel: &world.cancel,
    };
    let exported = export(&job);
    counter.finish();
    let exported = exported?;
    say(args, printer, &exported.statement.batch, job.target.as_str(), exported.certificates);
    Ok(Exit::Done)
}

fn say(args: &ExportArgs, printer: Printer, batch: &str, to: &str, certificates: u64) {
    if args.unverified {
        printer.warn("the seal was not looked at: nothing proves where these certificates come from");
    }
    match printer.format {
        Format::Json => printer.json(&json!({
            "out": render::path_json(&args.out),
            "to": to,
            "batch": batch,
            "certificates": certificates,
            "verified": !args.unverified,
        })),
        Format::Text => {
            printer.data(&format!("{}\n", Printable::new(&args.out)));
            let count = render::count(certificates);
            printer.say(&format!("{count} certificates of batch {batch} for {to}"));
        }
    }
}

/// The anchors of `reroot verify` for the manifest signer.
fn manifest_anchors(args: &ExportArgs, printer: Printer) -> Result<Vec<Certificate>, Fault> {
    if let Some(path) = args.manifest_anchor.as_ref().or(args.issuer_anchor.as_ref()) {
        return load::certificates(std::slice::from_ref(path));
    }
    let anchors = load::config(&args.config, printer)?.manifest_anchors()?;
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
