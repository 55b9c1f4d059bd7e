//! The certification authority's half: prepare, sign, check.
