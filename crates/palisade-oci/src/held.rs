//! How many bytes of bundles are in memory at a time, however many images are asked about.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// What is counted by, in bytes: a semaphore hands out 32 bits of them at once.
const PIECE: u64 = 1 << 10;

/// So many bytes and no more. Clones share them.
#[derive(Clone, Debug)]
pub struct Held {
    limit: u64,
    pieces: Arc<Semaphore>,
}

/// A part of the bytes, which others can have again when this is dropped. Drop it with the content
/// that it stands for, and do not wait for another one while having one.
#[derive(Debug)]
#[must_use = "the bytes are given back when this is dropped"]
pub struct Hold {
    _pieces: OwnedSemaphorePermit,
}

impl Held {
    /// At most this many bytes, counted in KiB.
    pub fn at_most(limit: u64) -> Self {
        let pieces = usize::try_from(limit / PIECE).unwrap_or(usize::MAX);
        Self {
            limit,
            pieces: Arc::new(Semaphore::new(pieces.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits until this many bytes are free. More than there are in all is an error at once.
    pub async fn hold(&self, what: impl Into<String>, bytes: u64) -> Result<Hold, Error> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE));
        match pieces {
            Ok(pieces) if bytes <= self.limit / PIECE * PIECE => {
                let pieces = Arc::clone(&self.pieces).acquire_many_owned(pieces).await;
                let pieces = pieces.expect("nobody closes it");
                Ok(Hold { _pieces: pieces })
            }
            _ => Err(Error::limit(what, self.limit, "bytes held at a time")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_waits_for_room_and_what_never_fits_is_an_error() {
        let room = Held::at_most(4 * PIECE);
        let first = room.hold("a", 3 * PIECE).await.expect("room");
        let wait = Duration::from_millis(50);
        let second = tokio::time::timeout(wait, room.hold("b", PIECE + 1)).await;
        assert!(second.is_err(), "there is room for one more piece alone");
        let third = room.hold("c", PIECE).await.expect("room");
        drop((first, third));
        let all = room.hold("d", 4 * PIECE).await.expect("room");
        drop(all);
        let error = room.hold("e", 4 * PIECE + 1).await.expect_err("no room");
        assert!(matches!(error, Error::LimitExceeded { limit, .. } if limit == 4 * PIECE));
    }
}
