//! A statement as octets.

use crate::cert::Encoder;
use crate::manifest::json::{push_hex_lower, push_hex_upper, push_number, push_string};
use crate::manifest::{ENTRIES_FILE, Format, INPUTS_FILE, MISSING_FILE, REJECTED_FILE};

use super::Statement;

impl Statement {
    /// The octets of `manifest.json`: JSON, keys in order, indented by two spaces a level, one member or element a
    /// line, a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Layout { out: String::with_capacity(4096), depth: 0, empty: true };
        out.open("{");
        let encoder = self.format.encoder();
        out.text("format", Format::name(encoder));
        out.text("batch", &self.batch);
        out.text("issued_at", &self.issued_at.to_string());
        out.text("created", &self.created.to_string());
        out.text("tool", &self.tool);
        out.number("encoder", u64::from(encoder.number()));
        if let Some(family) = self.format.family() {
            out.text("family", family.as_str());
        }
        out.key("inputs").open("{");
        out.text("file", INPUTS_FILE);
        out.lower("sha256", self.inputs.sha256.as_bytes());
        out.number("count", self.inputs.count);
        out.close("}");
        out.key("anchors").open("[");
        for anchor in &self.anchors {
            out.item().open("{");
            out.text("subject", &anchor.subject);
            out.lower("spki_sha256", anchor.spki_sha256.as_bytes());
            out.lower("sha256", anchor.sha256.as_bytes());
            out.close("}");
        }
        out.close("]");
        out.key("relaxations").open("[");
        for relaxation in &self.relaxations {
            push_string(&mut out.item().out, relaxation.as_str());
        }
        out.close("]");
        out.key("policy").open("{");
        out.text("name", &self.policy.name);
        out.number("version", u64::from(self.policy.version));
        out.lower("sha256", self.policy.sha256.as_bytes());
        out.close("}");
        out.key("params").open("{");
        for (name, value) in &self.params {
            out.text(name, value);
        }
        out.close("}");
        for (name, text) in [("reissue", &self.reissue), ("bulk_id", &self.bulk_id)] {
            match text {
                Some(text) => out.text(name, text),
                None => out.null(name),
            }
        }
        out.key("issuer").open("{");
        out.text("mode", self.issuer.mode.as_str());
        out.text("subject", &self.issuer.subject);
        out.lower("sha256", self.issuer.sha256.as_bytes());
        out.lower("spki_sha256", self.issuer.spki_sha256.as_bytes());
        out.close("}");
        match &self.serial_seed {
            Some(seed) => out.lower("serial_seed", seed.as_bytes()),
            None => out.null("serial_seed"),
        }
        if encoder >= Encoder::Two {
            match &self.beacon {
                Some(beacon) => out.lower("beacon", beacon.as_bytes()),
                None => out.null("beacon"),
            }
        }
        out.key("discarded_serials").open("[");
        for serial in &self.discarded_serials {
            push_hex_upper(&mut out.item().out, serial.content());
        }
        out.close("]");
        match &self.expected {
            Some(expected) => {
                out.key("expected").open("{");
                out.lower("sha256", expected.sha256.as_bytes());
                out.number("count", expected.count);
                if let Some(unmet) = &expected.unmet {
                    out.key("missing").open("{");
                    out.text("file", MISSING_FILE);
                    out.lower("sha256", unmet.missing.as_bytes());
                    out.number("count", unmet.missing_count);
                    out.close("}");
                    out.number("surplus", unmet.surplus);
                }
                out.close("}");
            }
            None => out.null("expected"),
        }
        out.key("counts").open("{");
        out.number("items", self.counts.items);
        out.number("issued", self.counts.issued);
        out.number("rejected", self.counts.rejected);
        out.number("ignored", self.counts.ignored);
        out.number("signatures_made", self.counts.signatures_made);
        out.close("}");
        out.key("entries").open("{");
        out.text("file", ENTRIES_FILE);
        out.lower("sha256", self.entries.sha256.as_bytes());
        out.number("tree_size", self.entries.tree_size);
        out.lower("root_hash", self.entries.root_hash.as_bytes());
        out.close("}");
        out.key("rejected").open("{");
        out.text("file", REJECTED_FILE);
        out.lower("sha256", self.rejected.as_bytes());
        out.close("}");
        out.key("files").open("[");
        for file in &self.files {
            out.item().open("{");
            out.text("name", &file.name);
            out.lower("sha256", file.sha256.as_bytes());
            out.close("}");
        }
        out.close("]");
        match &self.previous {
            Some(previous) => {
                out.key("previous").open("{");
                out.text("batch", &previous.batch);
                out.lower("statement_sha256", previous.statement_sha256.as_bytes());
                out.close("}");
            }
            None => out.null("previous"),
        }
        out.text("proof_of_possession", self.proof_of_possession.as_str());
        if encoder >= Encoder::Two {
            out.key("seals").open("[");
            for kind in &self.seals {
                push_string(&mut out.item().out, kind);
            }
            out.close("]");
        }
        out.close("}");
        out.out.push('\n');
        out.out.into_bytes()
    }
}

/// Writes the layout: a comma and a new line before every member or element but the first of its list.
struct Layout {
    out: String,
    depth: usize,
    empty: bool,
}

impl Layout {
    fn open(&mut self, bracket: &str) {
        self.out.push_str(bracket);
        self.depth += 1;
        self.empty = true;
    }

    /// An empty list is closed where it was opened.
    fn close(&mut self, bracket: &str) {
        self.depth -= 1;
        if !self.empty {
            self.line();
        }
        self.out.push_str(bracket);
        self.empty = false;
    }

    fn item(&mut self) -> &mut Self {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.line();
        self
    }

    fn key(&mut self, name: &str) -> &mut Self {
        self.item();
        push_string(&mut self.out, name);
        self.out.push_str(": ");
        self
    }

    fn text(&mut self, name: &str, value: &str) {
        push_string(&mut self.key(name).out, value);
    }

    fn number(&mut self, name: &str, value: u64) {
        push_number(&mut self.key(name).out, value);
    }

    fn lower(&mut self, name: &str, value: &[u8]) {
        push_hex_lower(&mut self.key(name).out, value);
    }

    fn null(&mut self, name: &str) {
        self.key(name).out.push_str("null");
    }

    fn line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
    }
}
