//! `palisade verify image`.

use palisade_types::{ImageRef, PinnedRef};
use palisade_ui::{Context, Exit, ExitWith as _};

use crate::args::ImageArgs;
use crate::error::Error;
use crate::evidence::Source;
use crate::judge::{Subject, Verdict, Wanted, judge};
use crate::output::{Answer, Report};
use crate::trust::{self, Trust};

pub(crate) fn run(args: &ImageArgs, context: &Context) -> Result<Exit, Error> {
    let images = args
        .images
        .iter()
        .map(|text| parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let trust = trust::read(&args.signer, &args.trust, context)?;
    let source = Source {
        registry: &args.registry,
        environment: &context.environment,
        bundle: args.bundle.as_deref(),
        wanted: Wanted::Signature,
    };
    let answers = answers(&images, &source, &trust, context)?;
    Report::new("image", "signature", &trust, answers).print(context.printer, args.format)
}

/// The answer about each image. That one could not be looked at is an answer too, so that it
/// hides nothing about the others.
pub(crate) fn answers(
    images: &[ImageRef],
    source: &Source<'_>,
    trust: &Trust,
    context: &Context,
) -> Result<Vec<Answer>, Error> {
    let judged = source.each(images, |image, evidence| {
        let subject = Subject {
            digests: &[image.digest().clone()],
            bytes: None,
        };
        judge(evidence, source.wanted, &subject, trust)
    })?;
    let judged = judged.into_iter().map(|result| result.and_then(answered));
    let answer = |(given, result): (&ImageRef, Result<(String, Verdict), Error>)| match result {
        Ok((subject, verdict)) => Ok(Answer::judged(given.to_string(), subject, verdict)),
        Err(error) if error.exit() == Exit::Undecided => {
            context.printer.error(&error);
            Ok(Answer::undecided(given.to_string(), &error))
        }
        Err(error) => Err(error),
    };
    images.iter().zip(judged).map(answer).collect()
}

/// "No" is an answer only when everything that is listed could be looked at.
fn answered((image, verdict): (PinnedRef, Verdict)) -> Result<(String, Verdict), Error> {
    match &verdict.unreadable {
        Some((attached, why)) if verdict.matches.is_empty() => Err(Error::Unreadable {
            image: image.to_string(),
            attached: attached.clone(),
            why: why.clone(),
        }),
        _ => Ok((image.to_string(), verdict)),
    }
}

pub(crate) fn parse(text: &str) -> Result<ImageRef, Error> {
    text.parse().map_err(|source| Error::Image {
        text: text.to_owned(),
        source,
    })
}
