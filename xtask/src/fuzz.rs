//! `cargo xtask fuzz`: the fuzz targets of `tests/fuzz`, for seconds or for hours.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use palisade_ui::{Printer, nearest};

use crate::error::Error;
use crate::{files, tool};

/// How long a failing input may take to be made smaller, in seconds.
const MINIMIZE: u32 = 30;

/// Run the fuzz targets: all of them one after the other, or one
///
/// What breaks a target is made smaller and put into `tests/fuzz/found/TARGET/`, where
/// `cargo test -p palisade-fuzz` runs it again, so that it fails until it is mended and stays
/// mended.
///
/// With cargo-fuzz every crate is compiled with coverage, those of others too, which finds more and
/// takes minutes to build. With `--quick` cargo alone compiles this workspace's crates so, and
/// takes the others as the last build left them. Both need a C++ compiler, and both run on stable
/// Rust.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target to run; all of them if none is named
    target: Option<String>,
    /// How long to run each target
    #[arg(long, value_name = "N", default_value_t = 120)]
    seconds: u32,
    /// Do without cargo-fuzz
    #[arg(long)]
    quick: bool,
}

impl Args {
    /// What CI runs.
    pub(crate) const CI: Self = Self {
        target: None,
        seconds: 2,
        quick: true,
    };
}

/// Runs the targets; fails when one found something.
pub(crate) fn run(args: &Args, printer: Printer) -> Result<(), Error> {
    let fuzzer = Fuzzer::new(args.quick)?;
    printer.note("building the fuzz targets");
    fuzzer.build()?;
    let targets = fuzzer.targets()?;
    let chosen = chosen(args.target.as_deref(), &targets)?;
    let mut found = Vec::new();
    for target in chosen {
        match fuzzer.fuzz(target, args.seconds)? {
            Ended::Nothing(runs) => printer.answer(&format!("{target:<16} {runs}")),
            Ended::Found(path) => {
                let path = path.strip_prefix(files::root()).unwrap_or(&path);
                printer.answer(&format!("{target:<16} FOUND {}", path.display()));
                found.push(target);
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::found(
        format!("an invariant does not hold: {}", found.join(", ")),
        "`cargo test -p palisade-fuzz` runs what was found again",
    ))
}

fn chosen<'a>(wanted: Option<&str>, targets: &'a [String]) -> Result<Vec<&'a str>, Error> {
    let all = || targets.iter().map(String::as_str);
    let Some(wanted) = wanted else {
        return Ok(all().collect());
    };
    if let Some(target) = all().find(|target| *target == wanted) {
        return Ok(vec![target]);
    }
    let help = match nearest(wanted, all()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the targets are {}", targets.join(", ")),
    };
    Err(Error::Usage {
        what: format!("there is no fuzz target `{wanted}`"),
        help: Some(help),
    })
}

/// How a target ended.
enum Ended {
    /// Nothing was found, in this many runs.
    Nothing(String),
    /// The input that broke it.
    Found(PathBuf),
}

/// The one binary of all targets, and where it works.
struct Fuzzer {
    quick: bool,
    /// `target/fuzz`: corpora, which grow from run to run, and what libFuzzer says.
    work: PathBuf,
}

impl Fuzzer {
    fn new(quick: bool) -> Result<Self, Error> {
        let binaries = files::binaries();
        let target = binaries.parent().unwrap_or(&binaries);
        let work = target.join("fuzz");
        files::create_dir(&work)?;
        if !quick && tool::stdout(&mut tool::cargo(["fuzz", "--version"])).is_err() {
            return Err(Error::undecided(
                "cargo-fuzz is not installed",
                "`cargo install cargo-fuzz --locked`; or `cargo xtask fuzz --quick`, which does without",
            ));
        }
        Ok(Self { quick, work })
    }

    fn build(&self) -> Result<(), Error> {
        if !self.quick {
            return tool::run(self.cargo_fuzz("build").arg("any"));
        }
        let mut build = tool::cargo(["build", "--quiet", "--package", "palisade-fuzz"]);
        build.args(["--features", "libfuzzer", "--bin", "any"]);
        let wrapper = files::root().join("tests/fuzz/instrument.sh");
        tool::run(build.env("RUSTC_WORKSPACE_WRAPPER", wrapper))
    }

    /// No sanitizer: there is no unsafe code of ours, and the flag for one is not stable.
    fn cargo_fuzz(&self, action: &str) -> Command {
        let mut command = tool::cargo(["fuzz", action, "--fuzz-dir", "tests/fuzz"]);
        command.args(["--sanitizer", "none", "--features", "libfuzzer"]);
        command.arg("--target-dir").arg(self.work.join("target"));
        command
    }

    /// The binary with these inputs and flags of libFuzzer.
    fn command(&self, target: Option<&str>, inputs: &[PathBuf], flags: &[OsString]) -> Command {
        let mut command = if self.quick {
            Command::new(files::binaries().join("any"))
        } else {
            let mut command = self.cargo_fuzz("run");
            command.arg("any");
            command
        };
        command.args(inputs);
        if !self.quick {
            command.arg("--");
        }
        command.args(flags).current_dir(files::root());
        command.env("PALISADE_FUZZ_TARGET", target.unwrap_or_default());
        command
    }

    /// The names of the targets. Writes the seeds of each.
    fn targets(&self) -> Result<Vec<String>, Error> {
        let seeds = self.work.join("seeds");
        files::remove_dir(&seeds)?;
        files::create_dir(&seeds)?;
        let mut command = self.command(None, &[], &["-runs=0".into()]);
        tool::stdout(command.env("PALISADE_FUZZ_SEEDS", &seeds))?;
        let names = entries(&seeds)?;
        let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        Ok(names.into_iter().filter_map(name).collect())
    }

    fn fuzz(&self, target: &str, seconds: u32) -> Result<Ended, Error> {
        let artifacts = self.work.join("artifacts").join(target);
        files::remove_dir(&artifacts)?;
        files::create_dir(&artifacts)?;
        let corpus = self.work.join("corpus").join(target);
        files::create_dir(&corpus)?;
        let found = files::root().join("tests/fuzz/found").join(target);
        let mut inputs = vec![corpus, self.work.join("seeds").join(target)];
        inputs.extend(found.is_dir().then(|| found.clone()));
        let flags = [
            format!("-max_total_time={seconds}").into(),
            "-timeout=20".into(),
            "-rss_limit_mb=2048".into(),
            // Else no input is longer than the longest seed.
            "-max_len=65536".into(),
            prefix("-artifact_prefix=", &artifacts.join("")),
        ];
        let log = self.work.join(format!("{target}.log"));
        let said = fs::File::create(&log).map_err(|source| files::failed("write", &log, source))?;
        let mut command = self.command(Some(target), &inputs, &flags);
        let mut child = tool::spawn(command.stdout(Stdio::null()).stderr(said))?;
        let status = tool::wait(&mut child, &command)?;
        if status.success() {
            return Ok(Ended::Nothing(runs(&log)));
        }
        match entries(&artifacts)?.pop() {
            Some(artifact) => self.keep(target, &artifact, &found).map(Ended::Found),
            None => Err(Error::undecided(
                format!("the target {target} ended with {status}, and without an input"),
                format!("`{}` says why", log.display()),
            )),
        }
    }

    /// Makes a failing input smaller and puts it among those that are run again.
    fn keep(&self, target: &str, artifact: &Path, found: &Path) -> Result<PathBuf, Error> {
        files::create_dir(found)?;
        let kept = found.join(artifact.file_name().unwrap_or_default());
        fs::copy(artifact, &kept).map_err(|source| files::failed("write", &kept, source))?;
        let flags = [
            "-minimize_crash=1".into(),
            format!("-max_total_time={MINIMIZE}").into(),
            prefix("-exact_artifact_path=", &kept),
        ];
        let mut command = self.command(Some(target), &[artifact.to_owned()], &flags);
        // However it ends: the whole input is there, and a smaller one takes its place.
        tool::output(&mut command)?;
        Ok(kept)
    }
}

fn prefix(flag: &str, path: &Path) -> OsString {
    let mut text = OsString::from(flag);
    text.push(path);
    text
}

/// What libFuzzer says at its end: `Done 228693 runs in 4 second(s)`.
fn runs(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Done "));
    last.unwrap_or("ended well").to_owned()
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| files::failed("read", folder, source);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_ui::{Exit, ExitWith as _};

    #[test]
    fn all_targets_run_unless_one_is_named_and_a_wrong_name_is_a_wrong_command_line() {
        let targets = ["bundle".to_owned(), "json".to_owned()];
        let names = |wanted| chosen(wanted, &targets).map_err(|error| error.exit());
        assert_eq!(names(None), Ok(vec!["bundle", "json"]));
        assert_eq!(names(Some("json")), Ok(vec!["json"]));
        assert_eq!(names(Some("jsom")), Err(Exit::Usage));
    }
}
