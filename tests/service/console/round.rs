//! From the upload to the certificates by forms alone.

use super::{Browser, attributes, text};
use crate::bench::Bench;
use crate::signer::{CONSOLE, Signer, signed};
use crate::support::judges::put;
use crate::support::run::Run;
use crate::support::workshop::PASSPHRASE;

/// Uploads, checks and asks. Returns the page of the job, which waits for an approval.
fn asked(bench: &Bench, anna: &Browser) -> String {
    let led = anna.upload("reel.zip", &bench.reel("reel.zip", 0..3)).expect(303);
    assert_eq!(led.headers["location"], "/console/uploads");
    let uploads = anna.page("/console/uploads");
    let new = attributes(&uploads, "href").into_keys().find(|path| path.contains("/jobs/new?input=")).unwrap();
    let choose = anna.page(&new);
    assert!(choose.contains("workshop") && choose.contains("reel.zip"));
    let input = new.split('=').nth(1).unwrap();
    let policy = Bench::policy();
    // the parameter is asked for, and checked
    let second = format!("/console/jobs/new?input={input}&policy={policy}");
    assert!(anna.page(&second).contains("Fill the parameters in"));
    let preview = anna.page(&format!("{second}&param.lot=A1"));
    assert!(
        preview.contains("keyUsage") && preview.contains("key_usage = {") && preview.contains("OU = "),
        "{preview}"
    );
    let fields = |lot, run| [("input", input), ("policy", policy.as_str()), ("param.lot", lot), ("run", run)];
    let wrong = text(&anna.form("/console/jobs", &fields("not a lot", "dry")).expect(400));
    assert!(wrong.contains("role=\"alert\"") && wrong.contains("value=\"not a lot\""), "{wrong}");
    let dry = anna.lead("/console/jobs", &fields("A1", "dry"));
    let checked = anna.until(&dry, "Issue what was checked");
    assert!(checked.contains(">checked<"), "{checked}");
    let job = anna.lead(&format!("{dry}/again"), &[]);
    assert_ne!(job, dry);
    anna.until(&job, ">awaiting approval<");
    job
}

#[test]
fn a_batch_is_made_by_forms_and_a_second_person() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    let _signer = Signer::start(&bench);
    let service = bench.start();
    let (anna, bert) = (Browser::of(&service, "anna"), Browser::of(&service, "bert"));
    let job = asked(&bench, &anna);
    // the one who asked cannot approve, with the role or without it
    let approve = format!("{job}/approve");
    assert!(anna.page(&approve).contains("your own request"));
    assert!(text(&anna.form(&approve, &[("console", "yes")]).expect(403)).contains("auth.role"));
    assert!(bert.page("/console/").contains(&approve));
    let shown = bert.page(&approve);
    assert!(shown.contains("3 certificates") && shown.contains("I have read what will be signed"), "{shown}");
    assert!(text(&bert.form(&approve, &[]).expect(400)).contains("request.malformed"));
    assert_eq!(bert.lead(&approve, &[("console", "yes")]), job);
    let done = anna.until(&job, "good\">published<");
    let batch = attributes(&done, "href").into_keys().find(|path| path.starts_with("/console/batches/0")).unwrap();
    assert!(anna.page("/console/batches").contains(&batch), "a batch that is published is listed");
    let page = anna.page(&batch);
    let file = attributes(&page, "href").into_keys().find(|path| path.ends_with("/certificates.zip")).unwrap();
    let archive = anna.get(&file).expect(200);
    assert!(archive.body.starts_with(b"PK"));
    assert_eq!(archive.headers["content-disposition"], "attachment; filename=\"certificates.zip\"");
    // an export, by the form of the batch
    let export = anna.lead(&format!("{batch}/work"), &[("to", "csv")]);
    let made = anna.until(&export, "Download the export");
    let file = attributes(&made, "href").into_keys().find(|path| path.ends_with("/export")).unwrap();
    assert!(text(&anna.get(&file).expect(200)).contains("0209"));
    let id = batch.rsplit('/').next().unwrap();
    assert!(anna.page("/console/jobs").contains(&format!("batch {id}")), "the list says what was exported");
    // the chip, by the search
    let uid = {
        let pack = text(&anna.get(&file).expect(200));
        let at = pack.find("0209").unwrap();
        pack[at..at + 22].to_owned()
    };
    let led = anna.get(&format!("/console/search?q={uid}")).expect(303);
    assert_eq!(led.headers["location"], format!("/console/chips/{uid}"));
    let chip = anna.page(&format!("/console/chips/{uid}"));
    assert!(chip.contains(">issued<"), "{chip}");
    let proof = attributes(&chip, "href").into_keys().find(|path| path.contains("/proof?")).unwrap();
    assert_eq!(anna.get(&proof.replace("&amp;", "&")).expect(200).json()["uid"], uid.as_str());
}

#[test]
fn a_locked_signer_is_shown_and_signs_when_a_person_unlocks_it() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    let folder = bench.workshop.folder();
    let (key, secret) = ("vault/ca/issuing.key.pem", format!("pass:{PASSPHRASE}"));
    Run::openssl()
        .args(["pkcs8", "-topk8", "-in", key, "-out", "key", "-passout", &secret])
        .folder(folder)
        .run()
        .success();
    Run::tool("mv").args(["key", key]).folder(folder).run().success();
    bench.workshop.write("pass", format!("{PASSPHRASE}\n").as_bytes());
    let _signer = Signer::start(&bench);
    let service = bench.start();
    let (anna, bert) = (Browser::of(&service, "anna"), Browser::of(&service, "bert"));
    assert!(anna.page("/console/").contains("<span>signer</span> <span class=\"state wait\">is locked"));
    let signs = || {
        let parts = service.of("anna").get("/readyz").json()["parts"].clone();
        parts.as_array().unwrap().iter().any(|part| part["part"] == "signer" && part["works"] == true)
    };
    assert!(!signs(), "it waits for a secret");
    let job = asked(&bench, &anna);
    bert.lead(&format!("{job}/approve"), &[("console", "yes")]);
    anna.until(&job, "the signer waits for the secret of its key");
    assert!(anna.page("/console/").contains("the signer waits for the secret of its key"));
    bench.workshop.reroot(&["signer", "unlock", "--socket", "s", "--secret-file", "pass"]).run().success();
    anna.until(&job, "good\">published<");
    assert!(anna.page("/console/").contains("<span>signer</span> <span class=\"state good\">works"));
    assert!(signs());
}

#[test]
fn one_person_with_both_roles_cannot_approve_alone() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    let _signer = Signer::start(&bench);
    let service = bench.start();
    let carl = Browser::of(&service, "carl");
    let job = asked(&bench, &carl);
    assert!(!carl.page(&job).contains("Review and approve"));
    let refused = text(&carl.form(&format!("{job}/approve"), &[("console", "yes")]).expect(403));
    assert!(refused.contains("approval.own-request"), "{refused}");
}

#[test]
fn a_signer_that_wants_signatures_gets_one_by_the_form() {
    let bench = Bench::new();
    let (_signer, service) = signed(&bench);
    let (anna, bert) = (Browser::of(&service, "anna"), Browser::of(&service, "bert"));
    let job = asked(&bench, &anna);
    let approve = format!("{job}/approve");
    let shown = bert.page(&approve);
    assert!(shown.contains("reroot approve") && !shown.contains("name=\"console\""), "{shown}");
    assert!(text(&bert.form(&approve, &[("console", "yes")]).expect(409)).contains("approval.signed-only"));
    assert!(text(&bert.form(&approve, &[("approval", "nothing")]).expect(422)).contains("approval.malformed"));
    let plan = attributes(&shown, "href").into_keys().find(|path| path.ends_with("/plan")).unwrap();
    put(&bench.workshop.path("a.plan"), bert.get(&plan).expect(200).body);
    let command = "approve a.plan --planner pki/ca/manifest.pem --requester anna --certificate bert.pem --key bert.key --yes --out a.ok";
    Run::reroot(bench.workshop.folder()).args(command.split(' ')).run().success();
    let approval = std::fs::read_to_string(bench.workshop.path("a.ok")).unwrap();
    // a browser sends the lines of a form with CR LF
    assert_eq!(bert.lead(&approve, &[("approval", &approval.replace('\n', "\r\n"))]), job);
    anna.until(&job, "good\">published<");
}
