//! The command reference, from the definitions that parse the command line.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::tables::WRITTEN;

/// The heading under which clap lists what every command takes.
const GLOBAL: &str = "Global options";

/// docs/reference/cli.md: one section per command, and per subcommand of it.
pub(super) fn page(commands: impl Iterator<Item = Command>) -> String {
    let mut commands: Vec<_> = commands.collect();
    let mut text = format!("# Command reference\n\n{WRITTEN}\n");
    for command in &mut commands {
        command.build();
        let name = command
            .get_bin_name()
            .unwrap_or_else(|| command.get_name())
            .to_owned();
        section(&mut text, &name, command);
    }
    if let Some(command) = commands.first() {
        text.push_str(
            "\n## Global options\n\nEvery command takes these, and `--help` and `--version`.\n\n",
        );
        arguments(
            &mut text,
            command
                .get_arguments()
                .filter(|arg| arg.get_help_heading() == Some(GLOBAL)),
        );
    }
    text
}

fn section(text: &mut String, name: &str, command: &Command) {
    add(text, format_args!("\n## {name}\n"));
    let about = command.get_long_about().or(command.get_about());
    if let Some(about) = about {
        add(text, format_args!("\n{}\n", about.to_string().trim()));
    }
    let usage = command.clone().render_usage().to_string();
    add(
        text,
        format_args!(
            "\n```text\n{}\n```\n",
            usage.trim_start_matches("Usage: ").trim()
        ),
    );
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        add(
            text,
            format_args!("\n```text\n{}\n```\n", after.to_string().trim()),
        );
    }
    for heading in headings(command) {
        add(text, format_args!("\n### {heading}\n\n"));
        let own = command
            .get_arguments()
            .filter(|arg| !is_global(arg) && !arg.is_hide_set());
        arguments(text, own.filter(|arg| heading_of(arg) == heading));
    }
    for subcommand in command.get_subcommands() {
        if !subcommand.is_hide_set() && subcommand.get_name() != "help" {
            section(
                text,
                &format!("{name} {}", subcommand.get_name()),
                subcommand,
            );
        }
    }
}

/// The headings of a command's own arguments, in the order they first come up.
fn headings(command: &Command) -> Vec<&str> {
    let mut headings = Vec::new();
    for arg in command
        .get_arguments()
        .filter(|arg| !is_global(arg) && !arg.is_hide_set())
    {
        if !headings.contains(&heading_of(arg)) {
            headings.push(heading_of(arg));
        }
    }
    headings
}

fn heading_of(arg: &Arg) -> &str {
    arg.get_help_heading().unwrap_or(if arg.is_positional() {
        "Arguments"
    } else {
        "Options"
    })
}

/// What every command takes; clap's own flags belong to it.
fn is_global(arg: &Arg) -> bool {
    arg.get_help_heading() == Some(GLOBAL) || ["help", "version"].contains(&arg.get_id().as_str())
}

fn arguments<'a>(text: &mut String, args: impl Iterator<Item = &'a Arg>) {
    for arg in args.filter(|arg| !arg.is_hide_set()) {
        add(text, format_args!("- `{}`", spelling(arg)));
        let help = arg
            .get_long_help()
            .or(arg.get_help())
            .map(ToString::to_string);
        for (number, paragraph) in help.unwrap_or_default().split("\n\n").enumerate() {
            let start = if number == 0 { ": " } else { "\n\n  " };
            let lines: Vec<_> = paragraph.lines().map(str::trim).collect();
            add(text, format_args!("{start}{}", lines.join(" ")));
        }
        for fact in facts(arg) {
            add(text, format_args!(" · {fact}"));
        }
        text.push('\n');
    }
}

/// `-q`, `--quiet`, `--color <COLOR>`, `<IMAGE>`.
fn spelling(arg: &Arg) -> String {
    let mut spellings: Vec<String> = Vec::new();
    spellings.extend(arg.get_short().map(|short| format!("-{short}")));
    spellings.extend(arg.get_long().map(|long| format!("--{long}")));
    let takes_value = arg.get_action().takes_values();
    let names = arg.get_value_names().unwrap_or_default();
    let values: Vec<_> = names.iter().map(|name| format!("<{name}>")).collect();
    let mut spelling = spellings.join(", ");
    if takes_value && !values.is_empty() {
        let space = if spelling.is_empty() { "" } else { " " };
        add(&mut spelling, format_args!("{space}{}", values.join(" ")));
    }
    if matches!(arg.get_action(), clap::ArgAction::Append) {
        spelling.push_str("...");
    }
    spelling
}

/// What else there is to know: may it be left out, what may it be, where else is it read from.
fn facts(arg: &Arg) -> Vec<String> {
    let mut facts = Vec::new();
    if arg.is_required_set() {
        facts.push("required".to_owned());
    }
    let possible: Vec<_> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !possible.is_empty() && arg.get_action().takes_values() {
        facts.push(format!("one of {}", possible.join(", ")));
    }
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if !defaults.is_empty() && arg.get_action().takes_values() && !arg.is_hide_default_value_set() {
        facts.push(format!("default `{}`", defaults.join(" ")));
    }
    if let Some(name) = arg.get_env() {
        facts.push(format!("or from `{}`", name.to_string_lossy()));
    }
    facts
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// Test a thing
    ///
    /// And say more.
    #[derive(Parser)]
    #[command(name = "t", bin_name = "t")]
    struct Cli {
        /// Where it is
        image: String,
        /// Take it from this folder
        ///
        /// Instead of the network.
        #[arg(long, value_name = "DIR", default_value = ".")]
        evidence: String,
        #[arg(long, hide = true)]
        hidden: bool,
    }

    #[test]
    fn a_command_is_described_from_its_definition() {
        use clap::CommandFactory as _;
        let text = page([Cli::command()].into_iter());
        for wanted in [
            "## t\n\nTest a thing\n\nAnd say more",
            "```text\nt [OPTIONS] <IMAGE>\n```",
            "### Arguments\n\n- `<IMAGE>`: Where it is · required\n",
            "- `--evidence <DIR>`: Take it from this folder\n\n  Instead of the network. · default `.`\n",
        ] {
            assert!(text.contains(wanted), "{wanted}\n---\n{text}");
        }
        assert!(!text.contains("hidden"));
    }
}
