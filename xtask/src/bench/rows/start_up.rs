//! What it costs to start at all, and how large the program is.

use super::super::stage::{Peer, Stage};
use super::{Contender, Metric, Row, Target, with_peers, words};

pub(super) const ROW: Row = Row {
    name: "start-up",
    what: "start, and tell the version",
    targets: &[
        Target {
            metric: Metric::Cpu,
            most: 0.005,
        },
        Target {
            metric: Metric::Size,
            most: 8e6,
        },
    ],
    prepare: |stage| Ok(prepare(stage)),
    ..Row::DEFAULT
};

fn prepare(stage: &Stage) -> Vec<Contender> {
    let ours = Contender {
        name: "palisade",
        program: stage.ours("palisade-verify"),
        args: words("--version"),
        not_first: None,
    };
    let peer = Contender::peer(stage, Peer::Cosign, &[&words("version")]);
    with_peers(ours, [peer])
}
