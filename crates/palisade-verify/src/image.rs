//! `palisade verify image`.

use palisade_types::ImageRef;
use palisade_ui::{Context, Exit, ExitWith as _};

use crate::args::ImageArgs;
use crate::error::Error;
use crate::evidence::Source;
use crate::judge::{Wanted, judge};
use crate::output::{Answer, Report};
use crate::trust::{self, Trust};

pub(crate) fn run(args: &ImageArgs, context: &Context) -> Result<Exit, Error> {
    let images = args
        .images
        .iter()
        .map(|text| parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let trust = trust::read(&args.signer, &args.trust, context)?;
    let mut source = Source::new(&args.registry, &context.environment, args.bundle.as_deref());
    let answer = |image| answer(image, &mut source, Wanted::Signature, &trust, context);
    let answers = images.iter().map(answer).collect::<Result<_, _>>()?;
    Report::new("image", "signature", &trust, answers).print(context.printer, args.format)
}

/// The answer about one image. That it could not be looked at is one too, so that it hides
/// nothing about the others.
pub(crate) fn answer(
    image: &ImageRef,
    source: &mut Source<'_>,
    wanted: Wanted<'_>,
    trust: &Trust,
    context: &Context,
) -> Result<Answer, Error> {
    let (pinned, evidence) = match source.read(image) {
        Ok(read) => read,
        Err(error) if error.exit() == Exit::Undecided => {
            context.printer.error(&error);
            return Ok(Answer::undecided(image.to_string(), &error));
        }
        Err(error) => return Err(error),
    };
    let digests = [pinned.digest().clone()];
    let verdict = judge(evidence, wanted, &digests, trust);
    Ok(Answer::judged(
        image.to_string(),
        pinned.to_string(),
        verdict,
    ))
}

pub(crate) fn parse(text: &str) -> Result<ImageRef, Error> {
    text.parse().map_err(|source| Error::Image {
        text: text.to_owned(),
        source,
    })
}
