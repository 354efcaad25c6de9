//! Where the trust root comes from, how old it may be, and that nothing is asked without being told.

use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_lab::{Config, Fault, Lab};
use tempfile::TempDir;

use crate::program::{Run, SIGNER, fixture, verify};

/// A lab with its TUF repository, and a user's home.
struct World {
    lab: Lab,
    home: TempDir,
}

impl World {
    async fn new() -> Self {
        let lab = Lab::start(Config::default()).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        lab.write_files(home.path()).unwrap();
        Self { lab, home }
    }

    fn mirror(&self) -> Vec<String> {
        let root = self.home.path().join("root.json");
        vec![
            format!("--tuf-mirror={}/tuf", self.lab.base()),
            format!("--tuf-root={}", root.display()),
            "--allow-lab".to_owned(),
        ]
    }

    /// Asks who signed a recorded file, which nobody of the lab did: 1 is an answer.
    fn ask(&self, extra: &[&str]) -> Run {
        let args = self.arguments(extra);
        let output = self
            .command(env!("CARGO_BIN_EXE_palisade-verify"))
            .args(args)
            .output();
        run(output.unwrap())
    }

    fn arguments(&self, extra: &[&str]) -> Vec<String> {
        let fixed = [
            "blob",
            "blob.txt",
            "--bundle",
            "faults/v2-none.json",
            "--format",
            "json",
        ];
        let all = fixed.iter().chain(&SIGNER[..4]).chain(extra);
        let all = all.map(|arg| (*arg).to_owned());
        all.chain(self.mirror()).collect()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(fixture(""));
        command
    }
}

fn run(output: std::process::Output) -> Run {
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn later(hours: i64) -> String {
    let time = palisade_types::Timestamp::now() + palisade_types::SignedDuration::from_hours(hours);
    format!("--current-time={time}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_asked_once_a_day_and_the_answer_says_what_is_believed() {
    let world = World::new().await;
    let first = world.ask(&[]);
    assert_eq!(first.code, 1, "{first:?}");
    let root = &first.json()["trust_root"];
    assert_eq!(
        (&root["kind"], &root["version"]),
        (&"tuf".into(), &1.into())
    );
    assert!(root["source"].as_str().unwrap().contains(world.lab.base()));
    assert!(root["expires"].is_string() && root["fetched"].is_string());
    assert_eq!(
        (&root["stale"], &root["lab"]),
        (&false.into(), &true.into())
    );
    assert!(world.home.path().join(".cache/palisade/tuf").is_dir());
    world.lab.clear_requests();
    assert_eq!(world.ask(&[]).json()["trust_root"], *root);
    assert!(world.lab.requests().is_empty());
}

/// Attack: `cred_tuf_mirror`. Not even where a token lies ready in the environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_sent_no_token() {
    let world = World::new().await;
    let mut command = world.command(env!("CARGO_BIN_EXE_palisade-verify"));
    command.envs(["GITHUB_TOKEN", "GH_TOKEN"].map(|name| (name, "ghp_secret")));
    let asked = run(command.args(world.arguments(&[])).output().unwrap());
    assert_eq!(asked.code, 1, "{asked:?}");
    let requests = world.lab.requests();
    assert!(!requests.is_empty());
    assert!(requests.iter().all(|request| !request.authorized));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_s_repository_is_a_lab_too() {
    let world = World::new().await;
    let mut args = world.arguments(&[]);
    args.retain(|arg| arg != "--allow-lab");
    let program = env!("CARGO_BIN_EXE_palisade-verify");
    let refused = run(world.command(program).args(args).output().unwrap());
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("roots::lab"), "{}", refused.err);
}

/// Attack: `tuf_cdn_down`.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_down_is_no_answer_unless_the_cache_may_serve() {
    let world = World::new().await;
    world.lab.set_faults(&[Fault::Tuf503]);
    let cold = world.ask(&[]);
    assert_eq!(cold.code, 3, "{cold:?}");
    assert!(cold.err.contains("roots::unreachable"), "{}", cold.err);
    let never = world.ask(&["--offline"]);
    assert_eq!(never.code, 3, "{never:?}");
    assert!(never.err.contains("roots::not_cached"), "{}", never.err);
    world.lab.set_faults(&[]);
    assert_eq!(world.ask(&[]).code, 1);

    world.lab.set_faults(&[Fault::Tuf503]);
    let (day, year) = (later(26), later(9_000));
    assert_eq!(world.ask(&[&day]).code, 3);
    let mode = "--trust-mode=online-else-cached";
    let served = world.ask(&[&day, mode]);
    assert_eq!(served.code, 1, "{served:?}");
    assert_eq!(served.json()["trust_root"]["stale"], true);
    let talk = served.talk();
    assert!(
        talk.contains("cannot be asked") && talk.contains("26 hours old"),
        "{talk}"
    );
    // A time nobody can vouch for any more is no answer either.
    let expired = world.ask(&[&year, mode]);
    assert_eq!(expired.code, 3, "{expired:?}");
    assert!(expired.err.contains("roots::expired"), "{}", expired.err);
    // What is answered and is wrong is never an outage.
    world.lab.set_faults(&[Fault::TufRollback]);
    let attacked = world.ask(&[&day, mode]);
    assert_eq!(attacked.code, 3, "{attacked:?}");
    assert!(attacked.err.contains("roots::refused"), "{}", attacked.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_named_wrongly_is_a_wrong_command_line() {
    let world = World::new().await;
    let garbage = world.home.path().join("garbage");
    std::fs::write(&garbage, "{}").unwrap();
    let program = env!("CARGO_BIN_EXE_palisade-verify");
    let ask = |flags: &[&str]| {
        let fixed = ["blob", "blob.txt", "--bundle", "faults/v2-none.json"];
        let args = fixed.iter().chain(&SIGNER[..4]).chain(flags);
        run(world.command(program).args(args).output().unwrap())
    };
    let mirror = "--tuf-mirror=https://tuf.invalid";
    let garbage = format!("--tuf-root={}", garbage.display());
    for (flags, code) in [
        (&[mirror, "--tuf-root=nowhere"][..], "roots::file"),
        (&[mirror, &garbage], "roots::first_root"),
        (&["--tuf-mirror=http://tuf.invalid"], "roots::mirror"),
        (&[mirror, "--trust-mode=embedded"], "roots::embedded_mirror"),
        (&["--trust-mode=online", "--offline"], "roots::offline"),
        (&["--trusted-root=nowhere"], "roots::file"),
        (&["--trusted-root=blob.txt"], "roots::root"),
    ] {
        let said = ask(flags);
        assert_eq!(said.code, 2, "{flags:?}: {said:?}");
        assert!(
            said.err.contains(code) && said.err.contains("help:"),
            "{flags:?}: {}",
            said.err
        );
    }
    let homeless = verify(
        [
            "blob",
            "blob.txt",
            "--bundle",
            "faults/v2-none.json",
            mirror,
        ]
        .iter()
        .chain(&SIGNER[..4]),
    );
    assert_eq!(homeless.code, 2, "{homeless:?}");
    assert!(
        homeless.err.contains("roots::no_cache_folder"),
        "{}",
        homeless.err
    );
}

#[test]
fn the_embedded_root_says_its_age_then_warns_then_is_no_answer() {
    let ask = |time: &str| {
        let fixed = [
            "blob",
            "blob.txt",
            "--bundle",
            "faults/v2-none.json",
            "--current-time",
        ];
        verify(fixed.iter().chain(&[time]).chain(&SIGNER[..4]))
    };
    let fresh = ask("2026-11-24T00:00:00Z");
    assert!(fresh.out.contains("32 days old"), "{}", fresh.out);
    assert!(!fresh.err.contains("warning"), "{}", fresh.err);
    let old = ask("2027-03-01T00:00:00Z");
    assert_eq!(old.code, 1, "{old:?}");
    assert!(old.err.contains("129 days old"), "{}", old.err);
    let ended = ask("2027-05-01T00:00:00Z");
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.err.contains("roots::embedded_expired"),
        "{}",
        ended.err
    );
}

/// The ways to have a root without asking, and how each ends for the recorded file.
fn silent_ways(world: &World) -> Vec<(Vec<String>, i32)> {
    let fixed = ["blob", "blob.txt", "--bundle", "faults/v2-none.json"];
    let with = |flags: &[String]| {
        let fixed = fixed
            .iter()
            .chain(&SIGNER[..4])
            .map(|arg| (*arg).to_owned());
        fixed.chain(flags.iter().cloned()).collect()
    };
    let cached = [world.mirror(), vec!["--offline".to_owned()]].concat();
    let file = [
        "--trusted-root=trusted_root.json".to_owned(),
        "--offline".to_owned(),
    ];
    vec![
        (with(&file), 0),
        (with(&cached), 1),
        (with(&["--offline".to_owned()]), 1),
        (with(&[]), 1),
    ]
}

fn skipped(why: &str) {
    // The harness keeps what a passing test prints; the file itself is not kept.
    std::fs::write("/dev/stderr", format!("SKIPPED: {why}\n")).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_told_to_ask_it_works_where_there_is_no_network() {
    let flags = ["--map-root-user", "--net"];
    let probe = Command::new("unshare").args(flags).arg("true").status();
    if !probe.is_ok_and(|status| status.success()) {
        return skipped("no network namespaces (`unshare --map-root-user --net`)");
    }
    let world = World::new().await;
    assert_eq!(world.ask(&[]).code, 1, "fills the cache");
    let program = env!("CARGO_BIN_EXE_palisade-verify");
    let alone = |args: &[String]| {
        let mut command = world.command("/usr/bin/unshare");
        run(command
            .args(flags)
            .arg(program)
            .args(args)
            .output()
            .unwrap())
    };
    for (args, code) in silent_ways(&world) {
        let said = alone(&args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
    }
    // The twin shows that there is no network: what is old is asked for, and nobody is there.
    let online = world.arguments(&[&later(26)]);
    let said = alone(&online);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.err.contains("roots::unreachable"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_told_to_ask_it_opens_no_socket() {
    let Some(strace) = strace() else {
        return skipped("no `strace` that may trace");
    };
    let world = World::new().await;
    let trace = world.home.path().join("trace");
    let traced = |args: &[String]| {
        let mut command = world.command(strace.to_str().unwrap());
        command
            .args(["-f", "-e", "trace=%network", "-o"])
            .arg(&trace);
        command
            .arg(env!("CARGO_BIN_EXE_palisade-verify"))
            .args(args);
        let said = run(command.output().unwrap());
        (said, sockets(&trace))
    };
    // The twin comes first and shows that sockets are counted; it also fills the cache.
    let (said, calls) = traced(&world.arguments(&[]));
    assert!(said.code == 1 && !calls.is_empty(), "{said:?}");
    for (args, code) in silent_ways(&world) {
        let (said, calls) = traced(&args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert_eq!(calls, Vec::<String>::new(), "{args:?}");
    }
}

/// The calls about sockets in a trace, of whatever kind.
fn sockets(trace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(trace).unwrap();
    let calls = text.lines().filter(|line| line.contains('('));
    calls.map(str::to_owned).collect()
}

/// Where `strace` is, if it is here and may trace.
fn strace() -> Option<PathBuf> {
    let path = PathBuf::from("/usr/bin/strace");
    let probe = Command::new(&path)
        .args(["-o", "/dev/null", "true"])
        .status();
    probe.is_ok_and(|status| status.success()).then_some(path)
}
