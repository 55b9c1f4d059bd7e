//! `reroot issue`

use std::fmt::Write as _;
use std::num::NonZero;

use reroot::cert::Seed;
use reroot::delivery::Form;
use reroot::issue::Issuer;
use reroot::ledger::{BatchId, Ledger};
use reroot::manifest::Entry;
use reroot::origin::Disposition;
use reroot::reel::Limits;
use reroot::reissue::{Job, OnReject, Outcome, Refusal, Stage, Summary, reissue};
use serde_json::{Value, json};

use super::args::{FormArg, Format, IssueArgs, OnRejectArg};
use super::progress::Bars;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load, render};

/// Leaves a chunk: one intent, one result, two flushes to disk.
const CHUNK_SIZE: u32 = 4_096;

/// Longest bulk identifier; ST's are far shorter.
const MAX_BULK_ID: usize = 200;

/// What the statement calls this program.
pub(crate) const TOOL: &str = concat!("reroot ", env!("CARGO_PKG_VERSION"));

pub(crate) fn run(args: &IssueArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    check_arguments(args)?;
    let policy = load::policy(&args.policy)?;
    let params = policy.params(&load::params(&args.set)?)?;
    let config = load::config(&args.config)?;
    let expected = args.expect.as_deref().map(|path| load::expected(path, policy.source().family)).transpose()?;
    let expect_head = match &args.expect_head {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|error| Fault::usage(format!("--expect-head is not a digest: {error}")))?)
        }
    };
    let anchors = config.anchors()?;
    let identity = config.issuer_identity()?;
    let secrets = Secrets;
    let issuer = Issuer::new(identity, config.open_issuer_signer(&secrets)?)?
        .with_engine(load::engine(args.engine.generic_verify));
    let manifest_certificate = config.manifest_certificate()?;
    let manifest_signer = config.open_manifest_signer(&secrets)?;
    let mut ledger = Ledger::open(config.ledger_path(), issuer.identity().spki())?;

    let inputs = load::inputs(&args.inputs)?;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let job = Job {
        inputs: &inputs,
        limits: Limits::default(),
        policy: &policy,
        params,
        issuer: &issuer,
        manifest_certificate: &manifest_certificate,
        manifest_signer: &*manifest_signer,
        anchors: &anchors,
        out: &args.out,
        forms: args.form.iter().map(|form| form.into_library()).collect(),
        on_reject: match args.on_reject {
            OnRejectArg::Skip => OnReject::Skip,
            OnRejectArg::Stop => OnReject::Stop,
        },
        expected: expected.as_ref().map(|(list, _)| list),
        expected_sha256: expected.as_ref().map(|(_, digest)| *digest),
        expect_count: args.expect_count,
        reissue: args.reissue.clone(),
        bulk_id: args.bulk_id.clone(),
        publish_bulk_id: args.publish_bulk_id,
        now: world.now,
        seed: Seed(world.random()),
        expect_head,
        batch_id: batch_id(world),
        jobs: args.jobs.unwrap_or(cores),
        chunk_size: CHUNK_SIZE,
        dry_run: args.dry_run,
        tool: TOOL,
    };
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    let outcome = reissue(&job, &mut ledger, &mut *world.stdin, &bars, &world.cancel)?;
    for note in issuer.notes().into_iter().chain(manifest_signer.notes()) {
        printer.warn(&format!("{note} (another token went on)"));
    }
    report(&outcome, args, printer);
    Ok(exit(&outcome))
}

/// What can be told from the arguments alone.
fn check_arguments(args: &IssueArgs) -> Result<(), Fault> {
    if args.reissue.as_deref().is_some_and(|reason| Entry::check_reason("reissue", reason).is_err()) {
        return Err(Fault::usage("--reissue: the reason is empty or longer than 1000 characters")
            .hint("Say in a few words why these chips get another certificate; it is kept for good."));
    }
    if args.bulk_id.as_deref().is_some_and(|id| id.trim().is_empty() || id.chars().count() > MAX_BULK_ID) {
        return Err(Fault::usage(format!("--bulk-id is empty or longer than {MAX_BULK_ID} characters")));
    }
    load::inputs(&args.inputs).map(drop)
}

fn batch_id(world: &World) -> BatchId {
    let uuid = uuid::Builder::from_unix_timestamp_millis(world.now_millis, &world.random()).into_uuid();
    uuid.to_string().parse().expect("a UUIDv7 is a batch id")
}

impl FormArg {
    pub(crate) fn into_library(self) -> Form {
        match self {
            Self::Der => Form::Der,
            Self::Pem => Form::Pem,
        }
    }
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::AlreadyDone(summary) | Outcome::Done(summary) | Outcome::DryRun(summary) => {
            if summary.rejected > 0 || !summary.reasons.is_empty() { Exit::Findings } else { Exit::Done }
        }
        Outcome::Refused(_) => Exit::Input,
    }
}

fn report(outcome: &Outcome, args: &IssueArgs, printer: Printer) {
    if printer.format == Format::Json {
        printer.json(&as_json(outcome, args));
        return;
    }
    match outcome {
        Outcome::AlreadyDone(summary) => {
            printer.say(&format!("already done: `{}` holds batch {}", args.out.display(), summary.batch));
            printer.data(&text(summary, args));
        }
        Outcome::Done(summary) => printer.data(&text(summary, args)),
        Outcome::DryRun(summary) => {
            printer.say("dry run: nothing was recorded or signed");
            printer.data(&text(summary, args));
        }
        Outcome::Refused(refusal) => printer.failure(&refused(refusal), refused_hint(refusal)),
    }
}

/// None where the reasons say themselves what to do.
fn refused_hint(refusal: &Refusal) -> Option<&'static str> {
    let rejected = refusal.findings.iter().any(|finding| finding.disposition == Disposition::Rejected);
    match (refusal.skip_helps, rejected) {
        (true, true) => Some("Look closer with `reroot inspect --verify`; `--on-reject skip` issues the good leaves."),
        (true, false) => Some("`--on-reject skip` issues the leaves that are there."),
        (false, _) if refusal.ready > 0 => None,
        (false, true) => Some("Look closer with `reroot inspect --verify`."),
        (false, false) => Some("Look at what is in there with `reroot inspect`."),
    }
}

fn text(summary: &Summary, args: &IssueArgs) -> String {
    let mut text = String::new();
    text += &render::findings(&summary.findings, Disposition::Rejected);
    text += &render::findings(&summary.findings, Disposition::Ignored);
    text += &render::missing(&summary.missing);
    for reason in &summary.reasons {
        let _ = writeln!(text, "skipped: {reason}");
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
        line("signatures", render::count(summary.signatures_made));
    }
    if let Some(root) = summary.root_hash {
        line("tree root", root.to_string());
    }
    if let Some(statement) = summary.statement_sha256 {
        line("statement", statement.to_string());
        line("written to", args.out.display().to_string());
    }
    if let Some(head) = summary.head {
        line("ledger head", format!("{head}  (--expect-head next time)"));
    }
    if args.timings {
        for stage in Stage::ALL {
            line(stage.as_str(), format!("{:.3} s", summary.timings.of(stage).as_secs_f64()));
        }
    }
    text
}

fn refused(refusal: &Refusal) -> String {
    let mut text = String::from("nothing was signed");
    for reason in &refusal.reasons {
        let _ = write!(text, "\n  - {reason}");
    }
    text.push('\n');
    text += &render::findings(&refusal.findings, Disposition::Rejected);
    text += &render::findings(&refusal.findings, Disposition::Ignored);
    text += &render::missing(&refusal.missing);
    text += &render::warnings(&refusal.warnings);
    text.trim_end().to_owned()
}

fn as_json(outcome: &Outcome, args: &IssueArgs) -> Value {
    let (word, summary) = match outcome {
        Outcome::AlreadyDone(summary) => ("already-done", summary),
        Outcome::Done(summary) => ("done", summary),
        Outcome::DryRun(summary) => ("dry-run", summary),
        Outcome::Refused(refusal) => {
            return json!({
                "outcome": "refused",
                "items": refusal.items,
                "ready": refusal.ready,
                "skip_helps": refusal.skip_helps,
                "reasons": refusal.reasons,
                "missing": refusal.missing.iter().map(render::missing_json).collect::<Vec<_>>(),
                "warnings": refusal.warnings,
                "findings": refusal.findings.iter().map(render::finding_json).collect::<Vec<_>>(),
            });
        }
    };
    let timings: serde_json::Map<String, Value> = Stage::ALL
        .into_iter()
        .map(|stage| (stage.as_str().to_owned(), json!(summary.timings.of(stage).as_secs_f64())))
        .collect();
    let planned = summary.statement_sha256.is_none();
    json!({
        "outcome": word,
        "batch": (!planned).then_some(&summary.batch),
        "issued_at": (!planned).then(|| summary.issued_at.to_string()),
        "out": args.out.display().to_string(),
        "counts": {
            "items": summary.items,
            "issued": summary.issued,
            "rejected": summary.rejected,
            "ignored": summary.ignored,
            "signatures_made": summary.signatures_made,
        },
        "resumed": summary.resumed,
        "reasons": summary.reasons,
        "missing": summary.missing.iter().map(render::missing_json).collect::<Vec<_>>(),
        "root_hash": summary.root_hash.map(|digest| digest.to_string()),
        "statement_sha256": summary.statement_sha256.map(|digest| digest.to_string()),
        "ledger_head": summary.head.map(|digest| digest.to_string()),
        "warnings": summary.warnings,
        "findings": summary.findings.iter().map(render::finding_json).collect::<Vec<_>>(),
        "timings": timings,
    })
}
