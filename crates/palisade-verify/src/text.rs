//! The answer for people. Everything that came from outside is escaped.

use palisade_trust::Claim;
use palisade_ui::{Printer, escape};
use serde_json::Value as Json;

use crate::output::{Answer, Compared, Expected, Listed, Outcome, Proven, Refusal, Report};

/// Prints the answer to stdout.
pub(crate) fn print(report: &Report, printer: Printer) {
    for answer in &report.answers {
        print_answer(report.command, answer, &report.expected, printer);
    }
    if report.answers.len() > 1 {
        printer.answer(&tally(report));
    }
    let line = format!("trust root: {}", report.trust_root.line(report.now));
    printer.answer(&printer.faint(&escape(&line)));
}

/// How many answers of which kind there are.
pub(crate) fn tally(report: &Report) -> String {
    let count = |outcome| {
        let same = report.answers.iter().filter(|a| a.result == outcome);
        same.count()
    };
    format!(
        "{} images: {} verified, {} rejected, {} undecided",
        report.answers.len(),
        count(Outcome::Verified),
        count(Outcome::Rejected),
        count(Outcome::Undecided)
    )
}

fn print_answer(command: &str, answer: &Answer, expected: &Expected, printer: Printer) {
    let name = escape(answer.subject.as_ref().unwrap_or(&answer.given));
    let kind = escape(&expected.kind);
    let head = match answer.result {
        Outcome::Verified => format!("{} {name}", printer.good("verified")),
        Outcome::Rejected => format!(
            "{} {name}: no {kind} by the expected signer",
            printer.bad("rejected")
        ),
        Outcome::Undecided => format!("{} {name}", printer.unsure("undecided")),
    };
    printer.answer(&head);
    let line = |label: &str, text: &str| printer.answer(&format!("  {label:<10} {}", escape(text)));
    if let Some(index) = &answer.part_of {
        let platform = answer.platform.as_deref().unwrap_or("no platform");
        line("part of", &format!("{index}, for {platform}"));
    } else if answer
        .subject
        .as_ref()
        .is_some_and(|subject| *subject != answer.given)
    {
        line("given", &answer.given);
    }
    if let Some(place) = &answer.looked_in {
        line("looked in", place);
    }
    if let Some(why) = &answer.undecided {
        line("because", why);
    }
    for proven in &answer.verified {
        print_proven(proven, line);
    }
    for statements in &answer.buildkit {
        let types = statements.predicate_types.join(", ");
        line(
            "buildkit",
            &format!(
                "{} about {}, signed by nobody: {types}",
                statements.manifest, statements.about
            ),
        );
    }
    // What was refused or is of another kind only matters where the answer is no.
    if answer.result != Outcome::Rejected {
        return;
    }
    line("expected", &who(expected));
    answer
        .refused
        .iter()
        .for_each(|refusal| print_refusal(refusal, line));
    answer
        .other
        .iter()
        .for_each(|other| line("found", &listed(other)));
    if answer.refused.is_empty() && answer.other.is_empty() {
        line("found", "nothing");
    }
    if command == "image"
        && let Some(subject) = &answer.subject
        && let Some(predicate_type) = answer.other.iter().find_map(suggestable)
    {
        line(
            "try",
            &format!("palisade verify attestation {subject} --type {predicate_type} …"),
        );
    }
}

/// A type that may stand in a command to copy. It comes from whoever attached the bundle, and
/// must not become another command in somebody's shell.
fn suggestable(other: &Listed) -> Option<&str> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b":/._-".contains(&b);
    other
        .predicate_type
        .as_deref()
        .filter(|text| !text.starts_with('-') && text.bytes().all(harmless))
}

fn who(expected: &Expected) -> String {
    if let Some(key) = &expected.key {
        return format!("the key {} ({})", key.file, key.digest);
    }
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let claims: Vec<_> = expected
        .claims
        .iter()
        .map(|(claim, want)| format!(", {claim} {want}"))
        .collect();
    format!(
        "{} (issuer {}){}",
        text(&expected.identity),
        text(&expected.issuer),
        claims.concat()
    )
}

fn print_proven(proven: &Proven, line: impl Fn(&str, &str)) {
    if let Some(signer) = &proven.signer {
        line(
            "signer",
            &format!("{} (issuer {})", signer.identity, signer.issuer),
        );
    }
    if let Some(key) = &proven.key {
        line("key", key);
    }
    line(
        "signed at",
        proven
            .signed_at
            .as_deref()
            .unwrap_or("a time nobody vouches for"),
    );
    if let Some(statement) = &proven.statement {
        line("statement", &summary(statement));
    }
    let index = proven
        .matched
        .index
        .map_or(String::new(), |index| format!(", subject {index}"));
    line("about", &format!("{}{index}", proven.matched.digest));
    for (at, words) in proven.words.iter().enumerate() {
        line(if at == 0 { "checked" } else { "" }, words);
    }
    if is_only_promised(&proven.claims) {
        line("SET only", PROMISED);
    }
    line("bundle", &proven.bundle);
}

/// What a promise without proof leaves open, and what refuses it.
const PROMISED: &str =
    "no proof shows that the log published it; --require-inclusion-proof refuses that";

/// Whether the log's promise stands for its proof.
fn is_only_promised(claims: &[&str]) -> bool {
    let has = |claim: Claim| claims.contains(&claim.word());
    has(Claim::LogPromise) && !has(Claim::LogInclusion)
}

fn summary(statement: &Json) -> String {
    let text = |name: &str| statement[name].as_str().unwrap_or_default().to_owned();
    let predicate = &statement["predicate"];
    let holds = match predicate.as_object() {
        Some(fields) => fields.keys().cloned().collect::<Vec<_>>().join(", "),
        None => "nothing".to_owned(),
    };
    format!("{} with {holds}", text("predicateType"))
}

fn print_refusal(refusal: &Refusal, line: impl Fn(&str, &str)) {
    line(
        "refused",
        &format!("{}: {}: {}", refusal.origin, refusal.reason, refusal.detail),
    );
    for Compared {
        field,
        want,
        got,
        equal,
    } in &refusal.fields
    {
        let text = if *equal {
            format!("{field} `{got}` matches")
        } else {
            format!("{field} wanted `{want}`, got `{got}`")
        };
        line("", &text);
    }
}

fn listed(other: &Listed) -> String {
    match &other.predicate_type {
        Some(predicate_type) => format!(
            "{}: an attestation that claims the type {predicate_type}, which was not asked for",
            other.origin
        ),
        None => format!("{}: a signature over a file's bytes", other.origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_a_shell_would_run_is_not_suggested() {
        let listed = |text: &str| Listed {
            origin: String::new(),
            predicate_type: Some(text.to_owned()),
        };
        let type_of = |text| suggestable(&listed(text)).map(str::to_owned);
        let good = "https://slsa.dev/provenance/v1";
        assert_eq!(type_of(good).as_deref(), Some(good));
        for bad in ["x; rm -rf ~", "$(id)", "--allow-lab", "a\nb", "`id`"] {
            assert_eq!(type_of(bad), None, "{bad}");
        }
    }
}
