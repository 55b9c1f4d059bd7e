//! Progress with ETA on a terminal; silence elsewhere.

use std::sync::Mutex;

use indicatif::ProgressBar;
use reroot::pipeline::{Progress, Stage};
use reroot::setup::Surroundings;
use reroot_check::progress::{Ticking, style};

use super::{Printer, World};

pub(crate) use reroot_check::progress::Counter;

/// Runs something in this program's surroundings, with bars where a person looks on.
pub(crate) fn with_bars<T>(world: &mut World, printer: Printer, run: impl FnOnce(&mut Surroundings<'_>) -> T) -> T {
    let (random, (now, now_millis)) = (world.random, world.time_and_millis());
    run(&mut Surroundings {
        now,
        now_millis,
        random: &move |bytes| random(bytes),
        pause: &|pause| std::thread::sleep(pause),
        stdin: &mut *world.checking.stdin,
        progress: &Bars::new(printer),
        cancel: &world.checking.cancel,
        tool: concat!("reroot ", env!("CARGO_PKG_VERSION")),
    })
}

/// One bar a stage.
pub(crate) struct Bars {
    draw: bool,
    bar: Mutex<Option<Ticking>>,
}

impl Bars {
    pub(crate) fn new(printer: Printer) -> Self {
        Self { draw: printer.draws(), bar: Mutex::new(None) }
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
