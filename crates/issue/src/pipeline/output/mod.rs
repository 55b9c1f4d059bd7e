//! What a run leaves behind: a batch directory, a plan, or a signature file.

mod batch;
mod plan;
mod signatures;

pub(super) use batch::{Batch, Written};
pub(super) use plan::PlanOutput;
pub(super) use signatures::SignatureFile;

use crate::error::Error;
use crate::ledger::Ledger;

use super::authority::{Asked, Authority};
use super::intake::Ready;
use super::outcome::{Refusal, Timings};

/// What a run leaves behind, and the steps in which it is made. Nothing is replaced: what is at the output's place is this
/// product already, or the run fails.
pub trait Output {
    /// What is reported of it.
    type Product;
    /// What there is of it before it is sealed.
    type Made;

    /// Refuses early what would be refused late: a place that cannot be used, or that holds something else.
    ///
    /// # Errors
    /// See above.
    fn check_place(&self, ledger: &Ledger) -> Result<(), Error>;

    /// Looks for the product of an earlier run at the output's place.
    ///
    /// # Errors
    /// Something else is there, or part of the product is damaged.
    fn found(&self, ready: &mut Ready<'_>, ledger: &Ledger) -> Result<Option<Found<Self::Product>>, Error>;

    /// Has made and recorded all that goes into the product, and writes it under an unfinished name.
    ///
    /// # Errors
    /// See [`Authority::issue`].
    fn make(&self, asked: &Asked<'_>, authority: &dyn Authority) -> Result<Result<Self::Made, Refusal>, Error>;

    /// Records what the product needs to be made again, and gives it its name. Also returns whether it was there.
    ///
    /// # Errors
    /// The ledger, the manifest signer or the disk failed, or something else has the name.
    fn seal(&self, ready: &mut Ready<'_>, made: Self::Made, ledger: &Ledger) -> Result<(bool, Self::Product), Error>;

    /// Adds where the time went to what is reported.
    fn timed(product: Self::Product, timings: Timings) -> Self::Product;
}

/// What is at the output's place.
#[derive(Debug)]
pub enum Found<P> {
    /// The product, whole.
    Done(P),
    /// Nothing; and this run may not make it.
    Refused(Refusal),
}
