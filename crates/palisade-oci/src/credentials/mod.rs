//! Registry credentials from Docker's and Podman's files and from credential helpers.

mod config;
pub(crate) mod helper;

use std::fmt;
use std::path::PathBuf;

use palisade_types::Repository;
use serde::Deserialize;

use crate::error::Error;
use config::ConfigFile;

/// Text that never shows in `Debug` output.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// What to show a registry or its token service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A refresh token, exchanged at the token service.
    Identity(Secret),
    /// A user name and a password.
    Password {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that the registry takes as it is.
    Registry(Secret),
}

/// Where credentials come from. Files are read when a registry first asks for credentials.
#[derive(Clone, Debug, Default)]
pub struct CredentialStore {
    explicit: Vec<(String, Credential)>,
    configs: Vec<ConfigFile>,
    paths: Vec<PathBuf>,
}

impl CredentialStore {
    /// No credentials: every registry is asked anonymously.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The content of a Docker `config.json` or Podman `auth.json`.
    pub fn from_docker_config(bytes: &[u8]) -> Result<Self, Error> {
        let config = ConfigFile::parse(bytes)
            .map_err(|why| Error::Usage(format!("the Docker configuration: {why}")))?;
        Ok(Self {
            configs: vec![config],
            ..Self::default()
        })
    }

    /// These files, the first hit wins; files that do not exist are passed over.
    pub fn from_paths(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            paths: paths.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The places where Docker and Podman keep credentials, Docker's first. `variable` is the
    /// environment; nothing is read before a registry asks for credentials.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let folder = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let home = folder("HOME");
        let at_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
        let docker = folder("DOCKER_CONFIG").or_else(|| at_home(".docker"));
        let user = folder("XDG_CONFIG_HOME").or_else(|| at_home(".config"));
        let podman = |folder: Option<PathBuf>| folder.map(|f| f.join("containers/auth.json"));
        let paths = [
            docker.map(|docker| docker.join("config.json")),
            folder("REGISTRY_AUTH_FILE"),
            podman(folder("XDG_RUNTIME_DIR")),
            podman(user),
        ];
        Self::from_paths(paths.into_iter().flatten())
    }

    /// One more credential, asked before all others. `host` as in references: `ghcr.io`.
    pub fn with_password(mut self, host: &str, username: &str, password: &str) -> Self {
        let credential = Credential::Password {
            username: username.to_owned(),
            password: Secret::new(password),
        };
        self.explicit.push((host.to_owned(), credential));
        self
    }

    /// The credential for this repository, if there is one.
    pub(crate) async fn find(&self, repository: &Repository) -> Result<Option<Credential>, Error> {
        let explicit = |(host, _): &&(String, Credential)| host == repository.registry();
        if let Some((_, credential)) = self.explicit.iter().find(explicit) {
            return Ok(Some(credential.clone()));
        }
        for config in &self.configs {
            if let Some(credential) = config.find(repository).await? {
                return Ok(Some(credential));
            }
        }
        for path in &self.paths {
            if let Some(config) = ConfigFile::read(path)?
                && let Some(credential) = config.find(repository).await?
            {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    async fn found(config: &str, repository: &str) -> Result<Option<Credential>, Error> {
        CredentialStore::from_docker_config(config.as_bytes())?
            .find(&repository.parse().expect("a repository"))
            .await
    }

    fn password(username: &str, password: &str) -> Credential {
        Credential::Password {
            username: username.to_owned(),
            password: Secret::new(password),
        }
    }

    #[tokio::test]
    async fn the_most_specific_key_wins_and_another_host_gets_nothing() {
        let config = format!(
            r#"{{"auths":{{"ghcr.io":{{"auth":"{}"}},"ghcr.io/acme":{{"auth":"{}"}},"https://index.docker.io/v1/":{{"auth":"{}"}}}}}}"#,
            STANDARD.encode("host:pw:1"),
            STANDARD.encode("acme:2"),
            STANDARD.encode("hub:3"),
        );
        let find = async |name| found(&config, name).await.expect("readable");
        assert_eq!(find("ghcr.io/acme/app").await, Some(password("acme", "2")));
        assert_eq!(
            find("ghcr.io/other/app").await,
            Some(password("host", "pw:1"))
        );
        assert_eq!(find("nginx").await, Some(password("hub", "3")));
        assert_eq!(find("quay.io/acme/app").await, None);
        assert_eq!(find("evilghcr.io/acme/app").await, None);
    }

    #[tokio::test]
    async fn broken_entries_are_errors_that_do_not_repeat_the_secret() {
        let config = r#"{"auths":{"ghcr.io":{"auth":"c2VjcmV0"}}}"#;
        let error = found(config, "ghcr.io/a").await.expect_err("no colon");
        assert!(!format!("{error} {error:?}").contains("c2VjcmV0"));
        let config = r#"{"auths":{"ghcr.io":{"auth":5,"password":"hunter2"}}}"#;
        let error = found(config, "ghcr.io/a").await.expect_err("a number");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn tokens_come_before_passwords_and_files_that_are_absent_are_passed_over() {
        let config = r#"{"auths":{"a.example":{"identitytoken":"t","auth":"dTpw"}}}"#;
        let credential = found(config, "a.example/x").await.expect("readable");
        assert_eq!(credential, Some(Credential::Identity(Secret::new("t"))));
        let store = CredentialStore::from_paths([PathBuf::from("/nonexistent/config.json")]);
        let repository = "a.example/x".parse().expect("a repository");
        assert_eq!(
            store.find(&repository).await.expect("nothing to read"),
            None
        );
    }

    #[tokio::test]
    async fn a_file_without_the_host_leaves_it_to_the_next_and_a_broken_one_ends_the_search() {
        let home = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = home.path().join(name);
            let folder = path.parent().expect("a folder above");
            std::fs::create_dir_all(folder).expect("writable");
            std::fs::write(&path, text).expect("writable");
        };
        let entry = |host: &str, pair: &str| {
            format!(
                r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#,
                STANDARD.encode(pair)
            )
        };
        write("docker/config.json", &entry("ghcr.io", "docker:1"));
        write("podman.json", &entry("quay.io", "file:2"));
        write("run/containers/auth.json", &entry("quay.io", "run:3"));
        let at = |name: &str| home.path().join(name).display().to_string();
        let store = CredentialStore::from_environment(|name| match name {
            "DOCKER_CONFIG" => Some(at("docker")),
            "REGISTRY_AUTH_FILE" => Some(at("podman.json")),
            "XDG_RUNTIME_DIR" => Some(at("run")),
            _ => None,
        });
        let find = async |name: &str| store.find(&name.parse().expect("a repository")).await;
        let known = |found: Result<_, Error>| found.expect("readable");
        assert_eq!(
            known(find("ghcr.io/a").await),
            Some(password("docker", "1"))
        );
        assert_eq!(known(find("quay.io/a").await), Some(password("file", "2")));
        assert_eq!(known(find("docker.io/library/a").await), None);
        // Whether the broken file has this host's credential is not known.
        write("podman.json", "{");
        let error = find("quay.io/a").await.expect_err("broken");
        assert!(error.to_string().contains("podman.json"), "{error}");
    }

    #[tokio::test]
    async fn a_hosts_helper_comes_before_everything_else_in_its_file() {
        let config = format!(
            r#"{{"auths":{{"ghcr.io":{{"auth":"{0}"}},"quay.io":{{"auth":"{0}"}}}},
                "credHelpers":{{"ghcr.io":"palisade-one","https://index.docker.io/v1/":"palisade-hub"}},
                "credsStore":"palisade-rest"}}"#,
            STANDARD.encode("user:pw"),
        );
        for (name, asked) in [
            ("ghcr.io/acme/app", "palisade-one"),
            ("nginx", "palisade-hub"),
            ("r.example/app", "palisade-rest"),
        ] {
            let error = found(&config, name).await.expect_err("not installed");
            assert!(error.to_string().contains(asked), "{name}: {error}");
        }
        let found = found(&config, "quay.io/acme/app").await;
        assert_eq!(found.expect("readable"), Some(password("user", "pw")));
    }

    #[test]
    fn the_usual_places_are_dockers_then_podmans() {
        let paths = |set: &[(&str, &str)]| {
            let get = |name: &str| {
                set.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            };
            let paths = CredentialStore::from_environment(get).paths;
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        let home = ["/h/.docker/config.json", "/h/.config/containers/auth.json"];
        assert_eq!(paths(&[("HOME", "/h"), ("DOCKER_CONFIG", "")]), home);
        let all = [
            ("HOME", "/h"),
            ("DOCKER_CONFIG", "/d"),
            ("REGISTRY_AUTH_FILE", "/r"),
            ("XDG_RUNTIME_DIR", "/x"),
            ("XDG_CONFIG_HOME", "/c"),
        ];
        let want = [
            "/d/config.json",
            "/r",
            "/x/containers/auth.json",
            "/c/containers/auth.json",
        ];
        assert_eq!(paths(&all), want);
        assert!(paths(&[]).is_empty());
    }

    #[test]
    fn secrets_print_as_stars() {
        let store = CredentialStore::anonymous().with_password("a.example", "user", "hunter2");
        let debug = format!("{store:?}");
        assert!(
            debug.contains("****") && !debug.contains("hunter2"),
            "{debug}"
        );
    }
}
