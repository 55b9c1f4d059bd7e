//! Progress with ETA on a terminal; silence elsewhere.

use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reroot::reissue::{Progress, Stage};

/// One bar a stage.
pub(crate) struct Bars {
    draw: bool,
    bar: Mutex<Option<Ticking>>,
}

impl Bars {
    pub(crate) fn new(draw: bool) -> Self {
        Self { draw, bar: Mutex::new(None) }
    }

    fn with(&self, work: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.bar.lock().ok().as_deref().and_then(Option::as_ref) {
            work(&bar.bar);
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
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(Ticking::new(bar));
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

/// A bar that is drawn again ten times a second, so that it moves while nothing advances. Where the system has no thread
/// for that, it is drawn when something advances: the library's own ticker would panic there.
struct Ticking {
    bar: ProgressBar,
    /// Ends the ticking when it goes.
    _until: SyncSender<()>,
}

impl Ticking {
    fn new(bar: ProgressBar) -> Self {
        let (until, ended) = sync_channel(0);
        let ticked = bar.clone();
        let _ = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            while matches!(ended.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout)) {
                if ticked.is_finished() {
                    return;
                }
                ticked.tick();
            }
        });
        Self { bar, _until: until }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constants")
}

/// A running count where the total is not known beforehand.
pub(crate) struct Counter(Option<Ticking>);

impl Counter {
    pub(crate) fn new(draw: bool) -> Self {
        if !draw {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {pos} items ({per_sec})"));
        Self(Some(Ticking::new(bar)))
    }

    pub(crate) fn advance(&self, count: u64) {
        if let Some(Ticking { bar, .. }) = &self.0 {
            bar.inc(count);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(Ticking { bar, .. }) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
