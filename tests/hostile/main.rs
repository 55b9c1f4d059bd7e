//! Inputs made to do harm: a corpus, a campaign of mutations, and inputs that ask for more memory than there is.

use reroot_test_support as support;

mod campaign;
mod corpus;
mod memory;
