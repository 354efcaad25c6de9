//! Documents under a tag that many clients add to: no lock, so what was added is read back until
//! it stays.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use palisade_types::{Descriptor, Digest};
use reqwest::{StatusCode, header};

use crate::budget::jitter;
use crate::call::Call;
use crate::error::Error;
use crate::{Client, limits};

/// The first pause before reading the document back; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two looks at it.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How long a slower writer may sit on an old copy: one more look after this, and after thrice the
/// time that our own read and write took.
const SETTLE: Duration = Duration::from_millis(600);

/// The tasks of this process that add to one document.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// Entries whose manifests are pushed, for the next one in turn to list.
    ready: Mutex<Vec<Descriptor>>,
    /// What was read back from the document; held by the one whose turn it is.
    pub(crate) listed: tokio::sync::Mutex<HashSet<Digest>>,
}

impl Writer {
    pub(crate) fn ready(&self) -> MutexGuard<'_, Vec<Descriptor>> {
        self.ready.lock().expect("nothing panics while holding it")
    }
}

/// What stood under the tag when it was read, for a conditional write.
#[derive(Clone, Debug)]
pub(crate) enum Version {
    /// Nothing.
    Absent,
    /// Something; its entity tag, if the registry tells one.
    Present(Option<String>),
}

impl Client {
    /// One writer per document within this process; others wait instead of racing.
    pub(crate) fn writer_for(&self, document: String) -> Arc<Writer> {
        let mut writers = self
            .writers
            .lock()
            .expect("nothing panics while holding it");
        writers.retain(|_, writer| Arc::strong_count(writer) > 1);
        writers.entry(document).or_default().clone()
    }

    /// Replaces the document if it is still of this version. Losing a race is no error: the
    /// caller looks again.
    pub(crate) async fn replace(&self, mut call: Call<'_>, version: &Version) -> Result<(), Error> {
        call.repeat = false;
        // Few registries heed this, so success proves nothing; but a 412 saves a round.
        call.headers.push(match version {
            Version::Absent => (header::IF_NONE_MATCH, "*".to_owned()),
            Version::Present(Some(etag)) => (header::IF_MATCH, etag.clone()),
            Version::Present(None) => (header::ACCEPT, "*/*".to_owned()),
        });
        match self.transport.fetch(&call, limits::SMALL_BODY).await {
            Ok(answer) if answer.status == StatusCode::PRECONDITION_FAILED => Ok(()),
            Ok(answer) => answer.success(&call.what).map(drop),
            // It may have been stored all the same: the next look tells.
            Err(Error::Unreachable { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A document under a tag, and what one writer adds to it.
pub(crate) trait Document: Sync {
    /// What stands there.
    type Found: Send + Sync;

    fn read(&self) -> impl Future<Output = Result<Self::Found, Error>> + Send;

    /// Whether everything to be added is in it.
    fn is_complete(&self, found: &Self::Found) -> bool;

    /// Writes what was found with what is missing.
    fn add(&self, found: &Self::Found) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Adds to a document until what was added stays: reads it, adds what is missing, and looks again.
/// `false` when the time is over.
pub(crate) async fn settle(document: &impl Document, mut pauses: Pauses) -> Result<bool, Error> {
    let mut wrote = false;
    let mut slowest = Duration::ZERO;
    loop {
        let began = Instant::now();
        let found = match document.read().await {
            // distribution 2.8 answers 500 to a read of the tag while others write it.
            Err(Error::Unreachable { .. }) if pauses.next().await => continue,
            found => found?,
        };
        if !document.is_complete(&found) {
            document.add(&found).await?;
            wrote = true;
            slowest = slowest.max(began.elapsed());
        } else if wrote {
            tokio::time::sleep(SETTLE + jitter(SETTLE) + slowest * 3).await;
            match document.read().await {
                Ok(found) if document.is_complete(&found) => return Ok(true),
                Ok(_) | Err(Error::Unreachable { .. }) => {}
                Err(error) => return Err(error),
            }
        } else {
            return Ok(true);
        }
        if !pauses.next().await {
            return Ok(false);
        }
    }
}

/// Growing, jittered pauses until the time to get listed is over.
pub(crate) struct Pauses {
    end: Instant,
    pause: Duration,
}

impl Pauses {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self {
            end: Instant::now() + deadline.min(limits::LISTED_WITHIN),
            pause: FIRST_PAUSE,
        }
    }

    /// Waits; `false` when the time is over.
    pub(crate) async fn next(&mut self) -> bool {
        let wait = self.pause + jitter(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if Instant::now() + wait > self.end {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}
