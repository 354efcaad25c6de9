//! Docker's `config.json` and Podman's `auth.json`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_types::Repository;
use palisade_types::json::parse_strict;
use serde::Deserialize;

use super::{Credential, Secret, helper};
use crate::error::Error;
use crate::limits;

/// The parts of `config.json` that name credentials.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ConfigFile {
    auths: BTreeMap<String, AuthEntry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    auth: Option<Secret>,
    identitytoken: Option<Secret>,
    password: Option<Secret>,
    registrytoken: Option<Secret>,
    username: Option<String>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let file = match std::fs::File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|e| Error::io(path, e))?,
        };
        let mut bytes = Vec::new();
        file.take(limits::CREDENTIALS + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io(path, e))?;
        if bytes.len() as u64 > limits::CREDENTIALS {
            let what = format!("`{}`", path.display());
            return Err(Error::limit(what, limits::CREDENTIALS, "bytes"));
        }
        Self::parse(&bytes)
            .map(Some)
            .map_err(|why| Error::Usage(format!("`{}`: {why}", path.display())))
    }

    // The reason never quotes the file: it holds passwords.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let value = parse_strict(bytes).map_err(|_| "is not valid JSON, or repeats a key")?;
        serde_json::from_value(value).map_err(|_| "is not a Docker configuration")
    }

    /// `credHelpers` for the host, then `auths`, then `credsStore`, as Docker asks them.
    pub(super) async fn find(&self, repository: &Repository) -> Result<Option<Credential>, Error> {
        let host = repository.registry();
        for key in keys(repository) {
            let helper = self.cred_helpers.iter().find(|(n, _)| normalised(n) == key);
            if let Some((_, name)) = helper {
                return helper::get(name, server_name(host)).await;
            }
        }
        for key in keys(repository) {
            let entry = self.auths.iter().find(|(name, _)| normalised(name) == key);
            if let Some((_, entry)) = entry
                && let Some(credential) = entry.credential(&key)?
            {
                return Ok(Some(credential));
            }
        }
        match &self.creds_store {
            Some(name) => helper::get(name, server_name(host)).await,
            None => Ok(None),
        }
    }
}

impl AuthEntry {
    fn credential(&self, key: &str) -> Result<Option<Credential>, Error> {
        if let Some(token) = non_empty(self.registrytoken.as_ref()) {
            return Ok(Some(Credential::Registry(token)));
        }
        if let Some(token) = non_empty(self.identitytoken.as_ref()) {
            return Ok(Some(Credential::Identity(token)));
        }
        if let Some(auth) = non_empty(self.auth.as_ref()) {
            let pair = STANDARD
                .decode(auth.expose().trim_end_matches('\0'))
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let (username, password) = pair
                .as_deref()
                .and_then(|pair| pair.split_once(':'))
                .ok_or_else(|| {
                    Error::Usage(format!(
                        "the `auth` entry of `{key}` is not base64 of USER:PASSWORD"
                    ))
                })?;
            return Ok(Some(Credential::Password {
                username: username.to_owned(),
                password: Secret::new(password.trim_end_matches('\0')),
            }));
        }
        Ok(match (&self.username, &self.password) {
            (Some(username), Some(password)) => Some(Credential::Password {
                username: username.clone(),
                password: password.clone(),
            }),
            _ => None,
        })
    }
}

fn non_empty(secret: Option<&Secret>) -> Option<Secret> {
    secret.filter(|s| !s.expose().is_empty()).cloned()
}

/// The keys to look for, the most specific first: repository, its parents, the host.
fn keys(repository: &Repository) -> Vec<String> {
    let mut keys = Vec::new();
    let full = repository.to_string();
    let mut rest = full.as_str();
    keys.push(rest.to_owned());
    while let Some((parent, _)) = rest.rsplit_once('/') {
        keys.push(parent.to_owned());
        rest = parent;
    }
    if repository.registry() == "docker.io" {
        keys.extend(["index.docker.io", "registry-1.docker.io"].map(str::to_owned));
    }
    keys
}

/// A key without scheme and API version: `https://index.docker.io/v1/` is `index.docker.io`.
fn normalised(key: &str) -> &str {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let bare = bare.trim_end_matches('/');
    bare.strip_suffix("/v1")
        .or_else(|| bare.strip_suffix("/v2"))
        .unwrap_or(bare)
}

/// The name under which helpers keep a host's credential.
fn server_name(host: &str) -> &str {
    match host {
        "docker.io" => "https://index.docker.io/v1/",
        other => other,
    }
}
