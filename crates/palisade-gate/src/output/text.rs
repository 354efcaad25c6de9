//! The answer for people. Everything that came from outside is escaped.

use palisade_types::{Mode, Outcome, Verdict};
use palisade_ui::{Printer, escape};

use super::json::{CheckPart, Document, Status};
use crate::publish::Published;

/// How many rejected bundles are listed; the JSON document has them all.
const LISTED: usize = 10;

pub(crate) fn print(document: &Document, published: &Published, policy: &str, printer: Printer) {
    head(document, printer);
    let gaps = !document.gaps.is_empty();
    for check in &document.checks {
        print_check(check, gaps, policy, printer);
    }
    for gap in &document.gaps {
        let line = format!(
            "could not read {}: {}",
            escape(&gap.source),
            escape(&gap.reason)
        );
        printer.answer(&format!("{} {line}", printer.unsure("?")));
    }
    if document.decision != Outcome::Allow {
        print_rejected(document, printer);
    }
    for relaxation in &document.relaxations {
        printer.answer(&format!("{} {relaxation}", printer.unsure("relaxed:")));
    }
    print_published(document, published, printer);
    print_decision(document, printer);
}

fn head(document: &Document, printer: Printer) {
    let subject = &document.subject;
    let from = match &subject.resolved_from {
        Some(tag) => format!(" (tag {} resolved once)", escape(tag)),
        None => String::new(),
    };
    printer.answer(&format!("image   {}{from}", escape(&subject.image)));
    let policy = &document.policy;
    let warns = if policy.mode == Mode::Warn {
        ", only warns"
    } else {
        ""
    };
    printer.answer(&format!(
        "policy  {} version {}, environment {}{warns}",
        policy.id, policy.version, policy.environment
    ));
}

fn print_check(check: &CheckPart, gaps: bool, policy: &str, printer: Printer) {
    let mark = match check.verdict {
        Verdict::Pass => printer.good("✓"),
        Verdict::Missing if gaps => printer.unsure("?"),
        Verdict::Fail | Verdict::Missing => printer.bad("✗"),
    };
    printer.answer(&format!(
        "{mark} {:<19} {}",
        check.check,
        escape(&check.reason)
    ));
    if let Some(help) = &check.help {
        printer.answer(&format!("    help: {}", escape(help)));
    }
    if check.verdict != Verdict::Pass
        && let Some(line) = check.policy_line
    {
        printer.answer(&printer.faint(&format!("    asked for at {}:{line}", escape(policy))));
    }
}

fn print_rejected(document: &Document, printer: Printer) {
    let rejected = || {
        document
            .evidence
            .iter()
            .filter(|e| e.status == Status::Rejected)
    };
    for item in rejected().take(LISTED) {
        let why = item.why.as_deref().unwrap_or_default();
        let claims = item.predicate_type.as_deref().unwrap_or("no statement");
        let line = format!(
            "rejected {} (claims {}): {}",
            item.bundle.short(),
            escape(claims),
            escape(why)
        );
        printer.answer(&printer.faint(&line));
    }
    let count = rejected().count();
    if count > LISTED {
        let more = format!("and {} more; see `--format json`", count - LISTED);
        printer.answer(&printer.faint(&more));
    }
}

fn print_published(document: &Document, published: &Published, printer: Printer) {
    match published {
        Published::Nothing(why) if document.decision == Outcome::Allow => {
            printer.answer(&format!("no summary was signed: {why}"));
        }
        Published::Nothing(_) => {}
        Published::Signed {
            bundles,
            file,
            attached,
        } => {
            let file = file
                .as_ref()
                .map(|file| format!(", written to {}", escape(file)));
            let attached = if *attached {
                ", attached to the image"
            } else {
                ""
            };
            printer.answer(&format!(
                "signed {bundles} verification {}{}{attached}",
                if *bundles == 1 {
                    "summary"
                } else {
                    "summaries"
                },
                file.unwrap_or_default()
            ));
        }
    }
}

fn print_decision(document: &Document, printer: Printer) {
    let image = escape(&document.subject.image);
    let open: Vec<&str> = document
        .checks
        .iter()
        .filter(|check| check.verdict != Verdict::Pass)
        .map(|check| check.check.as_str())
        .collect();
    let line = match document.decision {
        Outcome::Allow => format!("{} {image}", printer.good("allow")),
        Outcome::Deny => format!("{} {image}: {}", printer.bad("deny"), open.join(", ")),
        Outcome::Undecided => format!(
            "{} {image}: {}",
            printer.unsure("undecided"),
            open.join(", ")
        ),
    };
    printer.answer(&line);
}
