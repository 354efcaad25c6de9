//! `palisade verify blob`.

use palisade_ui::{Context, Exit};

use crate::args::BlobArgs;
use crate::attestation::predicate_types;
use crate::error::Error;
use crate::evidence;
use crate::file;
use crate::judge::{Wanted, judge};
use crate::output::{Answer, Report};
use crate::trust;

pub(crate) fn run(args: &BlobArgs, context: &Context) -> Result<Exit, Error> {
    let types = args
        .predicate_type
        .as_deref()
        .map(predicate_types)
        .transpose()?;
    let trust = trust::read(&args.signer, &args.trust, context)?;
    let evidence = evidence::of_file(&args.bundle)?;
    let digests = file::digests(&args.file)?;
    let wanted = types
        .as_deref()
        .map_or(Wanted::Message, Wanted::Attestation);
    let verdict = judge(evidence, wanted, &digests, &trust);
    let file = args.file.display().to_string();
    let answer = Answer::judged(file, digests[0].to_string(), verdict);
    let wanted = types.map_or_else(
        || "message signature".to_owned(),
        |types| types.join(" or "),
    );
    Report::new("blob", &wanted, &trust, vec![answer]).print(context.printer, args.format)
}
