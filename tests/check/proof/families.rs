//! Chips that are not STSAFE-A: the family comes with the statement, and decides what can be asked.

use reroot::manifest::Proof;

use super::cli::{ANCHORS, check, prove};
use crate::support::pki::{archive, der};
use crate::support::run::Finished;
use crate::support::workshop::{POLICY, Workshop};

/// A batch and its pack under a policy of this family, of leaves with these serial numbers.
fn of_family(family: &str, serials: &[&str]) -> Workshop {
    let workshop = Workshop::new();
    let leaves: Vec<(String, Vec<u8>)> = (0..)
        .zip(serials)
        .map(|(index, serial)| {
            let mut shape = workshop.pki.shape(index);
            shape.serial = hex::decode(serial).unwrap();
            // which common names are another chip's, is the family's rule too
            let named = serials[if serial.len() == 18 { 0 } else { usize::try_from(index).unwrap() }];
            shape.subject = der::st_name("FR", "STMicroelectronics", &format!("STSAFE-L010-GEN-{named}"));
            (format!("{serial}.der"), workshop.pki.certify(&shape))
        })
        .collect();
    let files: Vec<(&str, &[u8])> = leaves.iter().map(|(name, der)| (&**name, &**der)).collect();
    workshop.write("reel.zip", &archive::zip(&files));
    workshop.write("family.toml", policy(family).as_bytes());
    workshop.issue_under("family.toml", "reel.zip", "batch", &[]).success();
    let export = ["export", "batch", "--to", "line-pack", "--out", "batch.pack", "--issuer-anchor", "pki/ca/root.pem"];
    workshop.reroot(&export).run().success();
    workshop
}

fn policy(family: &str) -> String {
    POLICY.replace("stsafe-a", family).replace("[\"test-anchor\"]", "[\"common-name-mismatch\", \"test-anchor\"]")
}

fn lookup(workshop: &Workshop, shelf: &str, name: &str, more: &[&str]) -> Finished {
    workshop.reroot(&["lookup", shelf, name]).args(ANCHORS).args(more).run()
}

const L: [&str; 3] = ["400000000082940113", "400000000082940114", "7F0000000082940113"];
/// Of the lengths of parts of an STSAFE-A UID too, and one STSAFE-A.
const GENERIC: [&str; 5] = ["0080", "01", "0209A021E021C4E1D00139", "40000000008294", "7F0000000082940113"];

#[test]
fn leaves_of_every_family_are_proved_and_looked_up() {
    for (family, serials) in [("stsafe-l", &L[..]), ("generic", &GENERIC)] {
        let workshop = of_family(family, serials);
        let needed = workshop.lines("batch").iter().any(|line| line["relax"][0] == "common-name-mismatch");
        assert_eq!(needed, family == "stsafe-l");
        let proofs = prove(&workshop, &["--all"]).success().stdout;
        let report = check(&workshop, &proofs, &["--format", "json"]).success().out();
        assert_eq!(report.lines().count(), serials.len());
        for (line, serial) in report.lines().zip(serials) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["uid"], &line["family"]), (&(*serial).into(), &family.into()));
            let proof = prove(&workshop, &[serial]).success().stdout;
            check(&workshop, &proof, &["--uid", serial]).success();
            for shelf in ["batch", "batch.pack"] {
                lookup(&workshop, shelf, serial, &[]).success();
                lookup(&workshop, shelf, serial, &["--absent"]).expect(1);
            }
        }
    }
}

#[test]
fn absence_is_that_of_a_uid_of_the_family() {
    let absent = |workshop: &Workshop, name: &str| {
        let proof = prove(workshop, &[name]).success().stdout;
        check(workshop, &proof, &["--absent", "--uid", name]).success();
        check(workshop, &proof, &[]).expect(1);
        for shelf in ["batch", "batch.pack"] {
            lookup(workshop, shelf, name, &["--absent"]).success();
            lookup(workshop, shelf, name, &[]).expect(1);
        }
        proof
    };
    let refused = |workshop: &Workshop, name: &str, good: &[u8]| {
        let said = format!("`{name}` is not the UID of a chip of the family");
        assert!(prove(workshop, &[name]).expect(2).err().contains(&said), "{name}");
        for shelf in ["batch", "batch.pack"] {
            assert!(lookup(workshop, shelf, name, &["--absent"]).expect(2).err().contains(&said), "{name}");
        }
        let proof = Proof { uid: name.parse().unwrap(), ..Proof::parse(good).unwrap() };
        let run = check(workshop, proof.to_line().as_bytes(), &["--absent"]).expect(1);
        assert!(run.out().contains("[proof.uid-form]"), "{name}: {}", run.out());
    };
    let workshop = of_family("stsafe-l", &L);
    let good = absent(&workshop, "400000000082940112");
    absent(&workshop, "7F0000000082940114");
    // shortened, longer, with zeros before, of other families
    for name in ["4000000000829401", "40000000008294", "40000000008294011300", "00400000000082940113", "01"] {
        refused(&workshop, name, &good);
    }
    refused(&workshop, "0209A021E021C4E1D00139", &good);

    let workshop = of_family("generic", &GENERIC);
    let good = absent(&workshop, "02");
    absent(&workshop, "0209A021E021C4E1D0013A");
    absent(&workshop, "7F00000000829401");
    for name in ["0001", "00", "80", "000209A021E021C4E1D00139"] {
        refused(&workshop, name, &good);
    }
    // an STSAFE-A chip among others is called by the parts of its UID too
    for part in ["A021E021C4E1D00139", "A021E021C4E1D0"] {
        for shelf in ["batch", "batch.pack"] {
            lookup(&workshop, shelf, part, &[]).success();
            lookup(&workshop, shelf, part, &["--absent"]).expect(1);
        }
        let uid = Proof::parse(&prove(&workshop, &[part]).success().stdout).unwrap().uid;
        assert_eq!(uid.to_string(), "0209A021E021C4E1D00139");
    }
}

/// A pack is anyone's: a row that is hidden under another name leaves no gap in what is sealed.
#[test]
fn a_chip_that_is_hidden_in_a_pack_is_not_absent() {
    let workshop = of_family("generic", &GENERIC);
    let hide = "UPDATE chip SET uid = '0209A021E021C4E1D00138' WHERE uid = '0209A021E021C4E1D00139'";
    rusqlite::Connection::open(workshop.path("batch.pack")).unwrap().execute_batch(hide).unwrap();
    for name in ["0209A021E021C4E1D00139", "7021E021C4E1D00139", "A021E021C4E1D00139", "A021E021C4E1D0"] {
        let run = lookup(&workshop, "batch.pack", name, &["--absent"]);
        // whether the ST number is 02 09 and a chip's, or a serial number of its own, is not known: both must be absent
        let absent = name.starts_with('7');
        assert_eq!(run.code == Some(0), absent, "{name}: {}{}", run.out(), run.err());
    }
}
