//! `docs/interop.md`: the page is the table that the tests hold the world against.

use std::collections::BTreeMap;

/// The page.
const PAGE: &str = include_str!("../../../docs/interop.md");

/// What a cell says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// `yes`, `accept`.
    Yes,
    /// `no` or `reject`, with the word for the reason, if there is one.
    No(String),
    /// `–`: there is no such command, or nothing to ask about.
    NotAsked,
}

impl Cell {
    /// Reads `yes`, `no: why`, `accept`, `reject`, `–`.
    fn read(text: &str) -> Self {
        let (word, why) = text.split_once(": ").unwrap_or((text, ""));
        match word {
            "yes" | "accept" => Self::Yes,
            "no" | "reject" => Self::No(why.to_owned()),
            "–" => Self::NotAsked,
            _ => panic!("docs/interop.md: `{text}` is no cell"),
        }
    }
}

/// A row: what it is about, and a cell under each heading.
pub(crate) struct Row {
    pub(crate) words: Vec<&'static str>,
    pub(crate) cells: BTreeMap<&'static str, Cell>,
}

/// The rows of the table under this heading; the first `words` columns are words, the others cells.
pub(crate) fn table(heading: &str, words: usize) -> Vec<Row> {
    let mut lines = lines(heading);
    let names = lines.remove(0);
    let row = |columns: Vec<&'static str>| {
        assert_eq!(columns.len(), names.len(), "{columns:?}");
        let cells = names.iter().zip(&columns).skip(words);
        Row {
            words: columns[..words].to_vec(),
            cells: cells
                .map(|(name, cell)| (*name, Cell::read(cell)))
                .collect(),
        }
    };
    lines.into_iter().map(row).collect()
}

/// What a refusal says, by the word for its reason.
pub(crate) fn reasons() -> BTreeMap<&'static str, &'static str> {
    let lines = lines("Reasons").into_iter().skip(1);
    let pair = |columns: Vec<&'static str>| (columns[0], columns[1].trim_matches('`'));
    lines.map(pair).collect()
}

/// The table's lines as columns, without the ruler.
fn lines(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PAGE
        .split("\n## ")
        .find(|section| section.lines().next() == Some(heading))
        .unwrap_or_else(|| panic!("docs/interop.md has no `{heading}`"));
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

#[test]
fn every_reason_is_used_and_every_used_one_is_there() {
    let reasons = reasons();
    let tables = [table("Who verifies whose", 2), table("Other verdicts", 2)];
    let cells = tables.iter().flatten().flat_map(|row| row.cells.values());
    let mut used: Vec<&str> = cells
        .filter_map(|cell| match cell {
            Cell::No(why) if !why.is_empty() => Some(why.as_str()),
            Cell::No(_) | Cell::NotAsked | Cell::Yes => None,
        })
        .collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used, reasons.keys().copied().collect::<Vec<_>>());
}
