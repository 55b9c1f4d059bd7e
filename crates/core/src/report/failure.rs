//! An error, with the places of mistakes in a file.

use serde::Serialize;

use crate::failure::{Failure, Mistake};

use super::path;

/// An error for programs.
#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    /// What was found and what was expected.
    pub error: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Every mistake, where a file that a person wrote has some.
    pub places: Vec<PlaceInFile>,
}

/// A mistake and where it is.
#[derive(Clone, Debug, Serialize)]
pub struct PlaceInFile {
    code: String,
    message: String,
    file: String,
    line: usize,
    column: usize,
    start: usize,
    end: usize,
    hint: Option<String>,
}

impl Failed {
    /// Takes an error. `word` puts the front door's own words into what a library says.
    pub fn new(error: &dyn Failure, word: impl Fn(&str) -> String) -> Self {
        let places = error.mistakes().map_or(vec![], |found| {
            let file = path(found.file);
            found.mistakes.iter().map(|mistake| PlaceInFile::of(mistake, &file, found.text, &word)).collect()
        });
        Self { error: word(&error.to_string()), hint: error.hint().map(|hint| word(&hint)), places }
    }
}

impl PlaceInFile {
    fn of(mistake: &Mistake<'_>, file: &str, text: &str, word: &impl Fn(&str) -> String) -> Self {
        let before = text.get(..mistake.span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            code: mistake.code.to_owned(),
            message: word(mistake.message),
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            start: mistake.span.start,
            end: mistake.span.end,
            hint: mistake.hint.map(word),
        }
    }
}
