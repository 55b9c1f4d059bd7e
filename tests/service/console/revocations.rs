//! Revocation by forms alone: counted, asked for, approved, on the lists, and released.

use super::{Browser, attributes, text};
use crate::revocation::{clicked, issued};

/// The first link of a page that begins and ends so.
#[track_caller]
fn link(page: &str, begin: &str, end: &str) -> String {
    let found = attributes(page, "href").into_keys().find(|path| path.starts_with(begin) && path.ends_with(end));
    found.unwrap_or_else(|| panic!("no link {begin}...{end}: {page}"))
}

/// The second person approves.
fn approve(bert: &Browser, job: &str) {
    bert.until(job, ">awaiting approval<");
    let path = format!("{job}/approve");
    let page = bert.page(&path);
    assert!(page.contains("I have read what will be"), "{page}");
    assert_eq!(bert.lead(&path, &[("console", "yes")]), job);
}

#[test]
fn certificates_are_revoked_and_released_by_forms() {
    let (bench, _signer, service) = clicked(|settings| settings.revocation.alone = 1);
    let (batch, uids) = issued(&bench, &service, 0..4);
    let (anna, bert, audra) =
        (Browser::of(&service, "anna"), Browser::of(&service, "bert"), Browser::of(&service, "audra"));
    assert!(anna.page("/console/revocations").contains("No certificate is revoked"));
    assert!(anna.page("/console/crls").contains("No list is published"));
    assert!(anna.page("/console/").contains("No list is published"));

    // the chip leads to the form; the answer to a mistake has what was typed
    assert!(anna.page("/console/batches").contains(&batch), "a batch that is published is listed");
    let chip = anna.page(&format!("/console/chips/{}", uids[0]));
    let form = link(&chip, "/console/revocations/new?serials=", "").replace("&amp;", "&");
    let serial = form.rsplit('=').next().unwrap();
    assert!(anna.page(&form).contains(&format!("{serial}</textarea>")));
    let new = "/console/revocations/new";
    let wrong = [("uids", "x"), ("reason", "keyCompromise"), ("policies", "typed before"), ("run", "dry")];
    let page = text(&anna.form(new, &wrong).expect(400));
    for kept in ["role=\"alert\"", "x</textarea>", "typed before</textarea>", "<option selected>keyCompromise"] {
        assert!(page.contains(kept), "{kept}: {page}");
    }

    // a pasted list, counted: what each list would weigh, and nothing recorded
    let pasted = format!("{}\r\n{},  {}", uids[0], uids[1], uids[0]);
    let dry = anna.lead(new, &[("uids", &pasted), ("reason", "keyCompromise"), ("run", "dry")]);
    let counted = anna.until(&dry, "Revoke what was counted");
    for shown in ["Dry run: Revoke certificates", "full list", "http://pki.example.com/crl/1.crl", &batch] {
        assert!(counted.contains(shown), "{shown}: {counted}");
    }
    assert!(anna.page("/console/jobs").contains("2 certificates"));
    assert!(anna.page("/console/revocations").contains("No certificate is revoked"));

    // the real one waits for the second person, who is shown what is recorded
    let job = anna.lead(&format!("{dry}/again"), &[]);
    bert.until(&job, ">awaiting approval<");
    let shown = bert.page(&format!("{job}/approve"));
    assert!(shown.contains("Approve: revoke certificates") && shown.contains("What will be recorded"), "{shown}");
    approve(&bert, &job);
    let recorded = anna.until(&job, "The lists that say it");
    assert!(recorded.contains("good\">recorded<"), "{recorded}");
    let revoked = audra.page("/console/revocations");
    assert!(revoked.contains("Revocations over time") && revoked.contains("keyCompromise"), "{revoked}");
    assert!(revoked.contains("<p class=\"big\">2</p>") && !revoked.contains("New revocation"), "{revoked}");

    // its lists
    let round = link(&recorded, "/console/jobs/", &recorded_round(&recorded));
    assert!(anna.page("/console/crls").contains("A round is on its way"));
    approve(&bert, &round);
    anna.until(&round, "good\">published<");
    let lists = audra.page("/console/crls");
    for shown in ["full.crl", "1.crl", "2.crl", ">current<"] {
        assert!(lists.contains(shown), "{shown}: {lists}");
    }
    assert!(!lists.contains("Start a round") && !lists.contains("on its way"), "{lists}");
    assert!(anna.page("/console/").contains("2 entries, number 1"));
    assert!(anna.get(&link(&lists, "/crl/", "full.crl")).expect(200).body.len() > 300);

    // a list that is sent: one certificate on hold, which one person may do; it is not on the lists yet
    let list = format!("uid,reason,time\n{},certificateHold,\n", uids[2]);
    let filled = anna.send_file("held.csv", list.as_bytes(), "list").expect(303).headers["location"].clone();
    let upload = filled.rsplit('=').next().unwrap();
    assert_eq!(filled, format!("{new}?list={upload}"));
    assert!(
        anna.page(&filled).contains(&format!("name=\"list\" value=\"{upload}\" aria-label=\"held.csv: list\" checked"))
    );
    let held = anna.lead(new, &[("list", upload), ("run", "change")]);
    anna.until(&held, "good\">recorded<");
    assert!(anna.page("/console/crls").contains("a change is missing"));
    assert!(anna.page("/console/").contains("is not on the lists yet"));

    // the chip that is on hold leads to its release, which waits for the second person
    let chip = anna.page(&format!("/console/chips/{}", uids[2]));
    let release = link(&chip, "/console/revocations/new?change=release", "").replace("&amp;", "&");
    let serial = release.rsplit('=').next().unwrap();
    assert!(anna.page(&release).contains("value=\"release\" checked"));
    let released = anna.lead(new, &[("change", "release"), ("serials", serial), ("run", "change")]);
    approve(&bert, &released);
    anna.until(&released, "good\">recorded<");

    // a round by the form, for seven days
    let round = anna.lead("/console/crls", &[("valid_days", "7")]);
    assert!(text(&anna.form("/console/crls", &[("valid_days", "x")]).expect(400)).contains("valid_days"));
    approve(&bert, &round);
    anna.until(&round, "good\">published<");
    anna.until("/console/crls", ">current<");

    // a chip that does not exist is in doubt
    let doubtful = [("uids", "0209FFFFFFFFFFFFFF0139"), ("reason", "superseded"), ("run", "dry")];
    let refused = anna.until(&anna.lead(new, &doubtful), "Names in doubt");
    assert!(refused.contains("<code>unknown</code>") && refused.contains("Start again"), "{refused}");
}

/// The name of the job of the lists in the page of a job that was recorded.
fn recorded_round(page: &str) -> String {
    let (before, _) = page.split_once("\">The lists that say it").unwrap();
    before.rsplit('/').next().unwrap().to_owned()
}
