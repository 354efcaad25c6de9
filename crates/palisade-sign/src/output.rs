//! The answer on stdout: what was signed, and where the signature is.

use std::path::Path;

use palisade_roots::RootFacts;
use palisade_types::{Digest, PinnedRef, SignerIdentity};
use palisade_ui::{Format, Printer, escape};
use serde::Serialize;

use crate::args::PublishArgs;
use crate::publish::Attached;
use crate::session::{Signed, Who};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// One thing that was signed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// The image by digest, or the file.
    subject: String,
    digest: Digest,
    /// Absent for a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate_type: Option<String>,
    /// The certificate's identity; absent when a key signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<SignerIdentity>,
    /// The SHA-256 of the public key that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Digest>,
    /// Absent without a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_index: Option<u64>,
    /// What was attached to the image, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    attached: Option<String>,
    /// The older tag that it was added to as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    legacy_tag: Option<String>,
    /// The file the bundle was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<String>,
    bundle_digest: Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    version: u32,
    /// What every bundle was verified against before it was published.
    trust_root: &'a RootFacts,
    signed: &'a [Line],
}

/// Text is printed as things are done, JSON as one document at the end.
pub(crate) struct Answer {
    format: Format,
    trust_root: RootFacts,
    printer: Printer,
    lines: Vec<Line>,
}

impl Line {
    pub(crate) fn about_image(
        image: &PinnedRef,
        attached: Attached,
        signed: &Signed,
        args: &PublishArgs,
    ) -> Self {
        let subject = image.to_string();
        let mut line = Self::new(subject, image.digest(), signed, args.bundle.as_deref());
        line.attached = attached.bundle.map(|attached| attached.to_string());
        line.legacy_tag = attached.legacy.map(|tag| tag.to_string());
        line
    }

    pub(crate) fn about_blob(file: &Path, digest: &Digest, signed: &Signed, bundle: &Path) -> Self {
        Self::new(file.display().to_string(), digest, signed, Some(bundle))
    }

    fn new(subject: String, digest: &Digest, signed: &Signed, bundle: Option<&Path>) -> Self {
        let (identity, key) = match &signed.signer {
            Who::Identity(identity) => (Some(identity.clone()), None),
            Who::Key(fingerprint) => (None, Some(fingerprint.clone())),
        };
        Self {
            subject,
            digest: digest.clone(),
            predicate_type: signed.bundle.claimed_predicate_type().map(str::to_owned),
            signer: identity,
            key,
            log_index: signed.log_index,
            attached: None,
            legacy_tag: None,
            bundle: bundle.map(|path| path.display().to_string()),
            bundle_digest: signed.bundle.digest().clone(),
        }
    }
}

impl Answer {
    pub(crate) fn new(format: Format, trust_root: &RootFacts, printer: Printer) -> Self {
        Self {
            format,
            trust_root: trust_root.clone(),
            printer,
            lines: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, line: Line) {
        if self.format == Format::Text {
            self.text(&line);
        }
        self.lines.push(line);
    }

    pub(crate) fn finish(self) {
        if self.format == Format::Json {
            self.printer.json(&Document {
                version: VERSION,
                trust_root: &self.trust_root,
                signed: &self.lines,
            });
        }
    }

    fn text(&self, line: &Line) {
        let printer = self.printer;
        let signed = printer.good("signed");
        printer.answer(&format!("{signed} {}", escape(&line.subject)));
        if let Some(attached) = &line.attached {
            printer.answer(&format!("  attached {attached}"));
        }
        if let Some(tag) = &line.legacy_tag {
            printer.answer(&format!("  older    {tag}"));
        }
        if let Some(bundle) = &line.bundle {
            printer.answer(&format!("  bundle   {}", escape(bundle)));
        }
    }
}
