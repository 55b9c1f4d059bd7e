//! `verify --report`: the page is well-formed, fetches nothing, runs nothing, and says what the text says.

use super::batch::batch;
use super::forge::Forge;
use super::support::run::Run;
use super::support::workshop::Workshop;

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
}
