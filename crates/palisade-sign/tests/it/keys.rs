//! Keys: cosign's files and ours are each other's, and what they sign verifies for that key alone.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_attest::Bundle;
use palisade_lab::SigningConfigKind;
use palisade_trust::{
    ExpectedKey, KeyProfile, PublicKey, verify_blob_with_key, verify_statement_with_key,
};
use palisade_types::{Digest, Timestamp};

use super::{Run, World, cosign, run};

const PASSWORD: &str = "correct horse";

/// Runs with the lab's services and a passphrase, and without any token.
async fn sign(world: &World, kind: SigningConfigKind, args: &[&str]) -> Run {
    let mut all: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    all.extend(world.lab_flags(kind));
    run(&all, &[("COSIGN_PASSWORD", PASSWORD)], PASSWORD).await
}

/// Makes a key with palisade and returns the prefix of its files.
async fn generated(world: &World, name: &str) -> PathBuf {
    let prefix = world.file(name);
    let flag = format!("--output-key-prefix={}", prefix.display());
    let args = ["key", "generate", &flag].map(str::to_owned);
    let run = run(&args, &[("COSIGN_PASSWORD", PASSWORD)], PASSWORD).await;
    assert_eq!(run.code, 0, "{run:?}");
    prefix
}

fn public(path: &Path) -> ExpectedKey {
    let pem = std::fs::read(path.with_extension("pub")).unwrap();
    ExpectedKey::new("test", PublicKey::from_pem(&pem).unwrap())
}

fn bundle(path: &Path) -> Bundle {
    Bundle::parse(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_signs_verifies_for_that_key_alone_through_each_log() {
    let world = World::new().await;
    let (key, other) = (generated(&world, "k").await, generated(&world, "o").await);
    let out = world.file("out.json");
    let flags = [
        format!("--key={}.key", key.display()),
        format!("--bundle={}", out.display()),
    ];
    for kind in [
        SigningConfigKind::V1,
        SigningConfigKind::V1NoTsa,
        SigningConfigKind::V2,
    ] {
        let args = ["image", &world.image, &flags[0], &flags[1]];
        let run = sign(&world, kind, &args).await;
        assert_eq!(run.code, 0, "{run:?}");
        assert!(!run.err.contains("certificate for"), "{run:?}");
        let bundle = bundle(&out);
        let verify = |key: &ExpectedKey| {
            let (root, now) = (world.root(), Timestamp::now());
            verify_statement_with_key(&bundle, &root, key, KeyProfile::Logged, now)
        };
        assert!(verify(&public(&key)).is_ok());
        assert!(verify(&public(&other)).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_log_nothing_is_entered_and_only_a_lenient_verifier_is_content() {
    let world = World::new().await;
    let key = generated(&world, "k").await;
    let file = world.write("app.bin", "the artifact");
    let out = world.file("out.json");
    let flags = [
        format!("--key={}.key", key.display()),
        format!("--bundle={}", out.display()),
    ];
    world.lab.clear_requests();
    let file = file.to_str().unwrap();
    let args = ["blob", file, &flags[0], &flags[1], "--tlog-upload=false"];
    let run = sign(&world, SigningConfigKind::V1NoTsa, &args).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(world.lab.requests().is_empty());
    let bundle = bundle(&out);
    let verify = |bytes: &[u8], profile| {
        let digest = Digest::sha256_of(bytes);
        let artifact = palisade_trust::Artifact::Digest(&digest);
        let (root, now) = (world.root(), Timestamp::now());
        verify_blob_with_key(&bundle, &root, &public(&key), artifact, profile, now)
    };
    assert!(verify(b"the artifact", KeyProfile::NoLog).is_ok());
    assert!(verify(b"the artifact", KeyProfile::Logged).is_err());
    assert!(verify(b"another", KeyProfile::NoLog).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_plain_key_signs_statements() {
    let world = World::new().await;
    let out = world.file("out.json");
    let out_flag = format!("--bundle={}", out.display());
    for (name, arguments) in KEYS {
        let key = made(&world, name, arguments);
        let flag = format!("--key={}", key.display());
        let args = [
            "image",
            &world.image,
            &flag,
            &out_flag,
            "--tlog-upload=false",
        ];
        let run = sign(&world, SigningConfigKind::V2, &args).await;
        assert_eq!(run.code, 0, "{name}: {run:?}");
        let (root, now) = (world.root(), Timestamp::now());
        let expected = public(&key);
        let bundle = bundle(&out);
        let verified = verify_statement_with_key(&bundle, &root, &expected, KeyProfile::NoLog, now);
        assert!(verified.is_ok(), "{name}: {verified:?}");
        let verified =
            verify_statement_with_key(&bundle, &root, &expected, KeyProfile::Logged, now);
        assert!(verified.is_err(), "{name}");
    }
}

/// Every kind of key, and how OpenSSL makes one.
const KEYS: [(&str, &str); 5] = [
    (
        "p256",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    ),
    (
        "p384",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    ),
    ("ed25519", "genpkey -algorithm ed25519"),
    (
        "rsa",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    ),
    ("sec1", "ecparam -name prime256v1 -genkey -noout"),
];

/// Has OpenSSL make a key, and writes its public half beside it.
fn made(world: &World, name: &str, arguments: &str) -> PathBuf {
    let key = world.file(name).with_extension("key");
    openssl(arguments, &["-out", key.to_str().unwrap()]);
    let public = key.with_extension("pub");
    let files = [
        "-in",
        key.to_str().unwrap(),
        "-out",
        public.to_str().unwrap(),
    ];
    openssl("pkey -pubout", &files);
    key
}

/// Attack: `key_types_rekor`, when signing: what a log takes is entered and verifies, and what it does not
/// take is refused before anything is asked.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_signs_files_and_statements_through_each_log_that_takes_it() {
    let world = World::new().await;
    let out = world.file("out.json");
    let out_flag = format!("--bundle={}", out.display());
    let content = b"the artifact";
    let file = world.write("app.bin", content);
    let file = file.to_str().unwrap();
    for (name, arguments) in KEYS {
        let key = made(&world, name, arguments);
        let flag = format!("--key={}", key.display());
        let expected = public(&key);
        for kind in [SigningConfigKind::V1, SigningConfigKind::V2] {
            let case = format!("{name} {}", kind.name());
            let profile = KeyProfile::Logged;
            let root = world.root();
            // Rekor knows files by a digest, and Ed25519 signs none; v2 knows statements so too.
            world.lab.clear_requests();
            let run = sign(&world, kind, &["blob", file, &flag, &out_flag]).await;
            if name == "ed25519" {
                assert_eq!(run.code, 2, "{case}: {run:?}");
                assert!(world.lab.requests().is_empty(), "{case}");
            } else {
                assert_eq!(run.code, 0, "{case}: {run:?}");
                let verify = |bytes: &[u8]| {
                    let now = Timestamp::now();
                    let artifact = palisade_trust::Artifact::Bytes(bytes);
                    verify_blob_with_key(&bundle(&out), &root, &expected, artifact, profile, now)
                };
                assert!(verify(content).is_ok(), "{case}: {:?}", verify(content));
                assert!(verify(b"another").is_err(), "{case}");
            }
            let args = ["image", &world.image, &flag, &out_flag];
            let run = sign(&world, kind, &args).await;
            if name == "ed25519" && kind == SigningConfigKind::V2 {
                assert_eq!(run.code, 2, "{case}: {run:?}");
            } else {
                assert_eq!(run.code, 0, "{case}: {run:?}");
                let (bundle, now) = (bundle(&out), Timestamp::now());
                let verified = verify_statement_with_key(&bundle, &root, &expected, profile, now);
                assert!(verified.is_ok(), "{case}: {verified:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_older_consumers_cannot_verify_by_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    let predicate = world.write("p.json", "{}");
    let predicate = format!("--predicate={}", predicate.display());
    let kind = "--type=https://acme.test/t/v1";
    for ((name, arguments), signs, attests) in [
        (KEYS[0], 0, 0),
        // What cosign 3.1 says of it: `unexpected algorithm: "sha384"`.
        (KEYS[1], 2, 2),
        (KEYS[2], 2, 0),
    ] {
        let key = format!("--key={}", made(&world, name, arguments).display());
        let image = ["image", &world.image, &key, "--legacy-tag"];
        let attest = [
            "attest",
            &world.image,
            &key,
            "--legacy-tag",
            &predicate,
            kind,
        ];
        for (args, code) in [(&image[..], signs), (&attest, attests)] {
            world.lab.clear_requests();
            let run = sign(&world, SigningConfigKind::V1, args).await;
            assert_eq!(run.code, code, "{name}: {run:?}");
            if code != 0 {
                assert!(run.err.contains("sign::legacy_key"), "{name}: {run:?}");
                assert!(world.lab.requests().is_empty(), "{name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ed25519_key_signs_a_file_without_a_log() {
    let world = World::new().await;
    let key = made(&world, "ed", "genpkey -algorithm ed25519");
    let out = world.file("out.json");
    let file = world.write("app.bin", "the artifact");
    let args = [
        "blob",
        file.to_str().unwrap(),
        &format!("--key={}", key.display()),
        &format!("--bundle={}", out.display()),
        "--tlog-upload=false",
    ];
    let run = sign(&world, SigningConfigKind::V1NoTsa, &args).await;
    assert_eq!(run.code, 0, "{run:?}");
    let verify = |bytes: &[u8]| {
        let artifact = palisade_trust::Artifact::Bytes(bytes);
        let (root, now, profile) = (world.root(), Timestamp::now(), KeyProfile::NoLog);
        verify_blob_with_key(&bundle(&out), &root, &public(&key), artifact, profile, now)
    };
    assert!(verify(b"the artifact").is_ok());
    assert!(verify(b"the artefact").is_err());
}

/// Attack: `key_parsing_paths`, of private keys: one key in each of its forms signs as the same signer, and
/// a form that is not read is refused.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_in_every_form_is_the_same_signer() {
    let world = World::new().await;
    let plain = made(&world, "plain", KEYS[0].1);
    let fingerprint = public(&plain).key().fingerprint().to_string();
    let plain = plain.to_str().unwrap();
    let sealed = "pkcs8 -topk8 -passout env:COSIGN_PASSWORD";
    let form = |name: &str, arguments: &str| {
        let path = world.file(name).with_extension("key");
        openssl(arguments, &["-in", plain, "-out", path.to_str().unwrap()]);
        path
    };
    let try_key = async |path: &Path, password: &str| {
        let mut args: Vec<String> = ["image", &world.image, "--no-upload", "--format=json"]
            .map(str::to_owned)
            .into();
        args.push(format!("--bundle={}", world.file("out.json").display()));
        args.push(format!("--key={}", path.display()));
        args.extend(world.lab_flags(SigningConfigKind::V1));
        run(&args, &[("COSIGN_PASSWORD", password)], "").await
    };
    for (name, arguments) in [
        ("pkcs8", "pkcs8 -topk8 -nocrypt".to_owned()),
        ("sec1", "ec".to_owned()),
        ("pbkdf2", format!("{sealed} -v2 aes-256-cbc")),
        (
            "sha512",
            format!("{sealed} -v2 aes-128-cbc -v2prf hmacWithSHA512"),
        ),
        ("scrypt", format!("{sealed} -scrypt")),
    ] {
        let path = form(name, &arguments);
        let run = try_key(&path, PASSWORD).await;
        assert_eq!(run.code, 0, "{name}: {run:?}");
        assert!(run.out.contains(&fingerprint), "{name}: {run:?}");
        if arguments.starts_with(sealed) {
            let run = try_key(&path, "wrong").await;
            assert_eq!(run.code, 2, "{name}: {run:?}");
            assert!(run.err.contains("does not open it"), "{name}: {run:?}");
        }
    }
    // Broken ciphers, and a cost that would keep this machine busy for minutes.
    let weak = form("weak", &format!("{sealed} -v2 des3"));
    let costly = form("costly", &format!("{sealed} -v2 aes-256-cbc -iter 1048576"));
    let text = std::fs::read_to_string(&costly).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = STANDARD.decode(body).unwrap();
    let rounds = [2, 3, 0x10, 0, 0];
    let at = der.windows(5).position(|window| window == rounds).unwrap();
    der[at + 2..at + 5].copy_from_slice(&[0x7f, 0xff, 0xff]);
    let body = STANDARD.encode(der);
    let label = "ENCRYPTED PRIVATE KEY";
    let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    std::fs::write(&costly, text).unwrap();
    // Ed448, which is signed with nowhere here.
    let other = made(&world, "other", "genpkey -algorithm ed448");
    for (path, why) in [
        (weak, "encrypted in a way that is not read"),
        (costly, "out of bounds"),
        (other, "no ECDSA P-256"),
    ] {
        let run = try_key(&path, PASSWORD).await;
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.contains(why), "{why}: {run:?}");
    }
}

fn openssl(arguments: &str, more: &[&str]) {
    let output = std::process::Command::new("openssl")
        .args(arguments.split(' '))
        .args(more)
        .env("COSIGN_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passphrase_none_and_damage_are_usage_and_ask_nobody() {
    let world = World::new().await;
    let key = generated(&world, "k").await;
    let key = key.with_extension("key");
    let flag = format!("--key={}", key.display());
    let args = ["image", world.image.as_str(), &flag];
    let mut all: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    all.extend(world.lab_flags(SigningConfigKind::V2));
    world.lab.clear_requests();
    let wrong = run(&all, &[("COSIGN_PASSWORD", "wrong")], "").await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(
        wrong.err.contains("the passphrase does not open it"),
        "{wrong:?}"
    );
    let none = run(&all, &[("CI", "true")], "").await;
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.err.contains("sign::passphrase"), "{none:?}");
    let text = std::fs::read_to_string(&key).unwrap();
    for damaged in [
        text.replace("SIGSTORE", "SIGSTOER"),
        text.lines().take(3).collect(),
        format!("{text}{text}"),
    ] {
        std::fs::write(&key, damaged).unwrap();
        let run = run(&all, &[("COSIGN_PASSWORD", PASSWORD)], PASSWORD).await;
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.err.contains("sign::key"), "{run:?}");
    }
    assert!(world.lab.requests().is_empty());
    // A passphrase from a file, whose line break does not count.
    std::fs::write(&key, text).unwrap();
    let file = world.write("passphrase", format!("{PASSWORD}\n"));
    all.push(format!("--passphrase-file={}", file.display()));
    let run = run(&all, &[("CI", "true")], PASSWORD).await;
    assert_eq!(run.code, 0, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_its_owner_s_to_read_and_never_written_over() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await;
    let key = generated(&world, "k").await;
    let path = key.with_extension("key");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&path).unwrap();
    let flag = format!("--output-key-prefix={}", key.display());
    let args = ["key", "generate", &flag].map(str::to_owned);
    let again = run(&args, &[("COSIGN_PASSWORD", PASSWORD)], PASSWORD).await;
    assert_eq!(again.code, 2, "{again:?}");
    assert!(again.err.contains("sign::key_exists"), "{again:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_log_cannot_take_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    let key = world.file("ed.key");
    openssl(
        "genpkey -algorithm ed25519",
        &["-out", key.to_str().unwrap()],
    );
    let flag = format!("--key={}", key.display());
    world.lab.clear_requests();
    let run = sign(
        &world,
        SigningConfigKind::V2,
        &["image", &world.image, &flag],
    )
    .await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("the log takes no key"), "{run:?}");
    assert!(world.lab.requests().is_empty());
}

/// Runs cosign, with the passphrase of every key here.
fn run_cosign(world: &World, args: &[&str]) -> Result<(), String> {
    let output = std::process::Command::new(cosign::cosign().unwrap())
        .args(args)
        .current_dir(world.dir.path())
        .env_clear()
        .env("HOME", world.dir.path())
        .env("COSIGN_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_signs_with_our_key_and_verifies_what_we_sign_with_its_own() {
    if cosign::cosign().is_none() {
        return;
    }
    let world = World::new().await;
    let root = format!(
        "--trusted-root={}",
        world.file("trusted_root.json").display()
    );
    let file = world.write("app.bin", "the artifact");
    let other = world.write("other.bin", "another artifact");
    let (file, other) = (file.to_str().unwrap(), other.to_str().unwrap());
    // Its key, our signature, its verdict.
    run_cosign(&world, &["generate-key-pair"]).unwrap();
    let key = format!("--key={}", world.file("cosign.key").display());
    let out = format!("--bundle={}", world.file("out.json").display());
    for kind in [SigningConfigKind::V1, SigningConfigKind::V2] {
        let run = sign(&world, kind, &["blob", file, &key, &out]).await;
        assert_eq!(run.code, 0, "{run:?}");
        let verify = |file: &str| {
            let args = ["verify-blob", "--key=cosign.pub", &root, &out, file];
            run_cosign(&world, &args)
        };
        assert_eq!(verify(file), Ok(()), "{kind:?}");
        assert!(verify(other).is_err());
        let run = sign(&world, kind, &["image", &world.image, &key]).await;
        assert_eq!(run.code, 0, "{run:?}");
        let verify = |key: &str| run_cosign(&world, &["verify", key, &root, &world.image]);
        assert_eq!(verify("--key=cosign.pub"), Ok(()), "{kind:?}");
    }
    // A signature in the older tag, by its key.
    let args = ["image", &world.image, &key, "--legacy-tag"];
    let run = sign(&world, SigningConfigKind::V1, &args).await;
    assert_eq!(run.code, 0, "{run:?}");
    let old = "--new-bundle-format=false";
    let verify = ["verify", old, "--key=cosign.pub", &root, &world.image];
    assert_eq!(run_cosign(&world, &verify), Ok(()));
    // A file by an Ed25519 key.
    let ed = made(&world, "ed", KEYS[2].1);
    let key = format!("--key={}", ed.display());
    let args = ["blob", file, &key, &out, "--tlog-upload=false"];
    let run = sign(&world, SigningConfigKind::V1, &args).await;
    assert_eq!(run.code, 0, "{run:?}");
    let verify = |file: &str| {
        let (key, log) = ("--key=ed.pub", "--insecure-ignore-tlog");
        run_cosign(&world, &["verify-blob", key, log, &root, &out, file])
    };
    assert_eq!(verify(file), Ok(()));
    assert!(verify(other).is_err());
    // Our key, its signature, our verdict.
    let own = generated(&world, "own").await;
    let config = world.file("signing_config_v2.json");
    let config = format!("--signing-config={}", config.display());
    let args = [
        "sign-blob",
        "--key=own.key",
        "-y",
        &config,
        &root,
        &out,
        file,
    ];
    assert_eq!(run_cosign(&world, &args), Ok(()));
    let bundle = bundle(&world.file("out.json"));
    let digest = Digest::sha256_of(b"the artifact");
    let artifact = palisade_trust::Artifact::Digest(&digest);
    let (root, now, profile) = (world.root(), Timestamp::now(), KeyProfile::Logged);
    let verified = verify_blob_with_key(&bundle, &root, &public(&own), artifact, profile, now);
    assert!(verified.is_ok(), "{verified:?}");
}
