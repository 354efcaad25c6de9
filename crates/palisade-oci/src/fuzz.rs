//! The private parsers of this crate, for `tests/fuzz`. Behind the feature `fuzz`, which no binary
//! switches on.

use palisade_types::Repository;
use reqwest::Method;
use url::Url;

use crate::call::Call;
use crate::credentials::{Credential, CredentialStore};
use crate::error::Error;
use crate::pages::{follow, next_in};

pub use crate::challenge::{Challenge, choose as choose_challenge};
pub use crate::layers::fuzz::read_layers;

/// Reads the answer of a credential helper.
pub fn helper_answer(output: &[u8]) -> Option<Credential> {
    crate::credentials::helper::read(output)
}

/// The credential for a repository in a Docker configuration. Runs the credential helpers that it
/// names.
pub async fn credential(
    config: &[u8],
    repository: &Repository,
) -> Result<Option<Credential>, Error> {
    let store = CredentialStore::from_docker_config(config)?;
    store.find(repository).await
}

/// The page that a `Link` header of a list at this address leads to; `None` if it names no next
/// one.
pub fn next_page(list: &Url, repository: &Repository, link: &str) -> Option<Result<Url, Error>> {
    let call = Call::read("a list".to_owned(), Method::GET, list.clone(), repository);
    let target = next_in(link).ok().flatten()?;
    Some(follow(&call, &target))
}
