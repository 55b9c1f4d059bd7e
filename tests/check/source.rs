//! Reads Rust source far enough to see what it names: tokens without comments, strings and test code.

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

/// What a source file is made of, as far as the architecture cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or keyword.
    Word(String),
    /// Any other character; `::` is one of them, as `:` twice.
    Mark(char),
    /// What is inside a string literal.
    Text(String),
}

/// A token and its line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// What
    pub(crate) token: Token,
    /// Where
    pub(crate) line: usize,
}

impl Placed {
    fn word(&self) -> Option<&str> {
        match &self.token {
            Token::Word(word) => Some(word),
            Token::Mark(_) | Token::Text(_) => None,
        }
    }

    fn is(&self, mark: char) -> bool {
        self.token == Token::Mark(mark)
    }
}

/// A name that starts at the crate's root: `crate::verify::Verifier` is `["verify", "Verifier"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Whether it begins with `reroot_core::`, and not in the crate itself.
    pub(crate) from_core: bool,
    /// The segments after the root; the last one is `*` for a glob.
    pub(crate) path: Vec<String>,
    /// Its line
    pub(crate) line: usize,
}

/// All `.rs` files under a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The tokens of `text`, without comments and without what is inside literals.
pub(crate) fn tokens(text: &str) -> Vec<Placed> {
    let mut tokens = with_strings(text);
    tokens.retain(|placed| !matches!(placed.token, Token::Text(_)));
    tokens
}

/// The tokens of `text`, string literals among them, without comments.
pub(crate) fn with_strings(text: &str) -> Vec<Placed> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let start = line;
        match character {
            '\n' => line += 1,
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|next| *next != '\n').is_some() {},
            '/' if rest.peek() == Some(&'*') => line += block_comment(&mut rest),
            '"' => tokens.push(string(&mut rest, None, &mut line)),
            '\'' => quote(&mut rest),
            _ if character.is_alphanumeric() || character == '_' => {
                let mut word = String::from(character);
                while let Some(next) = rest.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                match (word.as_str(), rest.peek()) {
                    ("r" | "br" | "cr", Some('#' | '"')) => {
                        let mut hashes = 0;
                        while rest.next_if_eq(&'#').is_some() {
                            hashes += 1;
                        }
                        if rest.next_if_eq(&'"').is_some() {
                            tokens.push(string(&mut rest, Some(hashes), &mut line));
                        }
                    }
                    ("b" | "c", Some('"')) => {
                        rest.next();
                        tokens.push(string(&mut rest, None, &mut line));
                    }
                    ("b", Some('\'')) => {
                        rest.next();
                        quote(&mut rest);
                    }
                    _ => tokens.push(Placed { token: Token::Word(word), line: start }),
                }
            }
            _ if character.is_whitespace() => {}
            _ => tokens.push(Placed { token: Token::Mark(character), line: start }),
        }
    }
    tokens
}

/// Skips a nested block comment and counts its lines.
fn block_comment(rest: &mut Peekable<Chars<'_>>) -> usize {
    let (mut depth, mut lines) = (0, 0);
    let mut last = '/';
    for character in rest.by_ref() {
        lines += usize::from(character == '\n');
        match (last, character) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                last = character;
                continue;
            }
        }
        if depth == 0 {
            break;
        }
        last = ' ';
    }
    lines
}

/// Reads a string after its opening quote and counts its lines. Raw strings end in a quote and their hashes.
fn string(rest: &mut Peekable<Chars<'_>>, hashes: Option<usize>, line: &mut usize) -> Placed {
    let start = *line;
    let mut text = String::new();
    while let Some(character) = rest.next() {
        *line += usize::from(character == '\n');
        match (character, hashes) {
            ('\\', None) => match rest.next() {
                // the literal goes on where the next line begins
                Some('\n') => {
                    *line += 1;
                    while let Some(space) = rest.next_if(|next| next.is_whitespace()) {
                        *line += usize::from(space == '\n');
                    }
                }
                escaped => text.extend(escaped),
            },
            ('"', None) => break,
            ('"', Some(hashes)) => {
                let mut found = 0;
                while found < hashes && rest.next_if_eq(&'#').is_some() {
                    found += 1;
                }
                if found == hashes {
                    break;
                }
            }
            _ => text.push(character),
        }
    }
    Placed { token: Token::Text(text), line: start }
}

/// Skips a character literal, or the quote of a lifetime.
fn quote(rest: &mut Peekable<Chars<'_>>) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('\\') => {
            rest.next();
            rest.next();
            while rest.next().is_some_and(|character| character != '\'') {}
        }
        Some(_) if ahead.next() == Some('\'') => {
            rest.next();
            rest.next();
        }
        _ => {}
    }
}

/// Takes out every item under `#[cfg(test)]`, and returns the names of modules that live in files of their own.
pub(crate) fn without_tests(tokens: &[Placed]) -> (Vec<Placed>, Vec<String>) {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let text = |placed: &Placed| match &placed.token {
        Token::Word(word) => word.clone(),
        Token::Mark(mark) => mark.to_string(),
        Token::Text(_) => String::new(),
    };
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let here = &tokens[at..];
        if !here.iter().take(7).map(text).eq(CFG_TEST) {
            kept.push(here[0].clone());
            at += 1;
            continue;
        }
        // the item ends with its first semicolon or block, outside of parentheses and brackets
        let mut depth = 0_usize;
        let mut end = at + 7;
        while end < tokens.len() {
            match tokens[end].token {
                Token::Mark('(' | '[' | '{') => depth += 1,
                Token::Mark(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            end += 1;
            if depth == 0 && matches!(tokens[end - 1].token, Token::Mark(';' | '}')) {
                break;
            }
        }
        if let [.., module, name, semicolon] = &tokens[at..end]
            && module.word() == Some("mod")
            && semicolon.is(';')
        {
            modules.extend(name.word().map(str::to_owned));
        }
        at = end;
    }
    (kept, modules)
}

/// Every name that reaches the crate's root from a file of module `module` (`["verify", "leaf"]`), by `crate::` or by
/// enough `super::`.
pub(crate) fn references(tokens: &[Placed], module: &[String]) -> Vec<Reference> {
    let mut found = Vec::new();
    // inline modules that are open, by the depth of their brace
    let (mut depth, mut inline) = (0_usize, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => {
                depth -= 1;
                inline.retain(|open| *open < depth + 1);
            }
            Token::Word(word) if word == "mod" && tokens.get(at + 2).is_some_and(|next| next.is('{')) => {
                inline.push(depth + 1);
            }
            Token::Word(word)
                if (word == "crate" || word == "reroot_core" || word == "super") && is_path(tokens, at + 1) =>
            {
                let mut up = 0;
                let mut next = at;
                while tokens[next].word() == Some("super") && is_path(tokens, next + 1) {
                    up += 1;
                    next += 3;
                }
                // the one crate below this one: its modules are named as if they were here
                let from_root = word != "super";
                if from_root {
                    next = at + 3;
                }
                if from_root || up >= module.len() + inline.len() {
                    let before = found.len();
                    tree(tokens, &mut next, &mut Vec::new(), &mut found);
                    found[before..].iter_mut().for_each(|reference| reference.from_core = word == "reroot_core");
                }
                at = next.max(at + 1);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_path(tokens: &[Placed], at: usize) -> bool {
    tokens.get(at).is_some_and(|first| first.is(':')) && tokens.get(at + 1).is_some_and(|second| second.is(':'))
}

/// A use tree, or a path in an expression: both start alike.
fn tree(tokens: &[Placed], at: &mut usize, prefix: &mut Vec<String>, found: &mut Vec<Reference>) {
    let length = prefix.len();
    while let Some(placed) = tokens.get(*at) {
        let line = placed.line;
        match &placed.token {
            Token::Word(word) => {
                if word != "self" {
                    prefix.push(word.clone());
                }
                *at += 1;
                if is_path(tokens, *at) {
                    *at += 2;
                    continue;
                }
                found.push(Reference { from_core: false, path: prefix.clone(), line });
            }
            Token::Mark('*') => {
                *at += 1;
                found.push(Reference { from_core: false, path: [prefix.clone(), vec!["*".to_owned()]].concat(), line });
            }
            Token::Mark('{') => {
                *at += 1;
                while tokens.get(*at).is_some_and(|next| !next.is('}')) {
                    let before = *at;
                    tree(tokens, at, prefix, found);
                    if tokens.get(*at).and_then(Placed::word) == Some("as") {
                        *at += 2;
                    }
                    if tokens.get(*at).is_some_and(|next| next.is(',')) || *at == before {
                        *at += 1;
                    }
                }
                *at += 1;
            }
            // a turbofish ends the path
            Token::Mark(_) | Token::Text(_) => found.push(Reference { from_core: false, path: prefix.clone(), line }),
        }
        break;
    }
    prefix.truncate(length);
}
