//! `reroot finish`

use reroot::pipeline::{self, AirGapped, Authority, ExternalFile, Finish, FinishJob, Outcome};
use reroot::reel::Input;

use super::args::{FinishArgs, Format};
use super::progress::Bars;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, issue, load};

pub(crate) fn run(args: &FinishArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    issue::check_reason("--accept-clock", args.accept_clock.as_deref())?;
    let expected = args.expect_signatures.as_deref().map(load::digest_of_signatures).transpose()?;
    let config = load::config(&args.config, printer)?;
    let anchors = config.anchors()?;
    let issuer = config.issuer_identity()?;
    let manifest_certificate = config.manifest_certificate()?;
    let manifest_signer = config.open_manifest_signer(&Secrets)?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let certificates = load::inputs(&args.certificates)?;
    if certificates.contains(&Input::Stdin) {
        return Err(Fault::usage("--certificates cannot be read from standard input"));
    }
    let job = FinishJob {
        plan: &args.plan,
        out: &args.out,
        findings: args.findings.as_deref(),
        issuer: &issuer,
        anchors: &anchors,
        manifest_certificate: &manifest_certificate,
        manifest_signer: &*manifest_signer,
        now: world.now,
        accept_clock: args.accept_clock.as_deref(),
        jobs: args.jobs.unwrap_or_else(issue::cores),
        tool: issue::TOOL,
    };
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    let authority: &dyn Authority = match &args.signatures {
        Some(file) => &AirGapped::returned(file, expected),
        None => &ExternalFile::returned(&certificates),
    };
    let outcome = pipeline::run(Finish { job: &job }, &ledger, authority, &bars, &world.cancel)?;
    for note in manifest_signer.notes() {
        printer.warn(&format!("{note} (another token went on)"));
    }
    match (&outcome, printer.format) {
        (_, Format::Json) => printer.json(&issue::as_json(&outcome, &args.out)),
        (Outcome::AlreadyDone(summary), Format::Text) => {
            issue::say_already_done(summary, &args.out, false, printer);
        }
        (Outcome::Done(summary) | Outcome::DryRun(summary), Format::Text) => {
            printer.data(&issue::text(summary, &args.out, false));
        }
        (Outcome::Refused(refusal), Format::Text) => {
            let hint = "Have what is listed mended, and give all certificates again. What may differ stands in the \
                        policy's [foreign], which the plan has as it was.";
            issue::say_refused("nothing was sealed", refusal, Some(hint), printer);
        }
    }
    Ok(issue::exit(&outcome))
}
