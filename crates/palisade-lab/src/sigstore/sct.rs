//! Signed certificate timestamps (RFC 6962 section 3.2), embedded in the certificate.

use p256::ecdsa::SigningKey;
use p256::elliptic_curve::rand_core::OsRng;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;

use crate::certificates::{der, extension, sign_p256, spki_p256, spki_p384};
use crate::encode::{random, sha256};
use crate::fault::{Fault, Faults};
use crate::keys::Keys;

const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
const MONTH_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// The SCT list extension for a certificate that has every other extension already.
pub(crate) fn sct_list(
    keys: &Keys,
    faults: &Faults,
    tbs: &TbsCertificate,
    now: i64,
) -> Option<Extension> {
    if faults.on(Fault::SctNone) {
        return None;
    }
    let mut timestamp = u64::try_from(now).unwrap_or(0) * 1000;
    if faults.on(Fault::SctOld) {
        timestamp -= MONTH_MS;
    }
    let issuer = if faults.on(Fault::SctWrongIssuerHash) {
        spki_p384(&keys.root)
    } else {
        spki_p256(&keys.intermediate)
    };
    let extensions = if faults.on(Fault::SctLeafindex) {
        leaf_index()
    } else {
        Vec::new()
    };
    let signed = signed_bytes(timestamp, &sha256(&issuer), &der(tbs), &extensions);
    let signature = if faults.on(Fault::SctBadsig) {
        sign_p256(&SigningKey::random(&mut OsRng), &signed)
    } else {
        sign_p256(&keys.ct, &signed)
    };
    let log_id = sha256(&spki_p256(&keys.ct));
    let sct = serialize(&log_id, timestamp, &extensions, &signature);
    let list = with_length(&with_length(&sct));
    let value = der::asn1::OctetString::new(list).expect("an SCT list is short");
    Some(extension(SCT_LIST, false, der(&value)))
}

/// Section 3.2, `digitally-signed struct` of a precert_entry.
fn signed_bytes(timestamp: u64, issuer_hash: &[u8; 32], tbs: &[u8], extensions: &[u8]) -> Vec<u8> {
    let length = u32::try_from(tbs.len())
        .expect("a certificate is short")
        .to_be_bytes();
    [
        &[0, 0][..],
        &timestamp.to_be_bytes(),
        &[0, 1],
        issuer_hash,
        &length[1..],
        tbs,
        &with_length(extensions),
    ]
    .concat()
}

fn serialize(log_id: &[u8; 32], timestamp: u64, extensions: &[u8], signature: &[u8]) -> Vec<u8> {
    // 4, 3: sha256, ecdsa (RFC 5246 section 7.4.1.4.1).
    [
        &[0][..],
        log_id,
        &timestamp.to_be_bytes(),
        &with_length(extensions),
        &[4, 3],
        &with_length(signature),
    ]
    .concat()
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("SCT parts are short");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// C2SP static-ct-api, "SCT Extension": type 0, length 5, a 40-bit index.
fn leaf_index() -> Vec<u8> {
    let index: [u8; 4] = random();
    [&[0, 0, 5, 0][..], &index].concat()
}
