//! Nothing is sealed that `verify` refuses: CAs of other software, their constraints, their dates, the clock.

mod ca;
mod clock;
mod constraints;
mod forms;
mod lifetimes;
mod makers;
