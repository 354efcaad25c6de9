//! The gate from outside: the real binary against a lab.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up should stop"
)]

mod allow;
mod deny;
mod golden;
mod replay;
mod resolve;
mod stage;
mod usage;
