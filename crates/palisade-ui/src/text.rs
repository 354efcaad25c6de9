//! Text from outside, made safe to print; and the nearest of several names.

use std::fmt::Write as _;

/// Makes text from a certificate, a registry or a file harmless on a terminal: control characters
/// and the marks that change reading direction are written as `\u{…}` (the class of
/// CVE-2026-45803).
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_format_mark(c) {
            write!(safe, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string cannot fail");
        } else {
            safe.push(c);
        }
    }
    safe
}

/// [`escape`] for text of several lines, whose ends stay as they are.
pub(crate) fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape).collect();
    lines.join("\n")
}

/// Makes a JSON text harmless on a terminal without changing what it says: the same characters as
/// in [`escape`], which valid JSON can hold in its strings alone, are written as `\uXXXX`.
pub(crate) fn escape_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && (c.is_control() || is_format_mark(c)) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(safe, "\\u{unit:04x}").expect("writing to a string cannot fail");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Marks that change the reading direction, break lines, or show nothing at all.
const fn is_format_mark(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The candidate nearest to what was typed, when it is near enough to be a slip.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(typed, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// Edits between two short words: insert, delete, replace, swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_reading_marks_cannot_reach_the_terminal() {
        assert_eq!(
            escape("a\u{1b}[31mb\r\u{202e}c"),
            "a\\u{1b}[31mb\\u{d}\\u{202e}c"
        );
        assert_eq!(escape("Jürgen"), "Jürgen");
    }

    #[test]
    fn json_is_made_harmless_and_says_the_same() {
        let value = serde_json::json!({"a\u{9b}": ["\u{7f}\u{202e}\u{1b}\u{e0041}", "Jürgen"]});
        let text = serde_json::to_string_pretty(&value).expect("JSON");
        let safe = escape_json(&text);
        assert!(
            safe.contains("\\u202e") && safe.contains("Jürgen"),
            "{safe}"
        );
        assert!(
            safe.chars()
                .all(|c| c == '\n' || !c.is_control() && !is_format_mark(c))
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"),
            value
        );
    }

    #[test]
    fn slips_find_their_word_and_other_words_do_not() {
        let words = ["deploy", "gate", "sbom", "sign", "verify"];
        assert_eq!(nearest("sgin", words), Some("sign"));
        assert_eq!(nearest("verfy", words), Some("verify"));
        assert_eq!(nearest("banana", words), None);
    }
}
