//! Habits of workflows: what is used is pinned by commit.

use super::checkout::{Checkout, has_extension};

/// A `uses:` names a file of this repository or a commit; tags move.
pub(super) fn uses_pinned(checkout: &Checkout) -> Vec<String> {
    let mut faults = Vec::new();
    let workflows = checkout.files().filter(|file| {
        let is_yaml = has_extension(&file.path, "yml") || has_extension(&file.path, "yaml");
        is_yaml && (file.path.starts_with(".github/") || file.path.ends_with("action.yml"))
    });
    for file in workflows {
        for (line, text) in file.text.lines().enumerate() {
            if let Some(used) = used(text).filter(|used| !is_pinned(used)) {
                faults.push(format!(
                    "{}: `{used}` is not pinned by commit",
                    file.at(line + 1)
                ));
            }
        }
    }
    faults
}

fn used(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("- ");
    let value = line.strip_prefix("uses:")?.trim();
    let value = value.split(" #").next().unwrap_or_default().trim();
    Some(value.trim_matches(['"', '\'']))
}

fn is_pinned(used: &str) -> bool {
    used.starts_with("./")
        || used.split_once('@').is_some_and(|(_, commit)| {
            commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_pinned_and_a_tag_is_not() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let pinned = format!("  - uses: a/b@{commit} # v1\n  - uses: ./.github/x.yml\n");
        assert!(uses_pinned(&Checkout::of(&[(".github/workflows/a.yml", &pinned)])).is_empty());
        for used in [
            "a/b@v1",
            "a/b",
            "\"a/b@main\"",
            &format!("a/b@{}", &commit[1..]),
        ] {
            let text = format!("steps:\n  - uses: {used}\n");
            let checkout = Checkout::of(&[(".github/workflows/a.yml", &text)]);
            assert_eq!(uses_pinned(&checkout).len(), 1, "{used}");
        }
    }
}
