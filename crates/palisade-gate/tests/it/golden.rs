//! A stored decision replays from its folder, byte for byte, without lab and network.

use std::path::{Path, PathBuf};
use std::process::Command;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Exit code and stdout of the gate for this evidence folder at this time.
fn replay(evidence: &Path, time: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_palisade-gate"))
        .current_dir(golden())
        .env_clear()
        .args([
            "oci:layout",
            "--policy",
            "policy.toml",
            "--no-sign",
            "--allow-lab",
        ])
        .args([
            "--offline",
            "--format",
            "json",
            "--current-time",
            time,
            "--evidence",
        ])
        .arg(evidence)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

const THEN: &str = "2026-11-24T16:00:00Z";

#[test]
fn a_stored_decision_replays_to_the_same_bytes() {
    let stored = std::fs::read_to_string(golden().join("decision.json")).unwrap();
    let (code, replayed) = replay(Path::new("evidence"), THEN);
    assert_eq!(replayed, stored);
    assert_eq!(code, 0);
}

#[test]
fn a_second_too_late_is_another_decision() {
    // The scan ended at 15:00:01 and may be a day old.
    assert_eq!(replay(Path::new("evidence"), "2026-11-25T15:00:01Z").0, 0);
    assert_eq!(replay(Path::new("evidence"), "2026-11-25T15:00:02Z").0, 1);
}

#[test]
fn each_piece_is_needed_and_each_damaged_piece_is_as_good_as_none() {
    let files: Vec<PathBuf> = std::fs::read_dir(golden().join("evidence"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 4);
    for missing in &files {
        for damaged in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            for file in &files {
                let mut text = std::fs::read_to_string(file).unwrap();
                if file == missing {
                    if !damaged {
                        continue;
                    }
                    // One character of the signed payload, which stays valid base64.
                    let at = text.find("\"payload\"").unwrap() + 40;
                    let other = if &text[at..=at] == "A" { "B" } else { "A" };
                    text.replace_range(at..=at, other);
                }
                std::fs::write(dir.path().join(file.file_name().unwrap()), text).unwrap();
            }
            let (code, text) = replay(dir.path(), THEN);
            assert_eq!(code, 1, "without {}: {text}", missing.display());
        }
    }
}
