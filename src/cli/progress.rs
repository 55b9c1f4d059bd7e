//! Progress with ETA on a terminal; silence elsewhere.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reroot::reissue::{Progress, Stage};

/// One bar a stage.
pub(crate) struct Bars {
    draw: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bars {
    pub(crate) fn new(draw: bool) -> Self {
        Self { draw, bar: Mutex::new(None) }
    }

    fn with(&self, work: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.bar.lock().ok().as_deref().and_then(Option::as_ref) {
            work(bar);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, stage: Stage) {
        if !self.draw {
            return;
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{prefix:>8} {spinner} {pos} ({per_sec})"));
        bar.set_prefix(stage.as_str());
        bar.enable_steady_tick(Duration::from_millis(100));
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(bar);
        }
    }

    fn total(&self, count: u64) {
        self.with(|bar| {
            bar.set_length(count);
            bar.set_style(style("{prefix:>8} [{bar:40}] {pos}/{len} ({per_sec}, {eta} left)"));
        });
    }

    fn advance(&self, count: u64) {
        self.with(|bar| bar.inc(count));
    }

    fn end(&self, _: Stage) {
        self.with(ProgressBar::finish_and_clear);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constants")
}

/// A running count where the total is not known beforehand.
pub(crate) struct Counter(Option<ProgressBar>);

impl Counter {
    pub(crate) fn new(draw: bool) -> Self {
        if !draw {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {pos} items ({per_sec})"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    pub(crate) fn advance(&self, count: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(count);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
