//! Many images in one process: each is asked about once, several at a time, with one client.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use palisade_oci::{Client, Error as OciError, Held, limits};
use palisade_types::{ImageRef, PinnedRef};
use palisade_ui::{Context, Exit, ExitWith as _, Printer};
use tokio::task::JoinError;

use crate::args::{AskArgs, EvidenceArgs};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::folder;
use crate::judge::{Subject, Verdict, Wanted, judge};
use crate::leaves::{Leaf, below};
use crate::legacy;
use crate::output::Answer;
use crate::registry::{Place, attached, client, within};
use crate::trust::Trust;

/// How many images are asked about at a time.
const AT_ONCE: usize = 32;
/// How many failures are shown in full on stderr; the answer has the reason of each.
const SHOWN_FAILURES: usize = 3;

/// Everything that answers depend on.
pub(crate) struct Inquiry<'a> {
    pub(crate) evidence: &'a EvidenceArgs,
    pub(crate) registry: &'a AskArgs,
    pub(crate) recursive: bool,
    pub(crate) wanted: Wanted,
    pub(crate) trust: Arc<Trust>,
}

/// What was asked for and what it comes to.
struct Given {
    text: String,
    leaves: Result<Vec<Leaf>, Error>,
}

impl Inquiry<'_> {
    /// The answers in the order of the images; with `recursive` those of an index are followed by
    /// one for each image it lists. That one could not be looked at is an answer too, so that it
    /// hides nothing about the others.
    pub(crate) fn answers(
        &self,
        images: &[ImageRef],
        context: &Context,
    ) -> Result<Vec<Answer>, Error> {
        let files = match (&self.evidence.bundle, &self.evidence.evidence) {
            (Some(path), _) => Some(folder::of_file(path)?),
            (None, Some(path)) => Some(folder::of_folder(path, context.printer)?),
            (None, None) => None,
        };
        let asker = Asker {
            client: client(self.registry, &context.environment),
            room: Held::at_most(limits::BUNDLES_HELD),
            place: Place::read(self.registry, &context.environment)?,
            files: files.map(Arc::new),
            inquiry: self,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(std::thread::available_parallelism().map_or(1, Into::into))
            .build()
            .map_err(Error::Runtime)?;
        let (given, known) = runtime.block_on(asker.everything(images, context.printer));
        let mut answers = assemble(given, known, context.printer)?;
        if asker.files.is_none()
            && let Some(repository) = asker.place.other()
        {
            // What has no digest was looked for nowhere.
            for answer in answers.iter_mut().filter(|a| a.subject.is_some()) {
                answer.looked_in = Some(repository.to_string());
            }
        }
        Ok(answers)
    }
}

/// The verdict about each image by digest, with its text.
type Known = HashMap<PinnedRef, Result<Verdict, Error>>;

struct Asker<'a> {
    client: Client,
    /// The bytes of what is being judged, of all images together.
    room: Held,
    place: Place,
    files: Option<Arc<Evidence>>,
    inquiry: &'a Inquiry<'a>,
}

impl Asker<'_> {
    /// First what every reference is by digest, then each digest once, however often it is named.
    async fn everything(&self, images: &[ImageRef], printer: Printer) -> (Vec<Given>, Known) {
        let given: Vec<Given> = stream::iter(images)
            .map(|image| self.given(image))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut seen = HashSet::new();
        let asked: Vec<&PinnedRef> = given
            .iter()
            .flat_map(|given| given.leaves.iter().flatten())
            .map(|leaf| &leaf.image)
            .filter(|image| seen.insert(*image))
            .collect();
        let mut verdicts = stream::iter(&asked)
            .map(|image| async { ((*image).clone(), self.verdict(image).await) })
            .buffer_unordered(AT_ONCE);
        let mut known = HashMap::new();
        while let Some((image, verdict)) = verdicts.next().await {
            known.insert(image, verdict);
            if asked.len() > 1 {
                printer.progress(&format!(
                    "looked at {} of {} images",
                    known.len(),
                    asked.len()
                ));
            }
        }
        printer.progress("");
        drop(verdicts);
        (given, known)
    }

    async fn given(&self, image: &ImageRef) -> Given {
        let leaves = async {
            let pinned = self.client.resolve_digest(image).await?;
            if self.inquiry.recursive {
                below(&self.client, &pinned).await
            } else {
                Ok(vec![Leaf::given(pinned)])
            }
        };
        let leaves = within(self.inquiry.registry.timeout, image, leaves).await;
        Given {
            text: image.to_string(),
            leaves: leaves.map_err(|source| failed(image, source)),
        }
    }

    async fn verdict(&self, image: &PinnedRef) -> Result<Verdict, Error> {
        let verdict = match &self.files {
            Some(files) => self.judge(image, Arc::clone(files)).await,
            None => within(self.inquiry.registry.timeout, image, self.ask(image))
                .await
                .map_err(|source| failed(image, source))?,
        };
        answered(image, verdict)
    }

    /// Asks about one image: first what is listed as attached, and only where that holds no answer
    /// the tags of older formats. An error in either is an error: it never means "look elsewhere".
    async fn ask(&self, image: &PinnedRef) -> Result<Verdict, OciError> {
        let place = self.place.of(image);
        let (evidence, hold) = attached(&self.client, &place, &self.room).await?;
        let mut empty = evidence.bundles.is_empty();
        let mut verdict = self.judge(image, Arc::new(evidence)).await;
        drop(hold);
        if verdict.matches.is_empty() {
            let wanted = &self.inquiry.wanted;
            let (evidence, _hold) = legacy::read(&self.client, &place, wanted, &self.room).await?;
            empty &= evidence.bundles.is_empty();
            verdict.merge(self.judge(image, Arc::new(evidence)).await);
        }
        if empty {
            // A registry lists nothing for an image or in a repository that it does not have, or
            // that this account may not see. That is not "unsigned".
            self.client.manifest(image).await?;
            if let Some(repository) = self.place.other() {
                self.client.see(repository).await?;
            }
        }
        Ok(verdict)
    }

    /// Judges on another thread: it is arithmetic, and the others are waiting for the network.
    async fn judge(&self, image: &PinnedRef, evidence: Arc<Evidence>) -> Verdict {
        let digests = [image.digest().clone()];
        let trust = Arc::clone(&self.inquiry.trust);
        let wanted = self.inquiry.wanted.clone();
        let judged = tokio::task::spawn_blocking(move || {
            let subject = Subject {
                digests: &digests,
                bytes: None,
            };
            judge(&evidence, &wanted, &subject, &trust)
        });
        finished(judged.await)
    }
}

/// A judgement that broke off leaves this one image open, and no other.
fn finished(judged: Result<Verdict, JoinError>) -> Verdict {
    judged.unwrap_or_else(|error| Verdict {
        unreadable: Some((
            "what was found".to_owned(),
            format!("judging it broke off, which is a mistake of this program: {error}"),
        )),
        ..Verdict::default()
    })
}

fn failed(image: &impl ToString, source: OciError) -> Error {
    Error::Registry {
        image: image.to_string(),
        source,
    }
}

/// "No" is an answer only when everything that is there could be looked at.
fn answered(image: &PinnedRef, verdict: Verdict) -> Result<Verdict, Error> {
    match &verdict.unreadable {
        Some((attached, why)) if verdict.matches.is_empty() => Err(Error::Unreadable {
            image: image.to_string(),
            attached: attached.clone(),
            why: why.clone(),
        }),
        _ => Ok(verdict),
    }
}

/// Puts the verdicts into the order of what was asked. A wrong file of credentials or the like is
/// nobody's answer and ends the run.
fn assemble(given: Vec<Given>, mut known: Known, printer: Printer) -> Result<Vec<Answer>, Error> {
    let mut failures = Failures { printer, count: 0 };
    let mut judged: HashMap<PinnedRef, Answer> = HashMap::new();
    let mut answers = Vec::new();
    for Given { text, leaves } in given {
        let leaves = match leaves {
            Ok(leaves) => leaves,
            Err(error) => {
                answers.push(failures.answer(text, None, error)?);
                continue;
            }
        };
        for leaf in leaves {
            let image = leaf.image.to_string();
            if let Some(verdict) = known.remove(&leaf.image) {
                let answer = match verdict {
                    Ok(verdict) => Answer::judged(text.clone(), image.clone(), verdict),
                    Err(error) => failures.answer(text.clone(), Some(image.clone()), error)?,
                };
                judged.insert(leaf.image.clone(), answer);
            }
            let mut answer = judged[&leaf.image].clone();
            if let Some(source) = leaf.unread {
                let error = failed(&leaf.image, source);
                answer = failures.answer(text.clone(), Some(image), error)?;
            }
            answer.given.clone_from(&text);
            answer.place(leaf.part_of.as_ref(), leaf.platform);
            if let Some(entries) = leaf.index {
                answer.list(entries);
            }
            answers.push(answer);
        }
    }
    failures.tell_of_more();
    Ok(answers)
}

/// What could not be looked at, as answers; the first few are told about in full.
struct Failures {
    printer: Printer,
    count: usize,
}

impl Failures {
    fn answer(
        &mut self,
        given: String,
        subject: Option<String>,
        error: Error,
    ) -> Result<Answer, Error> {
        if error.exit() != Exit::Undecided {
            return Err(error);
        }
        self.count += 1;
        if self.count <= SHOWN_FAILURES {
            self.printer.error(&error);
        }
        Ok(Answer::undecided(given, subject, &error))
    }

    fn tell_of_more(&self) {
        if let Some(more) = self.count.checked_sub(SHOWN_FAILURES).filter(|n| *n > 0) {
            self.printer.note(&format!(
                "{more} more could not be looked at; the answer says why"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use palisade_types::Digest;

    use super::*;

    #[tokio::test]
    async fn a_judgement_that_breaks_off_is_an_open_answer_about_its_own_image() {
        let image = "localhost:1/demo/app".parse::<ImageRef>().expect("a name");
        let image = image.repository().pin(Digest::sha256_of(b"image"));
        let judged = tokio::task::spawn_blocking(|| -> Verdict { panic!("a broken invariant") });
        let error = answered(&image, finished(judged.await))
            .err()
            .expect("no answer");
        assert_eq!(error.exit(), Exit::Undecided);
        assert!(
            error.why().contains("a mistake of this program"),
            "{}",
            error.why()
        );
        let judged = tokio::task::spawn_blocking(Verdict::default);
        assert!(answered(&image, finished(judged.await)).is_ok());
    }
}
