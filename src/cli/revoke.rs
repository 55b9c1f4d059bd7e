//! `reroot revoke` and `reroot release`

use std::path::Path;
use std::sync::atomic::Ordering;

use reroot::cert::IssuerIdentity;
use reroot::config::Config;
use reroot::crl::Reason;
use reroot::durable;
use reroot::error::Error;
use reroot::ledger::{BatchId, Instruction, Ledger, is_url};
use reroot::origin::{ChipName, typed_bytes};
use reroot::report::Table;
use reroot::revoke::{
    Change, Chosen, Decision, Named, Selection, choose, choose_release, parse_reason, read_list, read_reel, read_uids,
    reasons,
};
use reroot::text::Printable;
use reroot::x509::{SerialNumber, Time};

use super::args::{ChangeArgs, Format, ReleaseArgs, RevokeArgs, SelectorArgs};
use super::{Exit, Fault, Printer, World, load, render};

pub(crate) fn run(args: &RevokeArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let reason = reason(args)?;
    let at = args.at.as_deref().map(|text| time("--at", text)).transpose()?;
    let opened = Opened::open(&args.change, printer)?;
    let mut selection = selection(&args.selectors, &opened.config, world)?;
    for path in &args.list {
        selection.add(read_list(&shown(path), &load::bytes("list", path)?));
    }
    let requester = requester(args.change.by.as_deref())?;
    let now = world.time();
    let decision = Decision { reason, at: at.unwrap_or(now), requester: &requester, approvals: &[], now };
    refuse_nothing(&selection)?;
    let chosen = choose(&opened.ledger, &opened.issuer, &selection, &decision)?;
    let act = Act { verb: "revoke", done: "revoked", change: &args.change, opened: &opened };
    let why = args.selectors.reel.first().map(|reel| format!("revoked with the reel {}", shown(reel)));
    act.go(&chosen, world, printer, |opened| {
        opened.ledger.record_revoked(&chosen.revocations)?;
        if !chosen.block.is_empty() {
            let instruction = Instruction { at: decision.at, requester: requester.clone(), approvals: vec![] };
            opened.ledger.record_blocked(&instruction, why.as_deref().unwrap_or_default(), &chosen.block)?;
        }
        Ok(())
    })
}

pub(crate) fn release(args: &ReleaseArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let opened = Opened::open(&args.change, printer)?;
    let selection = selection(&args.selectors, &opened.config, world)?;
    let requester = requester(args.change.by.as_deref())?;
    let reason = Reason::CertificateHold;
    let now = world.time();
    let decision = Decision { reason, at: now, requester: &requester, approvals: &[], now };
    refuse_nothing(&selection)?;
    let chosen = choose_release(&opened.ledger, &opened.issuer, &selection, &decision)?;
    let act = Act { verb: "release", done: "released", change: &args.change, opened: &opened };
    act.go(&chosen, world, printer, |opened| {
        opened.ledger.record_released(&chosen.releases)?;
        Ok(())
    })
}

/// The issuer and its ledger, which must be free: what is recorded is decided by all that is on it.
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) issuer: IssuerIdentity,
    pub(super) ledger: Ledger,
}

impl Opened {
    pub(super) fn open(change: &ChangeArgs, printer: Printer) -> Result<Self, Fault> {
        let config = load::config(&change.config, printer)?;
        let issuer = config.issuer_identity()?;
        let ledger = load::ledger(&config, issuer.spki(), false, printer)?;
        Ok(Self { config, issuer, ledger })
    }
}

/// A change that is shown, confirmed and recorded.
pub(super) struct Act<'a> {
    pub(super) verb: &'static str,
    pub(super) done: &'static str,
    pub(super) change: &'a ChangeArgs,
    pub(super) opened: &'a Opened,
}

impl Act<'_> {
    pub(super) fn go(
        &self,
        chosen: &Chosen,
        world: &mut World,
        printer: Printer,
        record: impl FnOnce(&Opened) -> Result<(), Fault>,
    ) -> Result<Exit, Fault> {
        let text = printer.format == Format::Text;
        let doubtful = !chosen.findings.is_empty();
        if text {
            printer.data(&in_words(self, chosen));
        }
        let finish = |outcome: &'static str, exit: Exit| {
            if !text {
                printer.json(&Change { verb: self.verb, outcome, chosen });
            }
            Ok(exit)
        };
        if doubtful && !self.change.skip_unknown {
            if text {
                let message = format!("nothing was recorded: {} in doubt", chosen.findings.len());
                let hint = "Correct what is listed above, or pass --skip-unknown to go on without it.";
                printer.failure(&message, Some(hint));
            }
            return finish("refused", Exit::Input);
        }
        let exit = if doubtful { Exit::Findings } else { Exit::Done };
        if chosen.counts.chosen == 0 && chosen.block.is_empty() {
            printer.say(&format!("nothing to {}", self.verb));
            return finish("already-done", exit);
        }
        if self.change.dry_run {
            printer.say("dry run: nothing was recorded");
            return finish("dry-run", exit);
        }
        if !self.change.yes && !confirmed(world, printer, self.verb) {
            return Err(not_confirmed(world, self.verb));
        }
        record(self.opened)?;
        self.opened.ledger.conclude()?;
        let certificates = !self.verb.ends_with("block");
        let what = if certificates { "certificates" } else { "chips" };
        tracing::info!(change = self.verb, what, count = chosen.counts.chosen, "recorded");
        printer.say(&format!("{} {what}: {}", self.done, render::count(chosen.counts.chosen)));
        if certificates {
            printer.say("relying parties know of it with the next `reroot crl`");
        }
        printer.say(&format!("ledger head {}", self.opened.ledger.head()?));
        finish("done", exit)
    }
}

/// A person answered otherwise, or ended the program.
pub(super) fn not_confirmed(world: &World, word: &str) -> Fault {
    if world.checking.cancel.load(Ordering::Relaxed) {
        return Error::INTERRUPTED.into();
    }
    Fault::usage("nothing was recorded: it was not confirmed")
        .hint(&format!("Type `{word}` when asked, or pass --yes."))
}

/// Whether a person typed the word.
pub(super) fn confirmed(world: &mut World, printer: Printer, word: &str) -> bool {
    let warning = format!("this is recorded when you type `{word}`");
    super::sign::typed(&mut *world.checking.stdin, word, &warning, printer)
}

fn reason(args: &RevokeArgs) -> Result<Reason, Fault> {
    match &args.reason {
        _ if args.hold => Ok(Reason::CertificateHold),
        Some(text) => parse_reason(text).ok_or_else(|| {
            Fault::usage(format!("--reason `{}` is not a reason", Printable::new(text))).hint(&reasons())
        }),
        // a list can say it line by line
        None if !args.list.is_empty() => Ok(Reason::Unspecified),
        None => {
            Err(Fault::usage("no reason was given").hint(&format!("Pass --reason REASON, or --hold. {}", reasons())))
        }
    }
}

/// Who asks.
pub(super) fn requester(by: Option<&str>) -> Result<String, Fault> {
    let name = by.map(str::to_owned).or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "operator".to_owned());
    let fits = !name.trim().is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(Fault::usage("--by is not a name of 1 to 100 characters")) }
}

fn refuse_nothing(selection: &Selection) -> Result<(), Fault> {
    if selection.is_empty() {
        let hint = "Name chips, certificates or batches: --uid, --uids, --serial, --certificate, --reel, --batch, --policy, \
                    --issued-between, --superseded-by.";
        return Err(Fault::usage("no certificate was named").hint(hint));
    }
    Ok(())
}

/// Reads what the options name.
fn selection(args: &SelectorArgs, config: &Config, world: &mut World) -> Result<Selection, Fault> {
    let mut selection = Selection::default();
    chips(&mut selection, (&args.uid, &args.uids, &args.reel), config, world)?;
    for text in &args.serial {
        let bytes = typed_bytes(text).map_err(|error| Fault::usage(format!("--serial: {error}")))?;
        let serial = SerialNumber::from_content(&bytes).map_err(|error| Fault::usage(format!("--serial: {error}")))?;
        selection.serials.push(("--serial".to_owned(), serial));
    }
    for path in &args.certificate {
        for certificate in load::certificates(std::slice::from_ref(path))? {
            selection.certificates.push((shown(path), certificate));
        }
    }
    for text in &args.batch {
        selection.batches.push(batch("--batch", text)?);
    }
    selection.policies.clone_from(&args.policy);
    selection.between = args.issued_between.as_deref().map(between).transpose()?;
    selection.superseded_by = args.superseded_by.as_deref().map(|text| batch("--superseded-by", text)).transpose()?;
    Ok(selection)
}

/// Chips that were named one by one, by lists and by reels.
pub(super) fn chips(
    selection: &mut Selection,
    (uid, uids, reels): (&[String], &[std::path::PathBuf], &[std::path::PathBuf]),
    config: &Config,
    world: &mut World,
) -> Result<(), Fault> {
    for text in uid {
        let chip = text.parse::<ChipName>();
        let chip = chip.map_err(|error| Fault::usage(format!("--uid: {error}")).hint(error.hint()))?;
        selection.chips.push(Named { place: "--uid".to_owned(), chip, reason: None, at: None, of_reel: false });
    }
    for path in uids {
        selection.add(read_uids(&shown(path), &load::bytes("list", path)?));
    }
    for path in reels {
        let beside = if is_url(config.ledger_path()) { config.file() } else { config.ledger_path() };
        let scratch = durable::parent(beside);
        selection.add(read_reel(&shown(path), path, Some(&mut *world.checking.stdin), scratch)?);
    }
    Ok(())
}

fn batch(option: &str, text: &str) -> Result<BatchId, Fault> {
    text.parse().map_err(|error| Fault::usage(format!("{option}: {error}")))
}

fn time(option: &str, text: &str) -> Result<Time, Fault> {
    let hint = "Write a time as 2026-03-01T12:00:00Z.";
    Time::from_rfc3339(text).map_err(|error| Fault::usage(format!("{option} is {error}")).hint(hint))
}

/// Two times, or two days: the second one to its end.
fn between(text: &str) -> Result<(Time, Time), Fault> {
    let hint = "Write --issued-between 2026-01-01..2026-01-31, or two times as 2026-01-01T00:00:00Z.";
    let wrong =
        || Fault::usage(format!("--issued-between `{}` is not two days or times", Printable::new(text))).hint(hint);
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let read = |text: &str, end: &str| {
        let text = if text.len() == 10 { format!("{text}T{end}Z") } else { text.to_owned() };
        Time::from_rfc3339(&text).map_err(|_| wrong())
    };
    let (from, to) = (read(from, "00:00:00")?, read(to, "23:59:59")?);
    if from > to {
        let what = format!("--issued-between begins at {from}, after its end at {to}");
        return Err(Fault::usage(what).hint("Write the earlier of the two first."));
    }
    Ok((from, to))
}

fn shown(path: &Path) -> String {
    Printable::new(path).to_string()
}

fn in_words(act: &Act<'_>, chosen: &Chosen) -> String {
    let mut table = Table::new(14);
    table.extend(chosen.facts());
    table.line(&format!("to {}", act.verb), render::count(chosen.counts.chosen));
    table.finish()
}
