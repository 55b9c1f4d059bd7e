//! `reroot approve`

use std::path::Path;

use reroot::approval::{self, ApprovalError, Demand, Terms};
use reroot::ca::ExistingKey;
use reroot::durable::Access;
use reroot::durable::output::{self, Shape};
use reroot::error::Error;
use reroot::plan::Proposal;
use reroot::report::{Place, Table};
use reroot::revoke::{plan as crl_plan, request};
use reroot::signer::pkcs11::Settings;
use reroot::text::Printable;
use reroot::x509::{Certificate, Time};
use serde::Serialize;

use super::args::{ApproveArgs, Format};
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World, ceremony, init, load, sign};

pub(crate) fn run(args: &ApproveArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    load::place(&args.out, Shape::PLAIN)?;
    approval::check_person(&args.requester)
        .map_err(|what| Fault::usage(format!("--requester {what}")).hint("Name the person who asked for the plan."))?;
    let planners = load::certificates(&args.planner)?;
    let certificate = ceremony::certificate(&args.certificate)?;
    let (demand, facts, policy) = read(&args.plan, &planners)?;
    let not_after = world.now.unix() + i64::from(args.days) * 86_400;
    let not_after =
        Time::from_unix(not_after).map_err(|_| Fault::usage(format!("--days {} is beyond the calendar", args.days)))?;
    let terms = Terms { demand, requester: args.requester.clone(), not_after, nonce: world.random() };

    let mut table = Table::new(14);
    if let Some(policy) = policy {
        table.text(&indented(&policy));
    }
    table.extend(facts);
    table.extend([("requested by", terms.requester.clone()), ("valid until", not_after.to_string())]);
    printer.say(table.finish().trim_end());
    let warning = "your key approves exactly this when you type `approve`";
    if !args.yes && !sign::typed(&mut *world.checking.stdin, "approve", warning, printer) {
        return Err(Error::from(ApprovalError::Declined).into());
    }

    let (place, secret) = init::key_place(
        &args.key,
        args.passphrase_file.as_deref(),
        args.passphrase_env.as_deref(),
        &args.pin,
        printer,
    )?;
    let settings = Settings::default();
    let key = ExistingKey { place: &place, secret: secret.as_ref(), settings: &settings };
    let signer = key.open(&certificate, &Secrets)?;
    let content = approval::approve(&terms, &certificate, &*signer, world.now).map_err(Error::from)?;
    output::write_new(&args.out, Access::Public, content.as_bytes())?;
    match printer.format {
        Format::Json => printer.json(&Approved { approval: Place(&args.out), subject: demand.subject.to_string() }),
        Format::Text => printer.data(&format!("{}\n", Printable::new(&args.out))),
    }
    Ok(Exit::Done)
}

/// What became of it, as JSON.
#[derive(Serialize)]
struct Approved<'a> {
    approval: Place<'a>,
    subject: String,
}

type Shown = (Demand, Vec<(&'static str, String)>, Option<String>);

/// What a plan of certificates or of lists, or a request to revoke, wants, in numbers and in words, and the text of its policy.
fn read(plan: &Path, planners: &[Certificate]) -> Result<Shown, Fault> {
    if request::action_of(plan).is_some() {
        let read = request::Request::read(plan, planners)?;
        return Ok((read.demand(), read.facts(), None));
    }
    if crl_plan::is_plan(plan) {
        let read = crl_plan::read_plan(plan, planners)?;
        return Ok((read.demand(plan)?, read.facts(), None));
    }
    let proposal = Proposal::read(plan, planners)?;
    Ok((proposal.demand, proposal.facts(), Some(proposal.policy.1)))
}

fn indented(policy: &str) -> String {
    let lines = policy.lines().map(|line| format!("  | {}\n", Printable::new(line)));
    format!("the policy:\n{}", lines.collect::<String>())
}
