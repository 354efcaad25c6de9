//! Which services sign: the signing configuration, and the choice it leaves.

use std::fmt;

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
    /// Fulcio.
    pub fulcio: Url,
    /// The transparency log.
    pub rekor: Url,
    /// The interface it speaks.
    pub rekor_version: LogVersion,
    /// The timestamp authority's full address.
    pub tsa: Option<Url>,
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
    /// `rekorTlogUrls`.
    Rekor,
    /// `tsaUrls`.
    Tsa,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fulcio => "caUrls",
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
    /// The selector asks for more services than we use yet.
    #[error("the signing configuration asks for {wanted} of `{list}`; palisade uses one")]
    Several {
        /// The list.
        list: List,
        /// What it asks for.
        wanted: String,
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

    /// The services to use at `now`. Nothing is asked: what cannot work is refused here.
    pub fn select(&self, now: Timestamp) -> Result<Services, ConfigError> {
        let any = Choice::default();
        let (fulcio, _) = choose(List::Fulcio, &self.ca_urls, &any, VERSION_1, now)?;
        let (rekor, version) = choose(
            List::Rekor,
            &self.rekor_tlog_urls,
            &self.rekor_tlog_config,
            LOG_VERSIONS,
            now,
        )?;
        let tsa = if self.tsa_urls.is_empty() {
            None
        } else {
            Some(choose(List::Tsa, &self.tsa_urls, &self.tsa_config, VERSION_1, now)?.0)
        };
        let rekor_version = if version == 2 {
            LogVersion::V2
        } else {
            LogVersion::V1
        };
        if rekor_version == LogVersion::V2 && tsa.is_none() {
            return Err(ConfigError::NoTime);
        }
        Ok(Services {
            fulcio,
            rekor,
            rekor_version,
            tsa,
        })
    }
}

/// One service of a list: of the operator named first, the highest version, then the newest.
fn choose(
    list: List,
    endpoints: &[Endpoint],
    choice: &Choice,
    versions: &[u32],
    now: Timestamp,
) -> Result<(Url, u32), ConfigError> {
    let usable: Vec<&Endpoint> = endpoints
        .iter()
        .filter(|endpoint| versions.contains(&endpoint.major_api_version))
        .filter(|endpoint| endpoint.valid_for.contains(now))
        .collect();
    let first = usable.first().ok_or(ConfigError::NoService { list, now })?;
    let several = usable
        .iter()
        .any(|endpoint| endpoint.operator != first.operator);
    let wanted = |text: String| Err(ConfigError::Several { list, wanted: text });
    match (choice.selector, choice.count) {
        (Selector::Any, _) | (Selector::Exact, Some(1)) => {}
        (Selector::All, _) if !several => {}
        (Selector::All, _) => return wanted("ALL operators".to_owned()),
        (Selector::Exact, count) => return wanted(format!("EXACT {}", count.unwrap_or(0))),
        (Selector::Undefined, _) => return Err(ConfigError::Undefined { list }),
    }
    let best = usable
        .iter()
        .filter(|endpoint| endpoint.operator == first.operator)
        .max_by_key(|endpoint| (endpoint.major_api_version, endpoint.valid_for.start))
        .expect("the first one is of its own operator");
    let address = || ConfigError::Address {
        list,
        url: best.url.clone(),
    };
    let url: Url = best.url.parse().map_err(|_| address())?;
    if is_safe(&url) {
        Ok((url, best.major_api_version))
    } else {
        Err(address())
    }
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
        SigningConfig::parse(config.to_string().as_bytes())?.select(now())
    }

    #[test]
    fn the_highest_version_of_an_operator_is_used() {
        let services = select(&config()).unwrap();
        assert_eq!(services.rekor.as_str(), "https://r2.test/");
        assert_eq!(services.rekor_version, LogVersion::V2);
        assert_eq!(services.tsa.unwrap().as_str(), "https://t.test/stamp");
    }

    #[test]
    fn a_version_we_do_not_speak_is_not_the_highest() {
        let mut value = config();
        value["rekorTlogUrls"][1]["majorApiVersion"] = 3.into();
        assert_eq!(select(&value).unwrap().rekor_version, LogVersion::V1);
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
        assert_eq!(select(&value).unwrap().rekor.as_str(), "https://r1.test/");
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
        assert_eq!(select(&value).unwrap().tsa, None);
    }

    #[test]
    fn selectors_that_want_more_than_one_operator_are_refused_by_name() {
        let mut value = config();
        value["rekorTlogUrls"] = json!([
            service("https://r1.test", 1, "a"),
            service("https://b.test", 1, "b")
        ]);
        assert_eq!(select(&value).unwrap().rekor.as_str(), "https://r1.test/");
        value["rekorTlogConfig"] = json!({"selector": "EXACT", "count": 1});
        assert!(select(&value).is_ok());
        for wanted in [
            json!({"selector": "ALL"}),
            json!({"selector": "EXACT", "count": 2}),
            json!({"selector": "EXACT"}),
        ] {
            value["rekorTlogConfig"] = wanted;
            assert!(matches!(
                select(&value),
                Err(ConfigError::Several {
                    list: List::Rekor,
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
        let services = SigningConfig::public_good().unwrap().select(now()).unwrap();
        assert_eq!(services.fulcio.as_str(), "https://fulcio.sigstore.dev/");
    }
}
