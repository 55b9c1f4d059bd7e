//! `verify --report`: the page is well-formed, fetches nothing, runs nothing, and says what the other forms of the report
//! say, read by a parser and by a browser. REROOT_SCREENSHOTS names a folder for pictures of it.

use serde_json::{Value, json};

use super::batch::batch;
use super::forge::Forge;
use crate::support::run::{Run, project};
use crate::support::workshop::Workshop;

/// What somebody sees who opens the page: in Chromium, at the width of a desk and of a hand.
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
    for (width, layout) in WIDTHS.iter().zip(seen["layouts"].as_array().unwrap()) {
        assert_eq!(layout["out"], json!([]), "at {width}");
        assert_eq!(layout["page"], layout["width"], "at {width} there is something to the right of the window");
    }
    seen["content"].clone()
}

const WIDTHS: [&str; 2] = ["1280", "400"];

/// What the page shows is what the report in JSON says.
fn same(page: &Value, report: &Value) {
    let shown = |key: &str| page["numbers"][key].as_str().unwrap().replace(',', "").parse::<u64>().unwrap();
    let count = |key: &str| report[key].as_array().unwrap().len() as u64;
    assert_eq!(shown("certificates"), report["certificates"].as_u64().unwrap());
    assert_eq!(shown("warnings"), count("warnings"));
    assert_eq!(shown("faults"), count("faults") + report["more_faults"].as_u64().unwrap());
    assert_eq!(page["lists"]["What was checked and holds"], report["checks"]);
    let warnings = report["warnings"].as_array().filter(|list| !list.is_empty());
    assert_eq!(page["lists"].get("Worth a look").and_then(Value::as_array), warnings);
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
    assert_eq!(page["heading"], "The batch holds");
    assert_eq!(page["numbers"]["rejected"], "1");
    assert_eq!(page["numbers"]["ignored"], "1");
    assert_eq!(page["bars"]["Certificates by kind of key"], json!(["P-256", "4"]));
    assert_eq!(page["bars"]["Items of the inputs"], json!(["issued", "4", "rejected", "1", "ignored", "1"]));
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
        if tag not in ("meta", "rect"):
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
assert reader.open == [] and {"h1", "table", "svg", "rect", "style", "title"} <= reader.tags, reader.tags
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
    assert!(page.contains("The batch holds\n"), "{page}");
    for line in text.lines().filter_map(|line| line.strip_prefix("checked       ")) {
        assert!(page.contains(line), "{line}\n{page}");
    }
    let statement = workshop.statement("batch");
    let digests = statement["files"].as_array().unwrap().iter().map(|file| file["sha256"].as_str().unwrap());
    for fact in digests.chain([statement["entries"]["root_hash"].as_str().unwrap(), "P-256", "C=NL, O=REROOT TEST PKI"])
    {
        assert!(page.contains(fact), "{fact}");
    }
    // nothing is overwritten, and that is said before the work
    let again = workshop.verify("batch", &["--report", "report.html"]).expect(2);
    assert!(again.out().is_empty() && again.err().contains("`report.html` exists already"), "{}", again.err());
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
    assert!(page.contains("The batch does not hold") && page.contains("audit.entry.differs"), "{page}");
    assert!(page.contains("<b>bad"), "the name is text");

    let more = ["--report", "again.html", "--format", "json"];
    let report: Value = serde_json::from_slice(&workshop.verify("<b>bad", &more).expect(1).stdout).unwrap();
    let page = browse(&workshop, "again.html");
    same(&page, &report);
    assert_eq!(page["heading"], "The batch does not hold");
    assert_ne!(page["faults"], json!([]));
}
