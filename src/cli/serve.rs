//! `reroot serve`

use std::sync::Arc;

use reroot::text::Printable;
use reroot_service::principal::Role;
use reroot_service::settings::Listen;
use reroot_service::{
    Opening, ServiceError, Settings, Started, World as Surroundings, check_ledger, first_admin, login_link, serve,
};

use super::args::ServeArgs;
use super::demo::Demo;
use super::secrets::Secrets;
use super::{Exit, Fault, Printer, World};

pub(crate) fn run(args: &ServeArgs, world: &World, printer: Printer) -> Result<Exit, Fault> {
    if let Some(dir) = &args.demo {
        return demonstrate(dir, world, printer);
    }
    let settings = Settings::load(&args.config)?;
    if let Some(name) = &args.first_admin {
        if args.new_ledger {
            check_ledger(&settings, &surroundings(world, printer), true)?;
        }
        let token = first_admin(&settings, &surroundings(world, printer), name)?;
        printer.data(&format!("{token}\n"));
        printer.say("this token is shown once; it ends in a day");
        return Ok(Exit::Done);
    }
    if let Some(name) = &args.login_link {
        let roles: Vec<Role> = args.login_role.iter().filter_map(|word| Role::of(word)).collect();
        let path = login_link(&settings, &surroundings(world, printer), name, &roles)?;
        printer.data(&format!("{}{path}\n", base(&settings)));
        printer.say("this link logs in once, within 15 minutes");
        return Ok(Exit::Done);
    }
    let place = settings.listen.clone();
    let opening = Opening { new_ledger: args.new_ledger, ..Opening::default() };
    // with `--wait`, a second host that is ready: it goes on when the first one's process is gone
    printer.when(ServiceError::is_in_use, || {
        serve(settings.clone(), surroundings(world, printer), opening.clone(), |started| {
            printer.say(&format!("listening on {}", listening(&place, started)));
        })
    })?;
    Ok(Exit::Done)
}

fn demonstrate(dir: &std::path::Path, world: &World, printer: Printer) -> Result<Exit, Fault> {
    let demo = Demo::new(dir, world, printer)?;
    let (settings, opening) = (demo.settings.clone(), demo.opening());
    let place = settings.listen.clone();
    serve(settings, surroundings(world, printer), opening, |started| {
        let url = format!("http://{}", listening(&place, started));
        printer.say("Open the first link in a browser, or paste the lines into a shell; end this with Ctrl-C.");
        printer.data(&demo.lines(&url));
        let batches = Printable::new(&demo.batches()).to_string();
        printer.say(&format!("listening on {url}; batches appear in `{batches}`"));
    })?;
    Ok(Exit::Done)
}

/// Where a browser finds the service. Behind a unix socket there is a proxy with TLS.
fn base(settings: &Settings) -> String {
    let named = settings.console.hosts.first();
    match &settings.listen {
        Listen::Unix(_) => format!("https://{}", named.map_or("HOST", String::as_str)),
        Listen::Tcp(address) => {
            let scheme = if settings.tls.is_some() { "https" } else { "http" };
            let host = named.map_or_else(|| address.to_string(), |name| format!("{name}:{}", address.port()));
            format!("{scheme}://{host}")
        }
    }
}

fn listening(place: &Listen, started: Started) -> String {
    match (place, started.address) {
        (Listen::Unix(path), _) => format!("unix:{}", Printable::new(path)),
        (Listen::Tcp(address), given) => given.unwrap_or(*address).to_string(),
    }
}

fn surroundings(world: &World, printer: Printer) -> Surroundings {
    Surroundings {
        clock: world.clock,
        random: world.random,
        secrets: Arc::new(Secrets),
        sharing: printer.sharing,
        cancel: Arc::clone(&world.checking.cancel),
        tool: concat!("reroot ", env!("CARGO_PKG_VERSION")),
    }
}
