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

use palisade_keyless::SigningConfig;
use palisade_oci::{Client, Location};
use palisade_policy::{Evidence, evaluate};
use palisade_types::{Decision, FrozenSubject, Outcome, Relaxation};
use palisade_ui::{Context, Exit};

pub use args::{Args, SigningArgs};
pub use error::Error;
use rules::Rules;

/// Runs the command.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what `palisade_ui::main` takes"
)]
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    // First, so that however this run ends, what an earlier one wrote is not taken for its answer.
    for path in [&args.signing.vsa, &args.decision].into_iter().flatten() {
        file::clear(path)?;
    }
    let location: Location = args.image.parse().map_err(|source| Error::Image {
        text: args.image.clone(),
        source,
    })?;
    if args.evidence.is_none() && !matches!(location, Location::Registry(_)) {
        return Err(Error::NoEvidenceSource {
            image: args.image.clone(),
        });
    }
    let judge = async {
        let rules = Rules::read(&args, context).await?;
        let config = publish::signing_config(&args, &rules)?;
        let run = Run {
            client: Client::new(options::client(&args, &context.environment)),
            args: &args,
            config,
            location,
            rules,
            context,
        };
        run.judge().await
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?
        .block_on(judge)
}

/// One run of the gate: what it was asked, and what it asks.
struct Run<'a> {
    args: &'a Args,
    location: Location,
    rules: Rules,
    config: Option<SigningConfig>,
    client: Client,
    context: &'a Context,
}

impl Run<'_> {
    async fn judge(&self) -> Result<Exit, Error> {
        let frozen = self.client.freeze(&self.location).await;
        let subject = frozen.map_err(|source| Error::Resolve {
            image: self.args.image.clone(),
            source,
        })?;
        let evidence = self.gather(subject).await?;
        let decision = evaluate(&self.rules.policy, &evidence, self.context.now);
        let document = output::json::Document::new(&decision, &evidence, &self.rules);
        if let Some(path) = &self.args.decision {
            file::write_whole(path, &document.to_bytes())?;
        }
        // Signed before "allow" is printed: an answer that could not be written down is none.
        let published = self.publish(&decision, &evidence, &document).await?;
        output::print(
            self.args.format,
            &document,
            &published,
            &self.rules.policy_name,
            self.context.printer,
        );
        Ok(exit(&decision))
    }

    /// Collects what there is about the image, and verifies it.
    async fn gather(&self, subject: FrozenSubject) -> Result<Evidence, Error> {
        let found = match &self.args.evidence {
            Some(dir) => collect::from_folder(dir)?,
            None => collect::from_registry(&self.client, &subject).await,
        };
        let verified = verify::verify(&found.bundles, &self.rules, &subject, self.context.now);
        let mut rejected = verified.rejected;
        rejected.extend(found.skipped);
        rejected.sort_by(|a, b| (&a.bundle, &a.why).cmp(&(&b.bundle, &b.why)));
        rejected.dedup();
        Ok(Evidence {
            subject,
            statements: verified.statements,
            gaps: found.gaps,
            rejected,
            relaxations: self.relaxations(),
        })
    }

    /// What the command line loosened.
    fn relaxations(&self) -> Vec<Relaxation> {
        let lab = self.rules.lab.then_some(Relaxation::AllowLab);
        let moved = self.context.clock_moved.then_some(Relaxation::MovedClock);
        let hosts = self.args.registry.unchecked_hosts().into_iter();
        let insecure = hosts.map(|host| Relaxation::InsecureRegistry { host });
        lab.into_iter().chain(moved).chain(insecure).collect()
    }
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
