//! What is said, and with which exit code, when no command is started.

use insta::assert_snapshot;

use crate::installation::{folder, outcome, palisade};

fn failure(args: &[&str]) -> String {
    let output = palisade(&[]).args(args).output().unwrap();
    assert_eq!(output.stdout, b"", "an error is not an answer");
    outcome(&output)
}

#[test]
fn an_unknown_command_suggests_the_nearest() {
    assert_snapshot!(failure(&["verfy", "x"]), @r"
    exit 2
    palisade::unknown_command

      × there is no command `verfy`
      help: did you mean `palisade verify`?
    ");
    assert_snapshot!(failure(&["banana"]), @r"
    exit 2
    palisade::unknown_command

      × there is no command `banana`
      help: `palisade --help` lists the commands
    ");
}

#[test]
fn a_name_from_outside_cannot_drive_the_terminal() {
    assert_snapshot!(failure(&["\u{1b}[31mred"]), @r"
    exit 2
    palisade::unknown_command

      × there is no command `\u{1b}[31mred`
      help: `palisade --help` lists the commands
    ");
}

#[test]
fn a_missing_sibling_is_not_looked_for_on_the_path() {
    let path = folder().join("elsewhere").display().to_string();
    let output = palisade(&[("PATH", path.as_str())])
        .arg("gate")
        .output()
        .unwrap();
    let said = outcome(&output)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        said.starts_with("exit 2 palisade::missing_program"),
        "{said}"
    );
    assert!(
        said.contains("found beside `palisade` and nowhere else"),
        "{said}"
    );
}

#[test]
fn a_sibling_that_cannot_be_started_is_not_called_missing() {
    let said = failure(&["sbom"]);
    assert!(said.starts_with("exit 3\npalisade::exec"), "{said}");
}

#[test]
fn pass_env_takes_a_name_and_no_value() {
    assert_snapshot!(failure(&["--pass-env", "A=b", "verify"]), @r"
    exit 2
    palisade::pass_env

      × `A=b` is not the name of a variable
      help: `--pass-env NAME` passes on the value this process has; set it there
    ");
}

#[test]
fn a_named_variable_that_is_not_set_is_said_to_be_missing() {
    let output = palisade(&[])
        .args(["--pass-env", "A", "verify"])
        .output()
        .unwrap();
    assert_snapshot!(outcome(&output), @r"
    exit 0
    warning: `A` is not set, so not passed on
    ");
}

#[test]
fn help_lists_the_commands_and_nothing_at_all_is_wrong_usage() {
    let help = palisade(&[]).arg("--help").output().unwrap();
    assert_snapshot!(String::from_utf8(help.stdout.clone()).unwrap(), @r"
    Harden a software supply chain: nothing is deployed unless verified evidence says so

    Usage: palisade [--pass-env NAME]... COMMAND [ARGUMENT]...

    Commands:
      deploy  Release exactly the image a gate allowed, and read back that it runs
      gate    Decide whether an image may be released, and sign the decision
      lab     Run a signing infrastructure and a registry on this machine, to try things
      sbom    List what is in an image, as a CycloneDX bill of materials
      sign    Sign an image, a file or a statement about an image, without keeping a key
      verify  Verify who signed an image, an attestation or a file

    `palisade help COMMAND` explains one.

    Options:
          --pass-env <NAME>
              Pass this variable on to the command as well
              
              A command receives only the variables it is documented to need. Anything else, such as
              what a credential helper reads, has to be named here.

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Global options:
          --color <COLOR>
              When to use colour

              Possible values:
              - always: Always
              - auto:   On a terminal, unless `NO_COLOR` is set
              - never:  Never
              
              [default: auto]

      -q, --quiet
              Say nothing on stderr but warnings and errors
    ");
    let word = palisade(&[]).arg("help").output().unwrap();
    assert_eq!(word.stdout, help.stdout);
    assert_eq!(palisade(&[]).output().unwrap().status.code(), Some(2));
    let version = palisade(&[]).arg("--version").output().unwrap();
    assert!(version.stdout.starts_with(b"palisade "), "{version:?}");
}
