//! The planner chooses seeds and batch names: for any choice, the vault gives no serial number to two certificates.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use reroot::cert::Seed;
use reroot::config::Config;
use reroot::ledger::Ledger;
use reroot::pipeline::{AirGapped, Job, JobBasis, Outcome, Plan, run};
use reroot::policy::Policy;
use reroot::reel::Input;
use reroot::signer::FileSigner;
use reroot::x509::Time;

use crate::plan::ceremony::Silent;
use crate::plan::machines::Machines;
use crate::support::workshop::POLICY;

const NAMES: [&str; 3] = [
    "01890a5d-ac96-774b-bcce-b302099a8057",
    "01890a5d-ac96-774b-bcce-b302099a8058",
    "01890a5d-ac96-774b-bcce-b302099a8059",
];

/// What a planner decides.
struct Choice<'a> {
    policy: &'a str,
    input: &'a str,
    seed: u8,
    name: &'a str,
    lot: &'a str,
    reissue: Option<&'a str>,
}

impl Choice<'_> {
    const FIRST: Choice<'static> =
        Choice { policy: POLICY, input: "reel.zip", seed: 7, name: NAMES[0], lot: "A1", reissue: None };

    /// An honest program in the hands of a planner who chooses, and whose ledger knows nothing.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test plays the planner, whose clock the vault compares with its own"
    )]
    fn plan(&self, machines: &Machines, out: &str) {
        let config = Config::load(&machines.path("pki/reroot.toml")).unwrap();
        let issuer = config.issuer_identity().unwrap();
        let policy = Policy::parse(self.policy, "policy.toml").unwrap();
        let params = BTreeMap::from([("lot".to_owned(), self.lot.to_owned())]);
        let key = std::fs::read(machines.path("pki/ca/manifest.key.pem")).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let basis = JobBasis {
            inputs: &[Input::Path(machines.path(self.input))],
            policy: &policy,
            params: policy.params(&params).unwrap(),
            issuer: &issuer,
            manifest_certificate: &config.manifest_certificate().unwrap(),
            manifest_signer: &FileSigner::open(&key, None).unwrap(),
            anchors: &config.anchors().unwrap(),
            out: &machines.path(out),
            now: Time::from_unix(now.try_into().unwrap()).unwrap(),
            seed: Seed([self.seed; 32]),
            batch_id: self.name.parse().unwrap(),
        };
        let job = Job::builder(basis)
            .reissue(self.reissue.map(str::to_owned))
            .jobs(2)
            .chunk_size(Some(16))
            .tool("a planner")
            .build();
        let ledger = Ledger::in_memory(issuer.spki());
        let task = Plan { job: &job, stdin: &mut std::io::empty() };
        let planned = run(task, &ledger, &AirGapped::to_ask(), &Silent, &AtomicBool::new(false)).unwrap();
        assert!(matches!(planned, Outcome::Done(_)), "{planned:?}");
    }
}

/// A vault that has signed [`Choice::FIRST`] and takes these policies too.
fn signed(policies: &[&str]) -> Machines {
    let machines = Machines::new();
    for policy in policies {
        let digest = reroot::crypto::sha256(policy.as_bytes());
        machines.edit("vault", |text| text.replace("policies = [", &format!("policies = [\"{digest}\", ")));
    }
    machines.workshop.reel("reel.zip", 0..3);
    machines.workshop.reel("other.zip", 5..8);
    Choice::FIRST.plan(&machines, "first.plan");
    machines.sign("first.plan", "first.signatures").success();
    machines
}

fn refused(machines: &Machines, plan: &str, reason: &str) {
    let refused = machines.sign(plan, "refused.signatures").expect(3);
    assert!(refused.err().contains(reason), "expected {reason:?}: {}", refused.err());
    assert!(!machines.path("refused.signatures").exists());
    let config = Config::load(&machines.path("vault/reroot.toml")).unwrap();
    let ledger = Ledger::open(config.ledger_path(), config.issuer_identity().unwrap().spki()).unwrap();
    assert_eq!(ledger.stats().unwrap().batches, 1, "{reason}");
}

#[test]
fn a_seed_is_good_for_one_batch_whatever_else_the_planner_changes() {
    let second = POLICY.replace("\"workshop\"", "\"second\"");
    let machines = signed(&[&second]);
    let again = Choice { name: NAMES[1], ..Choice::FIRST };
    for (number, choice) in [
        // the same leaves under another approved policy: every serial number would be given twice
        Choice { policy: &second, ..again },
        // the same leaves and policy once more, with other parameters
        Choice { reissue: Some("lost"), lot: "B2", ..again },
        // other leaves, whose serial numbers no certificate has yet: a seed that a batch has is refused all the same
        Choice { input: "other.zip", ..again },
        Choice { input: "other.zip", policy: &second, ..again },
    ]
    .iter()
    .enumerate()
    {
        let plan = format!("{number}.plan");
        choice.plan(&machines, &plan);
        refused(&machines, &plan, &format!("the plan has the seed of batch {}", NAMES[0]));
    }
    // with a seed of its own each of them is signed
    Choice { policy: &second, seed: 8, ..again }.plan(&machines, "good.plan");
    machines.sign("good.plan", "good.signatures").success();
    // and what was signed first is signed by the same command still
    machines.sign("first.plan", "again.signatures").success();
}

#[test]
fn a_batch_name_is_good_for_one_plan_whatever_else_the_planner_changes() {
    let second = POLICY.replace("\"workshop\"", "\"second\"");
    let machines = signed(&[&second]);
    let again = Choice { seed: 8, ..Choice::FIRST };
    for (number, choice) in [
        // the very same terms with another seed, and so with other serial numbers
        Choice { ..again },
        Choice { lot: "B2", seed: 7, ..again },
        Choice { policy: &second, ..again },
        Choice { reissue: Some("lost"), ..again },
        Choice { input: "other.zip", ..again },
    ]
    .iter()
    .enumerate()
    {
        let plan = format!("{number}.plan");
        choice.plan(&machines, &plan);
        refused(&machines, &plan, &format!("batch {} is on this ledger with other terms", NAMES[0]));
    }
    // the very same terms under another name
    Choice { name: NAMES[1], ..again }.plan(&machines, "renamed.plan");
    refused(&machines, "renamed.plan", &format!("batch {} is on this ledger with other terms", NAMES[0]));
}

#[test]
fn a_serial_number_that_is_copied_from_the_leaf_is_copied_once() {
    let copying =
        |name: &str| POLICY.replace("\"workshop\"", name).replace("serial = \"derived\"", "serial = \"source\"");
    let (second, third) = (copying("\"second\""), copying("\"third\""));
    let machines = signed(&[&second, &third]);
    machines.workshop.reel("fresh.zip", 7..10);
    // chips that have no certificate yet
    Choice { policy: &second, input: "other.zip", seed: 8, name: NAMES[1], ..Choice::FIRST }
        .plan(&machines, "second.plan");
    machines.sign("second.plan", "second.signatures").success();
    // one of them under another policy that copies, also as a reissue; and one whose serial number was derived
    for (number, (policy, input, reissue)) in [
        (&third, "fresh.zip", None),
        (&third, "fresh.zip", Some("lost")),
        (&second, "other.zip", Some("lost")),
        (&second, "reel.zip", None),
    ]
    .into_iter()
    .enumerate()
    {
        let plan = format!("{number}.plan");
        Choice { policy, input, reissue, seed: 9, name: NAMES[2], ..Choice::FIRST }.plan(&machines, &plan);
        let refused = machines.sign(&plan, "refused.signatures").expect(3);
        assert!(refused.err().contains("could have used its serial number"), "{}", refused.err());
    }
}
