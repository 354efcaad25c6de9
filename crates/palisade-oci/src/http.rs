//! The HTTP clients beneath: one for each kind of address, since what is checked about a peer
//! depends on who named it.

use std::collections::HashMap;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Identity};
use url::Url;

use crate::address::{Home, may_reach};
use crate::answer::chain;
use crate::client::ClientOptions;
use crate::error::{Error, printable};
use crate::limits;

/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// What a peer may send on one HTTP/2 stream, and on all of one connection, before we have read
/// it, in bytes. The second keeps 100 MB/s going at 100 ms a round trip, and bounds the memory.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// How the other side of a TLS connection to a registry is known, and how it knows us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Believe the authorities in this PEM file, and no others, about registries; and beside the
    /// system's about where registries send us.
    pub authorities: Option<PathBuf>,
    /// Show registries the certificate in this PEM file, with the key in this one.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Take any certificate from a registry. Nothing secret is sent to one then.
    pub accept_any_certificate: bool,
}

/// Who named an address, and how far it may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    /// The caller did: wherever its name leads.
    Named,
    /// Over plain HTTP: loopback, or a host the caller listed.
    Plain,
    /// A server did: its name must not lead into networks that server is not in.
    Foreign(Home),
}

/// The clients made so far. Each keeps its connections.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<Route, reqwest::Client>>);

impl Clients {
    /// The client for this route. Loading the system's certificates costs milliseconds, so it
    /// waits for the first https request.
    pub(crate) fn get(
        &self,
        route: Route,
        options: &ClientOptions,
    ) -> Result<reqwest::Client, Error> {
        let mut clients = self.0.lock().expect("nothing panics while holding it");
        if let Some(client) = clients.get(&route) {
            return Ok(client.clone());
        }
        let client = build(route, options)?;
        clients.insert(route, client.clone());
        Ok(client)
    }
}

fn build(route: Route, options: &ClientOptions) -> Result<reqwest::Client, Error> {
    let proxies = options.proxies.clone();
    let mut builder = reqwest::Client::builder()
        .user_agent(&options.user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIME)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        // What reqwest would read from the environment by itself is off.
        .no_proxy()
        .proxy(reqwest::Proxy::custom(move |url| {
            // A proxy that cannot be used was refused before the request was made.
            proxies.serving(url).ok().flatten().cloned()
        }))
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate();
    let authorities = match &options.tls.authorities {
        Some(path) if route != Route::Plain => certificates(path)?,
        _ => Vec::new(),
    };
    builder = match route {
        Route::Plain => builder.tls_certs_only([]),
        Route::Named if options.tls.accept_any_certificate => {
            builder.tls_danger_accept_invalid_certs(true)
        }
        Route::Named if !authorities.is_empty() => builder.tls_certs_only(authorities),
        Route::Named => builder,
        Route::Foreign(home) => {
            let proxies = options.proxies.clone();
            builder
                .tls_certs_merge(authorities)
                .dns_resolver(Guard { home, proxies })
        }
    };
    if let (Route::Named, Some((certificate, key))) = (route, &options.tls.client) {
        builder = builder.identity(identity(certificate, key)?);
    }
    builder.build().map_err(|e| Error::Unreachable {
        what: "the HTTP client".to_owned(),
        why: chain(&e),
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Error> {
    let wrong = || Error::Usage(format!("`{}` holds no certificate in PEM", path.display()));
    let found = Certificate::from_pem_bundle(&pem(path)?).map_err(|_| wrong())?;
    // An empty file would mean "no other authorities than the system's".
    if found.is_empty() {
        return Err(wrong());
    }
    Ok(found)
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, Error> {
    let mut both = pem(certificate)?;
    both.push(b'\n');
    both.extend(pem(key)?);
    // The reason could quote the key.
    Identity::from_pem(&both).map_err(|_| {
        let (certificate, key) = (certificate.display(), key.display());
        Error::Usage(format!(
            "`{certificate}` and `{key}` are no certificate and key in PEM"
        ))
    })
}

fn pem(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |e| Error::io(path, e);
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(limits::PEM + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > limits::PEM {
        let what = format!("`{}`", path.display());
        return Err(Error::limit(what, limits::PEM, "bytes"));
    }
    Ok(bytes)
}

/// Resolves names that a server chose. The addresses it lets through are the ones connected to, so
/// a name that changes its answer in between gains nothing.
struct Guard {
    home: Home,
    proxies: crate::Proxies,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let home = self.home;
        // A proxy was named by the caller, and resolves the names it is asked for itself.
        let is_proxy = self.proxies.has_host(name.as_str());
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let (allowed, refused): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.partition(|address| is_proxy || may_reach(address.ip(), home));
            // All of them: whoever mixes in one such address is not to be trusted with the rest.
            if let Some(refused) = refused.first() {
                return Err(forbidden(&host, refused.ip()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Says so in the chain of causes; see [`is_forbidden`].
fn forbidden(host: &str, ip: IpAddr) -> ForbiddenAddress {
    ForbiddenAddress(format!(
        "a server sent us to `{}`, which is the private address {ip}",
        printable(host)
    ))
}

/// A name chosen by a server that leads where it may not.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ForbiddenAddress(String);

/// Whether this failure is a refusal of ours, which repeating would not change.
pub(crate) fn is_forbidden(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<ForbiddenAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The address this answer came from, unless it came through a proxy.
pub(crate) fn answered_from(
    url: &Url,
    response: &reqwest::Response,
    options: &ClientOptions,
) -> Option<IpAddr> {
    let direct = matches!(options.proxies.serving(url), Ok(None));
    let address = response.remote_addr().filter(|_| direct)?;
    Some(address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(home: Home, proxies: crate::Proxies) -> Result<Vec<SocketAddr>, String> {
        let name = "localhost".parse().expect("a name");
        let found = Guard { home, proxies }.resolve(name).await;
        match found {
            Ok(found) => Ok(found.collect()),
            Err(error) if is_forbidden(&*error) => Err(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        let none = crate::Proxies::none;
        for home in [Home::Public, Home::Private] {
            let error = resolved(home, none()).await.expect_err("this machine");
            assert!(error.contains("private address"), "{error}");
        }
        assert!(
            !resolved(Home::Loopback, none())
                .await
                .expect("home")
                .is_empty()
        );
        let proxy = crate::Proxies::from_environment(|name| {
            (name == "HTTPS_PROXY").then(|| "http://localhost:3128".to_owned())
        });
        let found = resolved(Home::Public, proxy).await;
        assert!(!found.expect("the caller's proxy").is_empty());
    }
}
