//! `crates/issue/examples/issue.rs`, built and run.

use crate::support::faulty::example;
use crate::support::judges::put;
use crate::support::run::Run;
use crate::support::workshop::{POLICY, Workshop};

#[test]
fn the_example_issues_a_batch_that_passes_verification_and_is_done_the_second_time() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let parameter = "[params.lot]\npattern = \"[A-Z0-9]{1,8}\"\n\n";
    let policy = POLICY.replace(parameter, "").replace("{ OU = \"{lot}\" }, ", "");
    assert!(!policy.contains("lot"), "the example gives no parameters");
    put(&workshop.path("policy.toml"), policy);

    let program = example("issue");
    let issue = |archive, out| {
        let arguments = ["pki/reroot.toml", "policy.toml", archive, out];
        Run::tool(program.to_str().unwrap()).args(arguments).folder(workshop.folder()).run()
    };
    let shown = issue("reel.zip", "batch").success().out();
    assert!(shown.ends_with(": 3 certificates in batch\n"), "{shown}");
    workshop.verify("batch", &["--input", "reel.zip"]).success();
    assert_eq!(issue("reel.zip", "batch").success().out(), shown, "the same batch");

    workshop.write("other.txt", b"no leaf\n");
    let refused = issue("other.txt", "nothing").expect(1).err();
    assert!(refused.contains("nothing was signed"), "{refused}");
    assert!(!workshop.path("nothing").exists());
}
