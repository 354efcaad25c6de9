//! Requirements of Python distributions and their markers (PyPA, *Dependency specifiers*).
//!
//! An image does not say everything a marker asks for: what is not known is `Unknown`, never
//! guessed.

use std::cmp::Ordering;

use super::is_short;

/// The deepest nesting of parentheses in a marker.
const MAX_DEPTH: usize = 32;

/// What is known of a folder's interpreter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// Major and minor version.
    version: Option<[u64; 2]>,
    implementation: Option<&'static str>,
}

impl Interpreter {
    /// From the path of its packages: `lib/python3.11/site-packages`.
    pub(super) fn of(folder: &str) -> Self {
        let known = folder.rsplit('/').find_map(|part| {
            let (implementation, version) = match part.strip_prefix("python") {
                Some(version) => ("CPython", version),
                None => ("PyPy", part.strip_prefix("pypy")?),
            };
            let (major, minor) = version.split_once('.')?;
            let version = [major.parse().ok()?, minor.parse().ok()?];
            Some((version, implementation))
        });
        Self {
            version: known.map(|(version, _)| version),
            implementation: known.map(|(_, implementation)| implementation),
        }
    }

    /// The value of a marker's variable on Linux.
    fn value(&self, variable: &str) -> Option<&'static str> {
        self.version?;
        match (variable, self.implementation?) {
            ("sys_platform", _) => Some("linux"),
            ("os_name", _) => Some("posix"),
            ("platform_system", _) => Some("Linux"),
            ("platform_python_implementation", name) => Some(name),
            ("implementation_name", "PyPy") => Some("pypy"),
            ("implementation_name", _) => Some("cpython"),
            _ => None,
        }
    }
}

/// Whether a marker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holds {
    No,
    Unknown,
    Yes,
}

impl Holds {
    const fn of(answer: bool) -> Self {
        if answer { Self::Yes } else { Self::No }
    }

    const fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

/// `NAME[EXTRA,…] VERSIONS ; MARKER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement<'a> {
    /// All of it.
    pub(super) text: &'a str,
    pub(super) name: &'a str,
    pub(super) extras: Vec<&'a str>,
    pub(super) marker: Option<&'a str>,
}

impl<'a> Requirement<'a> {
    /// Reads a requirement; nothing if it does not begin with a name.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (what, marker) = match text.split_once(';') {
            Some((what, marker)) => (what.trim(), Some(marker.trim())),
            None => (text.trim(), None),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let end = what.find(|c| !is_part(c)).unwrap_or(what.len());
        let (name, rest) = what.split_at(end);
        let extras = rest.trim_start().strip_prefix('[');
        let extras = match extras {
            Some(extras) => extras.split_once(']')?.0,
            None => "",
        };
        is_name(name).then(|| Self {
            text,
            name,
            extras: extras
                .split(',')
                .map(str::trim)
                .filter(|extra| !extra.is_empty())
                .collect(),
            marker,
        })
    }
}

/// A distribution's name (PyPA, *Names and normalization*).
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_edge = |c: char| c.is_ascii_alphanumeric();
    let of_edges = name.starts_with(is_edge) && name.ends_with(is_edge);
    of_edges && is_short(name) && name.bytes().all(allowed)
}

/// The form names are compared in: lower case, runs of `-`, `_` and `.` as one `-`.
pub(super) fn normal(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if !"-_.".contains(c) {
            text.push(c.to_ascii_lowercase());
        } else if !text.ends_with('-') {
            text.push('-');
        }
    }
    text
}

/// Whether a marker holds for this interpreter, when `extra` ([`normal`]; empty: none) was asked
/// for. One that cannot be read is unknown.
pub(super) fn holds(marker: &str, interpreter: &Interpreter, extra: &str) -> Holds {
    let mut parser = Parser {
        rest: marker,
        interpreter,
        extra,
    };
    match parser.any(0) {
        Some(answer) if parser.rest.trim().is_empty() => answer,
        _ => Holds::Unknown,
    }
}

struct Parser<'a> {
    rest: &'a str,
    interpreter: &'a Interpreter,
    extra: &'a str,
}

/// One side of a comparison.
enum Side<'a> {
    Variable(&'a str),
    Literal(&'a str),
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Option<Holds> {
        let mut answer = self.all(depth)?;
        while self.word("or") {
            answer = answer.max(self.all(depth)?);
        }
        Some(answer)
    }

    fn all(&mut self, depth: usize) -> Option<Holds> {
        let mut answer = self.one(depth)?;
        while self.word("and") {
            answer = answer.min(self.one(depth)?);
        }
        Some(answer)
    }

    fn one(&mut self, depth: usize) -> Option<Holds> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.rest = self.rest.trim_start();
        if let Some(inside) = self.rest.strip_prefix('(') {
            self.rest = inside;
            let answer = self.any(depth + 1)?;
            self.rest = self.rest.trim_start().strip_prefix(')')?;
            return Some(answer);
        }
        let left = self.side()?;
        let operator = self.operator()?;
        let right = self.side()?;
        Some(self.compare(&left, operator, &right))
    }

    /// Takes a word that stands alone.
    fn word(&mut self, word: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(word);
        let alone =
            after.filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        if let Some(rest) = alone {
            self.rest = rest;
        }
        alone.is_some()
    }

    fn side(&mut self) -> Option<Side<'a>> {
        let text = self.rest.trim_start();
        if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let (literal, rest) = text[1..].split_once(quote)?;
            self.rest = rest;
            return Some(Side::Literal(literal));
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then_some(Side::Variable(name))
    }

    fn operator(&mut self) -> Option<&'static str> {
        if self.word("not") {
            return self.word("in").then_some("not in");
        }
        if self.word("in") {
            return Some("in");
        }
        let text = self.rest.trim_start();
        let operators = ["===", "==", "!=", "<=", ">=", "~=", "<", ">"];
        let operator = operators.into_iter().find(|o| text.starts_with(o))?;
        self.rest = &text[operator.len()..];
        Some(operator)
    }

    fn compare(&self, left: &Side<'_>, operator: &str, right: &Side<'_>) -> Holds {
        match (left, right) {
            (Side::Variable("extra"), Side::Literal(name))
            | (Side::Literal(name), Side::Variable("extra")) => {
                let same = Holds::of(self.extra == normal(name));
                match operator {
                    "==" | "===" => same,
                    "!=" => same.not(),
                    _ => Holds::Unknown,
                }
            }
            (Side::Variable("python_version"), Side::Literal(literal)) => {
                self.version(operator, literal, false)
            }
            (Side::Variable("python_full_version"), Side::Literal(literal)) => {
                self.version(operator, literal, true)
            }
            (Side::Variable(name), Side::Literal(literal)) => {
                let value = self.interpreter.value(name);
                value.map_or(Holds::Unknown, |value| texts(value, operator, literal))
            }
            (Side::Literal(literal), Side::Variable(name)) => {
                let value = self.interpreter.value(name);
                value.map_or(Holds::Unknown, |value| texts(literal, operator, value))
            }
            _ => Holds::Unknown,
        }
    }

    /// Compares the interpreter's version. Of the full version only the first two numbers are
    /// known.
    fn version(&self, operator: &str, literal: &str, full: bool) -> Holds {
        let Some([major, minor]) = self.interpreter.version else {
            return Holds::Unknown;
        };
        if matches!(operator, "in" | "not in") && !full {
            return texts(&format!("{major}.{minor}"), operator, literal);
        }
        let (literal, any) = match literal.strip_suffix(".*") {
            Some(literal) => (literal, true),
            None => (literal, false),
        };
        let numbers: Option<Vec<u64>> = literal.split('.').map(|part| part.parse().ok()).collect();
        let Some(wanted) = numbers.filter(|numbers| numbers.len() <= 8) else {
            return Holds::Unknown;
        };
        let known = [major, minor];
        let prefix =
            |length: usize| known[..length.min(2)].cmp(&wanted[..length.min(wanted.len())]);
        if any {
            return match (operator, wanted.len()) {
                ("==", 1 | 2) => Holds::of(prefix(wanted.len()).is_eq()),
                ("!=", 1 | 2) => Holds::of(prefix(wanted.len()).is_ne()),
                _ => Holds::Unknown,
            };
        }
        let at = |index: usize| wanted.get(index).copied().unwrap_or(0);
        let mut order = known.cmp(&[at(0), at(1)]);
        let rest_is_zero = wanted.iter().skip(2).all(|number| *number == 0);
        if order.is_eq() && full {
            return match operator {
                ">=" if rest_is_zero => Holds::Yes,
                "<" if rest_is_zero => Holds::No,
                _ => Holds::Unknown,
            };
        }
        if order.is_eq() && !rest_is_zero {
            order = Ordering::Less;
        }
        match operator {
            "==" | "===" => Holds::of(order.is_eq()),
            "!=" => Holds::of(order.is_ne()),
            "<" => Holds::of(order.is_lt()),
            "<=" => Holds::of(order.is_le()),
            ">" => Holds::of(order.is_gt()),
            ">=" => Holds::of(order.is_ge()),
            "~=" if wanted.len() == 2 => Holds::of(order.is_ge() && major == at(0)),
            _ => Holds::Unknown,
        }
    }
}

fn texts(left: &str, operator: &str, right: &str) -> Holds {
    match operator {
        "==" | "===" => Holds::of(left == right),
        "!=" => Holds::of(left != right),
        "in" => Holds::of(right.contains(left)),
        "not in" => Holds::of(!right.contains(left)),
        _ => Holds::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_311(marker: &str) -> Holds {
        let interpreter = Interpreter::of("opt/venv/lib/python3.11/site-packages");
        holds(marker, &interpreter, "socks")
    }

    #[test]
    fn a_marker_is_answered_as_far_as_the_image_tells() {
        use Holds::{No, Unknown, Yes};
        for (marker, want) in [
            ("python_version < \"3.9\"", No),
            ("python_version >= '3.9'", Yes),
            ("python_version >= '3.11'", Yes),
            ("python_version == '3.*'", Yes),
            ("python_version ~= '3.8'", Yes),
            ("python_version in '2.7 3.11'", Yes),
            ("python_full_version < '3.11.0a6'", Unknown),
            ("python_full_version < '3.11.3'", Unknown),
            ("python_full_version < '3.10.3'", No),
            ("python_full_version >= '3.11'", Yes),
            ("extra == 'socks'", Yes),
            ("extra == 'SOCKS'", Yes),
            ("extra == 'test'", No),
            ("'socks' == extra", Yes),
            ("sys_platform == 'win32'", No),
            ("sys_platform != \"win32\" and extra == 'socks'", Yes),
            ("platform_machine == 'x86_64'", Unknown),
            ("platform_machine == 'x86_64' and extra == 'x'", No),
            ("platform_machine == 'x86_64' or extra == 'socks'", Yes),
            ("(python_version < '3.10') and extra == 'socks'", No),
            ("os_name not in 'nt java'", Yes),
            ("platform_python_implementation != \"PyPy\"", Yes),
            ("", Unknown),
            ("extra ==", Unknown),
            ("extra == 'socks' nonsense", Unknown),
            ("(extra == 'socks'", Unknown),
        ] {
            assert_eq!(on_311(marker), want, "{marker}");
        }
    }

    #[test]
    fn nothing_is_known_of_an_interpreter_whose_path_does_not_tell() {
        let debian = Interpreter::of("usr/lib/python3/dist-packages");
        for marker in ["python_version < '3'", "sys_platform == 'win32'"] {
            assert_eq!(holds(marker, &debian, ""), Holds::Unknown, "{marker}");
        }
        let pypy = Interpreter::of("opt/lib/pypy3.10/site-packages");
        let marker = "platform_python_implementation == 'PyPy'";
        assert_eq!(holds(marker, &pypy, ""), Holds::Yes);
    }

    #[test]
    fn a_requirement_is_a_name_with_extras_and_a_marker() {
        let read = |text| Requirement::read(text).map(|r| (r.name, r.extras, r.marker));
        assert_eq!(
            read("requests[socks, x] (>=2) ; extra == 'y'"),
            Some(("requests", vec!["socks", "x"], Some("extra == 'y'")))
        );
        assert_eq!(read("a-b_c>=1"), Some(("a-b_c", vec![], None)));
        assert_eq!(
            read("a @ https://example.org/a.whl"),
            Some(("a", vec![], None))
        );
        for broken in ["", ">=1", "a[b", "-a"] {
            assert_eq!(read(broken), None, "{broken}");
        }
        assert_eq!(normal("Jaraco._-Text"), "jaraco-text");
    }

    #[test]
    fn parentheses_without_end_are_not_followed() {
        let deep = format!(
            "{}extra == 'socks'{}",
            "(".repeat(100_000),
            ")".repeat(100_000)
        );
        assert_eq!(on_311(&deep), Holds::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn no_marker_panics(marker in "[a-z_(=<>~!' .0-9\u{e9}]{0,40}") {
            let _any = on_311(&marker);
            let _any = Requirement::read(&marker);
        }
    }
}
