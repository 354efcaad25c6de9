//! Habits of the tree: what stands where.

use super::checkout::Checkout;

/// Whose home a path is in. Written in two halves, so that this file does not match itself.
const HOMES: &[&str] = &[
    concat!("/home", "/"),
    concat!("/root", "/"),
    concat!("/Users", "/"),
];

/// Homes that are the same everywhere: GitHub's runner, and a made-up user.
const PUBLIC_HOMES: &[&str] = &[concat!("/home", "/runner"), concat!("/home", "/user")];

/// Every folder of fixtures says where it came from.
pub(super) fn fixture_has_origins(checkout: &Checkout) -> Vec<String> {
    let mut folders: Vec<_> = checkout
        .files()
        .filter_map(|file| file.path.strip_prefix("fixtures/")?.split_once('/'))
        .map(|(folder, _)| format!("fixtures/{folder}"))
        .collect();
    folders.dedup();
    folders.retain(|folder| !checkout.has(&format!("{folder}/ORIGINS.md")));
    folders
        .iter()
        .map(|folder| format!("{folder} has no ORIGINS.md"))
        .collect()
}

/// A snapshot is accepted or it is wrong.
pub(super) fn no_pending_snapshot(checkout: &Checkout) -> Vec<String> {
    let pending = checkout
        .files()
        .filter(|file| file.path.ends_with(".snap.new") || file.path.ends_with(".pending-snap"));
    pending
        .map(|file| format!("{} waits to be accepted", file.path))
        .collect()
}

/// No text names a folder of the machine it was written on. Fixtures, and data that stands beside
/// an `ORIGINS.md`, are as they were found.
pub(super) fn no_home_paths(checkout: &Checkout) -> Vec<String> {
    let mut faults = Vec::new();
    let found = |path: &str| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        path.starts_with("fixtures/") || checkout.has(&format!("{folder}/ORIGINS.md"))
    };
    let ours = checkout.files().filter(|file| !found(&file.path));
    for file in ours {
        for (line, text) in file.text.lines().enumerate() {
            let at_home = HOMES.iter().any(|home| text.contains(home));
            if at_home && !PUBLIC_HOMES.iter().any(|home| text.contains(home)) {
                faults.push(format!("{} names somebody's home", file.at(line + 1)));
            }
        }
    }
    faults
}

/// One integration-test binary per crate: each more is linked again.
pub(super) fn tests_in_one_binary(checkout: &Checkout) -> Vec<String> {
    let outside = checkout.rust().filter(|file| {
        let parts: Vec<_> = file.path.split('/').collect();
        matches!(parts[..], ["crates", _, "tests", part, ..] if part != "it")
    });
    outside
        .map(|file| format!("{} is a test binary of its own; put it in `it`", file.path))
        .collect()
}

/// A test file that no `mod` names is never compiled, and so never fails.
pub(super) fn tests_listed(checkout: &Checkout) -> Vec<String> {
    let mains = checkout.rust().filter_map(|file| {
        let folder = file.path.strip_suffix("/main.rs")?;
        folder.ends_with("/it").then_some((folder, file))
    });
    let mut faults = Vec::new();
    for (folder, main) in mains {
        for file in checkout.rust() {
            let Some(name) = file
                .path
                .strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/'))
            else {
                continue;
            };
            let module = name
                .strip_suffix("/mod.rs")
                .or(name.strip_suffix(".rs"))
                .unwrap_or(name);
            let listed = main
                .text
                .lines()
                .any(|line| line.trim() == format!("mod {module};"));
            // What is in a folder is its parent's to list.
            if module != "main" && !module.contains('/') && !listed {
                faults.push(format!("{} is in no `mod` of {}", file.path, main.path));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_fixtures_without_origins_is_found_once() {
        let with = [("fixtures/a/ORIGINS.md", ""), ("fixtures/a/b/c", "")];
        assert!(fixture_has_origins(&Checkout::of(&with)).is_empty());
        let without = [("fixtures/a/b", ""), ("fixtures/a/c/ORIGINS.md", "")];
        assert_eq!(
            fixture_has_origins(&Checkout::of(&without)),
            ["fixtures/a has no ORIGINS.md"]
        );
    }

    #[test]
    fn a_home_is_found_outside_of_fixtures() {
        let text = format!("see {}me/x\nand {}/work", HOMES[0], PUBLIC_HOMES[0]);
        let files = [
            ("a.md", text.as_str()),
            ("fixtures/a.md", &text),
            ("data/a.json", &text),
            ("data/ORIGINS.md", ""),
            ("other/a.json", &text),
        ];
        let want = [
            "a.md:1 names somebody's home",
            "other/a.json:1 names somebody's home",
        ];
        assert_eq!(no_home_paths(&Checkout::of(&files)), want);
    }

    #[test]
    fn a_forgotten_test_file_is_found() {
        let main = ("crates/a/tests/it/main.rs", "mod b;\n");
        let listed = [
            main,
            ("crates/a/tests/it/b.rs", ""),
            ("crates/a/tests/it/b/c.rs", ""),
        ];
        assert!(tests_listed(&Checkout::of(&listed)).is_empty());
        let forgotten = [main, ("crates/a/tests/it/d.rs", "")];
        assert_eq!(
            tests_listed(&Checkout::of(&forgotten)),
            ["crates/a/tests/it/d.rs is in no `mod` of crates/a/tests/it/main.rs"]
        );
    }

    #[test]
    fn a_second_test_binary_and_a_pending_snapshot_are_found() {
        let files = [
            ("crates/a/tests/b.rs", ""),
            ("crates/a/tests/it/c.rs", ""),
            (".x.pending-snap", ""),
        ];
        let checkout = Checkout::of(&files);
        assert_eq!(tests_in_one_binary(&checkout).len(), 1);
        assert_eq!(no_pending_snapshot(&checkout).len(), 1);
    }
}
