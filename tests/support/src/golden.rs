//! Command cases: what was typed, how it ended and what was said, compared with a text under `tests/cli/`.
//!
//! What differs from run to run (folders, digests, names of batches, times) is there as a token. After a change that
//! is meant, `REROOT_BLESS=1` writes the texts again; they are read before they are committed.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::judges::put;
use super::run::{Finished, Run, project};
use super::workshop::Workshop;

/// The commands of one text.
pub struct Case<'a> {
    workshop: &'a Workshop,
    name: &'static str,
    text: String,
}

impl<'a> Case<'a> {
    /// Begins the case `tests/cli/<name>.txt`.
    pub fn new(workshop: &'a Workshop, name: &'static str) -> Self {
        Self { workshop, name, text: String::new() }
    }

    /// Where its commands run.
    pub fn folder(&self) -> &std::path::Path {
        self.workshop.folder()
    }

    /// A sentence in the text, on what comes next.
    #[must_use = "the case goes on"]
    pub fn note(mut self, text: &str) -> Self {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "# {text}");
        self
    }

    /// Runs `reroot` with the words of `line` in the workshop's folder.
    #[must_use = "the case goes on"]
    pub fn run(self, line: &str) -> Self {
        self.run_with(line, |run| run)
    }

    /// As [`run`](Self::run) with a change of the command's surroundings.
    #[must_use = "the case goes on"]
    pub fn run_with(self, line: &str, with: impl FnOnce(Run) -> Run) -> Self {
        let finished = with(Run::reroot(self.workshop.folder()).args(words(line))).run();
        self.ran(line, &finished)
    }

    /// Notes down a command that was run otherwise.
    #[must_use = "the case goes on"]
    pub fn ran(mut self, line: &str, finished: &Finished) -> Self {
        let code = finished.code.map_or_else(|| "none, a signal ended it".to_owned(), |code| code.to_string());
        let _ = writeln!(self.text, "$ reroot {line}\nexit {code}");
        for (name, content) in [("stdout", finished.out()), ("stderr", finished.err())] {
            if content.is_empty() {
                continue;
            }
            let _ = writeln!(self.text, "{name}:");
            for line in self.steady(&content).lines() {
                self.text += if line.is_empty() { "" } else { "    " };
                self.text += line.trim_end();
                self.text.push('\n');
            }
        }
        self
    }

    /// Demands that the text is the one under `tests/cli/`.
    #[track_caller]
    pub fn finish(self) {
        let path = self.path();
        if std::env::var_os("REROOT_BLESS").is_some() {
            put(&path, &self.text);
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = self.text.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
        let at = differs.unwrap_or_else(|| self.text.lines().count().min(expected.lines().count())) + 1;
        assert!(
            self.text == expected,
            "{} line {at} differs (REROOT_BLESS=1 writes it anew); found:\n{}",
            path.display(),
            self.text
        );
    }

    fn path(&self) -> PathBuf {
        project("tests/cli").join(format!("{}.txt", self.name))
    }

    fn steady(&self, text: &str) -> String {
        let folder = self.workshop.folder().display().to_string();
        let text = tokens(&without_folders(&text.replace(&folder, "<FOLDER>")));
        match text.split_once("(process ") {
            Some((before, after)) => {
                format!("{before}(process <PID>{}", after.trim_start_matches(|digit: char| digit.is_ascii_digit()))
            }
            None => text,
        }
    }
}

/// Temporary folders of other workshops as a token.
fn without_folders(text: &str) -> String {
    const RANDOM: usize = 6;
    let begin = std::env::temp_dir().join(".tmp").display().to_string();
    let mut parts = text.split(&begin);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += "<FOLDER>";
        out += part.get(RANDOM..).unwrap_or_default();
    }
    out
}

/// Words as a shell would split them, quotes included, nothing else.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// Everything that differs from run to run as a token.
pub fn tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.find(|character: char| !is_part(character)).unwrap_or(rest.len());
        if run == 0 {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            out += &rest[..next];
            rest = &rest[next..];
            continue;
        }
        let (word, after) = rest.split_at(run);
        let core = word.trim_end_matches([':', '-', '.']);
        out += &token(core);
        out += &word[core.len()..];
        rest = after;
    }
    out
}

fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | ':' | '.')
}

fn token(word: &str) -> String {
    let upper = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match word.len() {
        8 if upper(word) => return "<ID>".to_owned(),
        20 if shaped(word, "dddd-dd-ddTdd:dd:ddZ") => return "<TIME>".to_owned(),
        32 | 40 if upper(word) => return "<SERIAL>".to_owned(),
        64 if hex(word) => return "<SHA256>".to_owned(),
        _ => {}
    }
    if let Some(at) = word.len().checked_sub(36)
        && word.is_char_boundary(at)
        && shaped(&word[at..], "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
    {
        return format!("{}<BATCH>", &word[..at]);
    }
    word.to_owned()
}

/// `d` is a digit, `x` a hexadecimal one, everything else itself.
fn shaped(word: &str, shape: &str) -> bool {
    word.len() == shape.len()
        && word.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_hexdigit(),
            other => byte == other,
        })
}
