//! `palisade sign blob`: a signature over a file's bytes, in a bundle beside it.

use palisade_ui::Context;

use crate::args::BlobArgs;
use crate::error::Error;
use crate::files;
use crate::output::{Answer, Line};
use crate::session::Setup;

pub(crate) async fn run(args: &BlobArgs, context: &Context) -> Result<(), Error> {
    files::check_writable(&args.bundle)?;
    let digest = files::digest(&args.file)?;
    let setup = Setup::read(&args.signing, context)?;
    let session = setup.session(&args.signing, context).await?;
    let signed = session.blob(&digest).await?;
    files::write(&args.bundle, signed.bundle.bytes())?;
    let mut answer = Answer::new(args.signing.format, context.printer);
    answer.add(Line::about_blob(&args.file, &digest, &signed, &args.bundle));
    answer.finish();
    Ok(())
}
