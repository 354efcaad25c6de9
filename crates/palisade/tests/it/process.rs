//! The exit code, the signals and the arguments are the command's own.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::installation::{folder, palisade};

#[test]
fn the_exit_code_is_the_command_s() {
    for code in [0, 1, 2, 3, 42, 101] {
        let status = palisade(&[])
            .args(["verify", "/bin/sh", "-c", &format!("exit {code}")])
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code));
    }
}

#[test]
fn a_signal_that_ends_the_command_ends_us() {
    let status = palisade(&[])
        .args(["verify", "/bin/sh", "-c", "kill -TERM $$"])
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(15));
}

#[test]
fn the_command_is_the_very_process_that_was_started() {
    let child = palisade(&[])
        .args(["verify", "/bin/sh", "-c", "echo $$"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let started = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        started.to_string()
    );
}

#[test]
fn arguments_arrive_unchanged_and_shared_flags_may_come_first() {
    let said = |args: &[&str]| {
        let output = palisade(&[]).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let printf = [
        "verify",
        "/usr/bin/printf",
        "%s|",
        "--help",
        "-q",
        "",
        "a b",
        "--",
    ];
    assert_eq!(said(&printf), "--help|-q||a b|--|");
    // The stub runs its arguments, so a forwarded flag comes first there: `-q` is no program.
    let output = palisade(&[]).args(["-q", "verify", "x"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("-q"), "{text}");
}

#[test]
fn a_link_to_the_dispatcher_finds_the_siblings_of_the_real_one() {
    let link = folder().join("elsewhere/palisade");
    let output = Command::new(link)
        .args(["verify", "/bin/echo", "found"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "found\n");
}
