//! What kind of failure an error is. Front doors map it to an exit code or an HTTP status, each in one `match`.

/// Whose matter an error is. Every error of every stage has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// An option, the configuration or the policy is wrong, or the output exists. Nothing was signed.
    Usage,
    /// An input cannot be read or was refused. Nothing was signed.
    Input,
    /// What was to be checked does not hold.
    Content,
    /// The signer failed, or could not be reached or opened.
    Signer,
    /// The ledger or the output failed, or what this program had put aside changed.
    Storage,
    /// The run was ended early on request; the same command resumes it.
    Interrupted,
    /// A bug in this program.
    Bug,
}
