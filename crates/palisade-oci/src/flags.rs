//! The flags that say how registries are reached, the same for every command that reaches one.

use std::path::PathBuf;

use crate::{ClientOptions, ContentCache, CredentialStore, Proxies, TlsOptions};

// No doc comment on the struct: clap would show it in place of the command's own.
#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "The registry")]
pub struct RegistryArgs {
    /// Speak plain HTTP to every registry
    ///
    /// Loopback needs no such flag. No other registry is sent a password over plain HTTP.
    #[arg(long)]
    pub allow_http_registry: bool,
    /// Take any certificate from a registry
    ///
    /// No registry is sent a password then: name its authority with --registry-cacert instead.
    #[arg(long)]
    pub allow_insecure_registry: bool,
    /// Reach a registry over plain HTTP: host or host:port
    ///
    /// No password is sent to it.
    #[arg(long, value_name = "HOST")]
    pub insecure_registry: Vec<String>,
    /// Ask registries for everything, and keep nothing for the next run
    ///
    /// Without it, what a digest names is kept in a folder (PALISADE_CACHE) and hashed again when it
    /// is read. Tags and lists are always asked for.
    #[arg(long)]
    pub no_cache: bool,
    /// Believe the authorities in this PEM file about registries, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub registry_cacert: Option<PathBuf>,
    /// Show registries the certificate in this PEM file
    #[arg(long, value_name = "FILE", requires = "registry_client_key")]
    pub registry_client_cert: Option<PathBuf>,
    /// The PEM file with the key of --registry-client-cert
    #[arg(long, value_name = "FILE", requires = "registry_client_cert")]
    pub registry_client_key: Option<PathBuf>,
}

impl RegistryArgs {
    /// The options of a client for this command, with what the flags leave to the environment:
    /// credentials, proxies, and the cache.
    pub fn options(
        &self,
        command: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> ClientOptions {
        let cache = ContentCache::from_environment(&variable);
        let client = self.registry_client_cert.clone();
        ClientOptions {
            cache: cache.filter(|_| !self.no_cache),
            credentials: CredentialStore::from_environment(&variable),
            insecure_hosts: self.insecure_registry.clone(),
            plain_http: self.allow_http_registry,
            proxies: Proxies::from_environment(&variable),
            tls: TlsOptions {
                accept_any_certificate: self.allow_insecure_registry,
                authorities: self.registry_cacert.clone(),
                client: client.zip(self.registry_client_key.clone()),
            },
            user_agent: format!("palisade-{command}/{}", env!("CARGO_PKG_VERSION")),
            ..ClientOptions::default()
        }
    }

    /// The hosts whose identity is not checked, `*` for all: what a decision has to tell.
    pub fn unchecked_hosts(&self) -> Vec<String> {
        let all = self.allow_http_registry || self.allow_insecure_registry;
        let all = all.then(|| "*".to_owned());
        all.into_iter()
            .chain(self.insecure_registry.iter().cloned())
            .collect()
    }
}
