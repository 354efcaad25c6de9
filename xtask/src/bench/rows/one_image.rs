//! One signed image: how many requests its verification takes, and what they cost.

use super::super::stage::{Peer, Stage};
use super::{Contender, Metric, Row, Target, with_peers, words};
use crate::error::Error;

/// The list of referrers, one manifest, one bundle: fewer there cannot be.
pub(super) const BY_DIGEST: Row = Row {
    name: "image-by-digest",
    what: "verify an image by digest over loopback",
    targets: &[Target {
        metric: Metric::Requests,
        most: 3.0,
    }],
    prepare: |stage| {
        let image = stage.image("by-digest")?;
        prepare(stage, &image, &image)
    },
    ..Row::DEFAULT
};

/// A tag is asked for once more.
pub(super) const BY_TAG: Row = Row {
    name: "image-by-tag",
    what: "verify an image by tag over loopback",
    targets: &[Target {
        metric: Metric::Requests,
        most: 4.0,
    }],
    prepare: |stage| {
        let tag = format!("{}/bench/image:by-tag", stage.lab.registry());
        prepare(stage, &stage.image("by-tag")?, &tag)
    },
    ..Row::DEFAULT
};

/// The list of referrers is asked for again, and nothing else.
pub(super) const CACHED: Row = Row {
    name: "image-cached",
    what: "verify an image again, with what the last run kept",
    targets: &[Target {
        metric: Metric::Requests,
        most: 1.0,
    }],
    cold: false,
    prepare: |stage| {
        let image = stage.image("cached")?;
        prepare(stage, &image, &image)
    },
    ..Row::DEFAULT
};

/// Not even that.
pub(super) const OFFLINE: Row = Row {
    name: "image-offline",
    what: "verify an image again, with `--offline`",
    targets: &[Target {
        metric: Metric::Requests,
        most: 0.0,
    }],
    cold: false,
    prepare: |stage| {
        let image = stage.image("offline")?;
        let mut contenders = prepare(stage, &image, &image)?;
        let ours = &mut contenders[0];
        ours.args.push("--offline".to_owned());
        ours.not_first = Some("--offline");
        Ok(contenders)
    },
    ..Row::DEFAULT
};

fn prepare(stage: &Stage, image: &str, asked: &str) -> Result<Vec<Contender>, Error> {
    stage.sign(&["image", image])?;
    let (who, image) = (&stage.who, words(asked));
    let cosign = Contender::peer(stage, Peer::Cosign, &[&words("verify"), who, &image]);
    let ours = Contender::ours(stage, &[&words("image"), who, &image]);
    Ok(with_peers(ours, [cosign]))
}
