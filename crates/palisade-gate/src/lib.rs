//! `palisade gate`: evidence × policy → a decision, and its signed summary.
//!
//! resolve, once → collect → verify → bind → decide → emit. Everything before the decision turns
//! into evidence or into a gap; the decision itself is `palisade_policy::evaluate`, a pure function.

mod args;
mod collect;
mod error;
mod file;
mod options;
pub mod output;
mod publish;
mod rules;
mod summary;
mod verify;

use palisade_oci::{Client, Location};
use palisade_policy::{Evidence, evaluate};
use palisade_types::{Decision, FrozenSubject, Mode, Outcome, Relaxation};
use palisade_ui::{Context, Exit};

pub use args::{Args, RegistryArgs, SigningArgs};
pub use error::Error;
use rules::Rules;

/// Runs the command.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what `palisade_ui::main` takes"
)]
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    let location: Location = args.image.parse().map_err(|source| Error::Image {
        text: args.image.clone(),
        source,
    })?;
    if args.evidence.is_none() && !matches!(location, Location::Registry(_)) {
        return Err(Error::NoEvidenceSource {
            image: args.image.clone(),
        });
    }
    let rules = Rules::read(&args)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?
        .block_on(judge(&args, &location, &rules, context))
}

async fn judge(
    args: &Args,
    location: &Location,
    rules: &Rules,
    context: &Context,
) -> Result<Exit, Error> {
    let client = Client::new(options::client(args, &context.environment));
    let subject = client
        .freeze(location)
        .await
        .map_err(|source| Error::Resolve {
            image: args.image.clone(),
            source,
        })?;
    let evidence = gather(args, &client, subject, rules, context).await?;
    let decision = evaluate(&rules.policy, &evidence, context.now);
    let document = output::json::Document::new(&decision, &evidence, rules);
    if let Some(path) = &args.decision {
        file::write_whole(path, &document.to_bytes())?;
    }
    // Signed before "allow" is printed: an answer that could not be written down is none.
    let published = publish::publish(
        args, location, &client, rules, &document, &evidence, &decision, context,
    )
    .await?;
    output::print(args.format, &document, &published, context.printer);
    Ok(exit(&decision))
}

/// Collects what there is about the image, and verifies it.
async fn gather(
    args: &Args,
    client: &Client,
    subject: FrozenSubject,
    rules: &Rules,
    context: &Context,
) -> Result<Evidence, Error> {
    let found = match &args.evidence {
        Some(dir) => collect::from_folder(dir)?,
        None => collect::from_registry(client, &subject).await,
    };
    let verified = verify::verify(&found.bundles, rules, &subject, context.now);
    let mut rejected = verified.rejected;
    rejected.extend(found.skipped);
    rejected.sort_by(|a, b| (&a.bundle, &a.why).cmp(&(&b.bundle, &b.why)));
    rejected.dedup();
    Ok(Evidence {
        subject,
        statements: verified.statements,
        gaps: found.gaps,
        rejected,
        relaxations: rules
            .lab
            .then_some(Relaxation::AllowLab)
            .into_iter()
            .collect(),
    })
}

/// A mode of warning changes what is written down, not the answer: whoever only wants to be told
/// reads the text and ignores the code.
const fn exit(decision: &Decision) -> Exit {
    match decision.outcome() {
        Outcome::Allow => Exit::Ok,
        Outcome::Deny => Exit::No,
        Outcome::Undecided => Exit::Undecided,
    }
}

/// Whether the policy only warns.
pub(crate) fn warns(decision: &Decision) -> bool {
    decision.policy().mode == Mode::Warn
}
