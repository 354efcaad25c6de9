//! A thousand signed images in one process. Signing them takes minutes.

use super::super::stage::{Peer, Stage};
use super::{Contender, Metric, Row, Target, with_peers, words};
use crate::error::Error;

/// How many there are.
const IMAGES: usize = 1_000;
/// How many one process signs.
const AT_ONCE: usize = 100;

pub(super) const ROW: Row = Row {
    name: "thousand-images",
    what: "verify 1,000 images in one process over loopback",
    targets: &[Target {
        metric: Metric::Wall,
        most: 1.5,
    }],
    most_runs: (5, 1),
    prepare,
    ..Row::DEFAULT
};

fn prepare(stage: &Stage) -> Result<Vec<Contender>, Error> {
    let tag = |number| stage.image(&format!("one-of-many-{number}"));
    let images = (0..IMAGES)
        .map(tag)
        .collect::<Result<Vec<String>, Error>>()?;
    for some in images.chunks(AT_ONCE) {
        let names: Vec<&str> = some.iter().map(String::as_str).collect();
        stage.sign(&[&["image"], &names[..]].concat())?;
    }
    let who = &stage.who;
    let cosign = Contender::peer(stage, Peer::Cosign, &[&words("verify"), who, &images]);
    let ours = Contender::ours(stage, &[&words("image"), who, &images]);
    Ok(with_peers(ours, [cosign]))
}
