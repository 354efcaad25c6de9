//! The files of an image: its layers merged, later ones winning, read without unpacking to disk.

mod tape;
mod view;

use std::io::Write;

use flate2::write::MultiGzDecoder;
use palisade_types::{Descriptor, Digest, Leaf};

use crate::blob::BlobStream;
use crate::error::{Error, printable};
use crate::manifest::Manifest;
use crate::store::Store;
use crate::{Client, Location};
use tape::Tape;
use view::View;

/// A regular file met while reading, for the caller to decide whether it wants the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The path without a leading slash: `etc/os-release`.
    pub path: &'a str,
    /// The permission bits.
    pub mode: u32,
    /// The size in bytes.
    pub size: u64,
    /// The first bytes (up to 16): `\x7fELF` for an executable.
    pub head: &'a [u8],
}

/// One file of the merged view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// The path without a leading slash.
    pub path: String,
    /// The permission bits.
    pub mode: u32,
    /// The digest of the layer that holds it.
    pub layer: Digest,
    /// The content.
    pub bytes: Vec<u8>,
}

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
    let mut view = View::new(wanted);
    for layer in &image.layers {
        let what = format!("layer {}", layer.digest.short());
        let packing = Packing::of(&what, layer)?;
        let stream = store.stream(layer)?;
        view.start_layer(layer.digest.clone());
        let tape = Tape::new(what.clone(), &mut view);
        match packing {
            Packing::Gzip => {
                unpack(stream, MultiGzDecoder::new(tape), MultiGzDecoder::finish).await?;
            }
            Packing::Plain => unpack(stream, tape, Ok).await?,
        }
        view.finish_layer();
    }
    Ok(view.into_files())
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

impl<F: Fn(&Entry<'_>) -> Option<u64>> Unpacker for Tape<'_, F> {
    fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}

impl<F: Fn(&Entry<'_>) -> Option<u64>> Unpacker for MultiGzDecoder<Tape<'_, F>> {
    fn failure(&mut self) -> Option<Error> {
        self.get_mut().failure.take()
    }
}

/// Feeds a layer's bytes to the tape. Nothing of it counts before the stream's last call has
/// confirmed the digest, and with an error nothing counts at all.
async fn unpack<'v, U: Unpacker, F: Fn(&Entry<'_>) -> Option<u64> + 'v>(
    mut stream: BlobStream,
    mut unpacker: U,
    finish: impl FnOnce(U) -> std::io::Result<Tape<'v, F>>,
) -> Result<(), Error> {
    while let Some(piece) = stream.next().await? {
        if let Err(error) = unpacker.write_all(&piece) {
            let broken = || Error::malformed("layer", printable(&error.to_string()));
            return Err(unpacker.failure().unwrap_or_else(broken));
        }
    }
    if let Err(error) = unpacker.flush() {
        let broken = || Error::malformed("layer", printable(&error.to_string()));
        return Err(unpacker.failure().unwrap_or_else(broken));
    }
    let tape =
        finish(unpacker).map_err(|e| Error::malformed("layer", printable(&e.to_string())))?;
    tape.finish()
}
