//! `verify --report`: the page is well-formed, fetches nothing, runs nothing, and says what the other forms of the report
//! say, read by a parser and by a browser. REROOT_SCREENSHOTS names a folder for pictures of it.

use reroot::crypto::sha256;
use serde_json::{Value, json};

use super::batch::batch;
use super::forge::Forge;
use crate::support::judges::put;
use crate::support::run::{Run, project};
use crate::support::workshop::Workshop;

/// What a reader of the page sees in Chromium: at three widths, light and dark, and on paper.
fn browse(workshop: &Workshop, name: &str) -> Value {
    let profile = tempfile::tempdir().unwrap();
    let script = project("tests/check/audit/browser.py");
    let mut run = Run::tool("python3").arg(script).arg(name).arg(profile.path()).args(WIDTHS).folder(workshop.folder());
    if let Ok(folder) = std::env::var("REROOT_SCREENSHOTS") {
        run = run.env("REROOT_SCREENSHOTS", folder);
    }
    let seen: Value = serde_json::from_slice(&run.run().success().stdout).unwrap();
    assert_eq!(seen["requests"], json!([]), "nothing is fetched");
    assert_eq!(seen["console"], json!([]), "nothing runs, nothing is complained about");
    let layouts = seen["layouts"].as_array().unwrap();
    assert_eq!(layouts.len(), WIDTHS.len() + 1);
    for (width, layout) in WIDTHS.iter().chain(&["paper"]).zip(layouts) {
        assert_eq!(layout["out"], json!([]), "at {width}");
        assert_eq!(layout["page"], layout["width"], "at {width} there is something to the right of the window");
    }
    for (scheme, light) in [("light", true), ("dark", false), ("print", true)] {
        let contrast = &seen["contrast"][scheme];
        assert!(contrast["ratio"].as_f64().unwrap() >= 4.5, "{scheme}: {contrast}");
        assert_eq!(contrast["back"].as_f64().unwrap() > 0.5, light, "{scheme}: {contrast}");
    }
    assert!(seen["pdf"].as_u64().unwrap() > 10_000, "{}", seen["pdf"]);
    seen["content"].clone()
}

const WIDTHS: [&str; 3] = ["1280", "768", "400"];

/// What the page shows is what the report in JSON says.
fn same(page: &Value, report: &Value) {
    let shown = |key: &str| page["numbers"][key].as_str().unwrap().replace(',', "").parse::<u64>().unwrap();
    let count = |key: &str| report[key].as_array().unwrap().len() as u64;
    assert_eq!(shown("certificates"), report["certificates"].as_u64().unwrap());
    assert_eq!(shown("warnings"), count("warnings"));
    assert_eq!(shown("faults"), count("faults") + report["more_faults"].as_u64().unwrap());
    assert_eq!(page["lists"]["Checked"], report["checks"]);
    let warnings = report["warnings"].as_array().filter(|list| !list.is_empty());
    assert_eq!(page["lists"].get("Warnings").and_then(Value::as_array), warnings);
    let codes: Vec<&Value> = report["faults"].as_array().unwrap().iter().map(|fault| &fault["code"]).collect();
    assert_eq!(page["faults"], json!(codes));
    let text = page["text"].as_str().unwrap();
    for key in ["batch", "statement_sha256", "possession"] {
        assert!(text.contains(report[key].as_str().unwrap()), "{key}");
    }
    for key in ["anchors", "relaxations"] {
        for (name, count) in report[key].as_object().unwrap() {
            assert!(text.contains(&format!("{name}: {count} leaves")), "{name}");
        }
    }
}

#[test]
fn a_browser_shows_what_the_report_says() {
    let workshop = batch();
    let more = ["--report", "report.html", "--format", "json"];
    let report: Value = serde_json::from_slice(&workshop.verify("batch", &more).success().stdout).unwrap();
    let page = browse(&workshop, "report.html");
    same(&page, &report);
    assert_eq!(page["heading"], "Batch OK");
    assert_eq!(page["numbers"]["rejected"], "1");
    assert_eq!(page["numbers"]["ignored"], "1");
    // a chart of one bar would say nothing: lengths have one only where signatures happen to be of different lengths
    let bars = page["bars"].as_object().unwrap();
    assert!(bars.values().all(|bars| bars.as_array().unwrap().len() > 2), "{bars:?}");
    assert_eq!(page["bars"]["Items of the inputs"], json!(["issued", "4", "rejected", "1", "ignored", "1"]));
    let text = page["text"].as_str().unwrap();
    assert!(text.contains("The same in all certificates\nkey\tP-256\n"), "{text}");
}

/// Python's own reader: every element is closed in order, and nothing could run or be fetched.
const PYTHON: &str = r#"
import html.parser, sys
class Reader(html.parser.HTMLParser):
    open, texts, tags = [], [], set()
    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert tag not in ("script", "img", "iframe", "link", "object", "embed", "a", "base", "form"), tag
        for name, value in attributes:
            assert not name.startswith("on") and name not in ("src", "href", "style", "xlink:href"), name
        if tag not in ("br", "meta", "rect"):
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        assert tag == "rect"
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        self.texts.append(data)
text = open(sys.argv[1], encoding="utf-8").read()
assert text.startswith("<!DOCTYPE html>") and "default-src 'none'" in text and "url(" not in text and "@import" not in text
reader = Reader()
reader.feed(text)
reader.close()
assert reader.open == [] and {"h1", "table", "style", "title"} <= reader.tags, reader.tags
print("\n".join(reader.texts))
"#;

fn read(workshop: &Workshop, name: &str) -> String {
    Run::python(PYTHON).arg(name).env("PYTHONIOENCODING", "utf-8").folder(workshop.folder()).run().success().out()
}

#[test]
fn the_page_says_what_was_found() {
    let workshop = batch();
    let text = workshop.verify("batch", &["--report", "report.html"]).success().out();
    let page = read(&workshop, "report.html");
    assert!(page.contains("Batch OK\n"), "{page}");
    for line in text.lines().filter_map(|line| line.strip_prefix("checked       ")) {
        assert!(page.contains(line), "{line}\n{page}");
    }
    let statement = workshop.statement("batch");
    let digests = statement["files"].as_array().unwrap().iter().map(|file| file["sha256"].as_str().unwrap());
    for fact in digests.chain([statement["entries"]["root_hash"].as_str().unwrap(), "P-256", "C=NL, O=REROOT TEST PKI"])
    {
        assert!(page.contains(fact), "{fact}");
    }
    shows_the_contents(&workshop, &page);
    // nothing is overwritten: the command fails before it does any work
    let again = workshop.verify("batch", &["--report", "report.html"]).expect(2);
    assert!(again.out().is_empty() && again.err().contains("`report.html` exists already"), "{}", again.err());
}

/// The items that were left out with the reasons, the issuing CA, one certificate beside the policy, and the policy itself.
fn shows_the_contents(workshop: &Workshop, page: &str) {
    for line in std::fs::read_to_string(workshop.path("batch/rejected.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for key in ["item", "code", "reason", "disposition"] {
            assert!(page.contains(line[key].as_str().unwrap()), "{key} of {line}\n{page}");
        }
    }
    let policy = std::fs::read_to_string(workshop.path("batch/policy.toml")).unwrap();
    for line in policy.lines().filter(|line| !line.is_empty()) {
        assert!(page.lines().any(|shown| shown == line), "{line}\n{page}");
    }
    let line = policy.lines().position(|line| line.starts_with("not_after")).unwrap() + 1;
    assert!(page.contains(&format!("line {line}: not_after")), "{page}");
    let entries = std::fs::read_to_string(workshop.path("batch/manifest.jsonl")).unwrap();
    let first: Value = serde_json::from_str(entries.lines().next().unwrap()).unwrap();
    for key in ["uid", "serial"] {
        assert!(page.contains(first[key].as_str().unwrap()), "{key}: {first}\n{page}");
    }
    let statement = workshop.statement("batch");
    for key in ["subject", "sha256", "spki_sha256"] {
        assert!(page.contains(statement["issuer"][key].as_str().unwrap()), "{key}");
    }
}

#[test]
fn the_page_shows_both_digests_of_a_changed_file_and_nothing_of_its_text() {
    let workshop = batch();
    let policy = std::fs::read(workshop.path("batch/policy.toml")).unwrap();
    let changed = [&policy[..], b"# changed\n"].concat();
    put(&workshop.path("batch/policy.toml"), &changed);
    workshop.verify("batch", &["--report", "report.html"]).expect(1);
    let page = read(&workshop, "report.html");
    assert!(page.contains("Batch verification FAILED\n") && page.contains("audit.file.digest"), "{page}");
    for (bytes, what) in [(&policy, "expected"), (&changed, "found")] {
        assert!(page.contains(&format!("{} {what}", sha256(bytes))), "{what}\n{page}");
    }
    assert!(!page.contains("# changed") && !page.contains("field by field"), "{page}");
}

#[test]
fn the_page_names_expected_chips_that_are_missing() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let chips: Vec<String> = (0..3).map(|index| workshop.pki.leaf(index).uid().clone()).collect();
    workshop.write("uids.txt", chips.join("\n").as_bytes());
    workshop.issue("reel.zip", "batch", &["--expect", "uids.txt", "--on-missing", "note"]).expect(1);
    for (name, more, word) in
        [("given.html", &["--expect", "uids.txt"][..], ""), ("not-given.html", &[][..], " (the signer's word)")]
    {
        workshop.verify("batch", &[more, &["--report", name]].concat()).success();
        let page = read(&workshop, name);
        let (_, section) = page.split_once("Expected chips\n").unwrap_or_else(|| panic!("{page}"));
        assert!(section.contains(&format!("1{word}\n")) && section.contains(&chips[2]), "{name}: {section}");
    }
}

#[test]
fn the_page_of_a_bad_batch_shows_its_faults_and_runs_nothing_of_it() {
    let workshop = batch();
    let mut forge = Forge::of(&workshop);
    forge.chips[1].set("source_item", "\"reel.zip!<script>alert(1)<~script>.der\"");
    forge.chips[1].set("bytes", "1");
    forge.seal("<b>bad</b>".trim_end_matches("</b>"), |statement| {
        statement.tool = "<img src=x onerror=alert(1)>".to_owned();
        statement.policy.name = "workshop".to_owned();
    });
    let finished = workshop.verify("<b>bad", &["--report", "report.html"]).expect(1);
    assert!(finished.out().contains("audit.entry.differs"), "{}", finished.out());
    let page = read(&workshop, "report.html");
    assert!(page.contains("Batch verification FAILED") && page.contains("audit.entry.differs"), "{page}");
    assert!(page.contains("<b>bad"), "the name is text");

    let more = ["--report", "again.html", "--format", "json"];
    let report: Value = serde_json::from_slice(&workshop.verify("<b>bad", &more).expect(1).stdout).unwrap();
    let page = browse(&workshop, "again.html");
    same(&page, &report);
    assert_eq!(page["heading"], "Batch verification FAILED");
    assert_ne!(page["faults"], json!([]));
}
