//! A plan that is not what leaves, approved policy and seed give is refused before the first signature, at every place.

use crate::plan::forge::Plan;
use crate::plan::machines::Machines;
use crate::support::judges::put;
use crate::support::pki::variants;
use crate::support::run::Run;

/// An attacker who carries the file can change bytes but cannot sign.
#[test]
fn no_byte_of_a_plan_can_be_changed_on_its_way() {
    let machines = Machines::planned(3);
    let plan = Plan::read(&machines.path("reel.plan"));
    let bytes = plan.bytes();
    assert_eq!(bytes, std::fs::read(machines.path("reel.plan")).unwrap(), "the helper writes what it has read");
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
        (bytes.len() - 5, ""),
    ];
    for (at, reason) in places {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        put(&machines.path("changed.plan"), &changed);
        let refused = machines.sign("changed.plan", "refused.signatures").expect(3);
        // what the seal's bytes mean when one is another has many names
        assert!(reason == "signed by an allowed planner" || refused.err().contains(reason), "{at}: {}", refused.err());
        assert_eq!(machines.begun_in_vault(), 0);
    }
    for cut in [10, head + 5, seal + 5, leaves + 5, bytes.len() - 1] {
        put(&machines.path("changed.plan"), &bytes[..cut]);
        machines.refuses("changed.plan", 3, "");
    }
    put(&machines.path("changed.plan"), [&bytes[..], b"x"].concat());
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
    liar.tells(3, "made by encoder 1, its format goes with 2", |plan| plan.replace("\"encoder\":2", "\"encoder\":1"));
    liar.tells(3, "made by encoder 3, its format goes with 2", |plan| plan.replace("\"encoder\":2", "\"encoder\":3"));
    liar.tells(3, "Merkle root", |plan| plan.replace("\"beacon\":null", &format!("\"beacon\":\"{}\"", "1".repeat(64))));
    liar.tells(3, "does not have the members of `reroot-plan/2`", |plan| plan.replace("\"beacon\":null,", ""));
    liar.tells(3, "its `beacon` is not one", |plan| plan.replace("\"beacon\":null", "\"beacon\":\"4711\""));
    let issuer =
        |plan: &Plan| serde_json::from_str::<serde_json::Value>(&plan.head).unwrap()["issuer"]["sha256"].clone();
    liar.tells(2, "the configured one has", |plan| {
        plan.replace(issuer(plan).as_str().unwrap(), &digest);
    });
    liar.tells(3, "made by encoder 2, its format goes with 1", |plan| plan.replace("reroot-plan/2", "reroot-plan/1"));
    liar.tells(3, "expected the format", |plan| plan.replace("reroot-plan/2", "reroot-plan/3"));
    liar.tells(3, "one spelling", |plan| plan.replace("\"encoder\":2", "\"encoder\": 2"));
    liar.tells(3, "unknown field", |plan| plan.replace("\"encoder\":2", "\"encoder\":2,\"more\":1"));
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
    liar.machines.workshop.reroot(&["init", "other", "--organization", "Other"]).run().success();
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

/// The vault refuses every member that no planner's program writes, before it uses the value for anything else.
#[test]
fn no_member_of_a_plan_can_be_longer_or_larger_than_a_program_writes_it() {
    let liar = Liar::new();
    let long = |characters: usize| "x".repeat(characters);
    let text = |name: &str| format!("\"{name}\":\"{}\"", liar.honest.member(name));
    let members: [(&str, String, String); 23] = [
        ("batch", text("batch"), format!("\"batch\":\"{}\"", long(100_000))),
        ("issued_at", text("issued_at"), format!("\"issued_at\":\"{}\"", long(100_000))),
        ("seed", text("seed"), format!("\"seed\":\"{}\"", "0".repeat(66))),
        ("chunk_size", "\"chunk_size\":1024".into(), "\"chunk_size\":0".into()),
        ("chunk_size", "\"chunk_size\":1024".into(), "\"chunk_size\":65537".into()),
        ("chunk_size", "\"chunk_size\":1024".into(), "\"chunk_size\":4294967295".into()),
        ("delivery", text("delivery"), "\"delivery\":\"--form der\"".into()),
        ("delivery", text("delivery"), format!("\"delivery\":\"plan --form der{}\"", ",der".repeat(1_000))),
        ("issuer", "\"issuer\":{\"subject\":\"".into(), format!("\"issuer\":{{\"subject\":\"{}", long(20_000))),
        ("relaxations", "[\"test-anchor\"]".into(), format!("[\"{}\"]", long(101))),
        ("relaxations", "[\"test-anchor\"]".into(), format!("[\"test-anchor\"{}]", ",\"x\"".repeat(1_000))),
        ("on_reject", text("on_reject"), "\"on_reject\":\"sign\"".into()),
        ("reissue", "\"reissue\":null".into(), "\"reissue\":\" \"".into()),
        ("reissue", "\"reissue\":null".into(), format!("\"reissue\":\"{}\"", long(1_001))),
        ("bulk_id", "\"bulk_id\":null".into(), "\"bulk_id\":\"\"".into()),
        ("bulk_id", "\"bulk_id\":null".into(), format!("\"bulk_id\":\"{}\"", long(201))),
        (
            "expected",
            "\"expected\":null".into(),
            "\"expected\":{\"sha256\":\"00\",\"count\":1,\"missing\":0,\"surplus\":0}".into(),
        ),
        ("counts", "\"leaves\":4,".into(), "\"leaves\":0,".into()),
        ("counts", "\"leaves\":4,".into(), "\"leaves\":18446744073709551615,".into()),
        ("policy_name", text("policy_name"), format!("\"policy_name\":\"{}\"", long(201))),
        ("policy", "\"policy\":\"version".into(), format!("\"policy\":\"{}version", long(256 << 10))),
        ("params", "{\"lot\":\"A1\"}".into(), format!("{{\"lot\":\"{}\"}}", long(257))),
        ("params", "{\"lot\":\"A1\"}".into(), format!("{{\"lot\":\"A1\",\"{}\":\"\"}}", long(101))),
    ];
    // a list of which nothing is missing, with other numbers than the sections have
    let list = |missing: u64, surplus: u64| {
        format!(
            "\"expected\":{{\"sha256\":\"{}\",\"count\":4,\"missing\":{missing},\"surplus\":{surplus}}}",
            "0".repeat(64)
        )
    };
    liar.tells(3, "number of missing chips", |plan| plan.replace("\"expected\":null", &list(1, 0)));
    liar.tells(3, "count of items", |plan| plan.replace("\"expected\":null", &list(0, 1)));
    for (member, from, to) in members {
        liar.tells(3, &format!("its `{member}` is not one"), |plan| plan.replace(&from, &to));
    }
    let digests = format!("\"anchors\":[{}\"", format!("\"{}\",", "0".repeat(64)).repeat(1_000));
    liar.tells(3, "its `anchors` is not one", |plan| plan.replace("\"anchors\":[\"", &digests));
    for member in ["policy_sha256", "leaves_sha256", "tbs_root"] {
        liar.tells(3, &format!("its `{member}` is not one"), |plan| {
            plan.replace(&text(member), &format!("\"{member}\":\"{}\"", long(64)));
        });
    }
    liar.tells(3, "issuer's name", |plan| {
        plan.replace("\"issuer\":{\"subject\":\"", "\"issuer\":{\"subject\":\"CN=x, ");
    });
    liar.tells(3, "count of items", |plan| plan.replace("\"items\":4,", "\"items\":5,"));
    liar.tells(3, "count of items", |plan| {
        plan.replace("\"rejected\":0,\"ignored\":0}", "\"rejected\":1,\"ignored\":0}");
    });
    liar.tells(3, "not those of a plan", |plan| plan.replace("\"name\":\"inputs\"", "\"name\":\"input\""));
    liar.machines.sign("reel.plan", "reel.signatures").success();
}

#[test]
fn the_name_of_a_leaf_has_an_end() {
    let liar = Liar::new();
    for length in [4_097, 30_000, 65_534] {
        // each shares what it can with the name before it, so that the last would be longer than its length can say
        liar.tells(3, "longer than any", |plan| {
            for (name, _) in &mut plan.leaves[1..] {
                *name = "x".repeat(length);
            }
            plan.recount();
        });
        liar.tells(3, "longer than any", |plan| {
            let last = plan.leaves.len() - 1;
            plan.leaves[last - 1].0 = "x".repeat(255);
            plan.leaves[last].0 = "x".repeat(255 + length);
            plan.recount();
        });
    }
    for name in ["", "\u{1b}[2J", "caf\u{e9}"] {
        liar.tells(3, "a leaf's name is not one", |plan| {
            plan.leaves[1].0 = name.to_owned();
            plan.recount();
        });
    }
    // the longest that an item can have: what is signed is the same
    let mut plan = liar.honest.clone();
    plan.leaves[1].0 = "x".repeat(4_096);
    plan.recount();
    plan.sign(liar.machines.workshop.folder(), "pki/ca/manifest.key.pem");
    plan.write(&liar.machines.path("long.plan"));
    liar.machines.sign("long.plan", "long.signatures").success();
}

/// A plan's text is shown when it is known, and escaped before that.
#[test]
fn nothing_that_an_unapproved_policy_says_reaches_the_terminal() {
    let liar = Liar::new();
    let approve = |plan: &mut Plan| {
        let json: serde_json::Value = serde_json::from_str(&plan.head).unwrap();
        let digest = reroot::crypto::sha256(json["policy"].as_str().unwrap().as_bytes());
        plan.replace(&plan.member("policy_sha256"), &digest.to_string());
    };
    let tells = |reason: &str, lie: &dyn Fn(&mut Plan)| {
        let mut plan = liar.honest.clone();
        lie(&mut plan);
        plan.sign(liar.machines.workshop.folder(), "pki/ca/manifest.key.pem");
        plan.write(&liar.machines.path("lie.plan"));
        let refused = liar.machines.sign("lie.plan", "refused.signatures").expect(3);
        let said = refused.err();
        assert!(said.contains(reason), "expected {reason:?}: {said:?}");
        let unsafe_to_print = |character: char| character.is_control() && character != '\n' || character == '\u{202e}';
        assert!(!said.contains(unsafe_to_print) && !said.contains("GAUDY"), "{said:?}");
        assert!(said.len() < 4_000, "{} bytes", said.len());
    };
    // mistakes in a policy that is not approved: its lines would be shown beside them
    for gaudy in ["GAUDY = \\u001b]0;owned\\u0007", "GAUDY\u{202e}", "[GAUDY", "name = \\\"GAUDY"] {
        tells("not approved", &|plan| {
            plan.replace("\"policy\":\"version", &format!("\"policy\":\"{gaudy}\\nversion"));
            approve(plan);
        });
    }
    tells("not approved", &|plan| {
        let text = "\"policy\":\"version";
        plan.replace(text, &format!("\"policy\":\"{}version", "GAUDY\\n".repeat(30_000)));
        approve(plan);
    });
    // names in what is refused
    tells("`work\\u{1b}[2Jshop`", &|plan| {
        plan.replace("\"policy_name\":\"workshop\"", "\"policy_name\":\"work\\u001b[2Jshop\"");
        plan.replace("\"policy\":\"version", "\"policy\":\"#\\nversion");
        approve(plan);
    });
    tells("expected the format", &|plan| plan.replace("{\"format\"", "{\"\\u001b[2J\":1,\"format\""));
    tells("unknown field", &|plan| plan.replace("\"mode\"", "\"\\u001b[2J\":1,\"mode\""));
    tells("unknown field", &|plan| {
        let name = "x".repeat(100_000);
        plan.replace("\"mode\"", &format!("\"{name}\":1,\"mode\""));
    });
    tells("expected the format", &|plan| {
        plan.replace("reroot-plan/2", &format!("reroot-plan/2\\u001b[2J{}", "x".repeat(10_000)));
    });
}
