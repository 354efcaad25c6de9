//! The policy crate from outside: its pages, its diagnostics, its properties, the ready policies.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up should stop"
)]

mod diagnostics;
mod pages;
mod policies;
mod properties;
mod scene;
