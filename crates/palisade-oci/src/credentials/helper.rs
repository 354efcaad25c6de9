//! Credential helpers: `docker-credential-NAME get`, host on standard input, JSON back.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::{Credential, Secret};
use crate::error::{Error, printable};
use crate::limits;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: Secret,
}

/// Asks the helper with this name for the credential of this server.
pub(super) async fn get(name: &str, server: &str) -> Result<Option<Credential>, Error> {
    ask(&program(name)?, server, limits::HELPER_TIME).await
}

/// The same with the program itself, and the time it has.
async fn ask(program: &str, server: &str, time: Duration) -> Result<Option<Credential>, Error> {
    let failed = |why: &str| Error::Usage(format!("credential helper `{program}`: {why}"));
    match timeout(time, run(program, server)).await {
        Err(_) => Err(failed("took too long")),
        Ok(Err(e)) => Err(failed(&e.to_string())),
        Ok(Ok((true, output))) => {
            // The answer holds a password, so an unreadable one is not quoted.
            let credential = read(&output).ok_or_else(|| failed("answered no credential"))?;
            Ok(Some(credential))
        }
        Ok(Ok((false, output))) => {
            let words = printable(&String::from_utf8_lossy(&output));
            if words.contains("credentials not found") {
                return Ok(None);
            }
            Err(failed(words.trim()))
        }
    }
}

/// The program's name. A name with a path in it would run something else.
fn program(name: &str) -> Result<String, Error> {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(word) {
        let name = printable(name);
        return Err(Error::Usage(format!(
            "`{name}` is not the name of a credential helper"
        )));
    }
    Ok(format!("docker-credential-{name}"))
}

async fn run(program: &str, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().expect("standard input is piped");
    // A helper that does not read its input answers all the same.
    let _ = stdin.write_all(server.as_bytes()).await;
    drop(stdin);
    let mut output = Vec::new();
    let stdout = child.stdout.take().expect("standard output is piped");
    stdout
        .take(limits::CREDENTIALS + 1)
        .read_to_end(&mut output)
        .await?;
    if output.len() as u64 > limits::CREDENTIALS {
        let why = format!("answers more than {} bytes", limits::CREDENTIALS);
        return Err(std::io::Error::other(why));
    }
    Ok((child.wait().await?.success(), output))
}

/// Reads a helper's answer: JSON with `Username` and `Secret`.
pub(crate) fn read(output: &[u8]) -> Option<Credential> {
    let answer: Answer = serde_json::from_slice(output).ok()?;
    // Docker's helper protocol: this user name marks an identity token.
    if answer.username == "<token>" {
        return Some(Credential::Identity(answer.secret));
    }
    Some(Credential::Password {
        username: answer.username,
        password: answer.secret,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_helper_with_a_path_in_its_name_is_not_run() {
        for bad in ["", "../evil", "a/b", "a b"] {
            assert!(
                matches!(get(bad, "ghcr.io").await, Err(Error::Usage(_))),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn a_helper_that_is_not_installed_is_named() {
        let error = get("palisade-no-such", "ghcr.io")
            .await
            .expect_err("not installed");
        assert!(
            error
                .to_string()
                .contains("docker-credential-palisade-no-such")
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_helper_answers_or_is_told_apart_from_one_without_a_credential() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a folder");
        let pid = dir.path().join("pid");
        let long = format!("head -c {} /dev/zero | tr '\\0' x", limits::CREDENTIALS * 4);
        let scripts = [
            (
                "answers",
                r#"read host; echo "{\"Username\":\"$1 $host\",\"Secret\":\"s\"}""#.to_owned(),
            ),
            (
                "identity",
                r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"t"}'"#.to_owned(),
            ),
            (
                "nothing",
                "echo 'credentials not found in native keychain'; exit 1".to_owned(),
            ),
            ("fails", "echo 'locked \u{1b}[2J'; exit 1".to_owned()),
            ("garbage", "echo 'hunter2 is no JSON'".to_owned()),
            ("incomplete", r#"echo '{"Username":"u"}'"#.to_owned()),
            ("silent", "true".to_owned()),
            ("endless", long),
            (
                "hangs",
                format!("echo $$ > {}; exec sleep 1000", pid.display()),
            ),
            (
                "leaves",
                r#"sleep 1000 & echo '{"Username":"u","Secret":"s"}'"#.to_owned(),
            ),
        ];
        for (name, text) in &scripts {
            let path = dir.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("writable");
            let executable = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(&path, executable).expect("ours");
        }
        let ask = async |name: &str| {
            let path = dir.path().join(name).display().to_string();
            super::ask(&path, "ghcr.io", Duration::from_secs(5)).await
        };
        let password = |username: &str| Credential::Password {
            username: username.to_owned(),
            password: Secret::new("s"),
        };
        let answered = ask("answers").await.expect("an answer");
        assert_eq!(answered, Some(password("get ghcr.io")));
        let token = Credential::Identity(Secret::new("t"));
        assert_eq!(ask("identity").await.expect("an answer"), Some(token));
        assert_eq!(ask("nothing").await.expect("an answer"), None);
        // None of these may become "no credential": the registry would be asked anonymously.
        for (name, why) in [
            ("fails", "locked"),
            ("garbage", "answered no credential"),
            ("incomplete", "answered no credential"),
            ("silent", "answered no credential"),
            ("endless", "answers more than"),
            ("absent", "No such file"),
        ] {
            let error = ask(name).await.expect_err(name).to_string();
            assert!(error.contains(why) && error.contains(name), "{error}");
            assert!(
                !error.contains("hunter2") && !error.contains('\u{1b}'),
                "{error}"
            );
        }
        let short = Duration::from_millis(500);
        for name in ["hangs", "leaves"] {
            let path = dir.path().join(name).display().to_string();
            let error = super::ask(&path, "ghcr.io", short).await.expect_err(name);
            assert!(error.to_string().contains("took too long"), "{error}");
        }
        // It was killed, not left behind.
        let pid = std::fs::read_to_string(&pid).expect("it started");
        let process = format!("/proc/{}/stat", pid.trim());
        for _ in 0..100 {
            let stat = std::fs::read_to_string(&process).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the helper still runs");
    }
}
