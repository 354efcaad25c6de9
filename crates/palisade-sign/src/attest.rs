//! `palisade sign attest`: a statement about an image, with a predicate from a file.

use palisade_attest::{MAX_STATEMENT, ResourceDescriptor, Statement};
use palisade_oci::LegacyTag;
use palisade_types::json::parse_strict;
use palisade_ui::{Context, escape};
use serde_json::Value;

use crate::args::AttestArgs;
use crate::error::Error;
use crate::files;
use crate::output::{Answer, Line};
use crate::predicate_type::{choose, parse};
use crate::publish::{Publisher, parse_image};
use crate::session::Setup;

pub(crate) async fn run(args: &AttestArgs, context: &Context) -> Result<(), Error> {
    let image = parse_image(&args.image)?;
    let types = parse(&args.predicate_type)?;
    let predicate = predicate(args)?;
    let (predicate_type, readable) = choose(&types, &predicate);
    if let Err(error) = readable {
        let error = escape(&error.to_string());
        context.printer.warn(&format!(
            "palisade's gate could not read this as `{predicate_type}`: {error}"
        ));
    }
    let setup = Setup::read(&args.signing, context).await?;
    let publisher = Publisher::new(&args.registry, context)?;
    publisher.check(&setup, LegacyTag::Attestations)?;
    let session = setup.session(&args.signing, context).await?;
    let target = publisher.resolve(&image).await?;
    // The name is for people: readers match by digest alone.
    let name = target.image.repository().to_string();
    let subject = ResourceDescriptor::new(Some(name), target.image.digest());
    let statement = Statement::new(vec![subject], predicate_type, predicate);
    let signed = session.statement(&statement).await?;
    let attached = publisher.publish(&target, &signed).await?;
    let mut answer = Answer::new(args.signing.format, &setup.about, context.printer);
    answer.add(Line::about_image(
        &target.image,
        attached,
        &signed,
        &args.registry,
    ));
    answer.finish();
    Ok(())
}

fn predicate(args: &AttestArgs) -> Result<Value, Error> {
    let path = &args.predicate;
    let bytes = files::read(path, MAX_STATEMENT)?;
    let value = parse_strict(&bytes).map_err(|source| Error::Predicate {
        path: path.clone(),
        source,
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Error::PredicateShape { path: path.clone() })
    }
}
