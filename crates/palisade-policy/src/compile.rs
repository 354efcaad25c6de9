//! From the file's shape to a policy: every reference resolved, every value given its type.
//!
//! All problems are collected, so that a person mends a file in one go.

mod names;
mod sections;
mod signers;

use std::ops::Range;

use palisade_trust::{Instance, Profile};
use palisade_types::decision::PolicySpan;
use palisade_types::{
    Digest, Mode, Platform, PolicyIdentity, Repository, SignedDuration, Timestamp,
};
use toml::Spanned;
use toml::value::Datetime;

use crate::duration;
use crate::error::Problem;
use crate::file::{self, File};
use crate::glob::Glob;
use crate::policy::{At, Policy, Trust, TrustSource};
use names::Names;

/// The only version of the file format.
const SCHEMA: i64 = 1;
/// The most entries of any list in a policy.
const MAX_LIST: usize = 1_000;

/// Collects problems while a policy is put together.
struct Compiler<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

pub(crate) fn compile(text: &str, digest: Digest, file: File) -> Result<Policy, Vec<Problem>> {
    let mut compiler = Compiler {
        text,
        problems: Vec::new(),
    };
    match compiler.policy(digest, file) {
        Some(policy) if compiler.problems.is_empty() => Ok(policy),
        _ => Err(compiler.problems),
    }
}

impl Compiler<'_> {
    fn policy(&mut self, digest: Digest, file: File) -> Option<Policy> {
        if *file.schema.get_ref() != SCHEMA {
            let message = format!("schema {} is not one palisade reads", file.schema.get_ref());
            self.problem("policy::schema", file.schema.span(), message, "write 1");
            return None;
        }
        let header_span = file.policy.span();
        let (identity, expires) = self.header(digest, file.policy.get_ref());
        let subject = file.subject.into_inner();
        let images = self.images(&subject.images);
        let platforms = self.platforms(&subject.platforms);
        let mut names = Names::of(&file.trust, &file.signer);
        self.problems.extend(names.duplicates());
        let trusts = file.trust.iter().filter_map(|(name, trust)| {
            let source = self.trust(name, trust)?;
            let profile = self.profile(trust.get_ref());
            let name = name.get_ref().clone();
            let trust = Trust {
                name: name.clone(),
                source,
                profile,
            };
            Some((name, trust))
        });
        let trusts = trusts.collect();
        let signers = self.signers(file.signer, &mut names);
        let signature = self.signature(file.signature.into_inner(), &mut names);
        let provenance = self.provenance(&file.provenance.into_inner(), &mut names);
        let builders = self.builders(file.builder, provenance.as_ref(), &mut names);
        let sbom = self.sbom(&file.sbom.into_inner(), &mut names);
        let scan = self.scan(&file.scan, &mut names);
        let vsa = file.vsa.and_then(|vsa| self.vsa(vsa.get_ref(), &mut names));
        self.problems.extend(names.unused());
        let nothing =
            signature.is_none() && provenance.is_none() && sbom.is_none() && scan.is_none();
        if nothing && self.problems.is_empty() {
            let message = "a policy that requires nothing would allow everything";
            let label = "require a signature, provenance, an SBOM or a scan";
            self.problem("policy::requires-nothing", header_span, message, label);
        }
        Some(Policy {
            identity: identity?,
            expires: expires?,
            images: images?,
            platforms,
            trusts,
            signers,
            builders,
            signature,
            provenance,
            sbom,
            scan,
            vsa,
        })
    }

    fn header(
        &mut self,
        digest: Digest,
        header: &file::Header,
    ) -> (Option<PolicyIdentity>, Option<At<Timestamp>>) {
        let id = self.word("policy.id", &header.id);
        let environment = self.word("policy.environment", &header.environment);
        let version = u64::try_from(*header.version.get_ref())
            .ok()
            .filter(|v| *v > 0);
        if version.is_none() {
            let message = "a policy's version is an integer from 1 on that only grows";
            self.problem(
                "policy::version",
                header.version.span(),
                message,
                "not from 1 on",
            );
        }
        let mode = match header.mode.get_ref() {
            file::Mode::Enforce => Mode::Enforce,
            file::Mode::Warn => Mode::Warn,
        };
        let expires = self.time(&header.expires);
        let identity = id.zip(environment).zip(version);
        let identity = identity.map(|((id, environment), version)| PolicyIdentity {
            id,
            version,
            environment,
            digest,
            mode,
        });
        (identity, expires)
    }

    /// A name that goes into URIs and signed documents.
    fn word(&mut self, what: &str, text: &Spanned<String>) -> Option<String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let value = text.get_ref();
        if !value.is_empty() && value.len() <= 128 && value.chars().all(allowed) {
            return Some(value.clone());
        }
        let message = format!("`{what}` is up to 128 of letters, digits, `.`, `_`, `-` and `/`");
        self.problem("policy::name", text.span(), message, "not such a name");
        None
    }

    fn time(&mut self, text: &Spanned<Datetime>) -> Option<At<Timestamp>> {
        let Ok(value) = text.get_ref().to_string().parse() else {
            let message = "a time needs its date, its time and its zone";
            self.problem("policy::time", text.span(), message, "not a point in time");
            self.help("write it as `2027-05-01T00:00:00Z`");
            return None;
        };
        Some(At {
            value,
            span: self.at(&text.span()),
        })
    }

    fn images(&mut self, images: &Spanned<Vec<Spanned<String>>>) -> Option<At<Vec<Glob>>> {
        if images.get_ref().is_empty() {
            let message = "a policy names the images it is for";
            self.problem("policy::no-images", images.span(), message, "empty");
            return None;
        }
        self.bounded(images.get_ref().len(), &images.span());
        self.no_twins(images.get_ref());
        for image in images.get_ref() {
            let text = image.get_ref();
            if !names_registry(text) {
                let message = format!("`{text}` does not name a registry");
                self.problem(
                    "policy::image-too-wide",
                    image.span(),
                    message,
                    "not one host by its whole name",
                );
                self.help("begin with the registry: `ghcr.io/acme/*`, `docker.io/library/nginx`");
            } else if text.contains('@') || text.rsplit('/').next().is_some_and(|p| p.contains(':'))
            {
                let message = format!("`{text}` has a tag or a digest; repositories have none");
                self.problem(
                    "policy::image-tag",
                    image.span(),
                    message,
                    "a tag never selects",
                );
            }
        }
        let globs = images
            .get_ref()
            .iter()
            .map(|image| Glob::new(image.get_ref().clone()));
        Some(At {
            value: globs.collect(),
            span: self.at(&images.span()),
        })
    }

    fn platforms(&mut self, platforms: &[Spanned<String>]) -> Vec<Platform> {
        self.no_twins(platforms);
        let mut parsed = Vec::new();
        for platform in platforms {
            match platform.get_ref().parse::<Platform>() {
                Ok(platform) => parsed.push(platform),
                Err(error) => {
                    self.problem(
                        "policy::platform",
                        platform.span(),
                        error.to_string(),
                        "here",
                    );
                }
            }
        }
        parsed
    }

    fn trust(
        &mut self,
        name: &Spanned<String>,
        trust: &Spanned<file::Trust>,
    ) -> Option<TrustSource> {
        let inner = trust.get_ref();
        match (&inner.trusted_root, &inner.embedded) {
            (Some(path), None) if !path.get_ref().is_empty() => {
                Some(TrustSource::File(path.get_ref().clone()))
            }
            (None, Some(embedded)) => Some(TrustSource::Embedded(match embedded.get_ref() {
                file::Embedded::Github => Instance::GitHub,
                file::Embedded::PublicGood => Instance::PublicGood,
                file::Embedded::Staging => Instance::Staging,
            })),
            _ => {
                let message = format!("trust `{}` needs one source", name.get_ref());
                let label = "write `trusted-root` or `embedded`, not both";
                self.problem("policy::trust-source", name.span(), message, label);
                None
            }
        }
    }

    /// What evidence under a trust root has to prove.
    fn profile(&mut self, trust: &file::Trust) -> Profile {
        let proof = trust.require_inclusion_proof.as_ref();
        let Some(profile) = &trust.profile else {
            return Profile::of_inclusion_proof(proof.map(|proof| *proof.get_ref()));
        };
        let file::Profile::GithubPrivate = profile.get_ref();
        if let Some(proof) = proof {
            let message = "`github-private` has no log that could prove anything";
            self.problem("policy::trust-profile", proof.span(), message, "remove it");
        }
        if let Some(embedded) = &trust.embedded
            && !matches!(embedded.get_ref(), file::Embedded::Github)
        {
            let message = "only GitHub's own instance signs without a log";
            let label = "this one has logs";
            self.problem("policy::trust-profile", embedded.span(), message, label);
            self.help("write `embedded = \"github\"`, or remove `profile`");
        }
        Profile::GithubPrivate
    }

    /// The signers of a section that is required; none when it is not, and then nothing else may
    /// stand in it.
    fn required(
        &mut self,
        section: &str,
        require: &Spanned<bool>,
        signers: &[Spanned<String>],
        names: &mut Names,
    ) -> Option<Vec<String>> {
        let known = self.signer_names(signers, names);
        if !require.get_ref() {
            self.dead(signers.first().map(Spanned::span), section);
            return None;
        }
        if signers.is_empty() {
            let message = format!("`{section}.signers` names nobody, so nothing could satisfy it");
            self.problem(
                "policy::no-signers",
                require.span(),
                message,
                "required, but by whom?",
            );
            return None;
        }
        Some(known)
    }

    fn signer_names(&mut self, given: &[Spanned<String>], names: &mut Names) -> Vec<String> {
        if let Some(first) = given.first() {
            self.bounded(given.len(), &first.span());
        }
        self.no_twins(given);
        let mut known = Vec::new();
        for name in given {
            if names.use_signer(name.get_ref()) {
                known.push(name.get_ref().clone());
            } else {
                let problem = Problem::new(
                    "policy::unknown-signer",
                    name.span(),
                    format!("there is no [[signer]] named `{}`", name.get_ref()),
                    "not a signer of this policy",
                );
                self.problems
                    .push(problem.candidates(name.get_ref(), names.signers()));
            }
        }
        known
    }

    fn dead(&mut self, span: Option<Range<usize>>, section: &str) {
        if let Some(span) = span {
            let message = format!("[{section}] is not required, so its other keys do nothing");
            self.problem("policy::dead", span, message, "does nothing");
        }
    }

    fn duration(&mut self, text: &Spanned<String>) -> Option<SignedDuration> {
        match duration::parse(text.get_ref()) {
            Ok(duration) => Some(duration),
            Err(why) => {
                self.problem("policy::duration", text.span(), why, "here");
                self.help("write `PT24H` for hours, `P7D` for days");
                None
            }
        }
    }

    fn no_twins(&mut self, list: &[Spanned<String>]) {
        for (index, item) in list.iter().enumerate() {
            if list[..index]
                .iter()
                .any(|before| before.get_ref() == item.get_ref())
            {
                let message = format!("`{}` stands twice in this list", item.get_ref());
                self.problem("policy::duplicate", item.span(), message, "the second one");
            }
        }
    }

    fn bounded(&mut self, count: usize, span: &Range<usize>) {
        if count > MAX_LIST {
            let message = format!("a list has more than {MAX_LIST} entries");
            self.problem("policy::too-large", span.clone(), message, "too long");
        }
    }

    fn problem(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        label: &str,
    ) {
        self.problems.push(Problem::new(code, span, message, label));
    }

    /// Adds what to do to the last problem.
    fn help(&mut self, help: &str) {
        if let Some(problem) = self.problems.last_mut() {
            problem.help = Some(help.to_owned());
        }
    }

    fn at(&self, span: &Range<usize>) -> PolicySpan {
        let before = self.text.get(..span.start).unwrap_or_default();
        PolicySpan {
            start: span.start,
            end: span.end,
            line: 1 + before.matches('\n').count(),
        }
    }
}

/// Whether the text before the first `/` is a registry by its whole name. Anybody may own a name
/// that begins with another one (`ghcr.io.evil.example`, `quay.io-evil.example`), so a wildcard
/// may stand only for a whole port.
fn names_registry(image: &str) -> bool {
    let Some((host, _)) = image.split_once('/') else {
        return false;
    };
    let host = match host.strip_suffix(":*") {
        Some(name) => format!("{name}:1"),
        None => host.to_owned(),
    };
    let repository = format!("{host}/x").parse::<Repository>();
    repository.is_ok_and(|repository| repository.registry() == host)
}
