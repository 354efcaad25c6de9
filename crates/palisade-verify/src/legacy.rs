//! What cosign before version 3 attached: the tags `sha256-….sig` and `sha256-….att`.

use futures_util::{StreamExt as _, stream};
use palisade_attest::legacy::{DSSE_ENVELOPE, SIMPLE_SIGNING};
use palisade_oci::{Client, Error, Held, Hold, LegacyTag, Manifest, limits};
use palisade_types::{Descriptor, PinnedRef};

use crate::evidence::{Evidence, Form, Found};
use crate::judge::Wanted;

/// The layers of one tag that are read. cosign adds one for each signature.
const MAX_LAYERS: usize = 128;

/// What the older tag for this kind of evidence holds. Only a tag that the registry says is not
/// there is nothing; whatever else goes wrong is an error. The hold is dropped with the evidence.
pub(crate) async fn read(
    client: &Client,
    image: &PinnedRef,
    wanted: &Wanted,
    room: &Held,
) -> Result<(Evidence, Option<Hold>), Error> {
    let (tag, media_type) = match wanted {
        Wanted::Attestation(_) => (LegacyTag::Attestations, DSSE_ENVELOPE),
        Wanted::Signature => (LegacyTag::Signatures, SIMPLE_SIGNING),
        Wanted::Anything | Wanted::Message => return Ok(Default::default()),
    };
    let tag = tag.of(image);
    let resolved = match client.resolve(&tag).await {
        Err(Error::NotFound { .. }) => return Ok(Default::default()),
        other => other?,
    };
    let malformed = |why: &str| Error::Malformed {
        what: tag.to_string(),
        why: why.to_owned(),
    };
    let Manifest::Image(manifest) = resolved.manifest.parse()? else {
        return Err(malformed("it is an index, and should hold signatures"));
    };
    let over = |limit: u64, unit| Error::LimitExceeded {
        what: tag.to_string(),
        limit,
        unit,
    };
    if manifest.layers.len() > MAX_LAYERS {
        return Err(over(MAX_LAYERS as u64, "layers"));
    }
    let sizes = manifest.layers.iter().map(|layer| layer.size);
    let total = sizes.fold(0, u64::saturating_add);
    if total > limits::BUNDLES_TOTAL {
        return Err(over(limits::BUNDLES_TOTAL, "bytes"));
    }
    let hold = room.hold(tag.to_string(), total).await?;
    let origin = format!("{tag}, which is {}", resolved.image.digest());
    let mut evidence = Evidence::default();
    let fetch = |layer: Descriptor| async move {
        let bytes = client
            .blob(image.repository(), &layer, limits::BUNDLE)
            .await;
        (layer, bytes)
    };
    let (known, other): (Vec<_>, Vec<_>) = manifest
        .layers
        .into_iter()
        .partition(|layer| layer.media_type == media_type);
    for layer in other {
        let why = "a layer of the older tag is of another kind".to_owned();
        evidence.skipped.push((layer.digest.to_string(), why));
    }
    let read: Vec<_> = stream::iter(known)
        .map(fetch)
        .buffered(limits::CONCURRENCY)
        .collect()
        .await;
    for (layer, bytes) in read {
        match bytes {
            Ok(bytes) => evidence.bundles.push(Found {
                origin: origin.clone(),
                form: Form::of_layer(&layer).expect("layers of other types were sorted out"),
                bytes,
            }),
            Err(
                error @ (Error::DigestMismatch { .. }
                | Error::Garbled { .. }
                | Error::LimitExceeded { .. }
                | Error::NotFound { .. }),
            ) => evidence
                .unreadable
                .push((layer.digest.to_string(), error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok((evidence, Some(hold)))
}
