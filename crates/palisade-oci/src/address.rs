//! Which addresses we speak to, and what we may tell them: a registry chooses the address of its
//! token service, its redirects and its upload sessions, so each of them is checked.

use std::net::IpAddr;

use url::{Host, Url};

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

/// Where a registry's API lives, `https` unless the host is loopback or listed as insecure.
pub(crate) fn registry_base(host: &str, insecure: &[String]) -> Result<Url, Error> {
    // Docker Hub's references and its API have different hosts.
    let api = match host {
        "docker.io" => "registry-1.docker.io",
        other => other,
    };
    let wrong = || Error::Usage(format!("`{}` is not a registry host", printable(host)));
    let https = Url::parse(&format!("https://{api}/v2/")).map_err(|_| wrong())?;
    let plain = insecure.iter().any(|listed| listed == host) || is_loopback(&https);
    if plain {
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

/// Whether a registry may send us to this address: no downgrade from https, no strange scheme,
/// and no private or local address unless the registry itself is there (server-side request
/// forgery through the client).
pub(crate) fn may_visit(registry: &Url, target: &Url, insecure: &[String]) -> Result<(), String> {
    let host = target.host_str().unwrap_or_default();
    let port_host = target
        .port()
        .map_or(host.to_owned(), |port| format!("{host}:{port}"));
    let listed = insecure.iter().any(|l| l == host || *l == port_host);
    match target.scheme() {
        "https" => {}
        "http" if registry.scheme() == "http" && (listed || is_loopback(target)) => {}
        scheme => {
            return Err(format!(
                "it points to `{scheme}://{}`, which is not https",
                printable(&port_host)
            ));
        }
    }
    let same_host = target.host() == registry.host();
    let both_here = is_loopback(registry) && is_loopback(target);
    if is_local(target) && !same_host && !both_here && !listed {
        return Err(format!(
            "it points to the private address `{}`",
            printable(host)
        ));
    }
    Ok(())
}

/// Loopback, private, link-local, unspecified and the like, by number; and `localhost`.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => local_ip(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => local_ip(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
        None => true,
    }
}

fn local_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let carrier_nat = a == 100 && (64..128).contains(&b);
            ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || carrier_nat
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

/// Whether the password for this registry may be sent to this token service: only to the same
/// host, a host of the same domain, or one known to belong to it (CVE-2026-48978 class).
pub(crate) fn may_hold_credentials(registry: &Url, realm: &Url) -> bool {
    // A password must not leave in the clear, unless it already would towards the registry.
    if realm.scheme() != "https" && realm.scheme() != registry.scheme() {
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

    #[test]
    fn plain_http_is_for_loopback_and_listed_hosts() {
        let listed = vec!["registry.lan:5000".to_owned()];
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
        assert_eq!(
            may_visit(&registry, &url("https://pkg.example/x"), &[]),
            Ok(())
        );
        for bad in [
            "http://ghcr.io/x",
            "ftp://ghcr.io/x",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fe80::1]/",
            "https://0.0.0.0/",
        ] {
            assert!(may_visit(&registry, &url(bad), &[]).is_err(), "{bad}");
        }
        let here = url("http://127.0.0.1:5000/v2/");
        assert_eq!(
            may_visit(&here, &url("http://127.0.0.1:6000/x"), &[]),
            Ok(())
        );
        assert!(may_visit(&here, &url("http://example.com/x"), &[]).is_err());
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
            ("https://a.azurecr.io/v2/", "https://b.azurecr.io/token"),
            ("https://a.co.uk/v2/", "https://b.co.uk/token"),
            ("https://10.0.0.1/v2/", "https://10.0.0.2/token"),
        ] {
            assert!(!ok(registry, realm), "{registry} {realm}");
        }
    }
}
