//! What was measured, told to people and to programs.

use palisade_ui::Printer;
use serde::Serialize;

use super::launch::{Cost, launch};
use super::rows::{Contender, Metric, Row, Target};
use super::stage::Stage;
use crate::error::Error;
use crate::files;

/// The most of a failed command's words that are shown.
const SAID: usize = 300;

/// One row, measured.
pub(super) struct Measured {
    row: &'static Row,
    /// Ours first. Empty with a reason when nothing could be prepared.
    contenders: Vec<Runs>,
    /// Why there is nothing.
    unprepared: Option<String>,
}

/// All runs of one contender.
struct Runs {
    name: &'static str,
    size: Option<f64>,
    costs: Vec<(Cost, usize)>,
    /// How a run ended that did not end well; no more were made.
    failed: Option<String>,
}

impl Measured {
    /// Prepares a row and lets its contenders take turns. What they cannot do is part of the
    /// answer; only what keeps us from measuring is an error.
    pub(super) fn of(row: &'static Row, stage: &Stage, runs: u32) -> Result<Self, Error> {
        let mut measured = Self {
            row,
            contenders: Vec::new(),
            unprepared: None,
        };
        let contenders = match (row.prepare)(stage) {
            Ok(contenders) => contenders,
            Err(error) => {
                let said = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
                    error.source()
                });
                measured.unprepared =
                    Some(said.map(ToString::to_string).collect::<Vec<_>>().join(": "));
                return Ok(measured);
            }
        };
        measured.contenders = contenders.iter().map(Runs::new).collect();
        // Where the home is kept, the run that fills the cache comes on top.
        let filling = u32::from(!row.cold);
        for round in 0..runs.saturating_add(filling) {
            for (index, contender) in contenders.iter().enumerate() {
                let (ours, peers) = row.most_runs;
                let most = if index == 0 { ours } else { peers };
                let most = most.saturating_add(filling);
                let runs = &mut measured.contenders[index];
                if round < most && runs.failed.is_none() {
                    runs.again(row, stage, contender, round)?;
                }
            }
        }
        Ok(measured)
    }

    /// The targets that are missed, for people.
    pub(super) fn missed(&self) -> impl Iterator<Item = String> {
        let missed = self.row.targets.iter().filter(|target| !self.meets(target));
        missed.map(|target| format!("{} {}", self.row.name, self.told(target)))
    }

    fn meets(&self, target: &Target) -> bool {
        // Not measured is not met.
        self.ours(target.metric)
            .is_some_and(|found| found <= target.most)
    }

    fn ours(&self, metric: Metric) -> Option<f64> {
        self.contenders.first()?.value(metric)
    }

    fn told(&self, target: &Target) -> String {
        let unit = |value| shown(target.metric, value);
        let found = self
            .ours(target.metric)
            .map_or("not measured".to_owned(), unit);
        format!("{} ≤ {}: {found}", word(target.metric), unit(target.most))
    }
}

impl Runs {
    fn new(contender: &Contender) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a program is below 2^53 bytes")]
        let size = |file: std::fs::Metadata| file.len() as f64;
        Self {
            name: contender.name,
            size: std::fs::metadata(&contender.program).ok().map(size),
            costs: Vec::new(),
            failed: None,
        }
    }

    fn again(
        &mut self,
        row: &Row,
        stage: &Stage,
        contender: &Contender,
        round: u32,
    ) -> Result<(), Error> {
        let turn = if row.cold { round } else { 0 };
        let home = stage
            .folder
            .join(format!("homes/{}-{}-{turn}", row.name, self.name));
        files::create_dir(&home)?;
        let first = !row.cold && round == 0;
        let left_out = contender.not_first.filter(|_| first);
        let said = contender.args.iter().cloned();
        let said = said.filter(|arg| Some(arg.as_str()) != left_out);
        let argv: Vec<String> = [contender.program.display().to_string()]
            .into_iter()
            .chain(said)
            .collect();
        stage.lab.clear_requests();
        let cost = launch(&argv, &stage.folder, &home, row.most_time)?;
        if cost.stopped {
            self.failed = Some(format!("stopped after {} s", row.most_time.as_secs()));
        } else if cost.code != 0 {
            let said = files::read_if_text(&stage.folder.join("said"))?;
            let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let said: String = said.chars().take(SAID).collect();
            self.failed = Some(format!("exit code {}: {said}", cost.code));
        } else if !first {
            // Where the home is kept, its first run fills the cache and does not count.
            self.costs.push((cost, stage.lab.requests().len()));
        }
        Ok(())
    }

    /// The figure a target is held against; nothing when a run failed or none was made.
    fn value(&self, metric: Metric) -> Option<f64> {
        if self.failed.is_some() || self.costs.is_empty() {
            return None;
        }
        match metric {
            Metric::Size => self.size,
            Metric::Cpu | Metric::Wall => self.spread(metric).map(|[_, median, _]| median),
            Metric::Memory | Metric::Requests => self.spread(metric).map(|[.., most]| most),
        }
    }

    /// Least, median and most.
    fn spread(&self, metric: Metric) -> Option<[f64; 3]> {
        let value = |(cost, requests): &(Cost, usize)| match metric {
            Metric::Cpu => Some(cost.cpu),
            Metric::Memory => Some(cost.memory),
            Metric::Requests => u32::try_from(*requests).ok().map(f64::from),
            Metric::Size => self.size,
            Metric::Wall => Some(cost.wall),
        };
        let mut values: Vec<f64> = self.costs.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        Some([*values.first()?, values[values.len() / 2], *values.last()?])
    }
}

const fn word(metric: Metric) -> &'static str {
    match metric {
        Metric::Cpu => "CPU",
        Metric::Memory => "memory",
        Metric::Requests => "requests",
        Metric::Size => "size",
        Metric::Wall => "time",
    }
}

fn shown(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Cpu | Metric::Wall if value < 1.0 => format!("{:.1} ms", value * 1e3),
        Metric::Cpu | Metric::Wall => format!("{value:.2} s"),
        Metric::Memory | Metric::Size => format!("{:.1} MB", value / 1e6),
        Metric::Requests => format!("{value:.0}"),
    }
}

/// Every row with a line for each contender, then its targets.
pub(super) fn print(printer: Printer, measured: &[Measured]) {
    for Measured {
        row,
        contenders,
        unprepared,
    } in measured
    {
        printer.answer(&format!("{}: {}", row.name, row.what));
        if let Some(why) = unprepared {
            printer.answer(&format!("  {} {why}", printer.unsure("not measured:")));
        }
        let ours = contenders.first().and_then(|runs| runs.value(Metric::Cpu));
        for runs in contenders {
            printer.answer(&line(runs, ours));
        }
    }
    printer.answer("");
    let count = |met| {
        let of = |measured: &Measured| {
            let targets = measured.row.targets.iter();
            targets
                .filter(|target| measured.meets(target) == met)
                .count()
        };
        measured.iter().map(of).sum::<usize>()
    };
    for measured in measured {
        for target in measured.row.targets {
            let word = if measured.meets(target) {
                printer.good("met   ")
            } else {
                printer.bad("MISSED")
            };
            let told = measured.told(target);
            printer.answer(&format!("{word} {:<18} {told}", measured.row.name));
        }
    }
    let (met, missed) = (count(true), count(false));
    printer.answer(&format!("bench: {met} targets met, {missed} missed"));
}

fn line(runs: &Runs, ours: Option<f64>) -> String {
    let Runs {
        name,
        size,
        costs,
        failed,
    } = runs;
    if let Some(failed) = failed {
        return format!("  {name:<12} {failed}");
    }
    let spread = |metric| {
        runs.spread(metric)
            .map_or(String::new(), |[least, median, most]| {
                let [least, median, most] = [least, median, most].map(|value| shown(metric, value));
                format!("{median} [{least}, {most}]")
            })
    };
    let ratio = match (ours, runs.value(Metric::Cpu)) {
        (Some(ours), Some(found)) if *name != "palisade" => format!("{:.1}x", found / ours),
        _ => String::new(),
    };
    let one = |metric| {
        runs.value(metric)
            .map_or(String::new(), |value| shown(metric, value))
    };
    format!(
        "  {name:<12} CPU {:<28} {ratio:>7}  time {:<30} memory {:>9}  requests {:>4}  size {}  runs {}",
        spread(Metric::Cpu),
        spread(Metric::Wall),
        one(Metric::Memory),
        one(Metric::Requests),
        size.map_or(String::new(), |size| shown(Metric::Size, size)),
        costs.len(),
    )
}

/// The JSON document: figures in seconds, bytes and counts.
#[derive(Serialize)]
pub(super) struct Document {
    version: u32,
    rows: Vec<RowOut>,
}

#[derive(Serialize)]
struct RowOut {
    name: &'static str,
    what: &'static str,
    not_measured: Option<String>,
    contenders: Vec<ContenderOut>,
    targets: Vec<TargetOut>,
}

#[derive(Serialize)]
struct ContenderOut {
    name: &'static str,
    runs: usize,
    failed: Option<String>,
    size_bytes: Option<f64>,
    cpu_seconds: Option<Spread>,
    wall_seconds: Option<Spread>,
    memory_bytes: Option<Spread>,
    requests: Option<Spread>,
}

#[derive(Serialize)]
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

#[derive(Serialize)]
struct TargetOut {
    metric: &'static str,
    at_most: f64,
    found: Option<f64>,
    met: bool,
}

/// Everything that was measured.
pub(super) fn document(measured: &[Measured]) -> Document {
    let spread = |runs: &Runs, metric| {
        let [min, median, max] = runs.spread(metric)?;
        Some(Spread { min, median, max })
    };
    let contender = |runs: &Runs| ContenderOut {
        name: runs.name,
        runs: runs.costs.len(),
        failed: runs.failed.clone(),
        size_bytes: runs.size,
        cpu_seconds: spread(runs, Metric::Cpu),
        wall_seconds: spread(runs, Metric::Wall),
        memory_bytes: spread(runs, Metric::Memory),
        requests: spread(runs, Metric::Requests),
    };
    let row = |measured: &Measured| RowOut {
        name: measured.row.name,
        what: measured.row.what,
        not_measured: measured.unprepared.clone(),
        contenders: measured.contenders.iter().map(contender).collect(),
        targets: measured
            .row
            .targets
            .iter()
            .map(|target| TargetOut {
                metric: word(target.metric),
                at_most: target.most,
                found: measured.ours(target.metric),
                met: measured.meets(target),
            })
            .collect(),
    };
    Document {
        version: 1,
        rows: measured.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row = Row {
        name: "row",
        targets: &[Target {
            metric: Metric::Cpu,
            most: 0.005,
        }],
        ..Row::DEFAULT
    };
    static STILL: Row = ROW;

    fn measured(cpu: &[f64], failed: Option<&str>) -> Measured {
        let cost = |cpu: &f64| {
            let cost = Cost {
                cpu: *cpu,
                wall: 1.0,
                memory: 1e6,
                code: 0,
                stopped: false,
            };
            (cost, 0)
        };
        Measured {
            row: &STILL,
            contenders: vec![Runs {
                name: "palisade",
                size: Some(1.0),
                costs: cpu.iter().map(cost).collect(),
                failed: failed.map(str::to_owned),
            }],
            unprepared: None,
        }
    }

    #[test]
    fn the_median_meets_a_target_and_what_was_not_measured_does_not() {
        let met = |cpu: &[f64], failed| measured(cpu, failed).missed().count() == 0;
        assert!(met(&[0.005, 0.9, 0.001], None));
        assert!(!met(&[0.006, 0.9, 0.001], None));
        assert!(!met(&[], None));
        assert!(!met(&[0.001], Some("exit code 1: no")));
        let told: Vec<_> = measured(&[0.006], None).missed().collect();
        assert_eq!(told, ["row CPU ≤ 5.0 ms: 6.0 ms"]);
    }

    #[test]
    fn figures_have_units_that_people_read() {
        assert_eq!(shown(Metric::Cpu, 0.0012), "1.2 ms");
        assert_eq!(shown(Metric::Wall, 1.5), "1.50 s");
        assert_eq!(shown(Metric::Size, 8.2e6), "8.2 MB");
        assert_eq!(shown(Metric::Requests, 3.0), "3");
    }
}
