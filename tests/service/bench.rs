//! A planner's folder with the service on it, in this process; the signer is a program of its own, or not there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use reroot::config::Sharing;
use reroot::signer::ResolveWith;
use reroot_service::principal::{Passing, Role, Roles};
use reroot_service::settings::{Limits, Listen};
use reroot_service::{Opening, Settings, World, serve};

use crate::client::Client;
use crate::support::faulty::faulty;
use crate::support::judges::put;
use crate::support::run::{Run, program};
use crate::support::workshop::{POLICY, Workshop};

/// Names, secrets and roles.
const PEOPLE: [(&str, &str, &[Role]); 6] = [
    ("anna", "secret-of-anna", &[Role::Operator]),
    ("bert", "secret-of-bert", &[Role::Approver]),
    ("carl", "secret-of-carl", &[Role::Operator, Role::Approver]),
    ("admin", "secret-of-admin", &[Role::Admin]),
    ("vera", "secret-of-vera", &[Role::Viewer]),
    ("audra", "secret-of-audra", &[Role::Auditor]),
];

/// A service that runs.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    /// Where revocation lists are read, if the settings say so.
    pub(crate) lists: Option<SocketAddr>,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// One of the people.
    pub(crate) fn of(&self, name: &str) -> Client {
        let (_, secret, _) = PEOPLE.iter().find(|(known, ..)| *known == name).expect("a person of the test");
        Client { address: self.address, token: Some((*secret).to_owned()) }
    }

    /// A caller who shows nothing.
    pub(crate) fn stranger(&self) -> Client {
        Client { address: self.address, token: None }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        let ended = self.thread.take().expect("it runs once").join();
        if !std::thread::panicking() {
            ended.expect("the service ends in order");
        }
    }
}

/// The folders of the planner and of the vault.
pub(crate) struct Bench {
    pub(crate) workshop: Workshop,
    pub(crate) settings: Settings,
    /// Texts of policies that are active from the beginning.
    pub(crate) policies: Vec<String>,
    pub(crate) clock: fn() -> Duration,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let workshop = Workshop::new();
        let folder = workshop.folder().to_owned();
        Run::tool("cp").args(["-a", "pki", "vault"]).folder(&folder).run().success();
        let taken = ["pki/ca/issuing.key.pem", "pki/ca/root.key.pem", "pki/ledger.db", "vault/ca/manifest.key.pem"];
        Run::tool("rm").args(taken).folder(&folder).run().success();
        let config = folder.join("pki/reroot.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let without = text.lines().filter(|line| !line.contains("issuing.key.pem"));
        put(&config, without.fold(String::new(), |text, line| text + line + "\n"));
        let listen = Listen::Tcp(([127, 0, 0, 1], 0).into());
        let settings = Settings {
            limits: Limits { free_bytes: 1, ..Limits::usual() },
            ..Settings::new(listen, folder.join("data"), config, folder.join("s"))
        };
        Self { workshop, settings, policies: vec![POLICY.to_owned()], clock }
    }

    /// This program under the tool that lets system calls below a folder go wrong.
    pub(crate) fn faulty(&self, under: &str, how: &[&str], command: &[&str]) -> Run {
        let tool = Run::tool(faulty()).folder(self.workshop.folder()).args(["--under", under]).args(how);
        let tool = tool.arg(program()).args(command);
        self.workshop.env.iter().fold(tool, |run, (name, value)| run.env(name, value))
    }

    /// Starts the service.
    pub(crate) fn start(&self) -> Service {
        let cancel = Arc::new(AtomicBool::new(false));
        let world = World {
            clock: self.clock,
            random,
            secrets: Arc::new(ResolveWith {
                env: |_: &str| None,
                prompt: |_: &str| Err(std::io::Error::other("no terminal")),
            }),
            sharing: Sharing::Refused,
            cancel: Arc::clone(&cancel),
            tool: "reroot 0.1.0",
        };
        let mut passing = Passing::default();
        for (name, secret, roles) in PEOPLE {
            passing.add(secret, name, Roles::of(roles));
        }
        let links = PEOPLE.map(|(name, _, roles)| (name.to_owned(), Roles::of(roles), link_of(name)));
        let opening = Opening { passing, links: links.to_vec(), new_ledger: true, policies: self.policies.clone() };
        let (say, heard) = mpsc::channel();
        let settings = self.settings.clone();
        let thread = std::thread::spawn(move || {
            serve(settings, world, opening, move |started| say.send(started).unwrap()).unwrap();
        });
        let started = heard.recv_timeout(Duration::from_secs(60)).expect("it listens");
        let (address, lists) = (started.address.expect("on an address"), started.lists);
        Service { address, lists, cancel, thread: Some(thread) }
    }

    /// SHA-256 of the workshop's policy.
    pub(crate) fn policy() -> String {
        reroot::crypto::sha256(POLICY.as_bytes()).to_string()
    }

    /// An archive of TEST leaves with these indices.
    pub(crate) fn reel(&self, name: &str, indices: std::ops::Range<u64>) -> Vec<u8> {
        self.workshop.reel(name, indices);
        std::fs::read(self.workshop.path(name)).unwrap()
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.settings.data.join(name)
    }

    /// Waits until a folder of the service's data is empty: what belonged to a job goes just after the job's end is seen.
    #[track_caller]
    pub(crate) fn empties(&self, folder: &str) {
        for _ in 0..500 {
            if self.names(folder).is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{folder}: {:?}", self.names(folder));
    }

    /// Names in a folder of the service's data.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.data(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// The workshop's policy with two revocation lists besides the full one.
pub(crate) fn sharded() -> String {
    let urls = "authority_key_identifier = {}\ncrl_distribution_points = { critical = false, urls = \
                [\"http://pki.example.com/crl/{crl_shard}.crl\"] }\n";
    POLICY.replace("authority_key_identifier = {}\n", urls)
        + "\n[revocation]\nshards = 2\nexpected_certificates = 1000\nworst_revoked_percent = 10\n"
}

/// The secret of the link that logs a person into the console once.
pub(crate) fn link_of(name: &str) -> [u8; 32] {
    *reroot::crypto::sha256(name.as_bytes()).as_bytes()
}

#[expect(clippy::disallowed_methods, reason = "a test plays the program")]
pub(crate) fn clock() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}

fn random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).unwrap();
}
