//! What benchmarks of whole commands share: a folder with a CA and a reel of TEST leaves, and runs of the program.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::pki::archive::{Entry, Method, ZipWriter};
use super::pki::{TestLeaf, TestPki, der};
use reroot_core::durable::{Access, create_new, scratch, write_new};

/// As many TEST leaves as REROOT_BENCH_CHIPS says, a million if it says nothing.
pub fn chips() -> u64 {
    std::env::var("REROOT_BENCH_CHIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

/// The folder that REROOT_BENCH_FOLDER names and that is kept, if it names one.
pub fn kept() -> Option<PathBuf> {
    std::env::var_os("REROOT_BENCH_FOLDER").map(PathBuf::from)
}

/// A folder in which the program is run.
pub struct Bench<'a> {
    /// The program: `env!("CARGO_BIN_EXE_reroot")` of the benchmark.
    pub program: &'a str,
    /// The folder.
    pub folder: &'a Path,
    /// Whose leaves are in the reels.
    pub pki: TestPki,
}

/// What a run of the program took, and said.
pub struct Ran {
    /// From its start to its end.
    pub took: Duration,
    /// The most memory that it held, as the kernel saw it shortly before its end.
    pub peak: String,
    /// Its standard output.
    pub out: String,
}

impl Bench<'_> {
    /// Makes a CA in `pki/`, whose configuration trusts the TEST root, and `policy.toml`, which takes TEST leaves.
    pub fn authority(&self) {
        self.run(&["init", "pki", "--organization", "Bench"]);
        let folder = self.folder;
        let config = std::fs::read_to_string(folder.join("pki/reroot.toml")).expect("init writes it");
        let config = config.replace("stm-stsafe-a-prod-ca-01.pem", "test-root.pem");
        write_new(
            &folder.join("pki/anchors/test-root.pem"),
            Access::Public,
            der::pem("CERTIFICATE", self.pki.root()).as_bytes(),
        )
        .expect("a new file");
        write_new(&folder.join("pki/bench.toml"), Access::Public, config.as_bytes()).expect("a new file");
        Command::new("mv").args(["-f", "pki/bench.toml", "pki/reroot.toml"]).current_dir(folder).status().expect("mv");
        let policy = std::fs::read_to_string(folder.join("pki/policies/tls-client.toml")).expect("init writes it");
        let policy = policy.replace("relax = []", "relax = [\"test-anchor\"]");
        write_new(&folder.join("policy.toml"), Access::Public, policy.as_bytes()).expect("a new file");
    }

    /// Writes the leaves of these chips into a new archive. Each core makes a few thousand at a time.
    pub fn reel(&self, name: &str, chips: Range<u64>) {
        let pki = &self.pki;
        let file = create_new(&self.folder.join(name), Access::Public).expect("a new file");
        let mut zip = ZipWriter::new(BufWriter::new(file)).expect("a writer");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let starts: Vec<u64> = chips.clone().step_by(2_048).collect();
        for starts in starts.chunks(cores) {
            let made: Vec<Vec<TestLeaf>> = std::thread::scope(|scope| {
                let ranges = starts.iter().map(|start| *start..chips.end.min(start + 2_048));
                let workers: Vec<_> = ranges.map(|range| scope.spawn(move || pki.leaves(range))).collect();
                workers.into_iter().map(|worker| worker.join().expect("leaves")).collect()
            });
            for leaf in made.into_iter().flatten() {
                zip.add(&Entry::new(format!("{}.der", leaf.uid()), Method::Stored, leaf.der)).expect("written");
            }
        }
        zip.finish().expect("written");
    }

    /// Runs the program in the folder.
    pub fn run(&self, args: &[&str]) -> Ran {
        let folder = self.folder;
        let (out, log) = (scratch(folder).expect("a file"), scratch(folder).expect("a file"));
        let began = Instant::now();
        let mut child = Command::new(self.program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file"))
            .stderr(log.try_clone().expect("a file"))
            .spawn()
            .expect("the program runs");
        let status = format!("/proc/{}/status", child.id());
        let mut peak = String::from("unknown");
        let ended = loop {
            let now = std::fs::read_to_string(&status).unwrap_or_default();
            if let Some(line) = now.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
                line.trim().clone_into(&mut peak);
            }
            if let Some(ended) = child.try_wait().expect("a child") {
                break ended;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = began.elapsed();
        assert!(ended.success(), "{args:?}: {}", text(log));
        Ran { took, peak, out: text(out) }
    }
}

fn text(mut file: File) -> String {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).expect("text");
    text
}
