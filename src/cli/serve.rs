//! `reroot serve`

use std::sync::Arc;

use reroot_service::principal::Passing;
use reroot_service::settings::Listen;
use reroot_service::{Settings, World as Surroundings, first_admin, serve};

use super::args::ServeArgs;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World};

pub(crate) fn run(args: &ServeArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let settings = Settings::load(&args.config)?;
    if let Some(name) = &args.first_admin {
        let token = first_admin(&settings, &surroundings(world), name)?;
        printer.data(&format!("{token}\n"));
        printer.say("this token is shown once; it ends in a day");
        return Ok(Exit::Done);
    }
    let place = settings.listen.clone();
    serve(settings, surroundings(world), Passing::default(), |started| {
        let place = match (place, started.address) {
            (Listen::Unix(path), _) => format!("unix:{}", reroot::text::Printable::new(&path)),
            (Listen::Tcp(address), None) | (Listen::Tcp(_), Some(address)) => address.to_string(),
        };
        printer.say(&format!("listening on {place}"));
    })?;
    Ok(Exit::Done)
}

fn surroundings(world: &World) -> Surroundings {
    Surroundings {
        clock: world.clock,
        random: world.random,
        secrets: Arc::new(Secrets),
        cancel: Arc::clone(&world.checking.cancel),
        tool: concat!("reroot ", env!("CARGO_PKG_VERSION")),
    }
}
