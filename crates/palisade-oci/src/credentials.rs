//! Registry credentials from Docker's and Podman's files and helpers.

use crate::Error;
use std::path::PathBuf;

/// Where credentials come from. Files are read when the first registry asks for credentials.
#[derive(Clone, Debug, Default)]
pub struct CredentialStore {}

#[allow(unused_variables)]
impl CredentialStore {
    /// No credentials: every registry is asked anonymously.
    pub fn anonymous() -> Self {
        todo!()
    }
    /// The content of a Docker `config.json`.
    pub fn from_docker_config(bytes: &[u8]) -> Result<Self, Error> {
        todo!()
    }
    /// These files, the first hit wins; files that do not exist are passed over.
    pub fn from_paths(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        todo!()
    }
    /// One more credential, asked before all others.
    pub fn with_password(self, host: &str, username: &str, password: &str) -> Self {
        todo!()
    }
}
