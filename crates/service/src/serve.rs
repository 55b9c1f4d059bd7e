//! From settings to a running service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reroot_core::durable::{Access, create_directory};
use reroot_issue::config::{Config, Sharing};
use reroot_issue::error::Error;
use tokio::sync::watch;

use crate::app::App;
use crate::audit_log::AuditLog;
use crate::catalog::{self, Builder, Catalog};
use crate::error::ServiceError;
use crate::http;
use crate::listen::{self, Listener};
use crate::principal::Passing;
use crate::settings::Settings;
use crate::store::Store;
use crate::world::World;

/// How often the wish to end is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Connections of the listener for metrics.
const METRICS_CONNECTIONS: u32 = 8;

/// What a front door prints when connections are taken.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// The address, if it is one.
    pub address: Option<SocketAddr>,
}

/// Runs the service until the world's `cancel` is set. `started` is called when connections are taken.
///
/// # Errors
/// A file, a folder, the store or the listener cannot be used. Nothing was taken then.
pub fn serve(
    settings: Settings,
    world: World,
    passing: Passing,
    started: impl FnOnce(Started),
) -> Result<(), ServiceError> {
    for folder in [settings.data.clone(), settings.uploads(), settings.jobs(), settings.batches()] {
        if !folder.is_dir() {
            create_directory(&folder, Access::Private)?;
        }
    }
    let tls = settings.tls.as_ref().map(listen::acceptor).transpose()?;
    let store = Store::open(&settings.store())?;
    let audit = AuditLog::start(&settings.audit(), settings.configuration.clone(), &world)?;
    let catalog = Catalog::open(&settings.catalog(), world.bytes())?;
    let anchors = Config::load_with(&settings.configuration, Sharing::Refused)
        .and_then(|config| config.manifest_anchors())
        .map_err(|error| ServiceError::from(Error::from(error)))?;
    let (folder, batches) = (settings.catalog(), settings.batches());
    let builder = Builder::open(&folder, &batches, anchors, Arc::clone(&world.cancel))?;
    catalog::start(builder).map_err(|error| ServiceError::Runtime(std::io::Error::other(error)))?;
    let app = App::new(settings, store, world, passing, audit, catalog);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(reroot_core::parallel::cores().clamp(2, 8))
        .enable_all()
        .build()
        .map_err(ServiceError::Runtime)?;
    let served = runtime.block_on(run(app, tls, started));
    runtime.shutdown_timeout(Duration::from_secs(2));
    served
}

async fn run(
    app: App,
    tls: Option<tokio_rustls::TlsAcceptor>,
    started: impl FnOnce(Started),
) -> Result<(), ServiceError> {
    let listener = Listener::open(&app.settings().listen, tls).await?;
    let metrics = match &app.settings().metrics {
        Some(place) => Some(Listener::open(place, None).await?),
        None => None,
    };
    started(Started { address: listener.address() });
    let (stop, stopped) = watch::channel(false);
    let reading = metrics
        .map(|listener| tokio::spawn(listener.run(http::metrics(app.clone()), METRICS_CONNECTIONS, stopped.clone())));
    let connections = app.settings().limits.connections;
    let serving = tokio::spawn(listener.run(http::router(app.clone()), connections, stopped));
    let cancel = &app.world().cancel;
    while !cancel.load(Ordering::Relaxed) && !serving.is_finished() {
        tokio::time::sleep(LOOK).await;
    }
    let _ = stop.send(true);
    let _ = serving.await;
    if let Some(reading) = reading {
        let _ = reading.await;
    }
    Ok(())
}
