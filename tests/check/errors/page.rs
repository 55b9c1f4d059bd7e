//! `docs/reference/errors.md`: every error with its words, hint, exit code and transcript.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reroot::class::Class;
use reroot_check::Exit;

use super::arms::Said;
use super::catalogue::{ErrorType, Shown, Variant};
use super::transcripts::Transcript;

/// Writes the page.
pub(super) fn page(types: &[ErrorType], transcripts: &BTreeMap<String, Transcript>) -> String {
    let mut page = BEGINNING.to_owned();
    for (class, name) in CLASSES {
        let _ = writeln!(page, "| {} | {name} | {} |", Exit::of(*class).code(), meaning(*class));
    }
    page += SEARCH;
    let mut part = "";
    for of in types {
        let heading = PARTS.iter().find(|(library, _)| *library == of.library).expect("each library has a heading").1;
        if heading != part {
            let _ = write!(page, "\n## {heading}\n");
            part = heading;
        }
        let place = of.file.trim_end_matches(".rs").replace('/', "::");
        let _ = write!(page, "\n### `{}` in `{}::{place}`\n\n{}\n\n", of.name, of.library, of.about);
        for variant in &of.variants {
            entry(&mut page, of, variant, transcripts);
        }
    }
    ending(&mut page, types, transcripts);
    page
}

fn entry(page: &mut String, of: &ErrorType, variant: &Variant, transcripts: &BTreeMap<String, Transcript>) {
    let name = if variant.name.is_empty() { &of.name } else { &variant.name };
    let Shown::Text(template) = &variant.shown else {
        let Shown::Inner(inner) = &variant.shown else { unreachable!("an error is shown in one of two ways") };
        let _ = writeln!(page, "- (`{name}`) The message of a `{inner}`.");
        return;
    };
    let _ = writeln!(page, "- **{}**\n  (`{name}`) {}", escaped(&template.shown()), variant.when);
    let exits: Vec<String> = variant
        .class
        .iter()
        .map(|said| match said {
            Said::Text(class) => {
                let known = CLASSES.iter().find(|(known, _)| format!("{known:?}") == *class);
                let (class, name) = known.unwrap_or_else(|| panic!("{class} is not a class"));
                format!("{} ({name})", Exit::of(*class).code())
            }
            _ => "that of the cause".to_owned(),
        })
        .collect();
    if !exits.is_empty() {
        let _ = writeln!(page, "  Exit code: {}.", exits.join(" or "));
    }
    for said in &variant.code {
        match said {
            Said::Text(code) => {
                let _ = writeln!(page, "  Code: `{code}`.");
            }
            Said::Depends => page.push_str("  Code: one of several, by what was found.\n"),
            Said::Cause | Said::Nothing => {}
        }
    }
    for said in &variant.hint {
        match said {
            Said::Text(hint) => {
                let _ = writeln!(page, "  Hint: {}", escaped(&reroot_check::words::ours(hint)));
            }
            Said::Depends => page.push_str("  Hint: depends on what was found.\n"),
            Said::Cause => page.push_str("  Hint: that of the cause.\n"),
            Said::Nothing => {}
        }
    }
    let transcript = match transcripts.get(&of.key(variant)) {
        Some(Transcript::Run(files)) => {
            let links = files.iter().take(LINKS).map(|name| format!("[{name}](../../tests/cli/{name})"));
            format!("run, {}", links.collect::<Vec<_>>().join(", "))
        }
        Some(Transcript::Provoked) => "provoked".to_owned(),
        Some(Transcript::Printed) => "printed".to_owned(),
        None => "none".to_owned(),
    };
    let _ = writeln!(page, "  Transcript: {transcript}.");
}

fn ending(page: &mut String, types: &[ErrorType], transcripts: &BTreeMap<String, Transcript>) {
    let all = types.iter().flat_map(|of| &of.variants).filter(|one| matches!(one.shown, Shown::Text(_))).count();
    let count = |is: fn(&Transcript) -> bool| transcripts.values().filter(|one| is(one)).count();
    let run = count(|one| matches!(one, Transcript::Run(_)));
    let provoked = count(|one| *one == Transcript::Provoked);
    let printed = count(|one| *one == Transcript::Printed);
    let _ =
        write!(page, "{ENDING}| run | {run} |\n| provoked | {provoked} |\n| printed | {printed} |\n| all | {all} |\n");
}

/// What Markdown would take for markup.
fn escaped(text: &str) -> String {
    let mut quoted = false;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        quoted ^= character == '`';
        if !quoted && matches!(character, '*' | '<' | '>' | '[' | ']' | '_' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.replace('\n', " ")
}

fn meaning(class: Class) -> &'static str {
    match class {
        Class::Usage => {
            "An option, the configuration or the policy is wrong, or the output exists. Nothing was signed."
        }
        Class::Input => "An input cannot be read or was refused. Nothing was signed.",
        Class::Content => "What was checked does not hold: a batch, a proof or a ledger was changed.",
        Class::Signer => "A key or token failed, or could not be opened.",
        Class::Storage => "The ledger, the output or a temporary file failed. What was signed is on the ledger.",
        Class::Interrupted => "The run was ended early on request. The same command resumes it.",
        Class::Bug => "A defect of this program, or of the machine. Please report it.",
    }
}

/// The kinds of failure with a word for each, in the order of their exit codes.
const CLASSES: &[(Class, &str)] = &[
    (Class::Content, "content"),
    (Class::Usage, "usage"),
    (Class::Input, "input"),
    (Class::Signer, "signer"),
    (Class::Storage, "storage"),
    (Class::Interrupted, "interrupted"),
    (Class::Bug, "bug"),
];

const PARTS: &[(&str, &str)] = &[
    ("issue", "Issuing, ledger, keys and CAs"),
    ("core", "Reading, checking and writing"),
    ("pkcs11-pool", "Tokens"),
    ("service", "Service"),
    ("check", "Programs"),
    ("reroot", "Programs"),
];

/// Transcripts that are named for one error.
const LINKS: usize = 3;

const BEGINNING: &str = "\
# Reference of errors

Generated from the sources; do not edit.

An error ends a command. It is printed as `error: ...`, and `hint: ...` says what to do. The exit code says whose matter it is; the
[operator guide](../guide/operator-guide.md) says more about each code.

| exit code | name | meaning |
|---|---|---|
";

const SEARCH: &str = "
**To find an error by its words**, search this page for a few words of the message that are not yours: no path, no name, no number.
A value that differs from case to case is written ‹value› here, or … where it has no name. A message may contain another one after a colon
or in parentheses; each of them is listed by itself, and the hint is that of the outermost one that has a hint.

Mistakes in `reroot.toml` and in policies are printed with their place in the file; their keys are described in the
[reference of reroot.toml](config-reference.md) and the [reference of policies](policy-reference.md). What is wrong with single leaves
does not end a command; it is listed in `rejected.jsonl` with a code. Messages about options that go together wrongly name the options and
are not listed here.

The last line of each entry says where its text was seen:
*run* (a test runs the command and compares all that it prints with the file),
*provoked* (a test gives a function of the program an input that provokes the error, and compares the text with `tests/errors/provoked.txt`),
*printed* (nothing in a test can provoke it, or nothing does so far; its text is compared with `tests/errors/printed.txt`).
";

const ENDING: &str = "
## Transcripts

| kind | errors |
|---|---|
";
