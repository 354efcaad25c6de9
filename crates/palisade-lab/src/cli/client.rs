//! Asks a running lab: one plain HTTP request over the loopback.

use std::io;

use palisade_ui::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::{Address, Error};

/// The longest answer, enough for a full request log.
const MAX_ANSWER: u64 = 64 << 20;

pub(super) struct Client {
    url: String,
    port: u16,
}

impl Client {
    /// Only this machine is asked, whatever the address says.
    pub(super) fn new(address: &Address, context: &Context) -> Result<Client, Error> {
        let given = address
            .url
            .as_deref()
            .or(context.environment.get("PALISADE_LAB"));
        let url = given.ok_or(Error::Nowhere)?.to_owned();
        let parsed = Url::parse(&url).ok().filter(|url| url.scheme() == "http");
        let local = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(_)) | None => false,
        };
        match parsed
            .filter(local)
            .and_then(|url| url.port_or_known_default())
        {
            Some(port) => Ok(Client { url, port }),
            None => Err(Error::Address { url }),
        }
    }

    /// The body of a successful answer.
    pub(super) async fn send(&self, method: &str, path: &str, body: &str) -> Result<String, Error> {
        let answer = self.exchange(method, path, body).await;
        let answer = answer.map_err(|source| Error::Unreachable {
            url: self.url.clone(),
            source,
        })?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200") {
            Ok(body.to_owned())
        } else {
            Err(Error::Refused {
                message: body.trim().to_owned(),
            })
        }
    }

    async fn exchange(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        // HTTP/1.0: the server answers without chunks and closes.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost:{}\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(MAX_ANSWER).read_to_string(&mut answer).await?;
        Ok(answer)
    }
}
