//! Every recorded bundle, by path and by digest.

use palisade_types::Digest;

use crate::program::{conformance, fixture};

/// Bundles that are good and refused, and why.
const REFUSED: &[(&str, &str)] = &[
    (
        "cross/js-dsse-v2.json",
        "`dsse` 0.0.2 is dead: no log takes it any more",
    ),
    (
        "keyed/image-attest-p256-notlog.json",
        "the protocol has no word for a key without a log",
    ),
    ("keyed/image-sign-p256-notlog.json", "as above"),
    ("keyed/sign-ed25519-notlog.json", "as above"),
];

/// Signatures over a longer digest than the protocol can name.
const NOT_BY_DIGEST: &[&str] = &["keyed/sign-p384-rekor2.json", "keyed/sign-p521-rekor2.json"];

#[test]
fn every_recorded_bundle_gets_its_verdict_by_path_and_by_digest() {
    let table = std::fs::read_to_string(fixture("expected.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut judged = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [file, root, artifact, identity, issuer, key, _, expect, ..] = cells[..] else {
            panic!("{line}")
        };
        let good = expect == "accept" && !REFUSED.iter().any(|(name, _)| *name == file);
        let signer = if key == "-" {
            [
                "--certificate-identity",
                identity,
                "--certificate-oidc-issuer",
                issuer,
            ]
            .to_vec()
        } else {
            ["--key", key].to_vec()
        };
        let mut artifacts = vec![(artifact.to_owned(), good)];
        if !artifact.starts_with("sha256:") {
            let digest = Digest::sha256_of(&std::fs::read(fixture(artifact)).unwrap());
            artifacts.push((digest.to_string(), good && !NOT_BY_DIGEST.contains(&file)));
        }
        for (artifact, good) in artifacts {
            let head = ["verify-bundle", "--bundle", file];
            let tail = ["--trusted-root", root, &artifact];
            let (code, said) = conformance(&[&head[..], &signer, &tail].concat());
            judged += 1;
            if code != i32::from(!good) {
                wrong.push(format!("{file} {artifact}: {code}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged > 160, "only {judged} were judged");
}

const GOOD: [&str; 7] = [
    "verify-bundle",
    "--bundle",
    "faults/v2-none.json",
    "--certificate-identity",
    "dev@siglab.test",
    "--certificate-oidc-issuer",
    "http://localhost:18500",
];

#[test]
fn what_is_about_nothing_or_by_nobody_is_refused() {
    let root = ["--trusted-root", "trusted_root.json"];
    let with = |head: &[&str], artifact: &str| conformance(&[head, &root, &[artifact]].concat()).0;
    assert_eq!(with(&GOOD, "blob.txt"), 0);
    // Not a digest, and no such file.
    assert_eq!(with(&GOOD, "sha256:00"), 2);
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(with(&GOOD, &other), 1);
    // The public root does not know the lab's authorities.
    assert_eq!(conformance(&[&GOOD[..], &["blob.txt"]].concat()).0, 1);
    let staging = [
        &["verify-bundle", "--staging"][..],
        &GOOD[1..],
        &["blob.txt"],
    ]
    .concat();
    assert_eq!(conformance(&staging).0, 1);
    assert_eq!(with(&GOOD[..5], "blob.txt"), 2);
    assert_eq!(with(&GOOD[..3], "blob.txt"), 2);
}
