//! Batches of version 1 do not say their family: a proof of theirs carries the policy that does.

use reroot::manifest::Proof;

use super::unpacked::Past;

fn verdicts(past: &Past, proofs: &[u8], more: &[&str]) -> Vec<bool> {
    let run = past.workshop.reroot(&["verify-proof", "-", "--format", "json"]).args(past.anchors()).args(more);
    let said = run.stdin(proofs).run().out();
    let verdict = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["holds"] == true;
    said.lines().map(verdict).collect()
}

fn proofs(past: &Past, more: &[&str]) -> Vec<u8> {
    past.workshop.reroot(&["prove", "batch"]).args(more).run().success().stdout
}

#[test]
fn leaves_of_every_family_are_proved_to_be_in_a_batch_of_version_1() {
    for (name, alone) in [("family-stsafe-l", &[true, false, false][..]), ("family-generic", &[true; 5])] {
        let past = Past::unpack(name);
        let all = proofs(&past, &["--all"]);
        assert_eq!(verdicts(&past, &all, &[]), vec![true; alone.len()], "{name}");
        for proof in all.split_inclusive(|byte| *byte == b'\n') {
            let good = Proof::parse(proof).unwrap();
            let policy = std::fs::read(past.workshop.path("batch/policy.toml")).unwrap();
            assert_eq!(good.policy.as_deref(), Some(&policy[..]));
            let other = [&policy[..], b"\n"].concat();
            let other = Proof { policy: Some(other), ..good.clone() };
            assert_eq!(verdicts(&past, other.to_line().as_bytes(), &[]), [false], "{name}: another policy");
        }
        // without the policy a proof has nothing but the line, and a leaf that needs its family's rule does not hold
        let old = std::fs::read(past.workshop.path("present.proof.json")).unwrap();
        assert_eq!(verdicts(&past, &old, &[]), alone, "{name}");
    }
}

#[test]
fn absence_from_a_batch_of_version_1_is_that_of_a_uid_of_its_family() {
    for (name, absent, misnamed) in [
        ("family-stsafe-l", "400000000082940112", "0209A021E021C4E1D00138"),
        ("family-stsafe-l", "7F0000000082940114", "40000000008294"),
        ("family-generic", "02", "0002"),
    ] {
        let past = Past::unpack(name);
        let proof = proofs(&past, &[absent]);
        assert_eq!(verdicts(&past, &proof, &["--absent", "--uid", absent]), [true], "{name}");
        assert_eq!(verdicts(&past, &proof, &[]), [false], "{name}");
        let good = Proof::parse(&proof).unwrap();
        let misnamed_proof = Proof { uid: misnamed.parse().unwrap(), ..good.clone() };
        assert_eq!(verdicts(&past, misnamed_proof.to_line().as_bytes(), &["--absent"]), [false], "{name}");
        // the family that is taken for granted without a policy is not that of the lines
        let without = Proof { policy: None, ..good };
        assert_eq!(verdicts(&past, without.to_line().as_bytes(), &["--absent"]), [false], "{name}");
        past.workshop.reroot(&["prove", "batch", misnamed]).run().expect(2);
    }
}

#[test]
fn packs_say_the_family_where_their_version_can() {
    for (name, chip, absent) in
        [("family-stsafe-l", "400000000082940114", "400000000082940112"), ("family-generic", "0080", "02")]
    {
        let past = Past::unpack(name);
        let export = ["export", "batch", "--to", "line-pack", "--out", "new.pack", "--config", "pki/reroot.toml"];
        past.workshop.reroot(&export).run().success();
        let lookup = |shelf: &str, name: &str, more: &[&str]| {
            past.workshop.reroot(&["lookup", shelf, name]).args(past.anchors()).args(more).run()
        };
        for shelf in ["batch", "new.pack"] {
            lookup(shelf, chip, &[]).success();
            lookup(shelf, absent, &["--absent"]).success();
            lookup(shelf, absent, &[]).expect(1);
        }
        // a pack of version 1 holds no policy: `lookup` must not report a chip absent by a different family's rule
        for name in [chip, absent] {
            assert_ne!(lookup("reel.pack", name, &["--absent"]).code, Some(0), "{name}");
        }
    }
}
