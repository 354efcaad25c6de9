//! The list of the gate's checks, from their pages.

use std::fmt::Write as _;

use palisade_policy::checks::CHECKS;

use super::tables::WRITTEN;

/// Where the pages are, from docs/reference.
const PAGES: &str = "../../crates/palisade-policy/src/checks";

/// docs/reference/checks.md: every check, why it exists, and where its page is.
pub(super) fn page() -> String {
    let mut text = format!(
        "# Checks\n\n{WRITTEN}\n\n\
         What a policy can demand. Each check has a page beside its code: why it exists, what passes,\n\
         what fails, how to fix it. The examples on the page are run as tests.\n\n\
         | check | why |\n|---|---|\n"
    );
    for check in CHECKS {
        let file = check.id.replace('-', "_");
        let why = why(check.page);
        writeln!(text, "| [`{}`]({PAGES}/{file}.md) | {why} |", check.id)
            .expect("writing to a string cannot fail");
    }
    text
}

/// The first paragraph of the page's *Why*.
fn why(page: &str) -> &str {
    let after = page.split_once("## Why").map_or("", |(_, after)| after);
    after
        .trim_start()
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_row_with_a_reason_and_a_page_that_exists() {
        let page = page();
        for check in CHECKS {
            assert!(!why(check.page).is_empty(), "{}", check.id);
            assert!(page.contains(&format!("[`{}`]", check.id)));
            let file = format!(
                "crates/palisade-policy/src/checks/{}.md",
                check.id.replace('-', "_")
            );
            assert!(crate::files::root().join(&file).exists(), "{file}");
        }
    }
}
