//! `reroot block` and `reroot unblock`

use reroot::ledger::Instruction;
use reroot::origin::Uid;
use reroot::revoke::{Chosen, Finding, Selection};

use super::args::BlockArgs;
use super::revoke::{Act, Opened, chips, requester};
use super::{Exit, Fault, Printer, World};

pub(crate) fn block(args: &BlockArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    run(args, true, world, printer)
}

pub(crate) fn unblock(args: &BlockArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    run(args, false, world, printer)
}

fn run(args: &BlockArgs, block: bool, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let opened = Opened::open(&args.change, printer)?;
    let mut selection = Selection::default();
    chips(&mut selection, (&args.uid, &args.uids, &args.reel), &opened.config, world)?;
    if selection.is_empty() {
        return Err(Fault::usage("no chip was named").hint("Name chips with --uid, --uids or --reel."));
    }
    if args.why.trim().is_empty() || args.why.len() > 500 || args.why.chars().any(char::is_control) {
        return Err(Fault::usage("--why is not a text of 1 to 500 bytes in one line"));
    }
    let requester = requester(args.change.by.as_deref())?;
    let known = opened.ledger.blocked(None)?;
    let mut chosen = Chosen { findings: selection.findings.clone(), ..Chosen::default() };
    for named in &selection.chips {
        let candidates = named.chip.candidates();
        let Some(uid) = candidates.iter().find(|uid| known.reason(uid).is_some()).or(candidates.first()) else {
            chosen.findings.push(Finding {
                place: named.place.clone(),
                kind: "damaged",
                what: format!(
                    "`{}` is a unique number, which does not name one chip: give the UID or the ST number",
                    named.chip
                ),
                hint: None,
            });
            continue;
        };
        if known.reason(uid).is_some() == block {
            chosen.counts.already += 1;
        } else {
            chosen.block.push(*uid);
        }
    }
    let (verb, done) = if block { ("block", "blocked") } else { ("unblock", "unblocked") };
    chosen.block.sort_unstable();
    chosen.block.dedup();
    chosen.counts.chosen = chosen.block.len() as u64;
    let uids: Vec<Uid> = chosen.block.clone();
    let instruction = Instruction { at: world.time(), requester, approvals: vec![] };
    let act = Act { verb, done, change: &args.change, opened: &opened };
    chosen.block.clear();
    act.go(&chosen, world, printer, |opened| {
        if block {
            opened.ledger.record_blocked(&instruction, &args.why, &uids)?;
        } else {
            opened.ledger.record_unblocked(&instruction, &args.why, &uids)?;
        }
        Ok(())
    })
}
