//! The borders inside the crate: who may import whom, who may say that something was proved, and how large files are.
//!
//! A change of the table belongs in the commit that needs it, with the reason beside its row.

#[path = "support/source.rs"]
#[expect(clippy::allow_attributes, reason = "the helpers are shared with other tests")]
#[allow(unreachable_pub, reason = "the helpers are shared with other tests")]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use source::{Placed, Reference, Token};

/// A module and what it may import from the crate, besides itself.
///
/// `lint` allows all of a module, `lint::LintedTbs` one name, `verify::<types>` types and traits but no functions,
/// `*` every stage, `*::<errors>` the error types of every stage.
struct Row(&'static str, &'static [&'static str]);

const LIBRARY: &[Row] = &[
    // what every message goes through
    Row("text", &[]),
    Row("x509", &[]),
    Row("durable", &["text"]),
    // whoever reads a file that exists opens it there
    Row("input", &["text"]),
    // owners and modes of files, and nothing of this program but how it prints; input: the accounts are read
    Row("ownership", &["input", "text"]),
    Row("crypto", &["x509"]),
    Row("origin", &["x509", "crypto", "text"]),
    // parallel: calls into a token are made on threads of their own, and one place knows what to do where there are none
    Row("signer", &["x509", "crypto", "input", "parallel", "text"]),
    Row("reel", &["x509", "origin", "durable", "input", "text"]),
    Row("verify", &["x509", "crypto", "origin", "reel", "text"]),
    Row("cert", &["x509", "origin"]),
    // origin::Code: every rule has a code of the kind that all findings have
    Row("lint", &["x509", "origin::Code", "cert"]),
    // crypto: subjectKeyIdentifier, relatedCertificate and the policy's own digest are hashes;
    // origin: a leaf that no template fits becomes a finding, whose variables are its UID and fingerprint
    Row("policy", &["x509", "crypto", "origin", "verify::<types>", "cert", "lint", "text"]),
    Row("ledger", &["x509", "crypto", "origin", "cert", "lint::LintedTbs", "durable", "input", "text"]),
    // origin::Uid: an error names the chip it is about; origin::Code: a certificate from another CA is refused by code;
    // origin::Origin: a certificate that was read back keeps the leaf it was made for, with a template or without one
    Row(
        "issue",
        &[
            "x509",
            "crypto",
            "origin::Code",
            "origin::Origin",
            "origin::Uid",
            "cert",
            "lint",
            "signer",
            "ledger::RecordedTbs",
        ],
    ),
    Row("manifest", &["x509", "crypto", "origin", "cert", "verify::<types>", "signer", "text"]),
    // durable: a list of all findings is a file of its own, in the form of rejected.jsonl; input: one that is there already
    Row("findings", &["x509", "origin", "reel", "manifest::FindingLine", "durable", "input", "text"]),
    // crypto::Sha256: what is written is hashed on its way; origin: entries are named by UID, findings by item and code
    Row(
        "delivery",
        // parallel: the large files of a batch are flushed side by side
        &[
            "x509",
            "crypto::Sha256",
            "origin::Code",
            "origin::ItemName",
            "origin::Uid",
            "cert",
            "manifest",
            "durable",
            "input",
            "text",
            "parallel",
        ],
    ),
    // cert: the issuer's identity; crypto: key and certificate must fit; durable: it reads what `init` wrote;
    // origin::Code: every mistake in the file has a code; ownership: nobody else may change what the file names
    Row(
        "config",
        &[
            "x509",
            "crypto",
            "origin::Code",
            "cert",
            "durable",
            "input",
            "signer",
            "issue",
            "ledger",
            "ownership",
            "text",
        ],
    ),
    Row("ca", &["x509", "crypto", "cert", "signer", "ledger", "durable", "input", "config", "text"]),
    // x509: what an error is about (a digest, an algorithm) is part of its message
    Row("error", &["*::<errors>", "origin::ItemName", "x509", "text"]),
    Row("parallel", &[]),
    // pass 1 is the same for issuing and for looking
    Row("intake", &["*", "error", "parallel"]),
    Row("inspect", &["*", "error", "parallel", "intake"]),
    Row("preview", &["*", "error"]),
    // audit: what an auditor would refuse is not begun, by the auditor's own checks
    Row("reissue", &["*", "error", "parallel", "intake", "audit"]),
    // it makes findings again by the rules of the first pass
    Row("audit", &["*", "error", "parallel", "intake"]),
    Row("export", &["*", "error"]),
    // the proof of one chip is the audit of one line: the same checks, not a second set of them
    Row("proof", &["*", "error", "audit"]),
    // it is the pipeline cut in three: the first pass here, the second on the signing machine, the seal here again
    Row("plan", &["*", "error", "parallel", "intake", "reissue"]),
    // the pipeline with another CA in place of the signer
    Row("cmp", &["*", "error", "parallel", "intake", "reissue"]),
];

/// Front doors: they know the library as `reroot::` and never each other.
const BINARY: &[Row] = &[Row("main", &["cli", "http"]), Row("cli", &[]), Row("http", &[])];

/// Modules that know the order of things, serve those that do, or have everybody's errors: `*` leaves them out.
const NOT_STAGES: &[&str] =
    &["error", "parallel", "intake", "inspect", "preview", "reissue", "audit", "export", "proof", "plan", "cmp"];

/// Functions that claim a proof, and the only places that may call (or define) them.
const CLAIMS: &[(&str, &[&str])] = &[
    ("assert_verified", &["verify/", "issue/", "cert/issued.rs"]),
    ("assert_clean", &["lint/"]),
    // whoever signs calls `sign`, which keeps one of the two forms of an ECDSA signature; the rest are doubles of signers
    ("sign_batch", &["signer/", "issue/testing.rs", "issue/tests/", "reissue/issue/tests/"]),
];

/// Longest file.
const MAX_LINES: usize = 600;

/// A file of `src/`, without its tests.
struct Source {
    /// Relative to `src/`
    path: PathBuf,
    text: String,
    tokens: Vec<Placed>,
}

impl Source {
    fn module_path(&self) -> Vec<String> {
        let mut path: Vec<String> =
            self.path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if path.last().is_some_and(|last| last == "mod" || path == ["lib"]) {
            path.pop();
        }
        path
    }

    fn starts_with(&self, prefix: &str) -> bool {
        self.path.to_string_lossy().starts_with(prefix)
    }

    fn is_binary(&self) -> bool {
        ["main.rs", "cli/", "cli.rs", "http/", "http.rs"].iter().any(|prefix| self.starts_with(prefix))
    }

    fn at(&self, line: usize) -> String {
        format!("src/{}:{line}", self.path.display())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `src/` that is not test code.
fn sources() -> Vec<Source> {
    let folder = root().join("src");
    let mut sources = Vec::new();
    let mut test_modules = BTreeSet::new();
    for file in source::files(&folder) {
        let text = std::fs::read_to_string(&file).expect("source is text");
        let (tokens, modules) = source::without_tests(&source::tokens(&text));
        let name = file.file_stem().expect("files have names");
        let home = if name == "mod" || name == "lib" || name == "main" {
            file.with_file_name("")
        } else {
            file.with_extension("")
        };
        for module in modules {
            test_modules.insert(home.join(format!("{module}.rs")));
            test_modules.insert(home.join(module));
        }
        let path = file.strip_prefix(&folder).expect("it is inside").to_owned();
        sources.push(Source { path, text, tokens });
    }
    sources.retain(|source| {
        let full = folder.join(&source.path);
        !full.ancestors().any(|ancestor| test_modules.contains(ancestor))
    });
    sources
}

fn row<'a>(table: &'a [Row], module: &str) -> Option<&'a Row> {
    table.iter().find(|Row(name, _)| *name == module)
}

/// Whether a module with this row may name `path`.
fn allows(allowed: &[&str], path: &[String]) -> bool {
    let [module, names @ ..] = path else { return false };
    let is_type = |name: &String| name.starts_with(|first: char| first.is_ascii_uppercase());
    let is_constant = |name: &String| name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    allowed.iter().any(|entry| match *entry {
        "*" => row(LIBRARY, module).is_some() && !NOT_STAGES.contains(&module.as_str()),
        "*::<errors>" => {
            row(LIBRARY, module).is_some()
                && names.iter().any(|name| name.ends_with("Error") || name.ends_with("Errors"))
        }
        _ => match entry.split_once("::") {
            None => entry == module,
            Some((home, "<types>")) => home == module && names.iter().any(|n| is_type(n) && !is_constant(n)),
            Some((home, name)) => home == module && names.last().is_some_and(|last| last == name),
        },
    })
}

/// What is wrong with a reference from a file of `module`, if anything.
fn violation(table: &[Row], module: &str, reference: &Reference) -> Option<String> {
    // `crate::Error` is the one re-export that has a home of its own
    let target = reference.path.first().map(|name| if name == "Error" { "error" } else { name })?;
    if target == module {
        return None;
    }
    let Some(Row(_, allowed)) = row(table, module) else {
        return Some(format!("module `{module}` has no row in the table"));
    };
    let path = reference.path.join("::");
    let names = std::iter::once(target.to_owned()).chain(reference.path.iter().skip(1).cloned());
    (!allows(allowed, &names.collect::<Vec<_>>()))
        .then(|| format!("`{module}` names `crate::{path}`, but may import only: {}", allowed.join(", ")))
}

fn report(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn a_module_imports_only_what_the_table_allows() {
    let mut found = Vec::new();
    for source in sources() {
        let path = source.module_path();
        let Some(module) = path.first() else { continue };
        let table = if source.is_binary() { BINARY } else { LIBRARY };
        let from = if module == "main" { &path[1..] } else { &path[..] };
        for reference in source::references(&source.tokens, from) {
            if let Some(what) = violation(table, module, &reference) {
                found.push(format!("{}: {what}", source.at(reference.line)));
            }
        }
    }
    report("the import table is broken", &found);
}

/// A system without a thread to spare must not end a run in a panic: `std::thread::spawn` and `Scope::spawn` do that.
#[test]
fn threads_are_started_in_one_place() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !source.starts_with("parallel.rs")) {
        for (at, placed) in source.tokens.iter().enumerate() {
            let Token::Word(word) = &placed.token else { continue };
            let mark =
                |back: usize, mark| at.checked_sub(back).is_some_and(|at| source.tokens[at].token == Token::Mark(mark));
            let of_thread = mark(1, ':') && at >= 3 && source.tokens[at - 3].token == Token::Word("thread".to_owned());
            let starts = match word.as_str() {
                // the front door has no way to the library's own, and one thread: the one that redraws a bar
                "Builder" => of_thread && !source.starts_with("cli/progress.rs"),
                "spawn" => of_thread || (mark(1, '.') && !source.starts_with("cli/progress.rs")),
                "spawn_scoped" | "enable_steady_tick" => true,
                _ => false,
            };
            if starts {
                found.push(source.at(placed.line));
            }
        }
    }
    report("threads are started by `parallel` alone", &found);
}

#[test]
fn the_library_does_not_know_its_front_doors() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !source.is_binary()) {
        for placed in &source.tokens {
            if placed.token == Token::Word("reroot".to_owned()) {
                found.push(source.at(placed.line));
            }
        }
    }
    report("a library names its own modules by `crate::`", &found);
}

#[test]
fn every_module_has_its_row() {
    let mut found = Vec::new();
    for source in sources() {
        let table = if source.is_binary() { BINARY } else { LIBRARY };
        if let Some(module) = source.module_path().first()
            && row(table, module).is_none()
        {
            found.push(format!("src/{}: no row for `{module}`", source.path.display()));
        }
    }
    report("modules without a row", &found);
}

/// Upstream is upstream: following the rows never leads back.
#[test]
fn the_table_has_no_cycle() {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Row(module, allowed) in LIBRARY {
        for entry in *allowed {
            let head = entry.split("::").next().expect("split gives one part at least");
            if head == "*" {
                edges
                    .entry(module)
                    .or_default()
                    .extend(LIBRARY.iter().map(|Row(name, _)| *name).filter(|name| !NOT_STAGES.contains(name)));
            } else {
                edges.entry(module).or_default().insert(head);
            }
        }
    }
    let mut placed = BTreeSet::new();
    while placed.len() < LIBRARY.len() {
        let next = LIBRARY.iter().map(|Row(name, _)| *name).find(|name| {
            !placed.contains(name)
                && edges.get(name).is_none_or(|upstream| upstream.iter().all(|up| placed.contains(up)))
        });
        let Some(next) = next else { panic!("only {placed:?} can be put in order") };
        placed.insert(next);
    }
}

#[test]
fn only_a_stage_that_proves_something_may_claim_it() {
    let mut found = Vec::new();
    for source in sources() {
        for (claim, places) in CLAIMS {
            for placed in source.tokens.iter().filter(|placed| placed.token == Token::Word((*claim).to_owned())) {
                if !places.iter().any(|place| source.starts_with(place)) {
                    found.push(format!("{}: {claim} belongs to {}", source.at(placed.line), places.join(", ")));
                }
            }
        }
    }
    report("proofs claimed in the wrong place", &found);
}

#[test]
fn the_library_does_not_print() {
    const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln"];
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !source.is_binary()) {
        for pair in source.tokens.windows(2) {
            if let Token::Word(word) = &pair[0].token
                && PRINTING.contains(&word.as_str())
                && pair[1].token == Token::Mark('!')
            {
                found.push(format!("{}: {word}!", source.at(pair[0].line)));
            }
        }
    }
    report("the library prints", &found);
}

/// What opens a file, as it stands in the source.
const OPENING: &[&str] = &[
    "File::open",
    "File::options",
    "OpenOptions",
    "fs::open",
    "fs::openat",
    "fs::openat2",
    "fs::read",
    "fs::read_to_string",
    "Connection::open",
    "Connection::open_with_flags",
    "Connection::open_with_flags_and_vfs",
];

/// Where that is allowed: in the modules that see to it that the ledger keeps its locks, and where SQLite does it,
/// which knows its own locks.
const MAY_OPEN: &[&str] =
    &["input.rs", "durable.rs", "durable/output.rs", "ledger/rows.rs", "delivery/pack.rs", "delivery/pack/reader.rs"];

/// Closing a descriptor of the ledger gives up its locks, so no input may be opened but by `input`, which knows it.
#[test]
fn files_are_opened_in_one_place() {
    let openings = |text: &str| {
        let (tokens, _) = source::without_tests(&source::tokens(text));
        let word = |placed: &Placed| match &placed.token {
            Token::Word(word) => word.clone(),
            Token::Mark(mark) => mark.to_string(),
        };
        let words: Vec<String> = tokens.iter().map(word).collect();
        let wanted: Vec<Vec<String>> =
            OPENING.iter().map(|opening| source::tokens(opening).iter().map(word).collect()).collect();
        let found = (0..words.len()).filter(|at| wanted.iter().any(|wanted| words[*at..].starts_with(wanted)));
        found.map(|at| tokens[at].line).collect::<Vec<usize>>()
    };
    assert_eq!(
        openings("let a = std::fs::File::open(p);\nlet b = fs::read(p);\nlet c = std::fs::read_dir(p);"),
        [1, 2]
    );
    assert_eq!(openings("use std::fs::OpenOptions; // File::open"), [1]);
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !MAY_OPEN.iter().any(|place| source.path == Path::new(place))) {
        found.extend(openings(&source.text).into_iter().map(|line| source.at(line)));
    }
    report("files opened elsewhere than in `input`", &found);
}

/// One type makes text safe to print; what the standard library offers escapes too much, too little or nothing.
#[test]
fn text_is_made_printable_in_one_place() {
    const ELSEWHERE: &[&str] = &["display", "escape_ascii", "escape_debug", "escape_default", "escape_unicode"];
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| !source.starts_with("text")) {
        for pair in source.tokens.windows(2) {
            if let (Token::Mark('.' | ':'), Token::Word(word)) = (&pair[0].token, &pair[1].token)
                && ELSEWHERE.contains(&word.as_str())
            {
                found.push(format!("{}: {word}, expected text::Printable", source.at(pair[1].line)));
            }
        }
    }
    report("text is made safe in a second way", &found);
}

#[test]
fn nothing_is_unsafe_and_nothing_is_left_undone() {
    let mut found = Vec::new();
    for source in sources() {
        for pair in source.tokens.windows(2) {
            match (&pair[0].token, &pair[1].token) {
                (Token::Word(word), _) if word == "unsafe" => {
                    found.push(format!("{}: unsafe", source.at(pair[0].line)));
                }
                (Token::Word(word), Token::Mark('!')) if ["dbg", "todo", "unimplemented"].contains(&word.as_str()) => {
                    found.push(format!("{}: {word}!", source.at(pair[0].line)));
                }
                _ => {}
            }
        }
        for (number, line) in source.text.lines().enumerate() {
            if ["TODO", "FIXME"].iter().any(|note| line.contains(note)) {
                found.push(format!("{}: {}", source.at(number + 1), line.trim()));
            }
        }
    }
    report("unsafe or undone", &found);
}

#[test]
fn every_file_says_what_it_is_for() {
    let found: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("src/{} does not begin with `//!`", source.path.display()))
        .collect();
    report("files without a beginning", &found);
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "examples", "benches"].map(|folder| root().join(folder)) {
        if !folder.is_dir() {
            continue;
        }
        for file in source::files(&folder) {
            let lines = std::fs::read_to_string(&file).expect("source is text").lines().count();
            if lines > MAX_LINES {
                found.push(format!("{}: {lines} lines", file.display()));
            }
        }
    }
    report("files above 600 lines hold more than one idea", &found);
}

/// The check itself: what it must see, and what it must not mind.
mod the_check {
    use super::*;

    fn found(module: &[&str], text: &str) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|part| (*part).to_owned()).collect();
        let (tokens, _) = source::without_tests(&source::tokens(text));
        let references = source::references(&tokens, &module);
        references.iter().filter(|r| violation(LIBRARY, &module[0], r).is_some()).map(|r| r.path.join("::")).collect()
    }

    #[test]
    fn sees_every_spelling_of_an_import() {
        assert_eq!(found(&["cert"], "use crate::verify::Verifier;"), ["verify::Verifier"]);
        assert_eq!(
            found(&["cert"], "use crate::{x509::Spki, verify::{self, Verifier as V}};"),
            ["verify", "verify::Verifier"]
        );
        assert_eq!(found(&["cert", "tbs"], "use super::super::verify::Verifier;"), ["verify::Verifier"]);
        assert_eq!(found(&["cert"], "fn f() -> super::verify::Verifier { todo() }"), ["verify::Verifier"]);
        assert_eq!(found(&["cert"], "mod inner { use super::super::verify::*; }"), ["verify::*"]);
        assert_eq!(found(&["cert"], "let x = crate::verify::check::<u8>(1);"), ["verify::check"]);
        assert_eq!(found(&["cert"], "pub(in crate::verify) struct X;"), ["verify"]);
        assert_eq!(found(&["cert"], "use crate::reissue;"), ["reissue"]);
        assert_eq!(
            found(&["cert"], "use crate::Error;"),
            ["Error"],
            "the root's re-exports hide where a name comes from"
        );
    }

    #[test]
    fn allows_what_the_table_allows() {
        assert!(found(&["cert"], "use crate::x509::{Spki, Name}; use crate::origin; use crate::cert::X;").is_empty());
        assert!(found(&["cert", "tbs"], "use super::IssuerIdentity; pub(crate) fn f() {}").is_empty());
        assert!(found(&["cert"], "mod inner { use super::X; }").is_empty());
        assert!(found(&["ledger"], "use crate::lint::LintedTbs;").is_empty());
        assert_eq!(found(&["ledger"], "use crate::lint::{LintedTbs, check};"), ["lint::check"]);
        assert!(found(&["policy"], "use crate::verify::{VerifiedLeaf, Family::StsafeA};").is_empty());
        assert_eq!(found(&["policy"], "use crate::verify::conflicts;"), ["verify::conflicts"]);
        assert!(found(&["error"], "use crate::reel::ReelError;").is_empty());
        assert_eq!(found(&["error"], "use crate::reel::Spool;"), ["reel::Spool"]);
        assert!(found(&["reissue"], "use crate::{Error, verify, ledger::Ledger, error::Error};").is_empty());
        assert_eq!(found(&["reissue"], "use crate::export;"), ["export"]);
    }

    #[test]
    fn does_not_mind_comments_literals_and_tests() {
        let text = r##"
            // use crate::verify::A;
            /* crate::verify::B /* crate::verify::C */ crate::verify::D */
            const S: &str = "crate::verify::E \" crate::verify::F";
            const R: &str = r#"crate::verify::G " "#;
            const Q: char = '"'; const B: u8 = b'\''; fn f<'a>(x: &'a str) {}
            #[cfg(test)]
            mod tests { use crate::verify::H; fn f() { if true {} } }
            #[cfg(test)]
            use crate::verify::I;
            #[cfg(test)]
            pub(crate) fn g(x: [u8; 2]) -> crate::verify::J { loop {} }
        "##;
        assert!(found(&["cert"], text).is_empty());
        assert_eq!(found(&["cert"], &format!("{text}\nuse crate::verify::K;")), ["verify::K"]);
    }

    #[test]
    fn knows_test_modules_in_files_of_their_own() {
        let (_, modules) = source::without_tests(&source::tokens("#[cfg(test)]\nmod tests;\nmod real;"));
        assert_eq!(modules, ["tests"]);
    }

    #[test]
    fn counts_lines_through_literals_and_comments() {
        let tokens = source::tokens("/* a\nb */ \"c\nd\" r\"e\nf\" 'g' here");
        assert_eq!(tokens, [Placed { token: Token::Word("here".to_owned()), line: 4 }]);
    }
}
