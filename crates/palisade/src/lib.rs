//! `palisade X` becomes `palisade-X`, found beside it, with the environment X is granted.
//!
//! A dispatcher of its own keeps the powers apart: no program holds the credentials of another,
//! and what else is passed on is named on the command line, where a reviewer sees it.

mod arguments;
mod commands;
mod environment;
mod error;
mod sibling;

use std::ffi::OsString;

use palisade_ui::{Context, Exit, Printer};

pub use commands::{COMMANDS, Command};
pub use error::Error;

/// Harden a software supply chain: nothing is deployed unless verified evidence says so
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true, after_help = commands::help())]
#[command(override_usage = "palisade [--pass-env NAME]... COMMAND [ARGUMENT]...")]
#[command(
    help_template = "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}"
)]
pub struct Args {
    /// Pass this variable on to the command as well
    ///
    /// A command receives only the variables it is documented to need. Anything else, such as
    /// what a credential helper reads, has to be named here.
    #[arg(long, value_name = "NAME")]
    pass_env: Vec<String>,
    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    command: Vec<OsString>,
}

/// Becomes the sibling program. Returns only when that fails, or to print help.
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    let Args { pass_env, command } = args;
    let front = arguments::forwarded(std::env::args_os(), command.len());
    let (name, rest) = command
        .split_first()
        .expect("clap shows the help when there is no argument");
    if name == "help" {
        return help(rest, &pass_env, context.printer);
    }
    let command = commands::find(name)?;
    start(
        command,
        &pass_env,
        front.iter().chain(rest),
        context.printer,
    )
}

/// `palisade help` is `palisade --help`; `palisade help X` is `palisade X --help`.
fn help(rest: &[OsString], pass_env: &[String], printer: Printer) -> Result<Exit, Error> {
    let Some(name) = rest.first() else {
        let text = palisade_ui::command::<Args>("").render_long_help();
        printer.answer(text.to_string().trim_end());
        return Ok(Exit::Ok);
    };
    let flag = OsString::from("--help");
    start(commands::find(name)?, pass_env, [&flag], printer)
}

fn start<'a>(
    command: &Command,
    pass_env: &[String],
    args: impl IntoIterator<Item = &'a OsString>,
    printer: Printer,
) -> Result<Exit, Error> {
    let named = environment::named(pass_env, printer)?;
    let granted = environment::granted(command.name);
    Err(sibling::exec(
        command.name,
        args,
        granted.into_iter().chain(named),
    ))
}
