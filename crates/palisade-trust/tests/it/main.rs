//! Verification against recorded bundles: every fault is refused for its reason, every control
//! is accepted.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its fixture has failed"
)]

mod faults;
mod fixtures;
mod intoto;
mod keyed;
mod matrix;
mod mutations;
mod profiles;
mod random;
mod signers;
mod survivors;
mod tampered;
mod times;
mod wire;
