//! What goes wrong, how it is told, and which code it ends with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_lab::{Fault, SigningConfigKind};

use super::{Run, World, entries, run};

async fn blob(world: &World, extra: &[&str]) -> Run {
    let file = world.write("app.bin", b"x");
    let out = format!("--bundle={}", world.file("out.json").display());
    let mut args = vec!["blob", file.to_str().unwrap(), &out];
    args.extend(extra);
    world.sign(&args).await
}

async fn without_token(world: &World, extra: &[&str], environment: &[(&str, &str)]) -> Run {
    let file = world.write("app.bin", b"x");
    let mut args = vec![
        "blob".to_owned(),
        file.display().to_string(),
        format!("--bundle={}", world.file("out.json").display()),
    ];
    args.extend(extra.iter().map(|&arg| arg.to_owned()));
    args.extend(world.lab_flags(SigningConfigKind::V2));
    run(&args, environment, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_code_names_its_service_and_leaves_no_file() {
    let world = World::new().await;
    for (fault, code, says) in [
        (Fault::SctNone, 1, "Fulcio at"),
        (Fault::SctBadsig, 1, "Fulcio at"),
        (Fault::TsaImprint, 1, "the timestamp authority at"),
        (Fault::V2CkptBadsig, 1, "does not verify"),
        (Fault::Fulcio503, 3, "Fulcio at"),
        (Fault::FulcioHuge, 3, "larger than"),
        (Fault::FulcioCut, 3, "Fulcio at"),
        (Fault::Tsa503, 3, "the timestamp authority at"),
        (Fault::Rekor503, 3, "Rekor at"),
    ] {
        world.lab.set_faults(&[fault]);
        let before = entries(world.dir.path()) + usize::from(!world.file("app.bin").exists());
        let run = blob(&world, &[]).await;
        assert_eq!(run.code, code, "{}: {run:?}", fault.name());
        // The report is wrapped; what is looked for may be broken over two lines.
        let flat = run
            .err
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace("│ ", "");
        assert!(
            flat.contains(says) && flat.contains("sign::service"),
            "{}: {run:?}",
            fault.name()
        );
        assert_eq!(run.out, "");
        assert_eq!(entries(world.dir.path()), before);
    }
}

/// Attack: `out_token_not_printed`.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_fulcio_does_not_accept_is_a_no_and_is_not_repeated() {
    let (world, other) = (World::new().await, World::new().await);
    let token = other.lab.email_token("dev@acme.test");
    let file = world.write("app.bin", b"x");
    let mut args = vec![
        "blob".to_owned(),
        file.display().to_string(),
        format!("--bundle={}", world.file("out.json").display()),
        format!("--identity-token={token}"),
    ];
    args.extend(world.lab_flags(SigningConfigKind::V2));
    let run = run(&args, &[], &token).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("HTTP 401"), "{run:?}");
    // Whose it was is what the reader needs.
    assert!(run.err.contains("dev@acme.test"), "{run:?}");
    assert!(run.err.contains(other.lab.base()), "{run:?}");
}

/// Attack: `out_token_not_printed`: neither a token that is damaged nor one that has expired.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_used_is_taken_for_no_file_and_not_repeated() {
    let world = World::new().await;
    let good = world.lab.email_token("dev@acme.test");
    let damaged = good.replacen('.', ":", 1);
    let cut = good.rsplit_once('.').unwrap().0.to_owned();
    for token in [damaged, cut] {
        for (flag, variable) in [(Some(&token), None), (None, Some(&token))] {
            let flag = flag.map(|token| format!("--identity-token={token}"));
            let flags: Vec<&str> = flag.as_deref().into_iter().collect();
            let variables: Vec<_> = variable
                .map(|t| ("SIGSTORE_ID_TOKEN", t.as_str()))
                .into_iter()
                .collect();
            let run = without_token(&world, &flags, &variables).await;
            assert_eq!(run.code, 2, "{run:?}");
            for part in token.split(['.', ':']) {
                assert!(
                    !run.err.contains(part) && !run.out.contains(part),
                    "{run:?}"
                );
            }
        }
    }
}

/// Attack: `out_no_secrets`.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_the_environment_is_in_any_output_or_file() {
    let world = World::new().await;
    let home = world.file("home");
    std::fs::create_dir_all(home.join(".docker")).unwrap();
    let password = "registry-s3cret";
    let auth = STANDARD.encode(format!("robot:{password}"));
    let auths = format!(
        r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#,
        world.lab.registry()
    );
    std::fs::write(home.join(".docker/config.json"), auths).unwrap();
    let before = all_files(world.dir.path());
    let token = world.lab.email_token("dev@acme.test");
    let key_password = "key-s3cret";
    let prefix = world.file("k");
    let environment = [
        ("HOME", home.to_str().unwrap()),
        ("SIGSTORE_ID_TOKEN", token.as_str()),
        ("COSIGN_PASSWORD", key_password),
        ("PALISADE_LOG", "trace"),
    ];
    let image = world.image.as_str();
    let absent = format!("{}/acme/none:1", world.lab.registry());
    let key = format!("--key={}.key", prefix.display());
    let prefix = format!("--output-key-prefix={}", prefix.display());
    let bundle = format!("--bundle={}", world.file("out.json").display());
    let mut said = String::new();
    for (fault, args) in [
        (None, vec!["key", "generate", &prefix]),
        (None, vec!["image", image, &bundle]),
        (None, vec!["image", image, &key, "--format=json"]),
        (None, vec!["image", &absent]),
        (None, vec!["provenance", image]),
        (Some(Fault::Registry401), vec!["image", image]),
        (Some(Fault::Fulcio503), vec!["image", image]),
        (Some(Fault::SctNone), vec!["image", image]),
        (Some(Fault::Rekor503), vec!["image", image, &key]),
    ] {
        world.lab.set_faults(fault.as_slice());
        let mut all: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        if args[0] != "key" {
            all.extend(world.lab_flags(SigningConfigKind::V2));
        }
        let run = run(&all, &environment, &token).await;
        said += &run.out;
        said += &run.err;
    }
    for (path, content) in all_files(world.dir.path()) {
        if !before.contains_key(&path) {
            said += &String::from_utf8_lossy(&content);
        }
    }
    // The token's parts are looked for in all that is printed; files are told of here.
    let parts = token.split('.').map(str::to_owned);
    let secrets = [password.to_owned(), auth, key_password.to_owned()];
    for secret in parts.chain(secrets) {
        assert!(!said.contains(&secret), "`{secret}` shows");
    }
}

fn all_files(dir: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Attack: `oidc_ci_without_permission`.
#[tokio::test(flavor = "multi_thread")]
async fn no_token_names_each_place_and_what_ci_is_missing() {
    let world = World::new().await;
    let run = without_token(&world, &[], &[]).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("`--identity-token`: not given"), "{run:?}");
    let run = without_token(&world, &[], &[("GITHUB_ACTIONS", "true")]).await;
    assert!(run.err.contains("id-token: write"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_and_a_missing_file_are_no_token() {
    let world = World::new().await;
    let huge = world.write("huge", vec![b'a'; 10 << 20]);
    for path in [huge.to_str().unwrap(), "no-such-file"] {
        let flag = format!("--identity-token={path}");
        let run = without_token(&world, &[&flag], &[]).await;
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.contains("sign::token"), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_s_root_needs_leave_and_the_lab_s_own_services() {
    let world = World::new().await;
    let file = world.write("app.bin", b"x");
    let root = format!(
        "--trusted-root={}",
        world.file("trusted_root.json").display()
    );
    let out = format!("--bundle={}", world.file("out.json").display());
    let mut args = vec!["blob".to_owned(), file.display().to_string(), root, out];
    let first = run(&args, &[], "").await;
    assert_eq!(first.code, 2);
    assert!(first.err.contains("roots::lab") && first.err.contains("--allow-lab"));
    args.push("--allow-lab".to_owned());
    let second = run(&args, &[], "").await;
    assert_eq!(second.code, 2);
    assert!(second.err.contains("sign::lab_config"), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_for_each_file_names_the_file_and_asks_nobody() {
    let world = World::new().await;
    let garbage = world.write("garbage", b"\x00garbage");
    let garbage = garbage.to_str().unwrap();
    world.lab.clear_requests();
    for (flag, code) in [
        ("--trusted-root", "roots::root"),
        ("--signing-config", "sign::signing_config"),
    ] {
        let file = world.write("app.bin", b"x");
        let mut args = vec![
            "blob".to_owned(),
            file.display().to_string(),
            "--bundle=out.json".to_owned(),
            format!("{flag}={garbage}"),
        ];
        if flag == "--signing-config" {
            args.push(format!(
                "--trusted-root={}",
                world.file("trusted_root.json").display()
            ));
            args.push("--allow-lab".to_owned());
        }
        let run = run(&args, &[], "").await;
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.contains(code), "{run:?}");
    }
    let missing = blob(&world, &["--trusted-root=nowhere.json"]).await;
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(world.lab.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_or_shows_no_image_is_no_answer_and_a_bad_name_is_usage() {
    let world = World::new().await;
    let absent = format!("{}/acme/none:1", world.lab.registry());
    let run = world.sign(&["image", &absent]).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.err.contains("missing or not"), "{run:?}");
    world.lab.set_faults(&[Fault::Registry401]);
    let run = world.sign(&["image", &world.image]).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.err.contains("sign::registry"), "{run:?}");
    let run = world.sign(&["image", "Not An Image"]).await;
    assert_eq!(run.code, 2, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_written_to_is_refused_before_signing() {
    let world = World::new().await;
    world.lab.clear_requests();
    let file = world.write("app.bin", b"x");
    let out = format!("--bundle={}", world.file("no/such/out.json").display());
    let run = world.sign(&["blob", file.to_str().unwrap(), &out]).await;
    assert_eq!(run.code, 2, "{run:?}");
    let out = format!("--bundle={}", world.file("out.json").display());
    let run = world
        .sign(&["image", &world.image, &world.image, &out])
        .await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("sign::one_bundle"), "{run:?}");
    assert!(world.lab.requests().is_empty());
}
