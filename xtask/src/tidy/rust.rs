//! Habits of Rust source.

use super::checkout::{Checkout, File};
use crate::tokens;

/// The most lines a source file has. What is longer does more than one thing.
const MAX_LINES: usize = 600;

/// The first line says what the file is for.
pub(super) fn file_has_purpose(checkout: &Checkout) -> Vec<String> {
    let without = checkout
        .rust()
        .filter(|file| !file.text.starts_with("//! "));
    without
        .map(|file| format!("{} does not open with `//!`", file.at(1)))
        .collect()
}

/// No file is longer than one purpose takes.
pub(super) fn file_not_long(checkout: &Checkout) -> Vec<String> {
    let lines = checkout
        .rust()
        .map(|file| (file, file.text.lines().count()));
    lines
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(file, lines)| format!("{} has {lines} lines, {MAX_LINES} are allowed", file.path))
        .collect()
}

/// A test asserts today's behaviour, or is deleted.
pub(super) fn nothing_ignored(checkout: &Checkout) -> Vec<String> {
    everywhere(checkout, &[&["#", "[", "ignore"]], "a test is ignored")
}

/// Nothing is left for later inside the code.
pub(super) fn nothing_unfinished(checkout: &Checkout) -> Vec<String> {
    let macros: &[&[&str]] = &[&["dbg", "!"], &["todo", "!"], &["unimplemented", "!"]];
    everywhere(checkout, macros, "something is left for later")
}

/// A panic outside of tests says why it cannot happen.
pub(super) fn panics_explained(checkout: &Checkout) -> Vec<String> {
    let mut faults = Vec::new();
    for file in checkout.rust() {
        for wanted in [
            &[".", "unwrap", "("][..],
            &[".", "unwrap_err", "("],
            &["panic", "!"],
        ] {
            let lines = tokens::find(file.shipped(), wanted).into_iter();
            let name = wanted.concat();
            faults
                .extend(lines.map(|line| format!("{}: `{name}` outside of tests", file.at(line))));
        }
    }
    faults
}

/// Who may ask for the time: the edge that takes it once for a command, the one that reads dates in
/// answers of servers, and the lab, which plays servers.
const CLOCKS: &[&str] = &[
    "crates/palisade-lab/",
    "crates/palisade-oci/",
    "crates/palisade-ui/",
    "xtask/",
];

/// The time enters once; everything else is handed it.
pub(super) fn clock_read_once(checkout: &Checkout) -> Vec<String> {
    let others = checkout
        .rust()
        .filter(|file| !CLOCKS.iter().any(|folder| file.path.starts_with(folder)));
    let mut faults = Vec::new();
    for file in others {
        for name in ["SystemTime", "Timestamp", "Zoned"] {
            let lines = tokens::find(file.shipped(), &[name, ":", ":", "now"]).into_iter();
            faults.extend(lines.map(|line| format!("{}: `{name}::now`", file.at(line))));
        }
    }
    faults
}

/// What only verification may find out is asserted in tests alone.
pub(super) fn assertion_in_tests_only(checkout: &Checkout) -> Vec<String> {
    let shipped = checkout.rust().flat_map(|file| calls(file, file.shipped()));
    shipped
        .map(|place| format!("{place}: `Verified::assertion` outside of tests"))
        .collect()
}

/// Every place that calls `Verified::assertion`.
pub(super) fn assertions(checkout: &Checkout) -> Vec<String> {
    checkout
        .rust()
        .flat_map(|file| calls(file, file.tokens()))
        .collect()
}

fn calls(file: &File, tokens: &[tokens::Token]) -> Vec<String> {
    let plain = tokens::find(tokens, &["Verified", ":", ":", "assertion"]);
    let generic = tokens::find(tokens, &[">", ":", ":", "assertion"]);
    plain
        .into_iter()
        .chain(generic)
        .map(|line| file.at(line))
        .collect()
}

fn everywhere(checkout: &Checkout, wanted: &[&[&str]], what: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for file in checkout.rust() {
        for wanted in wanted {
            let lines = tokens::find(file.tokens(), wanted).into_iter();
            faults.extend(lines.map(|line| format!("{}: {what}", file.at(line))));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(check: fn(&Checkout) -> Vec<String>, path: &str, text: &str) -> usize {
        check(&Checkout::of(&[(path, text)])).len()
    }

    #[test]
    fn a_file_without_a_purpose_is_found() {
        assert_eq!(count(file_has_purpose, "a.rs", "//! What for.\n"), 0);
        assert_eq!(count(file_has_purpose, "a.rs", "// What for.\n"), 1);
        assert_eq!(count(file_has_purpose, "a.md", "no purpose"), 0);
    }

    #[test]
    fn one_line_too_many_is_found() {
        assert_eq!(count(file_not_long, "a.rs", &"\n".repeat(MAX_LINES)), 0);
        assert_eq!(count(file_not_long, "a.rs", &"\n".repeat(MAX_LINES + 1)), 1);
    }

    #[test]
    fn ignored_and_unfinished_code_is_found_and_words_about_it_are_not() {
        assert_eq!(
            count(
                nothing_ignored,
                "a.rs",
                "#[test]\n#[ignore = \"x\"]\nfn f() {}"
            ),
            1
        );
        assert_eq!(
            count(
                nothing_ignored,
                "a.rs",
                "// #[ignore]\nconst A: &str = \"#[ignore]\";"
            ),
            0
        );
        assert_eq!(count(nothing_unfinished, "a.rs", "fn f() { todo!() }"), 1);
        assert_eq!(count(nothing_unfinished, "a.rs", "fn todo() {}"), 0);
    }

    #[test]
    fn a_panic_is_fine_in_a_test_and_nowhere_else() {
        let source = "fn f() { g().unwrap() }";
        assert_eq!(count(panics_explained, "crates/a/src/b.rs", source), 1);
        assert_eq!(count(panics_explained, "crates/a/tests/it/b.rs", source), 0);
        let in_tests = "#[cfg(test)] mod tests { fn f() { g().unwrap() } }";
        assert_eq!(count(panics_explained, "crates/a/src/b.rs", in_tests), 0);
        let expected = "fn f() { g().expect(\"it holds\").unwrap_or(1) }";
        assert_eq!(count(panics_explained, "crates/a/src/b.rs", expected), 0);
    }

    #[test]
    fn the_time_is_asked_for_at_the_edge_and_nowhere_else() {
        let source = "fn f() -> Timestamp { Timestamp::now() }";
        assert_eq!(
            count(clock_read_once, "crates/palisade-gate/src/a.rs", source),
            1
        );
        assert_eq!(
            count(clock_read_once, "crates/palisade-ui/src/a.rs", source),
            0
        );
        assert_eq!(
            count(
                clock_read_once,
                "crates/palisade-gate/tests/it/a.rs",
                source
            ),
            0
        );
    }

    #[test]
    fn an_assertion_is_found_however_its_type_is_written() {
        for call in ["Verified::assertion(x)", "Verified::<u8>::assertion(x)"] {
            let source = format!("fn f() {{ {call} }}");
            assert_eq!(
                count(assertion_in_tests_only, "crates/a/src/b.rs", &source),
                1,
                "{call}"
            );
            assert_eq!(
                count(assertion_in_tests_only, "crates/a/tests/it/b.rs", &source),
                0
            );
            assert_eq!(count(assertions, "crates/a/tests/it/b.rs", &source), 1);
        }
    }
}
