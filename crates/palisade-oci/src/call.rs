//! One logical request: what is asked for, and whether it may be asked again.

use palisade_types::Repository;
use reqwest::Method;
use reqwest::header::HeaderName;
use url::Url;

use crate::auth::Access;
use crate::budget::{Budget, Setback, give_up};
use crate::error::Error;
use crate::source::BlobSource;

/// What a request carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Blob { source: &'a BlobSource, size: u64 },
    Bytes(&'a [u8]),
    None,
}

/// One logical request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// What is asked for, in words, for messages.
    pub(crate) what: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) repository: &'a Repository,
    pub(crate) access: Access,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) payload: Payload<'a>,
    /// Whether a transient failure may be answered by sending it again.
    pub(crate) repeat: bool,
}

impl<'a> Call<'a> {
    /// A call that only reads, and may be repeated.
    pub(crate) fn read(what: String, method: Method, url: Url, repository: &'a Repository) -> Self {
        Self {
            what,
            method,
            url,
            repository,
            access: Access::Pull,
            headers: Vec::new(),
            payload: Payload::None,
            repeat: true,
        }
    }

    /// Waits for the next attempt, or gives up.
    pub(crate) async fn after(&self, fault: Fault, budget: &mut Budget) -> Result<(), Error> {
        match fault {
            Fault::Final(error) => Err(error),
            Fault::Again(setback) if self.repeat => budget.pause(&self.what, setback).await,
            Fault::Again(setback) => Err(give_up(&self.what, setback)),
        }
    }
}

/// Why one attempt gave nothing.
pub(crate) enum Fault {
    Again(Setback),
    Final(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}
