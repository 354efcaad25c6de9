//! `cargo xtask bench`: what palisade costs, beside cosign in the same run.
//!
//! Figures are CPU time of whole processes, the sum over many runs divided by their number, as
//! bash's `times` reports it. Nothing here passes or fails: tests do that.

use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};
use palisade_ui::Printer;

use crate::error::Error;
use crate::{files, tool};

/// Measure palisade-verify beside cosign: CPU time, requests, size
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --runs 50")]
pub(crate) struct Args {
    /// How often each command runs
    #[arg(long, default_value_t = 20)]
    runs: u32,
}

/// One measured command.
struct Row {
    what: &'static str,
    ours: f64,
    peer: Option<f64>,
    note: String,
}

/// Builds the release binary, measures, prints the table.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    let profile = ["build", "--quiet", "--profile", "dist", "-p"];
    tool::run(&mut tool::cargo(
        profile.into_iter().chain(["palisade-verify"]),
    ))?;
    tool::run(&mut tool::cargo([
        "build",
        "--quiet",
        "--workspace",
        "--bins",
    ]))?;
    tool::in_folder(async |folder| measure(args, printer, &folder).await)
}

async fn measure(args: &Args, printer: Printer, folder: &Path) -> Result<(), Error> {
    let bench = Bench::prepare(folder, args.runs).await?;
    let rows = [bench.start(), bench.blob(), bench.image()?];
    print(printer, &rows, &bench);
    Ok(())
}

struct Bench {
    lab: Lab,
    folder: PathBuf,
    ours: PathBuf,
    cosign: Option<PathBuf>,
    runs: u32,
    image: String,
    identity: Vec<String>,
}

impl Bench {
    async fn prepare(folder: &Path, runs: u32) -> Result<Self, Error> {
        let lab = Lab::start(Config::default())
            .await
            .map_err(|error| Error::undecided(error.to_string(), "is loopback available?"))?;
        lab.write_files(folder)
            .map_err(|source| files::failed("write", folder, source))?;
        let workflow = GithubIdentity::default();
        files::write(&folder.join("token"), &lab.github_token(&workflow))?;
        files::write(
            &folder.join("config.json"),
            &lab.signing_config(SigningConfigKind::V2),
        )?;
        files::write(&folder.join("blob"), "palisade\n")?;
        let image = lab.seed_image();
        let cosign = files::peers().join("bin/cosign");
        let identity = [
            ("--certificate-identity", workflow.san()),
            (
                "--certificate-oidc-issuer",
                GithubIdentity::ISSUER.to_owned(),
            ),
            (
                "--trusted-root",
                folder.join("trusted_root.json").display().to_string(),
            ),
        ];
        let bench = Self {
            lab,
            folder: folder.to_owned(),
            ours: files::binaries()?
                .with_file_name("dist")
                .join("palisade-verify"),
            cosign: cosign.is_file().then_some(cosign),
            runs,
            image,
            identity: identity
                .into_iter()
                .flat_map(|(flag, value)| [flag.to_owned(), value])
                .collect(),
        };
        bench.sign()?;
        Ok(bench)
    }

    /// Makes what is verified: one blob bundle, one image signature.
    fn sign(&self) -> Result<(), Error> {
        let sign = files::binaries()?.join("palisade-sign");
        for what in [
            vec!["blob", "blob", "--bundle", "blob.json"],
            vec!["image", &self.image],
        ] {
            let mut command = Command::new(&sign);
            command.args(what).args([
                "--identity-token",
                "token",
                "--signing-config",
                "config.json",
                "--trusted-root",
                "trusted_root.json",
                "--allow-lab",
            ]);
            command.current_dir(&self.folder);
            tokio::task::block_in_place(|| tool::stdout(&mut command))?;
        }
        Ok(())
    }

    fn start(&self) -> Row {
        Row {
            what: "start-up (`--version`)",
            ours: self.cpu(&self.ours, &["--version".to_owned()]),
            peer: self.peer(&["version".to_owned()]),
            note: String::new(),
        }
    }

    fn blob(&self) -> Row {
        let common = [
            "--bundle".to_owned(),
            "blob.json".to_owned(),
            "blob".to_owned(),
        ];
        let with = |first: &str| {
            [
                vec![first.to_owned()],
                self.identity.clone(),
                common.to_vec(),
            ]
            .concat()
        };
        let ours = [with("blob"), vec!["--allow-lab".to_owned()]].concat();
        Row {
            what: "offline keyless bundle",
            ours: self.cpu(&self.ours, &ours),
            peer: self.peer(&with("verify-blob")),
            note: String::new(),
        }
    }

    fn image(&self) -> Result<Row, Error> {
        let with = |first: &str| {
            [
                vec![first.to_owned()],
                self.identity.clone(),
                vec![self.image.clone()],
            ]
            .concat()
        };
        let ours = [with("image"), vec!["--allow-lab".to_owned()]].concat();
        let theirs = with("verify");
        let requests = |program: &Path, args: &[String]| -> Result<usize, Error> {
            self.lab.clear_requests();
            let mut command = Command::new(program);
            command
                .args(args)
                .current_dir(&self.folder)
                .env("HOME", &self.folder);
            tokio::task::block_in_place(|| tool::stdout(&mut command))?;
            Ok(self.lab.requests().len())
        };
        let own = requests(&self.ours, &ours)?;
        let peer = self
            .cosign
            .as_deref()
            .map(|cosign| requests(cosign, &theirs))
            .transpose()?;
        Ok(Row {
            what: "image by digest over loopback",
            ours: self.cpu(&self.ours, &ours),
            peer: self.peer(&theirs),
            note: match peer {
                Some(peer) => format!("{own} requests, cosign {peer}"),
                None => format!("{own} requests"),
            },
        })
    }

    fn peer(&self, args: &[String]) -> Option<f64> {
        self.cosign.as_deref().map(|cosign| self.cpu(cosign, args))
    }

    /// CPU milliseconds of one run, averaged.
    fn cpu(&self, program: &Path, args: &[String]) -> f64 {
        let script = "for _ in $(seq \"$RUNS\"); do \"$@\" >/dev/null 2>&1 || exit 9; done; times";
        let output = tokio::task::block_in_place(|| {
            Command::new("bash")
                .args(["-c", script, "bench"])
                .arg(program)
                .args(args)
                .env("RUNS", self.runs.to_string())
                .env("HOME", &self.folder)
                .current_dir(&self.folder)
                .output()
        });
        let Ok(output) = output else { return f64::NAN };
        let text = String::from_utf8_lossy(&output.stdout);
        children_seconds(&text).map_or(f64::NAN, |seconds| seconds * 1000.0 / f64::from(self.runs))
    }
}

/// The children's user and system seconds: the second line of `times`, as `0m0.123s 0m0.045s`.
fn children_seconds(times: &str) -> Option<f64> {
    let line = times.lines().nth(1)?;
    line.split_whitespace().map(seconds).sum()
}

fn seconds(field: &str) -> Option<f64> {
    let (minutes, seconds) = field.strip_suffix('s')?.split_once('m')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
}

fn print(printer: Printer, rows: &[Row], bench: &Bench) {
    printer.answer(&format!("CPU per run, mean of {} runs", bench.runs));
    printer.answer(&format!(
        "{:<32}{:>12}{:>12}{:>8}",
        "", "palisade", "cosign", "ratio"
    ));
    for row in rows {
        let (peer, ratio) = row
            .peer
            .map_or(("absent".to_owned(), String::new()), |peer| {
                (format!("{peer:.1} ms"), format!("{:.1}x", peer / row.ours))
            });
        let ours = format!("{:.1} ms", row.ours);
        printer.answer(&format!(
            "{:<32}{ours:>12}{peer:>12}{ratio:>8}  {}",
            row.what, row.note
        ));
    }
    let ours = megabytes(&bench.ours);
    let peer = bench
        .cosign
        .as_deref()
        .map_or("absent".to_owned(), megabytes);
    printer.answer(&format!("{:<32}{ours:>12}{peer:>12}", "size"));
    if bench.cosign.is_none() {
        printer.warn("SKIPPED: no cosign; run `cargo xtask peers`");
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a size for people, in tenths of a megabyte"
)]
fn megabytes(path: &Path) -> String {
    std::fs::metadata(path).map_or("absent".to_owned(), |file| {
        format!("{:.1} MB", file.len() as f64 / 1e6)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bash_times_are_read_and_garbage_is_not() {
        let close = |got: Option<f64>, want: f64| got.is_some_and(|got| (got - want).abs() < 1e-9);
        assert!(close(
            children_seconds("0m0.001s 0m0.002s\n1m2.500s 0m0.500s\n"),
            63.0
        ));
        assert_eq!(children_seconds("0m0.001s 0m0.002s\nx y\n"), None);
        assert_eq!(children_seconds(""), None);
    }
}
