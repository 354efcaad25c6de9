//! `cargo xtask`: everything a developer of palisade runs, in one program.

mod bench;
mod demo;
mod deny;
mod docs;
mod error;
mod files;
mod fuzz;
mod layers;
mod peers;
mod test;
mod tidy;
mod tokens;
mod tool;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use palisade_ui::{Color, Environment, Exit, ExitWith as _, Printer};

use crate::error::Error;

/// Develop palisade
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Bench(bench::Args),
    Demo(demo::Args),
    Deny(deny::Args),
    Docs(docs::Args),
    Fuzz(fuzz::Args),
    Layers(layers::Args),
    Peers(peers::Args),
    Test(test::Args),
    Tidy(tidy::Args),
    Verify(verify::Args),
}

fn main() -> ExitCode {
    // Before anything is built in its place.
    let _named = tool::ourselves();
    let printer = Printer::new(Color::Auto, false, &Environment::of_process("xtask"));
    match run(Cli::parse().task, printer) {
        Ok(()) => Exit::Ok.into(),
        Err(error) => {
            printer.error(&error);
            error.exit().into()
        }
    }
}

fn run(task: Task, printer: Printer) -> Result<(), Error> {
    match task {
        Task::Bench(args) => bench::run(&args, printer),
        Task::Demo(args) => demo::run(&args, printer),
        Task::Deny(args) => deny::run(&args, printer).map(drop),
        Task::Docs(args) => docs::run(&args, printer),
        Task::Fuzz(args) => fuzz::run(&args, printer),
        Task::Layers(args) => layers::run(&args, printer),
        Task::Peers(args) => peers::run(&args, printer),
        Task::Test(args) => test::run(&args, printer),
        Task::Tidy(args) => tidy::run(&args, printer),
        Task::Verify(args) => verify::run(&args, printer),
    }
}
