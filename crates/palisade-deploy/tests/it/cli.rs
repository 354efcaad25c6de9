//! The program: exit codes, what it says, and that it never says the key.

use std::path::Path;
use std::process::{Command, Output};

use palisade_lab::{Config, Lab};

use crate::support::{KEY, SERVICE, VERIFIER, digest, gate, image};

struct Case {
    args: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Case {
    /// A command line that is right as far as it goes: nothing listens where it points to.
    fn new(image: &str) -> Self {
        let signer = gate();
        let args = [
            "render",
            image,
            "--service",
            SERVICE,
            "--certificate-identity",
            &signer.san,
            "--certificate-oidc-issuer",
            &signer.issuer,
            "--verifier-id",
            VERIFIER,
            "--environment",
            "prod",
            "--policy",
            "acme/prod",
            "--min-policy-version",
            "4",
        ];
        Self {
            args: args.map(str::to_owned).to_vec(),
            variables: vec![
                ("RENDER_API_KEY", KEY.to_owned()),
                ("RENDER_HOST", "http://127.0.0.1:1/v1".to_owned()),
            ],
        }
    }

    fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    fn without(mut self, variable: &str) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self
    }

    /// Exit code, stdout and stderr.
    fn run(&self) -> (i32, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_palisade-deploy"))
            .args(&self.args)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(stdout), text(stderr));
        assert!(
            !stdout.contains(KEY) && !stderr.contains(KEY),
            "{stdout}{stderr}"
        );
        (status.code().unwrap(), stdout, stderr)
    }

    /// Asserts the exit code and words of the error.
    fn fails(&self, exit: i32, words: &[&str]) {
        let (code, stdout, stderr) = self.run();
        assert_eq!((code, stdout.as_str()), (exit, ""), "{stderr}");
        // The error is wrapped to the terminal's width.
        let flat: String = stderr
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect::<Vec<_>>()
            .join(" ");
        for word in words {
            assert!(flat.contains(word), "{word}: {flat}");
        }
    }
}

fn pinned() -> Case {
    Case::new(&image().to_string())
}

#[test]
fn a_tag_is_refused_with_the_way_to_a_digest() {
    Case::new("ghcr.io/acme/app:1").fails(
        2,
        &[
            "deploy::not_pinned",
            "does not name an image by digest",
            "palisade gate ghcr.io/acme/app:1",
        ],
    );
    Case::new("ghcr.io/acme/app@sha256:00").fails(2, &["deploy::not_pinned"]);
}

#[test]
fn what_is_missing_or_malformed_is_named_before_anything_is_sent() {
    pinned()
        .with(&["--service", "../x"])
        .fails(2, &["cannot be used multiple times"]);
    pinned()
        .without("RENDER_API_KEY")
        .fails(2, &["deploy::no_key", "`RENDER_API_KEY`"]);
    let plain = ["--render-host", "http://api.render.com/v1"];
    pinned()
        .with(&plain)
        .fails(2, &["deploy::address", "loopback addresses only"]);
    pinned()
        .with(&["--timeout", "PT0S"])
        .fails(2, &["longer than nothing"]);
    pinned().with(&["--soak", "0"]).fails(2, &["--soak"]);
    pinned()
        .with(&["--vsa", "/nowhere/vsa"])
        .fails(2, &["deploy::file", "`/nowhere/vsa`"]);
    pinned()
        .with(&["--trusted-root", "/nowhere/root"])
        .fails(2, &["roots::file"]);
}

#[test]
fn a_policy_s_id_alone_is_not_enough() {
    let without = || {
        let mut case = pinned();
        case.args.truncate(case.args.len() - 2);
        case
    };
    without().fails(2, &["--min-policy-version", "--policy-digest"]);
    // With either, or both, it goes on to the next thing that is wrong.
    let digest = digest("policy").to_string();
    let bounds: [&[&str]; 3] = [
        &["--min-policy-version", "4"],
        &["--policy-digest", &digest],
        &["--min-policy-version", "4", "--policy-digest", &digest],
    ];
    for bound in bounds {
        without()
            .with(bound)
            .with(&["--vsa", "/nowhere/vsa"])
            .fails(2, &["deploy::file"]);
    }
}

#[test]
fn a_service_id_that_could_leave_its_place_in_a_path_is_refused() {
    let mut case = pinned();
    let at = case.args.iter().position(|arg| arg == SERVICE).unwrap();
    case.args[at] = "srv-a/../../x".to_owned();
    case.fails(2, &["deploy::service", "srv-a/../../x"]);
}

#[test]
fn files_that_are_something_else_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let garbage = file("garbage.json", b"{\"not\": \"a bundle\"}\n");
    pinned()
        .with(&["--vsa", &garbage])
        .fails(1, &["deploy::vsa_file", "garbage.json"]);
    pinned()
        .with(&["--trusted-root", &garbage])
        .fails(2, &["roots::root"]);
    let huge = file("huge.json", &vec![b' '; 5 << 20]);
    pinned()
        .with(&["--trusted-root", &huge])
        .fails(2, &["roots::file"]);
}

#[test]
fn a_registry_that_cannot_be_reached_is_no_answer() {
    let image = format!("127.0.0.1:1/acme/app@{}", image().digest());
    Case::new(&image).fails(3, &["deploy::registry"]);
}

#[test]
fn a_receipt_of_an_earlier_run_does_not_outlive_a_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let receipt = dir.path().join("receipt.json");
    std::fs::write(&receipt, "an earlier run").unwrap();
    let image = format!("127.0.0.1:1/acme/app@{}", image().digest());
    Case::new(&image)
        .with(&["--receipt", receipt.to_str().unwrap()])
        .fails(3, &[]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let nowhere = ["--receipt", "/nowhere/receipt.json"];
    pinned()
        .with(&nowhere)
        .fails(2, &["deploy::file", "cannot write"]);
}

fn in_lab(test: impl AsyncFnOnce(&Lab, &Path)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let lab = Lab::start(Config::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        test(&lab, dir.path()).await;
    });
}

#[test]
fn a_lab_s_trusted_root_needs_to_be_allowed_and_an_absent_image_is_a_no() {
    in_lab(async |lab, dir| {
        let root = dir.join("trusted_root.json");
        std::fs::write(&root, lab.trusted_root()).unwrap();
        let image = format!("{}/acme/app@{}", lab.registry(), image().digest());
        let case = || Case::new(&image).with(&["--trusted-root", root.to_str().unwrap()]);
        case().fails(2, &["roots::lab", "--allow-lab"]);
        case()
            .with(&["--allow-lab"])
            .fails(3, &["deploy::registry", "missing or not allowed"]);
    });
}

#[test]
fn help_is_the_manual() {
    let case = Case {
        args: vec!["render".to_owned(), "--help".to_owned()],
        variables: Vec::new(),
    };
    let (code, stdout, _) = case.run();
    assert_eq!(code, 0);
    for word in [
        "RENDER_API_KEY",
        "--dry-run",
        "--certificate-identity",
        "Examples:",
    ] {
        assert!(stdout.contains(word), "{word}");
    }
}
