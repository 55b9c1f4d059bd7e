//! Who signs a batch: the port between the pipeline and the holder of the CA's key.
//!
//! - [`Local`]: the key at hand, in a file or a token.
//! - [`AirGapped`]: a machine without a network, to which a plan is carried and from which signatures come back.
//! - [`ExternalFile`]: an external CA, to which a table of requests is carried and from which certificates come back.
//! - [`Cmp`]: an external CA that answers over CMP.
//!
//! A new way to have certificates signed is one file here.

mod air_gapped;
mod answer;
mod cmp;
mod external_file;
mod local;

pub use air_gapped::AirGapped;
pub use cmp::{AskAgain, Cmp};
pub use external_file::{CODES as ANSWER_CODES, ExternalFile};
pub use local::Local;

use crate::cert::IssuedCertificate;
use crate::error::Error;
use crate::findings::Findings;
use crate::ledger::{AuthorityKind, Ledger};
use crate::policy::Policy;
use crate::verify::VerifiedLeaf;

use super::build::Work;
use super::intake::Ready;
use super::outcome::Refusal;

/// Has the certificates of a batch signed.
pub trait Authority {
    /// Returns what kind of authority this is: the batch row keeps it, and another kind cannot finish the batch.
    fn kind(&self) -> AuthorityKind;

    /// Checks that the authority can do what the policy wants. Called before anything is recorded.
    ///
    /// # Errors
    /// The authority cannot do that for any leaf.
    fn check_policy(&self, policy: &Policy) -> Result<(), Error>;

    /// Has every certificate of the batch made and hands all of them to `to`, in UID order, chunk by chunk.
    ///
    /// The batch has started. For each chunk an implementation first has the ledger record what is to be signed, has
    /// that signed, checks every signature under the CA's key, and has the ledger record the certificates before it
    /// hands them on. It takes from the ledger what an earlier run left there. It asks nothing twice of which it does
    /// not know what came of it. [`Receiver::begin`] is called once, after everything that can be refused without a
    /// record was looked at, and before the first chunk.
    ///
    /// Returns a refusal where certificates are missing or are not what was asked for. The batch stays open then.
    ///
    /// # Errors
    /// The signer, the ledger or the receiver failed, or the run was interrupted. What was signed until then is
    /// recorded.
    fn issue(&self, asked: &Asked<'_>, to: &mut dyn Receiver) -> Result<Result<Report, Refusal>, Error>;
}

/// What an authority is asked for.
#[expect(missing_debug_implementations, reason = "holds millions of rows")]
pub struct Asked<'a> {
    pub(super) ready: &'a Ready<'a>,
    /// The leaves in chunks, and how each becomes what is to be signed.
    pub(super) work: Work<'a>,
    pub(super) ledger: &'a Ledger,
}

/// Takes the certificates of a batch.
pub trait Receiver {
    /// Prepares to take chunks.
    ///
    /// # Errors
    /// They cannot be kept.
    fn begin(&mut self) -> Result<(), Error>;

    /// Takes a chunk, of which every certificate is on the ledger.
    ///
    /// # Errors
    /// It cannot be kept.
    fn take(&mut self, chunk: Chunk) -> Result<(), Error>;
}

/// The certificates of a chunk, in UID order.
#[derive(Debug)]
pub struct Chunk(pub(super) Vec<Made>);

/// A certificate that was made for a leaf.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) leaf: VerifiedLeaf,
    pub(super) certificate: IssuedCertificate,
    /// For the certificate of an external CA: the names of the fields in which it differs from what was asked for.
    pub(super) differs: Option<Vec<String>>,
}

/// What is known when all certificates were made.
#[derive(Debug)]
pub struct Report {
    /// Whether the ledger already held certificates of this batch.
    pub(super) resumed: bool,
    /// How many signatures the CA's key has made for this batch, as far as that is known.
    pub(super) signatures_made: u64,
    /// What was returned and left out.
    pub(super) findings: Findings,
    /// Things worth a look.
    pub(super) warnings: Vec<String>,
}
