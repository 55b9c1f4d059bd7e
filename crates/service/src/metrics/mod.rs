//! What is counted, in the text format of OpenMetrics. It is read on a listener of its own.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};
use reroot_issue::ledger::{HandedOut, PoolStatus};

/// A request: labels are of the router and the table, never of the caller.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Code {
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Part {
    part: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Standing {
    state: &'static str,
}

/// Every metric of the service.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter<u64, AtomicU64>>,
    problems: Family<Code, Counter<u64, AtomicU64>>,
    ready: Family<Part, Gauge<i64, AtomicI64>>,
    audit_events: Gauge<i64, AtomicI64>,
    audit_sealing: Gauge<i64, AtomicI64>,
    catalog_batches: Gauge<i64, AtomicI64>,
    catalog_chips: Gauge<i64, AtomicI64>,
    catalog_refused: Gauge<i64, AtomicI64>,
    free_bytes: Gauge<i64, AtomicI64>,
    crl_bytes: Gauge<i64, AtomicI64>,
    crl_entries: Gauge<i64, AtomicI64>,
    crl_next_update_seconds: Gauge<i64, AtomicI64>,
    crl_oldest_unpublished_revocation_seconds: Gauge<i64, AtomicI64>,
    pool_chunks: Family<Standing, Gauge<i64, AtomicI64>>,
    pool_certificates: Family<Standing, Gauge<i64, AtomicI64>>,
    pool_workers: Family<Standing, Gauge<i64, AtomicI64>>,
}

/// What is measured of revocation lists.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crls {
    /// Bytes of the largest list that has a distribution point; of the full list where none has.
    pub bytes: u64,
    /// Entries of the full list.
    pub entries: u64,
    /// Seconds until the lists end; negative after it.
    pub next_update_seconds: i64,
    /// Seconds since the oldest revocation that is on no list.
    pub oldest_unpublished_seconds: u64,
}

/// What is measured when the metrics are read.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Parts of the service, and whether each works.
    pub ready: Vec<(&'static str, bool)>,
    /// Events of the audit log.
    pub audit_events: u64,
    /// Whether its closed files could be sealed.
    pub audit_sealing: bool,
    /// Batches, chips and refused folders of the catalog.
    pub catalog: (u64, u64, u64),
    /// Free bytes where the data is.
    pub free_bytes: u64,
    /// Revocation lists; before the first round there are none.
    pub crls: Option<Crls>,
    /// What is handed out to workers; none of a ledger in a file.
    pub pool: Option<PoolStatus>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("reroot");
        let requests = metric(&mut registry, "http_requests", "Requests that were answered");
        let problems = metric(&mut registry, "problems", "Problems that were answered, by code");
        let ready = metric(&mut registry, "ready", "1 if this part of the service works");
        let mut gauge = |name, help| metric(&mut registry, name, help);
        let audit_events = gauge("audit_events", "Events of the audit log");
        let audit_sealing = gauge("audit_sealing", "1 if closed files of the audit log could be sealed");
        let catalog_batches = gauge("catalog_batches", "Batches of the catalog");
        let catalog_chips = gauge("catalog_chips", "Certificates of the catalog");
        let catalog_refused = gauge("catalog_refused", "Folders that the catalog refused");
        let free_bytes = gauge("free_bytes", "Free bytes where the data is");
        let crl_bytes = gauge("crl_bytes", "Bytes of the largest revocation list of a distribution point");
        let crl_entries = gauge("crl_entries", "Entries of the full revocation list");
        let crl_next_update_seconds =
            gauge("crl_next_update_seconds", "Seconds until the published revocation lists end, negative after it");
        let crl_oldest_unpublished_revocation_seconds = gauge(
            "crl_oldest_unpublished_revocation_seconds",
            "Seconds since the oldest revocation or release that the published lists do not say",
        );
        let mut by_state = |name, help| metric(&mut registry, name, help);
        let pool_chunks = by_state("pool_chunks", "Chunks that are handed out to workers: open, leased, done, parked");
        let pool_certificates = by_state("pool_certificates", "Certificates of these chunks: made, missing");
        let pool_workers = by_state("pool_workers", "Workers: heard in the last two minutes, silent since");
        Self {
            registry,
            requests,
            problems,
            ready,
            audit_events,
            audit_sealing,
            catalog_batches,
            catalog_chips,
            catalog_refused,
            free_bytes,
            crl_bytes,
            crl_entries,
            crl_next_update_seconds,
            crl_oldest_unpublished_revocation_seconds,
            pool_chunks,
            pool_certificates,
            pool_workers,
        }
    }
}

/// A metric that the registry knows.
fn metric<M: Clone + Default + Metric>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// Counts an answer. `route` is a path of the router.
    pub fn answered(&self, method: &str, route: &str, status: u16, code: Option<String>) {
        // a method can be any token
        let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
        let method = if known.contains(&method) { method } else { "other" };
        let labels = Answered { method: method.to_owned(), route: route.to_owned(), status: u32::from(status) };
        self.requests.get_or_create(&labels).inc();
        if let Some(code) = code {
            self.problems.get_or_create(&Code { code }).inc();
        }
    }

    /// The text, with what was measured now.
    pub fn text(&self, measured: &Measured) -> String {
        for (part, works) in &measured.ready {
            self.ready.get_or_create(&Part { part }).set(i64::from(*works));
        }
        let (batches, chips, refused) = measured.catalog;
        for (gauge, value) in [
            (&self.audit_events, measured.audit_events),
            (&self.audit_sealing, u64::from(measured.audit_sealing)),
            (&self.catalog_batches, batches),
            (&self.catalog_chips, chips),
            (&self.catalog_refused, refused),
            (&self.free_bytes, measured.free_bytes),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let crls = measured.crls.unwrap_or_default();
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.crl_bytes.set(signed(crls.bytes));
        self.crl_entries.set(signed(crls.entries));
        self.crl_next_update_seconds.set(crls.next_update_seconds);
        self.crl_oldest_unpublished_revocation_seconds.set(signed(crls.oldest_unpublished_seconds));
        if let Some(PoolStatus { batches, workers, .. }) = &measured.pool {
            let sum = |of: fn(&HandedOut) -> u64| batches.iter().map(of).sum::<u64>();
            let heard = workers.iter().filter(|worker| worker.seen_seconds <= HEARD).count() as u64;
            let made = sum(|of| of.certificates);
            for (family, state, value) in [
                (&self.pool_chunks, "open", sum(|of| of.open)),
                (&self.pool_chunks, "leased", sum(|of| of.leased)),
                (&self.pool_chunks, "done", sum(|of| of.done)),
                (&self.pool_chunks, "parked", sum(|of| of.parked)),
                (&self.pool_certificates, "made", made),
                (&self.pool_certificates, "missing", sum(|of| of.leaves).saturating_sub(made)),
                (&self.pool_workers, "heard", heard),
                (&self.pool_workers, "silent", workers.len() as u64 - heard),
            ] {
                family.get_or_create(&Standing { state }).set(signed(value));
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String");
        text
    }
}

/// Seconds: twice the usual time of a lease.
const HEARD: u64 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_route_and_code() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/v1/chips/{chip}", 404, Some("chip.unknown".to_owned()));
        metrics.answered("BREW\"", "other", 405, None);
        let text = metrics.text(&Measured { catalog: (2, 30, 1), ..Measured::default() });
        for line in [
            "reroot_http_requests_total{method=\"GET\",route=\"/v1/chips/{chip}\",status=\"404\"} 1\n",
            "reroot_http_requests_total{method=\"other\",route=\"other\",status=\"405\"} 1\n",
            "reroot_problems_total{code=\"chip.unknown\"} 1\n",
            "reroot_catalog_chips 30\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
