//! Signers: exact, or a pattern that is anchored by construction.

use palisade_trust::{ClaimPattern, ExpectedSigner, PatternError, SanPattern, SignerClaim};
use toml::Spanned;

use super::{Compiler, Names};
use crate::error::Problem;
use crate::file;
use crate::glob::Glob;
use crate::lint;
use crate::policy::Signer;

/// The issuer of GitHub Actions' identity tokens.
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

impl Compiler<'_> {
    pub(super) fn signers(
        &mut self,
        signers: Vec<Spanned<file::Signer>>,
        names: &mut Names,
    ) -> Vec<Signer> {
        let mut compiled = Vec::new();
        for signer in signers {
            let inner = signer.into_inner();
            self.word("signer.name", &inner.name);
            self.use_trust(&inner.trust, names);
            if let Some((san, issuer)) = self.identity(&inner) {
                let mut expected = ExpectedSigner::new(inner.name.into_inner(), san, issuer);
                if let Some(github) = &inner.github {
                    let caller = ClaimPattern::exact(github.get_ref().caller());
                    expected = expected.demanding(SignerClaim::Repository, caller);
                }
                compiled.push(Signer {
                    trust: inner.trust.into_inner(),
                    expected,
                });
            }
        }
        compiled
    }

    pub(super) fn use_trust(&mut self, trust: &Spanned<String>, names: &mut Names) {
        if !names.use_trust(trust.get_ref()) {
            let message = format!("there is no [trust.{}]", trust.get_ref());
            let label = "not a trust root of this policy";
            let problem = Problem::new("policy::unknown-trust", trust.span(), message, label);
            self.problems
                .push(problem.candidates(trust.get_ref(), names.trusts()));
        }
    }

    fn identity(&mut self, signer: &file::Signer) -> Option<(SanPattern, String)> {
        let issuer = signer.issuer.as_ref();
        let pattern = match (&signer.github, &signer.san, &signer.san_regex) {
            (Some(github), None, None) => {
                if let Some(issuer) = issuer {
                    let message = "`github` already says who the issuer is";
                    self.problem("policy::signer", issuer.span(), message, "remove it");
                }
                return Some((self.github(github.get_ref())?, GITHUB_ISSUER.to_owned()));
            }
            (None, Some(san), None) => self.exact(san),
            (None, None, Some(regex)) => self.regex(regex),
            _ => {
                let message = "a signer is named in one way: `github`, `san` or `san-regex`";
                self.problem(
                    "policy::signer",
                    signer.name.span(),
                    message,
                    "not in one way",
                );
                None
            }
        };
        let Some(issuer) = issuer else {
            let message = "a signer needs the `issuer` that vouches for the name";
            self.problem(
                "policy::signer",
                signer.name.span(),
                message,
                "without an issuer",
            );
            return None;
        };
        if !issuer.get_ref().starts_with("https://") && !issuer.get_ref().starts_with("http://") {
            let message = format!("the issuer `{}` is not a URL", issuer.get_ref());
            self.problem("policy::signer", issuer.span(), message, "not a URL");
        }
        Some((pattern?, issuer.get_ref().clone()))
    }

    fn exact(&mut self, san: &Spanned<String>) -> Option<SanPattern> {
        let text = san.get_ref();
        if text.is_empty() || text.contains('*') {
            let message = "`san` is matched byte for byte and has no wildcards";
            self.problem("policy::signer", san.span(), message, "not a whole name");
            self.help("name one signer, or write `san-regex`");
            return None;
        }
        Some(SanPattern::Exact(text.clone()))
    }

    fn regex(&mut self, source: &Spanned<String>) -> Option<SanPattern> {
        match SanPattern::regex(source.get_ref()) {
            Err(error) => {
                let (label, help) = match &error {
                    PatternError::Unanchored(_) => (
                        "also matches inside longer names",
                        format!("write '^{}$'", source.get_ref().trim_matches(['^', '$'])),
                    ),
                    PatternError::MatchesAll(_) => {
                        ("trusts everybody", "name the signer".to_owned())
                    }
                    PatternError::Syntax { .. } => {
                        ("cannot be read", "mend the expression".to_owned())
                    }
                };
                self.problem("policy::pattern", source.span(), error.to_string(), label);
                self.help(&help);
                None
            }
            Ok(pattern) => {
                if let Some(why) = lint::too_wide(source.get_ref()) {
                    let message = format!("the pattern `{}` is too wide", source.get_ref());
                    self.problem(
                        "policy::pattern",
                        source.span(),
                        message,
                        "trusts more than it says",
                    );
                    self.help(why);
                }
                Some(pattern)
            }
        }
    }

    /// Fulcio's name for a GitHub Actions workflow: `https://github.com/REPOSITORY/WORKFLOW@REF`.
    fn github(&mut self, github: &file::Github) -> Option<SanPattern> {
        let before = self.problems.len();
        let repository = &github.repository;
        for named in [Some(repository), github.called_from.as_ref()]
            .into_iter()
            .flatten()
        {
            let parts: Vec<&str> = named.get_ref().split('/').collect();
            if parts.len() != 2 || !parts.iter().all(|part| is_part(part)) {
                let message = format!("`{}` is not `OWNER/REPOSITORY`", named.get_ref());
                self.problem(
                    "policy::github",
                    named.span(),
                    message,
                    "one repository, no wildcard",
                );
            }
        }
        let path = github.workflow.get_ref();
        let file = path.strip_prefix(".github/workflows/");
        if !file.is_some_and(is_workflow) {
            let message = format!("`{path}` is not the path of a workflow");
            self.problem(
                "policy::github",
                github.workflow.span(),
                message,
                "no such path",
            );
            self.help("write it as `.github/workflows/release.yml`");
        }
        self.git_reference(&github.reference);
        if self.problems.len() > before {
            return None;
        }
        let name = format!("https://github.com/{}/{path}@", repository.get_ref());
        let reference = Glob::new(github.reference.get_ref().clone());
        if reference.is_exact() {
            return Some(SanPattern::Exact(name + reference.as_str()));
        }
        let source = format!("^{}{}$", regex_lite::escape(&name), reference.pattern());
        match SanPattern::regex(&source) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let span = github.reference.span();
                self.problem(
                    "policy::git-ref",
                    span,
                    error.to_string(),
                    "cannot be matched",
                );
                None
            }
        }
    }
}

impl file::Github {
    /// The repository whose run signed. A workflow that others may call has one name in every
    /// certificate, whoever calls it; so the caller is demanded too, and is the workflow's own
    /// repository unless the policy names another.
    fn caller(&self) -> &str {
        self.called_from
            .as_ref()
            .unwrap_or(&self.repository)
            .get_ref()
    }
}

/// One part of a path on GitHub: no separator and no wildcard.
fn is_part(part: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !part.is_empty() && part.bytes().all(allowed)
}

/// GitHub runs files with exactly these endings.
fn is_workflow(file: &str) -> bool {
    let stem = file
        .strip_suffix(".yml")
        .or_else(|| file.strip_suffix(".yaml"));
    stem.is_some_and(is_part)
}
