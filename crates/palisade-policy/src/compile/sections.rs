//! What each section demands.

use palisade_attest::predicates::provenance::normal_repository;
use palisade_attest::predicates::vulns::Severity;
use toml::Spanned;

use super::{Compiler, Names};
use crate::file;
use crate::glob::Glob;
use crate::policy::{
    Attach, Builder, ProvenanceRule, SbomRule, ScanRule, SignatureRule, SourceRule, VsaRule,
};

impl Compiler<'_> {
    pub(super) fn signature(
        &mut self,
        rule: file::Signature,
        names: &mut Names,
    ) -> Option<SignatureRule> {
        let span = self.at(&rule.require.span());
        let require = rule.require.into_inner();
        let of = self.signer_names(require.of.get_ref(), names);
        let at_least = usize::try_from(*require.at_least.get_ref()).unwrap_or(usize::MAX);
        if at_least > require.of.get_ref().len() {
            let message = "more signatures are asked for than there are signers to make them";
            self.problem(
                "policy::threshold",
                require.at_least.span(),
                message,
                "never reached",
            );
            return None;
        }
        if at_least == 0 {
            if !of.is_empty() {
                let message = "no signature is required, so these signers do nothing";
                self.problem("policy::dead", require.of.span(), message, "does nothing");
            }
            return None;
        }
        Some(SignatureRule { at_least, of, span })
    }

    pub(super) fn provenance(
        &mut self,
        rule: &file::Provenance,
        names: &mut Names,
    ) -> Option<ProvenanceRule> {
        let signers = self.required("provenance", &rule.require, &rule.signers, names);
        let span = self.at(&rule.require.span());
        let source = rule.source.as_ref();
        if !rule.require.get_ref() {
            self.dead(source.map(Spanned::span), "provenance");
        }
        let source = source.and_then(|source| self.source(source));
        Some(ProvenanceRule {
            signers: signers?,
            source,
            span,
        })
    }

    fn source(&mut self, source: &Spanned<file::Source>) -> Option<SourceRule> {
        let repository = &source.get_ref().repository;
        if !repository.get_ref().contains("://") || repository.get_ref().contains(['*', '@']) {
            let message = "a source repository is a URL without wildcards and revision";
            self.problem(
                "policy::repository",
                repository.span(),
                message,
                "not such a URL",
            );
            self.help("write it as `https://github.com/acme/app`");
            return None;
        }
        let reference = source.get_ref().reference.as_ref();
        if let Some(reference) = reference {
            self.git_reference(reference);
        }
        Some(SourceRule {
            repository: normal_repository(repository.get_ref()).to_owned(),
            reference: reference.map(|reference| Glob::new(reference.get_ref().clone())),
            span: self.at(&source.span()),
        })
    }

    /// A full git reference; a bare branch name would match nothing.
    pub(super) fn git_reference(&mut self, reference: &Spanned<String>) {
        let text = reference.get_ref();
        // `git check-ref-format`, rules 3 to 10 but for `*`, which is our wildcard. What git could
        // not have would match nothing, or mean something else in a regular expression.
        let illegal = |c: char| c.is_control() || c.is_whitespace() || "~^:?[\\".contains(c);
        let illegal_pair = ["..", "//", "@{"].iter().any(|pair| text.contains(pair));
        if text.contains(illegal) || illegal_pair || text.ends_with(['/', '.']) {
            let message = format!("`{text}` has characters that no git reference has");
            self.problem(
                "policy::git-ref",
                reference.span(),
                message,
                "not a git reference",
            );
            self.help("write `refs/heads/main`, or `refs/tags/v*`");
        } else if !text.starts_with("refs/") {
            let message = format!("`{}` is not a full git reference", reference.get_ref());
            self.problem(
                "policy::git-ref",
                reference.span(),
                message,
                "does not begin with `refs/`",
            );
            self.help("write `refs/heads/main`, or `refs/tags/v*`");
        }
    }

    pub(super) fn builders(
        &mut self,
        builders: Vec<Spanned<file::Builder>>,
        provenance: Option<&ProvenanceRule>,
        names: &mut Names,
    ) -> Vec<Builder> {
        let mut compiled: Vec<Builder> = Vec::new();
        for builder in builders {
            let span = builder.span();
            let inner = builder.into_inner();
            let signer = self.signer_names(std::slice::from_ref(&inner.signer), names);
            let trusted =
                provenance.is_some_and(|rule| rule.signers.contains(inner.signer.get_ref()));
            if !signer.is_empty() && !trusted {
                let message = format!("`provenance.signers` does not name `{}`", signer[0]);
                self.problem(
                    "policy::dead",
                    inner.signer.span(),
                    message,
                    "never believed",
                );
            }
            let level = u8::try_from(*inner.max_level.get_ref()).ok();
            let level = level.filter(|level| (1..=3).contains(level));
            if level.is_none() {
                let message = "a SLSA build level is 1, 2 or 3";
                self.problem(
                    "policy::level",
                    inner.max_level.span(),
                    message,
                    "no such level",
                );
            }
            let id = inner.id.get_ref();
            if !names_builder(id) {
                let message = format!("the builder id `{id}` names nobody");
                self.problem(
                    "policy::builder-too-wide",
                    inner.id.span(),
                    message,
                    "too wide",
                );
                self.help("begin with the whole host: `https://github.com/acme/*`");
            }
            let builder = Builder {
                id: Glob::new(id.clone()),
                signer: inner.signer.get_ref().clone(),
                max_level: level.unwrap_or(1),
                build_types: inner
                    .build_types
                    .iter()
                    .map(|t| t.get_ref().clone())
                    .collect(),
            };
            if compiled
                .iter()
                .any(|b| b.id == builder.id && b.signer == builder.signer)
            {
                let message = "the same signer and builder id stand twice";
                self.problem("policy::duplicate", span, message, "the second one");
            }
            compiled.push(builder);
        }
        for signer in provenance.map_or(&[][..], |rule| &rule.signers) {
            if !compiled.iter().any(|builder| builder.signer == *signer) {
                let message =
                    format!("no [[builder]] says what `{signer}` may sign provenance for");
                let at = provenance.map_or(0..0, |rule| rule.span.start..rule.span.end);
                self.problem("policy::no-builder", at, message, "requires provenance");
                self.help("add a [[builder]] with its `id`, `signer` and `max-level`");
            }
        }
        compiled
    }

    pub(super) fn sbom(&mut self, rule: &file::Sbom, names: &mut Names) -> Option<SbomRule> {
        let span = self.at(&rule.require.span());
        let signers = self.required("sbom", &rule.require, &rule.signers, names)?;
        Some(SbomRule { signers, span })
    }

    pub(super) fn scan(
        &mut self,
        section: &Spanned<file::Scan>,
        names: &mut Names,
    ) -> Option<ScanRule> {
        let rule = section.get_ref();
        let signers = self.required("scan", &rule.require, &rule.signers, names);
        let keys = [&rule.fail_on, &rule.max_age, &rule.max_db_age];
        if !rule.require.get_ref() {
            for key in keys.into_iter().flatten() {
                self.dead(Some(key.span()), "scan");
            }
            return None;
        }
        for (key, name) in keys.iter().zip(["fail-on", "max-age"]) {
            if key.is_none() {
                let message = format!("a required scan needs `{name}`");
                self.problem(
                    "policy::missing-key",
                    rule.require.span(),
                    message,
                    "requires a scan",
                );
            }
        }
        let fail_on = rule.fail_on.as_ref()?;
        let severity = match fail_on.get_ref().parse::<Severity>() {
            Ok(severity) => Some(severity),
            Err(error) => {
                self.problem(
                    "policy::severity",
                    fail_on.span(),
                    error.to_string(),
                    "here",
                );
                None
            }
        };
        let max_age = rule.max_age.as_ref()?;
        let age = self.duration(max_age);
        let max_db_age = rule.max_db_age.as_ref().and_then(|age| self.duration(age));
        Some(ScanRule {
            signers: signers?,
            fail_on: severity?,
            fail_on_span: self.at(&fail_on.span()),
            max_age: age?,
            max_db_age,
            age_span: self.at(&max_age.span()),
            span: self.at(&rule.require.span()),
        })
    }

    pub(super) fn vsa(&mut self, vsa: &file::Vsa, names: &mut Names) -> Option<VsaRule> {
        self.use_trust(&vsa.trust, names);
        let valid_for = self.duration(&vsa.valid_for);
        let id = vsa.verifier_id.get_ref();
        if !id.contains("://") || id.contains(char::is_whitespace) {
            let message = "a verifier id is a URI that belongs to your organisation";
            self.problem(
                "policy::verifier-id",
                vsa.verifier_id.span(),
                message,
                "not a URI",
            );
            self.help("write something like `https://gate.acme.example/prod`");
        }
        Some(VsaRule {
            verifier_id: id.clone(),
            trust: vsa.trust.get_ref().clone(),
            valid_for: valid_for?,
            attach: match vsa.attach {
                file::Attach::None => Attach::None,
                file::Attach::Referrer => Attach::Referrer,
            },
        })
    }
}

/// A builder's id: exact, or a URL whose scheme and host are. What begins with a host's name may
/// be another host (`https://github.com.evil.example`, `https://github.com@evil.example`).
fn names_builder(id: &str) -> bool {
    if !id.contains('*') {
        return !id.is_empty();
    }
    let Some((scheme, rest)) = id.split_once("://") else {
        return false;
    };
    let Some((host, _)) = rest.split_once('/') else {
        return false;
    };
    let is_word = |text: &str, more: &[u8]| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    is_word(scheme, b"+.-") && is_word(host, b".:-")
}
