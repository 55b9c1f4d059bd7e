//! What is wrong with a file: every mistake at once, each with its place.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::origin::Code;
use crate::text::Printable;

/// One mistake in a file or in what the file is used with. `C` is the error behind it, where there can be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError<C = Infallible> {
    code: Code,
    message: String,
    span: Range<usize>,
    hint: Option<String>,
    cause: Option<C>,
}

impl<C> FileError<C> {
    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What was found and what was expected: a lower-case fragment, safe to print.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The place in the file's text, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The error behind it.
    pub fn cause(&self) -> Option<&C> {
        self.cause.as_ref()
    }
}

/// All mistakes of one file, in the order of their places, with the text they point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileErrors<C = Infallible> {
    file: PathBuf,
    text: String,
    errors: Vec<FileError<C>>,
}

impl<C> FileErrors<C> {
    /// The file's name as it was given.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The file's text, into which spans point; empty if the file could not be read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The mistakes; never empty.
    pub fn errors(&self) -> &[FileError<C>] {
        &self.errors
    }

    /// Line and column of a mistake, both from 1, the column in characters.
    pub fn position(&self, error: &FileError<C>) -> (usize, usize) {
        let before = self.text.get(..error.span.start).unwrap_or(&self.text);
        let line = before.rsplit('\n').next().unwrap_or(before);
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

impl FileErrors {
    /// The same mistakes among those that can have an error behind them.
    pub fn with_cause<C>(self) -> FileErrors<C> {
        let Self { file, text, errors } = self;
        let error = |FileError { code, message, span, hint, .. }| FileError { code, message, span, hint, cause: None };
        FileErrors { file, text, errors: errors.into_iter().map(error).collect() }
    }
}

/// One line for each mistake: `file:line:column: code: message`.
impl<C> fmt::Display for FileErrors<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.errors.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            let (line, column) = self.position(error);
            write!(f, "{}:{line}:{column}: {}: {}", Printable::new(&self.file), error.code, error.message)?;
        }
        Ok(())
    }
}

impl<C: fmt::Debug> std::error::Error for FileErrors<C> {}

/// Collects mistakes while a file is read, so that one does not hide the next.
#[derive(Debug)]
pub struct Mistakes<C = Infallible>(RefCell<Vec<FileError<C>>>);

impl<C> Default for Mistakes<C> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<C> Mistakes<C> {
    /// Notes a mistake; returns `None` so that a reader can end with it.
    pub fn push<T>(&self, code: Code, span: impl Borrow<Range<usize>>, message: impl Into<String>) -> Option<T> {
        self.note(code, span.borrow(), &message.into(), None, None)
    }

    /// As [`push`](Self::push), with what to do about it.
    pub fn push_hint<T>(
        &self,
        code: Code,
        span: impl Borrow<Range<usize>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<T> {
        self.note(code, span.borrow(), &message.into(), Some(hint.into()), None)
    }

    /// As [`push`](Self::push), with the error behind it.
    pub fn push_cause<T>(
        &self,
        code: Code,
        span: impl Borrow<Range<usize>>,
        message: impl Into<String>,
        (hint, cause): (Option<String>, C),
    ) -> Option<T> {
        self.note(code, span.borrow(), &message.into(), hint, Some(cause))
    }

    /// Records a mistake. Every mistake is recorded here, so that its message and hint are printable, even where they
    /// repeat text of this file or of a different one.
    fn note<T>(
        &self,
        code: Code,
        span: &Range<usize>,
        message: &str,
        hint: Option<String>,
        cause: Option<C>,
    ) -> Option<T> {
        let message = Printable::new(message).to_string();
        let hint = hint.map(|hint| Printable::new(&hint).to_string());
        self.0.borrow_mut().push(FileError { code, message, span: span.clone(), hint, cause });
        None
    }

    /// How many mistakes were noted.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Returns `value` if nothing is wrong, otherwise everything that is.
    ///
    /// # Errors
    /// A mistake was noted.
    pub fn finish<T>(self, file: impl AsRef<Path>, text: &str, value: Option<T>) -> Result<T, FileErrors<C>> {
        let mut errors = self.0.into_inner();
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => {
                debug_assert!(!errors.is_empty(), "a reader gave up without saying why");
                errors.sort_by_key(|error| (error.span.start, error.span.end));
                errors.dedup_by(|one, other| one.cause.is_none() && one.says_the_same_as(other));
                Err(FileErrors { file: file.as_ref().to_owned(), text: text.to_owned(), errors })
            }
        }
    }
}

impl<C> FileError<C> {
    fn says_the_same_as(&self, other: &Self) -> bool {
        (self.code, &self.message, &self.span, &self.hint) == (other.code, &other.message, &other.span, &other.hint)
    }
}
