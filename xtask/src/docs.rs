//! `cargo xtask docs`: the reference pages, written from the code they describe.

mod checks;
mod cli;
mod decision;
mod tables;

use palisade_ui::{Printer, command};

use crate::error::Error;
use crate::files;

/// Write the pages under docs/reference from the code
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Write nothing; fail when a page is not what would be written
    #[arg(long)]
    check: bool,
}

impl Args {
    /// Only looking.
    pub(crate) const CHECK: Self = Self { check: true };
}

/// One page: its file under docs/reference, and its text.
struct Page {
    name: &'static str,
    text: fn() -> String,
}

/// Every page.
const PAGES: &[Page] = &[
    Page {
        name: "checks.md",
        text: checks::page,
    },
    Page {
        name: "cli.md",
        text: || cli::page(COMMANDS.iter().map(|command| command())),
    },
    Page {
        name: "decision.md",
        text: decision::page,
    },
    Page {
        name: "decision.schema.json",
        text: decision::schema_file,
    },
    Page {
        name: "environment.md",
        text: tables::environment,
    },
    Page {
        name: "exit-codes.md",
        text: tables::exit_codes,
    },
];

/// Every binary's command, as clap knows it. A new binary is one line.
const COMMANDS: &[fn() -> clap::Command] = &[
    || command::<palisade::Args>(""),
    || command::<palisade_deploy::Args>("deploy"),
    || command::<palisade_gate::Args>("gate"),
    || command::<palisade_lab::cli::Args>("lab"),
    || command::<palisade_sbom::Args>("sbom"),
    || command::<palisade_sign::Args>("sign"),
    || command::<palisade_verify::Args>("verify"),
];

/// Writes the pages, or compares them.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    let folder = files::root().join("docs/reference");
    let mut stale = Vec::new();
    for page in PAGES {
        let path = folder.join(page.name);
        let wanted = (page.text)();
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        if there == wanted {
            continue;
        }
        stale.push(page.name);
        if args.check {
            printer.answer(&format!(
                "docs: {}: {}",
                page.name,
                first_difference(&there, &wanted)
            ));
        } else {
            files::write(&path, &wanted)?;
        }
    }
    let what = if args.check { "stale" } else { "written" };
    printer.answer(&format!(
        "docs: {} pages about {} commands, {} {what}",
        PAGES.len(),
        COMMANDS.len(),
        stale.len()
    ));
    let missing = undescribed();
    if !missing.is_empty() {
        return Err(Error::found(
            format!(
                "`palisade --help` says of {} what no command says of itself",
                missing.join(", ")
            ),
            "COMMANDS in xtask/src/docs.rs and in crates/palisade/src/commands.rs belong together",
        ));
    }
    if args.check && !stale.is_empty() {
        return Err(Error::found(
            format!(
                "docs/reference is not what the code says: {}",
                stale.join(", ")
            ),
            "run `cargo xtask docs`",
        ));
    }
    Ok(())
}

/// The commands that `palisade --help` lists and that are missing from our list, or say something
/// else about themselves.
fn undescribed() -> Vec<&'static str> {
    let described: Vec<_> = COMMANDS.iter().map(|command| command()).collect();
    let is_described = |listed: &palisade::Command| {
        let name = format!("palisade {}", listed.name);
        let found = described
            .iter()
            .find(|command| command.get_bin_name() == Some(name.as_str()));
        let about = found.and_then(clap::Command::get_about);
        about.is_some_and(|about| about.to_string() == listed.about)
    };
    let missing = palisade::COMMANDS
        .iter()
        .filter(|command| !is_described(command));
    missing.map(|command| command.name).collect()
}

/// The first line in which two texts differ, for people.
fn first_difference(there: &str, wanted: &str) -> String {
    let (mut old, mut new) = (there.lines(), wanted.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (old.next(), new.next()) {
            (None, None) => return "only line ends differ".to_owned(),
            (old, new) if old == new => {}
            (old, new) => {
                let shown = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
                return format!("line {number} is `{}`, not `{}`", shown(old), shown(new));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_page_is_told_by_its_first_other_line() {
        assert_eq!(first_difference("a\nb", "a\nc"), "line 2 is `b`, not `c`");
        assert_eq!(
            first_difference("a", "a\nc"),
            "line 2 is `(the end)`, not `c`"
        );
    }

    #[test]
    fn every_page_says_who_wrote_it_and_names_no_path_of_this_machine() {
        let root = files::root().display().to_string();
        for page in PAGES {
            let text = (page.text)();
            // JSON has no comments.
            let says = text.contains(tables::WRITTEN) || page.name == "decision.schema.json";
            assert!(says && !text.contains(&root), "{}", page.name);
            assert!(
                text.ends_with('\n') && !text.contains(" \n"),
                "{}",
                page.name
            );
        }
    }
}
