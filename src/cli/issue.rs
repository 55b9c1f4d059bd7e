//! `reroot issue`

use std::fmt::Write as _;
use std::num::NonZero;
use std::path::Path;

use reroot::cert::{IssuerIdentity, Seed};
use reroot::config::Config;
use reroot::delivery::Form;
use reroot::issue::Issuer;
use reroot::ledger::BatchId;
use reroot::manifest::Entry;
use reroot::origin::Disposition;
use reroot::pipeline::{
    self, Elapsed, Issue, Job, JobBasis, Local, OnMissing, OnReject, OnSurplus, Outcome, Refusal, Stage, Summary,
};
use reroot::policy::{Params, Policy};
use reroot::reel::Input;
use reroot::signer::Signer;
use reroot::text::Printable;
use reroot::verify::ExpectedList;
use reroot::x509::{Certificate, Sha256Digest};
use reroot_check::words::ours;
use serde_json::{Value, json};

use super::args::{FormArg, Format, IssueArgs, OnMissingArg, OnRejectArg, OnSurplusArg};
use super::progress::Bars;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load, render};

/// Leaves a chunk: one intent, one result, two flushes to disk.
pub(super) const CHUNK_SIZE: u32 = 4_096;

/// What the statement calls this program.
pub(crate) const TOOL: &str = concat!("reroot ", env!("CARGO_PKG_VERSION"));

pub(crate) fn run(args: &IssueArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let mut around = Surroundings::load(args, printer)?;
    if args.engine.generic {
        around.config.sign_generically();
    }
    let secrets = Secrets;
    let engine = load::engine(args.engine.generic);
    let signer = around.config.open_issuer_signer(&secrets)?;
    let issuer = Issuer::new(around.issuer.clone(), signer)?.with_engine(engine);
    let around = around.with_manifest_signer()?;
    let ledger = load::ledger(&around.config, issuer.identity().spki(), false, printer)?;
    let job = around.job(args, world, CHUNK_SIZE);
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    let task = Issue { job: &job, stdin: &mut *world.checking.stdin };
    let authority = Local { issuer: &issuer };
    let outcome = pipeline::run(task, &ledger, &authority, &bars, &world.checking.cancel)?;
    for note in issuer.notes().into_iter().chain(around.notes()) {
        printer.warn(&format!("{note} (another token went on)"));
    }
    report(&outcome, args, printer);
    Ok(exit(&outcome))
}

/// What a job borrows.
pub(super) struct Surroundings {
    pub(super) config: Config,
    pub(super) issuer: IssuerIdentity,
    policy: Policy,
    params: Params,
    expected: Option<(ExpectedList, Sha256Digest)>,
    expect_head: Option<Sha256Digest>,
    beacon: Option<Sha256Digest>,
    anchors: Vec<Certificate>,
    inputs: Vec<Input>,
    manifest: Option<(Certificate, Box<dyn Signer>)>,
}

impl Surroundings {
    /// Reads every file that the arguments and the configuration name, but for keys.
    pub(super) fn load(args: &IssueArgs, printer: Printer) -> Result<Self, Fault> {
        check_arguments(args)?;
        let policy = load::policy(&args.policy)?;
        let params = policy.params(&load::params(&args.set)?)?;
        let config = load::config(&args.config, printer)?;
        let expected = args.expect.as_deref().map(|path| load::expected(path, policy.source().family)).transpose()?;
        let expect_head = args.expect_head.as_deref().map(load::head).transpose()?;
        let beacon = args.beacon.as_deref().map(load::beacon).transpose()?;
        let anchors = config.anchors()?;
        let issuer = config.issuer_identity()?;
        let inputs = load::inputs(&args.inputs)?;
        Ok(Self { config, issuer, policy, params, expected, expect_head, beacon, anchors, inputs, manifest: None })
    }

    /// Opens the key that seals batches and signs plans.
    pub(super) fn with_manifest_signer(mut self) -> Result<Self, Fault> {
        let certificate = self.config.manifest_certificate()?;
        self.manifest = Some((certificate, self.config.open_manifest_signer(&Secrets)?));
        Ok(self)
    }

    /// What went wrong at the manifest signer without stopping the work.
    pub(super) fn notes(&self) -> Vec<String> {
        self.manifest.iter().flat_map(|(_, signer)| signer.notes()).collect()
    }

    /// The job that the arguments ask for.
    pub(super) fn job<'a>(&'a self, args: &'a IssueArgs, world: &World, chunk_size: u32) -> Job<'a> {
        let (manifest_certificate, manifest_signer) = self.manifest.as_ref().expect("it was opened before");
        let basis = JobBasis {
            inputs: &self.inputs,
            policy: &self.policy,
            params: self.params.clone(),
            issuer: &self.issuer,
            manifest_certificate,
            manifest_signer: &**manifest_signer,
            anchors: &self.anchors,
            out: &args.out,
            now: world.now,
            seed: Seed(world.random()),
            batch_id: batch_id(world),
        };
        Job::builder(basis)
            .expected(self.expected.as_ref().map(|(list, digest)| (list, *digest)))
            .findings(args.findings.as_deref())
            .forms(args.form.iter().map(|form| form.into_library()).collect())
            .on_reject(match args.on_reject {
                OnRejectArg::Skip => OnReject::Skip,
                OnRejectArg::Stop => OnReject::Stop,
            })
            .on_missing(match args.on_missing {
                OnMissingArg::Note => OnMissing::Note,
                OnMissingArg::Stop => OnMissing::Stop,
            })
            .on_surplus(match args.on_surplus {
                OnSurplusArg::Ignore => OnSurplus::Ignore,
                OnSurplusArg::Reject => OnSurplus::Reject,
            })
            .expect_count(args.expect_count)
            .reissue(args.reissue.clone())
            .bulk_id(args.bulk_id.clone())
            .publish_bulk_id(args.publish_bulk_id)
            .accept_clock(args.accept_clock.clone())
            .beacon(self.beacon)
            .expect_head(self.expect_head)
            .jobs(args.jobs.unwrap_or_else(cores))
            .engine(load::engine(args.engine.generic))
            // of another CA's certificates, so many may be asked for before the first of them is written
            .chunk_size(args.chunk.unwrap_or(chunk_size))
            .dry_run(args.dry_run)
            .tool(TOOL)
            .build()
    }
}

/// Threads if nothing else is said.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// What can be told from the arguments alone.
fn check_arguments(args: &IssueArgs) -> Result<(), Fault> {
    if args.reissue.as_deref().is_some_and(|reason| Entry::check_reason("reissue", reason).is_err()) {
        return Err(Fault::usage("--reissue: the reason is empty or longer than 1000 characters")
            .hint("Say in a few words why these chips get another certificate; it is kept for good."));
    }
    if args.bulk_id.as_deref().is_some_and(|id| Entry::check_bulk_id(id).is_err()) {
        let most = Entry::MAX_BULK_ID;
        return Err(Fault::usage(format!("--bulk-id is empty or longer than {most} characters")));
    }
    check_reason("--accept-clock", args.accept_clock.as_deref())?;
    load::inputs(&args.inputs).map(drop)
}

/// A reason that is recorded must be one.
pub(super) fn check_reason(option: &str, reason: Option<&str>) -> Result<(), Fault> {
    match reason {
        Some(reason) if Entry::check_reason("reason", reason).is_err() => {
            Err(Fault::usage(format!("{option}: the reason is empty or longer than 1000 characters"))
                .hint("Say in a few words why; it is kept permanently."))
        }
        _ => Ok(()),
    }
}

fn batch_id(world: &World) -> BatchId {
    BatchId::new(world.now_millis, world.random())
}

impl FormArg {
    pub(crate) fn into_library(self) -> Form {
        match self {
            Self::Der => Form::Der,
            Self::Pem => Form::Pem,
        }
    }
}

pub(super) fn exit(outcome: &Outcome<Summary>) -> Exit {
    match outcome {
        Outcome::AlreadyDone(summary) | Outcome::Done(summary) | Outcome::DryRun(summary) => {
            if summary.rejected > 0 || !summary.reasons.is_empty() { Exit::Findings } else { Exit::Done }
        }
        Outcome::Refused(refusal) => refused_exit(refusal),
    }
}

/// That every chip has its certificate is no fault.
pub(super) fn refused_exit(refusal: &Refusal) -> Exit {
    if refusal.issued_in.is_empty() { Exit::Input } else { Exit::Done }
}

/// Says that nothing was done, and why.
pub(super) fn say_refused(what: &str, refusal: &Refusal, hint: Option<&str>, printer: Printer) {
    if refusal.issued_in.is_empty() {
        printer.failure(&refused(what, refusal), hint);
    } else {
        for warning in &refusal.warnings {
            printer.warn(&ours(warning));
        }
        let batches = refusal.issued_in.join(", ");
        printer.say(&format!("already done: every chip of this input has its certificate, in batch {batches}"));
    }
}

/// Says that the batch is at the output's place: in one line, unless something in it is worth a look.
pub(super) fn say_already_done(summary: &Summary, out: &Path, timings: bool, printer: Printer) {
    printer.say(&format!("already done: `{}` holds batch {}", Printable::new(out), summary.batch));
    if timings || summary.rejected > 0 || !summary.reasons.is_empty() {
        printer.data(&text(summary, out, timings));
    }
}

pub(super) fn report(outcome: &Outcome<Summary>, args: &IssueArgs, printer: Printer) {
    if printer.format == Format::Json {
        printer.json(&as_json(outcome, &args.out));
        return;
    }
    match outcome {
        Outcome::AlreadyDone(summary) => say_already_done(summary, &args.out, args.timings, printer),
        Outcome::Done(summary) => printer.data(&text(summary, &args.out, args.timings)),
        Outcome::DryRun(summary) => {
            printer.say("dry run: nothing was recorded or signed");
            printer.data(&text(summary, &args.out, args.timings));
        }
        Outcome::Refused(refusal) => say_refused("nothing was signed", refusal, refused_hint(refusal), printer),
    }
}

/// None where the reasons say themselves what to do.
pub(super) fn refused_hint(refusal: &Refusal) -> Option<&'static str> {
    let rejected = refusal.findings.count(Disposition::Rejected) > 0;
    match (refusal.skip_helps, refusal.note_helps) {
        (true, true) => Some(
            "Look closer with `reroot inspect --verify`; `--on-reject skip` with `--on-missing note` issues the good \
             leaves that are there.",
        ),
        (true, false) => Some("Look closer with `reroot inspect --verify`; `--on-reject skip` issues the good leaves."),
        (false, true) => Some("`--on-missing note` issues the leaves that are there."),
        (false, false) if refusal.ready > 0 => None,
        (false, false) if rejected => Some("Look closer with `reroot inspect --verify`."),
        (false, false) => Some("Look at what is in there with `reroot inspect`."),
    }
}

pub(super) fn text(summary: &Summary, out: &Path, timings: bool) -> String {
    let mut text = String::new();
    text += &render::findings(&summary.findings, Disposition::Rejected);
    text += &render::findings(&summary.findings, Disposition::Ignored);
    text += &render::missing(&summary.missing);
    for reason in &summary.reasons {
        let _ = writeln!(text, "noted: {}", Printable::new(&ours(reason)));
    }
    text += &render::warnings(&summary.warnings);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12}{value}");
    };
    let planned = summary.statement_sha256.is_none();
    if !planned {
        line("batch", summary.batch.clone());
        line("issued at", summary.issued_at.to_string());
    }
    if summary.republished {
        line("published", "again, as it was sealed; nothing was signed".to_owned());
    } else if summary.resumed {
        line("resumed", "certificates of an earlier run were taken from the ledger".to_owned());
    }
    line(
        "items",
        format!(
            "{} = {} {} + {} rejected + {} ignored",
            render::count(summary.items),
            render::count(summary.issued),
            if planned { "to issue" } else { "issued" },
            render::count(summary.rejected),
            render::count(summary.ignored)
        ),
    );
    if summary.statement_sha256.is_some() {
        line("signatures", signatures(summary));
    }
    if let Some(root) = summary.root_hash {
        line("tree root", root.to_string());
    }
    if let Some(statement) = summary.statement_sha256 {
        line("statement", statement.to_string());
        line("written to", Printable::new(out).to_string());
    }
    if let Some(head) = summary.head {
        line("ledger head", format!("{head}  (--expect-head next time)"));
    }
    if timings {
        for stage in Stage::ALL {
            let Elapsed { wall, cpu } = summary.timings.of(stage);
            line(stage.as_str(), format!("{:.3} s, {:.3} s CPU", wall.as_secs_f64(), cpu.as_secs_f64()));
        }
    }
    text
}

/// How many signatures were made, and why they are more than the certificates.
fn signatures(summary: &Summary) -> String {
    let (made, issued) = (summary.signatures_made, summary.issued);
    let count = render::count;
    if made <= issued {
        return count(made);
    }
    format!(
        "{} for {} certificates: {} came out short and were made again, as the policy wants full width",
        count(made),
        count(issued),
        count(made - issued)
    )
}

fn refused(what: &str, refusal: &Refusal) -> String {
    let mut text = String::from(what);
    for reason in &refusal.reasons {
        let _ = write!(text, "\n  - {}", Printable::new(&ours(reason)));
    }
    text.push('\n');
    text += &render::findings(&refusal.findings, Disposition::Rejected);
    text += &render::findings(&refusal.findings, Disposition::Ignored);
    text += &render::missing(&refusal.missing);
    text += &render::warnings(&refusal.warnings);
    text.trim_end().to_owned()
}

pub(super) fn as_json(outcome: &Outcome<Summary>, out: &Path) -> Value {
    let (word, summary) = match outcome {
        Outcome::AlreadyDone(summary) => ("already-done", summary),
        Outcome::Done(summary) => ("done", summary),
        Outcome::DryRun(summary) => ("dry-run", summary),
        Outcome::Refused(refusal) => return refusal_json(refusal),
    };
    let timings: serde_json::Map<String, Value> = Stage::ALL
        .into_iter()
        .map(|stage| {
            let Elapsed { wall, cpu } = summary.timings.of(stage);
            (stage.as_str().to_owned(), json!({ "wall": wall.as_secs_f64(), "cpu": cpu.as_secs_f64() }))
        })
        .collect();
    let planned = summary.statement_sha256.is_none();
    let mut object = json!({
        "outcome": word,
        "batch": (!planned).then_some(&summary.batch),
        "issued_at": (!planned).then(|| summary.issued_at.to_string()),
        "out": render::path_json(out),
        "counts": {
            "items": summary.items,
            "issued": summary.issued,
            "rejected": summary.rejected,
            "ignored": summary.ignored,
            "signatures_made": summary.signatures_made,
        },
        "resumed": summary.resumed,
        "republished": summary.republished,
        "reasons": summary.reasons,
        "missing": summary.missing,
        "root_hash": summary.root_hash.map(|digest| digest.to_string()),
        "statement_sha256": summary.statement_sha256.map(|digest| digest.to_string()),
        "ledger_head": summary.head.map(|digest| digest.to_string()),
        "warnings": summary.warnings,
        "timings": timings,
    });
    render::findings_json(&mut object, &summary.findings);
    object
}

pub(super) fn refusal_json(refusal: &Refusal) -> Value {
    let mut object = json!({
        "outcome": if refusal.issued_in.is_empty() { "refused" } else { "already-issued" },
        "batches": refusal.issued_in,
        "items": refusal.items,
        "ready": refusal.ready,
        "skip_helps": refusal.skip_helps,
        "note_helps": refusal.note_helps,
        "reasons": refusal.reasons,
        "missing": refusal.missing,
        "warnings": refusal.warnings,
    });
    render::findings_json(&mut object, &refusal.findings);
    object
}
