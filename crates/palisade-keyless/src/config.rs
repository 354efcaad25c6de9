//! Which services sign: the signing configuration, and the choice it leaves.

use std::fmt;

use palisade_trust::Instance;
use palisade_types::Timestamp;
use palisade_types::json::{JsonError, parse_strict};
use serde::Deserialize;
use url::Url;

use crate::http::is_safe;

/// The largest signing configuration we read, in bytes.
const MAX_CONFIG: usize = 1 << 20;
/// The one media type we read (Sigstore protobuf specs, `SigningConfig`).
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// The API version of Fulcio and timestamp authorities that we speak.
const VERSION_1: &[u32] = &[1];
/// The API versions of Rekor that we speak.
const LOG_VERSIONS: &[u32] = &[1, 2];

/// A parsed signing configuration, version 0.2.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningConfig {
    #[serde(default)]
    ca_urls: Vec<Endpoint>,
    #[serde(default)]
    oidc_urls: Vec<Endpoint>,
    #[serde(default)]
    rekor_tlog_urls: Vec<Endpoint>,
    #[serde(default)]
    tsa_urls: Vec<Endpoint>,
    #[serde(default)]
    rekor_tlog_config: Choice,
    #[serde(default)]
    tsa_config: Choice,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    url: String,
    major_api_version: u32,
    valid_for: Period,
    #[serde(default)]
    operator: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Period {
    start: Timestamp,
    end: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Choice {
    #[serde(default)]
    selector: Selector,
    count: Option<u32>,
}

/// A list without a selector is read as `ANY`, as sigstore-python does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Selector {
    All,
    #[default]
    Any,
    Exact,
    #[serde(rename = "SERVICE_SELECTOR_UNDEFINED")]
    Undefined,
}

/// The services that were chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// Fulcio. Empty when signing with a key.
    pub fulcio: Pool<Url>,
    /// The transparency logs. Empty when signing with a key and without a log.
    pub logs: Pool<Log>,
    /// The timestamp authorities' full addresses.
    pub tsas: Pool<Url>,
}

/// Services of different operators that can stand in for one another, in the configuration's
/// order, and how many of them are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool<T> {
    /// One service of each operator.
    pub candidates: Vec<T>,
    /// How many have to do their part; never more than there are candidates.
    pub wanted: usize,
}

/// A transparency log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its address.
    pub url: Url,
    /// The interface it speaks.
    pub version: LogVersion,
}

/// What a signature needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A certificate and a log entry.
    Certificate,
    /// A log entry, beside a key of the signer's own.
    Key,
    /// Nothing but a time, when there is a timestamp authority.
    KeyWithoutLog,
}

/// The interface of a transparency log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogVersion {
    /// Rekor v1.
    V1,
    /// Rekor v2, which gives no time of its own.
    V2,
}

/// Which list of the configuration is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `caUrls`.
    Fulcio,
    /// `oidcUrls`.
    Oidc,
    /// `rekorTlogUrls`.
    Rekor,
    /// `tsaUrls`.
    Tsa,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fulcio => "caUrls",
            Self::Oidc => "oidcUrls",
            Self::Rekor => "rekorTlogUrls",
            Self::Tsa => "tsaUrls",
        })
    }
}

/// Why a signing configuration gives no set of services.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An address that is no URL, or plain HTTP to another machine.
    #[error("`{url}` in the signing configuration's `{list}` is not an address to send secrets to")]
    Address {
        /// Where it stands.
        list: List,
        /// What stands there.
        url: String,
    },
    /// Not JSON, or JSON that two readers could read differently.
    #[error("the signing configuration is not acceptable JSON: {0}")]
    Json(JsonError),
    /// Another document, or another version.
    #[error("the signing configuration's `mediaType` is {got}, not `{MEDIA_TYPE}`")]
    MediaType {
        /// What stands there.
        got: String,
    },
    /// No service in the list is valid now and speaks a version that we do.
    #[error(
        "the signing configuration's `{list}` has no service that is valid at {now} and of a version palisade speaks"
    )]
    NoService {
        /// The list.
        list: List,
        /// What time it is.
        now: Timestamp,
    },
    /// Rekor v2 gives no time, and nothing else in the configuration does.
    #[error(
        "the signing configuration has a Rekor v2 log and no timestamp authority, which Rekor v2 needs"
    )]
    NoTime,
    /// The selector asks for a number of operators that there is none of, or for no number.
    #[error("the signing configuration asks for {wanted} of `{list}`, which has {operators}")]
    Several {
        /// The list.
        list: List,
        /// What it asks for.
        wanted: String,
        /// How many operators it has now.
        operators: usize,
    },
    /// A field has another form than the specification gives it.
    #[error("the signing configuration is malformed: {0}")]
    Shape(String),
    /// More than we read.
    #[error("the signing configuration is larger than {MAX_CONFIG} bytes")]
    TooLarge,
    /// The selector is left open on purpose; guessing one would be a policy.
    #[error("the signing configuration's selector for `{list}` is SERVICE_SELECTOR_UNDEFINED")]
    Undefined {
        /// The list.
        list: List,
    },
}

// By hand: `#[from]` would make the cause a source too, and say it twice.
impl From<JsonError> for ConfigError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl SigningConfig {
    /// Reads a signing configuration, version 0.2.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() > MAX_CONFIG {
            return Err(ConfigError::TooLarge);
        }
        let value = parse_strict(bytes)?;
        match value.get("mediaType").and_then(serde_json::Value::as_str) {
            Some(MEDIA_TYPE) => {}
            Some(other) => {
                return Err(ConfigError::MediaType {
                    got: format!("`{other}`"),
                });
            }
            None => {
                return Err(ConfigError::MediaType {
                    got: "missing".to_owned(),
                });
            }
        }
        serde_json::from_value(value).map_err(|error| ConfigError::Shape(error.to_string()))
    }

    /// The configuration of sigstore.dev that is built into this program.
    pub fn public_good() -> Result<Self, ConfigError> {
        Self::parse(sigstore_trust_root::SIGSTORE_PRODUCTION_SIGNING_CONFIG.as_bytes())
    }

    /// The configuration of this instance that is built into this program; GitHub publishes none.
    pub fn embedded(instance: Instance) -> Result<Option<Self>, ConfigError> {
        match instance {
            Instance::GitHub => Ok(None),
            Instance::PublicGood => Self::public_good().map(Some),
            Instance::Staging => {
                let text = sigstore_trust_root::SIGSTORE_STAGING_SIGNING_CONFIG;
                Self::parse(text.as_bytes()).map(Some)
            }
        }
    }

    /// Where people sign in, at `now`: the issuer that the first operator names.
    pub fn issuer(&self, now: Timestamp) -> Result<String, ConfigError> {
        let usable = |endpoint: &&Endpoint| {
            VERSION_1.contains(&endpoint.major_api_version) && endpoint.valid_for.contains(now)
        };
        let list = List::Oidc;
        let endpoint = self.oidc_urls.iter().find(usable);
        let endpoint = endpoint.ok_or(ConfigError::NoService { list, now })?;
        address(list, endpoint)?;
        Ok(endpoint.url.clone())
    }

    /// The services to use at `now`. Nothing is asked: what cannot work is refused here.
    pub fn select(&self, purpose: Purpose, now: Timestamp) -> Result<Services, ConfigError> {
        let any = Choice::default();
        let none = Pool::default;
        let fulcio = match purpose {
            Purpose::Certificate => choose(List::Fulcio, &self.ca_urls, &any, VERSION_1, now)?,
            Purpose::Key | Purpose::KeyWithoutLog => none(),
        };
        let (list, choice) = (&self.rekor_tlog_urls, &self.rekor_tlog_config);
        let logs = match purpose {
            Purpose::Certificate | Purpose::Key => {
                choose(List::Rekor, list, choice, LOG_VERSIONS, now)?
            }
            Purpose::KeyWithoutLog => none(),
        };
        let tsas = if self.tsa_urls.is_empty() {
            none()
        } else {
            choose(List::Tsa, &self.tsa_urls, &self.tsa_config, VERSION_1, now)?
        };
        let logs = logs.map(|(url, version)| Log {
            url,
            version: LogVersion::of(version),
        });
        let timeless = logs
            .candidates
            .iter()
            .any(|log| log.version == LogVersion::V2);
        if timeless && tsas.wanted == 0 {
            return Err(ConfigError::NoTime);
        }
        Ok(Services {
            fulcio: fulcio.map(|(url, _)| url),
            logs,
            tsas: tsas.map(|(url, _)| url),
        })
    }
}

impl LogVersion {
    const fn of(major: u32) -> Self {
        if major == 2 { Self::V2 } else { Self::V1 }
    }
}

// By hand: a derived one would ask it of `T` too.
impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            candidates: Vec::new(),
            wanted: 0,
        }
    }
}

impl<T> Pool<T> {
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Pool<U> {
        Pool {
            candidates: self.candidates.into_iter().map(change).collect(),
            wanted: self.wanted,
        }
    }
}

/// Of each operator, in the order they are first named, the highest version, then the newest.
fn choose(
    list: List,
    endpoints: &[Endpoint],
    choice: &Choice,
    versions: &[u32],
    now: Timestamp,
) -> Result<Pool<(Url, u32)>, ConfigError> {
    let usable: Vec<&Endpoint> = endpoints
        .iter()
        .filter(|endpoint| versions.contains(&endpoint.major_api_version))
        .filter(|endpoint| endpoint.valid_for.contains(now))
        .collect();
    let mut best: Vec<&Endpoint> = Vec::new();
    let rank = |endpoint: &Endpoint| (endpoint.major_api_version, endpoint.valid_for.start);
    for endpoint in usable {
        match best
            .iter_mut()
            .find(|other| other.operator == endpoint.operator)
        {
            Some(other) if rank(endpoint) >= rank(other) => *other = endpoint,
            Some(_) => {}
            None => best.push(endpoint),
        }
    }
    if best.is_empty() {
        return Err(ConfigError::NoService { list, now });
    }
    let wanted = wanted(list, choice, best.len())?;
    let candidates = best
        .into_iter()
        .map(|endpoint| address(list, endpoint).map(|url| (url, endpoint.major_api_version)))
        .collect::<Result<_, _>>()?;
    Ok(Pool { candidates, wanted })
}

fn wanted(list: List, choice: &Choice, operators: usize) -> Result<usize, ConfigError> {
    let count = choice.count.and_then(|count| usize::try_from(count).ok());
    match (choice.selector, count) {
        (Selector::Any, _) => Ok(1),
        (Selector::All, _) => Ok(operators),
        (Selector::Exact, Some(count)) if (1..=operators).contains(&count) => Ok(count),
        (Selector::Exact, count) => Err(ConfigError::Several {
            list,
            wanted: count.map_or("EXACT without a count".to_owned(), |count| {
                format!("EXACT {count}")
            }),
            operators,
        }),
        (Selector::Undefined, _) => Err(ConfigError::Undefined { list }),
    }
}

fn address(list: List, endpoint: &Endpoint) -> Result<Url, ConfigError> {
    let url: Option<Url> = endpoint.url.parse().ok();
    url.filter(is_safe).ok_or_else(|| ConfigError::Address {
        list,
        url: endpoint.url.clone(),
    })
}

impl Period {
    fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn now() -> Timestamp {
        "2026-06-01T00:00:00Z".parse().unwrap()
    }

    fn service(url: &str, version: u32, operator: &str) -> Value {
        json!({
            "url": url, "majorApiVersion": version, "operator": operator,
            "validFor": {"start": "2026-01-01T00:00:00Z"},
        })
    }

    fn config() -> Value {
        json!({
            "mediaType": MEDIA_TYPE,
            "caUrls": [service("https://f.test", 1, "a")],
            "rekorTlogUrls": [
                service("https://r1.test", 1, "a"), service("https://r2.test", 2, "a"),
            ],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [service("https://t.test/stamp", 1, "a")],
            "tsaConfig": {"selector": "ALL"},
        })
    }

    fn select(config: &Value) -> Result<Services, ConfigError> {
        SigningConfig::parse(config.to_string().as_bytes())?.select(Purpose::Certificate, now())
    }

    fn logs(services: &Services) -> Vec<&str> {
        let logs = services.logs.candidates.iter();
        logs.map(|log| log.url.as_str()).collect()
    }

    #[test]
    fn the_highest_version_of_an_operator_is_used() {
        let services = select(&config()).unwrap();
        assert_eq!(logs(&services), ["https://r2.test/"]);
        assert_eq!(services.logs.candidates[0].version, LogVersion::V2);
        assert_eq!(services.tsas.candidates[0].as_str(), "https://t.test/stamp");
    }

    #[test]
    fn a_version_we_do_not_speak_is_not_the_highest() {
        let mut value = config();
        value["rekorTlogUrls"][1]["majorApiVersion"] = 3.into();
        assert_eq!(logs(&select(&value).unwrap()), ["https://r1.test/"]);
        value["rekorTlogUrls"][0]["majorApiVersion"] = 3.into();
        assert!(matches!(
            select(&value),
            Err(ConfigError::NoService {
                list: List::Rekor,
                ..
            })
        ));
    }

    #[test]
    fn a_service_that_is_over_or_not_yet_begun_is_passed_over() {
        let mut value = config();
        value["rekorTlogUrls"][1]["validFor"]["end"] = "2026-05-31T23:59:59Z".into();
        assert_eq!(logs(&select(&value).unwrap()), ["https://r1.test/"]);
        value["caUrls"][0]["validFor"]["start"] = "2026-06-01T00:00:01Z".into();
        assert!(matches!(
            select(&value),
            Err(ConfigError::NoService {
                list: List::Fulcio,
                ..
            })
        ));
    }

    #[test]
    fn rekor_v2_without_a_timestamp_authority_is_refused_and_v1_is_not() {
        let mut value = config();
        value["tsaUrls"] = json!([]);
        assert!(matches!(select(&value), Err(ConfigError::NoTime)));
        value["rekorTlogUrls"] = json!([service("https://r1.test", 1, "a")]);
        assert_eq!(select(&value).unwrap().tsas, Pool::default());
    }

    #[test]
    fn selectors_say_how_many_operators_are_needed() {
        let mut value = config();
        value["rekorTlogUrls"] = json!([
            service("https://r1.test", 1, "a"),
            service("https://b.test", 1, "b"),
            service("https://r2.test", 2, "a"),
        ]);
        for (choice, wanted) in [
            (json!({}), 1),
            (json!({"selector": "ANY"}), 1),
            (json!({"selector": "ANY", "count": 2}), 1),
            (json!({"selector": "EXACT", "count": 1}), 1),
            (json!({"selector": "EXACT", "count": 2}), 2),
            (json!({"selector": "ALL"}), 2),
        ] {
            value["rekorTlogConfig"] = choice;
            let services = select(&value).unwrap();
            // Of one operator the higher version alone, in the place it was first named.
            assert_eq!(logs(&services), ["https://r2.test/", "https://b.test/"]);
            assert_eq!(services.logs.wanted, wanted, "{value}");
        }
    }

    #[test]
    fn a_number_of_operators_that_there_is_not_is_refused() {
        let mut value = config();
        for choice in [
            json!({"selector": "EXACT", "count": 2}),
            json!({"selector": "EXACT", "count": 0}),
            json!({"selector": "EXACT"}),
        ] {
            value["rekorTlogConfig"] = choice;
            assert!(matches!(
                select(&value),
                Err(ConfigError::Several {
                    list: List::Rekor,
                    operators: 1,
                    ..
                })
            ));
        }
        value["rekorTlogConfig"] = json!({"selector": "SERVICE_SELECTOR_UNDEFINED"});
        assert!(matches!(
            select(&value),
            Err(ConfigError::Undefined { list: List::Rekor })
        ));
    }

    #[test]
    fn a_key_needs_no_certificate_and_may_do_without_a_log() {
        let mut value = config();
        value["caUrls"] = json!([]);
        let config = SigningConfig::parse(value.to_string().as_bytes()).unwrap();
        let key = config.select(Purpose::Key, now()).unwrap();
        assert_eq!(
            (key.fulcio.wanted, key.logs.wanted, key.tsas.wanted),
            (0, 1, 1)
        );
        let alone = config.select(Purpose::KeyWithoutLog, now()).unwrap();
        assert_eq!((alone.logs.wanted, alone.tsas.wanted), (0, 1));
        assert!(config.select(Purpose::Certificate, now()).is_err());
    }

    #[test]
    fn plain_http_to_another_machine_and_other_versions_are_refused() {
        let mut value = config();
        value["caUrls"][0]["url"] = "http://f.test".into();
        assert!(matches!(
            select(&value),
            Err(ConfigError::Address {
                list: List::Fulcio,
                ..
            })
        ));
        let mut value = config();
        value["mediaType"] = "application/vnd.dev.sigstore.signingconfig.v0.1+json".into();
        assert!(matches!(select(&value), Err(ConfigError::MediaType { .. })));
        assert!(matches!(
            SigningConfig::parse(b"{"),
            Err(ConfigError::Json(_))
        ));
        let large = vec![b' '; MAX_CONFIG + 1];
        assert!(matches!(
            SigningConfig::parse(&large),
            Err(ConfigError::TooLarge)
        ));
    }

    #[test]
    fn the_built_in_configuration_reads() {
        for (instance, address) in [
            (Instance::PublicGood, "https://fulcio.sigstore.dev/"),
            (Instance::Staging, "https://fulcio.sigstage.dev/"),
        ] {
            let config = SigningConfig::embedded(instance).unwrap().unwrap();
            let services = config.select(Purpose::Certificate, now()).unwrap();
            assert_eq!(services.fulcio.candidates[0].as_str(), address);
        }
        assert!(SigningConfig::embedded(Instance::GitHub).unwrap().is_none());
    }
}
