//! Habits of documentation pages.

use super::checkout::Checkout;

/// The headings of a check's page, in their order.
const HEADINGS: [&str; 4] = ["Why", "Passes", "Fails", "Fix"];

/// A check is a pair of files, and its page has four headings in their order.
pub(super) fn check_page_complete(checkout: &Checkout) -> Vec<String> {
    let mut faults = Vec::new();
    for file in checkout
        .files()
        .filter(|file| file.path.contains("/src/checks/"))
    {
        if let Some(stem) = file.path.strip_suffix(".md") {
            let headings: Vec<_> = file.text.lines().filter_map(heading).collect();
            if headings != HEADINGS {
                faults.push(format!(
                    "{} has the headings {headings:?}, not {HEADINGS:?}",
                    file.path
                ));
            }
            if !checkout.has(&format!("{stem}.rs")) {
                faults.push(format!("{} has no check beside it", file.path));
            }
        }
    }
    faults
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("## ").map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n\n## Why\n\n## Passes\n\n## Fails\n\n## Fix\n";

    fn count(text: &str) -> usize {
        let pair = [("c/src/checks/a.md", text), ("c/src/checks/a.rs", "")];
        check_page_complete(&Checkout::of(&pair)).len()
    }

    #[test]
    fn a_page_has_its_four_headings_in_order() {
        assert_eq!(count(PAGE), 0);
        assert_eq!(count(&PAGE.replace("## Fix", "## Cure")), 1);
        assert_eq!(
            count(&PAGE.replace("## Why\n\n## Passes", "## Passes\n\n## Why")),
            1
        );
    }

    #[test]
    fn a_page_without_its_check_is_found() {
        let checkout = Checkout::of(&[("c/src/checks/a.md", PAGE)]);
        assert_eq!(
            check_page_complete(&checkout),
            ["c/src/checks/a.md has no check beside it"]
        );
    }
}
