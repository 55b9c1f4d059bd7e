//! Text for people and JSON for programs: the same facts.

use std::fmt::Write as _;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use reroot_core::failure::{Failure, Mistake};
use reroot_core::findings::Findings;
use reroot_core::origin::{Disposition, Finding};
use reroot_core::report::Failed;
pub use reroot_core::report::{count, path as path_json};
use reroot_core::text::{Printable, printable_lines};
use reroot_core::verify::MissingChip;
use serde::Serialize;
use serde_json::Value;

use crate::words::ours;

/// An error with everything that helps to mend it.
pub fn error(error: &dyn Failure, terminal: bool) -> String {
    let places = places(error);
    let Some((what, place)) = error.mistakes().map(|mistakes| mistakes.what).zip(places.first()) else {
        let mut text = format!("error: {}", message(error));
        if let Some(hint) = error.hint() {
            let _ = write!(text, "\n\nhint: {}", Printable::new(&ours(&hint)));
        }
        return text;
    };
    let theme = if terminal { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_wrap_lines(false);
    let count = if places.len() == 1 { String::new() } else { format!(", for {} reasons", places.len()) };
    let mut text = format!("error: {what} `{}` cannot be used{count}\n", Printable::new(&place.file));
    for place in places {
        text.push('\n');
        let _ = handler.render_report(&mut text, &place.printable());
    }
    text.trim_end().to_owned()
}

/// What an error says, in one line; only mistakes in a file have one line each.
fn message(error: &dyn Failure) -> String {
    let message = ours(&error.to_string());
    if error.is_list() { printable_lines(&message).into_owned() } else { Printable::new(&message).to_string() }
}

/// The same for programs.
pub fn failed(error: &dyn Failure) -> Failed {
    Failed::new(error, ours)
}

/// A mistake at a place in a file.
#[derive(Debug)]
struct Place {
    code: String,
    message: String,
    hint: Option<String>,
    file: String,
    source: NamedSource<String>,
    span: Range<usize>,
}

impl Place {
    /// Returns the same with a source that is safe to show for any content of the file. The place moves with what is
    /// escaped.
    fn printable(self) -> Self {
        let source = self.source.inner();
        let mut text = String::with_capacity(source.len());
        let mut span = 0..0;
        for (at, character) in source.char_indices() {
            if at <= self.span.start {
                span.start = text.len();
            }
            if at <= self.span.end {
                span.end = text.len();
            }
            match character {
                '\n' => text.push('\n'),
                // of an indentation or a line end of Windows, which are no surprise
                '\t' => text.push_str("    "),
                '\r' if source[at..].starts_with("\r\n") => {}
                _ => {
                    let _ = write!(text, "{}", Printable::new(character.encode_utf8(&mut [0; 4])));
                }
            }
        }
        if self.span.start >= source.len() {
            span.start = text.len();
        }
        if self.span.end >= source.len() {
            span.end = text.len();
        }
        let file = Printable::new(&self.file).to_string();
        let message = Printable::new(&self.message).to_string();
        let hint = self.hint.map(|hint| Printable::new(&hint).to_string());
        Self { message, hint, source: NamedSource::new(&file, text), file, span, ..self }
    }
}

fn places(error: &dyn Failure) -> Vec<Place> {
    let Some(found) = error.mistakes() else { return vec![] };
    let file = path_json(found.file);
    let place = |mistake: Mistake<'_>| Place {
        code: mistake.code.to_owned(),
        message: ours(mistake.message),
        hint: mistake.hint.map(ours),
        file: file.clone(),
        source: NamedSource::new(&file, found.text.to_owned()),
        span: mistake.span,
    };
    found.mistakes.into_iter().map(place).collect()
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Place {}

impl Diagnostic for Place {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::underline(self.span.clone()))))
    }
}

/// Findings grouped by code: how many there are, those of the first thousand, and what to do about them.
pub fn findings(findings: &Findings, disposition: Disposition) -> String {
    let mut text = String::new();
    for ((code, _), of_code) in findings.codes().iter().filter(|((_, of), _)| *of == disposition) {
        let _ = writeln!(text, "{} {} [{code}]", of_code.count, disposition.as_str());
        let mut shown: Vec<&Finding> = findings
            .first()
            .iter()
            .filter(|finding| (finding.code, finding.disposition) == (*code, disposition))
            .collect();
        if shown.is_empty() {
            shown.push(&of_code.first);
        }
        for finding in &shown {
            let _ = writeln!(text, "  {}: {}", finding.item, Printable::new(&finding.reason));
        }
        if of_code.count > shown.len() as u64 {
            let _ = writeln!(text, "  ... and {} more (--findings FILE lists all)", of_code.count - shown.len() as u64);
        }
        if let Some(hint) = code.hint() {
            let _ = writeln!(text, "  hint: {hint}");
        }
    }
    text
}

/// Expected chips that are not there, the first of them by name.
pub fn missing(chips: &[MissingChip]) -> String {
    let lines: Vec<String> = chips.iter().map(ToString::to_string).collect();
    listed("missing", &lines, 50)
}

/// Things worth a look, the first of them.
pub fn warnings(warnings: &[String]) -> String {
    listed("note", warnings, 20)
}

fn listed(word: &str, lines: &[String], shown: usize) -> String {
    let mut text = String::new();
    for line in lines.iter().take(shown) {
        let _ = writeln!(text, "{word}: {}", Printable::new(&ours(line)));
    }
    if lines.len() > shown {
        let _ = writeln!(text, "{word}: ... and {} more (--format json lists all)", lines.len() - shown);
    }
    text
}

/// Returns what a report says to programs.
pub fn document(report: &impl Serialize) -> Value {
    serde_json::to_value(report).expect("reports have text for names")
}
