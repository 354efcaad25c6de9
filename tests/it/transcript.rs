//! Console transcripts in Markdown: `$ command` lines and what they print.
//!
//! In the expected output `…` stands for any text within a line, and alone on a line for any
//! number of lines. A command that does not exit 0 ends with a line `[exit N]`. All commands of
//! one page run in one shell, so that variables and background jobs live on.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const MARK: &str = "\u{1}palisade-step";

/// One command and what it should print.
#[derive(Debug)]
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// Runs every `console` block of a page and compares; panics with the first difference.
pub(crate) fn check(page: &str, name: &str, folder: &Path, path: &str) {
    let steps = steps(page);
    assert!(!steps.is_empty(), "{name} has no console block");
    let output = run(&steps, folder, path);
    let mut parts = output.split(MARK);
    let before = parts.next().unwrap_or_default();
    assert!(before.is_empty(), "{name}: the shell said {before}");
    for step in &steps {
        let part = parts.next().unwrap_or_else(|| {
            panic!(
                "{name}:{}: `{}` did not run; the shell ended",
                step.line, step.command
            )
        });
        let (code, text) = part.split_once('\n').unwrap();
        let mut got: Vec<String> = text.lines().map(str::to_owned).collect();
        if code != "0" {
            got.push(format!("[exit {code}]"));
        }
        assert!(
            matches(&step.expected, &got),
            "{name}:{}: $ {}\nwanted:\n{}\n\ngot:\n{}\n",
            step.line,
            step.command,
            step.expected.join("\n"),
            got.join("\n"),
        );
    }
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside && info == "console";
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: number + 1,
                command: command.to_owned(),
                expected: Vec::new(),
            });
        } else if inside && let Some(more) = line.strip_prefix("> ") {
            let step = steps.last_mut().expect("`>` continues a command");
            write!(step.command, "\n{more}").unwrap();
        } else if inside {
            let step = steps.last_mut().expect("output follows a command");
            step.expected.push(line.to_owned());
        }
    }
    steps
}

/// Runs the commands in one bash; each one's output follows a mark with its exit code. The code
/// is known only afterwards, so output goes through a file.
fn run(steps: &[Step], folder: &Path, path: &str) -> String {
    let mut script = String::from("exec 2>&1 </dev/null\n");
    for step in steps {
        writeln!(
            script,
            "{{ {}\n}} >.step 2>&1; code=$?; printf '{MARK}%s\\n' \"$code\"; cat .step",
            step.command
        )
        .unwrap();
    }
    // Background jobs end with the story.
    script.push_str("kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; true\n");
    let output = Command::new("bash")
        .args(["-c", &script])
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn matches(expected: &[String], got: &[String]) -> bool {
    match expected.split_first() {
        None => got.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=got.len()).any(|skip| matches(rest, &got[skip..]))
        }
        Some((first, rest)) => got
            .split_first()
            .is_some_and(|(line, more)| matches_line(first, line) && matches(rest, more)),
    }
}

fn matches_line(pattern: &str, line: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = line.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_transcript_that_differs_in_one_word_fails() {
    let folder = tempfile::tempdir().unwrap();
    let page =
        |output: &str| format!("```console\n$ echo one two; false\n{output}\n[exit 1]\n```\n");
    let check = |page: &str| check(page, "page", folder.path(), "/usr/bin:/bin");
    check(&page("one two"));
    check(&page("o…two"));
    check(&page("…\none two"));
    for wrong in ["one", "one twO", "one two\nthree", "o…twO"] {
        assert!(
            std::panic::catch_unwind(|| check(&page(wrong))).is_err(),
            "{wrong}"
        );
    }
}
