//! `palisade sign image`: the one statement that counts as a signature.

use palisade_attest::ResourceDescriptor;
use palisade_attest::predicates::cosign_sign::CosignSign;
use palisade_oci::LegacyTag;
use palisade_ui::Context;

use crate::args::ImageArgs;
use crate::error::Error;
use crate::output::{Answer, Line};
use crate::publish::{Publisher, parse_image};
use crate::session::Setup;

pub(crate) async fn run(args: &ImageArgs, context: &Context) -> Result<(), Error> {
    if args.registry.bundle.is_some() && args.images.len() > 1 {
        return Err(Error::OneBundle {
            images: args.images.len(),
        });
    }
    let images = args
        .images
        .iter()
        .map(|text| parse_image(text))
        .collect::<Result<Vec<_>, _>>()?;
    let setup = Setup::read(&args.signing, context).await?;
    let publisher = Publisher::new(&args.registry, context)?;
    publisher.check(&setup, LegacyTag::Signatures)?;
    let session = setup.session(&args.signing, context).await?;
    let mut answer = Answer::new(args.signing.format, &setup.about, context.printer);
    for image in &images {
        let target = publisher.resolve(image).await?;
        let family = if args.recursive {
            target.with_entries()?
        } else {
            target.alone()
        };
        let mut statement = CosignSign::statement(target.image.digest());
        let entries = family.members.iter().skip(1);
        let entries = entries.map(|(image, _)| ResourceDescriptor::new(None, image.digest()));
        statement.subjects.extend(entries);
        let signed = session.statement(&statement).await?;
        let attached = publisher.publish_to(&family, &signed).await?;
        for ((image, _), mut attached) in family.members.iter().zip(attached) {
            if args.registry.legacy_tag {
                attached.legacy = Some(publisher.sign_legacy(image, &session).await?);
            }
            answer.add(Line::about_image(image, attached, &signed, &args.registry));
        }
    }
    answer.finish();
    Ok(())
}
