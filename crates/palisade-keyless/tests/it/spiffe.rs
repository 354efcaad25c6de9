//! The SPIFFE Workload API: a workload's own token, or the agent's reason why not.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use palisade_keyless::{
    IdentityToken, Kind, Signer, SpiffeError, TokenError, TokenRequest, find_token,
};
use palisade_lab::SigningConfigKind;
use palisade_types::{Digest, Timestamp};
use tokio::net::UnixListener;

use super::tokens::nothing;
use super::{EMAIL, config, lab, root};

type Data = std::io::Cursor<Vec<u8>>;

/// What a call was: its head and its message.
type Call = (http::request::Parts, Vec<u8>);

/// Serves one call on a socket in this folder with whatever `answer` does.
fn serve<F: Future<Output = ()> + Send>(
    dir: &Path,
    answer: impl FnOnce(SendResponse<Data>) -> F + Send + 'static,
) -> (TokenRequest, tokio::task::JoinHandle<Call>) {
    let path = dir.join("agent.sock");
    std::fs::remove_file(&path).ok();
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::Builder::new().handshake(stream).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        // The connection has to be driven for its streams to move.
        let driver = tokio::spawn(async move { while connection.accept().await.is_some() {} });
        let call = read(request).await;
        answer(respond).await;
        tokio::time::timeout(Duration::from_secs(1), driver)
            .await
            .ok();
        call
    });
    let request = TokenRequest {
        spiffe_socket: Some(format!("unix://{}", path.display())),
        ..nothing()
    };
    (request, server)
}

async fn read(request: Request<h2::RecvStream>) -> Call {
    let (head, mut body) = request.into_parts();
    let mut message = Vec::new();
    while let Some(chunk) = body.data().await {
        message.extend_from_slice(&chunk.unwrap());
    }
    (head, message)
}

/// `JWTSVIDResponse{svids: [{spiffe_id, svid}]}` in its frame.
fn message(token: &str) -> Vec<u8> {
    let field = |number: u8, value: &[u8]| {
        let low = u8::try_from(value.len() & 0x7f).unwrap() | 0x80;
        let high = u8::try_from(value.len() >> 7).unwrap();
        [&[number << 3 | 2, low, high], value].concat()
    };
    let svid = [
        field(1, b"spiffe://acme.test/ci"),
        field(2, token.as_bytes()),
    ]
    .concat();
    let message = field(1, &svid);
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

fn respond(mut stream: SendResponse<Data>, bytes: Vec<u8>, status: &'static str) {
    let head = Response::builder().header("content-type", "application/grpc");
    let mut body = stream.send_response(head.body(()).unwrap(), false).unwrap();
    body.send_data(Data::new(bytes), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    body.send_trailers(trailers).unwrap();
}

async fn find(request: &TokenRequest) -> Result<IdentityToken, TokenError> {
    find_token(request, Timestamp::now()).await
}

async fn refusal(request: &TokenRequest) -> (SpiffeError, Kind) {
    let error = find(request).await.unwrap_err();
    let kind = error.kind();
    match error {
        TokenError::Spiffe(error) => (error, kind),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_agent_is_asked_for_sigstore_s_audience_and_its_token_signs() {
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    let bytes = message(&lab.email_token(EMAIL));
    let (request, server) = serve(dir.path(), |stream| async { respond(stream, bytes, "0") });
    let token = find(&request).await.unwrap();
    let (head, asked) = server.await.unwrap();
    assert_eq!(head.uri.path(), "/SpiffeWorkloadAPI/FetchJWTSVID");
    assert_eq!(head.headers["workload.spiffe.io"], "true");
    assert_eq!(head.headers["content-type"], "application/grpc");
    assert_eq!(asked, b"\x00\x00\x00\x00\x0a\x0a\x08sigstore");
    let (root, now) = (root(&lab), Timestamp::now());
    let signer = Signer::new(&config(&lab, SigningConfigKind::V2), &root, now).unwrap();
    let blob = Digest::sha256_of(b"x");
    let bundle = signer.sign_blob(&blob, &token, now).await;
    assert!(bundle.is_ok(), "{bundle:?}");
}

#[tokio::test]
async fn a_workload_that_is_not_registered_is_refused_in_the_agent_s_words() {
    let dir = tempfile::tempdir().unwrap();
    let (request, _server) = serve(dir.path(), |mut stream| async move {
        let head = Response::builder()
            .header("grpc-status", "7")
            .header("grpc-message", "no identity issued");
        stream.send_response(head.body(()).unwrap(), true).unwrap();
    });
    let (error, kind) = refusal(&request).await;
    let said = "the SPIFFE agent gives this workload no token: no identity issued (gRPC status 7)";
    assert_eq!((error.to_string().as_str(), kind), (said, Kind::Refused));
}

#[tokio::test]
async fn an_agent_that_is_out_or_silent_or_wrong_is_no_refusal_and_no_token() {
    let (lab, dir) = (lab().await, tempfile::tempdir().unwrap());
    let token = lab.email_token(EMAIL);
    let good = message(&token);
    let cut = good[..good.len() - 1].to_vec();
    for (bytes, status) in [
        (good.clone(), "14"),
        (cut, "0"),
        (Vec::new(), "0"),
        (vec![0; 1 << 20], "0"),
    ] {
        let (request, _server) = serve(dir.path(), move |stream| async move {
            respond(stream, bytes, status);
        });
        let (error, kind) = refusal(&request).await;
        assert_eq!(kind, Kind::Unavailable, "{error}");
    }
    // Silence, until the deadline.
    let (request, server) = serve(dir.path(), |stream| async move {
        tokio::time::sleep(Duration::from_mins(1)).await;
        drop(stream);
    });
    let (error, kind) = refusal(&request).await;
    assert_eq!(kind, Kind::Unavailable, "{error}");
    server.abort();
    // Nobody there, and an address that a token does not come from.
    std::fs::remove_file(dir.path().join("agent.sock")).unwrap();
    assert_eq!(refusal(&request).await.1, Kind::Unavailable);
    let elsewhere = TokenRequest {
        spiffe_socket: Some("tcp://192.0.2.1:8081".to_owned()),
        ..nothing()
    };
    assert_eq!(
        refusal(&elsewhere).await,
        (SpiffeError::Address, Kind::Usage)
    );
}

#[tokio::test]
async fn what_the_agent_sends_instead_of_a_token_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = message("no.token!.here");
    let (request, _server) = serve(dir.path(), |stream| async { respond(stream, bytes, "0") });
    let error = find(&request).await.unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("token!"),
        "{error:?}"
    );
    assert_eq!(error.kind(), Kind::Unavailable);
}
