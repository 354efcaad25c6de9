//! A file and its keyless bundle: no network, all of the cryptography.

use palisade_lab::GithubIdentity;

use super::super::stage::{Peer, Stage};
use super::{Contender, Metric, Row, Target, with_peers, words};
use crate::error::Error;

pub(super) const ROW: Row = Row {
    name: "offline-bundle",
    what: "verify a file's keyless bundle offline",
    targets: &[
        Target {
            metric: Metric::Cpu,
            most: 0.005,
        },
        Target {
            metric: Metric::Requests,
            most: 0.0,
        },
    ],
    prepare,
    ..Row::DEFAULT
};

fn prepare(stage: &Stage) -> Result<Vec<Contender>, Error> {
    stage.sign(&["blob", "blob", "--bundle", "blob.json"])?;
    let (who, what) = (&stage.who, words("--bundle blob.json blob"));
    let go = [
        "-trustedrootJSONpath",
        "trusted_root.json",
        "-expectedSAN",
        &GithubIdentity::default().san(),
        "-expectedIssuer",
        GithubIdentity::ISSUER,
        "-artifact",
        "blob",
        "blob.json",
    ]
    .map(str::to_owned);
    let peers = [
        Contender::peer(stage, Peer::Cosign, &[&words("verify-blob"), who, &what]),
        Contender::peer(stage, Peer::SigstoreGo, &[&go]),
    ];
    let ours = Contender::ours(stage, &[&words("blob"), who, &what]);
    Ok(with_peers(ours, peers))
}
