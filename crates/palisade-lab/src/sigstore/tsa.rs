//! The timestamp authority (RFC 3161), with DER queries and Sigstore's JSON ones.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{get, post};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use const_oid::ObjectIdentifier;
use der::asn1::{GeneralizedTime, Int, OctetString, SetOfVec, UtcTime};
use der::{Any, Decode, Encode, Sequence};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::rand_core::OsRng;
use serde_json::Value;
use spki::AlgorithmIdentifierOwned;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::name::GeneralName;
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion, TstInfo};

use crate::certificates::{Signer, der};
use crate::encode::{now, pem, random, sha256, unb64};
use crate::fault::Fault;
use crate::http::{reply, text};
use crate::world::{Shared, World};

const NINE_HOURS: i64 = 9 * 60 * 60;
/// The policy under which Sigstore's own authority stamps.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.2");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/timestamp", post(stamp))
        .route("/api/v1/timestamp/certchain", get(chain))
}

/// RFC 3161 section 2.4.2, for a request that was granted; status 0, no text.
#[derive(Sequence)]
struct Granted {
    status: Status,
    token: ContentInfo,
}

#[derive(Sequence)]
struct Status {
    status: u8,
}

/// RFC 5035 section 3, with SHA-256, which is the default and therefore left out.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certs: Vec<EssCertIdV2>,
}

#[derive(Sequence)]
struct EssCertIdV2 {
    hash: OctetString,
    issuer_serial: IssuerSerial,
}

#[derive(Sequence)]
struct IssuerSerial {
    issuer: Vec<GeneralName>,
    serial: x509_cert::serial_number::SerialNumber,
}

async fn stamp(State(world): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let query = if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        json_query(&body)
    } else {
        TimeStampReq::from_der(&body).ok()
    };
    let Some(query) = query else {
        return text(400, "the timestamp query cannot be read\n");
    };
    match granted(&world, query) {
        Ok(granted) => reply(201, "application/timestamp-reply", der(&granted)),
        Err(_) => text(
            400,
            "the timestamp query has a digest of an unknown kind or length\n",
        ),
    }
}

/// `{"artifactHash": base64, "hashAlgorithm": "sha256", "certificates": bool, "nonce": int}`.
fn json_query(body: &[u8]) -> Option<TimeStampReq> {
    let query: Value = serde_json::from_slice(body).ok()?;
    let oid = match query["hashAlgorithm"].as_str()? {
        "sha256" => SHA256,
        "sha384" => SHA384,
        "sha512" => SHA512,
        _ => return None,
    };
    let nonce = match query["nonce"].as_u64() {
        // A leading zero octet keeps the INTEGER positive.
        Some(nonce) => Some(Int::new(&[&[0][..], &nonce.to_be_bytes()].concat()).ok()?),
        None => None,
    };
    Some(TimeStampReq {
        version: TspVersion::V1,
        message_imprint: MessageImprint {
            hash_algorithm: AlgorithmIdentifierOwned {
                oid,
                parameters: None,
            },
            hashed_message: OctetString::new(unb64(query["artifactHash"].as_str()?)?).ok()?,
        },
        req_policy: None,
        nonce,
        cert_req: query["certificates"].as_bool().unwrap_or(false),
        extensions: None,
    })
}

fn granted(world: &World, query: TimeStampReq) -> der::Result<Granted> {
    let mut imprint = query.message_imprint;
    let expected = [(SHA256, 32), (SHA384, 48), (SHA512, 64)];
    if !expected.contains(&(
        imprint.hash_algorithm.oid,
        imprint.hashed_message.as_bytes().len(),
    )) {
        return Err(der::ErrorKind::Failed.into());
    }
    if world.faults.on(Fault::TsaImprint) {
        let length = imprint.hashed_message.as_bytes().len();
        imprint.hashed_message = OctetString::new(vec![0x5a; length])?;
    }
    let shift = if world.faults.on(Fault::TsaTimeOld) {
        NINE_HOURS
    } else {
        0
    };
    let time = Duration::from_secs(u64::try_from(now() - shift).unwrap_or(0));
    let mut serial: [u8; 16] = random();
    serial[0] = serial[0] & 0x3f | 0x40;
    let info = TstInfo {
        version: TspVersion::V1,
        policy: POLICY,
        message_imprint: imprint,
        serial_number: Int::new(&serial)?,
        gen_time: GeneralizedTime::from_unix_duration(time)?,
        accuracy: Some(x509_tsp::Accuracy {
            seconds: Some(1),
            millis: None,
            micros: None,
        }),
        ordering: false,
        nonce: query.nonce,
        tsa: None,
        extensions: None,
    };
    let token = signed_data(world, &info.to_der()?, time, query.cert_req)?;
    Ok(Granted {
        status: Status { status: 0 },
        token,
    })
}

/// The token: CMS signed data (RFC 5652 section 5) version 3 around the TSTInfo.
fn signed_data(
    world: &World,
    info: &[u8],
    time: Duration,
    with_certificate: bool,
) -> der::Result<ContentInfo> {
    let own = Certificate::from_der(&world.keys.certificates.tsa)?;
    let sha256_algorithm = AlgorithmIdentifierOwned {
        oid: SHA256,
        parameters: Some(Any::null()),
    };
    let certificates = if with_certificate {
        Some(CertificateSet::try_from(vec![
            CertificateChoices::Certificate(own.clone()),
        ])?)
    } else {
        None
    };
    let data = SignedData {
        version: CmsVersion::V3,
        digest_algorithms: SetOfVec::try_from(vec![sha256_algorithm.clone()])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: TST_INFO,
            econtent: Some(Any::encode_from(&OctetString::new(info)?)?),
        },
        certificates,
        crls: None,
        signer_infos: SignerInfos::try_from(vec![signer_info(
            world,
            &own,
            info,
            time,
            sha256_algorithm,
        )?])?,
    };
    Ok(ContentInfo {
        content_type: SIGNED_DATA,
        content: Any::encode_from(&data)?,
    })
}

fn signer_info(
    world: &World,
    own: &Certificate,
    info: &[u8],
    time: Duration,
    digest_alg: AlgorithmIdentifierOwned,
) -> der::Result<SignerInfo> {
    let issuer = own.tbs_certificate.issuer.clone();
    let serial = own.tbs_certificate.serial_number.clone();
    let signing_certificate = SigningCertificateV2 {
        certs: vec![EssCertIdV2 {
            hash: OctetString::new(sha256(&world.keys.certificates.tsa))?,
            issuer_serial: IssuerSerial {
                issuer: vec![GeneralName::DirectoryName(issuer.clone())],
                serial: serial.clone(),
            },
        }],
    };
    // A SET OF is sorted by its encodings, and signed in that form (section 5.4).
    let signed_attrs = SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, Any::encode_from(&TST_INFO)?)?,
        attribute(
            SIGNING_TIME,
            Any::encode_from(&UtcTime::from_unix_duration(time)?)?,
        )?,
        attribute(
            MESSAGE_DIGEST,
            Any::encode_from(&OctetString::new(sha256(info))?)?,
        )?,
        attribute(
            SIGNING_CERTIFICATE_V2,
            Any::encode_from(&signing_certificate)?,
        )?,
    ])?;
    let forged = SigningKey::random(&mut OsRng);
    let key = if world.faults.on(Fault::TsaBadsig) {
        &forged
    } else {
        &world.keys.tsa
    };
    let signer = Signer::P256(key);
    let signature = OctetString::new(signer.sign(&signed_attrs.to_der()?))?;
    Ok(SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer,
            serial_number: serial,
        }),
        digest_alg,
        signed_attrs: Some(signed_attrs),
        signature_algorithm: signer.algorithm(),
        signature,
        unsigned_attrs: None,
    })
}

fn attribute(oid: ObjectIdentifier, value: Any) -> der::Result<Attribute> {
    Ok(Attribute {
        oid,
        values: SetOfVec::try_from(vec![value])?,
    })
}

async fn chain(State(world): State<Shared>) -> Response {
    let certificates = &world.keys.certificates;
    let chain = [&certificates.tsa, &certificates.tsa_root].map(|der| pem("CERTIFICATE", der));
    reply(200, "application/pem-certificate-chain", chain.concat())
}
