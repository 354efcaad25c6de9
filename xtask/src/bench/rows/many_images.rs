//! A thousand images, each with a signature of its own, in one run.

use super::super::stage::Stage;
use super::{Contender, Metric, Row, Target};
use crate::error::Error;
use crate::files;

/// How many there are.
const IMAGES: usize = 1_000;
/// How many are signed by one command.
const AT_ONCE: usize = 100;

pub(super) const ROW: Row = Row {
    name: "many-images",
    what: "verify 1,000 images, each signed by itself, in one run on loopback",
    targets: &[Target {
        metric: Metric::Wall,
        most: 1.5,
    }],
    most_runs: (5, 1),
    prepare,
    ..Row::DEFAULT
};

// No peer: cosign's time and requests grow by the image, and one image is a row of its own.
fn prepare(stage: &Stage) -> Result<Vec<Contender>, Error> {
    let images: Vec<String> = (0..IMAGES)
        .map(|number| stage.image(&format!("many-images-{number}")))
        .collect::<Result<_, _>>()?;
    for some in images.chunks(AT_ONCE) {
        let args: Vec<&str> = ["image"]
            .into_iter()
            .chain(some.iter().map(String::as_str))
            .collect();
        stage.sign(&args)?;
    }
    files::write(&stage.folder.join("images"), &images.join("\n"))?;
    let list = super::words("image --images-from images --format jsonl");
    Ok(vec![Contender::ours(stage, &[&list, &stage.who])])
}
