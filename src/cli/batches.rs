//! `reroot ledger list | find | show | publish | abandon`

use std::path::{Path, PathBuf};

use reroot::ledger::{AuthorityKind, BatchId, BatchIdError, BatchState, Instruction, Ledger};
use reroot::manifest::Entry;
use reroot::origin::{ChipName, typed_bytes};
use reroot::pipeline::{self, Ended, Issue, Local, Republish};
use reroot::query::{self, BatchDetails, BatchLine, ChipCertificate, Wanted};
use reroot::report::Table;
use reroot::text::Printable;
use reroot::x509::SerialNumber;

use super::args::Format;
use super::ledger::Opened;
use super::{Exit, Fault, Printer, World, issue, load, progress, render, revoke};

/// Every batch.
pub(super) fn list(opened: &Opened, folders: &[PathBuf], csv: bool, printer: Printer) -> Result<Exit, Fault> {
    let places = query::look_in(&opened.ledger, folders)?;
    let lines = query::list(&opened.ledger, &places)?;
    if csv {
        printer.data(&query::table(&BatchLine::COLUMNS, lines.iter().map(BatchLine::cells)));
    } else if printer.format == Format::Json {
        printer.json(&opened.json(&query::Batches { batches: &lines }));
    } else {
        let mut table = Table::new(12);
        for line in &lines {
            let place = line.published.first().or(line.unfinished.first());
            let place = place.map(|place| format!(", in `{place}`")).unwrap_or_default();
            table.line(line.state.as_str(), format!("{}{place}", in_one_line(line)));
        }
        printer.data(&table.finish());
        if lines.is_empty() {
            printer.say("there is no batch on this ledger");
        }
    }
    Ok(Exit::Done)
}

fn in_one_line(line: &BatchLine) -> String {
    let revoked = if line.revoked > 0 { format!(", {} revoked", render::count(line.revoked)) } else { String::new() };
    format!(
        "{} of {} under `{}`: {} of {} certificates{revoked}",
        line.batch,
        line.issued_at,
        line.policy,
        render::count(line.certificates),
        render::count(line.leaves)
    )
}

/// All certificates of a chip.
pub(super) fn find(opened: &Opened, wanted: &str, csv: bool, printer: Printer) -> Result<Exit, Fault> {
    let found = look_up(opened, wanted)?;
    if csv {
        printer.data(&query::table(&ChipCertificate::COLUMNS, found.iter().map(ChipCertificate::cells)));
    } else if printer.format == Format::Json {
        printer.json(&opened.json(&query::ChipCertificates { certificates: &found }));
    } else {
        for certificate in &found {
            printer.data(&certificate_text(certificate));
        }
    }
    if found.is_empty() {
        printer.say(&format!("no certificate of `{}` is on this ledger", Printable::new(wanted)));
        return Ok(Exit::Findings);
    }
    Ok(Exit::Done)
}

/// Takes the text for what it can be, the likeliest first.
fn look_up(opened: &Opened, text: &str) -> Result<Vec<ChipCertificate>, Fault> {
    let ask = |wanted: &Wanted| Ok::<_, Fault>(query::find(&opened.ledger, opened.identity.as_ref(), wanted)?);
    if let Ok(digest) = text.parse() {
        return ask(&Wanted::Digest(digest));
    }
    let chip = text.parse::<ChipName>();
    let serial = typed_bytes(text).ok().and_then(|bytes| SerialNumber::from_content(&bytes).ok());
    let found = match &chip {
        Ok(chip) => ask(&Wanted::Chip(chip.clone()))?,
        Err(_) => vec![],
    };
    match (serial, chip) {
        (Some(serial), _) if found.is_empty() && opened.identity.is_some() => ask(&Wanted::Serial(serial)),
        (None, Err(_)) => {
            Err(Fault::usage(format!("`{}` is not a UID, a serial number or a SHA-256", Printable::new(text)))
                .hint("Write it in hexadecimal digits, as `reroot inspect` and the manifest do."))
        }
        (Some(_), Err(_)) => Err(Fault::usage("serial numbers are found only with the issuing CA's certificate")
            .hint("Name the configuration with --config instead of the ledger.")),
        _ => Ok(found),
    }
}

fn certificate_text(certificate: &ChipCertificate) -> String {
    let mut table = Table::new(12);
    table.line("chip", &certificate.uid);
    table.line("standing", certificate.standing);
    let batch = format!("{} ({}), {}", certificate.batch, certificate.batch_state.as_str(), certificate.issued_at);
    table.line("batch", batch);
    table.line("policy", &certificate.policy);
    for (name, value) in [("serial", &certificate.serial), ("sha256", &certificate.sha256)] {
        if let Some(value) = value {
            table.line(name, value);
        }
    }
    table.line("key", format!("{} (SHA-256)", certificate.spki_sha256));
    table.line("source", format!("{} (SHA-256)", certificate.source_sha256));
    if let (Some(reason), Some(since)) = (&certificate.revoked, certificate.revoked_since) {
        table.line("revoked", format!("{reason}, since {since}"));
    }
    table.text("\n");
    table.finish()
}

/// Everything about one batch.
pub(super) fn show(opened: &Opened, batch: &str, folders: &[PathBuf], printer: Printer) -> Result<Exit, Fault> {
    let details = details(&opened.ledger, &named(batch)?, folders)?;
    let next = next(&details);
    match printer.format {
        Format::Json => printer.json(&opened.json(&query::BatchToGoOn { details: &details, next: &next })),
        Format::Text => printer.data(&details_text(&details, &next)),
    }
    Ok(Exit::Done)
}

fn named(batch: &str) -> Result<BatchId, Fault> {
    batch.parse().map_err(|error: BatchIdError| Fault::usage(error.to_string()).hint(NAMES))
}

fn details(ledger: &Ledger, batch: &BatchId, folders: &[PathBuf]) -> Result<BatchDetails, Fault> {
    let details = query::show(ledger, batch, &query::look_in(ledger, folders)?)?;
    details.ok_or_else(|| Fault::usage(format!("batch {batch} is not on this ledger")).hint(NAMES))
}

fn details_text(details: &BatchDetails, next: &[String]) -> String {
    let BatchDetails { line, terms, .. } = details;
    let mut table = Table::new(14);
    table.line("batch", format!("{} ({})", line.batch, line.state.as_str()));
    table.line("issued at", line.issued_at.to_string());
    table.line("policy", format!("{} (sha256 {})", line.policy, line.policy_sha256));
    table.lines("parameters", &terms.params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>());
    table.line("signed by", line.authority.as_str());
    table.line("inputs", format!("sha256 {} (of their list, inputs.jsonl)", terms.inputs_sha256));
    let count = render::count;
    table.line(
        "leaves",
        format!(
            "{}, {} may have been signed, {} have a certificate",
            count(line.leaves),
            count(line.intended),
            count(line.certificates)
        ),
    );
    table.line("signatures", count(line.signatures_made));
    table.line("on reject", terms.on_reject);
    table.line("form", terms.forms.join(","));
    let optional = [
        ("relaxations", Some(terms.relaxations.join(", ")).filter(|list| !list.is_empty())),
        ("reissue", terms.reissue.clone()),
        ("bulk id", terms.bulk_id.clone()),
        ("expected", terms.expected_sha256.map(|digest| format!("sha256 {digest} (the list of chips)"))),
        ("beacon", terms.beacon_sha256.map(|digest| format!("sha256 {digest}"))),
        ("statement", details.statement_sha256.map(|digest| format!("sha256 {digest}"))),
        ("revoked", Some(line.revoked).filter(|revoked| *revoked > 0).map(count)),
    ];
    table.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    table.line("head before", details.head_before.to_string());
    if let Some(given_up) = &details.abandoned {
        let said = format!("{} by {}: {}", given_up.at, given_up.by, given_up.reason);
        table.lines("abandoned", &[said, format!("leaves freed: {}", count(given_up.freed))]);
    }
    table.lines("published", &line.published);
    table.lines("unfinished", &line.unfinished);
    table.lines("to go on", next);
    table.finish()
}

/// What to type to go on with a batch. What the ledger does not keep, such as paths, is in capitals.
fn next(details: &BatchDetails) -> Vec<String> {
    let BatchDetails { line, terms, .. } = details;
    let out = line.unfinished.first().and_then(|place| place.rsplit_once(".partial-"));
    let out = out.map_or_else(|| "OUT".to_owned(), |(out, _)| quoted(out));
    let mut options = vec!["INPUT... --policy POLICY".to_owned()];
    options.extend(terms.params.iter().map(|(name, value)| format!("--set {}", quoted(&format!("{name}={value}")))));
    if terms.forms != ["der"] {
        options.push(format!("--form {}", terms.forms.join(",")));
    }
    if terms.on_reject != "stop" {
        options.push(format!("--on-reject {}", terms.on_reject));
    }
    for (name, value) in [("--reissue", &terms.reissue), ("--bulk-id", &terms.bulk_id)] {
        options.extend(value.iter().map(|value| format!("{name} {}", quoted(value))));
    }
    if terms.publish_bulk_id {
        options.push("--publish-bulk-id".to_owned());
    }
    if terms.expected_sha256.is_some() {
        options.push("--expect LIST".to_owned());
    }
    let options = options.join(" ");
    let made = line.certificates == line.leaves || line.intended == line.leaves;
    let command = match line.authority {
        AuthorityKind::Local => format!("reroot issue {options} --out {out}"),
        AuthorityKind::Cmp => format!("reroot issue --issuer cmp {options} --out {out}"),
        AuthorityKind::AirGapped if made => format!("reroot finish PLAN --signatures SIGNATURES --out {out}"),
        AuthorityKind::AirGapped => format!("reroot plan {options} --out PLAN"),
        AuthorityKind::ExternalFile if made => format!("reroot finish PLAN --certificates CERTIFICATES --out {out}"),
        AuthorityKind::ExternalFile => format!("reroot plan --foreign {options} --out PLAN"),
    };
    match line.state {
        BatchState::Open => {
            vec![command, format!("or give it up: reroot ledger abandon {} --because WHY", line.batch)]
        }
        BatchState::Sealed if line.authority == AuthorityKind::Local => {
            let list = if terms.expected_sha256.is_some() { " --expect LIST" } else { "" };
            vec![format!("to publish it again: reroot ledger publish {} INPUT...{list} --out OUT", line.batch)]
        }
        BatchState::Sealed => vec![format!("to publish it again: {command}")],
        BatchState::Abandoned if line.intended > 0 => {
            vec![format!("reroot revoke --batch {} --reason REASON", line.batch)]
        }
        BatchState::Abandoned => vec!["nothing to do: no certificate of it can exist".to_owned()],
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Publishes a sealed batch again.
pub(super) fn publish(
    batch: &str,
    inputs: &[PathBuf],
    (out, expect, config): (&Path, Option<&Path>, &Path),
    world: &mut World,
    printer: Printer,
) -> Result<Exit, Fault> {
    let id = named(batch)?;
    let config = load::config(config, printer)?;
    let inputs = load::inputs(inputs)?;
    let anchors = config.anchors()?;
    let issuer = config.issuer_identity()?;
    let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
    let before = details(&ledger, &id, &[])?;
    let republish = Republish::open(&ledger, &id, issuer, config.manifest_certificate()?)?;
    let expected = expect.map(|path| load::expected(path, republish.policy().source().family)).transpose()?;
    let expected = expected.as_ref().map(|(list, digest)| (list, *digest));
    if expected.map(|(_, digest)| digest) != before.terms.expected_sha256 {
        let found = if before.terms.expected_sha256.is_some() { "with another list" } else { "without one" };
        return Err(Fault::usage(format!("--expect: batch {id} was made {found}"))
            .hint("Give the list of then, or none if there was none."));
    }
    let job = republish.job(&inputs, &anchors, out, world.time()).expected(expected).build();
    let authority = Local { issuer: republish.issuer() };
    let outcome = progress::with_bars(world, printer, |around| {
        let task = Issue { job: &job, stdin: &mut *around.stdin };
        pipeline::run(task, &ledger, &authority, around.progress, around.cancel)
    })?;
    let ended = Ended { outcome: &outcome, out };
    Ok(issue::report(&ended, false, ("nothing was published", |_| None), printer))
}

/// Gives an open batch up.
pub(super) fn abandon(
    (batch, because): (&str, &str),
    by: Option<&str>,
    yes: bool,
    config: &Path,
    world: &mut World,
    printer: Printer,
) -> Result<Exit, Fault> {
    let id = named(batch)?;
    if Entry::check_reason("because", because).is_err() {
        return Err(Fault::usage("--because: the reason is empty or longer than 1000 characters")
            .hint("Say in a few words why; it is kept permanently."));
    }
    let requester = revoke::requester(by)?;
    let config = load::config(config, printer)?;
    let ledger = load::ledger(&config, config.issuer_identity()?.spki(), false, printer)?;
    let before = details(&ledger, &id, &[PathBuf::from(".")])?;
    if before.line.state == BatchState::Sealed {
        return Err(Fault::usage(format!("batch {id} is sealed; only an open batch can be abandoned"))
            .hint("`reroot revoke --batch` revokes its certificates."));
    }
    if before.line.state == BatchState::Open && !yes {
        let (leaves, intended) = (before.line.leaves, before.line.intended);
        printer.say(&format!(
            "batch {id}: {} leaves will be free, {} will count as issued",
            render::count(leaves - intended),
            render::count(intended)
        ));
        if !revoke::confirmed(world, printer, "abandon") {
            return Err(revoke::not_confirmed(world, "abandon"));
        }
    }
    let instruction = Instruction { at: world.time(), requester, approvals: vec![] };
    let (given_up, fresh) = ledger.abandon(&id, &instruction, because)?;
    ledger.conclude()?;
    let head = ledger.head()?;
    let report = query::Abandoned::new(&id, &given_up, before.line.leaves, fresh, head);
    match printer.format {
        Format::Json => printer.json(&render::document(&report)),
        Format::Text => {
            let mut table = Table::new(17);
            table.extend(report.facts());
            printer.data(&table.finish());
        }
    }
    if !fresh {
        printer.say(&format!("already done: the batch was abandoned at {}", given_up.at));
    }
    for place in &before.line.unfinished {
        printer.warn(&format!("`{place}` may hold certificates that were signed: destroy it, or revoke the batch"));
    }
    Ok(Exit::Done)
}

const NAMES: &str = "`reroot ledger list` names every batch.";
