//! The recorded bundles, asked of every verifier: where one answers otherwise than we do, the page
//! says so and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::page::{Cell, reasons, table};
use super::verifiers::{Question, Signer, Verdict, Verifier, palisade};

fn fixtures() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../fixtures/sigstore-faults")
        .canonicalize()
        .unwrap()
}

/// Every row of `expected.tsv` as a question, with its name.
fn questions(folder: &Path) -> Vec<(String, Question)> {
    let fixtures = fixtures();
    let table = std::fs::read_to_string(fixtures.join("expected.tsv")).unwrap();
    let question = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [file, root, artifact, identity, issuer, key, ..] = cells[..] else {
            panic!("{line}")
        };
        let trusted_root = fixtures.join(root);
        let question = Question {
            bundle: fixtures.join(file),
            artifact: if artifact.starts_with("sha256:") {
                artifact.to_owned()
            } else {
                fixtures.join(artifact).display().to_string()
            },
            signer: if key == "-" {
                Signer::Keyless {
                    identity: identity.to_owned(),
                    issuer: issuer.to_owned(),
                }
            } else {
                Signer::Key(fixtures.join(key))
            },
            client_config: client_config(folder, &trusted_root),
            trusted_root,
        };
        (file.to_owned(), question)
    };
    table.lines().skip(1).map(question).collect()
}

/// sigstore-python wants a trusted root inside of one file with a signing configuration.
fn client_config(folder: &Path, trusted_root: &Path) -> PathBuf {
    let read =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let config = serde_json::json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": read(trusted_root),
        "signingConfig": read(&fixtures().join("signing-config/signing_config_v2.json")),
    });
    let name = trusted_root.strip_prefix(fixtures()).unwrap();
    let name = name.display().to_string().replace('/', "-");
    let path = folder.join(name);
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// `accept` and `reject`, and which word of the page a refusal's text stands for.
fn cell(verdict: &Verdict, wanted: Option<&Cell>) -> Cell {
    let Err(said) = verdict else { return Cell::Yes };
    let said = flat(said);
    let reasons = reasons();
    match wanted {
        Some(Cell::No(why)) if why.is_empty() || said.contains(&flat(reasons[why.as_str()])) => {
            Cell::No(why.clone())
        }
        _ => Cell::No(said),
    }
}

/// Terminals break lines where they like.
pub(crate) fn flat(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

#[test]
fn every_verdict_that_differs_from_ours_is_on_the_page_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let (names, questions): (Vec<_>, Vec<_>) = questions(folder.path()).into_iter().unzip();
    assert!(questions.len() > 80, "only {}", questions.len());
    let ours: Vec<Verdict> = questions
        .iter()
        .map(|question| palisade(folder.path(), question))
        .collect();
    let page = table("Other verdicts", 2);
    let page: BTreeMap<&str, &BTreeMap<&str, Cell>> =
        page.iter().map(|row| (row.words[0], &row.cells)).collect();
    let mut wrong: Vec<String> = page
        .keys()
        .filter(|name| !names.iter().any(|known| known == *name))
        .map(|name| format!("{name} is no recorded bundle"))
        .collect();
    for (name, ours) in names.iter().zip(&ours) {
        let listed = page.get(name.as_str()).and_then(|row| row.get("palisade"));
        if listed.is_some_and(|cell| (*cell == Cell::Yes) != ours.is_ok()) {
            wrong.push(format!("{name}: palisade: {ours:?}"));
        }
    }
    for verifier in Verifier::ALL {
        let Some(program) = verifier.find() else {
            continue;
        };
        let asked = |question: &&Question| verifier.can_be_asked(question);
        let some: Vec<Question> = questions.iter().filter(asked).cloned().collect();
        let mut verdicts = verifier.ask(&program, folder.path(), &some).into_iter();
        for ((name, question), ours) in names.iter().zip(&questions).zip(&ours) {
            let listed = page.get(name.as_str()).map(|row| &row[verifier.name()]);
            let found = if verifier.can_be_asked(question) {
                let verdict = verdicts.next().unwrap();
                if listed.is_none() && verdict.is_ok() == ours.is_ok() {
                    continue;
                }
                cell(&verdict, listed)
            } else {
                Cell::NotAsked
            };
            if listed.is_some_and(|listed| *listed == found)
                || (listed.is_none() && found == Cell::NotAsked)
            {
                continue;
            }
            wrong.push(format!(
                "{name}: {}: the page says {listed:?}, and it says {found:?}; we say {ours:?}",
                verifier.name()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
