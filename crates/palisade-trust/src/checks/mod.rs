//! The checks that `sigstore-verify` leaves out, each with the attack it stops.

pub(crate) mod certificate;
pub(crate) mod log;
pub(crate) mod shape;
pub(crate) mod time;
