//! Who verifies whose: every cell of the page, tried with the real programs. Each `yes` has a twin
//! that differs in the signer's name or key, and is refused.

use std::path::{Path, PathBuf};
use std::process::Output;

use palisade_lab::{GithubIdentity, SigningConfigKind};
use palisade_oci::{Client, ClientOptions};

use super::page::{Cell, Row, reasons, table};
use super::signing::{Kind, Signed, sign};
use super::stage::{Stage, keyless, san};
use super::verdicts::flat;
use super::verifiers::{Question, Signer, Verdict, Verifier};
use crate::peers;

const WRONG: &str = "https://github.com/evil/app/.github/workflows/release.yml@refs/heads/main";

/// A row of the page with what its signer made.
struct Played {
    row: Row,
    kind: Kind,
    stage: Stage,
    signed: Signed,
}

impl Played {
    fn name(&self) -> String {
        self.row.words.join(", signed by ")
    }

    /// The signer in the words that we and cosign share, or somebody else.
    fn who(&self, right: bool) -> Vec<String> {
        let key = if right { "cosign.pub" } else { "other.pub" };
        let name = if right { san() } else { WRONG.to_owned() };
        let words = if self.kind.keyed() {
            ["--key", key].to_vec()
        } else {
            keyless(&name).to_vec()
        };
        words.into_iter().map(str::to_owned).collect()
    }
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_page_with_rekor_v1_comes_out_as_written() {
    play("Rekor v1", SigningConfigKind::V1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_page_with_rekor_v2_comes_out_as_written() {
    play("Rekor v2", SigningConfigKind::V2).await;
}

async fn play(log: &str, services: SigningConfigKind) {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut played = Vec::new();
    for row in table("Who verifies whose", 2) {
        let Some(kind) = row.words[0].strip_suffix(log) else {
            continue;
        };
        let kind = Kind::named(kind.trim_end_matches([',', ' ']));
        let stage = Stage::new(services, true).await;
        let Some(signed) = sign(&stage, kind, row.words[1]) else {
            continue;
        };
        played.push(Played {
            row,
            kind,
            stage,
            signed,
        });
    }
    assert!(!played.is_empty() || peers::find("bin/cosign").is_none());
    for each in &mut played {
        unsigned(each, &mut wrong);
        registry(each, &mut wrong);
        each.signed.fetch(&each.stage).await;
    }
    bundles(&played, folder.path(), &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A signer that cannot sign says what the page says it says.
fn unsigned(played: &Played, wrong: &mut Vec<String>) {
    let cell = &played.row.cells["signs"];
    let verdict = match &played.signed {
        Signed::Not(said) => Err(said.clone()),
        Signed::Bundle(_) | Signed::Images(_) => Ok(()),
    };
    compare(&played.name(), "signs", cell, &verdict, wrong);
}

/// Programs that ask the registry themselves.
fn registry(played: &Played, wrong: &mut Vec<String>) {
    let cosign = Verifier::Cosign.find();
    let cosign = |signer: &[&str]| {
        let verdicts = images(&played.signed).map(|image| {
            let what = played.kind.cosign(image);
            played
                .stage
                .cosign_verify_as(cosign.as_deref().unwrap(), &what, signer)
        });
        all(verdicts)
    };
    let ours = |signer: &[&str]| {
        let verdicts = images(&played.signed)
            .map(|image| played.stage.verify_as(&played.kind.palisade(image), signer));
        all(verdicts)
    };
    let Signed::Images(_) = &played.signed else {
        return;
    };
    twice(played, "palisade", &ours, wrong);
    if Verifier::Cosign.find().is_some() {
        twice(played, "cosign", &cosign, wrong);
    }
}

/// The right signer as the page says, another one refused.
fn twice(
    played: &Played,
    program: &str,
    verify: &dyn Fn(&[&str]) -> Verdict,
    wrong: &mut Vec<String>,
) {
    let name = played.name();
    let (cell, verdict) = (&played.row.cells[program], verify(&strs(&played.who(true))));
    compare(&name, program, cell, &verdict, wrong);
    if verify(&strs(&played.who(false))).is_ok() {
        wrong.push(format!("{name}: {program} accepts another signer"));
    }
}

/// Programs that read a bundle from a file, and every program where there is nothing but a file.
fn bundles(played: &[Played], folder: &Path, wrong: &mut Vec<String>) {
    for played in played {
        if let Signed::Bundle(_) = &played.signed {
            let what = played.kind.palisade("blob");
            let ours = |signer: &[&str]| all([played.stage.verify_as(&what, signer)].into_iter());
            twice(played, "palisade", &ours, wrong);
            let other = played.stage.verify_as(
                &played.kind.palisade("other-blob"),
                &strs(&played.who(true)),
            );
            if other.status.success() {
                wrong.push(format!("{}: palisade accepts another file", played.name()));
            }
        }
    }
    for verifier in Verifier::ALL {
        let Some(program) = verifier.find() else {
            continue;
        };
        let mut asked: Vec<(&Played, bool)> = Vec::new();
        let mut questions = Vec::new();
        for played in played {
            let at_registry =
                verifier == Verifier::Cosign && matches!(played.signed, Signed::Images(_));
            if at_registry {
                continue;
            }
            let mut can = played.questions();
            can.retain(|(question, _)| verifier.can_be_asked(question));
            if can.is_empty() && played.row.cells[verifier.name()] != Cell::NotAsked {
                wrong.push(format!(
                    "{}: {} cannot be asked",
                    played.name(),
                    verifier.name()
                ));
            }
            for (question, right) in can {
                asked.push((played, right));
                questions.push(question);
            }
        }
        let verdicts = verifier.ask(&program, folder, &questions);
        for ((played, right), verdict) in asked.into_iter().zip(verdicts) {
            let (name, program) = (played.name(), verifier.name());
            if right {
                compare(&name, program, &played.row.cells[program], &verdict, wrong);
            } else if verdict.is_ok() {
                wrong.push(format!(
                    "{name}: {program} accepts another signer or artifact"
                ));
            }
        }
    }
}

impl Played {
    /// What is asked about each bundle, and whether it is true: that the signer signed the
    /// artifact, that another did, that the signer signed another artifact.
    fn questions(&self) -> Vec<(Question, bool)> {
        let file = |name: &str| self.stage.file(name);
        let signer = |right: bool| match (self.kind.keyed(), right) {
            (true, true) => Signer::Key(file("cosign.pub")),
            (true, false) => Signer::Key(file("other.pub")),
            (false, right) => Signer::Keyless {
                identity: if right { san() } else { WRONG.to_owned() },
                issuer: GithubIdentity::ISSUER.to_owned(),
            },
        };
        let bundles: Vec<(PathBuf, String)> = match &self.signed {
            Signed::Bundle(bundle) => {
                vec![(bundle.clone(), file("blob").display().to_string())]
            }
            Signed::Images(images) => images
                .iter()
                .filter_map(|image| {
                    let digest = image.name.split_once('@').unwrap().1;
                    Some((image.bundle.clone()?, digest.to_owned()))
                })
                .collect(),
            Signed::Not(_) => Vec::new(),
        };
        let ask = |(bundle, artifact): (PathBuf, String)| {
            let other = match artifact.strip_prefix("sha256:") {
                Some(hex) => format!("sha256:{}", hex.replace(char::is_numeric, "0")),
                None => file("other-blob").display().to_string(),
            };
            [(true, &artifact), (false, &artifact), (true, &other)].map(|(by, about)| {
                let question = Question {
                    bundle: bundle.clone(),
                    artifact: about.clone(),
                    signer: signer(by),
                    trusted_root: file("trusted_root.json"),
                    client_config: file("client.json"),
                };
                (question, by && *about == artifact)
            })
        };
        bundles.into_iter().flat_map(ask).collect()
    }
}

fn images(signed: &Signed) -> impl Iterator<Item = &str> {
    let images = match signed {
        Signed::Images(images) => images.as_slice(),
        Signed::Bundle(_) | Signed::Not(_) => &[],
    };
    images.iter().map(|image| image.name.as_str())
}

/// The first refusal, if there is one.
fn all(outputs: impl Iterator<Item = Output>) -> Verdict {
    let refusals = outputs.filter(|output| !output.status.success());
    let first = refusals.map(|output| peers::text(&output)).next();
    first.map_or(Ok(()), Err)
}

fn compare(name: &str, program: &str, cell: &Cell, verdict: &Verdict, wrong: &mut Vec<String>) {
    let reasons = reasons();
    let problem = match (cell, verdict) {
        (Cell::Yes, Ok(())) => return,
        (Cell::No(why), Err(said)) if flat(said).contains(&flat(reasons[why.as_str()])) => return,
        (Cell::No(_), Ok(())) => "it does now; the page says it does not".to_owned(),
        (Cell::NotAsked, Ok(())) => "it does, and the page says it cannot be asked".to_owned(),
        (_, Err(said)) => format!("the page says {cell:?}; it says {said}"),
    };
    wrong.push(format!("{name}: {program}: {problem}"));
}

/// Reads what is attached to each image, for the programs that take a bundle from a file.
impl Signed {
    async fn fetch(&mut self, stage: &Stage) {
        let Self::Images(images) = self else { return };
        let client = Client::new(ClientOptions::default());
        for (number, image) in images.iter_mut().enumerate() {
            let found = client.bundles(&image.name.parse().unwrap()).await.unwrap();
            let Some(bundle) = found.bundles.first() else {
                continue;
            };
            let path = stage.file(&format!("attached-{number}.json"));
            std::fs::write(&path, &bundle.bytes).unwrap();
            image.bundle = Some(path);
        }
    }
}
