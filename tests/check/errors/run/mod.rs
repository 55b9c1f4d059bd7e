//! Commands with one wrong file or word each, whose texts are in `tests/cli/`.

mod batches;
mod files;
