//! The hostile registry against the built program, one test for each way of docs/attacks.md.
//!
//! Every answer is held to its exit code and words, to bounded time and memory, and to this: what
//! could not be read is never looked for in another place or format.

mod lists;
mod login;
mod shapes;
mod transport;
mod writes;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use palisade_lab::{Config, GithubIdentity, Lab, Request};

use crate::{binaries, peers};

/// The longest that any answer may take, on a busy machine and unoptimised.
const LONGEST: Duration = Duration::from_mins(1);
/// The most memory that any answer may take, in KiB. An unoptimised program with an empty answer
/// takes about a third of it.
const MOST_MEMORY: u64 = 96 << 10;

/// A lab with one image in its registry.
struct Stage {
    lab: Lab,
    folder: tempfile::TempDir,
    image: String,
    tag: String,
}

/// What one command said, took and asked for.
struct Run {
    code: Option<i32>,
    /// Both streams without line breaks and spaces, which depend on a terminal's width.
    flat: String,
    text: String,
    out: Vec<u8>,
    took: Duration,
    /// The most resident memory in KiB.
    memory: u64,
    requests: Vec<Request>,
}

impl Stage {
    async fn new(config: Config) -> Self {
        let lab = Lab::start(config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        lab.write_files(folder.path()).unwrap();
        let token = lab.github_token(&GithubIdentity::default());
        std::fs::write(folder.path().join("token"), token).unwrap();
        std::fs::write(folder.path().join("predicate.json"), "{}").unwrap();
        let image = lab.seed_image();
        let tag = format!("{}/acme/app:1.0", lab.registry());
        Self {
            lab,
            folder,
            image,
            tag,
        }
    }

    /// One with a signed image.
    async fn signed() -> Self {
        let stage = Self::new(Config::default()).await;
        stage.sign(&stage.image);
        stage
    }

    /// One with a signed image and a registry without referrers API.
    async fn signed_without_api() -> Self {
        let stage = Self::new(Config {
            referrers_api: false,
            ..Config::default()
        })
        .await;
        stage.sign(&stage.image);
        stage
    }

    /// Runs `palisade` while these faults are on.
    fn run(&self, faults: &str, args: &[&str]) -> Run {
        self.lab.set_faults_text(faults).unwrap();
        self.lab.clear_requests();
        // What was read before is no answer to what the registry says now.
        std::fs::remove_dir_all(self.folder.path().join(".cache")).ok();
        let started = Instant::now();
        let (output, memory) = self.measure(args);
        let took = started.elapsed();
        let text = peers::text(&output);
        self.lab.set_faults_text("").unwrap();
        let run = Run {
            code: output.status.code(),
            flat: text.split([' ', '\n', '│']).collect(),
            text,
            out: output.stdout,
            took,
            memory,
            requests: self.lab.requests(),
        };
        assert!(run.took < LONGEST, "{faults}: {:?}\n{}", run.took, run.text);
        assert!(run.memory < MOST_MEMORY, "{faults}: {} KiB", run.memory);
        run
    }

    /// What the program says, and the most memory it was seen to hold.
    fn measure(&self, args: &[&str]) -> (Output, u64) {
        let child = Command::new(binaries::folder().join("palisade"))
            .args(args)
            .env_clear()
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut most = 0;
                while !ended.load(Ordering::Relaxed) {
                    most = most.max(high_water_mark(&status).unwrap_or(0));
                    std::thread::sleep(Duration::from_millis(2));
                }
                most
            });
            let output = child.wait_with_output().unwrap();
            ended.store(true, Ordering::Relaxed);
            (output, watch.join().unwrap())
        })
    }

    fn sign(&self, image: &str) {
        let run = self.run("", &[&["sign", "image", image], SERVICES].concat());
        assert_eq!(run.code, Some(0), "{}", run.text);
    }

    fn attest(&self, kind: &str) {
        let what = [
            "sign",
            "attest",
            &self.image,
            "--predicate",
            "predicate.json",
        ];
        let run = self.run("", &[&what[..], &["--type", kind], SERVICES].concat());
        assert_eq!(run.code, Some(0), "{}", run.text);
    }

    /// `palisade verify WHAT IMAGE` for the identity that signs here.
    fn verify_as(&self, faults: &str, what: &str, image: &str, more: &[&str]) -> Run {
        let san = GithubIdentity::default().san();
        let who = ["--certificate-identity", &san];
        let issuer = ["--certificate-oidc-issuer", GithubIdentity::ISSUER];
        let args = [&["verify", what, image], &who[..], &issuer, ROOT, more].concat();
        self.run(faults, &args)
    }

    /// Verifies the image by digest; the answer has to have this exit code and these words.
    fn verify(&self, faults: &str, exit: i32, says: &str) -> Run {
        let run = self.verify_as(faults, "image", &self.image, &[]);
        run.is(faults, exit, says);
        run
    }

    /// Puts a manifest into the registry as anybody could.
    fn put(&self, reference: &str, media_type: &str, body: &str) {
        let path = format!("/v2/acme/app/manifests/{reference}");
        let answer = self.http("PUT", &path, media_type, body);
        assert!(answer.starts_with("HTTP/1.0 201"), "{answer}");
    }

    fn get(&self, path: &str) -> String {
        let answer = self.http("GET", path, "text/plain", "");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }

    fn http(&self, method: &str, path: &str, media_type: &str, body: &str) -> String {
        let host = self.lab.registry();
        let length = body.len();
        let mut stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).unwrap();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\n");
        let head = format!("{head}Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The digest alone.
    fn digest(&self) -> &str {
        self.image.split_once('@').unwrap().1
    }

    /// Another image in the same repository, without the tag: the first with an annotation.
    fn another(&self, reference: &str) -> String {
        let bytes = self.get(&format!("/v2/acme/app/manifests/{}", self.digest()));
        let other = bytes.replacen('{', "{\"annotations\":{\"another\":\"yes\"},", 1);
        self.put(reference, IMAGE, &other);
        let head = self.http(
            "HEAD",
            &format!("/v2/acme/app/manifests/{reference}"),
            "",
            "",
        );
        let mut lines = head.lines();
        let digest = lines.find_map(|line| line.strip_prefix("docker-content-digest: "));
        digest.unwrap().to_owned()
    }
}

impl Run {
    #[track_caller]
    fn is(&self, faults: &str, exit: i32, says: &str) {
        assert_eq!(self.code, Some(exit), "{faults}: {}", self.text);
        assert!(self.says(says), "{faults}: no `{says}` in {}", self.text);
        if exit == 3 {
            assert!(!self.says("no signature by"), "{faults}: {}", self.text);
        }
    }

    fn says(&self, words: &str) -> bool {
        self.flat.contains(&words.replace(' ', ""))
    }

    /// How many requests had this in their path.
    fn asked(&self, part: &str) -> usize {
        let asked = self.requests.iter();
        asked.filter(|request| request.path.contains(part)).count()
    }

    /// What failed was not looked for under the tags of other formats.
    #[track_caller]
    fn stops(&self) -> &Self {
        let other = self.asked("/manifests/sha256-");
        assert_eq!(other, 0, "{:?}", self.requests);
        self
    }
}

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const ROOT: &[&str] = &["--trusted-root", "trusted_root.json", "--allow-lab"];
const SERVICES: &[&str] = &[
    "--identity-token",
    "token",
    "--signing-config",
    "signing_config_v2.json",
    "--trusted-root",
    "trusted_root.json",
    "--allow-lab",
];

fn high_water_mark(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
