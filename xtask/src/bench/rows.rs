//! What is measured: one row is one file, and one line here.

mod large_predicate;
mod many_referrers;
mod offline_bundle;
mod one_image;
mod start_up;
mod thousand_images;

use std::path::PathBuf;
use std::time::Duration;

use super::stage::{Peer, Stage};
use crate::error::Error;

/// Every row, in alphabetical order.
pub(super) const ROWS: &[Row] = &[
    one_image::BY_DIGEST,
    one_image::BY_TAG,
    one_image::CACHED,
    one_image::OFFLINE,
    large_predicate::ROW,
    many_referrers::ROW,
    offline_bundle::ROW,
    start_up::ROW,
    thousand_images::ROW,
];

/// One thing that is done by every contender.
pub(super) struct Row {
    /// What it is called on the command line.
    pub(super) name: &'static str,
    /// What is done, for people.
    pub(super) what: &'static str,
    /// What we want of ourselves.
    pub(super) targets: &'static [Target],
    /// How often it is done at most, by us and by each peer.
    pub(super) most_runs: (u32, u32),
    /// How long one run may take before it is stopped.
    pub(super) most_time: Duration,
    /// Whether each run has a home, and so a cache, of its own.
    pub(super) cold: bool,
    /// Puts what is needed on the stage and says what each contender runs, ours first.
    pub(super) prepare: fn(&Stage) -> Result<Vec<Contender>, Error>,
}

impl Row {
    /// A row of quick commands without targets.
    pub(super) const DEFAULT: Self = Self {
        name: "",
        what: "",
        targets: &[],
        most_runs: (u32::MAX, u32::MAX),
        most_time: Duration::from_mins(1),
        cold: true,
        prepare: |_| Ok(Vec::new()),
    };
}

/// A program and what it is told.
pub(super) struct Contender {
    /// `palisade`, or the peer's name.
    pub(super) name: &'static str,
    /// The program.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// What the uncounted first run leaves out, where the home is kept: that run fills the cache.
    pub(super) not_first: Option<&'static str>,
}

impl Contender {
    /// Our `palisade-verify`, told to believe the lab.
    pub(super) fn ours(stage: &Stage, args: &[&[String]]) -> Self {
        let lab = ["--allow-lab".to_owned()];
        Self {
            name: "palisade",
            program: stage.ours("palisade-verify"),
            args: [&args.concat()[..], &lab].concat(),
            not_first: None,
        }
    }

    /// A peer, if it is there.
    pub(super) fn peer(stage: &Stage, peer: Peer, args: &[&[String]]) -> Option<Self> {
        Some(Self {
            name: peer.place().0,
            program: stage.peer(peer)?,
            args: args.concat(),
            not_first: None,
        })
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// The median of user and system time, in seconds.
    Cpu,
    /// The largest resident set of any run, in bytes.
    Memory,
    /// The most requests of any run.
    Requests,
    /// The program's size, in bytes.
    Size,
    /// The median of the time from start to end, in seconds.
    Wall,
}

/// The most that we allow ourselves.
pub(super) struct Target {
    /// Of what.
    pub(super) metric: Metric,
    /// How much, in the metric's unit.
    pub(super) most: f64,
}

/// Ours, and the peers that are there.
fn with_peers<const N: usize>(ours: Contender, peers: [Option<Contender>; N]) -> Vec<Contender> {
    let peers = peers.into_iter().flatten();
    [ours].into_iter().chain(peers).collect()
}

/// Words as arguments.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
