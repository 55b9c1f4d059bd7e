//! How long a station waits: a line pack is opened, a chip looked up, its whole proof checked, for chips all over it.
//!
//! The batch is a real one: as many TEST leaves as REROOT_BENCH_CHIPS says (a million if it says nothing), issued,
//! sealed and exported by the program that was built for this benchmark. What the disk cache holds is what a station's
//! would hold: nothing is warmed up but by the lookups themselves. REROOT_BENCH_FOLDER names a folder that is kept, and
//! used as it is when it holds a pack.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use reroot::delivery::PackReader;
use reroot::proof::{Checker, ChipName, Found, Shelf, lookup};
use reroot::reel::certificates_in_pem;
use reroot::x509::Certificate;
use reroot_test_support::pki;

const LOOKUPS: u64 = 2_000;

#[expect(clippy::print_stdout, reason = "a benchmark's output")]
fn main() {
    let chips: u64 = std::env::var("REROOT_BENCH_CHIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let temporary = tempfile::tempdir().expect("a folder");
    let kept = std::env::var_os("REROOT_BENCH_FOLDER").map(std::path::PathBuf::from);
    let folder = kept.as_deref().unwrap_or(temporary.path());
    let pki = pki::TestPki::shipped();
    if folder.join("line.pack").exists() {
        println!("the pack that is there");
    } else {
        let began = Instant::now();
        prepare(folder, &pki, chips);
        let size = std::fs::metadata(folder.join("line.pack")).expect("the pack is there").len();
        println!("{chips} chips, pack of {} MB, made in {:.0?}", size / 1_000_000, began.elapsed());

        let began = Instant::now();
        let verified = run(folder, &["verify", "batch", "--config", "pki/reroot.toml"]);
        println!("verify: {:.1?}, peak memory {}", began.elapsed(), verified);
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
        let uid = pki.leaf(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % chips).uid().clone();
        let name: ChipName = uid.parse().expect("a UID");
        let began = Instant::now();
        let reader = PackReader::open(&pack).expect("a pack");
        let uid = uid.parse().expect("a UID");
        let position = reader.position(&uid).expect("a pack").expect("the chip is there");
        reader.presence(&uid, position).expect("a pack");
        found.push(began.elapsed());
        let began = Instant::now();
        let answer = lookup(Shelf::Pack(&pack), &name, &checker, &cancel).expect("a pack");
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

fn prepare(folder: &Path, pki: &pki::TestPki, chips: u64) {
    use reroot::durable::{Access, write_new};
    run(folder, &["init", "pki", "--organization", "Bench"]);
    let config = std::fs::read_to_string(folder.join("pki/reroot.toml")).expect("init writes it");
    let config = config.replace("stm-stsafe-a-prod-ca-01.pem", "test-root.pem");
    write_new(
        &folder.join("pki/anchors/test-root.pem"),
        Access::Public,
        pki::der::pem("CERTIFICATE", pki.root()).as_bytes(),
    )
    .expect("a new file");
    write_new(&folder.join("pki/bench.toml"), Access::Public, config.as_bytes()).expect("a new file");
    Command::new("mv").args(["-f", "pki/bench.toml", "pki/reroot.toml"]).current_dir(folder).status().expect("mv");
    let policy = std::fs::read_to_string(folder.join("pki/policies/tls-client.toml")).expect("init writes it");
    let policy = policy.replace("relax = []", "relax = [\"test-anchor\"]");
    write_new(&folder.join("policy.toml"), Access::Public, policy.as_bytes()).expect("a new file");
    let file = reroot::durable::create_new(&folder.join("reel.zip"), Access::Public).expect("a new file");
    let mut zip = pki::archive::ZipWriter::new(std::io::BufWriter::new(file)).expect("a writer");
    for index in 0..chips {
        let leaf = pki.leaf(index);
        let name = format!("{}.der", leaf.uid());
        zip.add(&pki::archive::Entry::new(name, pki::archive::Method::Stored, leaf.der)).expect("written");
    }
    zip.finish().expect("written");
    run(folder, &["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"]);
    run(folder, &["export", "batch", "--to", "line-pack", "--out", "line.pack", "--config", "pki/reroot.toml"]);
}

/// Runs the program; returns the most memory that it held, as the kernel saw it shortly before its end.
fn run(folder: &Path, args: &[&str]) -> String {
    let log = reroot::durable::scratch(folder).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_reroot"))
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the program runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = String::from("unknown");
    loop {
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        if let Some(line) = now.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            line.trim().clone_into(&mut peak);
        }
        if let Some(ended) = child.try_wait().expect("a child") {
            assert!(ended.success(), "{args:?}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
