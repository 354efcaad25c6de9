//! What every `main` does: parse, run, print what went wrong, exit with the right code.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use miette::Diagnostic;
use palisade_types::Timestamp;

use crate::environment::Environment;
use crate::exit::{Exit, ExitWith};
use crate::printer::{Color, Printer};
use crate::text::escape_lines;

// Flags every command takes. Flattened last: clap leaks its heading onto what follows. No doc
// comment: clap would show it in place of the command's own.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
struct GlobalArgs {
    /// When to use colour
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true)]
    color: Color,
    /// Say nothing on stderr but warnings and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Judge as if it were this time
    #[arg(long, value_name = "TIME", hide = true, global = true)]
    current_time: Option<Timestamp>,
}

/// What the edge hands to a command: where to print, what it may read, what time it is.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where to print.
    pub printer: Printer,
    /// The variables this command may read.
    pub environment: Environment,
    /// The time, taken once.
    pub now: Timestamp,
    /// Whether [`Context::now`] is the operator's word and not the clock's.
    pub clock_moved: bool,
}

#[derive(Parser)]
struct WithGlobals<A: Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    global: GlobalArgs,
}

/// Runs a command named `palisade NAME` and returns its exit code.
pub fn main<A, E>(name: &'static str, run: impl FnOnce(A, &Context) -> Result<Exit, E>) -> ExitCode
where
    A: Args,
    E: Diagnostic + ExitWith,
{
    main_from(name, std::env::args_os(), run).into()
}

/// The clap command of `palisade NAME` as users see it, for help and the generated reference.
pub fn command<A: Args>(name: &'static str) -> clap::Command {
    let full = if name.is_empty() {
        "palisade".to_owned()
    } else {
        format!("palisade {name}")
    };
    WithGlobals::<A>::command()
        .display_name(full.clone())
        .bin_name(full)
        .version(env!("CARGO_PKG_VERSION"))
}

fn main_from<A, E>(
    name: &'static str,
    args: impl IntoIterator<Item = OsString>,
    run: impl FnOnce(A, &Context) -> Result<Exit, E>,
) -> Exit
where
    A: Args,
    E: Diagnostic + ExitWith,
{
    let parsed = command::<A>(name)
        .try_get_matches_from(args)
        .and_then(|matches| WithGlobals::<A>::from_arg_matches(&matches));
    let WithGlobals { args, global } = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error),
    };
    let environment = Environment::of_process(name);
    let printer = Printer::new(global.color, global.quiet, &environment);
    let now = global.current_time.unwrap_or_else(Timestamp::now);
    match run(
        args,
        &Context {
            printer,
            environment,
            now,
            clock_moved: global.current_time.is_some(),
        },
    ) {
        Ok(exit) => exit,
        Err(error) => {
            printer.error(&error);
            error.exit().max(Exit::No)
        }
    }
}

/// Help and version are answers; everything else clap says is a wrong command line.
fn usage(error: &clap::Error) -> Exit {
    // What was typed may come from a branch's name or an answer: it is repeated, not carried out.
    let rendered = error.render();
    // A closed pipe while printing help has no reader left to tell.
    let _closed = if steers(&rendered.ansi().to_string()) {
        write!(
            io::stderr().lock(),
            "{}",
            escape_lines(&rendered.to_string())
        )
    } else {
        error.print()
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
        _ => Exit::Usage,
    }
}

/// Whether this text does more to a terminal than to colour words, which clap does itself.
fn steers(text: &str) -> bool {
    let mut parts = text.split('\u{1b}');
    let is_safe = |text: &str| escape_lines(text) == text;
    let starts_safe = parts.next().is_none_or(is_safe);
    let colours = |part: &str| {
        let code = part.strip_prefix('[')?;
        let rest = code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest.strip_prefix('m')
            .filter(|rest| is_safe(rest))
            .map(drop)
    };
    !starts_safe || parts.any(|part| colours(part).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test the about
    #[derive(Args)]
    #[command(after_help = "EXAMPLE")]
    struct TestArgs {
        #[arg(long)]
        fail: bool,
    }

    #[derive(Debug, Diagnostic)]
    struct Broken;

    impl std::fmt::Display for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("broken")
        }
    }

    impl std::error::Error for Broken {}

    impl ExitWith for Broken {
        fn exit(&self) -> Exit {
            Exit::Ok
        }
    }

    fn run(args: &[&str]) -> Exit {
        let args = args.iter().map(OsString::from);
        main_from("verify", args, |args: TestArgs, _| {
            if args.fail { Err(Broken) } else { Ok(Exit::Ok) }
        })
    }

    #[test]
    fn a_wrong_flag_is_usage_and_help_is_not() {
        assert_eq!(run(&["x", "--nope"]), Exit::Usage);
        assert_eq!(run(&["x", "--version"]), Exit::Ok);
        assert_eq!(run(&["x"]), Exit::Ok);
    }

    #[test]
    fn what_was_typed_wrong_is_repeated_and_not_carried_out() {
        let said = |value: &str| {
            let parsed = command::<TestArgs>("verify").try_get_matches_from(["x", value]);
            parsed
                .expect_err("no such argument")
                .render()
                .ansi()
                .to_string()
        };
        assert!(!steers(&said("harmless")), "{:?}", said("harmless"));
        for bad in [
            "\u{1b}]0;owned\u{7}",
            "\u{1b}[2J",
            "a\rb",
            "a\u{202e}b",
            "\u{9b}2J",
        ] {
            assert!(steers(&said(bad)), "{bad:?}");
        }
    }

    #[test]
    fn help_is_the_command_s_own() {
        let help = command::<TestArgs>("verify").render_long_help().to_string();
        assert!(help.starts_with("Test the about"), "{help}");
        assert!(
            help.contains("Usage: palisade verify") && help.contains("EXAMPLE"),
            "{help}"
        );
    }

    #[test]
    fn a_moved_clock_is_known_to_the_command() {
        let moved = |args: &[&str]| {
            let args = args.iter().map(OsString::from);
            let mut moved = None;
            main_from("verify", args, |_: TestArgs, context| {
                moved = Some(context.clock_moved);
                Ok::<_, Broken>(Exit::Ok)
            });
            moved
        };
        assert_eq!(moved(&["x"]), Some(false));
        let time = "2026-11-24T16:00:00Z";
        assert_eq!(moved(&["x", "--current-time", time]), Some(true));
    }

    #[test]
    fn an_error_never_ends_in_success_even_if_it_says_so() {
        assert_eq!(run(&["x", "--fail"]), Exit::No);
    }
}
