//! The recipes of docs/guide/revocation.md, run as they are written there.

use crate::support::judges::put;
use crate::support::run::{Finished, Run, program, project};
use crate::support::workshop::Workshop;

use super::field::Field;
use super::vault::Vault;

/// The guide, in the folder of one machine.
struct Guide<'a> {
    text: String,
    workshop: &'a Workshop,
    machine: &'a str,
}

impl<'a> Guide<'a> {
    fn new(workshop: &'a Workshop, machine: &'a str) -> Self {
        Self { text: std::fs::read_to_string(project("docs/guide/revocation.md")).unwrap(), workshop, machine }
    }

    /// Finds the command that begins like this and types it, with names of this folder for those of the guide.
    #[track_caller]
    fn types(&self, begin: &str, names: &[(&str, &str)], answer: &str) -> Finished {
        let at = self.text.find(begin).unwrap_or_else(|| panic!("the guide has no `{begin}`"));
        let inline = self.text[..at].ends_with('`');
        let end = if inline { '`' } else { '\n' };
        let command = self.text[at..].split(end).next().unwrap();
        let mut command = command.split("  #").next().unwrap().trim().replace("/srv/www/crl", "www");
        for (name, here) in names {
            assert!(command.contains(name), "`{command}` has no {name}");
            command = command.replace(name, here);
        }
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", program().parent().unwrap().display());
        let run = Run::tool("sh").args(["-c", &command]).env("PATH", path);
        run.folder(&self.workshop.path(self.machine)).stdin(answer).run().success()
    }

    /// The text of the block that has this line.
    fn block(&self, line: &str) -> String {
        let block = self.text.split("```").find(|block| block.contains(line)).unwrap();
        block.split_once('\n').unwrap().1.to_owned()
    }
}

#[test]
fn the_recipes_run_as_they_are_written() {
    let field = Field::new(6);
    let uids = [0, 1, 2, 3, 4, 5].map(|index| field.uid(index));
    let again = ["--reissue", "a new lot", "--set", "lot=B2", "--on-surplus", "ignore", "--expect", "one.txt"];
    put(&field.path("one.txt"), &uids[4]);
    field.workshop.issue("reel.zip", "second", &again).success();
    let second = field.workshop.statement("second")["batch"].as_str().unwrap().to_owned();
    put(&field.path("pki/returned.csv"), format!("uid,reason,time\n{},superseded,2026-01-01T00:00:00Z\n", uids[1]));
    put(&field.path("pki/chips.txt"), field.uid(9));
    field.workshop.reel("pki/reel.zip", [2, 8]);
    let guide = Guide::new(&field.workshop, "pki");

    guide.types("reroot revoke --uid 0209", &[("0209A021E021C4E1D00139", &uids[0])], "revoke\n");
    guide.types("reroot crl --out", &[], "");
    guide.types("reroot crl due", &[("DIR", "www")], "");
    guide.types("reroot revoke --list", &[], "");
    let stolen = guide.types("reroot revoke --reel", &[], "revoke\n");
    assert!(stolen.out().contains("to block      1"), "{}", stolen.out());
    guide.types("reroot revoke --superseded-by", &[("BATCH", &second)], "revoke\n");
    guide.types("reroot revoke --uid UID --hold", &[("UID", &uids[3])], "revoke\n");
    guide.types("reroot release --uid UID", &[("UID", &uids[3])], "release\n");
    guide.types("reroot block --uids", &[], "block\n");
    guide.types("reroot unblock --uids", &[], "unblock\n");
    guide.types("reroot crl --out", &[], "");
    assert_eq!(field.serials("pki/www/full.crl").len(), 4);

    let batch = [("BATCH", "../batch"), ("crl/*.crl", "www/*.crl")];
    let verified = guide.types("reroot verify BATCH", &batch, "");
    assert!(verified.out().contains("revoked"), "{}", verified.out());
    guide.types("reroot prove BATCH UID", &[batch[0], batch[1], ("UID", &uids[5])], "");
    let pack = ["export", "batch", "--to", "line-pack", "--out", "pki/line.pack", "--config", "pki/reroot.toml"];
    field.workshop.reroot(&pack).run().success();
    guide.types("reroot lookup line.pack", &[("UID", &uids[5]), ("full.crl", "www/full.crl")], "");
    let list = format!("www/{}.crl", reroot::crl::Shards::new(4).unwrap().of(&hex::decode(&uids[5]).unwrap()));
    guide.types("reroot verify-proof", &[("17.crl", &list)], "");
    guide.types("openssl crl -inform DER", &[("-in full.crl", "-in www/full.crl")], "");
    guide.types("reroot crl export --to aws-revoke", &[], "");
    for form in ["azure-dps-disable", "jsonl"] {
        assert!(guide.text.contains(&format!("`--to {form}`")));
    }

    let root = guide.block("certificate = \"ca/root.pem\"");
    put(&field.path("pki/root.toml"), root.replace("stm-stsafe-a-prod-ca-01.pem", "test-root.pem"));
    guide.types("reroot crl --config root.toml", &[], "");
    guide.types("reroot revoke --config root.toml", &[], "revoke\n");
    let here =
        |args: &[&str]| Run::reroot(&field.path("pki")).args(args).args(["--config", "root.toml"]).run().success();
    // and a manifest signer as well
    here(&["revoke", "--certificate", "ca/manifest.pem", "--reason", "superseded", "--by", "quality", "--yes"]);
    here(&["crl", "--out", "root-crl"]);
    assert_eq!(field.serials("pki/root-crl/full.crl").len(), 2);
}

#[test]
fn the_recipe_for_a_vault_runs_as_it_is_written() {
    let vault = Vault::new(2);
    vault.revoke(0, &["--reason", "keyCompromise"]);
    let workshop = &vault.machines.workshop;
    let carry = |from: &str, to: &str| drop(Run::tool("cp").args([from, to]).folder(workshop.folder()).run().success());
    Guide::new(workshop, "pki").types("reroot crl plan", &[], "");
    carry("pki/round.plan", "vault");
    Guide::new(workshop, "vault").types("reroot sign round.plan", &[], "sign\n");
    carry("vault/round.signatures", "pki");
    Guide::new(workshop, "pki").types("reroot crl finish", &[], "");
    assert!(workshop.path("pki/www/full.crl").exists());
}
