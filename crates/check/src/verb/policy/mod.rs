//! `reroot policy check | show | shipped | reference`

mod check;
mod show;

use std::path::Path;

use reroot_core::cert::IssuerIdentity;
use reroot_core::policy;
use reroot_core::text::Printable;
use reroot_core::x509::Time;

use crate::args::PolicyCommand;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::load;
use crate::printer::Printer;
use crate::world::World;

/// Checks, shows and lists policies.
pub fn run(command: &PolicyCommand, world: &World, printer: Printer) -> Result<Exit, Fault> {
    match command {
        PolicyCommand::Check(args) => check::run(args, world, printer),
        PolicyCommand::Show(args) => show::run(args, world, printer),
        PolicyCommand::Shipped { name } => shipped(name.as_deref(), printer),
        PolicyCommand::Reference => {
            printer.exact(&policy::reference_markdown());
            Ok(Exit::Done)
        }
    }
}

fn shipped(name: Option<&str>, printer: Printer) -> Result<Exit, Fault> {
    let Some(name) = name else {
        for (name, _) in policy::SHIPPED {
            printer.data(&format!("{}\n", name.trim_end_matches(".toml")));
        }
        return Ok(Exit::Done);
    };
    match policy::SHIPPED.iter().find(|(file, _)| file.trim_end_matches(".toml") == name) {
        Some((_, text)) => {
            printer.exact(text);
            Ok(Exit::Done)
        }
        None => Err(Fault::usage(format!("there is no shipped policy {name:?}"))
            .hint(&format!("`{} policy shipped` lists them.", printer.program))),
    }
}

/// `--at`, or now.
fn instant(at: Option<&str>, world: &World) -> Result<Time, Fault> {
    let Some(text) = at else { return Ok(world.now) };
    Time::from_rfc3339(text).map_err(|error| Fault::usage(format!("--at {text:?} is {error}")))
}

/// `--issuer`: a CA's certificate and, in the same file, the chain above it.
fn issuer(path: &Path) -> Result<IssuerIdentity, Fault> {
    let mut certificates = load::certificates(&[path.to_owned()])?.into_iter();
    let fault = |error: &dyn std::fmt::Display| Fault::usage(format!("--issuer `{}`: {error}", Printable::new(path)));
    let certificate = certificates.next().ok_or_else(|| fault(&"no certificate in it"))?;
    IssuerIdentity::new(certificate, certificates.collect()).map_err(|error| {
        let fault = fault(&error);
        match error.hint() {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    })
}
