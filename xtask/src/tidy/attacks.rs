//! Every attack of `docs/attacks.md` is played by a test, which names it.

use std::collections::{BTreeMap, BTreeSet};

use super::checkout::{Checkout, File};

/// The page that lists the attacks.
const PAGE: &str = "docs/attacks.md";

/// How the line of a comment begins that names attacks.
const MARK: &str = "Attack: ";

/// Every listed attack either has a test or is listed as open, and every named one is listed.
pub(super) fn attacks_tested(checkout: &Checkout) -> Vec<String> {
    let Some(page) = checkout.files().find(|file| file.path == PAGE) else {
        return vec![format!("{PAGE} is missing")];
    };
    let (listed, open) = read(page);
    let named = named(checkout);
    let mut faults = Vec::new();
    for id in listed.iter().filter(|id| !named.contains_key(*id)) {
        if !open.contains(id) {
            faults.push(format!("{PAGE}: no test plays `{id}`"));
        }
    }
    for id in open.difference(&listed) {
        faults.push(format!("{PAGE}: `{id}` is open and not in a table"));
    }
    for id in open.iter().filter(|id| named.contains_key(*id)) {
        faults.push(format!("{PAGE}: `{id}` is open and has a test"));
    }
    for (id, place) in named.iter().filter(|(id, _)| !listed.contains(*id)) {
        faults.push(format!("{place}: `{id}` is not in {PAGE}"));
    }
    faults
}

/// The ids in the tables' first column, and those in the list of open ones.
fn read(page: &File) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let first = |line| words(line).next();
    let rows = page
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let listed = rows
        .filter_map(|row| row.split_once(" | "))
        // The opening tick was taken off.
        .flat_map(|(ids, _)| ids.split(['`', ' ']))
        .filter(|id| is_id(id))
        .collect();
    let items = page.text.lines().filter_map(|line| line.strip_prefix("- "));
    (listed, items.filter_map(first).collect())
}

/// Every id a comment names, with one place that does.
fn named(checkout: &Checkout) -> BTreeMap<&str, String> {
    let mut named = BTreeMap::new();
    // This file's own tests show what the lines look like.
    let others = checkout.rust().filter(|file| file.path != file!());
    for file in others {
        // A list that ends in a comma goes on in the next line.
        let mut goes_on = false;
        for (line, text) in file.text.lines().enumerate() {
            let comment = text.trim_start().strip_prefix("//").unwrap_or_default();
            let comment = comment.trim_start_matches('/').trim();
            let marked = comment.strip_prefix(MARK).or(goes_on.then_some(comment));
            goes_on = marked.is_some() && comment.ends_with(',');
            for id in marked.into_iter().flat_map(words) {
                named.entry(id).or_insert_with(|| file.at(line + 1));
            }
        }
    }
    named
}

/// The ids between backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| is_id(word))
}

fn is_id(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    word.contains('_') && word.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(page: &str, test: &str) -> Vec<String> {
        attacks_tested(&Checkout::of(&[
            (PAGE, page),
            ("crates/a/tests/it/b.rs", test),
        ]))
    }

    const ROW: &str = "| `log_a` `log_b` | known | tried | REJECT |\n";

    #[test]
    fn an_attack_without_a_test_is_found_unless_it_is_open() {
        let both = "/// Attack: `log_a`, `log_b`. More.\n#[test]\nfn f() {}";
        assert!(faults(ROW, both).is_empty());
        let one = "    // Attack: `log_a`.\n    #[test]\n    fn f() {}";
        assert_eq!(faults(ROW, one), ["docs/attacks.md: no test plays `log_b`"]);
        let two = "/// Attack: `log_a`,\n/// `log_b`.\n/// `log_c`\nfn f() {}";
        assert!(faults(ROW, two).is_empty());
        let open = format!("{ROW}\n- `log_b`: later\n");
        assert!(faults(&open, one).is_empty());
        let want = ["docs/attacks.md: `log_b` is open and has a test"];
        assert_eq!(faults(&open, both), want);
    }

    #[test]
    fn an_attack_that_is_not_listed_is_found() {
        let page = format!("{ROW}- `log_a`\n- `log_b`\n- `log_c`\n");
        let test = "/// Attack: `log_d`.\nfn f() {}";
        let want = [
            "docs/attacks.md: `log_c` is open and not in a table",
            "crates/a/tests/it/b.rs:1: `log_d` is not in docs/attacks.md",
        ];
        assert_eq!(faults(&page, test), want);
        assert_eq!(
            attacks_tested(&Checkout::of(&[])),
            ["docs/attacks.md is missing"]
        );
    }
}
