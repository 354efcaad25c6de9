//! The program: exit codes, output, and the environment of what it runs.

use std::process::{Command, Output};

use palisade_lab::{Config, Lab};

use crate::support::EMAIL;

fn palisade_lab(args: &[&str], lab: Option<&Lab>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-lab"));
    command.args(args).env_remove("PALISADE_LAB");
    if let Some(lab) = lab {
        command.env("PALISADE_LAB", lab.base());
    }
    command.output().unwrap()
}

/// Runs the program while this process serves the lab.
async fn asking(lab: &Lab, args: &'static [&'static str]) -> Output {
    let base = lab.base().to_owned();
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade-lab"));
        command
            .args(args)
            .env("PALISADE_LAB", base)
            .output()
            .unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[cfg(unix)]
#[test]
fn run_gives_the_program_a_lab_and_ends_with_its_code() {
    let script = "cat \"$PALISADE_LAB_TRUSTED_ROOT\" && echo $PALISADE_LAB_IMAGE && exit 7";
    let output = palisade_lab(&["run", "--", "sh", "-c", script], None);
    assert_eq!(output.status.code(), Some(7));
    assert!(
        out(&output).contains("palisade LAB - NOT TRUSTED"),
        "{}",
        out(&output)
    );
    assert!(out(&output).contains("/acme/app@sha256:"));
    let output = palisade_lab(&["run", "--", "sh", "-c", "kill -9 $$"], None);
    assert_eq!(output.status.code(), Some(128 + 9));
    let output = palisade_lab(&["run", "--", "/no/such/program"], None);
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn token_speaks_for_whom_it_is_told() {
    let lab = Lab::start(Config::default()).await.unwrap();
    let claims = |output: &Output| {
        use base64::Engine;
        let token = out(output);
        let payload = token.split('.').nth(1).unwrap();
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        serde_json::from_slice::<serde_json::Value>(&engine.decode(payload).unwrap()).unwrap()
    };
    let person = asking(&lab, &["token", "--email", EMAIL]).await;
    assert_eq!(claims(&person)["email"], EMAIL);
    // cosign takes a token from a file as it is, and refuses one with a line end.
    assert!(!out(&person).ends_with('\n'));
    let workflow = asking(&lab, &["token", "--github", "o/r", "--ref", "refs/tags/v1"]).await;
    assert_eq!(claims(&workflow)["sub"], "repo:o/r:ref:refs/tags/v1");
    let both = asking(&lab, &["token", "--email", EMAIL, "--github", "o/r"]).await;
    assert_eq!(both.status.code(), Some(2));
}

#[tokio::test]
async fn fault_and_log_reach_the_running_lab() {
    let lab = Lab::start(Config::default()).await.unwrap();
    assert_eq!(
        asking(&lab, &["fault", "tsa-503,sct-none"])
            .await
            .status
            .code(),
        Some(0)
    );
    let http = crate::support::Http::new(&lab);
    assert_eq!(
        http.get("/lab/faults").await.text(),
        r#"["sct-none","tsa-503"]"#
    );
    http.get("/v2/?x=1").await;
    assert_eq!(out(&asking(&lab, &["log"]).await), "200 GET /v2/?x=1\n");
    let unknown = asking(&lab, &["fault", "no-such"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        String::from_utf8(unknown.stderr)
            .unwrap()
            .contains("no fault `no-such`")
    );
}

#[test]
fn no_lab_a_dead_lab_and_a_foreign_address_have_different_codes() {
    assert_eq!(palisade_lab(&["log"], None).status.code(), Some(2));
    let foreign = ["log", "--url", "http://example.com:80"];
    assert_eq!(palisade_lab(&foreign, None).status.code(), Some(2));
    // Port 1 of the loopback is closed on any sane machine.
    let dead = ["log", "--url", "http://localhost:1"];
    assert_eq!(palisade_lab(&dead, None).status.code(), Some(3));
}

#[test]
fn up_refuses_a_fault_or_profile_that_it_does_not_have() {
    for (args, says) in [
        (["up", "--fault", "sct-none,no-such"], "no fault `no-such`"),
        (["up", "--registry-profile", "nope"], "one of: acr, "),
    ] {
        let output = palisade_lab(&args, None);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
    let help = out(&palisade_lab(&["up", "--help"], None));
    for profile in palisade_lab::Profile::ALL {
        assert!(help.contains(profile.about), "{}", profile.name);
    }
}

#[cfg(unix)]
#[test]
fn run_begins_with_the_faults_it_is_given() {
    let script = "exec 3<>/dev/tcp/127.0.0.1/${PALISADE_LAB##*:}; \
                  printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3";
    let args = [
        "run",
        "--fault",
        "registry-502*1",
        "--",
        "bash",
        "-c",
        script,
    ];
    let output = palisade_lab(&args, None);
    assert!(out(&output).starts_with("HTTP/1.0 502"), "{output:?}");
}

#[test]
fn help_lists_every_fault() {
    let help = out(&palisade_lab(&["fault", "--help"], None));
    for fault in palisade_lab::Fault::ALL {
        assert!(help.contains(fault.name()), "{}", fault.name());
    }
}

#[test]
fn up_prints_variables_writes_files_and_runs_until_it_is_stopped() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let mut lab = Command::new(env!("CARGO_BIN_EXE_palisade-lab"))
        .args(["up", "--quiet", "--dir"])
        .arg(dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(lab.stdout.take().unwrap()).lines();
    let mut variables = std::collections::BTreeMap::new();
    for line in lines {
        let line = line.unwrap();
        let (name, value) = line.split_once('=').unwrap();
        variables.insert(name.to_owned(), value.to_owned());
        if name == "RENDER_HOST" {
            break;
        }
    }
    assert!(lab.try_wait().unwrap().is_none(), "it still runs");
    let written = std::fs::read_to_string(&variables["PALISADE_LAB_TRUSTED_ROOT"]).unwrap();
    assert!(written.contains(&variables["PALISADE_LAB"]));
    let url = ["log", "--url", &variables["PALISADE_LAB"]];
    assert_eq!(palisade_lab(&url, None).status.code(), Some(0));
    lab.kill().unwrap();
    lab.wait().unwrap();
    assert_eq!(palisade_lab(&url, None).status.code(), Some(3));
}
