//! TLS, HTTP/2 and proxies: a server with the names of real registries, reached through a proxy on
//! loopback, since no name leads there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Version;
use palisade_oci::{Client, ClientOptions, CredentialStore, Error, Proxies, TlsOptions};
use palisade_types::Descriptor;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::registry::{Registry, reply};

pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name)
}

fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    let found = CertificateDer::pem_file_iter(file(name)).unwrap();
    found.map(Result::unwrap).collect()
}

/// Accepts TLS connections, and drops those that come to nothing.
struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
    accepted: Arc<Mutex<u64>>,
}

impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.tls.accept(stream).await {
                *self.accepted.lock().unwrap() += 1;
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A registry over TLS behind a proxy, under any name of the certificate.
pub(crate) struct Internet {
    pub(crate) registry: Registry,
    pub(crate) proxy: String,
    /// What the proxy was asked to connect to.
    connects: Arc<Mutex<Vec<String>>>,
    /// TLS connections so far.
    accepted: Arc<Mutex<u64>>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Server {
    pub(crate) http1_only: bool,
    pub(crate) wants_client: bool,
}

impl Internet {
    pub(crate) async fn start(host: &str) -> Self {
        Self::start_as(host, Server::default()).await
    }

    pub(crate) async fn start_as(host: &str, server: Server) -> Self {
        let builder = ServerConfig::builder();
        let builder = if server.wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(certificates("ca.pem").remove(0)).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
        let mut config = builder
            .with_single_cert(certificates("server.pem"), key)
            .unwrap();
        if !server.http1_only {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        let accepted = Arc::new(Mutex::new(0));
        let listener = TlsListener {
            tcp: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: TlsAcceptor::from(Arc::new(config)),
            accepted: accepted.clone(),
        };
        let target = listener.tcp.local_addr().unwrap().to_string();
        let connects = Arc::new(Mutex::new(Vec::new()));
        Self {
            registry: Registry::serve(host.to_owned(), listener),
            proxy: proxy(target, connects.clone()).await,
            connects,
            accepted,
        }
    }

    pub(crate) fn options(&self) -> ClientOptions {
        self.options_with(&[])
    }

    /// With more variables than the one that names the proxy.
    pub(crate) fn options_with(&self, more: &[(&str, &str)]) -> ClientOptions {
        let proxy = self.proxy.as_str();
        ClientOptions {
            deadline: Duration::from_secs(20),
            proxies: Proxies::from_environment(|name| {
                let all = [("HTTPS_PROXY", proxy)];
                let mut set = more.iter().chain(&all);
                let found = set.find(|(n, _)| *n == name);
                found.map(|(_, value)| (*value).to_owned())
            }),
            tls: TlsOptions {
                authorities: Some(file("ca.pem")),
                ..TlsOptions::default()
            },
            ..ClientOptions::default()
        }
    }

    pub(crate) fn connects(&self) -> Vec<String> {
        self.connects.lock().unwrap().clone()
    }
}

/// Connects everybody to this target, whatever they ask for.
async fn proxy(target: String, connects: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (target, connects) = (target.clone(), connects.clone());
            tokio::spawn(async move {
                let mut client = BufReader::new(client);
                let mut line = String::new();
                while client.read_line(&mut line).await.unwrap_or(0) > 2 {
                    if let Some(rest) = line.strip_prefix("CONNECT ") {
                        let host = rest.split(' ').next().unwrap_or_default();
                        connects.lock().unwrap().push(host.to_owned());
                    }
                    line.clear();
                }
                let mut server = TcpStream::connect(target).await?;
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    format!("http://{address}")
}

const HOST: &str = "registry.acme.example";

async fn read(internet: &Internet, options: ClientOptions) -> Result<(), Error> {
    let image = internet.registry.put_image("v1", ("linux", "amd64"));
    let client = Client::new(options);
    client
        .manifest(&internet.registry.pin(&image.digest))
        .await
        .map(|_| ())
}

fn put_blobs(registry: &Registry, count: u32) -> Vec<Descriptor> {
    let blob = |n: u32| registry.put_blob("x", &n.to_le_bytes());
    (0..count).map(blob).collect()
}

#[tokio::test]
async fn a_hundred_requests_at_once_share_one_http2_connection() {
    let internet = Internet::start(HOST).await;
    let blobs = put_blobs(&internet.registry, 100);
    let client = Client::new(internet.options());
    let repository = internet.registry.repository();
    // The first request decides on the protocol; until then each would open its own connection.
    client.blob(&repository, &blobs[0], 100).await.unwrap();
    let read = blobs.iter().map(|blob| client.blob(&repository, blob, 100));
    for bytes in futures_util::future::join_all(read).await {
        bytes.unwrap();
    }
    let log = internet.registry.log();
    assert_eq!(log.len(), 101);
    assert!(log.iter().all(|seen| seen.version == Version::HTTP_2));
    assert_eq!(*internet.accepted.lock().unwrap(), 1);
    assert_eq!(internet.connects(), [format!("{HOST}:443")]);
}

#[tokio::test]
async fn a_server_that_knows_http_1_only_is_spoken_to_in_it_over_one_connection() {
    let server = Server {
        http1_only: true,
        ..Server::default()
    };
    let internet = Internet::start_as(HOST, server).await;
    let blobs = put_blobs(&internet.registry, 10);
    let client = Client::new(internet.options());
    for blob in &blobs {
        let repository = internet.registry.repository();
        client.blob(&repository, blob, 100).await.unwrap();
    }
    let log = internet.registry.log();
    assert!(log.iter().all(|seen| seen.version == Version::HTTP_11));
    assert_eq!(*internet.accepted.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_large_blob_comes_whole_over_http2() {
    let internet = Internet::start(HOST).await;
    let bytes: Vec<u8> = (0..4_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let blob = internet.registry.put_blob("x", &bytes);
    let client = Client::new(internet.options());
    let repository = internet.registry.repository();
    let got = client.blob(&repository, &blob, 1 << 30).await.unwrap();
    assert!(got == bytes);
}

#[tokio::test]
async fn the_named_authority_is_believed_about_registries_and_no_other() {
    let internet = Internet::start(HOST).await;
    read(&internet, internet.options()).await.unwrap();
    // The system's authorities, then another than the server's.
    for authorities in [None, Some(file("other-ca.pem"))] {
        let mut options = internet.options();
        options.tls.authorities = authorities;
        let error = read(&internet, options).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    assert_eq!(internet.registry.log().len(), 1);
    for not_pem in ["make.sh", "server.key"] {
        let mut options = internet.options();
        options.tls.authorities = Some(file(not_pem));
        let error = read(&internet, options).await.unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{not_pem}: {error}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let internet = Internet::start("other.example").await;
    let error = read(&internet, internet.options()).await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
    assert!(internet.registry.log().is_empty());
}

#[tokio::test]
async fn a_registry_that_wants_a_certificate_is_shown_the_named_one() {
    let server = Server {
        wants_client: true,
        ..Server::default()
    };
    let internet = Internet::start_as(HOST, server).await;
    let mut options = internet.options();
    options.tls.client = Some((file("client.pem"), file("client.key")));
    read(&internet, options).await.unwrap();
    let mut without = internet.options();
    without.deadline = Duration::from_secs(2);
    assert!(read(&internet, without).await.is_err());
    let mut wrong = internet.options();
    wrong.tls.client = Some((file("client.pem"), file("ca.pem")));
    let error = read(&internet, wrong).await.unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
}

/// A password goes to a registry whose certificate was checked, and to no other, whatever the
/// flags.
#[tokio::test]
async fn a_registry_with_any_certificate_is_read_and_sent_no_password() {
    let internet = Internet::start(HOST).await;
    let image = internet.registry.put_image("v1", ("linux", "amd64"));
    let pinned = internet.registry.pin(&image.digest);
    let mut options = internet.options();
    options.credentials = CredentialStore::anonymous().with_password(HOST, "user", "pw");
    let mut careless = options.clone();
    careless.tls = TlsOptions {
        accept_any_certificate: true,
        ..TlsOptions::default()
    };
    Client::new(careless.clone())
        .manifest(&pinned)
        .await
        .unwrap();
    internet.registry.on(|seen| {
        let known = seen.authorization() == Some("Basic dXNlcjpwdw==");
        (!known).then(|| reply(401, &[("www-authenticate", "Basic realm=\"r\"")], ""))
    });
    let error = Client::new(careless).manifest(&pinned).await.unwrap_err();
    assert!(error.to_string().contains("was not sent"), "{error}");
    Client::new(options).manifest(&pinned).await.unwrap();
    let shown = internet.registry.log();
    let shown = shown.iter().filter(|seen| seen.authorization().is_some());
    assert_eq!(shown.count(), 1);
}

#[tokio::test]
async fn hosts_without_a_proxy_are_reached_without_it() {
    let internet = Internet::start(HOST).await;
    let options = internet.options_with(&[("NO_PROXY", ".acme.example")]);
    let mut options = options;
    options.deadline = Duration::from_secs(1);
    // There is no such name, so going there fails; what matters is that the proxy was not asked.
    assert!(read(&internet, options).await.is_err());
    assert!(internet.connects().is_empty());
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let loopback = Client::new(internet.options_with(&[("ALL_PROXY", &internet.proxy)]));
    loopback
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert!(internet.connects().is_empty());
}

#[tokio::test]
async fn a_proxy_we_cannot_use_is_not_passed_over() {
    let internet = Internet::start(HOST).await;
    let mut options = internet.options();
    options.proxies = Proxies::from_environment(|name| {
        (name == "ALL_PROXY").then(|| "socks5://127.0.0.1:1".to_owned())
    });
    let error = read(&internet, options).await.unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
    assert!(error.to_string().contains("ALL_PROXY"), "{error}");
}

/// A name that a server chose may lead anywhere; where it led is checked, not what it says.
#[tokio::test]
async fn a_name_from_outside_that_leads_home_is_not_followed() {
    let Some(name) = name_of_this_machine().await else {
        let line = "SKIPPED: no name but `localhost` leads to this machine\n";
        std::fs::write("/dev/stderr", line).ok();
        return;
    };
    let here = Registry::start().await;
    let port = here.host.rsplit_once(':').unwrap().1.to_owned();
    let location = format!("https://{name}:{port}/secret");
    let internet = Internet::start(HOST).await;
    let blob = internet.registry.put_blob("x", b"content");
    internet.registry.on(move |seen| {
        let blob = seen.path.contains("/blobs/");
        blob.then(|| reply(307, &[("location", &location)], ""))
    });
    let client = Client::new(internet.options_with(&[("NO_PROXY", &name)]));
    let repository = internet.registry.repository();
    let error = client.blob(&repository, &blob, 100).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("private address"), "{error}");
    assert!(here.log().is_empty());
}

/// One that is not refused for what it says already.
async fn name_of_this_machine() -> Option<String> {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    for name in ["localhost.", "ip6-localhost", hostname.trim()] {
        if let Ok(mut found) = tokio::net::lookup_host((name, 0)).await
            && found.any(|address| address.ip().is_loopback())
        {
            return Some(name.to_owned());
        }
    }
    None
}

#[tokio::test]
async fn the_proxys_own_name_is_no_place_for_a_registry_to_send_us() {
    let internet = Internet::start(HOST).await;
    let blob = internet.registry.put_blob("x", b"content");
    let proxy = internet.proxy.replace("http://", "https://");
    internet.registry.on(move |seen| {
        let blob = seen.path.contains("/blobs/");
        blob.then(|| reply(307, &[("location", &proxy)], ""))
    });
    let client = Client::new(internet.options());
    let repository = internet.registry.repository();
    let error = client.blob(&repository, &blob, 100).await.unwrap_err();
    assert!(error.to_string().contains("the proxy"), "{error}");
}

/// What the test below runs in another process: reads over TLS without a named authority, and
/// demands what the environment says must come of it. Does nothing when it says nothing.
#[tokio::test]
async fn child_reads_with_the_systems_authorities() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads no settings of the product"
    )]
    let Ok(wanted) = std::env::var("TEST_TLS") else {
        return;
    };
    let internet = Internet::start(HOST).await;
    let mut options = internet.options();
    options.tls.authorities = None;
    let answer = read(&internet, options).await;
    assert_eq!(answer.is_ok(), wanted == "believed", "{answer:?}");
    if let Err(error) = answer {
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn ssl_cert_file_says_which_authorities_the_system_believes() {
    for (authorities, wanted) in [("ca.pem", "believed"), ("other-ca.pem", "refused")] {
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tls::child_reads_with_the_systems_authorities"])
            .env("SSL_CERT_FILE", file(authorities))
            .env("TEST_TLS", wanted)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
    }
}
