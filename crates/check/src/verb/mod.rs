//! What can be asked: one module a verb, none of which knows another.

pub mod audit;
pub mod inspect;
pub mod lookup;
pub mod policy;
pub mod verify;
pub mod verify_proof;
