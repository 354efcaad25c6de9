//! Where signatures are found, whoever put them there: our own, and real cosign in all its layouts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};
use serde_json::{Value, json};

use crate::{binaries, peers};

/// A lab, its files in a folder, a token, and the seeded image.
struct Stage {
    lab: Lab,
    folder: tempfile::TempDir,
    image: String,
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Stage {
    async fn new(referrers_api: bool) -> Self {
        let lab = Lab::start(Config {
            referrers_api,
            ..Config::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        lab.write_files(folder.path()).unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("config.json", &lab.signing_config(SigningConfigKind::V2));
        write("token", &lab.github_token(&GithubIdentity::default()));
        let image = lab.seed_image();
        Self { lab, folder, image }
    }

    fn run(&self, program: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let file = |name: &str| self.folder.path().join(name);
        Command::new(program)
            .args(args)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            // For cosign's older formats, which know no trusted root.
            .env("SIGSTORE_ROOT_FILE", file("fulcio.pem"))
            .env("SIGSTORE_REKOR_PUBLIC_KEY", file("rekor_v1.pub.pem"))
            .env("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", file("ctlog.pub.pem"))
            .envs(variables.iter().copied())
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    fn sign(&self, what: &[&str]) {
        let services = [
            "--identity-token",
            "token",
            "--signing-config",
            "config.json",
            "--trusted-root",
            "trusted_root.json",
            "--allow-lab",
        ];
        let program = binaries::folder().join("palisade-sign");
        ok(&self.run(&program, &[what, &services].concat(), &[]));
    }

    fn verify(&self, what: &[&str], variables: &[(&str, &str)]) -> Output {
        let san = GithubIdentity::default().san();
        let who = [
            "--certificate-identity",
            san.as_str(),
            "--certificate-oidc-issuer",
            GithubIdentity::ISSUER,
            "--trusted-root",
            "trusted_root.json",
            "--allow-lab",
            "--format",
            "json",
        ];
        let program = binaries::folder().join("palisade-verify");
        self.run(&program, &[what, &who].concat(), variables)
    }

    /// `cosign sign` in its own format, or its older one.
    fn cosign(&self, cosign: &Path, older: bool, image: &str, variables: &[(&str, &str)]) {
        let base = self.lab.base();
        let with = |flag: &str| format!("--{flag}={base}");
        let services = [with("fulcio-url"), with("rekor-url"), with("oidc-issuer")];
        let mut args = vec!["sign", "-y", "--identity-token", "token"];
        if older {
            args.extend(["--new-bundle-format=false", "--use-signing-config=false"]);
            args.extend(services.iter().map(String::as_str));
            if variables
                .iter()
                .any(|(name, _)| *name == "COSIGN_EXPERIMENTAL")
            {
                args.push("--registry-referrers-mode=oci-1-1");
            }
        } else {
            args.extend(["--signing-config", "config.json"]);
            args.extend(["--trusted-root", "trusted_root.json"]);
        }
        args.push(image);
        ok(&self.run(cosign, &args, variables));
    }

    /// Stores a document in the lab's repository and returns its entry for an index.
    fn put(&self, document: &Value, platform: &str) -> Value {
        let media_type = document["mediaType"].as_str().unwrap();
        let body = document.to_string();
        let address = self.lab.registry();
        let mut stream = TcpStream::connect(address.replace("localhost", "127.0.0.1")).unwrap();
        write!(
            stream,
            "PUT /v2/acme/app/manifests/latest HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let digest = answer
            .lines()
            .find_map(|line| line.strip_prefix("docker-content-digest: "))
            .unwrap();
        let (os, architecture) = platform.split_once('/').unwrap();
        json!({
            "mediaType": media_type,
            "digest": digest,
            "size": body.len(),
            "platform": {"os": os, "architecture": architecture},
        })
    }

    /// The seeded image's manifest with an annotation that makes it another one.
    fn another(&self, name: &str) -> Value {
        let digest = self.image.rsplit('@').next().unwrap();
        let mut stream =
            TcpStream::connect(self.lab.registry().replace("localhost", "127.0.0.1")).unwrap();
        write!(
            stream,
            "GET /v2/acme/app/manifests/{digest} HTTP/1.0\r\nHost: {}\r\n\r\n",
            self.lab.registry()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        let mut manifest: Value = serde_json::from_str(body).unwrap();
        manifest["mediaType"] = json!(MANIFEST);
        manifest["annotations"] = json!({"name": name});
        manifest
    }

    fn named(&self, entry: &Value) -> String {
        let digest = entry["digest"].as_str().unwrap();
        format!("{}/acme/app@{digest}", self.lab.registry())
    }
}

fn ok(output: &Output) {
    assert!(output.status.success(), "{}", peers::text(output));
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", peers::text(output)))
}

/// Exit code and the result of each answer.
fn results(output: &Output) -> (i32, Vec<String>) {
    let json = json_of(output);
    let answers = json["answers"].as_array().unwrap();
    let result = |answer: &Value| answer["result"].as_str().unwrap().to_owned();
    (
        output.status.code().unwrap(),
        answers.iter().map(result).collect(),
    )
}

fn strings(code: i32, results: &[&str]) -> (i32, Vec<String>) {
    (
        code,
        results.iter().map(|result| (*result).to_owned()).collect(),
    )
}

/// F5: cosign takes the format of the first image for the format of all.
#[tokio::test(flavor = "multi_thread")]
async fn images_signed_in_cosign_s_three_layouts_are_verified_in_one_run_in_any_order() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    for api in [true, false] {
        let stage = Stage::new(api).await;
        let entry = |name: &str| stage.named(&stage.put(&stage.another(name), "linux/amd64"));
        let (new, older, referrer) = (entry("new"), entry("older"), entry("referrer"));
        stage.cosign(&cosign, false, &new, &[]);
        stage.cosign(&cosign, true, &older, &[]);
        stage.cosign(&cosign, true, &referrer, &[("COSIGN_EXPERIMENTAL", "1")]);
        for order in [
            [&new, &older, &referrer],
            [&referrer, &older, &new],
            [&older, &new, &referrer],
        ] {
            let args = [&["image"][..], &order.map(String::as_str)].concat();
            let verified = stage.verify(&args, &[]);
            let all = strings(0, &["verified"; 3]);
            assert_eq!(results(&verified), all, "{}", peers::text(&verified));
        }
        // A twin that nobody signed, between them.
        let unsigned = entry("unsigned");
        let verified = stage.verify(&["image", &older, &unsigned, &new], &[]);
        assert_eq!(
            results(&verified),
            strings(1, &["verified", "rejected", "verified"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cosign_puts_into_cosign_repository_is_found_there_and_nowhere_else() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    for (older, api) in [(false, true), (false, false), (true, true)] {
        let stage = Stage::new(api).await;
        let place = format!("{}/signatures/of-acme", stage.lab.registry());
        let there = [("COSIGN_REPOSITORY", place.as_str())];
        stage.cosign(&cosign, older, &stage.image, &there);
        let found = stage.verify(&["image", &stage.image], &there);
        assert_eq!(
            results(&found),
            strings(0, &["verified"]),
            "{}",
            peers::text(&found)
        );
        let beside = stage.verify(&["image", &stage.image], &[]);
        assert_eq!(results(&beside), strings(1, &["rejected"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_on_every_page_of_the_list_are_found() {
    let stage = Stage::new(true).await;
    for _ in 0..3 {
        stage.sign(&["image", &stage.image]);
    }
    stage.lab.set_referrers_page(Some(1));
    stage.lab.clear_requests();
    let output = stage.verify(&["image", &stage.image], &[]);
    ok(&output);
    let verified = json_of(&output)["answers"][0]["verified"].clone();
    assert_eq!(verified.as_array().unwrap().len(), 3);
    let requests = stage.lab.requests();
    let pages = requests.iter().filter(|r| r.path.contains("/referrers/"));
    assert!(pages.count() >= 3, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_run_kept_saves_requests_and_offline_it_never_says_no() {
    let stage = Stage::new(true).await;
    stage.sign(&["image", &stage.image]);
    let cache = stage.folder.path().join("kept").display().to_string();
    let kept = [("PALISADE_CACHE", cache.as_str())];
    let verify = |more: &[&str]| {
        stage.lab.clear_requests();
        let output = stage.verify(&[&["image", stage.image.as_str()], more].concat(), &kept);
        (output.status.code(), stage.lab.requests().len())
    };
    assert_eq!(verify(&["--no-cache"]), (Some(0), 3));
    assert_eq!(verify(&[]), (Some(0), 3));
    assert_eq!(verify(&[]), (Some(0), 1));
    assert_eq!(verify(&["--offline"]), (Some(0), 0));
    // Without what was kept there is no answer, and that is not "not signed".
    assert_eq!(verify(&["--offline", "--no-cache"]), (Some(3), 0));
}

/// Attack: `reg_index_child`. The index signed and its images not, then all, and by cosign too.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_an_index_is_none_of_its_images_until_they_are_signed_too() {
    let stage = Stage::new(true).await;
    let entries = [
        stage.put(&stage.another("amd64"), "linux/amd64"),
        stage.put(&stage.another("arm64"), "linux/arm64"),
    ];
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let index = stage.named(&stage.put(&index, "any/any"));
    stage.sign(&["image", &index]);
    let alone = stage.verify(&["image", &index], &[]);
    assert_eq!(results(&alone), strings(0, &["verified"]));
    let all = stage.verify(&["image", &index, "--recursive"], &[]);
    assert_eq!(
        results(&all),
        strings(1, &["verified", "rejected", "rejected"])
    );
    stage.sign(&["image", &index, "--recursive"]);
    let all = stage.verify(&["image", &index, "--recursive"], &[]);
    assert_eq!(
        results(&all),
        strings(0, &["verified"; 3]),
        "{}",
        peers::text(&all)
    );
    let platforms: Vec<_> = [1, 2]
        .map(|at| json_of(&all)["answers"][at]["platform"].clone())
        .into();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cosign_signed_recursively_is_verified_recursively() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    let stage = Stage::new(true).await;
    let entries = [
        stage.put(&stage.another("amd64"), "linux/amd64"),
        stage.put(&stage.another("arm64"), "linux/arm64"),
    ];
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let index = stage.named(&stage.put(&index, "any/any"));
    let args = [
        "sign",
        "--recursive",
        "-y",
        "--identity-token",
        "token",
        "--signing-config",
        "config.json",
        "--trusted-root",
        "trusted_root.json",
        &index,
    ];
    ok(&stage.run(&cosign, &args, &[]));
    let all = stage.verify(&["image", &index, "--recursive"], &[]);
    assert_eq!(
        results(&all),
        strings(0, &["verified"; 3]),
        "{}",
        peers::text(&all)
    );
}

/// Attack: `out_terminal_escape`. A name in a certificate that would clear the screen.
#[tokio::test(flavor = "multi_thread")]
async fn a_signer_s_name_cannot_write_on_the_terminal() {
    let stage = Stage::new(true).await;
    let name = "\u{1b}[2Jdev@acme.test\u{7}";
    std::fs::write(
        stage.folder.path().join("token"),
        stage.lab.email_token(name),
    )
    .unwrap();
    stage.sign(&["image", &stage.image]);
    let output = stage.verify(&["image", &stage.image], &[]);
    assert_eq!(results(&output), strings(1, &["rejected"]));
    let got = json_of(&output)["answers"][0]["refused"][0]["fields"][0]["got"].clone();
    assert_eq!(got, name, "the name is told as it is, where it is data");
    let raw = String::from_utf8(output.stdout).unwrap();
    assert!(!raw.contains('\u{1b}') && !raw.contains('\u{7}'), "{raw}");
}
