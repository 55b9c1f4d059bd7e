//! What every handler has: settings, store, surroundings.

use std::sync::Arc;
use std::time::Duration;

use reroot_issue::config::Config;
use reroot_issue::error::Error;
use reroot_issue::ledger::Ledger;
use reroot_issue::signing_service::{Client, SignerState};

use crate::audit_log::AuditLog;
use crate::catalog::Catalog;
use crate::lists::Lists;
use crate::metrics::Metrics;
use crate::oidc::Provider;
use crate::principal::Passing;
use crate::problem::{BUG, Problem};
use crate::rate::Rates;
use crate::running::{Arriving, Running};
use crate::settings::Settings;
use crate::store::{Change, Job, JobState, Store};
use crate::world::World;

/// The state of the service; cheap to clone.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds functions")]
pub struct App(Arc<Inner>);

struct Inner {
    settings: Settings,
    store: Store,
    world: World,
    passing: Passing,
    audit: AuditLog,
    catalog: Catalog,
    oidc: Option<Provider>,
    rates: Rates,
    metrics: Metrics,
    lists: Lists,
    running: Running,
    arriving: Arriving,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        (settings, world): (Settings, World),
        store: Store,
        passing: Passing,
        audit: AuditLog,
        catalog: Catalog,
        oidc: Option<Provider>,
    ) -> Self {
        let rates = Rates::new(settings.rates);
        Self(Arc::new(Inner {
            settings,
            store,
            world,
            passing,
            audit,
            catalog,
            oidc,
            rates,
            metrics: Metrics::default(),
            lists: Lists::default(),
            running: Running::default(),
            arriving: Arriving::default(),
        }))
    }

    /// The audit log.
    pub fn audit(&self) -> &AuditLog {
        &self.0.audit
    }

    /// Which chip has which certificate.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The OpenID provider, if there is one.
    pub fn oidc(&self) -> Option<&Provider> {
        self.0.oidc.as_ref()
    }

    /// How often may be asked.
    pub fn rates(&self) -> &Rates {
        &self.0.rates
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Asks the signer for its state, and waits two seconds at most: for pages and checks that do not depend on the answer.
    ///
    /// # Errors
    /// It is not reached, or does not answer within two seconds.
    pub fn signer(&self) -> Result<SignerState, Error> {
        Ok(Client::new(self.settings().signer.clone()).with_patience(Duration::from_secs(2)).state()?)
    }

    /// Revocation lists that are published.
    pub fn lists(&self) -> &Lists {
        &self.0.lists
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The store. It waits for the disk: handlers use it inside [`blocking`](Self::blocking).
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Clock, random generator, secrets.
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// Reads the planner's configuration.
    ///
    /// # Errors
    /// As [`World::config`].
    pub fn config(&self) -> Result<Config, Error> {
        self.world().config(&self.settings().configuration)
    }

    /// Opens the planner's ledger to read it: a run may have it at the same time.
    ///
    /// # Errors
    /// The configuration or the ledger cannot be read.
    pub fn ledger(&self, config: &Config) -> Result<Ledger, Error> {
        Ok(Ledger::open_to_read(config.ledger_path())?)
    }

    /// Principals of this one run.
    pub fn passing(&self) -> &Passing {
        &self.0.passing
    }

    /// Runs of jobs in this process.
    pub fn running(&self) -> &Running {
        &self.0.running
    }

    /// Uploads whose content arrives now.
    pub fn arriving(&self) -> &Arriving {
        &self.0.arriving
    }

    /// Changes a job that is in one of these states, and says so to those who wait. Returns it, or `None` if it is not.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn change(&self, id: &str, from: &[JobState], change: &Change) -> Result<Option<Job>, Problem> {
        let changed = self.store().change_job(id, from, change, &self.world().now().to_string())?;
        self.running().changed();
        Ok(changed)
    }

    /// Does work that waits for the disk or computes, outside of the runtime's own threads.
    ///
    /// # Errors
    /// As the work, or it panicked.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&app)).await;
        done.unwrap_or_else(|_| Err(Problem::new(BUG, "the request ended in a panic, which is in the log")))
    }
}
