//! Every error is on the page of errors, and its text has been printed at least once.

mod arms;
mod catalogue;
mod page;
mod printed;
mod provoked;
mod run;
mod template;
mod transcripts;

use std::path::PathBuf;

use reroot_test_support::judges::put;
use reroot_test_support::run::project;

use catalogue::{ErrorType, Shown};
use transcripts::Sheet;

/// Compares a text with the file that has it; `REROOT_BLESS=1` writes the file.
#[track_caller]
fn same(name: &str, text: &str) {
    let path: PathBuf = project(name);
    if std::env::var_os("REROOT_BLESS").is_some() {
        put(&path, text);
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = text.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let at = differs.unwrap_or_else(|| text.lines().count().min(expected.lines().count()));
    assert!(
        text == expected,
        "{name} line {} differs (REROOT_BLESS=1 writes it); found: {:?}, expected: {:?}",
        at + 1,
        text.lines().nth(at),
        expected.lines().nth(at)
    );
}

fn provoked(types: &[ErrorType]) -> Sheet<'_> {
    let mut sheet = Sheet::new(types);
    provoked::all(&mut sheet);
    sheet
}

fn printed(types: &[ErrorType]) -> Sheet<'_> {
    let mut sheet = Sheet::new(types);
    printed::all(&mut sheet);
    // of a type that no other crate can name: the test beside it compares the texts
    let inside = include_str!("../../errors/inside.txt");
    sheet.keys.extend(inside.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned));
    sheet
}

#[test]
fn the_page_of_errors_is_that_of_the_sources() {
    let types = catalogue::read(&project(""));
    let transcripts = transcripts::of_all(&types, &provoked(&types), &printed(&types));
    same("docs/reference/errors.md", &page::page(&types, &transcripts));
}

#[test]
fn functions_return_the_errors_with_these_texts() {
    let types = catalogue::read(&project(""));
    same("tests/errors/provoked.txt", &provoked(&types).text);
}

#[test]
fn errors_that_nothing_provokes_have_these_texts() {
    let types = catalogue::read(&project(""));
    same("tests/errors/printed.txt", &printed(&types).text);
}

/// A message that was never printed is not finished.
#[test]
fn every_error_has_a_transcript() {
    let types = catalogue::read(&project(""));
    let transcripts = transcripts::of_all(&types, &provoked(&types), &printed(&types));
    let all = types.iter().flat_map(|of| of.variants.iter().map(move |variant| (of, variant)));
    let texts = all.filter(|(_, variant)| matches!(variant.shown, Shown::Text(_)));
    let keys: Vec<String> = texts.map(|(of, variant)| of.key(variant)).collect();
    let missing: Vec<&str> = keys.iter().filter(|key| !transcripts.contains_key(*key)).map(String::as_str).collect();
    assert!(keys.len() > 400, "{} errors", keys.len());
    assert!(missing.is_empty(), "errors without a transcript: {missing:#?}");
}

/// Names in the tables are names of errors.
#[test]
fn what_is_named_exists() {
    let types = catalogue::read(&project(""));
    let keys: Vec<String> = types.iter().flat_map(|of| of.variants.iter().map(|variant| of.key(variant))).collect();
    let texts = transcripts::command_texts();
    for (key, words) in transcripts::NAMED {
        assert!(keys.iter().any(|one| one == key), "{key} is not an error");
        assert!(texts.values().any(|text| text.contains(words)), "no command prints {words:?}");
    }
}
