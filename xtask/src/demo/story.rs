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

    /// Leaves out the temporary folder, which means nothing to a reader, and most of each digest.
    fn shown(&self, text: &str) -> String {
        short_digests(&text.replace(&format!("{}/", self.home.display()), ""))
    }
}

/// Twelve digits of each digest: enough to tell two apart in a story.
fn short_digests(text: &str) -> String {
    const MARK: &str = "sha256:";
    let mut pieces = text.split(MARK);
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_hexdigit).count();
        shown.push_str(MARK);
        if digits == 64 {
            shown.push_str(&piece[..12]);
            shown.push('…');
            shown.push_str(&piece[64..]);
        } else {
            shown.push_str(piece);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_shortened_and_nothing_else_is() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        let text = format!("a@{digest}: b sha256:abc {digest}");
        assert_eq!(
            short_digests(&text),
            "a@sha256:0123456789ab…: b sha256:abc sha256:0123456789ab…"
        );
    }
}
