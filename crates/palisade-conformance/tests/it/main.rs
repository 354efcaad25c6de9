//! The program as the conformance suite calls it: arguments in its order, the exit code is the
//! verdict.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

mod collected;
mod program;
mod recorded;
mod sign;
