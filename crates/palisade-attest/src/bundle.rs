//! A Sigstore bundle: untrusted bytes, read only as far as sorting them needs.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use palisade_types::Digest;
use palisade_types::json::{JsonError, parse_strict};
use serde_json::Value;

use crate::statement::{IN_TOTO_PAYLOAD_TYPE, Statement, StatementError};

/// The largest bundle we read, in bytes.
pub const MAX_BUNDLE: usize = 192 << 20;
/// The most entries of any list in a bundle's verification material: certificates of a chain,
/// log entries, timestamps (the class of CVE-2024-45395).
const MAX_MATERIAL: usize = 32;

/// The version a bundle declares (Sigstore bundle format, *Media types*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/vnd.dev.sigstore.bundle+json;version=0.1`
    V0_1,
    /// `application/vnd.dev.sigstore.bundle+json;version=0.2`
    V0_2,
    /// `application/vnd.dev.sigstore.bundle.v0.3+json`, or the older spelling with `;version=0.3`
    V0_3,
}

impl MediaType {
    /// The spelling registries accept.
    pub const V0_3_TEXT: &'static str = "application/vnd.dev.sigstore.bundle.v0.3+json";

    /// Reads a media type.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "application/vnd.dev.sigstore.bundle+json;version=0.1" => Some(Self::V0_1),
            "application/vnd.dev.sigstore.bundle+json;version=0.2" => Some(Self::V0_2),
            "application/vnd.dev.sigstore.bundle+json;version=0.3" | Self::V0_3_TEXT => {
                Some(Self::V0_3)
            }
            _ => None,
        }
    }
}

/// What a bundle claims to carry.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A signature over an artifact's bytes.
    MessageSignature,
    /// A DSSE envelope with a statement, unverified and without its predicate: `null` stands there.
    Statement(Box<Statement>),
}

/// A bundle as it was found.
#[derive(Clone, Debug)]
pub struct Bundle {
    bytes: Vec<u8>,
    digest: Digest,
    media_type: MediaType,
    content: Content,
    converted: bool,
}

/// Why bytes are not a bundle we read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Larger than [`MAX_BUNDLE`].
    #[error("the bundle is larger than {MAX_BUNDLE} bytes")]
    TooLarge,
    /// A list of the verification material is longer than we read.
    #[error("the bundle has more than {MAX_MATERIAL} {0}")]
    TooMany(&'static str),
    /// Not JSON, or JSON that two readers could read differently.
    #[error("the bundle is not acceptable JSON: {0}")]
    Json(JsonError),
    /// The media type is missing or unknown.
    #[error("{0} is not a media type of a Sigstore bundle that palisade reads (v0.1, v0.2, v0.3)")]
    MediaType(String),
    /// A part is missing or is not what the format says.
    #[error("the bundle's `{0}` is missing or malformed")]
    Part(&'static str),
    /// The envelope carries something that is not an in-toto statement.
    #[error("the envelope's payload type is `{0}`, not `{IN_TOTO_PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// The envelope has no signature, or several.
    #[error("the envelope has {0} signatures; exactly one is allowed")]
    Signatures(usize),
    /// The envelope's payload is not a statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

// By hand: `#[from]` would make the cause a source too, and say it twice.
impl From<JsonError> for BundleError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl Bundle {
    /// Reads a bundle. Nothing about it is true yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE {
            return Err(BundleError::TooLarge);
        }
        let value = parse_strict(bytes)?;
        let media_type = match value.get("mediaType").and_then(Value::as_str) {
            Some(text) => {
                MediaType::parse(text).ok_or_else(|| BundleError::MediaType(format!("`{text}`")))?
            }
            None => return Err(BundleError::MediaType("nothing".to_owned())),
        };
        check_material(
            value
                .get("verificationMaterial")
                .ok_or(BundleError::Part("verificationMaterial"))?,
        )?;
        let content = match (value.get("messageSignature"), value.get("dsseEnvelope")) {
            (Some(Value::Object(_)), None) => Content::MessageSignature,
            (None, Some(envelope)) => Content::Statement(Box::new(statement_in(envelope)?)),
            _ => return Err(BundleError::Part("messageSignature or dsseEnvelope")),
        };
        // Before the bytes are copied: it holds the payload once more.
        drop(value);
        Ok(Self {
            bytes: bytes.to_vec(),
            digest: Digest::sha256_of(bytes),
            media_type,
            content,
            converted: false,
        })
    }

    /// The same bundle, made by us out of a format with no room for an inclusion proof.
    pub(crate) fn converted(mut self) -> Self {
        self.converted = true;
        self
    }

    /// Whether it was converted out of one of cosign's formats of before bundles: told by how it was
    /// stored, which whoever stored it has chosen.
    pub const fn is_converted(&self) -> bool {
        self.converted
    }

    /// The bytes as found.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the bytes.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The declared version.
    pub const fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// What it claims to carry. Unverified: for sorting and for saying what was found.
    pub const fn claimed(&self) -> &Content {
        &self.content
    }

    /// The predicate type it claims, when it carries a statement. Unverified.
    pub fn claimed_predicate_type(&self) -> Option<&str> {
        match &self.content {
            Content::Statement(statement) => Some(&statement.predicate_type),
            Content::MessageSignature => None,
        }
    }
}

fn check_material(material: &Value) -> Result<(), BundleError> {
    // Given two, readers disagree about which of them signed.
    let signers = ["certificate", "publicKey", "x509CertificateChain"];
    if signers
        .iter()
        .filter(|name| material.get(name).is_some())
        .count()
        > 1
    {
        return Err(BundleError::Part(
            "certificate, publicKey or x509CertificateChain",
        ));
    }
    let lists = [
        ("/tlogEntries", "log entries"),
        ("/timestampVerificationData/rfc3161Timestamps", "timestamps"),
        ("/x509CertificateChain/certificates", "certificates"),
    ];
    for (pointer, what) in lists {
        let length = material
            .pointer(pointer)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        if length > MAX_MATERIAL {
            return Err(BundleError::TooMany(what));
        }
    }
    Ok(())
}

/// Protobuf's JSON mapping, *bytes*: a reader takes either alphabet, with and without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    const ANY: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) {
        &alphabet::URL_SAFE
    } else {
        &alphabet::STANDARD
    };
    GeneralPurpose::new(alphabet, ANY).decode(text).ok()
}

fn statement_in(envelope: &Value) -> Result<Statement, BundleError> {
    let text = |name: &'static str| {
        envelope
            .get(name)
            .and_then(Value::as_str)
            .ok_or(BundleError::Part(name))
    };
    let payload_type = text("payloadType")?;
    if payload_type != IN_TOTO_PAYLOAD_TYPE {
        return Err(BundleError::PayloadType(payload_type.to_owned()));
    }
    let signatures = envelope
        .get("signatures")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if signatures != 1 {
        return Err(BundleError::Signatures(signatures));
    }
    let payload = decode(text("payload")?).ok_or(BundleError::Part("payload"))?;
    Ok(Statement::parse_claimed(&payload)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::ResourceDescriptor;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn good() -> Value {
        let subject = ResourceDescriptor::new(None, &Digest::sha256_of(b"x"));
        let statement = Statement::new(vec![subject], "https://example.test/p", json!({}));
        json!({
            "mediaType": MediaType::V0_3_TEXT,
            "verificationMaterial": {"tlogEntries": [{}]},
            "dsseEnvelope": {
                "payloadType": IN_TOTO_PAYLOAD_TYPE,
                "payload": STANDARD.encode(statement.to_json()),
                "signatures": [{"sig": "AA=="}],
            },
        })
    }

    fn parse(value: &Value) -> Result<Bundle, BundleError> {
        Bundle::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_bundle_tells_what_it_claims() {
        let bundle = parse(&good()).expect("a bundle");
        assert_eq!(
            bundle.claimed_predicate_type(),
            Some("https://example.test/p")
        );
        assert_eq!(bundle.media_type(), MediaType::V0_3);
    }

    #[test]
    fn each_part_that_is_wrong_has_its_own_error() {
        let with = |pointer: &str, new: Value| {
            let mut value = good();
            *value
                .pointer_mut(pointer)
                .expect("a place in the good bundle") = new;
            parse(&value)
        };
        assert!(matches!(
            with("/mediaType", json!("x")),
            Err(BundleError::MediaType(_))
        ));
        assert!(matches!(
            with(
                "/verificationMaterial/tlogEntries",
                json!(vec![json!({}); 33])
            ),
            Err(BundleError::TooMany("log entries"))
        ));
        assert!(matches!(
            with("/dsseEnvelope/payloadType", json!("text/plain")),
            Err(BundleError::PayloadType(_))
        ));
        assert!(matches!(
            with("/dsseEnvelope/signatures", json!([{}, {}])),
            Err(BundleError::Signatures(2))
        ));
        assert!(matches!(
            with("/dsseEnvelope/payload", json!("e30=")),
            Err(BundleError::Statement(_))
        ));
        assert!(matches!(
            with("/dsseEnvelope/payload", json!("%")),
            Err(BundleError::Part(_))
        ));
    }

    #[test]
    fn two_kinds_of_signer_at_once_are_refused() {
        let mut value = good();
        value["verificationMaterial"]["certificate"] = json!({});
        assert!(parse(&value).is_ok());
        value["verificationMaterial"]["publicKey"] = json!({});
        assert!(matches!(parse(&value), Err(BundleError::Part(_))));
    }

    #[test]
    fn both_contents_at_once_or_none_is_refused() {
        let mut both = good();
        both["messageSignature"] = json!({});
        assert!(matches!(parse(&both), Err(BundleError::Part(_))));
        let mut none = good();
        none.as_object_mut()
            .expect("an object")
            .remove("dsseEnvelope");
        assert!(matches!(parse(&none), Err(BundleError::Part(_))));
    }
}
