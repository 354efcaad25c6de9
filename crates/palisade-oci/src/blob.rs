//! Blobs: streamed, counted and hashed on the way, resumed when the connection breaks.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use palisade_types::digest::Hasher;
use palisade_types::{Descriptor, Repository};
use reqwest::{Method, Response, StatusCode, header};
use tokio::time::timeout;
use url::Url;

use crate::answer::broken;
use crate::budget::{Budget, Setback};
use crate::call::Fault;
use crate::error::Error;
use crate::layout::LocalBlob;
use crate::transport::Transport;
use crate::{Client, limits};

/// A blob on its way here. The last call of [`BlobStream::next`] fails unless size and digest
/// were right, so nothing that came before it may be used until then.
#[derive(Debug)]
pub(crate) struct BlobStream {
    check: Check,
    from: From,
}

#[derive(Debug)]
enum From {
    Layout(LocalBlob),
    Registry(Box<Remote>),
}

impl BlobStream {
    /// The next piece, `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let piece = match &mut self.from {
            From::Layout(blob) => {
                // Reading a file does not wait for anything; let others have their turn.
                tokio::task::yield_now().await;
                blob.next()?
            }
            From::Registry(remote) => remote.next(self.check.received).await?,
        };
        match piece {
            Some(piece) => {
                self.check.add(&piece)?;
                Ok(Some(piece))
            }
            None => self.check.finish().map(|()| None),
        }
    }

    pub(crate) fn local(what: String, descriptor: &Descriptor, blob: LocalBlob) -> Self {
        Self {
            check: Check::new(what, descriptor),
            from: From::Layout(blob),
        }
    }

    /// Everything, when it is at most `limit` bytes.
    pub(crate) async fn collect(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        if self.check.size > limit {
            return Err(Error::limit(&self.check.what, limit, "bytes"));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// Compares what comes with what the descriptor promised.
#[derive(Debug)]
struct Check {
    what: String,
    want: palisade_types::Digest,
    size: u64,
    received: u64,
    hasher: Hasher,
}

impl Check {
    fn new(what: String, descriptor: &Descriptor) -> Self {
        Self {
            what,
            want: descriptor.digest.clone(),
            size: descriptor.size,
            received: 0,
            hasher: Hasher::new(descriptor.digest.algorithm()),
        }
    }

    fn add(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.received += piece.len() as u64;
        if self.received > self.size {
            let why = format!("it is longer than the {} bytes declared", self.size);
            return Err(Error::garbled(&self.what, why));
        }
        self.hasher.update(piece);
        Ok(())
    }

    fn finish(&self) -> Result<(), Error> {
        if self.received < self.size {
            let why = format!("it ends after {} of {} bytes", self.received, self.size);
            return Err(Error::garbled(&self.what, why));
        }
        let got = self.hasher.clone().finish();
        if got != self.want {
            return Err(Error::DigestMismatch {
                what: self.what.clone(),
                want: self.want.clone(),
                got,
            });
        }
        Ok(())
    }
}

/// A blob on a registry.
#[derive(Debug)]
struct Remote {
    transport: Arc<Transport>,
    repository: Repository,
    url: Url,
    what: String,
    budget: Budget,
    response: Option<Response>,
    /// Bytes of a restarted transfer that we have already.
    skip: u64,
}

impl Remote {
    async fn next(&mut self, received: u64) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let response = if let Some(response) = &mut self.response {
                response
            } else {
                let response = self.open(received).await?;
                self.response.insert(response)
            };
            let setback = match timeout(limits::IDLE, response.chunk()).await {
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(piece))) => match self.unknown_part(&piece) {
                    [] => continue,
                    part => return Ok(Some(part.to_vec())),
                },
                Ok(Err(error)) => match broken(&self.what, error) {
                    Fault::Final(error) => return Err(error),
                    Fault::Again(setback) => setback,
                },
                Err(_) => Setback::broken("the server fell silent"),
            };
            self.response = None;
            self.budget.pause(&self.what, setback).await?;
        }
    }

    /// What of this piece did not come before the transfer was restarted.
    fn unknown_part<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let known = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let known = known.min(piece.len());
        self.skip -= known as u64;
        &piece[known..]
    }

    /// Starts the transfer, or continues it after this many bytes.
    async fn open(&mut self, received: u64) -> Result<Response, Error> {
        let mut call = crate::call::Call::read(
            self.what.clone(),
            Method::GET,
            self.url.clone(),
            &self.repository,
        );
        if received > 0 {
            call.headers
                .push((header::RANGE, format!("bytes={received}-")));
        }
        let reply = self.transport.open(&call, &mut self.budget).await?;
        let status = reply.response.status();
        let range = reply.response.headers().get(header::CONTENT_RANGE);
        let range = range
            .and_then(|range| range.to_str().ok())
            .unwrap_or_default();
        match status {
            StatusCode::OK => self.skip = received,
            StatusCode::PARTIAL_CONTENT
                if received > 0 && range.starts_with(&format!("bytes {received}-")) =>
            {
                self.skip = 0;
            }
            _ if status.is_success() => {
                return Err(Error::garbled(
                    &self.what,
                    "another range came than was asked for",
                ));
            }
            _ => {
                let answer = reply.read(&self.what, limits::SMALL_BODY).await;
                return Err(match answer {
                    Ok(answer) => answer
                        .success(&self.what)
                        .err()
                        .unwrap_or_else(|| Error::garbled(&self.what, "a failure that is none")),
                    Err(Fault::Final(error)) => error,
                    Err(Fault::Again(setback)) => Error::Unreachable {
                        what: self.what.clone(),
                        why: setback.why,
                    },
                });
            }
        }
        Ok(reply.response)
    }
}

impl Client {
    /// A blob's bytes, hashed, which a manifest has named. Fails before asking when the descriptor says more than `limit`.
    pub async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let cache = self.transport.options.cache.as_ref();
        if descriptor.size <= limit
            && let Some(bytes) = cache.and_then(|cache| cache.get_described(descriptor))
        {
            return Ok(bytes);
        }
        let stream = self.blob_stream(repository, descriptor)?;
        let url = self.endpoint(repository, "")?;
        let _turn = self.transport.turn(&url).await;
        let bytes = stream.collect(limit).await?;
        if let Some(cache) = cache {
            cache.put(&descriptor.digest, &bytes);
        }
        Ok(bytes)
    }

    /// Writes a blob while hashing it. On an error, what was written is worth nothing.
    pub async fn blob_to(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        to: &mut impl Write,
    ) -> Result<(), Error> {
        let mut stream = self.blob_stream(repository, descriptor)?;
        while let Some(piece) = stream.next().await? {
            to.write_all(&piece)
                .map_err(|source| Error::io("output", source))?;
        }
        Ok(())
    }

    /// A blob as it arrives. Asks with the first piece.
    pub(crate) fn blob_stream(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
    ) -> Result<BlobStream, Error> {
        let digest = &descriptor.digest;
        let what = format!("blob {} of {repository}", digest.short());
        let remote = Remote {
            transport: self.transport.clone(),
            repository: repository.clone(),
            url: self.endpoint(repository, &format!("blobs/{digest}"))?,
            what: what.clone(),
            budget: Budget::new(transfer_time(
                self.transport.options.deadline,
                descriptor.size,
            )),
            response: None,
            skip: 0,
        };
        Ok(BlobStream {
            check: Check::new(what, descriptor),
            from: From::Registry(Box::new(remote)),
        })
    }
}

/// A document's deadline, and more for a large blob as long as it keeps moving.
pub(crate) fn transfer_time(deadline: Duration, size: u64) -> Duration {
    deadline + Duration::from_secs(size / limits::SLOWEST)
}
