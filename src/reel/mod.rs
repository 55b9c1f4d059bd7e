//! What comes in: archives, directories, bundles and files, read into [`SourceLeaf`]s of which nothing is believed.

mod source;

pub use source::{Input, InputRecord, Item, SourceLeaf};
