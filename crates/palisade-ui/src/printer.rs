//! All printing: stdout is the answer, stderr is the talk.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::environment::Environment;
use crate::text::{escape_json, escape_lines};

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// Always.
    Always,
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Never.
    Never,
}

/// The form of the answer on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON document with a `version`
    Json,
    /// Text for people
    Text,
}

/// Writes answers to stdout and talk to stderr. A closed pipe is not an error.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts about two streams"
)]
pub struct Printer {
    quiet: bool,
    color_out: bool,
    color_err: bool,
    terminal: bool,
}

impl Printer {
    /// A printer for this process.
    pub fn new(color: Color, quiet: bool, environment: &Environment) -> Self {
        let forced = environment
            .get("CLICOLOR_FORCE")
            .is_some_and(|value| value != "0");
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                !environment.has("NO_COLOR")
                    && (forced || (terminal && environment.get("TERM") != Some("dumb")))
            }
        };
        let terminal = io::stderr().is_terminal();
        Self {
            quiet,
            color_out: wanted(io::stdout().is_terminal()),
            color_err: wanted(terminal),
            terminal,
        }
    }

    /// Prints a line of the answer to stdout.
    pub fn answer(&self, line: &str) {
        write_line(&mut io::stdout().lock(), line);
    }

    /// Prints one value to stdout. A file or program gets its exact bytes, because not every reader
    /// of a secret or digest trims it; a terminal gets a line end as well.
    pub fn value(&self, value: &str) {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            write_line(&mut out, value);
        } else {
            let _closed = write!(out, "{value}").and_then(|()| out.flush());
        }
    }

    /// Prints a JSON document that holds text of strangers to stdout. A file or program gets its
    /// exact bytes; a terminal gets the same document with what could steer it escaped.
    pub fn document(&self, json: &str) {
        let mut out = io::stdout().lock();
        let shown = shown(json, out.is_terminal());
        write_line(&mut out, &shown);
    }

    /// Prints the answer as pretty JSON to stdout.
    pub fn json(&self, answer: &impl Serialize) {
        let text = serde_json::to_string_pretty(answer)
            .expect("output structs hold only strings, numbers, lists and maps with string keys");
        write_line(&mut io::stdout().lock(), &escape_json(&text));
    }

    /// Prints a part of the answer as JSON on one line to stdout.
    pub fn json_line(&self, answer: &impl Serialize) {
        let text = serde_json::to_string(answer)
            .expect("output structs hold only strings, numbers, lists and maps with string keys");
        write_line(&mut io::stdout().lock(), &escape_json(&text));
    }

    /// Shows this instead of the progress shown before, where stderr is a terminal; an empty text
    /// takes it away. What follows has to be harmless.
    pub fn progress(&self, text: &str) {
        if self.is_terminal() {
            let mut stderr = io::stderr().lock();
            // Erased first, so that a shorter text leaves nothing of a longer one.
            let _closed = write!(stderr, "\r\u{1b}[2K{text}").and_then(|()| stderr.flush());
        }
    }

    /// Tells about progress on stderr, unless `--quiet`.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            write_line(&mut io::stderr().lock(), line);
        }
    }

    /// Warns on stderr, also with `--quiet`.
    pub fn warn(&self, line: &str) {
        let label = paint(self.color_err, "33;1", "warning");
        write_line(&mut io::stderr().lock(), &format!("{label}: {line}"));
    }

    /// Shows an error with its code, its place in the user's file and what to do.
    pub fn error(&self, error: &dyn Diagnostic) {
        let text = report(error, self.color_err);
        write_line(&mut io::stderr().lock(), text.trim_end());
    }

    /// A word of the answer in green, where stdout has colour.
    pub fn good(&self, word: &str) -> String {
        paint(self.color_out, "32;1", word)
    }

    /// A word of the answer in red, where stdout has colour.
    pub fn bad(&self, word: &str) -> String {
        paint(self.color_out, "31;1", word)
    }

    /// A word of the answer in yellow, where stdout has colour.
    pub fn unsure(&self, word: &str) -> String {
        paint(self.color_out, "33;1", word)
    }

    /// A word of the answer, pale, where stdout has colour.
    pub fn faint(&self, word: &str) -> String {
        paint(self.color_out, "2", word)
    }

    /// Whether stderr is a terminal, so that progress may redraw a line.
    pub const fn is_terminal(&self) -> bool {
        self.terminal && !self.quiet
    }
}

/// An error as it is shown. Its message, causes, help and the lines of a file it quotes may hold
/// text of strangers, so colour is added only where everything else is harmless: an escape of
/// ours cannot be told from one of theirs afterwards.
fn report(error: &dyn Diagnostic, color: bool) -> String {
    let plain = render(error, GraphicalTheme::unicode_nocolor());
    let safe = escape_lines(&plain);
    if color && safe == plain {
        render(error, GraphicalTheme::unicode())
    } else {
        safe
    }
}

fn render(error: &dyn Diagnostic, theme: GraphicalTheme) -> String {
    let mut text = String::new();
    let rendered = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(100)
        .render_report(&mut text, error);
    if rendered.is_err() {
        text = format!("error: {error}");
    }
    text
}

fn paint(color: bool, code: &str, word: &str) -> String {
    if color {
        format!("\u{1b}[{code}m{word}\u{1b}[0m")
    } else {
        word.to_owned()
    }
}

fn shown(json: &str, terminal: bool) -> Cow<'_, str> {
    if terminal {
        escape_json(json).into()
    } else {
        json.into()
    }
}

fn write_line(to: &mut impl Write, line: &str) {
    // A reader that closed its end has seen all it wanted; there is nobody left to tell.
    let _closed = writeln!(to, "{line}").and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt::{self, Display};

    use miette::{LabeledSpan, NamedSource, SourceCode};

    use super::*;

    /// An error that says this everywhere an error can say something.
    #[derive(Debug)]
    struct Says {
        source: Option<Box<Self>>,
        file: NamedSource<String>,
        text: String,
    }

    impl Says {
        fn everywhere(text: &str) -> Self {
            let one = |source| Self {
                source,
                file: NamedSource::new(text, format!("before\r\n{text} it\r\nafter\r\n")),
                text: text.to_owned(),
            };
            one(Some(Box::new(one(None))))
        }
    }

    impl Display for Says {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.text)
        }
    }

    impl Error for Says {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.source.as_deref().map(|source| source as _)
        }
    }

    impl Diagnostic for Says {
        fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
            Some(Box::new(&self.text))
        }

        fn source_code(&self) -> Option<&dyn SourceCode> {
            Some(&self.file)
        }

        fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
            let label = LabeledSpan::at(8..8 + self.text.len(), &self.text);
            Some(Box::new(std::iter::once(label)))
        }
    }

    #[test]
    fn what_an_error_quotes_cannot_steer_the_terminal() {
        for (bad, shown) in [
            ("x\u{1b}]0;owned\u{7}y", "x\\u{1b}]0;owned\\u{7}y"),
            ("x\u{1b}[31my", "x\\u{1b}[31my"),
            ("x\ry", "x\\u{d}y"),
            ("x\u{202e}y", "x\\u{202e}y"),
            ("x\u{9b}31my", "x\\u{9b}31my"),
        ] {
            for color in [false, true] {
                let text = report(&Says::everywhere(bad), color);
                let raw = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
                assert!(!text.contains(raw), "{text:?}");
                // Message, cause, name of the file, its line, label and help.
                assert_eq!(text.matches(shown).count(), 6, "{text}");
            }
        }
    }

    #[test]
    fn a_document_steers_no_terminal_says_the_same_there_and_is_exact_elsewhere() {
        let json = "{\n  \"name\": \"x\u{9b}31my\u{202e}z\u{7f}\"\n}";
        assert_eq!(shown(json, false), json);
        let safe = shown(json, true);
        assert_eq!(safe, "{\n  \"name\": \"x\\u009b31my\\u202ez\\u007f\"\n}");
        let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).expect("JSON");
        assert_eq!(read(&safe), read(json));
    }

    #[test]
    fn harmless_errors_keep_their_lines_and_their_colours() {
        let error = Says::everywhere("Jürgen");
        let plain = report(&error, false);
        assert!(
            plain.lines().count() > 5 && !plain.contains('\u{1b}'),
            "{plain}"
        );
        assert!(!plain.contains("\\u{"), "{plain}");
        assert!(report(&error, true).contains("\u{1b}["));
    }
}
