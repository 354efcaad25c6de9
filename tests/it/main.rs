//! Whole stories: the journeys of `journeys/*.md` as console transcripts, and real peers.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up should stop there"
)]

mod answers;
mod binaries;
mod faults;
mod finding;
mod hostile;
mod interop;
mod journeys;
mod peers;
mod quirks;
mod transcript;
