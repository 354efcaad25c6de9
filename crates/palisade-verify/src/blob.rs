//! `palisade verify blob`.

use palisade_attest::legacy::{BlobSigner, is_blob_bundle};
use palisade_types::Digest;
use palisade_ui::{Context, Exit};

use crate::args::BlobArgs;
use crate::attestation::predicate_types;
use crate::error::Error;
use crate::evidence::{Evidence, Form};
use crate::file;
use crate::folder;
use crate::judge::{Subject, Wanted, judge};
use crate::output::{Answer, Report};
use crate::trust::{self, Who};

/// The largest file whose signature by a key we verify, in bytes: it is read into memory.
const MAX_KEYED: u64 = 1 << 30;

pub(crate) fn run(args: &BlobArgs, context: &Context) -> Result<Exit, Error> {
    let types = args
        .predicate_type
        .as_deref()
        .map(predicate_types)
        .transpose()?;
    let trust = trust::read(&args.signer, &args.trust, args.offline, context)?;
    let mut evidence = folder::of_file(&args.bundle)?;
    // A key may sign the bytes themselves, or a digest that a certificate's key does not.
    let bytes = match trust.who {
        Who::Key { .. } => Some(file::read("file", &args.file, MAX_KEYED)?),
        Who::Signer { .. } => None,
    };
    let digests = match &bytes {
        Some(bytes) => file::digests_of(bytes),
        None => file::digests(&args.file)?,
    };
    recognise_older(&mut evidence, &digests[0], &trust.who);
    let subject = Subject {
        digests: &digests,
        bytes: bytes.as_deref(),
    };
    let wanted = types.clone().map_or(Wanted::Message, Wanted::Attestation);
    let verdict = judge(&evidence, &wanted, &subject, &trust);
    let file = args.file.display().to_string();
    let answer = Answer::judged(file, digests[0].to_string(), verdict);
    let wanted = types.map_or_else(
        || "message signature".to_owned(),
        |types| types.join(" or "),
    );
    Report::new("blob", &wanted, &trust, vec![answer]).print(context.printer, args.format)
}

/// cosign's bundle about a file before version 3 is a signature over this file's digest: the
/// format names no file itself.
fn recognise_older(evidence: &mut Evidence, file: &Digest, who: &Who) {
    let signer = match who {
        Who::Key { .. } => BlobSigner::Key,
        Who::Signer { .. } => BlobSigner::Certificate,
    };
    for found in &mut evidence.bundles {
        if is_blob_bundle(&found.bytes) {
            found.form = Form::LegacyBlob(file.clone(), signer);
        }
    }
}
