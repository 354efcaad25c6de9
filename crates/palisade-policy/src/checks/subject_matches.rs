//! The policy is for this image, and the image has what the policy says it has.

use palisade_types::Verdict;

use super::Answer;
use crate::evaluate::Input;

pub(super) const ID: &str = "subject-matches";

pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let subject = &input.evidence.subject;
    let images = &input.policy.images;
    let repository = subject.image.repository().to_string();
    let no =
        |reason: String, help: String| Some(Answer::no(Verdict::Fail, reason, help, images.span));
    let Some(glob) = images.value.iter().find(|glob| glob.matches(&repository)) else {
        let names: Vec<String> = images
            .value
            .iter()
            .map(|glob| format!("`{glob}`"))
            .collect();
        return no(
            format!(
                "the policy is not for `{repository}`; it names {}",
                names.join(", ")
            ),
            "use the policy for this image, or add its repository to `subject.images`".to_owned(),
        );
    };
    if subject.leaves.is_empty() {
        return no(
            "the index has no platform that could run".to_owned(),
            "push an image with at least one platform".to_owned(),
        );
    }
    let present: Vec<_> = subject.leaves.iter().map(|leaf| &leaf.platform).collect();
    if let Some(missing) = input
        .policy
        .platforms
        .iter()
        .find(|want| !present.contains(want))
    {
        let present: Vec<String> = present.iter().map(|p| format!("`{p}`")).collect();
        return no(
            format!(
                "the image has no `{missing}`; it has {}",
                present.join(", ")
            ),
            format!("build the image for `{missing}`, or remove it from `subject.platforms`"),
        );
    }
    let reason = format!("the policy names `{glob}`");
    Some(Answer::pass(reason, Vec::new(), images.span))
}
