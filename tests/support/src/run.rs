//! Runs the built `reroot` and the programs that judge what it makes.
//!
//! A program that is missing fails the test: nothing is ever skipped.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Finished {
    /// The command, for messages of failed tests.
    pub command: String,
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output, as it came.
    pub stdout: Vec<u8>,
    /// Standard error, as it came.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Demands an exit code, and shows everything if it was another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let (out, err) = (self.out(), self.err());
        assert_eq!(self.code, Some(code), "{}\n--- stdout\n{out}\n--- stderr\n{err}", self.command);
        self
    }

    /// Demands exit code 0.
    #[track_caller]
    pub fn success(self) -> Self {
        self.expect(0)
    }
}

/// A program about to be run.
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
}

impl Run {
    /// The program under test, in `folder`, with an environment of its own: nothing of the developer's leaks in.
    pub fn reroot(folder: &Path) -> Self {
        let mut command = Command::new(program());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", folder).env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1").current_dir(folder);
        Self { command, stdin: Vec::new() }
    }

    /// The same without root's right to pass over permissions, which tests in containers have.
    pub fn plain_user(folder: &Path) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::reroot(folder);
        }
        let run = Self::tool("setpriv").args(["--bounding-set", "-dac_override,-dac_read_search"]);
        run.arg(program()).folder(folder)
    }

    /// The same without a terminal, so that the program cannot prompt.
    pub fn without_terminal(folder: &Path) -> Self {
        Self::tool("setsid").arg("--wait").arg(program()).folder(folder)
    }

    /// A program found on the PATH.
    pub fn tool(name: &str) -> Self {
        Self { command: Command::new(name), stdin: Vec::new() }
    }

    /// The `openssl` program.
    pub fn openssl() -> Self {
        Self::tool("openssl")
    }

    /// GnuTLS's `certtool`.
    pub fn certtool() -> Self {
        Self::tool("certtool")
    }

    /// A program of the virtual environment that `scripts/tools.sh` makes: `python`, `lint_pkix_cert`.
    pub fn venv(name: &str) -> Self {
        Self { command: Command::new(virtual_environment().join("bin").join(name)), stdin: Vec::new() }
    }

    /// A Python script given as text.
    pub fn python(script: &str) -> Self {
        Self::venv("python").args(["-I", "-c", script])
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder to run in.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What the program reads on standard input; nothing if left out.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Starts it and keeps its standard input open.
    pub fn start(mut self) -> Running {
        let text = format!("{:?}", self.command);
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{text} cannot be run ({error})"));
        Running { child, text }
    }

    /// Runs it with standard output and standard error on files or pipes of the caller's.
    pub fn run_onto(mut self, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Option<i32> {
        let text = format!("{:?}", self.command);
        self.command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        self.command.status().unwrap_or_else(|error| panic!("{text} cannot be run ({error})")).code()
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Finished {
        let text = format!("{:?}", self.command);
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| {
            panic!("{text} cannot be run ({error}); scripts/tools.sh installs what the tests need")
        });
        let mut stdin = child.stdin.take().expect("it is piped");
        let mut stdout = child.stdout.take().expect("it is piped");
        let mut stderr = child.stderr.take().expect("it is piped");
        let (out, err) = std::thread::scope(|scope| {
            // a program that does not read all of its input closes the pipe, which is its right
            scope.spawn(move || drop(stdin.write_all(&self.stdin)));
            let err = scope.spawn(move || {
                let mut bytes = Vec::new();
                stderr.read_to_end(&mut bytes).map(|_| bytes)
            });
            let mut bytes = Vec::new();
            let out = stdout.read_to_end(&mut bytes).map(|_| bytes);
            (out, err.join().expect("reading does not panic"))
        });
        let status = child.wait().expect("a child ends");
        Finished {
            command: text,
            code: status.code(),
            stdout: out.expect("its output can be read"),
            stderr: err.expect("its output can be read"),
        }
    }
}

/// A program that waits for more on its standard input.
pub struct Running {
    child: Child,
    text: String,
}

impl Running {
    /// Writes to its standard input. More than a pipe holds is written when the program has read the rest.
    pub fn feed(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("it is piped");
        stdin.write_all(bytes).expect("the program reads its input");
    }

    /// Reads its standard output up to and with this text.
    pub fn wait_for(&mut self, text: &str) {
        Self::read_up_to(self.child.stdout.as_mut().expect("it is piped"), text, &self.text);
    }

    /// As [`wait_for`](Self::wait_for), of standard error.
    pub fn wait_for_err(&mut self, text: &str) {
        Self::read_up_to(self.child.stderr.as_mut().expect("it is piped"), text, &self.text);
    }

    fn read_up_to(from: &mut impl Read, text: &str, command: &str) {
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(text.as_bytes()) {
            let read = from.read(&mut byte).expect("its output can be read");
            assert!(read == 1, "{command} ended before it said {text:?}: {}", String::from_utf8_lossy(&seen));
            seen.push(byte[0]);
        }
    }

    /// Reads its standard output up to and with this byte.
    pub fn read_until(&mut self, end: u8) -> Vec<u8> {
        let stdout = self.child.stdout.as_mut().expect("it is piped");
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while seen.last() != Some(&end) {
            let read = stdout.read(&mut byte).expect("its output can be read");
            assert!(read == 1, "{} ended: {}", self.text, String::from_utf8_lossy(&seen));
            seen.push(byte[0]);
        }
        seen
    }

    /// Reads its standard error up to the end of the line.
    pub fn read_err_line(&mut self) -> String {
        let stderr = self.child.stderr.as_mut().expect("it is piped");
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(b"\n") {
            let read = stderr.read(&mut byte).expect("its output can be read");
            assert!(read == 1, "{} ended: {}", self.text, String::from_utf8_lossy(&seen));
            seen.push(byte[0]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).expect("the program runs");
    }

    /// Ends its input and waits for its end.
    pub fn finish(self) -> Finished {
        let output = self.child.wait_with_output().expect("a child ends");
        Finished { command: self.text, code: output.status.code(), stdout: output.stdout, stderr: output.stderr }
    }
}

/// Where `scripts/tools.sh` puts Python's packages: the same rule as there.
fn virtual_environment() -> PathBuf {
    if let Some(folder) = std::env::var_os("REROOT_VENV") {
        return folder.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    cache.unwrap_or_else(home).join("reroot/venv")
}

/// The program under test. Cargo names it only to the tests of its own package, so it is found beside the test that
/// runs:
/// `target/<profile>/deps/<test>`.
///
/// # Panics
/// It was not built; Cargo builds it for every test of the package `reroot`.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this test is a file");
    let program = test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("reroot");
    assert!(program.exists(), "{} was not built", program.display());
    program
}

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this package is in tests/").join(path)
}

/// The independent test data. A test that needs it fails without it: `scripts/test.sh` skips such tests by their names,
/// which it lists.
///
/// # Panics
/// `REROOT_TESTDATA` does not name it.
pub fn testdata() -> PathBuf {
    let folder = std::env::var_os("REROOT_TESTDATA").expect("REROOT_TESTDATA is not set, and this test needs it");
    std::path::absolute(&folder).unwrap_or_else(|_| folder.into())
}
