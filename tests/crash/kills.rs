//! Kills at any moment of a large batch, and the same command again.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::bench::{Bench, records, say};
use crate::support::campaign::{long, seed};

/// Kills, leaves, leaves a chunk.
const SAMPLE: (usize, u64, u64) = (6, 3_000, 500);
const WHOLE: (usize, u64, u64) = (200, 20_000, 2_000);

/// A small generator (xorshift64*): the moments are the same in each run, as far as a clock's can be.
pub(crate) struct Moments(u64);

impl Moments {
    pub(crate) fn new(seed: usize) -> Self {
        // a seed of zeros gives nothing but zeros
        Self(seed as u64 | 1 << 63)
    }

    /// A number from 0 to below 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = u32::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).unwrap();
        f64::from(high) / 2_f64.powi(32)
    }
}

#[test]
fn after_a_kill_at_any_moment_the_same_command_makes_the_batch() {
    let (kills, leaves, chunk) = if long() { WHOLE } else { SAMPLE };
    let bench = Bench::new(leaves, chunk);
    let undisturbed = bench.fresh();
    let begin = Instant::now();
    undisturbed.reroot(&bench.command()).run().success();
    let mut whole = begin.elapsed();
    say(&format!("{kills} kills of {leaves} leaves, undisturbed {whole:.2?}"));
    bench.check_whole(&undisturbed, &[], "undisturbed");

    let mut moments = Moments::new(seed());
    let mut reached = [0; 4];
    for number in 1..=kills {
        let workshop = bench.fresh();
        // a part of each share of the run's time, so that they are spread over all of it
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        let share = ((number - 1) as f64 + moments.next()) / kills as f64;
        let moment = whole.mul_f64(share);
        let case = format!("kill {number} after {moment:.1?}");
        let run = workshop.reroot(&bench.command()).start();
        std::thread::sleep(moment.saturating_sub(Duration::from_micros(200)));
        run.signal(Signal::KILL);
        let finished = run.finish();
        let left = records(&workshop);
        bench.check_left(&workshop, &left, finished.code, &case);
        let progress = bench.progress(&workshop, &left);
        reached[progress] += 1;
        // the machine may be faster or slower than it was for the undisturbed run
        match progress {
            3 => whole = moment,
            0 if share > 0.2 => whole = whole.mul_f64(1.5),
            _ => {}
        }
        bench.again(&workshop, &left, &case);
        if number % 10 == 1 {
            workshop.verify("batch", &["--input", "reel.zip", "--history", "earlier"]).success();
        }
    }
    let [nothing, begun, signed, published] = reached;
    say(&format!(
        "killed before the batch began {nothing}, before its first signature was recorded {begun}, before it was \
         published {signed}, after that {published}"
    ));
    assert!(begun + signed > kills / 10, "kills came too early or too late: {reached:?}");
}

/// What was signed and sealed before a kill is what is published, wherever: another `--out` is no other batch.
#[test]
fn a_sealed_batch_comes_out_byte_for_byte_at_another_place() {
    let bench = Bench::new(5, 5);
    let calls = bench.disturb(&[]).calls;
    let published = calls.iter().rposition(|call| call.starts_with("renameat2 ")).unwrap() + 1;
    let sealed = bench.disturb(&["--at", &published.to_string(), "--how", "kill-before"]);
    assert_eq!(bench.progress(&sealed.workshop, &sealed.left), 2, "sealed, and not published");
    sealed.workshop.issue("reel.zip", "elsewhere", &["--chunk", "3"]).success();
    bench.again(&sealed.workshop, &sealed.left, "at the place that was meant");
    assert_eq!(sealed.workshop.files("batch"), sealed.workshop.files("elsewhere"));
    // and from nothing but ledger and input
    sealed.workshop.delete("batch");
    bench.again(&sealed.workshop, &sealed.left, "after it was deleted");
    assert_eq!(sealed.workshop.files("batch"), sealed.workshop.files("elsewhere"));
}
