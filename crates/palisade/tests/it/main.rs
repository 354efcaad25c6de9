//! The dispatcher as its users meet it: environment, exit codes, errors.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod environment;
mod errors;
mod installation;
mod process;
