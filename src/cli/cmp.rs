//! `reroot issue`: with the key at hand, or, `--issuer cmp`, with a CA of another house.

use std::time::Duration;

use reroot::cmp::{Client, Credentials, Http, Patience, Protection};
use reroot::config::CmpCredentials;
use reroot::manifest::Entry;
use reroot::origin::ChipName;
use reroot::pipeline::authority::{AskAgain, Cmp};
use reroot::pipeline::{self, Issue};

use super::args::{Format, IssueCommand, IssuerArg};
use super::issue::{self, Surroundings};
use super::progress::Bars;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, load};

/// Requests a chunk: fewer than leaves that are signed here, because each is a message.
const CHUNK_SIZE: u32 = 256;

pub(crate) fn run(args: &IssueCommand, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    match args.issuer {
        IssuerArg::Cmp => ask(args, world, printer),
        IssuerArg::Local if args.new_ledger || args.because.is_some() => {
            Err(Fault::usage("--new-ledger, --ask-again and --because go with --issuer cmp"))
        }
        IssuerArg::Local => issue::run(&args.issue, world, printer),
    }
}

fn ask(args: &IssueCommand, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    if args.because.as_deref().is_some_and(|reason| Entry::check_reason("because", reason).is_err()) {
        return Err(Fault::usage("--because: the reason is empty or longer than 1000 characters"));
    }
    let around = Surroundings::load(&args.issue, printer)?.with_manifest_signer()?;
    let cmp = around.config.cmp_ca(&Secrets)?;
    let ledger = load::ledger(&around.config, around.issuer.spki(), args.new_ledger, printer)?;
    let protection = match cmp.shown {
        CmpCredentials::Certificate(certificate, chain, signer) => Protection::Signature { certificate, chain, signer },
        CmpCredentials::Secret(reference, secret) => Protection::Secret { reference: reference.into_bytes(), secret },
    };
    let credentials = Credentials { protection, servers: cmp.servers };
    let transport = Http::new(&cmp.url, &cmp.tls_anchors, cmp.timeout);
    let random = world.random;
    let client = Client {
        issuer: &around.issuer,
        credentials: &credentials,
        transport: &transport,
        patience: Patience { polls: cmp.polls, longest_pause: cmp.longest_pause },
        random: &move |octets| random(octets),
        pause: &|pause: Duration| std::thread::sleep(pause),
    };
    let chips = args.ask_again.iter().filter(|uid| *uid != "all");
    let asked = chips.map(|uid| reroot_check::chip::chip(uid)).collect::<Result<Vec<ChipName>, Fault>>()?;
    let which = || {
        if args.ask_again.iter().any(|uid| uid == "all") { AskAgain::All } else { AskAgain::Only(asked.clone()) }
    };
    let authority = Cmp {
        client: &client,
        concurrency: cmp.concurrency,
        retries: cmp.retries,
        ask_again: args.because.as_ref().map(|reason| (which(), reason.clone())),
    };
    let job = around.job(&args.issue, world, CHUNK_SIZE);
    let bars = Bars::new(printer.terminal && printer.format == Format::Text);
    let task = Issue { job: &job, stdin: &mut *world.checking.stdin };
    let outcome = pipeline::run(task, &ledger, &authority, &bars, &world.checking.cancel)?;
    for note in around.notes() {
        printer.warn(&format!("{note} (another token went on)"));
    }
    issue::report(&outcome, &args.issue, printer);
    Ok(issue::exit(&outcome))
}
