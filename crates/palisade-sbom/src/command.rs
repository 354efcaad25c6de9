//! The command: its flags, and the way from an image to a document.

use std::path::PathBuf;
use std::time::Duration;

use palisade_catalog::Wanted;
use palisade_oci::{Client, ClientOptions, Location, RegistryArgs, layers};
use palisade_types::{FrozenSubject, Platform};
use palisade_ui::{Context, Environment, Exit, Format, files};

use crate::convert::{self, ConvertArgs};
use crate::document::{Sbom, document_with_gaps, narrow};
use crate::error::Error;
use crate::output;

/// How long one registry document may take.
const DEADLINE: Duration = Duration::from_mins(2);

/// List what is in an image, as a CycloneDX bill of materials
///
/// Reads the package databases of Debian and Alpine, node_modules folders, Python distributions,
/// the module lists of Go programs, the dependency trees that `cargo auditable` puts into Rust
/// programs, and Cargo.lock files. Every byte is hashed against the digest that names it. The
/// same image gives the same document, byte for byte; set SOURCE_DATE_EPOCH to put a time in it.
///
/// A file that should be readable and is not is a gap: the document says that it is incomplete,
/// and a warning names the file.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Args {
    /// The image: a reference, oci:DIR or oci-archive:FILE
    #[arg(value_name = "SOURCE", required = true)]
    pub source: Option<String>,
    /// Write the document to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The platform to describe, when the image is for several: linux/amd64
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// End with 3 when a file could not be read, or nothing was found
    #[arg(long)]
    pub strict: bool,
    /// What stdout holds: json is the document, or with -o a summary; text is a table
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Make no request
    #[arg(long)]
    pub offline: bool,
    /// What to do with documents instead.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do with a document that is there already.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Command {
    #[expect(missing_docs, reason = "the help is that of the arguments")]
    Convert(ConvertArgs),
}

const EXAMPLES: &str = "\
Examples:
  palisade sbom ghcr.io/acme/app:1.4 -o sbom.cdx.json
  palisade sbom --platform linux/arm64 ghcr.io/acme/app:1.4
  palisade sbom oci:out/image --strict --format text
  palisade sbom convert sbom.cdx.json --to spdx-json -o sbom.spdx.json
  palisade sign attest ghcr.io/acme/app@sha256:… --type cyclonedx --predicate sbom.cdx.json

Exit codes: 0 the document was written; 2 the command line is wrong;
3 the image could not be read, or with --strict not all of it.";

/// Runs the command.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what `palisade_ui::main` takes"
)]
pub fn run(args: Args, context: &Context) -> Result<Exit, Error> {
    match &args.command {
        Some(Command::Convert(convert)) => convert::run(convert, context),
        None => list(&args, context),
    }
}

fn list(args: &Args, context: &Context) -> Result<Exit, Error> {
    let named = args.source.as_deref().unwrap_or_default();
    let location: Location = named.parse().map_err(|source| Error::Source {
        text: named.to_owned(),
        source,
    })?;
    let epoch = source_date_epoch(&context.environment)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let client = Client::new(options(args, &context.environment));
    let (subject, sbom) = runtime.block_on(read(&client, &location, args, epoch))?;
    if let Some(path) = &args.output {
        files::write(path, &sbom.json).map_err(|source| Error::Output {
            path: path.clone(),
            source,
        })?;
    }
    answer(args, context, &subject, &sbom);
    // An empty list does not say that there is nothing in the image, only that we saw nothing.
    let complete = sbom.gaps.is_empty() && sbom.components > 0;
    Ok(if args.strict && !complete {
        Exit::Undecided
    } else {
        Exit::Ok
    })
}

async fn read(
    client: &Client,
    location: &Location,
    args: &Args,
    epoch: Option<i64>,
) -> Result<(FrozenSubject, Sbom), Error> {
    let unreadable = |source| {
        let image = args.source.clone().unwrap_or_default();
        match location {
            Location::Registry(_) => Error::Image { image, source },
            Location::Archive { .. } | Location::Layout { .. } => Error::Layout { image, source },
        }
    };
    let subject = client.freeze(location).await.map_err(unreadable)?;
    // From here on the image goes by its digest: a tag that moves meanwhile changes nothing.
    let frozen = match location {
        Location::Registry(_) => Location::from(&subject.image),
        local => local.clone(),
    };
    let narrowed = narrow(subject, args.platform.as_ref());
    let subject =
        narrowed.map_err(|error| error.about(args.source.as_deref().unwrap_or_default()))?;
    let wanted = Wanted::default();
    let choose = |entry: &layers::Entry<'_>| wanted.limit(entry);
    let files = layers::read_files(client, &frozen, &subject.leaves[0], choose)
        .await
        .map_err(unreadable)?;
    let gaps = wanted.gaps(&files);
    let sbom = document_with_gaps(&subject, files, gaps, epoch)?;
    Ok((subject, sbom))
}

fn answer(args: &Args, context: &Context, subject: &FrozenSubject, sbom: &Sbom) {
    let printer = context.printer;
    output::talk(
        printer,
        args.source.as_deref().unwrap_or_default(),
        subject,
        sbom,
    );
    match (args.format, &args.output) {
        (Some(Format::Text), _) => output::table(printer, sbom),
        (Some(Format::Json), Some(path)) => {
            output::json(printer, subject, sbom, path.to_str());
        }
        (Some(Format::Json) | None, None) => {
            let text = String::from_utf8_lossy(&sbom.json);
            printer.document(text.trim_end_matches('\n'));
        }
        (None, Some(_)) => {}
    }
}

fn options(args: &Args, environment: &Environment) -> ClientOptions {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    ClientOptions {
        offline: args.offline,
        deadline: DEADLINE,
        ..args.registry.options("sbom", variable)
    }
}

fn source_date_epoch(environment: &Environment) -> Result<Option<i64>, Error> {
    let Some(text) = environment.get("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let wrong = |_| Error::SourceDateEpoch {
        text: text.to_owned(),
    };
    text.parse().map(Some).map_err(wrong)
}
