//! The libraries name no option and no command: the front door puts its own words in (`crates/check/src/words.rs`).

use super::source::{self, Placed, Token};
use super::{report, root};

/// Crates that are front doors; all others are libraries.
const DOORS: &[&str] = &["check", "service"];

/// What names an option and is not one of this program's: files and the whole literal, or what of it is meant.
const OTHERS: &[(&str, &str)] = &[
    // options as text, in formats that are read permanently: plans, and the rows of encoder 1 on a ledger
    ("issue/src/ledger/delivery.rs", "--issuer cmp "),
    ("issue/src/ledger/delivery.rs", "plan --foreign "),
    ("issue/src/ledger/delivery.rs", " --publish-bulk-id"),
    ("issue/src/ledger/delivery.rs", "--form "),
    // commands of other programs
    ("core/src/reel/codes.rs", "gpg --decrypt"),
    ("core/src/reel/codes.rs", "zip -s 0 PART --out WHOLE"),
    ("issue/src/revoke/export.rs", "aws iot update-certificate --certificate-id {digest} --new-status {status}"),
    ("pkcs11-pool/src/error.rs", "pkcs11-tool --module MODULE --login --write-object PUBLIC.der --type pubkey --id ID"),
];

/// String literals outside of test code, with their lines.
pub(super) fn literals(text: &str) -> Vec<(usize, String)> {
    let (tokens, _) = source::without_tests(&source::with_strings(text));
    let text = |Placed { token, line }| match token {
        Token::Text(text) => Some((line, text)),
        _ => None,
    };
    tokens.into_iter().filter_map(text).collect()
}

/// The commands of the program: the variants of its `Command`, as they are typed.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("src/cli/args/mod.rs")).expect("the options are there");
    let tokens = source::tokens(&text);
    let begin = tokens.windows(2).position(|pair| {
        [Token::Word("enum".to_owned()), Token::Word("Command".to_owned())]
            == [&pair[0], &pair[1]].map(|p| p.token.clone())
    });
    let mut commands = Vec::new();
    for pair in tokens[begin.expect("there are commands")..].windows(2) {
        match [&pair[0].token, &pair[1].token] {
            [Token::Word(name), Token::Mark('(')] if name.starts_with(|first: char| first.is_ascii_uppercase()) => {
                commands.push(kebab(name));
            }
            [Token::Mark(','), Token::Mark('}')] => break,
            _ => {}
        }
    }
    commands.retain(|command| command != "box");
    commands
}

fn kebab(name: &str) -> String {
    let mut typed = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !typed.is_empty() {
            typed.push('-');
        }
        typed.push(character.to_ascii_lowercase());
    }
    typed
}

/// What a text names that is typed: an option, or a command after the program's name.
fn named<'a>(text: &'a str, commands: &[String]) -> Option<&'a str> {
    let option = text
        .match_indices("--")
        .map(|(at, _)| &text[at..])
        .find(|rest| rest[2..].starts_with(|first: char| first.is_ascii_lowercase()));
    option.or_else(|| {
        let calls = text.match_indices("reroot ").map(|(at, name)| (at, &text[at + name.len()..]));
        let word = |rest: &'a str| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
        calls.filter(|(_, rest)| commands.iter().any(|command| command == word(rest))).map(|(at, _)| &text[at..]).next()
    })
}

/// Each place in a library's file where an option or a command is named.
fn found_in(path: &str, text: &str, commands: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (line, mut literal) in literals(text) {
        for (_, of_others) in OTHERS.iter().filter(|(file, _)| *file == path) {
            literal = literal.replace(of_others, "");
        }
        if let Some(name) = named(&literal, commands) {
            found.push(format!("crates/{path}:{line}: {}", name.lines().next().unwrap_or_default()));
        }
    }
    found
}

/// The files of the libraries, by their place below `crates`, without test code in files of its own.
fn libraries() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for library in std::fs::read_dir(root().join("crates")).expect("there are crates") {
        let library = library.expect("the folder can be read").path();
        if DOORS.iter().any(|door| library.ends_with(door)) {
            continue;
        }
        for file in source::files(&library.join("src")) {
            let path = file.strip_prefix(root().join("crates")).expect("it is inside").to_string_lossy().into_owned();
            if !path.split(['/', '.']).any(|part| ["tests", "testing"].contains(&part)) {
                files.push((path, std::fs::read_to_string(&file).expect("source is text")));
            }
        }
    }
    files
}

#[test]
fn the_libraries_name_no_option_and_no_command() {
    let commands = commands();
    let found: Vec<String> = libraries().iter().flat_map(|(path, text)| found_in(path, text, &commands)).collect();
    report("the front door names options and commands (crates/check/src/words.rs)", &found);
}

/// A phrase that no library says any more would leave a user without the option that it names.
#[test]
fn the_front_door_has_words_for_what_the_libraries_say() {
    let said: Vec<String> = libraries().iter().flat_map(|(_, text)| literals(text)).map(|(_, text)| text).collect();
    let words = std::fs::read_to_string(root().join("crates/check/src/words.rs")).expect("the words are there");
    let table = &words[words.find("PHRASES: &[").expect("there is a table")..];
    let phrases = literals(table);
    assert!(phrases.len() >= 60 && phrases.len().is_multiple_of(2), "{} literals", phrases.len());
    let mut found = Vec::new();
    for (theirs, ours) in phrases.iter().step_by(2).zip(phrases.iter().skip(1).step_by(2)) {
        if !said.iter().any(|literal| literal.contains(&theirs.1)) {
            found.push(format!("no library says {:?}", theirs.1));
        }
        if !ours.1.contains("--") && !ours.1.contains("reroot ") {
            found.push(format!("{:?} names nothing", ours.1));
        }
    }
    report("words of the front door", &found);
}

#[test]
fn what_is_planted_is_found() {
    let commands = commands();
    assert!(
        commands.len() >= 18
            && ["issue", "verify-proof", "hsm"].iter().all(|name| commands.contains(&(*name).to_owned()))
    );
    let found = |text: &str| found_in("core/src/reel/codes.rs", text, &commands).len();
    assert_eq!(found(r#"const A: &str = "Choose another --out.";"#), 1);
    assert_eq!(found("const A: &str = \"see `reroot ledger \\\n    stats`\";"), 1);
    assert_eq!(found("const A: &str = r#\"run \"reroot hsm doctor\"\"#;"), 1);
    assert_eq!(found(r#"#[error("pass --set {name}")] struct A;"#), 1);
    assert_eq!(found(r#"const A: &str = "a release of reroot that knows -----BEGIN -- and gpg --decrypt";"#), 0);
    assert_eq!(found("// --out\n/// `reroot issue`\n#[cfg(test)]\nmod tests { const A: &str = \"--out\"; }"), 0);
}
