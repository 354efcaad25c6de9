//! The files of an image: its layers merged, later ones winning, read without unpacking to disk.

#[cfg(any(feature = "fuzz", test))]
pub(crate) mod fuzz;
mod header;
mod tape;
mod view;

use std::io::Write;

use flate2::write::MultiGzDecoder;
use palisade_types::{Descriptor, Leaf};
pub use palisade_types::{Entry, ImageFile};

use crate::blob::BlobStream;
use crate::error::{Error, printable};
use crate::manifest::Manifest;
use crate::store::{Store, incomplete};
use crate::{Client, Location};
use tape::Tape;
use view::{Reader, View};

/// The files of this platform of an image that `wanted` gives a byte limit for, ordered by path.
///
/// Whiteouts and opaque folders take away what lower layers hold (image specification 1.1,
/// *Layer*). Symbolic links are not followed and not returned: ask for the file they point to. A
/// wanted file larger than its limit is an error, never left out. zstd layers are refused.
pub async fn read_files(
    client: &Client,
    location: &Location,
    leaf: &Leaf,
    wanted: impl Fn(&Entry<'_>) -> Option<u64>,
) -> Result<Vec<ImageFile>, Error> {
    read_files_reduced(client, location, leaf, wanted, |_, bytes| bytes).await
}

/// Like [`read_files`], but keeps only what `reduce` (path, bytes) returns of each file, so that
/// large programs need memory one at a time.
pub async fn read_files_reduced(
    client: &Client,
    location: &Location,
    leaf: &Leaf,
    wanted: impl Fn(&Entry<'_>) -> Option<u64>,
    reduce: impl Fn(&str, Vec<u8>) -> Vec<u8>,
) -> Result<Vec<ImageFile>, Error> {
    let store = Store::open(client, location)?;
    let what = format!("manifest {}", leaf.manifest.short());
    let Manifest::Image(image) = store.member(location, &leaf.manifest).await?.parse()? else {
        return Err(Error::malformed(what, "it is an index"));
    };
    if !image
        .layers
        .iter()
        .map(|layer| &layer.digest)
        .eq(&leaf.layers)
    {
        return Err(Error::malformed(
            what,
            "it has other layers than the frozen image",
        ));
    }
    let mut view = View::new(Functions { wanted, reduce });
    for layer in &image.layers {
        let what = format!("layer {}", layer.digest.short());
        let packing = Packing::of(&what, layer)?;
        let stream = store.stream(layer)?;
        view.start_layer(layer.digest.clone());
        let tape = Tape::new(what.clone(), &mut view);
        match packing {
            Packing::Gzip => {
                unpack(
                    &what,
                    stream,
                    MultiGzDecoder::new(tape),
                    MultiGzDecoder::finish,
                )
                .await?;
            }
            Packing::Plain => unpack(&what, stream, tape, Ok).await?,
        }
        view.finish_layer();
    }
    Ok(view.into_files())
}

/// A reader made of two functions.
struct Functions<W, D> {
    wanted: W,
    reduce: D,
}

impl<W, D> Reader for Functions<W, D>
where
    W: Fn(&Entry<'_>) -> Option<u64>,
    D: Fn(&str, Vec<u8>) -> Vec<u8>,
{
    fn wanted(&self, entry: &Entry<'_>) -> Option<u64> {
        (self.wanted)(entry)
    }

    fn reduce(&self, path: &str, bytes: Vec<u8>) -> Vec<u8> {
        (self.reduce)(path, bytes)
    }
}

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Plain,
}

impl Packing {
    fn of(what: &str, layer: &Descriptor) -> Result<Self, Error> {
        let media_type = layer.media_type.as_str();
        let is = |suffix| media_type.ends_with(suffix);
        if is(".tar+gzip") || is(".tar.gzip") {
            Ok(Self::Gzip)
        } else if is(".tar") {
            Ok(Self::Plain)
        } else {
            let why = format!(
                "layers of type `{}` are not supported",
                printable(media_type)
            );
            Err(Error::malformed(what, why))
        }
    }
}

/// A writer at whose end is the tape.
trait Unpacker: Write {
    /// The tape's own error, which the writers in between have made plain text of.
    fn failure(&mut self) -> Option<Error>;
}

impl<R: Reader> Unpacker for Tape<'_, R> {
    fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}

impl<R: Reader> Unpacker for MultiGzDecoder<Tape<'_, R>> {
    fn failure(&mut self) -> Option<Error> {
        self.get_mut().failure.take()
    }
}

/// Feeds a layer's bytes to the tape. Nothing of it counts before the stream's last call has
/// confirmed the digest, and with an error nothing counts at all.
async fn unpack<'v, U: Unpacker, R: Reader + 'v>(
    what: &str,
    mut stream: BlobStream,
    mut unpacker: U,
    finish: impl FnOnce(U) -> std::io::Result<Tape<'v, R>>,
) -> Result<(), Error> {
    while let Some(piece) = stream.next().await.map_err(incomplete)? {
        if let Err(error) = unpacker.write_all(&piece) {
            if let Some(failure) = unpacker.failure() {
                return Err(failure);
            }
            // No gzip: because it is broken, or because these are not the bytes of the layer?
            while stream.next().await?.is_some() {}
            return Err(broken(what, &error));
        }
    }
    if let Err(error) = unpacker.flush() {
        return Err(unpacker.failure().unwrap_or_else(|| broken(what, &error)));
    }
    finish(unpacker).map_err(|e| broken(what, &e))?.finish()
}

fn broken(what: &str, error: &std::io::Error) -> Error {
    Error::malformed(what, printable(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// What is read of a layer that arrives in pieces of this size, as text.
    fn read(layer: &[u8], piece: usize) -> String {
        let wanted = |entry: &Entry<'_>| (entry.path != "skipped").then_some(1_000);
        match fuzz::read_layers(&[layer], false, piece, wanted) {
            Err(error) => error.to_string(),
            Ok(files) => files.into_iter().fold(String::new(), |mut text, file| {
                let ImageFile {
                    path, mode, bytes, ..
                } = file;
                write!(text, "{path} {mode:o} {bytes:?} ").expect("a string");
                text
            }),
        }
    }

    fn layer() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let long = "long/".repeat(30) + "name";
        for (path, size) in [
            ("a", 3),
            ("skipped", 700),
            (long.as_str(), 512),
            ("b/.wh.c", 0),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            let content = vec![b'x'; usize::try_from(size).expect("small")];
            tar.append_data(&mut header, path, content.as_slice())
                .expect("in memory");
        }
        tar.into_inner().expect("in memory")
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_layer_never_panics_and_reads_the_same_in_any_pieces(
            damage in proptest::collection::vec((0..6_000_usize, proptest::num::u8::ANY), 0..4),
            cut in 0..8_000_usize,
            piece in 1..1_500_usize,
        ) {
            let mut bytes = layer();
            for (at, byte) in damage {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(cut);
            proptest::prop_assert_eq!(read(&bytes, piece), read(&bytes, bytes.len().max(1)));
        }
    }

    #[test]
    fn an_undamaged_layer_reads_whole() {
        let text = read(&layer(), 100);
        assert!(
            text.starts_with("a 644 [120, 120, 120] long/long/"),
            "{text}"
        );
        assert!(!text.contains("skipped"));
    }
}
