//! `cargo xtask demo`: the whole chain on a real image, with nothing but loopback.

mod image;
mod predicates;
mod story;

use std::path::{Path, PathBuf};

use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};
use palisade_types::PinnedRef;
use palisade_ui::Printer;

use self::story::{Said, Story};
use crate::error::Error;
use crate::{files, tool};

/// The workflow that signs decisions, beside the one that builds the image.
const GATE_WORKFLOW: &str = ".github/workflows/gate.yml";
/// The service the image is released to.
const SERVICE: &str = "srv-palisadedemo";
/// Its owner on the platform.
const OWNER: &str = "tea-palisadedemo";
/// The key the stand-in for the platform wants.
const RENDER_KEY: &str = "rnd_lab_key";

/// Run the whole chain on a real image: deny, evidence, allow, deploy, read back
///
/// Everything runs on loopback: the lab plays OIDC issuer, certificate authority, logs, timestamp
/// authority, registry and platform. Exits 0 only if every step came out as it has to.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask demo\n  cargo xtask demo --image oci:./layout\n  cargo xtask demo --image ghcr.io/acme/app:1.2.3"
)]
pub(crate) struct Args {
    /// Use this image instead: `oci:DIR` or a reference
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
}

/// What every chapter needs.
struct Stage {
    lab: Lab,
    folder: PathBuf,
    image: PinnedRef,
}

impl Stage {
    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// Tells the story; the first step that comes out otherwise ends it.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    tool::run(&mut tool::cargo([
        "build",
        "--quiet",
        "--workspace",
        "--bins",
    ]))?;
    tool::in_folder(async |folder| tell(args, printer, &folder).await)
}

async fn tell(args: &Args, printer: Printer, folder: &Path) -> Result<(), Error> {
    let mut story = Story::new(printer, files::binaries(), folder.to_owned());
    story.chapter("a private Sigstore, a registry and a platform start on loopback");
    let lab = start(folder).await?;
    story.tell(&format!(
        "lab at {}; its CA says it is NOT TRUSTED, and so does every command",
        lab.base()
    ));

    story.chapter("a real image is assembled and pushed by digest");
    let image = image::publish(args.image.as_deref(), &lab, folder, &story).await?;
    story.tell(&format!("pushed {image}"));
    let stage = Stage {
        lab,
        folder: folder.to_owned(),
        image,
    };
    write_policy(&stage)?;

    deny(&mut story, &stage).await?;
    sign(&mut story, &stage).await?;
    attest(&mut story, &stage).await?;
    allow(&mut story, &stage).await?;
    refuse(&mut story, &stage).await?;
    release(&mut story, &stage).await?;
    story.end("every step came out as stated");
    Ok(())
}

async fn start(folder: &Path) -> Result<Lab, Error> {
    let lab = Lab::start(Config::default()).await.map_err(|error| {
        Error::undecided(
            format!("the lab does not start: {error}"),
            "is loopback available?",
        )
    })?;
    lab.write_files(folder).map_err(|source| Error::File {
        action: "write",
        path: folder.to_owned(),
        source,
    })?;
    files::write(
        &folder.join("signing_config.json"),
        &lab.signing_config(SigningConfigKind::V2),
    )?;
    Ok(lab)
}

fn write_policy(stage: &Stage) -> Result<(), Error> {
    let policy = files::read(&files::root().join("policies/lab.toml"))?;
    files::write(&stage.folder.join("policy.toml"), &policy)
}

async fn deny(story: &mut Story, stage: &Stage) -> Result<(), Error> {
    story.chapter("the gate denies: there is no evidence yet");
    let said = gate(story, stage, &stage.image, &[], 1).await?;
    for missing in [
        "signature-present",
        "provenance-present",
        "sbom-present",
        "scan-present",
    ] {
        said.must_contain(missing)?;
    }
    Ok(())
}

async fn sign(story: &mut Story, stage: &Stage) -> Result<(), Error> {
    story.chapter("the release workflow signs the digest, keyless");
    let token = stage.lab.github_token(&GithubIdentity::default());
    files::write(&stage.folder.join("token"), &token)?;
    let image = stage.image.to_string();
    let mut args = vec!["sign", "image", &image];
    let services = services(stage, "token");
    args.extend(services.iter().map(String::as_str));
    story.palisade(&args, &[], 0).await.map(drop)
}

async fn attest(story: &mut Story, stage: &Stage) -> Result<(), Error> {
    story.chapter("it attests an SBOM made from the image, a scan report and SLSA provenance");
    let image = stage.image.to_string();
    let sbom = stage.file("sbom.cdx.json");
    story
        .palisade(&["sbom", &image, "-o", &sbom], &[], 0)
        .await?;
    story.tell("the scan report is a sample: palisade has no scanner yet, and nothing was scanned");
    files::write(&stage.folder.join("scan.json"), &predicates::scan())?;
    files::write(
        &stage.folder.join("provenance.json"),
        &predicates::provenance(&GithubIdentity::default()),
    )?;
    for (kind, file) in [
        ("cyclonedx", "sbom.cdx.json"),
        ("https://in-toto.io/attestation/vulns/v0.2", "scan.json"),
        ("slsaprovenance1", "provenance.json"),
    ] {
        let predicate = stage.file(file);
        let mut args = vec![
            "sign",
            "attest",
            &image,
            "--type",
            kind,
            "--predicate",
            &predicate,
        ];
        let services = services(stage, "token");
        args.extend(services.iter().map(String::as_str));
        story.palisade(&args, &[], 0).await?;
    }
    Ok(())
}

async fn allow(story: &mut Story, stage: &Stage) -> Result<(), Error> {
    story.chapter("the gate allows, and the gate workflow signs the decision");
    let workflow = GithubIdentity {
        workflow: GATE_WORKFLOW.to_owned(),
        ..GithubIdentity::default()
    };
    files::write(
        &stage.folder.join("gate-token"),
        &stage.lab.github_token(&workflow),
    )?;
    let token = stage.file("gate-token");
    let config = stage.file("signing_config.json");
    let vsa = stage.file("vsa.jsonl");
    let args = [
        "--identity-token",
        &token,
        "--signing-config",
        &config,
        "--vsa",
        &vsa,
    ];
    let said = gate(story, stage, &stage.image, &args, 0).await?;
    said.must_contain("allow")?;
    said.must_contain(&stage.image.digest().to_string())
}

async fn refuse(story: &mut Story, stage: &Stage) -> Result<(), Error> {
    story.chapter("the tag moves to other bytes: a deploy by tag is refused");
    let flipped = image::flip_one_byte(&stage.image).await?;
    let tagged = format!("{}:1.0", stage.image.repository());
    deploy(story, stage, &tagged, 2).await?;

    story.chapter("an image with one flipped byte is refused, by the gate and by the deploy step");
    gate(story, stage, &flipped, &[], 1).await?;
    let said = deploy(story, stage, &flipped.to_string(), 1).await?;
    said.must_contain(&flipped.digest().to_string())
}

async fn release(story: &mut Story, stage: &Stage) -> Result<(), Error> {
    story.chapter("the approved digest is released, polled until live, and read back");
    let said = deploy(story, stage, &stage.image.to_string(), 0).await?;
    said.must_contain(&stage.image.digest().to_string())?;
    let running = stage
        .lab
        .render()
        .image(SERVICE)
        .ok_or_else(|| Error::found("the platform runs nothing", "read the output above"))?;
    if running == stage.image.to_string() {
        story.tell(&format!("the platform itself says it runs {running}"));
        return Ok(());
    }
    Err(Error::found(
        format!("the platform runs {running}, not {}", stage.image),
        "read the output above",
    ))
}

async fn gate(
    story: &mut Story,
    stage: &Stage,
    image: &PinnedRef,
    more: &[&str],
    exit: i32,
) -> Result<Said, Error> {
    let (image, policy) = (image.to_string(), stage.file("policy.toml"));
    let mut args = vec!["gate", &image, "--policy", &policy, "--allow-lab"];
    args.extend(more);
    story.palisade(&args, &[], exit).await
}

async fn deploy(story: &mut Story, stage: &Stage, image: &str, exit: i32) -> Result<Said, Error> {
    let repository = stage.image.repository().to_string();
    stage
        .lab
        .render()
        .add_service(SERVICE, OWNER, &format!("{repository}:1.0"));
    let gate = GithubIdentity {
        workflow: GATE_WORKFLOW.to_owned(),
        ..GithubIdentity::default()
    };
    let (identity, vsa, root) = (
        gate.san(),
        stage.file("vsa.jsonl"),
        stage.file("trusted_root.json"),
    );
    let host = format!("{}/render", stage.lab.base());
    let args = [
        "deploy",
        "render",
        image,
        "--service",
        SERVICE,
        "--vsa",
        &vsa,
        "--certificate-identity",
        &identity,
        "--certificate-oidc-issuer",
        GithubIdentity::ISSUER,
        "--verifier-id",
        "https://palisade.dev/lab/gate",
        "--environment",
        "lab",
        "--policy",
        "palisade/lab",
        "--min-policy-version",
        "1",
        "--trusted-root",
        &root,
        "--allow-lab",
        "--poll-interval",
        "PT0.2S",
    ];
    story
        .palisade(
            &args,
            &[("RENDER_API_KEY", RENDER_KEY), ("RENDER_HOST", &host)],
            exit,
        )
        .await
}

fn services(stage: &Stage, token: &str) -> Vec<String> {
    [
        ("--identity-token", token),
        ("--signing-config", "signing_config.json"),
        ("--trusted-root", "trusted_root.json"),
    ]
    .into_iter()
    .flat_map(|(flag, file)| [flag.to_owned(), stage.file(file)])
    .chain(["--allow-lab".to_owned()])
    .collect()
}
