//! What `palisade deploy` refuses, releases and believes, against a stand-in for Render.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli;
mod contract;
mod faults;
mod playback;
mod support;
mod ticket;
