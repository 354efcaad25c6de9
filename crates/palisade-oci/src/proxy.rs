//! Which proxy a request goes through: what the environment says, read once and explicitly.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::address::is_loopback;
use crate::error::{Error, printable};

/// Proxies by the scheme of the request, and the hosts that are reached without one. Loopback
/// always is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    direct: Vec<Direct>,
    http: Option<Proxy>,
    https: Option<Proxy>,
}

/// A proxy, or what is wrong with the variable that names one.
type Proxy = Result<Url, String>;

/// One entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Direct {
    Everything,
    /// An address and how many of its leading bits count.
    Network(IpAddr, u32),
    Host {
        name: String,
        port: Option<u16>,
        /// Written with a leading dot: the hosts below that name only.
        below_only: bool,
    },
}

impl Proxies {
    /// Every request goes straight to its host.
    pub fn none() -> Self {
        Self::default()
    }

    /// What these variables say, as Go's and curl's clients read them: `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY` for what the former leave open, `NO_PROXY` for exceptions; each in lower case
    /// too. What names no proxy that we can use, such as SOCKS ones, is an error of each request
    /// that would take it: passing it over would send the request where it must not go.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| {
            let found = variable(name).filter(|value| !value.trim().is_empty());
            found.or_else(|| variable(&name.to_ascii_lowercase()))
        };
        let proxy = |name: &str| {
            let text = get(name).filter(|text| !text.trim().is_empty())?;
            Some(parse(name, text.trim()))
        };
        let all = proxy("ALL_PROXY");
        Self {
            direct: exceptions(&get("NO_PROXY").unwrap_or_default()),
            http: proxy("HTTP_PROXY").or_else(|| all.clone()),
            https: proxy("HTTPS_PROXY").or(all),
        }
    }

    /// The proxy for this address, if it has one. One that cannot be used is [`Error::Usage`].
    pub fn serving(&self, url: &Url) -> Result<Option<&Url>, Error> {
        let proxy = match url.scheme() {
            "http" => self.http.as_ref(),
            _ => self.https.as_ref(),
        };
        let direct = is_loopback(url) || self.direct.iter().any(|direct| direct.covers(url));
        let proxy = proxy.filter(|_| !direct).map(Result::as_ref).transpose();
        proxy.map_err(|why| Error::Usage(why.clone()))
    }

    /// Whether a proxy has this host name.
    pub(crate) fn has_host(&self, name: &str) -> bool {
        let proxies = [&self.http, &self.https].into_iter().flatten();
        let mut hosts = proxies.flatten().filter_map(Url::host_str);
        hosts.any(|host| host.eq_ignore_ascii_case(name))
    }
}

// An address may hold the password for the proxy.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |proxy: &Option<Proxy>| {
            let url = proxy.as_ref().and_then(|proxy| proxy.as_ref().ok());
            url.and_then(|url| url.host_str().map(str::to_owned))
        };
        f.debug_struct("Proxies")
            .field("http", &host(&self.http))
            .field("https", &host(&self.https))
            .field("direct", &self.direct)
            .finish()
    }
}

/// A proxy's address; without a scheme it is an HTTP proxy. Errors do not repeat it: it may hold
/// a password.
fn parse(name: &str, text: &str) -> Proxy {
    let wrong = |why: String| format!("`{name}` {why}");
    let address = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url =
        Url::parse(&address).map_err(|_| wrong("is not the address of a proxy".to_owned()))?;
    match url.scheme() {
        "http" | "https" if url.host().is_some() => Ok(url),
        scheme => Err(wrong(format!(
            "names a proxy of a kind that is not supported: `{}`",
            printable(scheme)
        ))),
    }
}

fn exceptions(text: &str) -> Vec<Direct> {
    let entries = text.split([',', ' ', '\t']);
    entries
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(exception)
        .collect()
}

fn exception(text: &str) -> Direct {
    if text == "*" {
        return Direct::Everything;
    }
    if let Some((address, bits)) = text.split_once('/')
        && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u32>())
    {
        return Direct::Network(address, bits);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Direct::Network(address, u32::MAX);
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => (name, port.parse().ok()),
        _ => (text, None),
    };
    let below_only = name.starts_with('.') || name.starts_with("*.");
    let name = name.trim_start_matches('*').trim_start_matches('.');
    Direct::Host {
        name: name.to_ascii_lowercase(),
        port,
        below_only,
    }
}

impl Direct {
    fn covers(&self, url: &Url) -> bool {
        match (self, url.host()) {
            (Self::Everything, _) => true,
            (Self::Network(network, bits), Some(Host::Ipv4(ip))) => {
                within(IpAddr::V4(ip), *network, *bits)
            }
            (Self::Network(network, bits), Some(Host::Ipv6(ip))) => {
                within(IpAddr::V6(ip), *network, *bits)
            }
            (
                Self::Host {
                    name,
                    port,
                    below_only,
                },
                Some(host),
            ) => {
                let host = host.to_string();
                let below = host
                    .strip_suffix(name.as_str())
                    .is_some_and(|rest| rest.ends_with('.'));
                let same_port = port.is_none() || *port == url.port_or_known_default();
                same_port && (below || (!below_only && host == *name))
            }
            _ => false,
        }
    }
}

/// Whether the first `bits` bits are the same; more bits than there are mean all.
fn within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (ip, network, width) = match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            (u128::from(ip.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => (ip.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let ignored = width - bits.min(width);
    (ip ^ network).checked_shr(ignored).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(set: &[(&str, &str)]) -> Proxies {
        Proxies::from_environment(|name| {
            let found = set.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn through(set: &[(&str, &str)], url: &str) -> Option<String> {
        let proxies = proxies(set);
        let url = Url::parse(url).expect("valid");
        proxies.serving(&url).expect("usable").map(Url::to_string)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_all_proxy_serves_the_rest() {
        let set = [
            ("HTTPS_PROXY", "http://a.example:3128"),
            ("ALL_PROXY", "b.example:8080"),
        ];
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            through(&set, "https://ghcr.io/v2/"),
            some("http://a.example:3128/")
        );
        assert_eq!(
            through(&set, "http://r.example/v2/"),
            some("http://b.example:8080/")
        );
        let lower = [
            ("https_proxy", "http://a.example:3128"),
            ("HTTPS_PROXY", ""),
        ];
        assert_eq!(
            through(&lower, "https://ghcr.io/"),
            some("http://a.example:3128/")
        );
        assert_eq!(through(&lower, "http://ghcr.io/"), None);
        assert_eq!(through(&[], "https://ghcr.io/"), None);
    }

    #[test]
    fn loopback_and_exceptions_go_straight() {
        let through = |no_proxy: &str, url: &str| {
            let set = [("ALL_PROXY", "http://p.example"), ("NO_PROXY", no_proxy)];
            through(&set, url).is_some()
        };
        for (no_proxy, url, proxied) in [
            ("", "https://ghcr.io/", true),
            ("", "http://127.0.0.1:5000/", false),
            ("", "http://localhost:5000/", false),
            ("*", "https://ghcr.io/", false),
            ("acme.example", "https://acme.example/", false),
            ("acme.example", "https://r.acme.example/", false),
            ("acme.example", "https://evilacme.example/", true),
            (".acme.example", "https://acme.example/", true),
            ("*.acme.example", "https://r.acme.example/", false),
            (
                "a.example, r.example:5000",
                "https://r.example:5000/",
                false,
            ),
            ("a.example, r.example:5000", "https://r.example/", true),
            ("10.0.0.0/8", "https://10.1.2.3/", false),
            ("10.0.0.0/8", "https://11.1.2.3/", true),
            ("10.1.2.3", "https://10.1.2.3/", false),
            ("10.1.2.3", "https://10.1.2.4/", true),
            ("fd00::/8", "https://[fd12::1]/", false),
            ("fd00::/8", "https://[fe12::1]/", true),
            ("0.0.0.0/0", "https://192.0.2.1/", false),
        ] {
            assert_eq!(through(no_proxy, url), proxied, "NO_PROXY={no_proxy} {url}");
        }
    }

    #[test]
    fn a_proxy_we_cannot_use_is_refused_and_its_password_is_not_told() {
        for bad in [
            "socks5://user:hunter2@p.example",
            "socks5h://p.example",
            "http://user:hunter2@[",
            "file:///hunter2",
        ] {
            let proxies = proxies(&[("HTTPS_PROXY", bad)]);
            let serving = |text: &str| proxies.serving(&Url::parse(text).expect("valid"));
            let error = serving("https://ghcr.io/").expect_err(bad);
            assert!(matches!(error, Error::Usage(_)), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            // What would not take it is served.
            assert_eq!(serving("https://127.0.0.1/").expect("direct"), None);
        }
        let good = proxies(&[("HTTPS_PROXY", "http://user:hunter2@p.example")]);
        assert!(!format!("{good:?}").contains("hunter2"), "{good:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_list_of_exceptions_panics(text in "\\PC{0,40}") {
            let set = [("ALL_PROXY", "http://p.example"), ("NO_PROXY", text.as_str())];
            through(&set, "https://10.1.2.3:5000/");
            through(&set, "https://[fd00::1]/");
        }
    }
}
