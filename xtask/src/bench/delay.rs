//! A registry that is far away: a proxy on loopback that takes its time.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many pieces may be on their way in one direction before the sender has to wait.
const IN_FLIGHT: usize = 64;

/// Starts a proxy to this `host:port` and returns its own. A new connection costs one round trip
/// before its first byte moves, and every byte half of one in each direction. What is sent
/// back-to-back arrives back-to-back: time is added, bandwidth is not taken away.
pub(super) async fn start(to: String, round_trip: Duration) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let to = to.clone();
            tokio::spawn(async move {
                tokio::time::sleep(round_trip).await;
                let Ok(far) = TcpStream::connect(to).await else {
                    return;
                };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::spawn(carry(near_read, far_write, round_trip / 2));
                carry(far_read, near_write, round_trip / 2).await;
            });
        }
    });
    Ok(address.to_string())
}

/// Passes on what comes in, this much later. An end is passed on as late as everything else.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, later: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    tokio::spawn(async move {
        while let Some((due, piece)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        to.shutdown().await.ok();
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let piece = (Instant::now() + later, buffer[..count].to_vec());
        if sender.send(piece).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_takes_a_round_trip_and_a_connection_one_more() {
        let echo = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let to = echo.local_addr().expect("bound").to_string();
        tokio::spawn(async move {
            let (mut stream, _) = echo.accept().await.expect("a connection");
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.ok();
        });
        let round_trip = Duration::from_millis(40);
        let address = start(to, round_trip).await.expect("loopback");
        let mut stream = TcpStream::connect(address).await.expect("the proxy");
        for trips in [2, 1, 1] {
            let begin = Instant::now();
            stream.write_all(b"x").await.expect("sent");
            assert_eq!(stream.read_u8().await.ok(), Some(b'x'));
            let took = begin.elapsed();
            assert!(took >= round_trip * trips, "{took:?} is no {trips} trips");
        }
    }
}
