//! Which addresses we speak to, and what we may tell them: a registry chooses the address of its
//! token service, its redirects and its upload sessions, so each of them is checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::client::ClientOptions;
use crate::error::{Error, printable};

/// Token services on another domain than their registry, known to belong to it.
const KNOWN_REALMS: [(&str, &str); 1] = [("nvcr.io", "authn.nvidia.com")];

/// Domains under which strangers live next to each other, so that sharing one proves nothing.
const SHARED_DOMAINS: [&str; 12] = [
    "amazonaws.com",
    "azurecr.io",
    "azurewebsites.net",
    "cloudfront.net",
    "fly.dev",
    "github.io",
    "herokuapp.com",
    "onrender.com",
    "pkg.dev",
    "railway.app",
    "run.app",
    "workers.dev",
];

/// Where a registry's API lives, `https` unless the host is loopback or may be spoken to in plain.
pub(crate) fn registry_base(host: &str, options: &ClientOptions) -> Result<Url, Error> {
    // Docker Hub's references and its API have different hosts.
    let api = match host {
        "docker.io" => "registry-1.docker.io",
        other => other,
    };
    let wrong = || Error::Usage(format!("`{}` is not a registry host", printable(host)));
    let https = Url::parse(&format!("https://{api}/v2/")).map_err(|_| wrong())?;
    let listed = options.insecure_hosts.iter().any(|listed| listed == host);
    if listed || options.plain_http || is_loopback(&https) {
        return Url::parse(&format!("http://{api}/v2/")).map_err(|_| wrong());
    }
    Ok(https)
}

/// Whether the host is this machine by name or number (`localhost`, 127.0.0.0/8, `::1`).
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether both have the same scheme, host and port.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// The network a registry is in, as far as it matters for where it may send us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Home {
    /// This machine.
    Loopback,
    /// A network that is not reached from everywhere.
    Private,
    /// The internet, or unknown.
    Public,
}

impl Home {
    /// From the registry's address as the caller named it and, when it is known, the one its name
    /// led to.
    pub(crate) fn of(registry: &Url, answered_from: Option<IpAddr>) -> Self {
        if is_loopback(registry) {
            return Self::Loopback;
        }
        let ip = literal(registry).or(answered_from);
        match ip.map(place) {
            Some(Place::Private) => Self::Private,
            _ => Self::Public,
        }
    }
}

/// Whether a registry there may send us to this address: to the internet, or to its like.
/// Link-local addresses, where clouds keep their metadata and its credentials, are no registry's.
pub(crate) fn may_reach(ip: IpAddr, home: Home) -> bool {
    match place(ip) {
        Place::Loopback => home == Home::Loopback,
        Place::Private => home == Home::Private,
        Place::Public => true,
        Place::Special => false,
    }
}

/// Whether a registry may send us to this address: no downgrade from https, no strange scheme,
/// and no private or local address unless the registry itself is there (server-side request
/// forgery through the client). Where a name leads is checked when it is resolved.
pub(crate) fn may_visit(
    registry: &Url,
    target: &Url,
    home: Home,
    options: &ClientOptions,
) -> Result<(), String> {
    let host = target.host_str().unwrap_or_default();
    let listed = is_listed(target, options);
    let same_host = target.host() == registry.host();
    match target.scheme() {
        "https" => {}
        "http"
            if registry.scheme() == "http"
                && (listed || is_loopback(target) || same_origin(registry, target)) => {}
        scheme => {
            return Err(format!(
                "it points to `{scheme}://{}`, which is not https",
                printable(&port_host(target))
            ));
        }
    }
    if same_host || listed {
        return Ok(());
    }
    // Its name would pass as the proxy's own.
    if options.proxies.has_host(host) {
        return Err(format!("it points to the proxy `{}`", printable(host)));
    }
    let reachable = match (literal(target), target.host()) {
        (Some(ip), _) => may_reach(ip, home),
        (None, Some(Host::Domain(name))) => {
            let local = name == "localhost" || name.ends_with(".localhost");
            !local || home == Home::Loopback
        }
        _ => false,
    };
    if !reachable {
        return Err(format!(
            "it points to the private address `{}`",
            printable(host)
        ));
    }
    Ok(())
}

/// Whether the caller allowed this host to be spoken to in plain, and so named it.
pub(crate) fn is_listed(url: &Url, options: &ClientOptions) -> bool {
    let host = url.host_str().unwrap_or_default();
    let with_port = port_host(url);
    let mut listed = options.insecure_hosts.iter();
    listed.any(|listed| listed == host || *listed == with_port)
}

fn port_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

/// The address, when the host is one by number.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Loopback,
    Private,
    Public,
    Special,
}

/// What kind of address this is (the IANA special-purpose registries of RFC 6890, as far as they
/// are not global).
fn place(ip: IpAddr) -> Place {
    match ip {
        IpAddr::V4(ip) => place_v4(ip),
        IpAddr::V6(ip) => place_v6(ip),
    }
}

fn place_v4(ip: Ipv4Addr) -> Place {
    match ip.octets() {
        [127, ..] => Place::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Place::Private,
        // This network, link-local, protocol assignments, documentation, benchmarks, multicast
        // and reserved.
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Place::Special,
        _ => Place::Public,
    }
}

fn place_v6(ip: Ipv6Addr) -> Place {
    let [.., a, b] = ip.segments();
    let last = || {
        let [high, low] = [a.to_be_bytes(), b.to_be_bytes()];
        Ipv4Addr::new(high[0], high[1], low[0], low[1])
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Loopback,
        // Unspecified; Teredo, documentation, translation within a network; Amazon's metadata
        // service; link-local, the old site-local and multicast.
        [0, 0, 0, 0, 0, 0, 0, 0]
        | [0x2001, 0 | 0xdb8, ..]
        | [0x64, 0xff9b, 1, ..]
        | [0xfd00, 0xec2, ..]
        | [0xfe80..=0xffff, ..] => Place::Special,
        // Addresses of version 4 written as 6: mapped, compatible, and translated (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => place_v4(last()),
        // 6to4 carries one as well.
        [0x2002, a, b, ..] => {
            let [high, low] = [a.to_be_bytes(), b.to_be_bytes()];
            place_v4(Ipv4Addr::new(high[0], high[1], low[0], low[1]))
        }
        [0xfc00..=0xfdff, ..] => Place::Private,
        _ => Place::Public,
    }
}

/// Whether what is sent there can be read by nobody in between: nothing secret goes elsewhere.
pub(crate) fn is_confidential(url: &Url, options: &ClientOptions) -> bool {
    is_loopback(url) || (url.scheme() == "https" && !options.tls.accept_any_certificate)
}

/// Whether the password for this registry may be sent to this token service: only to the same
/// host, a host of the same domain, or one known to belong to it (CVE-2026-48978 class).
pub(crate) fn may_hold_credentials(registry: &Url, realm: &Url) -> bool {
    // A password must not leave in the clear.
    if realm.scheme() != "https" && !(is_loopback(registry) && is_loopback(realm)) {
        return false;
    }
    if registry.host() == realm.host() {
        return true;
    }
    let (Some(Host::Domain(ours)), Some(Host::Domain(theirs))) = (registry.host(), realm.host())
    else {
        return false;
    };
    KNOWN_REALMS.contains(&(ours, theirs))
        || registrable(ours).is_some_and(|domain| registrable(theirs) == Some(domain))
}

/// The domain somebody registered, as far as it can be told without the public suffix list: two
/// labels, or three under country codes that register below `co`, `com` and the like.
fn registrable(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let last = labels.last()?;
    let before = labels.len().checked_sub(2).map(|at| labels[at])?;
    let wanted = if last.len() == 2 && before.len() <= 3 {
        3
    } else {
        2
    };
    let skip = labels.len().checked_sub(wanted)?;
    let start: usize = labels[..skip].iter().map(|label| label.len() + 1).sum();
    let domain = &host[start..];
    (!SHARED_DOMAINS.contains(&domain)).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    fn options(listed: &[&str]) -> ClientOptions {
        ClientOptions {
            insecure_hosts: listed.iter().map(|host| (*host).to_owned()).collect(),
            ..ClientOptions::default()
        }
    }

    #[test]
    fn plain_http_is_for_loopback_and_listed_hosts() {
        let listed = options(&["registry.lan:5000"]);
        let base = |host: &str| registry_base(host, &listed).expect(host).to_string();
        assert_eq!(base("ghcr.io"), "https://ghcr.io/v2/");
        assert_eq!(base("docker.io"), "https://registry-1.docker.io/v2/");
        assert_eq!(base("localhost:5000"), "http://localhost:5000/v2/");
        assert_eq!(base("127.1.2.3:5000"), "http://127.1.2.3:5000/v2/");
        assert_eq!(base("[::1]:5000"), "http://[::1]:5000/v2/");
        assert_eq!(base("registry.lan:5000"), "http://registry.lan:5000/v2/");
        assert_eq!(base("registry.lan:5001"), "https://registry.lan:5001/v2/");
        assert_eq!(
            base("localhost.evil.example"),
            "https://localhost.evil.example/v2/"
        );
    }

    #[test]
    fn a_remote_registry_cannot_send_us_home_or_to_the_clear() {
        let registry = url("https://ghcr.io/v2/");
        let visit = |registry: &Url, target: &str| {
            let home = Home::of(registry, None);
            may_visit(registry, &url(target), home, &options(&["r.lan"]))
        };
        assert_eq!(visit(&registry, "https://pkg.example/x"), Ok(()));
        assert_eq!(visit(&registry, "https://r.lan/x"), Ok(()));
        for bad in [
            "http://ghcr.io/x",
            "ftp://ghcr.io/x",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://localhost/",
            "https://a.localhost/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[fe80::1]/",
            "https://0.0.0.0/",
        ] {
            assert!(visit(&registry, bad).is_err(), "{bad}");
        }
        let here = url("http://127.0.0.1:5000/v2/");
        assert_eq!(visit(&here, "http://127.0.0.1:6000/x"), Ok(()));
        assert_eq!(visit(&here, "http://localhost:6000/x"), Ok(()));
        assert!(visit(&here, "http://example.com/x").is_err());
        assert!(visit(&here, "https://10.0.0.1/x").is_err());
    }

    #[test]
    fn a_registry_in_a_private_network_may_send_us_to_its_like_and_never_to_metadata() {
        let at = |ip: &str| Some(ip.parse().expect("an address"));
        let registry = url("https://registry.acme.example/v2/");
        let home = Home::of(&registry, at("10.0.0.5"));
        assert_eq!(home, Home::Private);
        assert_eq!(Home::of(&registry, at("192.0.2.5")), Home::Public);
        assert_eq!(Home::of(&url("https://10.0.0.5/v2/"), None), Home::Private);
        let reach = |ip: &str, home| may_reach(ip.parse().expect("an address"), home);
        for (ip, public, private) in [
            ("93.184.215.14", true, true),
            ("2606:2800:21f::1", true, true),
            ("10.0.0.6", false, true),
            ("172.31.255.255", false, true),
            ("172.32.0.0", true, true),
            ("100.64.0.1", false, true),
            ("fd00::1", false, true),
            ("::ffff:10.0.0.6", false, true),
            ("2002:0a00:0006::1", false, true),
            ("169.254.169.254", false, false),
            ("fd00:ec2::254", false, false),
            ("127.0.0.1", false, false),
            ("::1", false, false),
            ("fe80::1", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("::7f00:1", false, false),
            ("0.0.0.0", false, false),
            ("255.255.255.255", false, false),
            ("224.0.0.1", false, false),
            ("198.18.0.1", false, false),
        ] {
            assert_eq!(reach(ip, Home::Public), public, "{ip}");
            assert_eq!(reach(ip, Home::Private), private, "{ip}");
        }
    }

    #[test]
    fn passwords_stay_within_the_registrys_domain() {
        let ok = |registry: &str, realm: &str| may_hold_credentials(&url(registry), &url(realm));
        assert!(ok(
            "https://registry-1.docker.io/v2/",
            "https://auth.docker.io/token"
        ));
        assert!(ok(
            "https://registry.gitlab.com/v2/",
            "https://gitlab.com/jwt/auth"
        ));
        assert!(ok("https://nvcr.io/v2/", "https://authn.nvidia.com/token"));
        assert!(ok("https://10.0.0.1/v2/", "https://10.0.0.1/token"));
        for (registry, realm) in [
            ("https://ghcr.io/v2/", "https://evil.example/token"),
            ("https://ghcr.io/v2/", "http://ghcr.io/token"),
            ("http://registry.lan/v2/", "http://registry.lan/token"),
            ("https://a.azurecr.io/v2/", "https://b.azurecr.io/token"),
            ("https://a.co.uk/v2/", "https://b.co.uk/token"),
            ("https://10.0.0.1/v2/", "https://10.0.0.2/token"),
        ] {
            assert!(!ok(registry, realm), "{registry} {realm}");
        }
    }
}
