//! Progress on a terminal; silence elsewhere.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that is drawn again ten times a second, so that it moves while nothing advances. Where the system has no thread
/// for that, it is drawn when something advances: the library's own ticker would panic there.
pub struct Ticking {
    /// The bar.
    pub bar: ProgressBar,
    /// Ends the ticking when it goes.
    _until: SyncSender<()>,
}

impl Ticking {
    /// Draws the bar until this value goes.
    pub fn new(bar: ProgressBar) -> Self {
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

/// Returns a style of this program's own.
pub fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constants")
}

/// A running count where the total is not known beforehand.
pub struct Counter(Option<Ticking>);

impl Counter {
    /// Begins, if there is somebody to see it.
    pub fn new(draw: bool) -> Self {
        if !draw {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {pos} items ({per_sec})"));
        Self(Some(Ticking::new(bar)))
    }

    /// So many more.
    pub fn advance(&self, count: u64) {
        if let Some(Ticking { bar, .. }) = &self.0 {
            bar.inc(count);
        }
    }

    /// Removes the count from the terminal.
    pub fn finish(&self) {
        if let Some(Ticking { bar, .. }) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
