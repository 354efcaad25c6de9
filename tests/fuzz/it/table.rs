//! The page lists the targets as they are.

use palisade_fuzz::targets;

#[test]
fn the_page_lists_every_target_with_what_it_feeds_and_what_must_hold() {
    let rows = targets().into_iter().map(|target| {
        format!(
            "| `{}` | {} | {} |\n",
            target.name, target.parser, target.holds
        )
    });
    let table: String = rows.collect();
    let page = include_str!("../README.md");
    assert!(
        page.contains(&table),
        "the table in tests/fuzz/README.md should be:\n{table}"
    );
}

#[test]
fn names_are_unique_and_kebab_case() {
    let names: Vec<_> = targets().iter().map(|target| target.name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    assert!(names.iter().all(|name| name.bytes().all(word)), "{names:?}");
}
