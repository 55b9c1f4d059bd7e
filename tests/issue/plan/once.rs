//! The vault's own ledger: a chip is signed in one plan.

use crate::plan::machines::Machines;
use crate::support::judges::put;
use crate::support::run::Run;
use crate::support::workshop::POLICY;

/// The planner lost its ledger, or lies about it.
fn forget(machines: &Machines) {
    Run::tool("rm").arg("pki/ledger.db").folder(machines.workshop.folder()).run().success();
}

#[test]
fn a_chip_that_was_signed_in_another_plan_is_refused() {
    let machines = Machines::planned(3);
    machines.sign("reel.plan", "reel.signatures").success();
    forget(&machines);
    machines.plan("reel.zip", "second.plan", &[]).success();
    // the same input and policy: another batch of the same terms
    let refused = machines.sign("second.plan", "second.signatures").expect(3);
    assert!(refused.err().contains("with other terms"), "{}", refused.err());
    // one chip of them in another reel
    machines.workshop.reel("third.zip", [2, 9]);
    machines.plan("third.zip", "third.plan", &[]).expect(3);
    forget(&machines);
    machines.plan("third.zip", "third.plan", &[]).success();
    let refused = machines.sign("third.plan", "third.signatures").expect(3);
    let uid = machines.workshop.pki.leaf(2).uid();
    assert!(refused.err().contains(&uid) && refused.err().contains("signed in batch"), "{}", refused.err());
    assert!(!machines.path("second.signatures").exists() && !machines.path("third.signatures").exists());
}

#[test]
fn a_reissue_passes_with_its_reason_in_the_ceremony() {
    let machines = Machines::planned(3);
    machines.sign("reel.plan", "reel.signatures").success();
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    machines.plan("reel.zip", "second.plan", &["--reissue", "lost in transit"]).success();
    // the lines that matter most are right above the question, after everything else that was shown
    let sign = ["sign", "second.plan", "--out", "second.signatures", "--config", "vault/reroot.toml"];
    let asked = machines.workshop.reroot(&sign).stdin("no\n").run().expect(6).err();
    let lines: Vec<&str> = asked.lines().take_while(|line| !line.contains("when you type")).collect();
    let last: Vec<&str> = lines[lines.len() - 3..].iter().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(last, ["REISSUE", "policy", "to sign"], "{asked}");
    assert!(lines[lines.len() - 1].ends_with("3 certificates, all of them a REISSUE"), "{asked}");
    let signed = machines.sign("second.plan", "second.signatures").success();
    assert!(signed.err().contains("REISSUE") && signed.err().contains("lost in transit"), "{}", signed.err());
    machines.finish("second.plan", "second.signatures", "second").success();
    machines.workshop.verify("second", &["--input", "reel.zip"]).success();
}

#[test]
fn another_policy_is_another_certificate_if_it_is_approved() {
    let machines = Machines::planned(3);
    machines.sign("reel.plan", "reel.signatures").success();
    let other = POLICY.replace("\"workshop\"", "\"second\"");
    machines.workshop.write("second.toml", other.as_bytes());
    machines.plan_under("second.toml", "reel.zip", "second.plan", &[]).success();
    let refused = machines.sign("second.plan", "second.signatures").expect(3);
    assert!(refused.err().contains("not approved"), "{}", refused.err());
    let digest = reroot::crypto::sha256(other.as_bytes());
    machines.edit("vault", |text| text.replace("policies = [", &format!("policies = [\"{digest}\", ")));
    machines.sign("second.plan", "second.signatures").success();
}

#[test]
fn finishing_needs_the_signatures_of_this_plan() {
    let machines = Machines::planned(3);
    machines.sign("reel.plan", "reel.signatures").success();
    machines.workshop.reel("other.zip", 5..8);
    machines.plan("other.zip", "other.plan", &[]).success();
    let refused = machines.finish("other.plan", "reel.signatures", "batch").expect(3);
    assert!(refused.err().contains("it is for the plan with SHA-256"), "{}", refused.err());
    let whole = std::fs::read(machines.path("reel.signatures")).unwrap();
    let place = |text: &[u8]| whole.windows(text.len()).position(|window| window == text).unwrap();
    let start = place(b"\"}") + 2;
    let mut changed = Vec::new();
    for at in [0, 21, start, start + 3, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        changed.push(bytes);
    }
    changed.push(whole[..whole.len() - 1].to_vec());
    changed.push([&whole[..], b"x"].concat());
    for bytes in changed {
        put(&machines.path("changed.signatures"), bytes);
        machines.finish("reel.plan", "changed.signatures", "batch").expect(3);
        assert!(!machines.path("batch").exists());
    }
    // a signature file that says it is whole, with a signature that is not the CA's
    let mut forged = whole.clone();
    let last = whole.len() - 1;
    forged[last] ^= 1;
    let digest = |bytes: &[u8]| reroot::crypto::sha256(bytes).to_string();
    let text = String::from_utf8(forged[24..start].to_vec()).unwrap();
    let text = text.replace(&digest(&whole[start..]), &digest(&forged[start..]));
    forged.splice(24..start, text.into_bytes());
    put(&machines.path("forged.signatures"), forged);
    let refused = machines.finish("reel.plan", "forged.signatures", "batch").expect(4);
    assert!(refused.err().contains("does not verify under the issuer's own key"), "{}", refused.err());
    assert!(!machines.path("batch").exists());
    machines.finish("reel.plan", "reel.signatures", "batch").success();
    machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
}

/// The planner cannot know what the vault has signed: all chips of an abandoned plan count as issued.
#[test]
fn an_abandoned_plan_is_neither_finished_nor_made_again_without_a_reason() {
    let machines = Machines::planned(3);
    machines.sign("reel.plan", "reel.signatures").success();
    let ledger = |args: &[&str]| -> serde_json::Value {
        let run = machines.workshop.reroot(&["ledger"]).args(args);
        let said = run.args(["--config", "pki/reroot.toml", "--format", "json"]).run().success().out();
        serde_json::from_str(&said).unwrap()
    };
    let listed = ledger(&["list"]);
    let batch = listed["batches"][0]["batch"].as_str().unwrap();
    let next = ledger(&["show", batch])["next"][0].as_str().unwrap().to_owned();
    assert_eq!(next, "reroot finish PLAN --signatures SIGNATURES --out OUT");
    let given_up = ledger(&["abandon", batch, "--because", "the vault burnt down", "--yes"]);
    assert_eq!((given_up["freed"].as_u64(), given_up["count_as_issued"].as_u64()), (Some(0), Some(3)));

    let refused = machines.finish("reel.plan", "reel.signatures", "batch").expect(2);
    assert!(refused.err().contains(&format!("batch {batch} was abandoned")), "{}", refused.err());
    let refused = machines.plan("reel.zip", "other.plan", &[]).expect(3);
    assert!(refused.err().contains(&format!("batch {batch} was abandoned and may have signed")), "{}", refused.err());
    machines.plan("reel.zip", "other.plan", &["--reissue", "the vault burnt down"]).success();
    machines.sign("other.plan", "other.signatures").success();
    machines.finish("other.plan", "other.signatures", "batch").success();
    machines.workshop.verify("batch", &[]).success();
    assert_eq!(ledger(&["find", &machines.workshop.pki.leaf(0).uid()])["certificates"].as_array().unwrap().len(), 2);
}
