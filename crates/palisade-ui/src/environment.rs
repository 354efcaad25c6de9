//! Every environment variable palisade reads, and which command may hold it.
//!
//! One table is the documentation, the help and the enforcement: the dispatcher passes a
//! subcommand only what the table grants it, and a binary can read only what the table grants.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// What holding a variable makes possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Release software on a platform.
    Deploy,
    /// Sign as the running workflow or person.
    Sign,
    /// Pull from or push to a registry.
    Registry,
    /// Use a proxy: its address may hold the password for it, and is never printed.
    Proxy,
    /// Nothing by itself.
    None,
}

impl Power {
    /// The word in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Sign => "sign",
            Self::Registry => "registry",
            Self::Proxy => "proxy",
            Self::None => "none",
        }
    }
}

/// One variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holding it makes possible.
    pub power: Power,
    /// What it does, one line.
    pub purpose: &'static str,
    /// The commands that may hold it; empty means all.
    pub commands: &'static [&'static str],
}

const SIGNERS: &[&str] = &["gate", "sign"];
const REGISTRY: &[&str] = &["deploy", "gate", "sbom", "sign", "verify"];
const NETWORK: &[&str] = REGISTRY;
const EVERYONE: &[&str] = &[];

const fn variable(
    name: &'static str,
    power: Power,
    commands: &'static [&'static str],
    purpose: &'static str,
) -> Variable {
    Variable {
        name,
        power,
        purpose,
        commands,
    }
}

/// The table, in alphabetical order within each power.
pub const TABLE: &[Variable] = &[
    variable(
        "RENDER_API_KEY",
        Power::Deploy,
        &["deploy"],
        "the API key of Render",
    ),
    variable(
        "RENDER_HOST",
        Power::Deploy,
        &["deploy"],
        "another address for Render's API",
    ),
    variable(
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        Power::Sign,
        SIGNERS,
        "set by GitHub Actions with `id-token: write`",
    ),
    variable(
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        Power::Sign,
        SIGNERS,
        "set by GitHub Actions with `id-token: write`",
    ),
    variable(
        "BUILDKITE_AGENT_ACCESS_TOKEN",
        Power::Sign,
        SIGNERS,
        "set by Buildkite; its agent fetches identity tokens with it",
    ),
    variable(
        "BUILDKITE_AGENT_ENDPOINT",
        Power::Sign,
        SIGNERS,
        "set by Buildkite; its agent fetches identity tokens with it",
    ),
    variable(
        "BUILDKITE_JOB_ID",
        Power::Sign,
        SIGNERS,
        "set by Buildkite; its agent fetches identity tokens with it",
    ),
    variable(
        "COSIGN_PASSWORD",
        Power::Sign,
        &["sign"],
        "the passphrase of the signing key's file",
    ),
    variable(
        "GCE_METADATA_HOST",
        Power::Sign,
        SIGNERS,
        "the host of Google Cloud's metadata server, which gives identity tokens",
    ),
    variable(
        "SIGSTORE_ID_TOKEN",
        Power::Sign,
        SIGNERS,
        "an OIDC identity token to sign with",
    ),
    variable(
        "SPIFFE_ENDPOINT_SOCKET",
        Power::Sign,
        SIGNERS,
        "the SPIFFE agent that gives this workload a token",
    ),
    variable(
        "COSIGN_REPOSITORY",
        Power::Registry,
        &["verify"],
        "the repository that holds signatures, instead of the image's own",
    ),
    variable(
        "DOCKER_CONFIG",
        Power::Registry,
        REGISTRY,
        "the folder of Docker's config.json",
    ),
    variable(
        "REGISTRY_AUTH_FILE",
        Power::Registry,
        REGISTRY,
        "Podman's credential file",
    ),
    variable(
        "XDG_RUNTIME_DIR",
        Power::Registry,
        REGISTRY,
        "where Podman keeps auth.json",
    ),
    variable(
        "ALL_PROXY",
        Power::Proxy,
        NETWORK,
        "the proxy where no other variable names one",
    ),
    variable("HTTPS_PROXY", Power::Proxy, NETWORK, "the proxy for HTTPS"),
    variable(
        "HTTP_PROXY",
        Power::Proxy,
        NETWORK,
        "the proxy for registries over plain HTTP",
    ),
    variable(
        "NO_PROXY",
        Power::Proxy,
        NETWORK,
        "hosts the proxy is not used for",
    ),
    variable("all_proxy", Power::Proxy, NETWORK, "the same as ALL_PROXY"),
    variable(
        "http_proxy",
        Power::Proxy,
        NETWORK,
        "the same as HTTP_PROXY",
    ),
    variable(
        "https_proxy",
        Power::Proxy,
        NETWORK,
        "the same as HTTPS_PROXY",
    ),
    variable("no_proxy", Power::Proxy, NETWORK, "the same as NO_PROXY"),
    variable("BUILDKITE", Power::None, EVERYONE, "set by Buildkite"),
    variable(
        "CI",
        Power::None,
        EVERYONE,
        "set by CI services; no browser is opened",
    ),
    variable("CIRCLECI", Power::None, EVERYONE, "set by CircleCI"),
    variable(
        "CI_COMMIT_BRANCH",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_COMMIT_SHA",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_COMMIT_TAG",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_JOB_ID",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_JOB_NAME",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_JOB_STARTED_AT",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_JOB_URL",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_PIPELINE_ID",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_PIPELINE_SOURCE",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_PROJECT_ID",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_PROJECT_URL",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_RUNNER_DESCRIPTION",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_RUNNER_EXECUTABLE_ARCH",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CI_RUNNER_ID",
        Power::None,
        EVERYONE,
        "set by GitLab CI; goes into provenance",
    ),
    variable(
        "CLICOLOR_FORCE",
        Power::None,
        EVERYONE,
        "colour even in a pipe, unless it is 0",
    ),
    variable(
        "GITHUB_ACTIONS",
        Power::None,
        EVERYONE,
        "set by GitHub Actions",
    ),
    variable(
        "GITHUB_EVENT_NAME",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_REF",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_REPOSITORY",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_REPOSITORY_ID",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_REPOSITORY_OWNER_ID",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_RUN_ATTEMPT",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_RUN_ID",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_SERVER_URL",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_SHA",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "GITHUB_WORKFLOW_REF",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable("GITLAB_CI", Power::None, EVERYONE, "set by GitLab CI"),
    variable(
        "HOME",
        Power::None,
        EVERYONE,
        "where Docker's and Podman's files are looked for",
    ),
    variable(
        "LANG",
        Power::None,
        EVERYONE,
        "the terminal's language and encoding",
    ),
    variable(
        "NO_COLOR",
        Power::None,
        EVERYONE,
        "no colour, whatever its value",
    ),
    variable(
        "PALISADE_CACHE",
        Power::None,
        EVERYONE,
        "the folder for what registries sent, or `off`",
    ),
    variable(
        "PALISADE_LAB",
        Power::None,
        EVERYONE,
        "the address of a running lab",
    ),
    variable(
        "PALISADE_LAB_DIR",
        Power::None,
        EVERYONE,
        "the folder a running lab wrote its files to",
    ),
    variable(
        "PALISADE_LOG",
        Power::None,
        EVERYONE,
        "how much to say on stderr",
    ),
    variable(
        "PATH",
        Power::None,
        EVERYONE,
        "where credential helpers are found",
    ),
    variable(
        "RUNNER_ENVIRONMENT",
        Power::None,
        EVERYONE,
        "set by GitHub Actions; goes into provenance",
    ),
    variable(
        "SOURCE_DATE_EPOCH",
        Power::None,
        EVERYONE,
        "the time to write into reproducible output, in seconds",
    ),
    variable(
        "SSL_CERT_FILE",
        Power::None,
        EVERYONE,
        "the certificate authorities for HTTPS, instead of the system's",
    ),
    variable("TERM", Power::None, EVERYONE, "the kind of terminal"),
    variable("TMPDIR", Power::None, EVERYONE, "where temporary files go"),
    variable(
        "XDG_CACHE_HOME",
        Power::None,
        EVERYONE,
        "where the caches of registries, unless PALISADE_CACHE says, and of trust roots are",
    ),
    variable(
        "XDG_CONFIG_HOME",
        Power::None,
        EVERYONE,
        "where Podman's configuration is",
    ),
];

/// Whether the table grants this variable to this command.
pub fn grants(command: &str, name: &str) -> bool {
    TABLE.iter().any(|variable| {
        variable.name == name
            && (variable.commands.is_empty() || variable.commands.contains(&command))
    })
}

/// The variables one command may read, taken once at start.
#[derive(Clone)]
pub struct Environment {
    command: &'static str,
    values: BTreeMap<&'static str, OsString>,
}

impl Environment {
    /// Reads what the table grants this command out of the process.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn of_process(command: &'static str) -> Self {
        let values = TABLE
            .iter()
            .filter(|variable| grants(command, variable.name))
            .filter_map(|variable| Some((variable.name, std::env::var_os(variable.name)?)))
            .collect();
        Self { command, values }
    }

    /// An environment made of these values, for tests. Values the table does not grant are left
    /// out, as they are from the process.
    pub fn of(command: &'static str, given: &[(&str, &str)]) -> Self {
        let values = TABLE
            .iter()
            .filter(|variable| grants(command, variable.name))
            .filter_map(|variable| {
                let (_, value) = given.iter().find(|(name, _)| *name == variable.name)?;
                Some((variable.name, OsString::from(value)))
            })
            .collect();
        Self { command, values }
    }

    /// The command it was made for.
    pub const fn command(&self) -> &'static str {
        self.command
    }

    /// A variable's value, when it is set, not empty and UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(
            grants(self.command, name),
            "{name} is not granted to {}",
            self.command
        );
        self.values
            .get(name)?
            .to_str()
            .filter(|value| !value.is_empty())
    }

    /// A variable's value when it is set and UTF-8, even to nothing: an empty passphrase is one.
    pub fn get_even_empty(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.to_str()
    }

    /// Whether a variable is set and not empty.
    pub fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !value.is_empty())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names only: the values may be secrets.
        f.debug_struct("Environment")
            .field("names", &self.values.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sorted_within_their_power() {
        let keys: Vec<_> = TABLE
            .iter()
            .map(|variable| (variable.power, variable.name))
            .collect();
        assert!(
            keys.is_sorted() && keys.windows(2).all(|pair| pair[0].1 != pair[1].1),
            "{keys:?}"
        );
    }

    #[test]
    fn deploy_cannot_sign_and_gate_cannot_deploy() {
        assert!(grants("sign", "SIGSTORE_ID_TOKEN") && grants("gate", "SIGSTORE_ID_TOKEN"));
        assert!(!grants("deploy", "SIGSTORE_ID_TOKEN") && !grants("verify", "SIGSTORE_ID_TOKEN"));
        assert!(grants("deploy", "RENDER_API_KEY") && !grants("gate", "RENDER_API_KEY"));
        assert!(!grants("sign", "SOME_OTHER_SECRET"));
    }

    #[test]
    fn what_leads_to_a_token_or_a_password_is_not_for_everyone() {
        assert!(grants("sign", "GCE_METADATA_HOST") && grants("gate", "GCE_METADATA_HOST"));
        for command in ["deploy", "lab", "sbom", "verify"] {
            assert!(!grants(command, "GCE_METADATA_HOST"), "{command}");
        }
        for variable in TABLE
            .iter()
            .filter(|v| v.name.to_lowercase().contains("proxy"))
        {
            assert_eq!(variable.power, Power::Proxy, "{}", variable.name);
            let granted = |command| grants(command, variable.name);
            assert!(granted("sign") && granted("verify") && !granted("lab"));
        }
    }

    #[test]
    fn values_never_show_in_debug_output() {
        let environment = Environment::of("sign", &[("SIGSTORE_ID_TOKEN", "secret")]);
        assert_eq!(environment.get("SIGSTORE_ID_TOKEN"), Some("secret"));
        assert!(!format!("{environment:?}").contains("secret"));
    }

    #[test]
    fn what_is_not_granted_is_not_even_read() {
        let environment =
            Environment::of("verify", &[("RENDER_API_KEY", "secret"), ("HOME", "/h")]);
        assert!(!environment.has("RENDER_API_KEY") && environment.has("HOME"));
    }
}
