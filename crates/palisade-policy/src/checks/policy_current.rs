//! The policy has not expired.

use palisade_types::Verdict;

use super::Answer;
use crate::evaluate::Input;

pub(super) const ID: &str = "policy-current";

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature of every check; this one is always asked"
)]
pub(super) fn answer(input: &Input<'_>) -> Option<Answer> {
    let expires = &input.policy.expires;
    Some(if input.now < expires.value {
        let reason = format!("the policy is in force until {}", expires.value);
        Answer::pass(reason, Vec::new(), expires.span)
    } else {
        let reason = format!("the policy expired on {}", expires.value);
        let help = "review the policy, then raise `version` and set a later `expires`";
        Answer::no(Verdict::Fail, reason, help, expires.span)
    })
}
