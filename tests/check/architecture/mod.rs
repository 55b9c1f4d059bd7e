//! The borders inside the crates (Cargo holds those between them): who may import whom, who may say that something was
//! proved, and how large files are.
//! A change of the table belongs in the commit that needs it, with the reason beside its row.

mod plain;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::borders::{BINARY, CHECK, CORE, ISSUE, PROGRAM, Row, SERVICE};
use super::source::{self, Placed, Reference, Token};

/// Functions that claim a proof, and the only places that may call (or define) them.
const CLAIMS: &[(&str, &[&str])] = &[
    ("assert_verified", &["verify/", "issue/", "cert/answered.rs", "cert/check.rs", "cert/issued.rs"]),
    ("assert_clean", &["lint/"]),
    // the policy decides what a certificate says; the others are tests
    ("assert_decided", &["policy/", "cert/template.rs", "issue/testing.rs", "issue/tests/", "lint/testing.rs"]),
    // the ledger alone says that something is recorded; a CA key signs nothing else, and signs it through one door
    ("assert_recorded", &["ledger/"]),
    ("sign_recorded", &["issue/", "ca/key.rs", "revoke/round.rs"]),
    // besides that door: the manifest key's (seal.rs) and the key that protects messages to another CA
    // (cmp/protection.rs), and a person's own (approval/mod.rs). None of the three is a CA's
    ("sign_bytes", &["signer/", "issue/ca_key.rs", "seal.rs", "cmp/protection.rs", "approval/mod.rs"]),
    // a caller of a signer uses `sign_bytes`, which keeps one of the two forms of an ECDSA signature; the rest are
    // doubles of signers
    ("sign_batch", &["signer/", "issue/testing.rs", "issue/tests/", "pipeline/sign/tests/"]),
];

/// Longest file.
const MAX_LINES: usize = 600;

/// The crates whose files are looked at: folder and table.
const CRATES: &[(&str, &[Row])] = &[
    ("crates/core/src", CORE),
    ("crates/issue/src", ISSUE),
    ("crates/check/src", CHECK),
    ("crates/service/src", SERVICE),
    ("src", BINARY),
];

/// The pool of PKCS#11 sessions. One file of it may be unsafe.
const POOL: &str = "crates/pkcs11-pool/src";

/// A crate's folder, and the crates of the repository that it may build on.
const BETWEEN_CRATES: &[(&str, &[&str])] = &[
    ("crates/core", &["p256-batch"]),
    ("crates/check", &["reroot-core"]),
    ("crates/issue", &["p256-sign", "pkcs11-pool", "reroot-core"]),
    ("crates/pkcs11-pool", &["reroot-core"]),
    ("crates/service", &["reroot-core", "reroot-issue"]),
    (".", &["reroot-check", "reroot-core", "reroot-issue", "reroot-service"]),
];

/// A source file, without its tests.
struct Source {
    /// Folder of its crate's sources, from the root.
    folder: &'static str,
    table: &'static [Row],
    /// Relative to `folder`.
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

    fn at(&self, line: usize) -> String {
        format!("{}/{}:{line}", self.folder, self.path.display())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file that is not test code, of the crates that have a table.
fn sources() -> Vec<Source> {
    CRATES.iter().flat_map(|(folder, table)| sources_in(folder, table)).collect()
}

/// The same, and the crate without a table that talks to tokens and has threads: what holds of every file holds of its
/// own.
fn all_sources() -> Vec<Source> {
    let mut sources = sources();
    sources.extend(sources_in(POOL, &[]));
    sources
}

fn sources_in(home: &'static str, table: &'static [Row]) -> Vec<Source> {
    let folder = root().join(home);
    let mut sources = Vec::new();
    let mut test_modules = BTreeSet::new();
    for file in source::files(&folder) {
        let text = std::fs::read_to_string(&file).expect("source is text");
        let (tokens, modules) = source::without_tests(&source::tokens(&text));
        let name = file.file_stem().expect("files have names");
        let parent = if name == "mod" || name == "lib" || name == "main" {
            file.with_file_name("")
        } else {
            file.with_extension("")
        };
        for module in modules {
            test_modules.insert(parent.join(format!("{module}.rs")));
            test_modules.insert(parent.join(module));
        }
        let path = file.strip_prefix(&folder).expect("it is inside").to_owned();
        sources.push(Source { folder: home, table, path, text, tokens });
    }
    sources.retain(|source| {
        let full = folder.join(&source.path);
        !full.ancestors().any(|ancestor| test_modules.contains(ancestor))
    });
    sources
}

fn position(table: &[Row], module: &str) -> Option<usize> {
    table.iter().position(|Row(name, _)| *name == module)
}

/// Whether a module with this row may name `path`.
fn allows(table: &[Row], at: usize, path: &[String]) -> bool {
    let [module, names @ ..] = path else { return false };
    let is_type = |name: &String| name.starts_with(|first: char| first.is_ascii_uppercase());
    let is_constant = |name: &String| name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let Row(_, allowed) = &table[at];
    allowed.iter().any(|entry| match entry.strip_prefix("core::").unwrap_or(entry).split_once("::") {
        None if *entry == "core" => position(CORE, module).is_some() && position(table, module).is_none(),
        None if *entry == "*" => position(table, module).is_some_and(|above| above < at),
        None => entry.strip_prefix("core::").unwrap_or(entry) == module,
        Some((home, "<types>")) => home == module && names.iter().any(|n| is_type(n) && !is_constant(n)),
        Some((home, name)) => home == module && names.last().is_some_and(|last| last == name),
    })
}

/// What is wrong with a reference from a file of `module`, if anything.
fn violation(table: &[Row], module: &str, reference: &Reference) -> Option<String> {
    let target = reference.path.first()?;
    if target == module {
        return None;
    }
    let Some(at) = position(table, module) else {
        return Some(format!("module `{module}` has no row in the table"));
    };
    let path = reference.path.join("::");
    let Row(_, allowed) = &table[at];
    (!allows(table, at, &reference.path))
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
        let from = if module == "main" { &path[1..] } else { &path[..] };
        for reference in source::references(&source.tokens, from) {
            if let Some(what) = violation(source.table, module, &reference) {
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
    for source in all_sources().iter().filter(|source| !source.starts_with("parallel.rs")) {
        for (at, placed) in source.tokens.iter().enumerate() {
            let Token::Word(word) = &placed.token else { continue };
            let mark =
                |back: usize, mark| at.checked_sub(back).is_some_and(|at| source.tokens[at].token == Token::Mark(mark));
            let of_thread = mark(1, ':') && at >= 3 && source.tokens[at - 3].token == Token::Word("thread".to_owned());
            let starts = match word.as_str() {
                // a demonstration starts a process;
                // the front door has no way to the library's own, and one thread: the one that redraws a bar
                "Builder" => of_thread && !source.starts_with("progress.rs"),
                "spawn" => {
                    of_thread
                        || (mark(1, '.') && !["progress.rs", "cli/demo.rs"].iter().any(|one| source.starts_with(one)))
                }
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
    for source in all_sources().iter().filter(|source| source.folder != "src") {
        for placed in &source.tokens {
            if placed.token == Token::Word("reroot".to_owned()) {
                found.push(source.at(placed.line));
            }
        }
    }
    report("a library names its own modules by `crate::`", &found);
}

/// What a file of the program names of the libraries and may not.
fn beyond_the_program(tokens: &[Placed]) -> Vec<(usize, String)> {
    // the libraries are `reroot::` here; the program's own modules are not looked at
    let named = |placed: &Placed| {
        let token = match &placed.token {
            Token::Word(word) if word == "reroot" => Token::Word("crate".to_owned()),
            Token::Word(word) if ["crate", "super"].contains(&word.as_str()) => Token::Word("own".to_owned()),
            other => other.clone(),
        };
        Placed { token, line: placed.line }
    };
    let tokens: Vec<Placed> = tokens.iter().map(named).collect();
    let found = source::references(&tokens, &[]);
    // a type of x509 is a value that was read; who uses the reader itself reads once more
    let beyond = found
        .into_iter()
        .filter(|reference| !allows(PROGRAM, 0, &reference.path) || reference.path.iter().any(|name| name == "tlv"));
    beyond.map(|reference| (reference.line, reference.path.join("::"))).collect()
}

#[test]
fn the_program_touches_what_its_row_allows() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.folder == "src" && source.starts_with("cli")) {
        for (line, path) in beyond_the_program(&source.tokens) {
            found.push(format!("{}: reroot::{path}", source.at(line)));
        }
    }
    report("the command line touches what is not in its row", &found);
    let planted = source::tokens(
        "use reroot::x509::{Certificate, tlv::Reader, tlv};\nfn f() { reroot::lint::check(); super::lint() }",
    );
    let planted: Vec<String> = beyond_the_program(&planted).into_iter().map(|(_, path)| path).collect();
    assert_eq!(planted, ["x509::tlv::Reader", "x509::tlv", "lint::check"]);
}

#[test]
fn every_module_has_its_row() {
    let mut found = Vec::new();
    for source in sources() {
        if let Some(module) = source.module_path().first()
            && position(source.table, module).is_none()
        {
            found.push(format!("{}: no row for `{module}`", source.at(1)));
        }
    }
    report("modules without a row", &found);
}

/// Upstream is upstream: a row names rows above it, error types included, and so nothing leads back. What may be named
/// is in the table once.
#[test]
fn the_tables_have_no_cycle() {
    for (folder, table) in CRATES {
        for (at, Row(module, allowed)) in table.iter().enumerate() {
            assert_eq!(position(table, module), Some(at), "{folder}: two rows for {module}");
            for entry in *allowed {
                let (table, below) = match entry.strip_prefix("core::") {
                    Some(_) => (CORE, CORE.len()),
                    None => (*table, at),
                };
                let head = entry.strip_prefix("core::").unwrap_or(entry).split("::").next().expect("one part at least");
                let above = position(table, head).is_some_and(|above| above < below);
                assert!(above || head == "*" || head == "core", "{folder}: `{module}` may not name `{entry}`");
            }
        }
    }
}

/// Checks the same of the code itself, apart from what the tables allow: the imports are read from the sources.
#[test]
fn no_module_leads_back_to_itself() {
    for (folder, table) in CRATES {
        let mut graph = Graph::new();
        for source in sources_in(folder, table) {
            imports(&mut graph, &source.module_path(), &source.tokens);
        }
        assert!(graph.len() > 1, "{folder} has modules");
        assert_eq!(in_cycles(graph), Graph::new(), "{folder}: these modules import each other in a circle");
    }
}

/// Modules of one crate, each with those of the same crate that it imports.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Adds what one file imports. The crate's root, which only names the modules, is not a module.
fn imports(graph: &mut Graph, module: &[String], tokens: &[Placed]) {
    let Some(name) = module.first() else { return };
    let imported = graph.entry(name.clone()).or_default();
    let inside = if name == "main" { &module[1..] } else { module };
    let of_this_crate = source::references(tokens, inside).into_iter().filter(|reference| !reference.from_core);
    imported.extend(of_this_crate.filter_map(|reference| reference.path.first().cloned()).filter(|to| to != name));
}

/// The modules that are in a circle or lead into one: modules whose imports are all accounted for are taken away until
/// none is left that could be.
fn in_cycles(mut graph: Graph) -> Graph {
    loop {
        let before = graph.len();
        let known: BTreeSet<String> = graph.keys().cloned().collect();
        graph.retain(|_, imported| imported.iter().any(|module| known.contains(module)));
        if graph.len() == before {
            return graph;
        }
    }
}

/// Which crate of the repository builds on which. What an auditor links, `core` and `check`, cannot sign.
#[test]
fn crates_build_on_each_other_as_the_table_says() {
    for (folder, allowed) in BETWEEN_CRATES {
        let path = root().join(folder).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().expect("a table");
        let of_the_repository = dependencies.iter().filter(|(_, wanted)| wanted.get("path").is_some());
        let found: Vec<&str> = of_the_repository.map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, *allowed, "{folder}");
    }
}

#[test]
fn only_a_stage_that_proves_something_may_claim_it() {
    let mut found = Vec::new();
    for source in all_sources() {
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
    for source in all_sources().iter().filter(|source| source.folder != "src") {
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

/// What opens a file, as it is in the source.
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
const MAY_OPEN: &[&str] = &[
    "input.rs",
    "durable/mod.rs",
    "durable/output.rs",
    "ledger/rows.rs",
    "delivery/pack/mod.rs",
    "delivery/pack/reader.rs",
    // the service's own database
    "store/mod.rs",
    "catalog/build.rs",
    "catalog/mod.rs",
];

/// Closing a descriptor of the ledger gives up its locks, so no input may be opened but by `input`, which knows it.
#[test]
fn files_are_opened_in_one_place() {
    let openings = |text: &str| {
        let (tokens, _) = source::without_tests(&source::tokens(text));
        let word = |placed: &Placed| match &placed.token {
            Token::Word(word) => word.clone(),
            Token::Mark(mark) => mark.to_string(),
            Token::Text(_) => String::new(),
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
    for source in all_sources().iter().filter(|source| !MAY_OPEN.iter().any(|place| source.path == Path::new(place))) {
        found.extend(openings(&source.text).into_iter().map(|line| source.at(line)));
    }
    report("files opened elsewhere than in `input`", &found);
}

/// One type makes text safe to print; what the standard library offers escapes too much, too little or nothing.
#[test]
fn text_is_made_printable_in_one_place() {
    const ELSEWHERE: &[&str] = &["display", "escape_ascii", "escape_debug", "escape_default", "escape_unicode"];
    let mut found = Vec::new();
    for source in all_sources().iter().filter(|source| !source.starts_with("text")) {
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
    for source in all_sources() {
        let may_be_unsafe = source.folder == POOL && source.path == Path::new("c_sign.rs");
        for pair in source.tokens.windows(2) {
            match (&pair[0].token, &pair[1].token) {
                (Token::Word(word), _) if word == "unsafe" && !may_be_unsafe => {
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
    let found: Vec<String> = all_sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{} does not begin with `//!`", source.at(1)))
        .collect();
    report("files without a beginning", &found);
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let mut found = Vec::new();
    for folder in ["src", "crates", "tests", "examples", "benches"].map(|folder| root().join(folder)) {
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
        let table = if position(ISSUE, &module[0]).is_some() { ISSUE } else { CORE };
        references.iter().filter(|r| violation(table, &module[0], r).is_some()).map(|r| r.path.join("::")).collect()
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
        assert_eq!(found(&["cert"], "use crate::pipeline;"), ["pipeline"]);
        assert_eq!(found(&["cert"], "use crate::Error;"), ["Error"], "no name comes from the root");
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
        assert!(found(&["error"], "use crate::ca::CaError;").is_empty());
        assert_eq!(found(&["error"], "use crate::plan::PlanError;"), ["plan::PlanError"]);
        assert_eq!(found(&["error"], "use crate::ledger::Ledger;"), ["ledger::Ledger"]);
        assert!(found(&["pipeline"], "use crate::{verify, ledger::Ledger, error::Error};").is_empty());
        assert_eq!(found(&["plan"], "use crate::pipeline;"), ["pipeline"]);
        assert_eq!(found(&["signer"], "use crate::cert::Seed;"), ["cert::Seed"]);
    }

    #[test]
    fn finds_a_planted_circle_whatever_the_table_says() {
        let circle = |files: &[(&str, &str)]| {
            let mut graph = Graph::new();
            for (module, text) in files {
                imports(&mut graph, &[(*module).to_owned()], &source::tokens(text));
            }
            in_cycles(graph).into_keys().collect::<Vec<_>>()
        };
        let below = ("hash", "");
        let error = ("error", "use crate::{hash, plan::PlanError};");
        let plan = ("plan", "use super::pipeline::Job;");
        let pipeline = ("pipeline", "fn run() -> Result<(), crate::error::Error> { Ok(()) }");
        assert_eq!(circle(&[below, error, plan, pipeline]), ["error", "pipeline", "plan"]);
        assert_eq!(circle(&[below, error, plan]), Vec::<String>::new());
        // the module of that name in the crate below is another one
        let other = ("pipeline", "use reroot_core::error::CoreError;");
        assert_eq!(circle(&[below, error, plan, other]), Vec::<String>::new());
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
