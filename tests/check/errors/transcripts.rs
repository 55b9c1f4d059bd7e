//! Where the text of each error has been printed.
//!
//! There are three kinds of transcript. A command printed the text: it is in `tests/cli/`. A function of the libraries
//! returned the error for an input that a test gave it ([`provoked`](super::provoked)). Or the value was made by hand, and
//! its text printed ([`printed`](super::printed)): what no input provokes, such as a disk that fails.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use reroot::failure::IntoFailure;
use reroot_check::{Exit, render, words};
use reroot_test_support::run::project;

use super::catalogue::{ErrorType, Shown};

/// A kind of transcript.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Transcript {
    /// These commands' texts have it: names of files in `tests/cli/`.
    Run(Vec<String>),
    /// A function returned it.
    Provoked,
    /// Its value was made by hand.
    Printed,
}

/// The transcript of each error that has one, by its key; the best one where there are several.
pub(super) fn of_all(types: &[ErrorType], provoked: &Sheet<'_>, printed: &Sheet<'_>) -> BTreeMap<String, Transcript> {
    let texts = command_texts();
    let mut found = BTreeMap::new();
    for (of, variant) in types.iter().flat_map(|of| of.variants.iter().map(move |variant| (of, variant))) {
        let Shown::Text(template) = &variant.shown else { continue };
        let key = of.key(variant);
        let named = NAMED.iter().find(|(name, _)| *name == key).map(|(_, words)| *words);
        let is_in = |line: &&str| match named {
            Some(words) => line.contains(words),
            None => template.is_telling() && template.is_in(line.trim()),
        };
        let files = texts.iter().filter(|(_, text)| text.lines().any(|line| is_in(&line)));
        let files: Vec<String> = files.map(|(name, _)| name.clone()).collect();
        let transcript = if !files.is_empty() {
            Transcript::Run(files)
        } else if provoked.keys.contains(&key) {
            Transcript::Provoked
        } else if printed.keys.contains(&key) {
            Transcript::Printed
        } else {
            continue;
        };
        found.insert(key, transcript);
    }
    found
}

/// The texts of commands by name.
pub(super) fn command_texts() -> BTreeMap<String, String> {
    let folder = project("tests/cli");
    let files = std::fs::read_dir(folder).expect("the folder can be read").map(|entry| {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("transcripts are text"))
    });
    files.collect()
}

/// Errors whose own words are too few to be told from others, each with words of its transcript.
pub(super) const NAMED: &[(&str, &str)] = &[
    ("core: CertificateError::Name", "`empty-rdn.der`: subject: "),
    ("core: CertificateError::Time", "`no-such-date.der`: notAfter: "),
    ("core: DurableError::Io", "cannot create `nowhere/all.jsonl.partial`: "),
    ("core: Error::Chip", "`0209FF` is not the UID of a chip"),
    ("core: ExpectError::Line", "bad.txt, line 2: `0209XY`"),
    ("core: LoadError::Certificates", "error: `cut.der`: "),
    ("core: TypedError", "`02X9` is not hexadecimal"),
    ("issue: CaError::Directory", "error: `file` is not a directory"),
    ("issue: CaError::IssuerKey", "error: key `<FOLDER>/all.p12`: "),
    ("issue: RevokeError::PlanMalformed", "`changed.plan` is not a plan of revocation lists"),
    ("issue: SecretError::File", "passphrase file `nowhere.pass`: "),
    ("issue: SignerError::Read", "key file `<FOLDER>/nowhere.key`: "),
    ("issue: StoreError::Sqlite", "ledger `pki/ledger.db`: disk I/O error"),
];

/// Errors with the texts that they print.
pub(super) struct Sheet<'a> {
    types: &'a [ErrorType],
    pub(super) text: String,
    pub(super) keys: Vec<String>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(types: &'a [ErrorType]) -> Self {
        Self { types, text: String::new(), keys: Vec::new() }
    }

    /// Adds an error as a command prints it, with the exit code.
    #[track_caller]
    pub(super) fn ends<E: IntoFailure + Error>(&mut self, error: E) {
        let (debug, message) = (format!("{error:?}"), error.to_string());
        if !self.begin(std::any::type_name::<E>(), &debug, &message) {
            return;
        }
        let failure = error.into_failure();
        let exit = Exit::of(failure.class()).code();
        let _ = writeln!(self.text, "exit {exit}");
        self.lines(&render::error(&*failure, false));
    }

    /// Adds an error that is printed as a part of others.
    #[track_caller]
    pub(super) fn part<E: Error>(&mut self, error: &E) {
        self.part_with(error, None::<String>);
    }

    /// As [`part`](Self::part), with what to do about it.
    #[track_caller]
    pub(super) fn part_with<E: Error>(&mut self, error: &E, hint: Option<impl Into<String>>) {
        if !self.begin(std::any::type_name::<E>(), &format!("{error:?}"), &error.to_string()) {
            return;
        }
        self.lines(&words::ours(&error.to_string()));
        if let Some(hint) = hint {
            self.lines(&format!("hint: {}", words::ours(&hint.into())));
        }
    }

    /// Adds the text of an error whose type no other crate can name.
    #[track_caller]
    pub(super) fn words(&mut self, key: &str, text: &str) {
        let all = self.types.iter().flat_map(|of| of.variants.iter().map(move |one| (of.key(one), one)));
        let mut named = all.filter(|(known, _)| known == key);
        let (_, variant) = named.next().unwrap_or_else(|| panic!("{key} is not an error"));
        let is_text = matches!(&variant.shown, Shown::Text(template) if template.is_in(text));
        assert!(is_text, "{key} prints {text:?}");
        self.head(key.to_owned());
        self.lines(text);
    }

    /// Writes the heading; returns whether the error is new here.
    #[track_caller]
    fn begin(&mut self, type_name: &str, debug: &str, message: &str) -> bool {
        let (library, rest) = type_name.split_once("::").expect("types are in crates");
        let library = library.strip_prefix("reroot_").unwrap_or(library).replace('_', "-");
        let name = rest.rsplit("::").next().expect("split gives one");
        let key = self.key(&library, name, debug, &words::ours(message));
        if self.keys.contains(&key) {
            return false;
        }
        self.head(key);
        true
    }

    fn head(&mut self, key: String) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "# {key}");
        self.keys.push(key);
    }

    /// The key of a value by how it is debugged: of the error inside where it is printed as that.
    #[track_caller]
    fn key(&self, library: &str, name: &str, debug: &str, message: &str) -> String {
        let named = |of: &&ErrorType| of.name == name;
        let of = self.types.iter().filter(named).find(|of| of.library == library);
        let of = of.or_else(|| self.types.iter().find(named)).unwrap_or_else(|| panic!("{name} is not an error"));
        let word = debug.split(|c: char| !c.is_alphanumeric()).next().expect("split gives one");
        let variant = of.variants.iter().find(|one| one.name.is_empty() || one.name == word);
        let variant = variant.unwrap_or_else(|| panic!("{debug} is not a {name}"));
        match &variant.shown {
            Shown::Inner(inner) => {
                let inner = if inner == "CoreError" { "Error" } else { inner };
                let library = if inner == "Error" { "core" } else { library };
                self.key(library, inner, debug[word.len()..].trim_start_matches('('), message)
            }
            Shown::Text(template) => {
                let first = message.lines().next().unwrap_or_default();
                assert!(template.is_in(first), "{} prints {message:?}", of.key(variant));
                of.key(variant)
            }
        }
    }

    fn lines(&mut self, text: &str) {
        for line in text.lines() {
            self.text += line.trim_end();
            self.text.push('\n');
        }
    }
}
