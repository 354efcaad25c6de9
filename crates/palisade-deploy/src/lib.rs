//! Redeems a signed decision, releases exactly that image on a platform, and reads back that it
//! runs.

pub mod driver;
mod failure;
pub mod machine;
pub mod platforms;
mod receipt;
mod record;
mod refusal;
pub mod retry;
mod ticket;

pub use failure::{Failure, Kind, Phase};
pub use receipt::{Observed, ReadBack, Receipt};
pub use record::{Entry, Mutated, Record, Serving, Strength};
pub use refusal::Refusal;
pub use ticket::{Approval, DeployTicket, Expectation, IdentityKind};
