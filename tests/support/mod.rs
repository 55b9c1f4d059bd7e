//! What several integration tests need.
//!
//! ```text
//! #[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
//! #[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
//! mod support;
//! ```

pub mod campaign;
pub mod faulty;
pub mod golden;
pub mod judges;
pub mod pki;
pub mod run;
pub mod server;
pub mod workshop;
