//! Habits of workflows: what is used is pinned by commit, and nothing is permitted by default.

use super::checkout::{Checkout, File, has_extension};

/// A `uses:` names a file of this repository or a commit; tags move.
pub(super) fn uses_pinned(checkout: &Checkout) -> Vec<String> {
    let mut faults = Vec::new();
    let actions = checkout
        .files()
        .filter(|file| file.path.ends_with("action.yml"));
    for file in workflows(checkout).chain(actions) {
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

/// A workflow permits nothing by default; each job says what it needs.
pub(super) fn permissions_empty(checkout: &Checkout) -> Vec<String> {
    let open = workflows(checkout).filter(|file| {
        let mut lines = file.text.lines();
        !lines.any(|line| line.trim_end() == "permissions: {}")
    });
    open.map(|file| format!("{} has no `permissions: {{}}` at its top", file.path))
        .collect()
}

fn workflows(checkout: &Checkout) -> impl Iterator<Item = &File> {
    checkout.files().filter(|file| {
        let is_yaml = has_extension(&file.path, "yml") || has_extension(&file.path, "yaml");
        is_yaml && file.path.starts_with(".github/workflows/")
    })
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

    #[test]
    fn permissions_are_empty_at_the_top_and_not_only_in_a_job() {
        let count = |text: &str| {
            permissions_empty(&Checkout::of(&[(".github/workflows/a.yml", text)])).len()
        };
        assert_eq!(count("on: push\npermissions: {}\njobs:\n"), 0);
        assert_eq!(count("jobs:\n  a:\n    permissions: {}\n"), 1);
        assert_eq!(count("permissions:\n  contents: read\n"), 1);
    }
}
