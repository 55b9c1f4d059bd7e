//! `reroot serve --demo`: the lines that it prints make a batch, and a kill of either process loses nothing.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::run::{Run, program};

/// A demonstration that runs, and what it has printed.
pub(crate) struct Demo {
    folder: tempfile::TempDir,
    child: Child,
    pub(crate) lines: String,
}

impl Demo {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, lines) = start(&folder.path().join("demo"));
        Self { folder, child, lines }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("demo")
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again in the same folder, as after a crash.
    fn again(&mut self) {
        (self.child, self.lines) = start(&self.dir());
    }

    /// The printed lines up to one that has this text, and those after it.
    fn parted(&self, at: &str) -> (String, String) {
        let found = self.lines.lines().position(|line| line.contains(at)).expect("a line of the demonstration");
        let lines: Vec<&str> = self.lines.lines().collect();
        (lines[..found].join("\n"), lines[found..].join("\n"))
    }

    fn batches(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir().join("service/batches")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// The process number of the signer.
    fn signer(&self) -> String {
        let socket = self.dir().join("signer/reroot.toml");
        let found =
            Run::tool("pgrep").args(["-f", &format!("signer --new-ledger --config {}", socket.display())]).run();
        found.success().out().trim().to_owned()
    }

    fn check_batch(&self) {
        let batches = self.batches();
        let [batch] = &batches[..] else { panic!("{batches:?}") };
        let (anchors, root) = (self.dir().join("planner/anchors"), self.dir().join("planner/ca/root.pem"));
        let run = Run::reroot(self.folder.path()).arg("verify").arg(batch).arg("--issuer-anchor").arg(root);
        run.arg("--source-anchor").arg(anchors.join("stm-stsafe-a-prod-ca-01.pem")).run().success();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        let _ = self.child.wait();
        // a signer that outlived a kill
        let config = self.dir().join("signer/reroot.toml");
        let found =
            Run::tool("pgrep").args(["-f", &format!("signer --new-ledger --config {}", config.display())]).run();
        for process in found.out().lines() {
            Run::tool("kill").args(["-9", process]).run();
        }
    }
}

fn start(dir: &Path) -> (Child, String) {
    let mut command = Command::new(program());
    command.args(["serve", "--demo"]).arg(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut said, mut block) = (Vec::new(), [0; 4096]);
    let stdout = child.stdout.as_mut().unwrap();
    while !String::from_utf8_lossy(&said).contains("\"published\"'; do sleep 1; done\n") {
        let count = stdout.read(&mut block).unwrap();
        assert!(count > 0, "it ended: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&block[..count]);
    }
    (child, String::from_utf8(said).unwrap())
}

fn shell(script: &str) -> String {
    let run = Run::tool("timeout").args(["120", "sh", "-euc", script]).run();
    run.success().out()
}

#[test]
fn the_printed_lines_make_a_batch() {
    let demo = Demo::new();
    let said = shell(&demo.lines);
    assert!(said.contains("\"state\":\"published\""), "{said}");
    demo.check_batch();
}

/// At each place of the way both processes are killed, one after the other; the rest of the lines ends right, and once.
#[test]
fn a_kill_at_each_state_ends_in_one_batch() {
    for at in ["--upload-file", "job=$(", "until ask $ANNA", "approval-text", "\"published\""] {
        let mut demo = Demo::new();
        let (before, after) = demo.parted(at);
        let variables = "\necho upload=$upload job=${job:-}";
        let kept = shell(&format!("upload=\n{before}{variables}"));
        let kept = kept.lines().last().unwrap().to_owned();
        let signer = demo.signer();
        demo.kill();
        Run::tool("kill").args(["-9", &signer]).run().success();
        let end = Instant::now() + Duration::from_secs(10);
        while Run::tool("kill").args(["-0", &signer]).run().code == Some(0) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        demo.again();
        // new secrets and a new port; what was done before stays done
        let (head, _) = demo.parted("# anna announces");
        let kept: String = kept.replace(' ', "\n") + "\n";
        let (_, rest) = demo.parted(at);
        assert_eq!(rest.lines().count(), after.lines().count());
        let bytes = "bytes=0\n";
        shell(&format!("{head}\n{bytes}{kept}{rest}"));
        demo.check_batch();
    }
}
