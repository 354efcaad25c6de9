//! Layers out of memory, for `tests/fuzz` and for the tests beside the reader.

use palisade_types::Digest;

use super::tape::Tape;
use super::view::View;
use super::{Entry, Functions, ImageFile, MultiGzDecoder, Unpacker, broken};
use crate::error::Error;

/// The files of these layers, which arrive in pieces of `piece` bytes; gzip or plain tar.
pub fn read_layers(
    layers: &[&[u8]],
    gzip: bool,
    piece: usize,
    wanted: impl Fn(&Entry<'_>) -> Option<u64>,
) -> Result<Vec<ImageFile>, Error> {
    let reduce = |_: &str, bytes: Vec<u8>| bytes;
    let mut view = View::new(Functions { wanted, reduce });
    for layer in layers {
        view.start_layer(Digest::sha256_of(layer));
        let tape = Tape::new("layer".to_owned(), &mut view);
        if gzip {
            let mut unpacker = MultiGzDecoder::new(tape);
            push(layer, piece, &mut unpacker)?;
            let tape = unpacker.finish().map_err(|e| broken("layer", &e))?;
            tape.finish()?;
        } else {
            let mut tape = tape;
            push(layer, piece, &mut tape)?;
            tape.finish()?;
        }
        view.finish_layer();
    }
    Ok(view.into_files())
}

fn push(layer: &[u8], piece: usize, unpacker: &mut impl Unpacker) -> Result<(), Error> {
    let mut pieces = layer.chunks(piece.max(1));
    let result = pieces
        .try_for_each(|piece| unpacker.write_all(piece))
        .and_then(|()| unpacker.flush());
    result.map_err(|error| {
        let failure = unpacker.failure();
        failure.unwrap_or_else(|| broken("layer", &error))
    })
}
