//! `reroot serve --demo`: a throw-away CA on two "machines" in one folder, both processes, and the lines that make a first
//! batch.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use reroot::crypto::sha256;
use reroot::durable::output;
use reroot::durable::{self, Access};
use reroot::error::Error;
use reroot::signing_service::Client;
use reroot_service::auth::session::link_path;
use reroot_service::principal::{Passing, Role, Roles};
use reroot_service::settings::{Limits, Listen};
use reroot_service::{Opening, Settings};

use super::{Fault, Printer, World, quickstart, render};

/// Who takes part, with the roles of each.
const PEOPLE: [(&str, &[Role]); 3] =
    [("anna", &[Role::Operator]), ("bert", &[Role::Approver]), ("admin", &[Role::Admin, Role::Viewer])];
/// How long the signer may need to answer.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Everything that was made, and the signer's process.
pub(super) struct Demo {
    dir: PathBuf,
    policy: String,
    secrets: Vec<String>,
    /// For one login each.
    links: Vec<[u8; 32]>,
    signer: Option<Child>,
    pub(super) settings: Settings,
}

impl Demo {
    /// Makes the folder, or goes on with the one of an earlier run, and starts the signer.
    pub(super) fn new(dir: &Path, world: &World, printer: Printer) -> Result<Self, Fault> {
        let dir = std::path::absolute(dir)
            .map_err(|error| Fault::usage(format!("`{}` is not a path: {error}", render::path_json(dir))))?;
        if !dir.join(READY).is_file() {
            make(&dir, world, printer)?;
        }
        let policy = super::load::bytes("policy", &dir.join(POLICY))?;
        let secrets = PEOPLE.iter().map(|_| hex::encode(world.random::<16>())).collect();
        let links = PEOPLE.iter().map(|_| world.random::<32>()).collect();
        let (data, configuration) = (dir.join("service"), dir.join("planner/reroot.toml"));
        let settings = Settings {
            // a demonstration runs on disks that are nearly full, too
            limits: Limits { free_bytes: 64 << 20, ..Limits::usual() },
            ..Settings::new(Listen::Tcp(([127, 0, 0, 1], 0).into()), data, configuration, dir.join(SOCKET))
        };
        let policy = String::from_utf8_lossy(&policy).into_owned();
        let mut demo = Self { dir, policy, secrets, links, signer: None, settings };
        demo.start_signer()?;
        Ok(demo)
    }

    /// The people of this run, and the policy that they use.
    pub(super) fn opening(&self) -> Opening {
        let mut passing = Passing::default();
        for ((name, roles), secret) in PEOPLE.iter().zip(&self.secrets) {
            passing.add(secret, name, Roles::of(roles));
        }
        let person =
            |((name, roles), secret): (&(&str, &[Role]), &[u8; 32])| ((*name).to_owned(), Roles::of(roles), *secret);
        let links = PEOPLE.iter().zip(&self.links).map(person).collect();
        Opening { passing, links, new_ledger: true, policies: vec![self.policy.clone()] }
    }

    /// Starts the signer, unless that of an earlier run still answers.
    fn start_signer(&mut self) -> Result<(), Fault> {
        let client = Client::new(self.settings.signer.clone());
        if client.state().is_ok() {
            return Ok(());
        }
        let config = self.dir.join("signer/reroot.toml");
        let mut command = own()?;
        command.arg("--quiet").args(["signer", "--new-ledger", "--config"]).arg(config);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(not_started)?;
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            let found = client.state();
            let ended = child.try_wait().map_err(not_started)?;
            match (found, ended) {
                (Ok(_), _) => break,
                (Err(_), None) if std::time::Instant::now() < end => std::thread::sleep(PAUSE),
                (Err(error), _) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(Error::from(error).into());
                }
            }
        }
        self.signer = Some(child);
        Ok(())
    }

    /// The lines that make the first batch, for a shell.
    pub(super) fn lines(&self, url: &str) -> String {
        let (reel, policy) = (render::path_json(&self.dir.join(REEL)), sha256(self.policy.as_bytes()));
        let [anna, bert, admin] = &self.secrets[..] else { unreachable!("there are three people") };
        let mut links = String::new();
        for ((name, roles), secret) in PEOPLE.iter().zip(&self.links) {
            let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
            let (roles, path) = (roles.join(", "), link_path(&hex::encode(secret)));
            writeln!(links, "# {name} ({roles}): {url}{path}").expect("writing to a String");
        }
        format!(
            r#"# In a browser: each link logs in once, within 15 minutes. Open two of them in two browsers or private windows.
{links}# The file to upload is {reel}
# In a shell. Three people: anna asks, bert approves, admin decides about policies. Their secrets end with this process.
URL={url} ANNA={anna} BERT={bert} ADMIN={admin}
ask() {{ secret=$1; shift; curl --silent --show-error --fail-with-body --header "Authorization: Bearer $secret" "$@"; }}
post() {{ secret=$1; shift; ask "$secret" --header 'Content-Type: application/json' --data "$@"; }}
id_of() {{ sed 's/^{{"id":"\([0-9a-f]*\)".*/\1/'; }}
# anna announces the reel and sends it
bytes=$(wc -c < '{reel}')
upload=$(post $ANNA '{{"name":"reel.zip","bytes":'$bytes'}}' $URL/v1/uploads | id_of)
ask $ANNA --upload-file '{reel}' $URL/v1/uploads/$upload/content
# she posts the job; the service verifies every leaf and makes a plan
job=$(post $ANNA '{{"kind":"issue","inputs":["'$upload'"],"policy":"{policy}"}}' $URL/v1/jobs | id_of)
until ask $ANNA --header 'Prefer: wait=10' $URL/v1/jobs/$job | grep '"state":"awaiting-approval"'; do sleep 1; done
# bert looks at what is to be signed, and approves
ask $BERT $URL/v1/jobs/$job/approval-text
post $BERT '{{"console":true}}' $URL/v1/jobs/$job/approvals
# the signer signs, and the batch is sealed
until ask $ANNA --header 'Prefer: wait=10' $URL/v1/jobs/$job | grep '"state":"published"'; do sleep 1; done
"#
        )
    }

    /// Where batches are.
    pub(super) fn batches(&self) -> PathBuf {
        self.settings.batches()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(mut signer) = self.signer.take() {
            let _ =
                rustix::process::kill_process(rustix::process::Pid::from_child(&signer), rustix::process::Signal::TERM);
            let _ = signer.wait();
        }
    }
}

/// Makes a CA, and parts it: the planner has no issuing key, the signer no manifest key.
fn make(dir: &Path, world: &World, printer: Printer) -> Result<(), Fault> {
    printer.say("A throw-away CA, its planner and its signer in one folder.");
    output::create_directory(dir, Access::Trusted)?;
    let planner = dir.join("planner");
    let init =
        own()?.args(["--quiet", "init"]).arg(&planner).args(["--organization", "Demo"]).stdout(Stdio::null()).status();
    if !init.map_err(not_started)?.success() {
        return Err(Fault::usage("the throw-away CA was not made"));
    }
    quickstart::write_reel(&dir.join(REEL), world)?;
    let signer = dir.join("signer");
    durable::create_directory(&signer, Access::Trusted)?;
    for folder in ["ca", "anchors"] {
        durable::create_directory(&signer.join(folder), Access::Trusted)?;
    }
    durable::create_directory(&signer.join("requests"), Access::Private)?;
    for file in ["ca/issuing.pem", "ca/root.pem", "ca/manifest.pem", ANCHOR] {
        durable::write_new(&signer.join(file), Access::Trusted, &super::load::bytes("file", &planner.join(file))?)?;
    }
    durable::publish(&planner.join(KEY), &signer.join(KEY))?;
    let config = planner.join("reroot.toml");
    let text = String::from_utf8_lossy(&super::load::bytes("configuration", &config)?).into_owned();
    let policy = sha256(&super::load::bytes("policy", &dir.join(POLICY))?);
    let signing = format!(
        "\n[signing]\nplanners = [\"ca/manifest.pem\"]\npolicies = [\"{policy}\"]\nmax_days = 30\n\
         # A click of the second person counts. For demonstrations: the service is then the approver.\n\
         approvals = \"console\"\n\n[signer]\nsocket = \"../{SOCKET}\"\ndirectory = \"requests\"\n"
    );
    durable::write_new(&signer.join("reroot.toml"), Access::Trusted, (text.clone() + &signing).as_bytes())?;
    let without: String =
        text.lines().filter(|line| !line.contains("issuing.key.pem")).flat_map(|l| [l, "\n"]).collect();
    durable::replace_note(&config, without.as_bytes())?;
    durable::write_new(
        &dir.join(READY),
        Access::Trusted,
        b"Made by `reroot serve --demo`. Delete the folder to start again.\n",
    )?;
    Ok(())
}

/// This program.
fn own() -> Result<Process, Fault> {
    Ok(Process::new(std::env::current_exe().map_err(not_started)?))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_started(error: std::io::Error) -> Fault {
    Fault::usage(format!("this program cannot start itself: {error}"))
}

const READY: &str = "README";
const REEL: &str = "reel.zip";
const SOCKET: &str = "signer.sock";
const KEY: &str = "ca/issuing.key.pem";
const ANCHOR: &str = "anchors/stm-stsafe-a-prod-ca-01.pem";
const POLICY: &str = "planner/policies/tls-client.toml";
