//! The answers as a table: one line for each image. What came from outside is escaped.

use palisade_ui::{Printer, escape};

use crate::output::{Answer, Outcome, Report};
use crate::text::tally;

/// The widest column that is padded; a longer name only moves the rest of its own line.
const WIDEST: usize = 80;

/// Prints the table and what it comes to.
pub(crate) fn print(report: &Report, printer: Printer) {
    let names: Vec<_> = report.answers.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or_default().min(WIDEST);
    printer.answer(&printer.faint(&format!(
        "{:<10} {:<width$}  SIGNER OR REASON",
        "RESULT", "IMAGE"
    )));
    for (answer, name) in report.answers.iter().zip(&names) {
        // Padded before it is coloured: colour has no width.
        let result = match answer.result {
            Outcome::Verified => printer.good("verified  "),
            Outcome::Rejected => printer.bad("rejected  "),
            Outcome::Undecided => printer.unsure("undecided "),
        };
        let why = escape(&why(answer));
        printer.answer(&format!("{result} {name:<width$}  {why}"));
    }
    printer.answer(&tally(report));
}

/// What was given; for an image of an index its platform and digest, since that was given once.
fn name(answer: &Answer) -> String {
    let name = match (&answer.part_of, &answer.subject) {
        (Some(_), Some(subject)) => {
            let digest = subject.rsplit('@').next().unwrap_or_default();
            let platform = answer.platform.as_deref().unwrap_or("no platform");
            format!("  {platform} {digest}")
        }
        _ => answer.given.clone(),
    };
    escape(&name)
}

/// Who signed, or the nearest reason why nobody did.
fn why(answer: &Answer) -> String {
    if let Some(why) = &answer.undecided {
        return why.clone();
    }
    if let (Outcome::Verified, Some(proven)) = (answer.result, answer.verified.first()) {
        return match (&proven.signer, &proven.key) {
            (Some(signer), _) => format!("{} (issuer {})", signer.identity, signer.issuer),
            (None, Some(key)) => format!("the key {key}"),
            (None, None) => String::new(),
        };
    }
    // Somebody else's signature says more than garbage beside it.
    let nearest = answer
        .refused
        .iter()
        .find(|refusal| refusal.reason == "signer");
    match nearest.or(answer.refused.first()) {
        Some(refusal) => {
            let missed = refusal.fields.iter().find(|field| !field.equal);
            match missed {
                Some(field) => format!(
                    "{}: {} wanted `{}`, got `{}`",
                    refusal.reason, field.field, field.want, field.got
                ),
                None => format!("{}: {}", refusal.reason, refusal.detail),
            }
        }
        None if answer.other.is_empty() => "nothing is attached".to_owned(),
        None => format!("{} attachments of other kinds", answer.other.len()),
    }
}
