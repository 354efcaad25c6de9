//! Redeems a signed decision, releases exactly that image on a platform, and reads back that it
//! runs.
//!
//! The only way from a decision to a platform is a [`DeployTicket`]; the only proof that the image
//! runs is a [`Receipt`]. This crate cannot decide and cannot sign.

#![expect(
    clippy::result_large_err,
    reason = "a failure is made once, ends the release, and says everything that is known"
)]

mod args;
mod demands;
pub mod driver;
mod error;
mod failure;
pub mod http;
pub mod machine;
pub mod platforms;
mod receipt;
mod receipt_file;
mod record;
mod refusal;
mod report;
pub mod retry;
mod run;
mod summaries;
mod ticket;

pub use args::Args;
pub use error::Error;
pub use failure::{Failure, Kind, Phase};
pub use receipt::{Observed, ReadBack, Receipt};
pub use record::{Entry, Mutated, Record, Serving, Strength};
pub use refusal::Refusal;
pub use run::run;
pub use summaries::{Candidate, Unusable};
pub use ticket::{Approval, DeployTicket, Expectation, IdentityKind, PolicyBound};
