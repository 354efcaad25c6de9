//! Wrong command lines, policies and files: exit 2, before anything is asked.

use crate::stage::Stage;

#[test]
fn a_lab_s_root_is_refused_unless_it_is_allowed() {
    let stage = Stage::new();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_palisade-gate"))
        .current_dir(stage.dir.path())
        .env_clear()
        .args([
            &stage.image.to_string(),
            "--policy",
            "policy.toml",
            "--no-sign",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("palisade lab") && text.contains("--allow-lab"),
        "{text}"
    );
    assert!(stage.lab.requests().is_empty(), "nothing was asked");
}

#[test]
fn a_wrong_policy_is_shown_where_it_is_wrong() {
    let stage = Stage::new();
    let policy = stage.read("policy.toml").replace("max-age", "max-aeg");
    stage.write("policy.toml", &policy);
    let said = stage.judge(&[]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("policy::unknown-key"), "{said:?}");
    assert!(said.err.contains("did you mean `max-age`?"), "{said:?}");
    assert!(said.err.contains("policy.toml:"), "{said:?}");
    assert!(stage.lab.requests().is_empty(), "nothing was asked");
}

#[test]
fn files_that_are_missing_or_something_else_are_named() {
    let stage = Stage::new();
    let image = stage.image.to_string();
    let fails = |args: &[&str], code: i32, words: &str| {
        let said = stage.gate(&image, args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.err.contains(words), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "{args:?}");
    };
    fails(&["--no-sign", "--evidence", "nowhere"], 2, "gate::file");
    fails(
        &["--no-sign", "--vsa", "vsa.jsonl"],
        2,
        "cannot be used with",
    );
    fails(
        &["--no-sign", "--decision", "nowhere/decision.json"],
        2,
        "gate::write",
    );
    stage.write("garbage", "{");
    fails(&["--signing-config", "garbage"], 2, "gate::signing_config");
    fails(&["--signing-config", "nowhere"], 2, "gate::file");
    fails(&["--no-sign", "--evidence", "policy.toml"], 2, "gate::file");
    stage.write("trusted_root.json", "{}");
    fails(&["--no-sign"], 2, "gate::root");
    std::fs::remove_file(stage.path("trusted_root.json")).unwrap();
    fails(&["--no-sign"], 2, "trusted_root.json");
    std::fs::remove_file(stage.path("policy.toml")).unwrap();
    fails(&["--no-sign"], 2, "policy.toml");
    let said = stage.gate("not an image", &["--no-sign"]);
    assert_eq!(said.code, 2);
}

#[test]
fn garbage_among_the_evidence_is_rejected_and_hides_nothing() {
    let stage = Stage::new();
    let dir = stage.path("evidence");
    std::fs::create_dir(&dir).unwrap();
    for (number, bundle) in stage.all_good(stage.image.digest()).iter().enumerate() {
        std::fs::write(dir.join(format!("{number}.json")), bundle.bytes()).unwrap();
    }
    std::fs::write(dir.join("garbage.json"), "not JSON").unwrap();
    std::fs::write(dir.join("huge.json"), vec![b'['; 10 << 20]).unwrap();
    let said = stage.judge(&["--evidence", "evidence", "--format", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let json = said.json();
    let rejected = json["evidence"].as_array().unwrap().iter();
    assert_eq!(rejected.filter(|e| e["status"] == "rejected").count(), 2);
    // The twin with one piece damaged in one byte.
    let first = std::fs::read_to_string(dir.join("0.json")).unwrap();
    let sig = first.find("\"sig\"").unwrap() + 20;
    let mut damaged = first.into_bytes();
    damaged[sig] = if damaged[sig] == b'A' { b'B' } else { b'A' };
    std::fs::write(dir.join("0.json"), damaged).unwrap();
    let said = stage.judge(&["--evidence", "evidence", "--format", "json"]);
    let open = vec![("signature-present".to_owned(), "missing".to_owned())];
    assert_eq!((said.code, said.open()), (1, open));
}

#[test]
fn a_policy_that_is_huge_or_no_text_is_refused() {
    let stage = Stage::new();
    std::fs::write(stage.path("policy.toml"), vec![b'#'; 10 << 20]).unwrap();
    let said = stage.judge(&[]);
    assert!(
        said.code == 2 && said.err.contains("gate::too_large"),
        "{said:?}"
    );
    std::fs::write(stage.path("policy.toml"), b"\xff\xfe").unwrap();
    let said = stage.judge(&[]);
    assert!(
        said.code == 2 && said.err.contains("policy::encoding"),
        "{said:?}"
    );
}

#[test]
fn a_token_that_is_none_signs_nothing() {
    let stage = Stage::new();
    stage.attach_all_good();
    std::fs::write(stage.path("huge-token"), vec![b'{'; 10 << 20]).unwrap();
    for token in ["huge-token", "not-a-token", "a.b.c"] {
        let args = [
            "--signing-config",
            "config.json",
            "--vsa",
            "vsa.jsonl",
            "--identity-token",
            token,
        ];
        let said = stage.gate(&stage.image.to_string(), &args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{token}: {said:?}");
        assert!(said.err.contains("gate::token"), "{token}: {said:?}");
        assert!(!stage.path("vsa.jsonl").exists());
    }
}

#[cfg(unix)]
#[test]
fn an_earlier_answer_does_not_outlive_a_run_that_fails() {
    let stage = Stage::new();
    stage.write("target", "an earlier summary");
    std::os::unix::fs::symlink("target", stage.path("link")).unwrap();
    stage.write("wrong.toml", "schema = 0");
    for (image, args) in [
        (stage.image.to_string(), ["--policy", "wrong.toml"]),
        (stage.image.to_string(), ["--policy", "nowhere.toml"]),
        ("not an image".to_owned(), ["--policy", "policy.toml"]),
    ] {
        stage.write("vsa.jsonl", "an earlier summary");
        stage.write("decision.json", "an earlier decision");
        for vsa in ["vsa.jsonl", "link"] {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_palisade-gate"))
                .current_dir(stage.dir.path())
                .env_clear()
                .args([&image, "--vsa", vsa, "--decision", "decision.json"])
                .args(args)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{output:?}");
        }
        assert!(!stage.path("vsa.jsonl").exists(), "{image} {args:?}");
        assert!(!stage.path("decision.json").exists(), "{image} {args:?}");
        assert_eq!(stage.read("target"), "", "{image} {args:?}");
    }
}
