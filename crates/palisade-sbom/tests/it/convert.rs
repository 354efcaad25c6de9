//! `palisade sbom convert`: what it writes, what it says is lost, and its exit codes.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

fn convert(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade-sbom"))
        .env_clear()
        .arg("convert")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its command line does not read.
    let _unread = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn document() -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {
            "timestamp": "2026-11-01T00:00:00Z",
            "component": {"type": "application", "bom-ref": "app", "name": "app", "version": "1"},
        },
        "components": [{
            "type": "library", "bom-ref": "pkg:npm/a@2", "name": "a", "version": "2",
            "purl": "pkg:npm/a@2",
            "licenses": [{"license": {"id": "MIT"}}],
        }],
        "dependencies": [{"ref": "app", "dependsOn": ["pkg:npm/a@2"]}],
    })
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_document_becomes_the_other_format_with_its_package_licence_and_edge() {
    let output = convert(
        &["-", "--to", "spdx-json", "--strict"],
        &document().to_string(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let spdx: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(spdx["spdxVersion"], "SPDX-2.3");
    let package = spdx["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "a");
    let package = package.unwrap();
    assert_eq!(package["licenseDeclared"], "MIT");
    assert_eq!(
        package["externalRefs"][0]["referenceLocator"],
        "pkg:npm/a@2"
    );
    let edges = spdx["relationships"].as_array().unwrap();
    let depends = edges
        .iter()
        .find(|edge| edge["relationshipType"] == "DEPENDS_ON")
        .unwrap();
    assert_eq!(depends["relatedSpdxElement"], package["SPDXID"]);
}

#[test]
fn what_is_lost_is_told_and_with_strict_nothing_is_written() {
    let room = TempDir::new().unwrap();
    let file = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
    let mut document = document();
    document["components"][0]["tags"] = json!(["x"]);
    let (report, out) = (file("report.json"), file("out.json"));
    let mut args = vec![
        "-",
        "--to",
        "cyclonedx-json@1.5",
        "--loss-report",
        &report,
        "-o",
        &out,
    ];
    let output = convert(&args, &document.to_string());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("lost: tags of a@2"),
        "{}",
        said(&output)
    );
    let older: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(older["components"][0]["tags"], Value::Null);
    let losses: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!(
        losses["losses"],
        json!([{"of": "a@2", "field": "tags", "partly": false}])
    );

    fs::remove_file(&out).unwrap();
    args.push("--strict");
    let output = convert(&args, &document.to_string());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(!fs::exists(&out).unwrap());
    // Its twin: without the tags there is nothing to lose.
    document["components"][0]
        .as_object_mut()
        .unwrap()
        .remove("tags");
    assert_eq!(convert(&args, &document.to_string()).status.code(), Some(0));
}

#[test]
fn what_is_no_document_is_undecided_and_a_wrong_command_line_usage() {
    for (args, stdin, code, want) in [
        (
            &["-", "--to", "spdx-json"][..],
            "{}",
            3,
            "neither `bomFormat`",
        ),
        (
            &["-", "--to", "spdx-json"],
            "{\"bomFormat\": 1",
            3,
            "not JSON",
        ),
        (
            &["-", "--to", "spdx-json"],
            r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#,
            3,
            "`2.0` of CycloneDX is not read",
        ),
        (&["-", "--to", "spdx"], "{}", 2, "`spdx-json@2.3`"),
        (
            &["/no/such/file", "--to", "spdx-json"],
            "",
            2,
            "/no/such/file",
        ),
        (&["-"], "{}", 2, "--to <FORMAT>"),
    ] {
        let output = convert(args, stdin);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?} {}",
            said(&output)
        );
        assert!(said(&output).contains(want), "{args:?} {}", said(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_name_from_a_stranger_steers_no_terminal_and_keeps_its_bytes_in_a_pipe() {
    let name = "x\u{9b}31my\u{202e}z";
    let mut hostile = document();
    hostile["components"][0]["name"] = json!(name);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sbom.json");
    fs::write(&path, hostile.to_string()).unwrap();
    let to = ["--to", "cyclonedx-json@1.6"];
    let piped = convert(&[path.to_str().unwrap(), to[0], to[1]], "");
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.contains(name), "{piped}");
    let line = format!(
        "{} convert {} {}",
        env!("CARGO_BIN_EXE_palisade-sbom"),
        path.display(),
        to.join(" ")
    );
    let script = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output();
    let Ok(shown) = script else {
        let skipped = "skipped: there is no script(1) to make a terminal";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(r"x\u009b31my\u202ez"), "{shown}");
    assert!(!shown.contains(['\u{9b}', '\u{202e}']), "{shown:?}");
}
