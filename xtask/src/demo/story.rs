//! Telling the demo's story: chapters, the commands that run, and whether each came out as stated.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use palisade_ui::Printer;
use tokio::process::Command;

use crate::error::Error;

/// The story so far.
pub(crate) struct Story {
    printer: Printer,
    binaries: PathBuf,
    home: PathBuf,
    chapter: usize,
    started: Instant,
}

/// What a command said, and which command it was.
pub(crate) struct Said {
    command: String,
    text: String,
}

impl Said {
    /// Fails unless the command said this.
    pub(crate) fn must_contain(&self, text: &str) -> Result<(), Error> {
        if self.text.contains(text) {
            return Ok(());
        }
        Err(Error::found(
            format!("`{}` did not say `{text}`", self.command),
            "what it did say is above",
        ))
    }
}

impl Story {
    /// A story that runs the programs of this folder, at home in that one.
    pub(crate) fn new(printer: Printer, binaries: PathBuf, home: PathBuf) -> Self {
        Self {
            printer,
            binaries,
            home,
            chapter: 0,
            started: Instant::now(),
        }
    }

    /// The folder of the programs.
    pub(crate) fn binaries(&self) -> &PathBuf {
        &self.binaries
    }

    /// Opens a chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        self.printer.answer(&format!("\n{}. {title}", self.chapter));
    }

    /// Says something.
    pub(crate) fn tell(&self, text: &str) {
        self.printer.answer(&format!("   {text}"));
    }

    /// Closes the story.
    pub(crate) fn end(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        self.printer.answer(&format!(
            "\n{}: {text} ({seconds:.1} s)",
            self.printer.good("done")
        ));
    }

    /// Runs `palisade ARGS`, shows what it says, and fails unless it exits with `exit`.
    pub(crate) async fn palisade(
        &self,
        args: &[&str],
        secrets: &[(&str, &str)],
        exit: i32,
    ) -> Result<Said, Error> {
        let command = format!("palisade {}", args.join(" "));
        self.tell(&self.printer.faint(&format!("$ {}", self.shown(&command))));
        let program = self.binaries.join("palisade");
        let output = Command::new(&program)
            .args(args)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin")
            .envs(secrets.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| Error::Start {
                program: program.display().to_string(),
                source,
                help: None,
            })?;
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
        for line in text.lines() {
            self.tell(&format!("  {}", self.shown(line)));
        }
        let code = output.status.code();
        if code != Some(exit) {
            return Err(Error::found(
                format!(
                    "`{command}` ended with {}, the story needs exit code {exit}",
                    output.status
                ),
                "what it said is above",
            ));
        }
        self.tell(&format!(
            "{} exit code {exit}, as it has to be",
            self.printer.good("ok")
        ));
        Ok(Said { command, text })
    }

    /// Shortens the temporary folder, which means nothing to a reader.
    fn shown(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.home.display()), "")
    }
}
