//! Where the bytes of an upload come from. It can be opened again when an upload is repeated.

use std::io::SeekFrom;
use std::path::PathBuf;

use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::error::Error;

/// The size of one read from a file.
const PIECE: usize = 256 << 10;

/// Where a blob's bytes come from.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// Memory.
    Bytes(Vec<u8>),
    /// A part of a file.
    File {
        /// The file.
        path: PathBuf,
        /// Where the blob starts.
        offset: u64,
    },
}

impl BlobSource {
    /// A request body of the first `size` bytes.
    pub(crate) async fn body(&self, size: u64) -> Result<reqwest::Body, Error> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone().into()),
            Self::File { path, offset } => {
                let io = |e| Error::io(path, e);
                let mut file = File::open(path).await.map_err(io)?;
                file.seek(SeekFrom::Start(*offset)).await.map_err(io)?;
                let pieces = stream::try_unfold(file.take(size), |mut file| async move {
                    let mut piece = vec![0; PIECE];
                    let read = file.read(&mut piece).await?;
                    piece.truncate(read);
                    Ok::<_, std::io::Error>((read > 0).then_some((piece, file)))
                });
                Ok(reqwest::Body::wrap_stream(pieces))
            }
        }
    }
}
