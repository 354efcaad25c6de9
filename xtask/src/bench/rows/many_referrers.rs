//! One signature behind 500 bundles that say the same and are signed by nobody.

use std::time::Duration;

use palisade_oci::media;
use palisade_types::{Descriptor, PinnedRef};

use super::super::stage::{Peer, Stage, client, put, registry, wait};
use super::{Contender, Metric, Row, Target, with_peers, words};
use crate::error::Error;

/// How many there are.
const BAD: usize = 500;
/// How far away the registry is.
const ROUND_TRIP: Duration = Duration::from_millis(50);

pub(super) const ROW: Row = Row {
    name: "many-referrers",
    what: "find the signature among 500 forged ones, 50 ms away",
    targets: &[Target {
        metric: Metric::Wall,
        most: 2.0,
    }],
    most_runs: (5, 1),
    prepare,
    ..Row::DEFAULT
};

fn prepare(stage: &Stage) -> Result<Vec<Contender>, Error> {
    let image = stage.push("many-referrers")?;
    stage.sign(&["image", &image.to_string()])?;
    wait(spam(&image)).map_err(|error| registry(&error))?;
    let far = stage.far_registry(ROUND_TRIP)?;
    let near = image.to_string();
    let image = words(&near.replace(stage.lab.registry(), &far));
    let who = &stage.who;
    let cosign = Contender::peer(stage, Peer::Cosign, &[&words("verify"), who, &image]);
    let ours = Contender::ours(stage, &[&words("image"), who, &image]);
    Ok(with_peers(ours, [cosign]))
}

/// Attaches copies of the image's own signature, each with other bytes for a signature.
async fn spam(image: &PinnedRef) -> Result<(), palisade_oci::Error> {
    let client = client();
    let found = client.bundles(image).await?;
    let good = found.bundles.first().expect("it was signed just now");
    let good: serde_json::Value = serde_json::from_slice(&good.bytes).expect("a bundle is JSON");
    let subject = client.manifest(image).await?.bytes;
    let repository = image.repository();
    for number in 0..BAD {
        let mut bad = good.clone();
        bad["dsseEnvelope"]["signatures"][0]["sig"] = format!("{number:0>96}").into();
        let bad = bad.to_string().into_bytes();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "artifactType": media::SIGSTORE_BUNDLE,
            "config": Descriptor::of(media::OCI_EMPTY, b"{}"),
            "layers": [Descriptor::of(media::SIGSTORE_BUNDLE, &bad)],
            "subject": Descriptor::of(media::OCI_MANIFEST, &subject),
        });
        put(&client, repository, bad).await?;
        let manifest = manifest.to_string().into_bytes();
        client
            .push_manifest(repository, None, &manifest, media::OCI_MANIFEST)
            .await?;
    }
    Ok(())
}
