//! `up` and `run`: a lab for people, and a lab around one program.

use std::path::Path;
use std::process::ExitStatus;

use palisade_ui::Context;
use tokio::process::Command;

use super::{Ended, Error, RunArgs, UpArgs};
use crate::platforms::render::LAB_KEY;
use crate::{Config, Lab};

/// The service that the lab brings along on its platform.
const SERVICE: &str = "srv-lab";

pub(super) async fn up(args: UpArgs, context: &Context) -> Result<(), Error> {
    let config = Config {
        port: args.port,
        state: args.state,
        ..args.registry.config()
    };
    let lab = Lab::start(config).await?;
    match &args.dir {
        Some(dir) => {
            write(&lab, dir)?;
            // Absolute, so that the variables hold in any folder.
            let dir = dir.canonicalize().unwrap_or_else(|_| dir.clone());
            for (name, value) in lab.environment(&dir) {
                context.printer.answer(&format!("{name}={value}"));
            }
        }
        None => context
            .printer
            .answer(&format!("PALISADE_LAB={}", lab.base())),
    }
    for (name, value) in brought_along(&lab) {
        context.printer.answer(&format!("{name}={value}"));
    }
    context
        .printer
        .note("the lab runs until interrupted; nothing it signs is to be trusted");
    let _interrupted = tokio::signal::ctrl_c().await;
    Ok(())
}

pub(super) async fn run(args: RunArgs, context: &Context) -> Result<Ended, Error> {
    let lab = Lab::start(args.registry.config()).await?;
    let dir = tempfile::tempdir().map_err(|source| Error::Files {
        dir: std::env::temp_dir(),
        source,
    })?;
    write(&lab, dir.path())?;
    let Some((program, arguments)) = args.command.split_first() else {
        return Ok(Ended::Program(0));
    };
    context.printer.note(&format!("lab at {}", lab.base()));
    // An interrupt goes to the program as well, and ends the lab by way of it, so that the folder
    // is removed.
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    let status = Command::new(program)
        .args(arguments)
        .envs(lab.environment(dir.path()))
        .envs(brought_along(&lab))
        .status()
        .await
        .map_err(|source| Error::Program {
            program: program.display().to_string(),
            source,
        })?;
    Ok(Ended::Program(code(status)))
}

/// Puts an image into the registry and a service that runs it onto the platform, and names both.
fn brought_along(lab: &Lab) -> [(&'static str, String); 4] {
    let image = lab.seed_image();
    let tagged = format!("{}/acme/app:1.0", lab.registry());
    lab.render().add_service(SERVICE, "tea-lab", &tagged);
    [
        ("PALISADE_LAB_IMAGE", image),
        ("PALISADE_LAB_SERVICE", SERVICE.to_owned()),
        ("RENDER_API_KEY", LAB_KEY.to_owned()),
        ("RENDER_HOST", format!("{}/render", lab.base())),
    ]
}

fn write(lab: &Lab, dir: &Path) -> Result<(), Error> {
    lab.write_files(dir).map_err(|source| Error::Files {
        dir: dir.to_owned(),
        source,
    })
}

/// What a shell would report.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128_u8.saturating_add(u8::try_from(signal).unwrap_or(127));
    }
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1)
}
