//! Exports as jobs: several batches, some chips, and the forms that are several files.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::program::{Program, SERVE, command};

use super::bench::Bench;
use super::jobs::{approved_by, id, person, posted};
use super::signer::{CONSOLE, SIGNED, Signer};
use crate::support::judges::put;
use crate::support::run::Run;

#[test]
fn an_export_has_the_chips_and_the_form_that_were_asked_for() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    let _signer = Signer::start(&bench);
    let service = bench.start();
    let anna = service.of("anna");
    let mut uids = Vec::new();
    let batches: Vec<String> = [0..3, 3..5]
        .into_iter()
        .map(|leaves| {
            let job = posted(&bench, &anna, leaves);
            anna.wait_for(&job, &["awaiting-approval"]);
            service.of("bert").post(&format!("/v1/jobs/{job}/approvals"), &json!({ "console": true })).expect(202);
            let published = anna.wait_for(&job, &["published"]);
            let batch = published["plan"]["batch"].as_str().unwrap().to_owned();
            let lines = bench.workshop.lines(&format!("data/batches/{batch}"));
            uids.extend(lines.iter().map(|line| line["uid"].as_str().unwrap().to_owned()));
            batch
        })
        .collect();
    let post = |more: Value| {
        let mut wanted = json!({ "kind": "export", "batches": batches });
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        anna.post("/v1/jobs", &wanted)
    };
    let export = |more: Value, ending: &str| {
        let job = id(&post(more).expect(202).json());
        let result = anna.wait_for(&job, &["checked"])["result"].clone();
        let file = anna.get(&format!("/v1/jobs/{job}/export")).expect(200);
        let kept = &file.headers["content-disposition"];
        assert!(kept.contains(&format!("{job}.{ending}")), "{kept}");
        let path = bench.workshop.path(&format!("export.{ending}"));
        put(&path, &file.body);
        bench.empties("jobs");
        (path, result["certificates"].as_u64().unwrap())
    };
    let listed = |path: &std::path::Path, program: &str, option: &str| {
        let out = Run::tool(program).args([option, path.to_str().unwrap()]).run().success().out();
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let wanted = anna.upload("wanted.txt", format!("{}\n{}\n", uids[1], uids[4]).as_bytes());
    // some chips of two batches, by the one list
    let (path, count) = export(json!({ "to": "zip", "only": wanted, "forms": ["pem"], "with_chain": true }), "zip");
    assert_eq!(count, 2);
    let out = Run::tool("python3").args(["-m", "zipfile", "-l", path.to_str().unwrap()]).run().success().out();
    assert!(out.contains(&format!("{}.pem", uids[1])) && !out.contains(&uids[0]), "{out}");
    // forms that are several files are an archive that tar lists
    let (path, count) = export(json!({ "to": "stsafe-zone", "zone": { "bytes": 1500, "chain": true } }), "tar");
    let mut expected: Vec<String> = uids.iter().map(|uid| format!("{uid}.bin")).collect();
    expected.sort();
    assert_eq!((count, listed(&path, "tar", "-tf")), (5, expected));
    let said = listed(&path, "tar", "-tvf");
    assert!(said.iter().all(|line| line.starts_with("-rw-r--r-- 0/0")), "{said:?}");
    let (path, _) = export(json!({ "to": "aws-bulk", "aws_policy": "fleet" }), "tar");
    assert_eq!(listed(&path, "tar", "-tf"), ["jitp-template.json", "provisioning-template.json", "things.jsonl"]);
    let (path, _) = export(json!({ "to": "csv" }), "csv");
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 6);
    // what is wrong is said by name, and there is no file of it
    let unknown = anna.upload("unknown.txt", b"0209FFFFFFFFFFFFFF0139\n");
    let damaged = anna.upload("damaged.txt", b"2,09E+20\n");
    post(json!({ "to": "csv", "batches": [] })).problem(400, "request.malformed");
    for (more, said) in [
        (json!({ "to": "csv", "only": unknown }), "0209FFFFFFFFFFFFFF0139"),
        (json!({ "to": "csv", "only": damaged }), "line 1"),
        (json!({ "to": "stsafe-zone", "zone": { "bytes": 10 } }), "10"),
        (json!({ "to": "stsafe-zone" }), "zone"),
        (json!({ "to": "aws-bulk", "aws_policy": "no spaces" }), "no spaces"),
    ] {
        let job = id(&post(more).expect(202).json());
        let refused = anna.wait_for(&job, &["refused", "failed"]);
        let problem = refused["problem"].to_string();
        assert!(refused["state"] == "refused" && problem.contains(said), "{refused:#}");
        anna.get(&format!("/v1/jobs/{job}/export")).problem(404, "job.unknown");
        bench.empties("jobs");
    }
}

/// The service is killed at each call that changes a file of an export, before it and after it. The export that is there after
/// the restart is whole, and nothing else is.
#[test]
fn an_export_that_was_killed_is_made_again_whole() {
    let bench = Bench::new();
    person(&bench, "bert");
    Signer::prepare(&bench, SIGNED);
    let signer = Signer::start(&bench);
    let mut program = Program::new(&bench, "[limits]\nfree_bytes = 1\n");
    let anna = program.anna();
    let job = posted(&bench, &anna, 0..3);
    anna.wait_for(&job, &["awaiting-approval"]);
    let signed = approved_by(&bench, &program.bert(), &job, "bert", "anna");
    program.bert().post(&format!("/v1/jobs/{job}/approvals"), &json!({ "approval": signed })).expect(202);
    let batch = anna.wait_for(&job, &["published"])["plan"]["batch"].as_str().unwrap().to_owned();
    signer.kill();

    // each is another job: the zone is larger by a byte
    let wanted =
        |bytes: u64| json!({ "kind": "export", "batches": [batch], "to": "stsafe-zone", "zone": { "bytes": bytes } });
    let mut bytes = 1500..;
    let whole = |program: &Program, wanted: &Value, case: &str| {
        // who has no answer asks again, in the same words
        let job = id(&program.anna().post("/v1/jobs", wanted).json());
        program.anna().wait_for(&job, &["checked"]);
        let file = program.anna().get(&format!("/v1/jobs/{job}/export")).expect(200).body;
        let path = bench.workshop.path("export.tar");
        put(&path, &file);
        let listed = Run::tool("tar").args(["-tf", path.to_str().unwrap()]).run().success().out();
        assert_eq!(listed.lines().count(), 3, "{case}: {listed}");
        bench.empties("jobs");
        file
    };
    let mut first = None;
    for folder in ["data/jobs", "data/exports"] {
        program.kill();
        program.again(bench.faulty(folder, &["--record", "calls"], &SERVE));
        let expected = whole(&program, &wanted(bytes.next().unwrap()), "unharmed");
        program.end();
        let calls = std::fs::read_to_string(bench.workshop.path("calls")).unwrap().lines().count();
        assert!(calls > 0, "{folder}");
        let mut killed = 0;
        // the archive says nothing of when and where it was made
        assert_eq!(first.get_or_insert_with(|| expected.clone()), &expected);
        for (call, how) in (1..=calls).flat_map(|call| [(call, "kill-before"), (call, "kill-after")]) {
            let case = format!("{folder}, call {call}, {how}");
            program.again(bench.faulty(folder, &["--at", &call.to_string(), "--how", how], &SERVE));
            let wanted = wanted(bytes.next().unwrap());
            let (client, end) = (program.anna(), Instant::now() + Duration::from_secs(60));
            let body = wanted.to_string();
            // until it is killed; a call that is not made this time kills nothing
            let mut answer = client.try_send("POST", "/v1/jobs", &JSON, body.as_bytes());
            while let Ok(job) = answer.map(|answer| answer.json())
                && job["state"] != "checked"
            {
                assert!(Instant::now() < end, "{case}: it goes on without an end");
                std::thread::sleep(Duration::from_millis(10));
                answer = client.try_send("GET", &format!("/v1/jobs/{}", id(&job)), &[], &[]);
            }
            killed += usize::from(program.ended());
            program.again(command(&bench));
            assert_eq!(whole(&program, &wanted, &case), expected, "{case}");
            assert!(!bench.names("exports").iter().any(|name| name.contains("partial")), "{case}");
            program.kill();
        }
        assert!(killed > 2, "{folder}: {killed} of {calls} calls");
    }
}

/// The header of a body in JSON.
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
