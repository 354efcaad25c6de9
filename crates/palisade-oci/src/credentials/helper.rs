//! Credential helpers: `docker-credential-NAME get`, host on standard input, JSON back.

use std::process::Stdio;

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
    let program = program(name)?;
    let failed = |why: &str| Error::Usage(format!("credential helper `{program}`: {why}"));
    match timeout(limits::HELPER_TIME, run(&program, server)).await {
        Err(_) => Err(failed("took too long")),
        Ok(Err(e)) => Err(failed(&e.to_string())),
        Ok(Ok((true, output))) => {
            // The answer holds a password, so an unreadable one is not quoted.
            let answer: Answer =
                serde_json::from_slice(&output).map_err(|_| failed("answered no credential"))?;
            Ok(Some(credential(answer)))
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
        .take(limits::CREDENTIALS)
        .read_to_end(&mut output)
        .await?;
    Ok((child.wait().await?.success(), output))
}

fn credential(answer: Answer) -> Credential {
    // Docker's helper protocol: this user name marks an identity token.
    if answer.username == "<token>" {
        return Credential::Identity(answer.secret);
    }
    Credential::Password {
        username: answer.username,
        password: answer.secret,
    }
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
}
