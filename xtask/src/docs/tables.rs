//! The pages about exit codes and environment variables.

use std::fmt::Write as _;

use palisade_ui::Exit;
use palisade_ui::environment::{Power, TABLE, Variable};

/// What every page says about itself.
pub(super) const WRITTEN: &str = "<!-- Written by `cargo xtask docs` from the code; edit that. -->";

/// The powers, as the page orders them.
const POWERS: [Power; 5] = [
    Power::Deploy,
    Power::Sign,
    Power::Registry,
    Power::Proxy,
    Power::None,
];

/// docs/reference/exit-codes.md.
pub(super) fn exit_codes() -> String {
    let mut text = format!(
        "# Exit codes\n\n{WRITTEN}\n\n\
         The same in every command and every output format. Everything but 0 keeps a gate closed.\n\
         1 against 3 is the difference between *no* and *could not look*: CI may retry a 3, never a 1.\n\n\
         | code | meaning | examples |\n|---|---|---|\n"
    );
    for exit in Exit::ALL {
        let (code, meaning, examples) = (exit.code(), exit.meaning(), exit.examples());
        line(&mut text, &format!("| {code} | {meaning} | {examples} |"));
    }
    text.push_str(
        "\n101 is a bug in palisade (a panic). `palisade X` ends with the code of `palisade-X`.\n",
    );
    text
}

/// docs/reference/environment.md.
pub(super) fn environment() -> String {
    let mut text = format!(
        "# Environment variables\n\n{WRITTEN}\n\n\
         `palisade X` starts `palisade-X` with an empty environment plus what this page grants it.\n\
         Anything else has to be named: `palisade --pass-env NAME X`. A command that is started\n\
         directly reads only what this page grants it.\n"
    );
    for power in POWERS {
        let variables = TABLE.iter().filter(|variable| variable.power == power);
        line(
            &mut text,
            &format!("\n## {}\n\n{}\n", heading(power), explained(power)),
        );
        line(
            &mut text,
            "| variable | commands | what it is |\n|---|---|---|",
        );
        for variable in variables {
            let Variable { name, purpose, .. } = variable;
            line(
                &mut text,
                &format!("| `{name}` | {} | {purpose} |", holders(variable)),
            );
        }
    }
    text
}

const fn heading(power: Power) -> &'static str {
    match power {
        Power::Deploy => "Deploy",
        Power::Sign => "Sign",
        Power::Registry => "Registry",
        Power::Proxy => "Proxy",
        Power::None => "No power by itself",
    }
}

const fn explained(power: Power) -> &'static str {
    match power {
        Power::Deploy => "Whoever holds one of these can release software on a platform.",
        Power::Sign => "Whoever holds one of these can sign as the running workflow or person.",
        Power::Registry => "These lead to credentials for pulling from and pushing to registries.",
        Power::Proxy => "The address of a proxy may hold the password for it. It is never printed.",
        Power::None => "Every command may read these.",
    }
}

fn holders(variable: &Variable) -> String {
    if variable.commands.is_empty() {
        "all".to_owned()
    } else {
        variable.commands.join(", ")
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_and_every_code_has_its_row() {
        let page = environment();
        for variable in TABLE {
            let row = format!("| `{}` | {} |", variable.name, holders(variable));
            assert_eq!(page.matches(&row).count(), 1, "{row}");
        }
        assert_eq!(exit_codes().matches("\n| ").count(), 1 + Exit::ALL.len());
    }
}
