//! A plan that is not what leaves, approved policy and seed give is refused before the first signature, at every place.

use crate::forge::Plan;
use crate::machines::Machines;
use crate::support::judges::put;
use crate::support::pki::variants;
use crate::support::run::Run;

/// Whoever carries the file can change octets, and cannot sign.
#[test]
fn no_octet_of_a_plan_can_be_changed_on_its_way() {
    let machines = Machines::planned(3);
    let plan = Plan::read(&machines.path("reel.plan"));
    let octets = plan.octets();
    assert_eq!(octets, std::fs::read(machines.path("reel.plan")).unwrap(), "the helper writes what it has read");
    let head = 18;
    let seal = head + plan.head.len() + 4;
    let sections = seal + plan.seal.len();
    let inputs = sections + plan.small[0].len();
    let leaves = inputs + plan.small[1].len() + plan.small[2].len();
    let places = [
        (0, "does not begin with"),
        (15, "not a plan"),
        (head + 2, "signature"),
        (head + plan.head.find("\"seed\"").unwrap() + 9, "signature"),
        (head + plan.head.find("\"tbs_root\"").unwrap() + 14, "signature"),
        (head + plan.head.find("Workshop").unwrap(), "signature"),
        (seal + 9, "signed by an allowed planner"),
        (sections - 2, "signature"),
        (inputs + 2, "section `inputs`"),
        (leaves + 30, ""),
        (octets.len() - 5, ""),
    ];
    for (at, reason) in places {
        let mut changed = octets.clone();
        changed[at] ^= 1;
        put(&machines.path("changed.plan"), &changed);
        let refused = machines.sign("changed.plan", "refused.signatures").expect(3);
        // what the seal's octets mean when one is another has many names
        assert!(reason == "signed by an allowed planner" || refused.err().contains(reason), "{at}: {}", refused.err());
        assert_eq!(machines.begun_in_vault(), 0);
    }
    for cut in [10, head + 5, seal + 5, leaves + 5, octets.len() - 1] {
        put(&machines.path("changed.plan"), &octets[..cut]);
        machines.refuses("changed.plan", 3, "");
    }
    put(&machines.path("changed.plan"), [&octets[..], b"x"].concat());
    machines.refuses("changed.plan", 3, "something follows");
}

/// A planner that lies: everything is signed with its key.
struct Liar {
    machines: Machines,
    honest: Plan,
}

impl Liar {
    fn new() -> Self {
        let machines = Machines::planned(4);
        let honest = Plan::read(&machines.path("reel.plan"));
        Self { machines, honest }
    }

    fn tells(&self, exit: i32, reason: &str, lie: impl FnOnce(&mut Plan)) {
        let mut plan = self.honest.clone();
        lie(&mut plan);
        plan.sign(self.machines.workshop.folder(), "pki/ca/manifest.key.pem");
        plan.write(&self.machines.path("lie.plan"));
        self.machines.refuses("lie.plan", exit, reason);
    }
}

#[test]
fn a_planner_cannot_lie_about_what_follows_from_leaves_policy_and_seed() {
    let liar = Liar::new();
    let digest = "0".repeat(64);
    liar.tells(3, "Merkle root", |plan| plan.replace(&plan.member("tbs_root"), &digest));
    liar.tells(3, "Merkle root", |plan| plan.replace(&plan.member("seed"), &digest));
    liar.tells(3, "Merkle root", |plan| plan.replace("{\"lot\":\"A1\"}", "{\"lot\":\"A2\"}"));
    liar.tells(3, "list of the leaves", |plan| plan.replace(&plan.member("leaves_sha256"), &digest));
    // the policy's text, with and without its digest; approval is of the digest
    liar.tells(3, "digest of the policy", |plan| plan.replace("not_after = \\\"5y\\\"", "not_after = \\\"9y\\\""));
    liar.tells(3, "not approved", |plan| {
        plan.replace("not_after = \\\"5y\\\"", "not_after = \\\"9y\\\"");
        let json: serde_json::Value = serde_json::from_str(&plan.head).unwrap();
        let text = json["policy"].as_str().unwrap().to_owned();
        plan.replace(&plan.member("policy_sha256"), &reroot::crypto::sha256(text.as_bytes()).to_string());
    });
    liar.tells(3, "name or relaxations", |plan| plan.replace("[\"test-anchor\"]", "[]"));
    liar.tells(3, "encoder 2", |plan| plan.replace("\"encoder\":1", "\"encoder\":2"));
    let issuer =
        |plan: &Plan| serde_json::from_str::<serde_json::Value>(&plan.head).unwrap()["issuer"]["sha256"].clone();
    liar.tells(2, "the configured one has", |plan| {
        plan.replace(issuer(plan).as_str().unwrap(), &digest);
    });
    liar.tells(3, "format", |plan| plan.replace("reroot-plan/1", "reroot-plan/2"));
    liar.tells(3, "one spelling", |plan| plan.replace("\"encoder\":1", "\"encoder\": 1"));
    liar.tells(3, "unknown field", |plan| plan.replace("\"encoder\":1", "\"encoder\":1,\"more\":1"));
    // and the honest plan is taken
    liar.machines.sign("reel.plan", "reel.signatures").success();
}

#[test]
fn a_planner_cannot_slip_in_leaves_nor_leave_any_out_nor_change_their_order() {
    let liar = Liar::new();
    let pki = &liar.machines.workshop.pki;
    liar.tells(3, "Merkle root", |plan| {
        plan.leaves.pop();
        plan.recount();
    });
    liar.tells(3, "number of leaves", |plan| plan.replace("\"leaves\":4,", "\"leaves\":5,"));
    liar.tells(3, "order of the leaves", |plan| {
        plan.leaves.swap(1, 2);
        plan.recount();
    });
    liar.tells(3, "leaves are not taken", |plan| {
        plan.leaves[1] = plan.leaves[0].clone();
        plan.recount();
    });
    // no genuine part: another signature, another key under a genuine UID
    for (reason, forged) in [
        ("verify.signature", variants::bad_signature(&liar.honest.leaves[1].1)),
        ("verify.", variants::swapped_key(pki, 1, 9)),
    ] {
        liar.tells(3, reason, |plan| {
            plan.leaves[1].1 = forged;
            plan.recount();
        });
    }
    // a genuine part that the Merkle root does not cover
    liar.tells(3, "Merkle root", |plan| {
        let uid = |der: &[u8]| reroot::x509::Certificate::from_der(der).unwrap().serial().content().to_vec();
        plan.leaves[3].1 = pki.leaf(11).der;
        plan.leaves.sort_by_key(|(_, der)| uid(der));
        plan.recount();
    });
    liar.machines.sign("reel.plan", "reel.signatures").success();
}

#[test]
fn an_old_plan_and_one_from_the_future_are_refused() {
    let liar = Liar::new();
    for year in ["2019", "2049"] {
        liar.tells(3, "days from this machine's clock", |plan| {
            let at = plan.member("issued_at");
            plan.replace(&at, &format!("{year}{}", &at[4..]));
        });
    }
}

#[test]
fn another_planner_is_refused_and_so_is_a_leaf_that_only_the_planner_trusts() {
    let liar = Liar::new();
    // a second house with its own manifest key
    let folder = liar.machines.workshop.folder();
    liar.machines.workshop.reroot(&["init", "other"]).run().success();
    Run::tool("cp").args(["other/ca/manifest.pem", "vault/ca/manifest.pem"]).folder(folder).run().success();
    liar.machines.refuses("reel.plan", 3, "not signed by an allowed planner");
    Run::tool("cp").args(["pki/ca/manifest.pem", "vault/ca/manifest.pem"]).folder(folder).run().success();
    // the vault's own anchors decide
    let anchors = ["pki/anchors/stm-stsafe-a-prod-ca-01.pem", "vault/anchors/test-root.pem"];
    Run::tool("cp").args(anchors).folder(folder).run().success();
    liar.machines.refuses("reel.plan", 3, "verify.chain");
}

#[test]
fn a_machine_without_signing_in_its_configuration_signs_no_plan() {
    let machines = Machines::planned(2);
    machines.edit("vault", |text| text.split("[signing]").next().unwrap().to_owned());
    let refused = machines.sign("reel.plan", "reel.signatures").expect(2);
    assert!(refused.err().contains("there is no [signing]"), "{}", refused.err());
    for wrong in [
        "planners = []\npolicies = [\"x\"]\nmax_days = 1",
        "planners = [\"ca/manifest.pem\"]\npolicies = []\nmax_days = 0",
        "planners = [\"ca/manifest.pem\"]\npolicies = []",
        "planners = [\"ca/manifest.pem\"]\npolicies = []\nmax_days = 1\nmore = 1",
    ] {
        machines.edit("vault", |text| format!("{}\n[signing]\n{wrong}\n", text.split("[signing]").next().unwrap()));
        machines.sign("reel.plan", "reel.signatures").expect(2);
    }
}
