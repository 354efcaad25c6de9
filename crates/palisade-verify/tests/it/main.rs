//! The program from outside: exit codes, output and requests.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

mod attestation;
mod bad_input;
mod blob;
mod claims;
mod exits;
mod image;
mod keyed;
mod lab;
mod legacy;
mod many;
mod older;
mod outages;
mod program;
mod recursive;
mod registry;
mod roots;
mod tree;
