//! Progress on a terminal; silence elsewhere.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use reroot_core::report::count;

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

/// Returns a style of this program's own, whose rates are rounded.
pub fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("templates are constants");
    style.with_key("per_sec", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = out.write_str(&rate(state.per_sec()));
    })
}

/// A rate as a person reads it: in three digits at most, so that it does not flicker.
fn rate(per_second: f64) -> String {
    let digits = format!("{per_second:.0}");
    match digits.parse::<u64>() {
        Ok(whole) if whole >= 10 => {
            let unit = 10_u64.pow(u32::try_from(digits.len()).map_or(0, |length| length.saturating_sub(3)));
            format!("{}/s", count(whole.saturating_add(unit / 2) / unit * unit))
        }
        _ => format!("{per_second:.1}/s"),
    }
}

/// A running count where the total is not known beforehand.
pub struct Counter(Option<Ticking>);

impl Counter {
    /// Starts a counter, which is visible only if `draw` is true.
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

#[cfg(test)]
mod tests {
    #[test]
    fn rates_have_three_digits_at_most() {
        for (rate, text) in [
            (0.0, "0.0/s"),
            (3.0999, "3.1/s"),
            (42.4242, "42/s"),
            (999.4, "999/s"),
            (1_234.2, "1,230/s"),
            (13_456.789, "13,500/s"),
            (f64::NAN, "NaN/s"),
        ] {
            assert_eq!(super::rate(rate), text);
        }
    }
}
