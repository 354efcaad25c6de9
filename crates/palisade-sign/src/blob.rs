//! `palisade sign blob`: a signature over a file's bytes, in a bundle beside it.

use palisade_trust::Artifact;
use palisade_types::Digest;
use palisade_ui::Context;

use crate::args::BlobArgs;
use crate::error::Error;
use crate::files;
use crate::output::{Answer, Line};
use crate::session::Setup;

/// The largest file that is read whole, for keys that sign no SHA-256 digest, in bytes; as much as
/// `palisade verify blob` reads.
const MAX_WHOLE: usize = 1 << 30;

pub(crate) async fn run(args: &BlobArgs, context: &Context) -> Result<(), Error> {
    files::check_writable(&args.bundle)?;
    let setup = Setup::read(&args.signing, context).await?;
    let (digest, bytes) = if setup.needs_bytes() {
        let bytes = files::read(&args.file, MAX_WHOLE)?;
        (Digest::sha256_of(&bytes), Some(bytes))
    } else {
        (files::digest(&args.file)?, None)
    };
    let session = setup.session(&args.signing, context).await?;
    let artifact = bytes
        .as_deref()
        .map_or(Artifact::Digest(&digest), Artifact::Bytes);
    let signed = session.blob(artifact).await?;
    files::write(&args.bundle, signed.bundle.bytes())?;
    let mut answer = Answer::new(args.signing.format, &setup.about, context.printer);
    answer.add(Line::about_blob(&args.file, &digest, &signed, &args.bundle));
    answer.finish();
    Ok(())
}
