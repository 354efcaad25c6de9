//! An attestation whose predicate is as large as the largest bills of materials.

use std::io::Write as _;

use super::super::stage::{Peer, Stage};
use super::{Contender, Metric, Row, Target, with_peers, words};
use crate::error::Error;
use crate::files;

/// How large the predicate is, in bytes, at least.
const SIZE: usize = 100_000_000;
const TYPE: &str = "https://palisade.test/bench/v1";

pub(super) const ROW: Row = Row {
    name: "large-predicate",
    what: "verify an attestation with a predicate of 100 MB",
    targets: &[
        Target {
            metric: Metric::Cpu,
            most: 0.8,
        },
        Target {
            metric: Metric::Memory,
            most: 100e6,
        },
    ],
    most_runs: (3, 1),
    prepare,
    ..Row::DEFAULT
};

fn prepare(stage: &Stage) -> Result<Vec<Contender>, Error> {
    let image = stage.image("large-predicate")?;
    let path = stage.folder.join("large.json");
    write(&path).map_err(|source| files::failed("write", &path, source))?;
    stage.sign(&[
        "attest",
        &image,
        "--predicate",
        "large.json",
        "--type",
        TYPE,
    ])?;
    let (who, of_type, image) = (&stage.who, words(&format!("--type {TYPE}")), words(&image));
    let cosign = [&words("verify-attestation"), who, &of_type, &image];
    let cosign = Contender::peer(stage, Peer::Cosign, &cosign.map(Vec::as_slice));
    let ours = Contender::ours(stage, &[&words("attestation"), who, &of_type, &image]);
    Ok(with_peers(ours, [cosign]))
}

/// A predicate of many small objects, as an inventory is.
fn write(path: &std::path::Path) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    file.write_all(b"{\"components\":[")?;
    let mut written = 0;
    for number in 0_u64.. {
        let comma = if number == 0 { "" } else { "," };
        let hash = number * 7919;
        let one = format!(
            "{comma}{{\"name\":\"component-{number}\",\"version\":\"1.{number}\",\"purl\":\"pkg:generic/component-{number}@1.{number}\",\"hash\":\"{hash:064x}\"}}"
        );
        file.write_all(one.as_bytes())?;
        written += one.len();
        if written >= SIZE {
            break;
        }
    }
    file.write_all(b"]}")?;
    file.flush()
}
