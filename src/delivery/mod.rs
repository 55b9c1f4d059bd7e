//! Port: where a batch goes.
