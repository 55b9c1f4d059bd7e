//! A batch that is handed to workers.

mod status;
