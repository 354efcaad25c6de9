//! The command: its flags, its exit codes, and what it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::image::{STATUS, files, files_with, write_layout};

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

/// A folder with a layout of an image in it, and room for what the command writes.
struct Room(TempDir);

impl Room {
    fn new(files: &[palisade_oci::layers::ImageFile], platforms: &[&str]) -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        write_layout(&room.path("image"), files, platforms);
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the command inside the folder.
    fn run(&self, args: &[&str]) -> Output {
        sbom(args).current_dir(self.0.path()).output().unwrap()
    }

    /// What lies beside the image.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "image").collect();
        names.sort();
        names
    }
}

fn largest_blob(image: &Path) -> PathBuf {
    let blobs = fs::read_dir(image.join("blobs/sha256")).unwrap();
    blobs
        .map(|blob| blob.unwrap().path())
        .max_by_key(|blob| fs::metadata(blob).unwrap().len())
        .unwrap()
}

#[test]
fn a_layout_becomes_the_same_document_on_stdout_and_in_a_file_every_time() {
    let room = Room::new(&files(), &["linux/amd64"]);
    let stdout = room.run(&["oci:image"]);
    assert_eq!(stdout.status.code(), Some(0), "{}", text(&stdout.stderr));
    let file = room.run(&["oci:image:1.4", "-o", "sbom.json", "--strict"]);
    assert_eq!(
        (file.status.code(), text(&file.stdout)),
        (Some(0), String::new())
    );
    assert_eq!(fs::read(room.path("sbom.json")).unwrap(), stdout.stdout);
    let document: Value = serde_json::from_slice(&stdout.stdout).unwrap();
    assert_eq!(document["specVersion"], "1.7");
    assert_eq!(document["components"].as_array().unwrap().len(), 42);
    assert_eq!(room.names(), ["sbom.json"]);
}

#[test]
fn an_archive_is_read_like_its_folder() {
    let room = Room::new(&files(), &["linux/amd64"]);
    let mut archive = tar::Builder::new(fs::File::create(room.path("image.tar")).unwrap());
    archive.append_dir_all("", room.path("image")).unwrap();
    archive.finish().unwrap();
    let of_archive = room.run(&["oci-archive:image.tar"]);
    assert_eq!(
        of_archive.status.code(),
        Some(0),
        "{}",
        text(&of_archive.stderr)
    );
    assert_eq!(of_archive.stdout, room.run(&["oci:image"]).stdout);
}

#[test]
fn a_gap_warns_and_is_exit_3_only_when_strict_and_the_document_is_written_both_times() {
    let room = Room::new(
        &files_with("var/lib/dpkg/status", &STATUS[..900]),
        &["linux/amd64"],
    );
    let lenient = room.run(&["oci:image", "-o", "a.json"]);
    let strict = room.run(&["oci:image", "-o", "b.json", "--strict"]);
    assert_eq!(
        (lenient.status.code(), strict.status.code()),
        (Some(0), Some(3))
    );
    assert_eq!(
        fs::read(room.path("a.json")).unwrap(),
        fs::read(room.path("b.json")).unwrap()
    );
    let warning = text(&strict.stderr);
    assert!(
        warning.contains("warning: `var/lib/dpkg/status` does not end"),
        "{warning}"
    );
}

#[test]
fn an_image_in_which_nothing_is_found_is_exit_3_when_strict() {
    let room = Room::new(&[], &["linux/amd64"]);
    assert_eq!(room.run(&["oci:image"]).status.code(), Some(0));
    let strict = room.run(&["oci:image", "--strict"]);
    assert_eq!(strict.status.code(), Some(3));
    assert!(text(&strict.stderr).contains("nothing was found"));
}

#[test]
fn offline_reads_a_folder_and_asks_no_registry() {
    let room = Room::new(&files(), &["linux/amd64"]);
    assert_eq!(room.run(&["--offline", "oci:image"]).status.code(), Some(0));
    let output = room.run(&["--offline", "127.0.0.1:1/acme/app:1"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("`--offline` forbids it"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn an_index_needs_a_platform_that_it_has() {
    let room = Room::new(&files(), &["linux/amd64", "linux/arm64"]);
    let none = room.run(&["oci:image"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("`oci:image` is for several platforms"));
    assert!(
        text(&none.stderr).contains("--platform linux/amd64"),
        "{}",
        text(&none.stderr)
    );
    let absent = room.run(&["oci:image", "--platform", "linux/s390x"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(
        text(&absent.stderr).contains("linux/amd64, linux/arm64"),
        "{}",
        text(&absent.stderr)
    );
    let arm = room.run(&["oci:image", "--platform", "linux/arm64"]);
    assert_eq!(arm.status.code(), Some(0), "{}", text(&arm.stderr));
    assert!(text(&arm.stdout).contains("?arch=arm64"));
}

#[test]
fn one_flipped_byte_in_a_layer_is_exit_3_and_leaves_what_was_there() {
    let room = Room::new(&files(), &["linux/amd64"]);
    fs::write(room.path("sbom.json"), "before").unwrap();
    let blob = largest_blob(&room.path("image"));
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, bytes).unwrap();
    let output = room.run(&["oci:image", "-o", "sbom.json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("sbom::layout"));
    assert_eq!(fs::read(room.path("sbom.json")).unwrap(), b"before");
    assert_eq!(room.names(), ["sbom.json"]);
}

#[test]
fn a_folder_that_is_not_there_or_cannot_be_written_is_exit_2() {
    let room = Room::new(&files(), &["linux/amd64"]);
    let absent = room.run(&["oci:elsewhere"]);
    assert_eq!(absent.status.code(), Some(2), "{}", text(&absent.stderr));
    let output = room.run(&["oci:image", "-o", "no/sbom.json"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("sbom::output"));
    assert_eq!(room.names(), Vec::<String>::new());
}

#[test]
fn a_registry_that_does_not_answer_is_exit_3() {
    let output = run(&["127.0.0.1:1/acme/app:1.4"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("127.0.0.1:1/acme/app:1.4"));
}

#[test]
fn text_is_a_line_for_each_component() {
    let room = Room::new(&files(), &["linux/amd64"]);
    let output = room.run(&["oci:image", "--format", "text"]);
    let lines = text(&output.stdout);
    assert_eq!(lines.lines().count(), 42);
    assert!(
        lines.contains("pkg:cargo/serde@1.0.1  usr/bin/app\n"),
        "{lines}"
    );
    assert!(lines.contains("debian 12  usr/lib/os-release\n"), "{lines}");
}

#[test]
fn json_with_a_file_is_a_summary_with_a_version() {
    let room = Room::new(&files(), &["linux/amd64"]);
    let output = room.run(&["oci:image", "-o", "sbom.json", "--format", "json"]);
    let mut summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let document = palisade_types::Digest::sha256_of(&fs::read(room.path("sbom.json")).unwrap());
    assert_eq!(summary["document"], document.to_string());
    for digest in ["document", "image", "manifest"] {
        summary[digest] = "…".into();
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&summary).unwrap(), @r#"
    {
      "components": 42,
      "dependencies": 80,
      "document": "…",
      "gaps": [],
      "image": "…",
      "manifest": "…",
      "output": "sbom.json",
      "platform": "linux/amd64",
      "version": 1
    }
    "#);
}
