//! Exit codes: exhaustive, documented for operators, never renumbered (docs/guide/operator-guide.md).

use reroot_core::class::Class;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: all done, also: already done
    Done,
    /// 1: issued with rejections (`--on-reject skip`) or missing chips (`--on-missing note`), findings (`inspect --verify`), an
    /// input without a certificate (`inspect`), or the content does not hold
    Findings,
    /// 2: usage, configuration or policy is wrong; output exists
    Usage,
    /// 3: input cannot be read, was rejected, or nothing was left to issue
    Input,
    /// 4: the signer failed
    Signer,
    /// 5: ledger or output failed, or the spooled input changed under the run
    Storage,
    /// 6: interrupted; the same command resumes
    Interrupted,
    /// 70: a bug in this program
    Bug,
}

impl Exit {
    /// The number for the shell.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Signer => 4,
            Self::Storage => 5,
            Self::Interrupted => 6,
            Self::Bug => 70,
        }
    }

    /// The exit for a kind of failure.
    pub const fn of(class: Class) -> Self {
        match class {
            Class::Usage => Self::Usage,
            Class::Input => Self::Input,
            Class::Content => Self::Findings,
            Class::Signer => Self::Signer,
            Class::Storage => Self::Storage,
            Class::Interrupted => Self::Interrupted,
            Class::Bug => Self::Bug,
        }
    }
}
