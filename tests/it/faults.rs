//! Every command given bad input: an error that names the thing and what to do, the right exit
//! code, and nothing half-written.

use std::path::Path;
use std::process::Command;

use palisade_lab::{Config, GithubIdentity, Lab};

use crate::{binaries, peers};

/// A digest that no registry has.
const NOWHERE: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

struct Case {
    /// What is wrong, for the failure message.
    what: String,
    args: Vec<String>,
    exit: i32,
    /// What the message has to name.
    names: String,
}

fn case(what: &str, args: &str, exit: i32, names: &str) -> Case {
    let args = args.split_whitespace().map(str::to_owned).collect();
    Case {
        what: what.to_owned(),
        args,
        exit,
        names: names.to_owned(),
    }
}

/// A folder with files that are wrong in one way each, beside good ones.
async fn stage() -> (Lab, tempfile::TempDir) {
    let lab = Lab::start(Config::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    lab.write_files(folder.path()).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write(
        "token",
        lab.github_token(&GithubIdentity::default()).as_bytes(),
    );
    write("garbage", b"\x00\xff{]");
    write("huge", &vec![b'x'; 10 << 20]);
    write(
        "huge.json",
        format!("{{\"a\":\"{}\"}}", "x".repeat(10 << 20)).as_bytes(),
    );
    write("predicate.json", b"{}");
    write("blob", b"palisade\n");
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/lab.toml");
    std::fs::copy(policy, folder.path().join("policy.toml")).unwrap();
    (lab, folder)
}

/// Runs the cases and panics with all that came out otherwise.
fn check(folder: &Path, cases: &[Case]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| run(folder, case).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn run(folder: &Path, case: &Case) -> Result<(), String> {
    let before = listing(folder);
    let args: Vec<&str> = case.args.iter().map(String::as_str).collect();
    let output = Command::new(binaries::folder().join("palisade"))
        .args(&args)
        .env_clear()
        .env("HOME", folder)
        .env("PALISADE_CACHE", "off")
        .env("RENDER_API_KEY", "rnd_test")
        .current_dir(folder)
        .output()
        .unwrap();
    let text = peers::text(&output);
    // Long lines are broken to fit a terminal; a name may be, too.
    let flat: String = text.split([' ', '\n', '│']).collect();
    let problem = if output.status.code() != Some(case.exit) {
        format!("wanted exit code {}", case.exit)
    } else if !flat.contains(&case.names.replace(' ', "")) {
        format!("does not name `{}`", case.names)
    } else if listing(folder) != before {
        "left something behind".to_owned()
    } else {
        return Ok(());
    };
    Err(format!(
        "{}: {problem}: {}\n{text}",
        case.what,
        case.args.join(" ")
    ))
}

fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What is wrong | the command | its exit code | what the message names.
const BAD_INPUT: &str = "\
a word that is no command | veryfi | 2 | verify
garbage for a reference | verify image :::: WHO ROOT | 2 | ::::
a missing bundle | verify blob blob --bundle nope WHO ROOT | 2 | nope
garbage for a bundle | verify blob blob --bundle garbage WHO ROOT | 1 | garbage
garbage for a root | verify image IMAGE WHO --trusted-root garbage | 2 | garbage
a missing root | verify image IMAGE WHO --trusted-root nope | 2 | nope
a lab root unasked | verify image IMAGE WHO --trusted-root trusted_root.json | 2 | --allow-lab
no registry | verify image NOWHERE WHO ROOT | 3 | localhost:1
no such image | sbom GONE | 3 | missing or not allowed
garbage for a token | sign blob blob OUT --identity-token garbage SIGN | 2 | token
10 MB for a token | sign blob blob OUT --identity-token huge SIGN | 2 | token
10 MB of JSON for a token | sign blob blob OUT --identity-token huge.json SIGN | 2 | token
no token at all | sign blob blob OUT SIGN | 2 | --oidc-flow browser
a missing blob | sign blob nope OUT --identity-token token SIGN | 2 | nope
garbage for a configuration | sign blob blob OUT --identity-token token ROOT --signing-config garbage | 2 | garbage
garbage for a predicate | sign attest IMAGE --predicate garbage --type vuln --identity-token token SIGN | 2 | garbage
no policy | gate IMAGE --policy nope --allow-lab | 2 | nope
garbage for a policy | gate IMAGE --policy garbage --allow-lab | 2 | garbage
a lab's root in a policy, unasked | gate IMAGE --policy policy.toml | 2 | --allow-lab
no registry for the gate | gate NOWHERE --policy policy.toml --allow-lab | 3 | localhost:1
garbage for a source | sbom :::: | 2 | ::::
a missing layout | sbom oci:nope | 2 | nope
a deploy by tag | deploy render TAG --vsa garbage TO WHO ROOT | 2 | digest
garbage for a decision | deploy render IMAGE --vsa garbage TO WHO ROOT | 1 | garbage
a missing decision | deploy render IMAGE --vsa nope TO WHO ROOT | 2 | nope
";

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_and_has_its_exit_code() {
    let (lab, folder) = stage().await;
    let words = [
        ("IMAGE", lab.seed_image()),
        ("TAG", format!("{}/acme/app:1.0", lab.registry())),
        ("GONE", format!("{}/acme/app@{NOWHERE}", lab.registry())),
        ("NOWHERE", format!("localhost:1/acme/app@{NOWHERE}")),
        ("OUT", "--bundle out.json".to_owned()),
        (
            "SIGN",
            "ROOT --signing-config signing_config_v2.json".to_owned(),
        ),
        (
            "ROOT",
            "--trusted-root trusted_root.json --allow-lab".to_owned(),
        ),
        (
            "WHO",
            "--certificate-identity a@b.test --certificate-oidc-issuer https://i.test".to_owned(),
        ),
        (
            "TO",
            "--service srv-1 --verifier-id https://v.test --environment lab --policy p \
             --min-policy-version 1"
                .to_owned(),
        ),
    ];
    let read = |line: &str| {
        let [what, args, exit, names] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("four columns: {line}")
        };
        let replace = |text: String, (word, value): &(&str, String)| {
            let words = text
                .split(' ')
                .map(|w| if w == *word { value.as_str() } else { w });
            words.collect::<Vec<_>>().join(" ")
        };
        let args = words.iter().fold(args.to_owned(), replace);
        case(what, &args, exit.parse().unwrap(), names)
    };
    let cases: Vec<Case> = BAD_INPUT.lines().map(read).collect();
    check(folder.path(), &cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_misbehaves_is_could_not_decide_and_never_unsigned() {
    let (lab, folder) = stage().await;
    let image = lab.seed_image();
    let tag = format!("{}/acme/app:1.0", lab.registry());
    let root = "--trusted-root trusted_root.json --allow-lab";
    let who = "--certificate-identity a@b.test --certificate-oidc-issuer https://i.test";
    let verify = format!("verify image {image} {who} {root}");
    check(
        folder.path(),
        &[case("no fault", &verify, 1, "no signature")],
    );
    for fault in [
        "registry-403-referrers",
        "registry-429-referrers",
        "registry-500",
        "registry-401",
    ] {
        lab.set_faults_text(fault).unwrap();
        check(
            folder.path(),
            &[case(fault, &verify, 3, "it is not known whether")],
        );
    }
    lab.set_faults_text("").unwrap();
    let token = "--identity-token token --signing-config signing_config_v2.json";
    let sign = format!("sign image {image} {token} {root}");
    check(
        folder.path(),
        &[
            case("no fault", &sign, 0, "attached"),
            case("no fault", &verify, 1, "wanted"),
        ],
    );
    lab.set_faults_text("registry-wrong-blob").unwrap();
    check(
        folder.path(),
        &[case(
            "a damaged signature",
            &verify,
            3,
            "it is not known whether",
        )],
    );
    let sbom = format!("sbom {tag}");
    let gate = format!("gate {tag} --policy policy.toml --allow-lab");
    lab.set_faults_text("registry-wrong-bytes").unwrap();
    check(
        folder.path(),
        &[
            case("bytes", &sbom, 3, "the bytes hash to"),
            case("bytes", &gate, 3, "the bytes hash to"),
        ],
    );
    lab.set_faults_text("registry-cut").unwrap();
    check(
        folder.path(),
        &[
            case("cut", &sbom, 3, "acme/app"),
            case("cut", &gate, 3, "acme/app"),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named_with_the_registry_s_own_words() {
    let auth = Some(("dev".to_owned(), "right".to_owned()));
    for token_auth in [false, true] {
        let lab = Lab::start(Config {
            registry_auth: auth.clone(),
            token_auth,
            ..Config::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let image = lab.seed_image();
        let login = |password: &str| {
            let docker = folder.path().join(".docker");
            std::fs::create_dir_all(&docker).unwrap();
            let config = serde_json::json!({
                "auths": {lab.registry(): {"username": "dev", "password": password}},
            });
            std::fs::write(docker.join("config.json"), config.to_string()).unwrap();
        };
        login("wrong");
        let args = format!("sbom {image} -q");
        check(
            folder.path(),
            &[case("a wrong password", &args, 3, "denied")],
        );
        login("right");
        check(
            folder.path(),
            &[case("the right password", &args, 0, "CycloneDX")],
        );
    }
}
