//! Paragraphs of fields, as dpkg writes them (deb822(5)).

use std::ops::Range;

/// The most fields of one paragraph; dpkg knows about fifty.
const MAX_FIELDS: usize = 10_000;

/// One paragraph: its fields, as they stand in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paragraph<'a> {
    /// The line it starts on, counted from 1.
    pub(super) line: usize,
    text: &'a str,
    fields: Vec<(&'a str, Range<usize>)>,
}

impl<'a> Paragraph<'a> {
    /// The value of a field, continuation lines included. Names compare without case.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let named = |(key, _): &&(&str, _)| key.eq_ignore_ascii_case(name);
        let (_, value) = self.fields.iter().find(named)?;
        Some(self.text[value.clone()].trim())
    }

    /// Takes in the line at this range: a new field, or the continuation of the last. False if it
    /// is neither.
    fn add(&mut self, line: Range<usize>) -> bool {
        let content = &self.text[line.clone()];
        if content.starts_with([' ', '\t']) {
            let last = self.fields.last_mut();
            return last.is_some_and(|(_, value)| {
                value.end = line.end;
                true
            });
        }
        match content.split_once(':') {
            Some((name, _)) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) => {
                let value = line.start + name.len() + 1..line.end;
                self.fields.push((name, value));
                self.fields.len() <= MAX_FIELDS
            }
            _ => false,
        }
    }
}

/// A paragraph that is not made of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The line that is no field.
    pub(super) line: usize,
}

/// The paragraphs of a file, one at a time. A broken one is reported in its place, and the next
/// are still read.
pub(super) fn paragraphs(text: &str) -> impl Iterator<Item = Result<Paragraph<'_>, Broken>> {
    let mut lines = text.split_inclusive('\n').enumerate();
    let mut end = 0;
    std::iter::from_fn(move || {
        let mut current: Option<Result<Paragraph<'_>, Broken>> = None;
        for (index, content) in lines.by_ref() {
            let line = index + 1;
            let start = end;
            end += content.len();
            if content.trim().is_empty() {
                if current.is_some() {
                    return current;
                }
                continue;
            }
            let paragraph = current.get_or_insert(Ok(Paragraph {
                line,
                text,
                fields: Vec::new(),
            }));
            if let Ok(whole) = paragraph
                && !whole.add(start..end)
            {
                *paragraph = Err(Broken { line });
            }
        }
        current
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_belong_to_the_field_above() {
        let all: Vec<_> = paragraphs("A: 1\nB: x\n y\n z\nc:\n\nA: 2\n").collect();
        let first = all[0].as_ref().expect("whole");
        assert_eq!(first.get("a"), Some("1"));
        assert_eq!(first.get("B"), Some("x\n y\n z"));
        assert_eq!(first.get("C"), Some(""));
        assert_eq!(all[1].as_ref().expect("whole").line, 7);
    }

    #[test]
    fn an_empty_value_can_be_continued() {
        let all: Vec<_> = paragraphs("A:\n one\n two\n").collect();
        assert_eq!(all[0].as_ref().expect("whole").get("A"), Some("one\n two"));
    }

    #[test]
    fn fields_without_end_break_their_paragraph_only() {
        let whole = "A: 1\n".repeat(MAX_FIELDS);
        let read = |text: &str| paragraphs(text).map(|p| p.is_ok()).collect::<Vec<_>>();
        assert_eq!(read(&format!("{whole}\nA: 2\n")), [true, true]);
        assert_eq!(read(&format!("{whole}A: 1\n\nA: 2\n")), [false, true]);
    }

    #[test]
    fn a_line_that_is_no_field_breaks_its_paragraph_only() {
        let all: Vec<_> = paragraphs("A: 1\nnonsense\n\nA: 2\n\n continued\n").collect();
        assert_eq!(all[0], Err(Broken { line: 2 }));
        assert_eq!(all[1].as_ref().expect("whole").get("A"), Some("2"));
        assert_eq!(all[2], Err(Broken { line: 6 }));
    }
}
