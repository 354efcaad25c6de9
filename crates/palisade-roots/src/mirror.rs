//! Asks a mirror: bounded answers, no redirects, no credentials, plain HTTP on this machine only.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, Repository};
use url::{Host, Url};

use crate::RootsError;

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(20);

pub(crate) struct Mirror {
    client: Client,
    base: Url,
}

impl Mirror {
    pub(crate) fn new(base: &Url) -> Result<Self, RootsError> {
        check(base)?;
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST);
        if base.scheme() == "http" {
            // This machine is not reached through a proxy.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| RootsError::Unreachable {
            mirror: base.to_string(),
            why: error.to_string(),
        })?;
        let mut base = base.clone();
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        Ok(Self { client, base })
    }

    async fn fetch(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let url = self
            .base
            .join(path)
            .ok()
            .filter(|url| url.as_str().starts_with(self.base.as_str()))
            .ok_or_else(|| Error::Malformed(format!("`{path}` leaves the repository")))?;
        let failed = |error| Error::transport_with_source(format!("fetching {path}"), error);
        let mut answer = self.client.get(url).send().await.map_err(failed)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(Error::transport(format!("HTTP {status} for {path}"))),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                let why = format!("{path} is larger than {limit} bytes");
                return Err(Error::IntegrityMismatch(why));
            }
        }
        Ok(Some(bytes))
    }
}

impl Repository for Mirror {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(name, max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.fetch(&format!("targets/{path}"), max_length).await })
    }
}

/// Whether we would ask there at all.
pub(crate) fn check(url: &Url) -> Result<(), RootsError> {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let why = if !url.username().is_empty() || url.password().is_some() {
        "no credentials are sent to mirrors"
    } else if url.query().is_some() || url.fragment().is_some() {
        "it has a query or fragment"
    } else if url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && loopback) {
        return Ok(());
    } else {
        "only https, or http on this machine"
    };
    let mut shown = url.clone();
    // Refused for addresses that cannot have them, which then have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    Err(RootsError::Mirror {
        mirror: shown.to_string(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_and_credentials_are_refused_and_their_twins_are_not() {
        let ok = |text: &str| check(&text.parse().expect("a URL")).is_ok();
        assert!(ok("https://tuf.example/a") && ok("http://localhost:1/tuf") && ok("http://[::1]/"));
        assert!(!ok("http://tuf.example/a") && !ok("http://localhost.example/tuf"));
        assert!(!ok("https://u:p@tuf.example/a") && !ok("https://tuf.example/a?t=1"));
        assert!(!ok("file:///tuf"));
    }
}
