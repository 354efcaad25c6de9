//! Which proxy a request goes through: the caller says, and for HTTPS alone.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::http::is_loopback;

type Serving = dyn Fn(&Url) -> Result<Option<Url>, String> + Send + Sync;

/// The proxies of this run. Nothing is read from the environment here.
///
/// Over plain HTTP a proxy would read what it passes on, and the answer of a metadata server is the
/// token to sign with: such requests, and those to this machine, go straight to their host.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Serving>>);

impl Proxies {
    /// Every request goes straight to its host.
    pub fn none() -> Self {
        Self::default()
    }

    /// `serving` gives the proxy for an address, `None` when it has none, and an error when it
    /// has one that cannot be used: the request is not made then.
    pub fn new(
        serving: impl Fn(&Url) -> Result<Option<Url>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(serving)))
    }

    pub(crate) fn serving(&self, url: &Url) -> Result<Option<Url>, String> {
        match &self.0 {
            Some(serving) if url.scheme() == "https" && !is_loopback(url) => serving(url),
            _ => Ok(None),
        }
    }
}

// An address may hold the password for the proxy.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "****" } else { "none" })
    }
}
