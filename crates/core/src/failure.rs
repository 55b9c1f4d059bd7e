//! What a front door can do with an error of any of the libraries: print it with its hint and its places in a file, and
//! end as its class says.

use std::fmt::{Debug, Display};
use std::ops::Range;
use std::path::Path;

use crate::class::Class;
use crate::error::Error;
use crate::toml::FileErrors;

/// An error as a front door prints it.
pub trait Failure: Debug + Display + Send + Sync {
    /// The kind of failure.
    fn class(&self) -> Class;

    /// What to do about it, as a sentence, where that can be said.
    fn hint(&self) -> Option<String>;

    /// Every mistake in a file that a person wrote, with its place; `None` for every other error.
    fn mistakes(&self) -> Option<MistakesIn<'_>> {
        None
    }

    /// Returns whether the message is a list, one line a mistake.
    fn is_list(&self) -> bool {
        self.mistakes().is_some()
    }
}

/// The mistakes in one file.
#[derive(Debug)]
pub struct MistakesIn<'a> {
    /// What the file is: `policy` or `configuration`.
    pub what: &'static str,
    /// The file.
    pub file: &'a Path,
    /// The text of the file.
    pub text: &'a str,
    /// The mistakes.
    pub mistakes: Vec<Mistake<'a>>,
}

impl<'a> MistakesIn<'a> {
    /// The mistakes that a reader of the file found.
    pub fn of<C>(what: &'static str, errors: &'a FileErrors<C>) -> Self {
        let mistakes = errors.errors().iter().map(|error| Mistake {
            code: error.code().as_str(),
            message: error.message(),
            hint: error.hint(),
            span: error.span(),
        });
        Self { what, file: errors.file(), text: errors.text(), mistakes: mistakes.collect() }
    }
}

/// A mistake at a place in a file.
#[derive(Debug)]
pub struct Mistake<'a> {
    /// Stable code.
    pub code: &'static str,
    /// What was found and what was expected.
    pub message: &'a str,
    /// What to do about it.
    pub hint: Option<&'a str>,
    /// The bytes of the text.
    pub span: Range<usize>,
}

/// Becomes a failure. Every error that a library returns does.
pub trait IntoFailure {
    /// Returns the error as a front door takes it.
    fn into_failure(self) -> Box<dyn Failure>;
}

impl<E: Into<Error>> IntoFailure for E {
    fn into_failure(self) -> Box<dyn Failure> {
        Box::new(self.into())
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        self.class()
    }

    fn hint(&self) -> Option<String> {
        self.hint()
    }

    fn mistakes(&self) -> Option<MistakesIn<'_>> {
        let Self::Policy(errors) = self else { return None };
        Some(MistakesIn::of("policy", errors))
    }
}
