//! A batch that is handed to workers.

mod farm;
mod faults;
mod status;
