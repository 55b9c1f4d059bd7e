//! No honest batch is refused: one is made of every case of the hostile corpus that yields a leaf, and verified with its
//! inputs, in both orders, and with its list.

use serde_json::Value;

use crate::support::campaign::sample;
use crate::support::judges::put;
use crate::support::run::{Run, project};
use crate::support::workshop::{POLICY, Workshop};

#[test]
fn honest_batches_of_the_hostile_corpus_are_not_refused() {
    let workshop = Workshop::new();
    let corpus = workshop.path("corpus");
    let generator = project("tests/hostile/generate.py");
    Run::venv("python").env("PYTHONHASHSEED", "1").arg("-B").arg(generator).arg(&corpus).run().success();
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(corpus.join("corpus.json")).unwrap()).unwrap();
    let configuration = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let (mut made, mut refused) = (0, Vec::new());
    for (n, case) in sample(cases.iter().enumerate(), 9) {
        // what comes by standard input has no second order
        if case["stdin"].is_string() {
            continue;
        }
        let name = case["run"].as_str().unwrap();
        let list =
            |key: &str| -> Vec<&str> { case[key].as_array().unwrap().iter().filter_map(Value::as_str).collect() };
        // each with a ledger of its own: the same chips are in many cases
        let pki = workshop.path(&format!("pki-{n}"));
        Run::tool("cp").arg("-a").arg(workshop.path("pki")).arg(&pki).run().success();
        let anchors: Vec<String> =
            list("anchors").iter().map(|anchor| corpus.join(anchor).display().to_string()).collect();
        let configured = configuration.replace("[\"anchors/test-root.pem\"]", &format!("{anchors:?}"));
        assert_ne!(configured, configuration);
        put(&pki.join("reroot.toml"), configured);
        let policy = workshop.path(&format!("policy-{n}.toml"));
        put(&policy, source_of(case["policy"].as_str().map(|policy| corpus.join(policy)).as_deref()));

        let (folder, out) = (corpus.join(name), workshop.path(&format!("batch-{n}")));
        let expect: Vec<&str> = case["expect"].as_str().map_or(vec![], |list| vec!["--expect", list]);
        let issue = Run::reroot(&folder).arg("issue").args(list("inputs")).arg("--policy").arg(&policy);
        let issue = issue.arg("--out").arg(&out).arg("--config").arg(pki.join("reroot.toml")).args(&expect);
        issue.args(["--set", "lot=A1", "--on-reject", "skip", "--on-missing", "note"]).run();
        if !out.exists() {
            continue;
        }
        made += 1;
        let verify = |more: &[&str]| {
            let mut run = Run::reroot(&folder).arg("verify").arg(&out).args(more);
            for anchor in &anchors {
                run = run.args(["--source-anchor", anchor]);
            }
            run.arg("--issuer-anchor").arg(pki.join("ca/root.pem")).run()
        };
        let mut backwards = list("inputs");
        backwards.reverse();
        for more in
            [vec![], [&["--input"], &list("inputs")[..]].concat(), [&["--input"], &backwards[..], &expect[..]].concat()]
        {
            let finished = verify(&more);
            if finished.code != Some(0) {
                refused.push(format!("{name} {more:?}: {}{}", finished.out(), finished.err()));
            }
        }
    }
    assert!(made > 10, "{made} batches");
    assert!(refused.is_empty(), "{} refusals in {made} batches:\n{}", refused.len(), refused.join("\n"));
}

/// The workshop's policy, with the `[source]` of the case's own.
fn source_of(policy: Option<&std::path::Path>) -> String {
    let table = |text: &str| {
        let start = text.find("[source]").expect("a policy has a source");
        let end = text[start..].find("\n[").map_or(text.len(), |length| start + length);
        (start, end)
    };
    let Some(policy) = policy else { return POLICY.to_owned() };
    let other = std::fs::read_to_string(policy).unwrap();
    let ((start, end), (from, to)) = (table(POLICY), table(&other));
    format!("{}{}\n{}", &POLICY[..start], &other[from..to], &POLICY[end..])
}
