//! SPIFFE: a workload's token from the agent on its machine, over the Workload API.
//!
//! One gRPC call of one small message does not need a gRPC library: this is HTTP/2, five bytes of
//! framing (gRPC over HTTP/2, *Length-Prefixed-Message*) and two fields of protobuf.

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use crate::http::printable;
use crate::token::MAX_TOKEN;

/// The most bytes of an answer: a workload may have several tokens, of which the first is its own.
const MAX_ANSWER: usize = 4 * MAX_TOKEN;
/// SPIFFE Workload API §5 and its `workload.proto`.
const METHOD: &str = "http://localhost/SpiffeWorkloadAPI/FetchJWTSVID";
/// gRPC's status when all is well.
const OK: &str = "0";
/// gRPC's status for a service that cannot answer now.
const UNAVAILABLE: &str = "14";

/// Why the Workload API gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// The address has another form than SPIFFE Workload Endpoint §4 gives it, or is of another
    /// machine, to which a token would travel in the clear.
    #[error(
        "`SPIFFE_ENDPOINT_SOCKET` is neither `unix:///path` nor `tcp://` with an address and port of this machine"
    )]
    Address,
    /// The agent answered with something that no correct one sends.
    #[error("the SPIFFE agent sent an answer that cannot be used: {0}")]
    Malformed(&'static str),
    /// The agent gives this workload no token.
    #[error("the SPIFFE agent gives this workload no token: {message} (gRPC status {status})")]
    Refused {
        /// The gRPC status.
        status: String,
        /// The agent's own words, bounded and safe to print.
        message: String,
    },
    /// The agent cannot be reached, or did not answer in time.
    #[error("the SPIFFE agent is unavailable: {0}")]
    Unavailable(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, SpiffeError> {
        let url: Url = text.parse().map_err(|_| SpiffeError::Address)?;
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        match (url.scheme(), url.host(), url.port()) {
            ("unix", None, None) if bare && url.path().len() > 1 => {
                Ok(Self::Unix(url.path().into()))
            }
            // The address of another scheme than the web's is read as a name.
            ("tcp", Some(Host::Domain(name)), Some(port)) if bare && url.path().is_empty() => name
                .parse()
                .ok()
                .filter(std::net::IpAddr::is_loopback)
                .map(|address| Self::Tcp(SocketAddr::new(address, port)))
                .ok_or(SpiffeError::Address),
            ("tcp", Some(Host::Ipv6(address)), Some(port)) if bare && address.is_loopback() => {
                Ok(Self::Tcp(SocketAddr::new(address.into(), port)))
            }
            _ => Err(SpiffeError::Address),
        }
    }
}

/// The token of this workload for an audience, from the agent at this address.
pub(crate) async fn fetch(
    endpoint: &str,
    audience: &str,
    deadline: Duration,
) -> Result<String, SpiffeError> {
    let endpoint = Endpoint::parse(endpoint)?;
    let call = async {
        match endpoint {
            Endpoint::Tcp(address) => {
                call(TcpStream::connect(address).await.map_err(lost)?, audience).await
            }
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await;
                call(stream.map_err(lost)?, audience).await
            }
            #[cfg(not(unix))]
            Endpoint::Unix(_) => Err(SpiffeError::Address),
        }
    };
    timeout(deadline, call).await.unwrap_or_else(|_| {
        let seconds = deadline.as_secs();
        Err(SpiffeError::Unavailable(format!(
            "no answer within {seconds} s"
        )))
    })
}

fn lost(error: impl std::error::Error) -> SpiffeError {
    SpiffeError::Unavailable(printable(&error.to_string()))
}

async fn call(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    audience: &str,
) -> Result<String, SpiffeError> {
    let handshake = h2::client::Builder::new().handshake(stream);
    let (sender, connection) = handshake.await.map_err(lost)?;
    let (mut exchange, connection) = (pin!(exchange(sender, audience)), pin!(connection));
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // What has arrived before the end is still there to be read.
        _ = connection => exchange.await,
    }
}

async fn exchange(
    sender: SendRequest<Cursor<Vec<u8>>>,
    audience: &str,
) -> Result<String, SpiffeError> {
    let mut sender = sender.ready().await.map_err(lost)?;
    let request = Request::post(METHOD)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        // Stops a web page or a confused proxy from asking (SPIFFE Workload Endpoint §3).
        .header("workload.spiffe.io", "true")
        .body(())
        .expect("fixed text is a request");
    let (response, mut body) = sender.send_request(request, false).map_err(lost)?;
    let message = framed(&field(1, audience.as_bytes()));
    body.send_data(Cursor::new(message), true).map_err(lost)?;
    let response = response.await.map_err(lost)?;
    if response.status() != http::StatusCode::OK {
        return Err(SpiffeError::Malformed("it is not HTTP 200"));
    }
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(lost)?;
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err(SpiffeError::Malformed("it is larger than any token"));
        }
        bytes.extend_from_slice(&chunk);
        body.flow_control()
            .release_capacity(chunk.len())
            .map_err(lost)?;
    }
    let trailers = body.trailers().await.map_err(lost)?;
    check_status(trailers.as_ref().unwrap_or(&head.headers))?;
    token(&bytes)
}

/// gRPC over HTTP/2, *Trailers*.
fn check_status(headers: &HeaderMap) -> Result<(), SpiffeError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let status = text("grpc-status").ok_or(SpiffeError::Malformed("it has no gRPC status"))?;
    let message = printable(text("grpc-message").unwrap_or("it does not say why"));
    match status {
        OK => Ok(()),
        UNAVAILABLE => Err(SpiffeError::Unavailable(message)),
        _ => Err(SpiffeError::Refused {
            status: printable(status),
            message,
        }),
    }
}

/// `JWTSVIDResponse.svids[0].svid`: the first is the workload's default (Workload API §5.3).
fn token(bytes: &[u8]) -> Result<String, SpiffeError> {
    let malformed = SpiffeError::Malformed;
    let Some(([0, a, b, c, d], message)) = bytes.split_first_chunk::<5>() else {
        return Err(malformed("it is no uncompressed gRPC message"));
    };
    let length = u32::from_be_bytes([*a, *b, *c, *d]);
    if u32::try_from(message.len()) != Ok(length) {
        return Err(malformed("its length is another than it says"));
    }
    let first = |message, number| first_field(message, number).ok_or(malformed("it has no token"));
    let text = first(first(message, 1)?, 2)?;
    String::from_utf8(text.to_vec()).map_err(|_| malformed("its token is not text"))
}

/// The first length-delimited field of this number (Protocol Buffers, *Encoding*); none when there
/// is none, or no message.
fn first_field(mut message: &[u8], number: u64) -> Option<&[u8]> {
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let skipped = match tag & 7 {
            0 => {
                varint(&mut message)?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, rest) = message.split_at_checked(skipped)?;
        if tag == number << 3 | 2 {
            return Some(value);
        }
        message = rest;
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A length-delimited field of fewer than 128 bytes.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("our own values are short");
    [&[number << 3 | 2, length], value].concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u8::try_from(message.len()).expect("our own messages are short");
    [&[0, 0, 0, 0, length], message].concat()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_of_this_machine() {
        let parse = Endpoint::parse;
        let path = PathBuf::from("/run/spire/agent.sock");
        assert_eq!(
            parse("unix:///run/spire/agent.sock"),
            Ok(Endpoint::Unix(path.clone()))
        );
        assert_eq!(
            parse("unix:/run/spire/agent.sock"),
            Ok(Endpoint::Unix(path))
        );
        let local: SocketAddr = "127.0.0.1:8000".parse().unwrap();
        assert_eq!(parse("tcp://127.0.0.1:8000"), Ok(Endpoint::Tcp(local)));
        let local: SocketAddr = "[::1]:8000".parse().unwrap();
        assert_eq!(parse("tcp://[::1]:8000"), Ok(Endpoint::Tcp(local)));
        for other in [
            "",
            "/run/spire/agent.sock",
            "unix://",
            "unix:///",
            "unix://host/run/agent.sock",
            "unix:///run/agent.sock?x",
            "tcp://10.0.0.1:8000",
            "tcp://localhost:8000",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:8000/path",
            "tcp://[fe80::1]:8000",
            "https://127.0.0.1:8000",
        ] {
            assert_eq!(parse(other), Err(SpiffeError::Address), "{other}");
        }
    }

    #[test]
    fn the_first_token_of_an_answer_is_read_and_damage_is_none() {
        let svid = |id: &[u8], token: &[u8]| field(1, &[field(1, id), field(2, token)].concat());
        let two = [svid(b"spiffe://a", b"one"), svid(b"spiffe://b", b"two")].concat();
        // A field that nobody here knows, of each other wire type.
        let unknown = [
            &[9 << 3, 0x80, 1][..],
            &[9 << 3 | 1],
            &[0; 8],
            &[9 << 3 | 5],
            &[0; 4],
        ];
        let message = [unknown.concat(), two].concat();
        let good = framed(&message);
        assert_eq!(token(&good), Ok("one".to_owned()));
        for length in 0..good.len() {
            assert!(token(&good[..length]).is_err(), "{length}");
        }
        let mut compressed = good.clone();
        compressed[0] = 1;
        assert!(token(&compressed).is_err());
        assert!(token(&framed(b"")).is_err());
        assert!(token(&framed(&[0xff; 12])).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(message in vec(any::<u8>(), 0..100)) {
            let _ = token(&message);
            let _ = token(&framed(&message));
            let nested = field(1, &message);
            let _ = token(&framed(&nested));
        }
    }
}
