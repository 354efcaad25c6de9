//! The flags about the trust root, the same in every command, and what they load.

use std::path::{Path, PathBuf};

use palisade_trust::Instance;
use palisade_ui::{Context, Environment, escape};
use url::Url;

use crate::cache::read_bounded;
use crate::{Loaded, Mode, RootSource, RootsError, Tuf, load};

/// The largest first root metadata we read, in bytes. Sigstore's own has 6 KB.
const MAX_FIRST_ROOT: u64 = 512_000;

// No doc comments on these structs: clap would show them in place of the command's own.
#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TrustArgs {
    /// Believe the authorities and logs of this trusted_root.json
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["instance", "trust_mode", "tuf_mirror", "tuf_root"]
    )]
    pub trusted_root: Option<PathBuf>,
    /// Whose authorities and logs to believe; sigstore.dev's without it
    #[arg(long, value_enum, value_name = "NAME", conflicts_with = "tuf_root")]
    pub instance: Option<InstanceName>,
    /// Fetch the trust root from this TUF repository instead of the instance's own
    ///
    /// Without `--tuf-root` it has to be a copy of the instance's repository.
    #[arg(long, value_name = "URL")]
    pub tuf_mirror: Option<Url>,
    /// The first root metadata of a TUF repository of your own, where trust in it begins
    #[arg(long, value_name = "FILE", requires = "tuf_mirror")]
    pub tuf_root: Option<PathBuf>,
    /// How the trust root is kept up to date.
    #[command(flatten)]
    pub refresh: RefreshArgs,
}

#[expect(
    missing_docs,
    reason = "clap would show it in place of the command's own"
)]
#[derive(clap::Args, Clone, Debug, Default)]
pub struct RefreshArgs {
    /// Where a public trust root is taken from; `embedded`, unless `--tuf-mirror` is given
    #[arg(long, value_enum, value_name = "MODE")]
    pub trust_mode: Option<TrustMode>,
    /// Accept the trust root of a palisade lab, which proves nothing
    #[arg(long)]
    pub allow_lab: bool,
}

/// Whose root is meant.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceName {
    /// GitHub's own, for attestations of private repositories
    Github,
    /// sigstore.dev
    PublicGood,
    /// sigstage.dev, for tests
    Staging,
}

/// Where the root of an instance is taken from.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustMode {
    /// From what an earlier run fetched, verified again; no request
    Cached,
    /// From this program; no request. Refused once its TUF root has expired
    Embedded,
    /// By TUF; no request if it was asked within a day
    Online,
    /// By TUF; while that cannot be reached, what was fetched before and has not expired
    OnlineElseCached,
}

impl From<InstanceName> for Instance {
    fn from(name: InstanceName) -> Self {
        match name {
            InstanceName::Github => Self::GitHub,
            InstanceName::PublicGood => Self::PublicGood,
            InstanceName::Staging => Self::Staging,
        }
    }
}

impl TrustMode {
    const fn word(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Embedded => "embedded",
            Self::Online => "online",
            Self::OnlineElseCached => "online-else-cached",
        }
    }

    /// How a TUF repository is used in this mode, if it is.
    const fn tuf(self) -> Option<Mode> {
        match self {
            Self::Cached => Some(Mode::Offline),
            Self::Embedded => None,
            Self::Online => Some(Mode::Online),
            Self::OnlineElseCached => Some(Mode::OnlineElseCache),
        }
    }
}

impl TrustArgs {
    /// Loads what the flags name and warns of what is old. With `offline` no socket is opened.
    pub async fn load(&self, offline: bool, context: &Context) -> Result<Loaded, RootsError> {
        let source = self.source(offline, &context.environment)?;
        self.refresh.load_from(&source, context).await
    }

    /// The same where no asynchronous runtime runs yet. One with sockets is started only for a
    /// source that needs them.
    pub fn load_blocking(&self, offline: bool, context: &Context) -> Result<Loaded, RootsError> {
        let source = self.source(offline, &context.environment)?;
        let mut builder = tokio::runtime::Builder::new_current_thread();
        if source.asks() {
            builder.enable_all();
        }
        let runtime = builder.build().map_err(RootsError::Runtime)?;
        runtime.block_on(self.refresh.load_from(&source, context))
    }

    fn source(&self, offline: bool, environment: &Environment) -> Result<RootSource, RootsError> {
        if let Some(path) = &self.trusted_root {
            return Ok(RootSource::File(path.clone()));
        }
        let instance = self.instance.map_or(Instance::PublicGood, Instance::from);
        let Some(mirror) = &self.tuf_mirror else {
            return self.refresh.source(instance, offline, environment);
        };
        let unsaid = if offline {
            TrustMode::Cached
        } else {
            TrustMode::Online
        };
        let mode = self.refresh.mode(unsaid, offline)?;
        Ok(RootSource::Tuf(Tuf {
            mirror: mirror.clone(),
            initial_root: match &self.tuf_root {
                Some(path) => first_root(path)?,
                None => Tuf::initial_root(instance).to_vec(),
            },
            cache: cache(environment)?,
            mode: mode.tuf().ok_or(RootsError::EmbeddedMirror)?,
        }))
    }
}

impl RefreshArgs {
    /// Where these flags take the root of `instance` from.
    pub fn source(
        &self,
        instance: Instance,
        offline: bool,
        environment: &Environment,
    ) -> Result<RootSource, RootsError> {
        let mode = self.mode(TrustMode::Embedded, offline)?;
        let Some(mode) = mode.tuf() else {
            return Ok(RootSource::Embedded(instance));
        };
        Ok(RootSource::Tuf(Tuf {
            mirror: Tuf::mirror(instance),
            initial_root: Tuf::initial_root(instance).to_vec(),
            cache: cache(environment)?,
            mode,
        }))
    }

    /// Loads from `source`, refuses a lab's root that is not allowed, and warns of what is old.
    pub async fn load_from(
        &self,
        source: &RootSource,
        context: &Context,
    ) -> Result<Loaded, RootsError> {
        let loaded = load(source, context.now).await?;
        if loaded.root.is_lab() && !self.allow_lab {
            let origin = loaded.source;
            return Err(RootsError::LabRoot { origin });
        }
        for warning in loaded.warnings(context.now) {
            context.printer.warn(&escape(&warning));
        }
        Ok(loaded)
    }

    fn mode(&self, unsaid: TrustMode, offline: bool) -> Result<TrustMode, RootsError> {
        let mode = self.trust_mode.unwrap_or(unsaid);
        match mode {
            TrustMode::Online | TrustMode::OnlineElseCached if offline => {
                Err(RootsError::OfflineMode { mode: mode.word() })
            }
            _ => Ok(mode),
        }
    }
}

fn first_root(path: &Path) -> Result<Vec<u8>, RootsError> {
    read_bounded(path, MAX_FIRST_ROOT).map_err(|source| RootsError::File {
        path: path.to_owned(),
        source,
    })
}

/// `$XDG_CACHE_HOME/palisade/tuf`, else `$HOME/.cache/palisade/tuf` (XDG Base Directory
/// Specification 0.8: a path that is not absolute does not count).
fn cache(environment: &Environment) -> Result<PathBuf, RootsError> {
    let absolute = |name| {
        let path = Path::new(environment.get(name)?);
        path.is_absolute().then(|| path.to_owned())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|folder| folder.join("palisade").join("tuf"))
        .ok_or(RootsError::NoCacheFolder)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        trust: TrustArgs,
    }

    fn parse(args: &[&str]) -> Option<TrustArgs> {
        let args = ["program"].iter().chain(args);
        Program::try_parse_from(args).ok().map(|args| args.trust)
    }

    fn source(args: &[&str], offline: bool) -> Result<RootSource, RootsError> {
        let environment = Environment::of("verify", &[("HOME", "/house")]);
        parse(args)
            .expect("a command line")
            .source(offline, &environment)
    }

    fn mode(args: &[&str], offline: bool) -> Mode {
        match source(args, offline) {
            Ok(RootSource::Tuf(tuf)) => tuf.mode,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_asked_unless_a_flag_says_so() {
        for (args, instance) in [
            (&[][..], Instance::PublicGood),
            (&["--instance", "staging"], Instance::Staging),
            (&["--instance", "github"], Instance::GitHub),
            (&["--trust-mode", "embedded"], Instance::PublicGood),
        ] {
            for offline in [false, true] {
                let source = source(args, offline);
                assert!(
                    matches!(source, Ok(RootSource::Embedded(of)) if of == instance),
                    "{source:?}"
                );
            }
        }
    }

    #[test]
    fn a_mirror_is_asked_except_offline() {
        let mirror = ["--tuf-mirror", "https://tuf.example"];
        assert_eq!(mode(&mirror, false), Mode::Online);
        assert_eq!(mode(&mirror, true), Mode::Offline);
        let with = |mode| [mirror[0], mirror[1], "--trust-mode", mode];
        assert_eq!(
            mode(&with("online-else-cached"), false),
            Mode::OnlineElseCache
        );
        assert_eq!(mode(&with("cached"), false), Mode::Offline);
        for online in ["online", "online-else-cached"] {
            let refused = source(&with(online), true);
            assert!(
                matches!(refused, Err(RootsError::OfflineMode { .. })),
                "{refused:?}"
            );
        }
        let refused = source(&with("embedded"), false);
        assert!(
            matches!(refused, Err(RootsError::EmbeddedMirror)),
            "{refused:?}"
        );
    }

    #[test]
    fn two_answers_to_who_is_believed_are_refused() {
        let file = ["--trusted-root", "r.json"];
        assert!(parse(&file).is_some());
        for other in [
            ["--instance", "staging"],
            ["--trust-mode", "online"],
            ["--tuf-mirror", "https://tuf.example"],
        ] {
            assert!(parse(&[file[0], file[1], other[0], other[1]]).is_none());
        }
        assert!(
            parse(&["--tuf-root", "root.json"]).is_none(),
            "whose root is it?"
        );
    }

    #[test]
    fn the_cache_is_where_the_user_keeps_caches() {
        let of = |given: &[(&str, &str)]| cache(&Environment::of("verify", given)).ok();
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(of(&[("HOME", "/h")]), path("/h/.cache/palisade/tuf"));
        let both = [("HOME", "/h"), ("XDG_CACHE_HOME", "/c")];
        assert_eq!(of(&both), path("/c/palisade/tuf"));
        let relative = [("HOME", "/h"), ("XDG_CACHE_HOME", "c")];
        assert_eq!(of(&relative), path("/h/.cache/palisade/tuf"));
        assert_eq!(of(&[]), None);
    }
}
