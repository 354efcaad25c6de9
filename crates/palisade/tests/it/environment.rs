//! No command receives a credential the table does not grant it.

use std::collections::BTreeSet;

use palisade_ui::environment::{TABLE, grants};

use crate::installation::palisade;

/// Variables that no table grants to anybody.
const SECRETS: &[&str] = &[
    "AWS_SECRET_ACCESS_KEY",
    "GITHUB_TOKEN",
    "LD_PRELOAD",
    "NPM_TOKEN",
];

fn everything() -> Vec<(&'static str, &'static str)> {
    let table = TABLE.iter().map(|variable| variable.name);
    let all = table.chain(SECRETS.iter().copied());
    // Values that no program on the way takes for a setting of its own.
    all.map(|name| (name, if name == "TERM" { "dumb" } else { "" }))
        .collect()
}

fn received(args: &[&str]) -> BTreeSet<String> {
    let output = palisade(&everything()).args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .collect()
}

#[test]
fn a_command_receives_what_the_table_grants_it_and_nothing_else() {
    for command in ["deploy", "lab", "sign", "verify"] {
        let granted: BTreeSet<_> = TABLE
            .iter()
            .filter(|variable| grants(command, variable.name))
            .map(|variable| variable.name.to_owned())
            .collect();
        assert_eq!(received(&[command]), granted, "{command}");
    }
}

#[test]
fn the_credential_of_one_command_does_not_reach_another() {
    let deploy = received(&["deploy"]);
    let sign = received(&["sign"]);
    assert!(deploy.contains("RENDER_API_KEY") && !sign.contains("RENDER_API_KEY"));
    assert!(sign.contains("SIGSTORE_ID_TOKEN") && !deploy.contains("SIGSTORE_ID_TOKEN"));
    let lab = received(&["lab"]);
    assert!(!lab.contains("RENDER_API_KEY") && !lab.contains("SIGSTORE_ID_TOKEN"));
}

#[test]
fn a_variable_named_on_the_command_line_is_passed_on_and_its_neighbours_are_not() {
    let received = received(&["--pass-env", "AWS_SECRET_ACCESS_KEY", "verify"]);
    assert!(received.contains("AWS_SECRET_ACCESS_KEY"));
    assert!(!received.contains("GITHUB_TOKEN") && !received.contains("RENDER_API_KEY"));
}

#[test]
fn pass_env_after_the_command_s_name_is_the_command_s_own_affair() {
    let output = palisade(&[("SECRET", "x")])
        .args(["verify", "/bin/echo", "--pass-env", "SECRET"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "--pass-env SECRET\n"
    );
}

#[test]
fn values_arrive_unchanged() {
    let value = "two words, an = and ünicode\nand a line";
    let output = palisade(&[("SECRET", value)])
        .args([
            "--pass-env=SECRET",
            "verify",
            "/bin/sh",
            "-c",
            "printf %s \"$SECRET\"",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
}
