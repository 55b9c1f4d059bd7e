//! From settings to a running service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reroot_core::crypto::sha256;
use reroot_core::durable::{Access, create_directory};
use reroot_core::policy::Policy;
use reroot_issue::error::Error;
use reroot_issue::ledger::LedgerError;
use tokio::sync::watch;

use crate::app::App;
use crate::audit_log::AuditLog;
use crate::auth::session;
use crate::catalog::{self, Builder, Catalog};
use crate::console;
use crate::error::ServiceError;
use crate::http;
use crate::job;
use crate::listen::{Listener, Secure};
use crate::oidc::Provider;
use crate::principal::{Passing, Roles};
use crate::settings::Settings;
use crate::store::{PolicyState, Store, StoredPolicy};
use crate::world::World;

/// How often the wish to end is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Connections of the listener for metrics.
const METRICS_CONNECTIONS: u32 = 8;

/// How often what is not needed any more is removed.
const SWEEP: Duration = Duration::from_secs(60);

/// With what a run begins.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Principals of this one run.
    pub passing: Passing,
    /// Links for one login each, by secrets that the front door made: name, roles, secret.
    pub links: Vec<(String, Roles, [u8; 32])>,
    /// Make the planner's ledger where there is none.
    pub new_ledger: bool,
    /// Texts of policies that jobs may use from the beginning, if the store does not have them.
    pub policies: Vec<String>,
}

/// What a front door prints when connections are taken.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// The address, if it is one.
    pub address: Option<SocketAddr>,
    /// The address of the listener for revocation lists, if there is one.
    pub lists: Option<SocketAddr>,
}

/// Runs the service until the world's `cancel` is set. `started` is called when connections are taken.
///
/// # Errors
/// A file, a folder, the store or the listener cannot be used. Nothing was taken then.
pub fn serve(
    settings: Settings,
    world: World,
    opening: Opening,
    started: impl FnOnce(Started),
) -> Result<(), ServiceError> {
    let folders =
        [settings.uploads(), settings.jobs(), settings.batches(), settings.exports(), settings.data.join("findings")];
    for folder in std::iter::once(settings.data.clone()).chain(folders) {
        if !folder.is_dir() {
            create_directory(&folder, Access::Private)?;
        }
    }
    let tls = settings.tls.clone().map(Secure::new).transpose()?.map(Arc::new);
    let oidc = settings.oidc.clone().map(Provider::new).transpose()?;
    // first: who has the audit log has the folder, and nothing else of it is touched by two
    let (audit, writer) = AuditLog::start(&settings.audit(), settings.configuration.clone(), &world)?;
    let store = Store::open(&settings.store())?;
    let catalog = Catalog::open(&settings.catalog(), world.bytes())?;
    let anchors = world.config(&settings.configuration)?.manifest_anchors().map_err(Error::from)?;
    let (folder, batches) = (settings.catalog(), settings.batches());
    let builder = Builder::open(&folder, &batches, anchors, Arc::clone(&world.cancel))?;
    catalog::start(builder, &catalog).map_err(|error| ServiceError::Runtime(std::io::Error::other(error)))?;
    let app = App::new((settings, world), store, opening.passing, audit, catalog, oidc);
    check_ledger(app.settings(), app.world(), opening.new_ledger)?;
    for text in opening.policies {
        add_policy(&app, text)?;
    }
    for (name, roles, secret) in opening.links {
        let now = app.world().now().unix();
        session::add_link(app.store(), now, secret, &name, Some(roles), true)
            .map_err(|problem| ServiceError::Admin { what: problem.document().detail.clone() })?;
    }
    // files of an earlier process that was killed; what cannot be removed now is tried again later
    let _ = job::sweep(&app);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(reroot_core::parallel::cores().clamp(2, 8))
        .enable_all()
        .build()
        .map_err(ServiceError::Runtime)?;
    job::note_interrupted(&app)?;
    let workers = job::start(&app)?;
    let served = runtime.block_on(run(&app, tls, started));
    // a run ends at its next border between chunks, and goes on in the next process
    app.world().cancel.store(true, Ordering::Relaxed);
    app.running().stop();
    for worker in workers {
        let _ = worker.join();
    }
    runtime.shutdown_timeout(Duration::from_secs(2));
    // the hold on the folder of the audit log ends with its thread: who starts a service next can have it
    drop(app);
    let end = std::time::Instant::now() + Duration::from_secs(2);
    while !writer.is_finished() && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    served
}

/// Adds a policy that the front door vouches for.
fn add_policy(app: &App, text: String) -> Result<(), ServiceError> {
    let parsed = Policy::parse(&text, "policy.toml").map_err(Error::from)?;
    app.store().add_policy(&StoredPolicy {
        sha256: sha256(text.as_bytes()).to_string(),
        name: parsed.name().to_owned(),
        text,
        state: PolicyState::Active,
        revision: 1,
        owner: app.world().tool.to_owned(),
        created: app.world().now().to_string(),
    })?;
    Ok(())
}

/// Opens the planner's ledger once, so that a missing one is found now; makes it where that was asked for.
///
/// # Errors
/// The configuration or the ledger cannot be read, or the ledger is not there and `new` is not set.
pub fn check_ledger(settings: &Settings, world: &World, new: bool) -> Result<(), ServiceError> {
    let config = world.config(&settings.configuration)?;
    let issuer = config.issuer_identity().map_err(Error::from)?;
    let ledger = if new { config.open_or_create_ledger(issuer.spki()) } else { config.open_ledger(issuer.spki()) };
    match ledger {
        // a run of the command line has it for a while
        Ok(_) | Err(LedgerError::Locked { .. }) => Ok(()),
        Err(error) => Err(Error::from(error).into()),
    }
}

/// Starts a round of revocation lists if it is time.
async fn start_round(app: &App) {
    if let Err(problem) = app.blocking(job::post_due).await {
        tracing::warn!(problem = problem.document().detail, "no round of revocation lists was started");
    }
}

async fn run(app: &App, tls: Option<Arc<Secure>>, started: impl FnOnce(Started)) -> Result<(), ServiceError> {
    let listener = Listener::open(&app.settings().listen, tls).await?;
    let metrics = match &app.settings().metrics {
        Some(place) => Some(Listener::open(place, None).await?),
        None => None,
    };
    let public = match &app.settings().revocation.listen {
        Some(place) => Some(Listener::open(place, None).await?),
        None => None,
    };
    started(Started { address: listener.address(), lists: public.as_ref().and_then(Listener::address) });
    let (stop, stopped) = watch::channel(false);
    let reading = metrics
        .map(|listener| tokio::spawn(listener.run(http::metrics(app.clone()), METRICS_CONNECTIONS, stopped.clone())));
    let connections = app.settings().limits.connections;
    let public =
        public.map(|listener| tokio::spawn(listener.run(http::lists(app.clone()), connections, stopped.clone())));
    let serving = tokio::spawn(listener.run(console::router(app.clone()), connections, stopped));
    let cancel = &app.world().cancel;
    start_round(app).await;
    let mut swept = tokio::time::Instant::now();
    while !cancel.load(Ordering::Relaxed) && !serving.is_finished() {
        tokio::time::sleep(LOOK).await;
        if swept.elapsed() >= SWEEP {
            swept = tokio::time::Instant::now();
            let _ = app.blocking(job::sweep).await;
            start_round(app).await;
            let _ = app.blocking(session::sweep).await;
        }
    }
    app.running().stop();
    let _ = stop.send(true);
    let _ = serving.await;
    for other in [reading, public].into_iter().flatten() {
        let _ = other.await;
    }
    Ok(())
}
