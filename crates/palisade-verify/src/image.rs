//! `palisade verify image`.

use std::path::Path;
use std::sync::Arc;

use palisade_types::ImageRef;
use palisade_ui::{Context, Exit};

use crate::args::ImageArgs;
use crate::ask::Inquiry;
use crate::error::Error;
use crate::file;
use crate::judge::Wanted;
use crate::output::Report;
use crate::trust;

/// The most images of one run.
const MAX_IMAGES: usize = 10_000;
/// The largest list of images we read, in bytes.
const MAX_LIST: u64 = 8 << 20;

pub(crate) fn run(args: &ImageArgs, context: &Context) -> Result<Exit, Error> {
    let images = images(args)?;
    let trust = Arc::new(trust::read(
        &args.signer,
        &args.trust,
        args.registry.offline,
        context,
    )?);
    let inquiry = Inquiry {
        evidence: &args.evidence,
        registry: &args.registry,
        recursive: args.recursive,
        wanted: Wanted::Signature,
        trust: Arc::clone(&trust),
    };
    let answers = inquiry.answers(&images, context)?;
    Report::new("image", "signature", &trust, answers).print(context.printer, args.format)
}

/// The images of the command line, then those of the list.
fn images(args: &ImageArgs) -> Result<Vec<ImageRef>, Error> {
    let mut images = args
        .images
        .iter()
        .map(|text| parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.images_from {
        images.extend(listed(path)?);
    }
    if images.len() > MAX_IMAGES {
        return Err(Error::TooMany {
            what: "command line".to_owned(),
            limit: MAX_IMAGES,
            unit: "images",
        });
    }
    // No image at all is no reason to say that all is well.
    if images.is_empty() {
        return Err(Error::NoImages);
    }
    Ok(images)
}

/// One image on a line; empty lines and what follows a `#` at the start of one are passed over.
fn listed(path: &Path) -> Result<Vec<ImageRef>, Error> {
    let bytes = if path == Path::new("-") {
        file::read_stdin("list of images", MAX_LIST)?
    } else {
        file::read("list of images", path, MAX_LIST)?
    };
    let text = String::from_utf8(bytes).map_err(|_| Error::NotText {
        path: path.to_owned(),
    })?;
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(parse)
        .collect()
}

pub(crate) fn parse(text: &str) -> Result<ImageRef, Error> {
    text.parse().map_err(|source| Error::Image {
        text: text.to_owned(),
        source,
    })
}
