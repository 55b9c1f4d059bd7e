//! A PostgreSQL server of a test: in a folder of its own, reached by a Unix socket, gone when the test is over. The unit
//! tests of the ledger include this file.
//!
//! A machine without PostgreSQL fails these tests; `scripts/tools.sh test` installs it.

#![expect(
    clippy::disallowed_methods,
    reason = "a server's files are made, copied and removed as its administrator does"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rustix::fs::FlockOperation;

/// A running server.
pub struct Server {
    folder: tempfile::TempDir,
    process: Child,
    options: Vec<String>,
}

impl Server {
    /// A new server.
    pub fn start() -> Self {
        Self::start_in(new_folder(), vec!["listen_addresses=".to_owned()])
    }

    /// A server that is also reached as `localhost` at a port, inside TLS and with a password.
    pub fn start_with_tls() -> (Self, u16) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = new_folder();
        let file = |name: &str| folder.path().join(name);
        let mut openssl = as_other_user(&[]);
        openssl.args(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        openssl.args(["-days", "2", "-subj", "/CN=TEST", "-addext", "subjectAltName=DNS:localhost"]);
        // without the extensions of the system's configuration, which make it a CA
        std::fs::write(file("openssl.cnf"), "[req]\ndistinguished_name = name\n[name]\n").unwrap();
        openssl.arg("-config").arg(file("openssl.cnf")).arg("-keyout");
        run(openssl.arg(file("key.pem")).arg("-out").arg(file("root.pem")).current_dir(folder.path()));
        let hba =
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostssl all all ::1/128 scram-sha-256\n";
        std::fs::write(file("data/pg_hba.conf"), hba).unwrap();
        let shown = folder.path().display();
        let options = [
            "listen_addresses=localhost".to_owned(),
            format!("port={port}"),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={shown}/root.pem"),
            format!("ssl_key_file={shown}/key.pem"),
        ];
        // the name of the socket has the port
        std::os::unix::fs::symlink(file(&format!(".s.PGSQL.{port}")), file(".s.PGSQL.5432")).unwrap();
        (Self::start_in(folder, options.into()), port)
    }

    fn start_in(folder: tempfile::TempDir, options: Vec<String>) -> Self {
        let process = launch(folder.path(), &options);
        let server = Self { folder, process, options };
        drop(server.client());
        server
    }

    /// The certificate that the server is verified with.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// Keeps the server's files as they are, as a backup would.
    pub fn keep_copy(&mut self) {
        self.stop();
        run(Command::new("cp").arg("-a").arg(self.folder.path().join("data")).arg(self.folder.path().join("copy")));
        self.start_again();
    }

    /// Puts that copy in place of the server's files.
    pub fn restore_copy(&mut self) {
        self.stop();
        let data = self.folder.path().join("data");
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::rename(self.folder.path().join("copy"), data).unwrap();
        self.start_again();
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(self.folder.path().join("data/postmaster.pid"));
    }

    /// The URL of a ledger in this schema.
    pub fn url(&self, schema: &str) -> PathBuf {
        self.url_of("postgres", schema)
    }

    /// As [`url`](Self::url), for this role.
    pub fn url_of(&self, role: &str, schema: &str) -> PathBuf {
        let folder = self.folder.path().display();
        format!("postgres://{role}@/postgres?host={folder}&schema={schema}").into()
    }

    /// A connection of the administrator. Waits until the server accepts one.
    pub fn client(&self) -> Client {
        let parameters = self.parameters();
        let began = Instant::now();
        loop {
            match Client::connect(&parameters, NoTls) {
                Ok(client) => return client,
                Err(error) if began.elapsed() > Duration::from_secs(60) => {
                    panic!("{error}: {}", self.log())
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// A standby that the server waits for with each commit, from now on.
    pub fn standby(&self) -> Self {
        let folder = bare_folder();
        let mut backup = as_other_user(&[]);
        backup.arg(program("pg_basebackup")).args(["-U", "postgres", "-X", "stream", "-c", "fast", "-h"]);
        backup.arg(self.folder.path()).arg("-D").arg(folder.path().join("data"));
        let primary = format!("host={} user=postgres application_name=standby", self.folder.path().display());
        run(backup.args(["-R", "-d", &primary]).current_dir(folder.path()));
        // the last one counts
        let auto = folder.path().join("data/postgresql.auto.conf");
        let text = std::fs::read_to_string(&auto).unwrap() + &format!("primary_conninfo = '{primary}'\n");
        std::fs::write(&auto, text).unwrap();
        let standby = Self::start_in(folder, vec!["listen_addresses=".to_owned()]);
        self.execute("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'");
        self.execute("SELECT pg_reload_conf()");
        self.until("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'quorum')");
        standby
    }

    /// Makes a standby the first server.
    pub fn promote(&self) {
        self.execute("ALTER SYSTEM RESET synchronous_standby_names");
        self.until("SELECT pg_promote()");
        self.until("SELECT NOT pg_is_in_recovery()");
        self.execute("SELECT pg_reload_conf()");
        self.until("SELECT current_setting('synchronous_standby_names') = ''");
    }

    fn parameters(&self) -> String {
        format!("host={} user=postgres", self.folder.path().display())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks until the answer is yes.
    pub fn until(&self, sql: &str) {
        let began = Instant::now();
        while !self.client().query_one(sql, &[]).unwrap().get::<_, bool>(0) {
            assert!(began.elapsed() < Duration::from_secs(60), "{sql}: never");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server and leaves it dead.
    pub fn kill(&mut self) {
        self.stop();
    }

    /// Starts a server that was killed.
    pub fn start_again(&mut self) {
        let began = Instant::now();
        loop {
            self.process = launch(self.folder.path(), &self.options);
            while matches!(self.process.try_wait(), Ok(None)) {
                if Client::connect(&self.parameters(), NoTls).is_ok() {
                    return;
                }
                assert!(began.elapsed() < Duration::from_secs(60), "{}", self.log());
                std::thread::sleep(Duration::from_millis(20));
            }
            // processes of the killed one have not ended yet
            assert!(began.elapsed() < Duration::from_secs(60), "{}", self.log());
        }
    }

    /// A server whose files are on a disk of 80 MiB of their own, in a mount namespace.
    pub fn start_on_small_disk() -> Self {
        let folder = bare_folder();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(folder.path().join("small"), "").unwrap();
        Self::start_in(folder, vec!["listen_addresses=".to_owned()])
    }

    /// Leaves so many KiB of the small disk.
    pub fn fill_disk(&self, left: u32) {
        self.shell(&format!(
            "dd if=/dev/zero of=spared bs=1k count={left}; dd if=/dev/zero of=ballast bs=1k; rm spared"
        ));
    }

    /// Makes room again.
    pub fn free_disk(&self) {
        self.shell("rm ballast");
    }

    /// Runs a command as the server does, in the folder of its files.
    fn shell(&self, command: &str) {
        self.execute(&format!("COPY (SELECT 1) TO PROGRAM '({command}) 2>/dev/null; cat >/dev/null'"));
    }

    /// Where its socket is.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Runs a statement as the administrator.
    pub fn execute(&self, sql: &str) {
        self.client().batch_execute(sql).unwrap();
    }

    /// Kills the server, as a power failure would, and starts it again.
    pub fn crash(&mut self) {
        self.stop();
        self.start_again();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with a database in it.
fn new_folder() -> tempfile::TempDir {
    let folder = bare_folder();
    run(Command::new("cp").arg("-a").arg(template()).arg(folder.path().join("data")));
    folder
}

fn bare_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("reroot-postgres.").tempdir().unwrap();
    give_away(folder.path());
    folder
}

/// Starts the server of a folder. It ends when this process does.
fn launch(folder: &Path, options: &[String]) -> Child {
    let mut command = as_other_user(&["--pdeathsig", "KILL"]);
    if folder.join("small").exists() {
        let user = if rustix::process::getuid().is_root() { vec![] } else { vec!["--map-current-user", "--keep-caps"] };
        let words = command.get_program().to_owned();
        let rest: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = Command::new("unshare");
        command.args(user).args(["--mount", "sh", "-c", SMALL_DISK, "sh"]).arg(folder.join("data")).arg(template());
        command.arg(words).args(rest);
    }
    command.arg(program("postgres")).arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    command.args(["-c", "max_connections=20", "-c", "shared_buffers=8MB"]);
    for option in options {
        command.arg("-c").arg(option);
    }
    let log = File::create(folder.join("log")).unwrap();
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Mounts a disk, copies the database onto it, and becomes the server.
const SMALL_DISK: &str = r#"
data=$1; template=$2; shift 2
mount -t tmpfs -o size=80m tmpfs "$data" && cp -a "$template/." "$data" && exec "$@"
"#;

/// A database that was never started: made once for all tests, and copied by each.
fn template() -> PathBuf {
    let version = program("postgres").canonicalize().unwrap().display().to_string().replace('/', "-");
    let user = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("reroot-postgres-template-{user}{version}"));
    std::fs::create_dir_all(&folder).unwrap();
    give_away(&folder);
    let lock = File::create(folder.join("lock")).unwrap();
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
    let (made, partial) = (folder.join("data"), folder.join("partial"));
    if !made.exists() {
        let _ = std::fs::remove_dir_all(&partial);
        let mut initdb = as_other_user(&[]);
        initdb.arg(program("initdb")).args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"]);
        run(initdb.arg(&partial).current_dir(&folder));
        std::fs::rename(&partial, &made).unwrap();
    }
    made
}

/// The server refuses to run as root, so root runs it as the user that Debian's package makes.
fn as_other_user(more: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(more);
    if rustix::process::getuid().is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command
}

fn give_away(folder: &Path) {
    if rustix::process::getuid().is_root() {
        run(Command::new("chown").arg("postgres").arg(folder));
    }
}

/// A program of the newest PostgreSQL of this machine.
fn program(name: &str) -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed (scripts/tools.sh test)")
        .filter_map(|entry| {
            let entry = entry.unwrap();
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name)))
        })
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL is installed (scripts/tools.sh test)").1
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
