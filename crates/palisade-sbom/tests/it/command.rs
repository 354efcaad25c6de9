//! The command: its flags, its exit codes, and what it writes.

use std::process::{Command, Output};

fn sbom(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-sbom"));
    command.env_clear().args(args);
    command
}

fn run(args: &[&str]) -> Output {
    sbom(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_wrong_command_line_is_exit_2_and_says_what_to_type() {
    for (args, want) in [
        (&["https://ghcr.io/acme/app"][..], "oci-archive:FILE"),
        (&["oci:"], "oci-archive:FILE"),
        (&["--platform", "linux", "ghcr.io/acme/app"], "linux/amd64"),
        (&["--format", "xml", "ghcr.io/acme/app"], "possible values"),
        (&[], "Usage: palisade sbom"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            text(&output.stderr).contains(want),
            "{args:?}: {}",
            text(&output.stderr)
        );
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_source_date_epoch_that_is_no_time_is_exit_2() {
    for epoch in ["yesterday", "1.5", "99999999999999999999"] {
        let output = sbom(&["oci:nowhere"])
            .env("SOURCE_DATE_EPOCH", epoch)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{epoch}");
        assert!(
            text(&output.stderr).contains("sbom::source_date_epoch"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn help_shows_examples() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("palisade sbom ghcr.io/acme/app:1.4 -o sbom.cdx.json"));
}
