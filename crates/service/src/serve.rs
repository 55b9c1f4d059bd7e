//! From settings to a running service.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reroot_core::durable::{Access, create_directory};
use tokio::sync::watch;

use crate::app::App;
use crate::error::ServiceError;
use crate::http;
use crate::listen::{self, Listener};
use crate::principal::Passing;
use crate::settings::Settings;
use crate::store::Store;
use crate::world::World;

/// How often the wish to end is looked at.
const LOOK: Duration = Duration::from_millis(100);

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
    let app = App::new(settings, store, world, passing);
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
    started(Started { address: listener.address() });
    let (stop, stopped) = watch::channel(false);
    let connections = app.settings().limits.connections;
    let serving = tokio::spawn(listener.run(http::router(app.clone()), connections, stopped));
    let cancel = &app.world().cancel;
    while !cancel.load(Ordering::Relaxed) && !serving.is_finished() {
        tokio::time::sleep(LOOK).await;
    }
    let _ = stop.send(true);
    let _ = serving.await;
    Ok(())
}
