//! Many images in one run, and evidence from a folder.

use std::fs;

use serde_json::Value;

use crate::program::{SIGNER, fixture, verify_in, verify_recorded};
use crate::registry::{ATTESTATION, IMAGE, Registry, SIGNATURE, Setup};

fn registry(attached: &[&'static str]) -> Registry {
    Registry::start(Setup {
        attached: attached.to_vec(),
        api: true,
        ..Setup::default()
    })
}

fn from_stdin(list: &str, more: &[&str]) -> crate::program::Run {
    let head = ["image", "--images-from", "-"];
    verify_in(head.iter().chain(more).chain(&SIGNER), &[], list)
}

#[test]
fn a_list_of_images_is_read_from_a_file_or_stdin_and_joins_the_command_line() {
    let signed = registry(&[SIGNATURE]);
    let list = format!(
        "# in production\n\n  {}\r\n{}\n",
        signed.by_tag(),
        signed.by_digest()
    );
    let run = from_stdin(&list, &["--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["answers"].as_array().unwrap().len(), 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    fs::write(&path, &list).unwrap();
    let unsigned = registry(&[]).by_digest();
    let args = ["image", &unsigned, "--images-from", path.to_str().unwrap()];
    let run = verify_recorded(&[&args[..], &["--format", "json"]].concat());
    assert_eq!(run.code, 1, "{run:?}");
    let answers = run.json()["answers"].clone();
    let results: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["result"])
        .collect();
    assert_eq!(results, ["rejected", "verified", "verified"]);
}

/// Attack: `exit_no_attestations`. An empty list is no list of which everything is fine.
#[test]
fn a_list_without_an_image_is_a_wrong_command_line() {
    for list in ["", "\n\n", "# nothing\n"] {
        let run = from_stdin(list, &[]);
        assert_eq!(run.code, 2, "{run:?}");
        assert_eq!(run.out, "");
        assert!(run.talk().contains("no image is named"), "{}", run.err);
    }
    let run = from_stdin("not an image at all\n", &[]);
    assert_eq!(run.code, 2, "{run:?}");
    assert_eq!(verify_recorded(&["image"]).code, 2);
    assert_eq!(
        verify_recorded(&["image", "--images-from", "no-such-file"]).code,
        2
    );
}

#[test]
fn the_same_image_is_asked_about_once_however_often_and_by_whatever_name_it_is_given() {
    let registry = registry(&[SIGNATURE]);
    let list = format!("{}\n{}\n", registry.by_digest(), registry.by_tag()).repeat(50);
    let run = from_stdin(&list, &["--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["answers"].as_array().unwrap().len(), 100);
    let requests = registry.requests();
    let of_content = requests
        .iter()
        .filter(|request| !request.starts_with("HEAD"));
    assert_eq!(of_content.count(), 3, "{requests:?}");
}

#[test]
fn json_lines_are_the_answers_one_by_one_and_each_can_be_read_alone() {
    let (signed, unsigned) = (registry(&[SIGNATURE]), registry(&[]));
    let images = [signed.by_digest(), unsigned.by_digest()];
    let head = ["image", "--format", "jsonl"];
    let run = verify_recorded(&[&head[..], &[&images[0], &images[1]]].concat());
    assert_eq!(run.code, 1, "{run:?}");
    let lines: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for (line, (image, result)) in lines
        .iter()
        .zip(images.iter().zip(["verified", "rejected"]))
    {
        assert_eq!(line["version"], 1);
        assert_eq!(line["answer"]["given"], **image);
        assert_eq!(line["answer"]["result"], result);
        assert!(line["trust_root"]["digest"].is_string());
        assert_eq!(line["expected"]["identity"], "dev@siglab.test");
    }
}

#[test]
fn the_table_has_one_line_for_each_image_and_says_why_not() {
    let (signed, unsigned) = (registry(&[SIGNATURE]), registry(&[ATTESTATION]));
    let gone = format!("localhost:1/demo/app@{IMAGE}");
    let (signed_, unsigned_) = (signed.by_digest(), unsigned.by_tag());
    let head = ["image", "--format", "table", "--timeout", "5s"];
    let run = verify_recorded(&[&head[..], &[&signed_, &unsigned_, &gone]].concat());
    assert_eq!(run.code, 1, "{run:?}");
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", run.out);
    assert!(lines[1].starts_with("verified   ") && lines[1].contains("dev@siglab.test (issuer"));
    assert!(lines[2].starts_with("rejected   ") && lines[2].contains("of other kinds"));
    assert!(lines[3].starts_with("undecided  ") && lines[3].contains("localhost:1"));
    assert_eq!(lines[4], "3 images: 1 verified, 1 rejected, 1 undecided");
}

/// Attack: `exit_sarif_still_fails`. The exit code is the answer's, in whichever form the answer is printed.
#[test]
fn every_format_ends_with_the_same_code() {
    let (signed, unsigned) = (registry(&[SIGNATURE]), registry(&[]));
    let gone = format!("localhost:1/demo/app@{IMAGE}");
    for (image, code) in [
        (signed.by_digest(), 0),
        (unsigned.by_digest(), 1),
        (gone, 3),
    ] {
        for format in ["json", "jsonl", "table", "text"] {
            let run = verify_recorded(&["image", &image, "--format", format, "--timeout", "5s"]);
            assert_eq!(run.code, code, "{format}: {run:?}");
            assert!(!run.out.is_empty());
        }
    }
}

/// The recorded bundle, and a folder to put it in.
fn folder() -> (tempfile::TempDir, Vec<u8>) {
    let bundle = "registry/blobs/sha256/\
                  8f39dfd14885f30504127598672806ae52c1ed871710093dc5a710f43d0b3464";
    (
        tempfile::tempdir().unwrap(),
        fs::read(fixture(bundle)).unwrap(),
    )
}

fn judge(folder: &std::path::Path, more: &[&str]) -> crate::program::Run {
    let image = format!("localhost:1/demo/app@{IMAGE}");
    let path = folder.to_str().unwrap();
    let args = [
        "image",
        &image,
        "--evidence",
        path,
        "--offline",
        "--format",
        "json",
    ];
    verify_recorded(&[&args[..], more].concat())
}

#[test]
fn a_folder_of_evidence_is_judged_and_every_file_in_it_is_told_about() {
    let (folder, bundle) = folder();
    let path = folder.path();
    fs::write(path.join("README.md"), "not evidence\n").unwrap();
    fs::create_dir(path.join("sub")).unwrap();
    fs::write(path.join("empty"), "").unwrap();
    let run = judge(path, &[]);
    assert_eq!(run.code, 1, "{run:?}");
    fs::write(path.join("good.json"), &bundle).unwrap();
    let run = judge(path, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    for told in [
        "good.json: a bundle that claims the type https://sigstore.dev/cosign/sign/v1",
        "README.md: no bundle:",
        "sub: a folder, which is not looked into",
        "empty: no bundle:",
    ] {
        assert!(run.err.contains(told), "{told}: {}", run.err);
    }
    let refused = run.json()["answers"][0]["refused"].clone();
    assert_eq!(refused.as_array().unwrap().len(), 3, "{refused}");
}

#[test]
fn a_file_of_lines_holds_a_bundle_on_each_and_a_broken_line_is_refused_by_its_number() {
    let (folder, bundle) = folder();
    let line = String::from_utf8(bundle).unwrap().replace('\n', "");
    fs::write(folder.path().join("all.jsonl"), format!("{{}}\n{line}\n")).unwrap();
    let run = judge(folder.path(), &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json()["answers"][0].clone();
    let origin = |at: &Value| at["origin"].as_str().unwrap().to_owned();
    assert!(origin(&answer["verified"][0]).ends_with("all.jsonl, line 2"));
    assert!(origin(&answer["refused"][0]).ends_with("all.jsonl, line 1"));
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_answer_open_unless_another_is_one() {
    let (folder, bundle) = folder();
    let dangling = folder.path().join("dangling.json");
    std::os::unix::fs::symlink("/no/such/file", dangling).unwrap();
    assert_eq!(judge(folder.path(), &[]).code, 3);
    let huge = fs::File::create(folder.path().join("huge.json")).unwrap();
    huge.set_len(200 << 20).unwrap();
    let run = judge(folder.path(), &[]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.err.contains("huge.json: not read"), "{}", run.err);
    fs::write(folder.path().join("good.json"), bundle).unwrap();
    assert_eq!(judge(folder.path(), &[]).code, 0);
}

#[test]
fn a_folder_with_too_many_files_or_none_at_all_is_a_wrong_command_line() {
    let (folder, _) = folder();
    assert_eq!(judge(&folder.path().join("none"), &[]).code, 2);
    for at in 0..1_001 {
        fs::write(folder.path().join(at.to_string()), "").unwrap();
    }
    let run = judge(folder.path(), &[]);
    assert_eq!(run.code, 2, "{run:?}");
}

/// Attack: `exit_no_attestations`. A folder without evidence is no evidence.
#[test]
fn an_empty_folder_is_no_signature() {
    let (folder, _) = folder();
    assert_eq!(judge(folder.path(), &[]).code, 1);
}

#[test]
fn a_truncated_bundle_leaves_the_answer_open_and_other_json_does_not() {
    for name in ["b.json", "b.jsonl", "b.sigstore"] {
        let (folder, bundle) = folder();
        let path = folder.path().join(name);
        fs::write(&path, r#"{"spdxVersion":"SPDX-2.3"}"#).unwrap();
        assert_eq!(judge(folder.path(), &[]).code, 1, "{name}");
        for length in [0, 1, bundle.len() / 2, bundle.len() - 4] {
            fs::write(&path, &bundle[..length]).unwrap();
            let run = judge(folder.path(), &[]);
            assert_eq!(run.code, 3, "{name}, {length} bytes: {run:?}");
            assert!(run.err.contains("not read:"), "{}", run.err);
        }
        fs::write(folder.path().join("good.json"), bundle).unwrap();
        assert_eq!(judge(folder.path(), &[]).code, 0, "{name}");
    }
}

#[test]
fn a_truncated_line_among_bundles_leaves_the_answer_open() {
    let (folder, bundle) = folder();
    let line = String::from_utf8(bundle).unwrap().replace('\n', "");
    let other = fs::read_to_string(fixture(
        "registry/blobs/sha256/0ed79893dfe8dcf6f89693e0829f35c0f6ff13a3cd7e7a4ae7347f3da7419c97",
    ))
    .unwrap();
    let other = other.replace('\n', "");
    let path = folder.path().join("all.jsonl");
    fs::write(&path, format!("{other}\n{}", &line[..line.len() / 2])).unwrap();
    assert_eq!(judge(folder.path(), &[]).code, 3);
    fs::write(&path, format!("{other}\n{{}}\n")).unwrap();
    assert_eq!(judge(folder.path(), &[]).code, 1);
    fs::write(&path, format!("{other}\n{line}")).unwrap();
    assert_eq!(judge(folder.path(), &[]).code, 0);
}
