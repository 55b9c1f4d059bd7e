//! How long a station waits: a line pack is opened, a chip looked up, its whole proof checked, for chips all over it.
//!
//! The batch is a real one: as many TEST leaves as REROOT_BENCH_CHIPS says (a million if it says nothing), issued,
//! sealed and exported by the program that was built for this benchmark. What the disk cache holds is what a station's
//! would hold: nothing is warmed up but by the lookups themselves. REROOT_BENCH_FOLDER names a folder that is kept, and
//! used as it is when it holds a pack.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use reroot::delivery::PackReader;
use reroot::proof::{Checker, ChipName, Found, ProofSource, lookup};
use reroot::reel::certificates_in_pem;
use reroot::x509::Certificate;
use reroot_test_support::bench::{self, Bench};
use reroot_test_support::pki::TestPki;

const LOOKUPS: u64 = 2_000;

#[expect(clippy::print_stdout, reason = "a benchmark's output")]
fn main() {
    let chips = bench::chips();
    let temporary = tempfile::tempdir().expect("a folder");
    let kept = bench::kept();
    let folder = kept.as_deref().unwrap_or(temporary.path());
    let bench = Bench { program: env!("CARGO_BIN_EXE_reroot"), folder, pki: TestPki::shipped() };
    if folder.join("line.pack").exists() {
        println!("the pack that is there");
    } else {
        let began = Instant::now();
        prepare(&bench, chips);
        let size = std::fs::metadata(folder.join("line.pack")).expect("the pack is there").len();
        println!("{chips} chips, pack of {} MB, made in {:.0?}", size / 1_000_000, began.elapsed());

        let verified = bench.run(&["verify", "batch", "--config", "pki/reroot.toml"]);
        println!("verify: {:.1?}, peak memory {}", verified.took, verified.peak);
    }

    let anchor = |name: &str| {
        let file = std::fs::read(folder.join(name)).expect("init wrote it");
        certificates_in_pem(&file)
            .expect("PEM")
            .iter()
            .map(|der| Certificate::from_der(der).expect("DER"))
            .collect::<Vec<_>>()
    };
    let (source, root) = (anchor("pki/anchors/test-root.pem"), anchor("pki/ca/root.pem"));
    let checker = Checker::new(&source, &root, &root).expect("anchors");
    let (cancel, pack) = (AtomicBool::new(false), folder.join("line.pack"));
    let (mut whole, mut found) = (Vec::new(), Vec::new());
    for n in 0..LOOKUPS {
        // all over the pack, in no order
        let uid = bench.pki.leaf(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % chips).uid().clone();
        let name: ChipName = uid.parse().expect("a UID");
        let began = Instant::now();
        let reader = PackReader::open(&pack).expect("a pack");
        let uid = uid.parse().expect("a UID");
        let position = reader.position(&uid).expect("a pack").expect("the chip is there");
        reader.presence(&uid, position).expect("a pack");
        found.push(began.elapsed());
        let began = Instant::now();
        let answer = lookup(ProofSource::Pack(&pack), &name, &checker, &cancel).expect("a pack");
        whole.push(began.elapsed());
        assert!(matches!(answer, Found::Chip(_)), "{uid}");
    }
    println!("open, find, read: {}", quantiles(&mut found));
    println!("with the whole proof checked: {}", quantiles(&mut whole));
}

fn quantiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1000];
    format!("median {:.2?}, 99 % {:.2?}, longest {:.2?}", at(500), at(990), at(1000))
}

fn prepare(bench: &Bench<'_>, chips: u64) {
    bench.authority();
    bench.reel("reel.zip", 0..chips);
    bench.run(&["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"]);
    bench.run(&["export", "batch", "--to", "line-pack", "--out", "line.pack", "--config", "pki/reroot.toml"]);
}
