//! Finding a decision that releases the image: among the lines of a file, or what is attached.

use palisade_attest::predicates::vsa;
use palisade_attest::{Bundle, BundleError};
use palisade_oci::Client;
use palisade_trust::{Rejection, TrustRoot, verify_statement};
use palisade_types::{Digest, FrozenSubject, Timestamp};

use crate::demands;
use crate::refusal::Refusal;
use crate::ticket::{DeployTicket, Expectation};

/// The largest file of decisions we read, in bytes.
pub(crate) const MAX_FILE: u64 = 64 << 20;
/// The most bundles of one file.
const MAX_BUNDLES: usize = 1_000;

/// Why one bundle does not release the image.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is no bundle.
    #[error("{0}")]
    Bundle(#[from] BundleError),
    /// It carries another kind of statement, or none.
    #[error("it claims to be {0}, no verification summary")]
    Kind(String),
    /// Its signature does not hold, or it is somebody else's.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// It is verified, and does not say what is demanded.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl Unusable {
    /// The reason, stable and in kebab-case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bundle(_) => "bundle",
            Self::Kind(_) => "kind",
            Self::Rejected(_) => "rejected",
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

/// A bundle that was looked at in vain.
#[derive(Debug)]
pub struct Candidate {
    /// The digest of its bytes.
    pub bundle: Digest,
    /// Why it releases nothing.
    pub unusable: Unusable,
}

/// The bundles of a file: one JSON document, or one on each line.
pub(crate) fn in_file(bytes: &[u8]) -> Result<Vec<Vec<u8>>, BundleError> {
    let whole = Bundle::parse(bytes);
    if let Ok(bundle) = whole {
        return Ok(vec![bundle.bytes().to_vec()]);
    }
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines: Vec<&[u8]> = lines.filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.len() < 2 {
        return whole.map(|_| Vec::new());
    }
    if lines.len() > MAX_BUNDLES {
        return Err(BundleError::TooMany("lines"));
    }
    // A file with a line that is no bundle is the wrong file.
    lines
        .into_iter()
        .map(|line| Ok(Bundle::parse(line)?.bytes().to_vec()))
        .collect()
}

/// What may hold a decision.
#[derive(Debug)]
pub(crate) struct Found {
    /// The bundles.
    pub(crate) bundles: Vec<Vec<u8>>,
    /// What is attached and could not be read, and why: a decision may be among it.
    pub(crate) unreadable: Vec<(Digest, String)>,
}

/// The bundles attached to the image, whatever they are. What is there and is no bundle, or was
/// attached by a stranger, decides nothing: it cannot add a decision, nor take one away.
pub(crate) async fn attached(
    client: &Client,
    subject: &FrozenSubject,
) -> Result<Found, palisade_oci::Error> {
    let found = client.bundles(&subject.image).await?;
    let bundles = found.bundles.into_iter().map(|bundle| bundle.bytes);
    Ok(Found {
        bundles: bundles.collect(),
        unreadable: found.unreadable,
    })
}

/// A ticket from the first bundle that releases the image; else why each one does not.
///
/// One is enough, and which others there are does not matter: taking a bundle away never helps.
pub(crate) fn redeem_any(
    bundles: &[Vec<u8>],
    subject: &FrozenSubject,
    root: &TrustRoot,
    expected: &Expectation,
    now: Timestamp,
) -> Result<DeployTicket, Vec<Candidate>> {
    let mut candidates = Vec::new();
    for bytes in bundles {
        match redeem(bytes, subject, root, expected, now) {
            Ok(ticket) => return Ok(ticket),
            Err(unusable) => candidates.push(Candidate {
                bundle: Digest::sha256_of(bytes),
                unusable,
            }),
        }
    }
    Err(candidates)
}

fn redeem(
    bytes: &[u8],
    subject: &FrozenSubject,
    root: &TrustRoot,
    expected: &Expectation,
    now: Timestamp,
) -> Result<DeployTicket, Unusable> {
    let bundle = Bundle::parse(bytes)?;
    // Unverified, for sorting only: what is left out here could only have been refused.
    let claimed = bundle.claimed_predicate_type();
    if claimed != Some(vsa::TYPE) {
        let claimed = claimed.map_or("a plain signature".to_owned(), |claimed| {
            format!("a `{}`", palisade_ui::escape(claimed))
        });
        return Err(Unusable::Kind(claimed));
    }
    let gate = std::slice::from_ref(&expected.gate);
    // What was signed a moment ago, by a clock that runs ahead, is not from the future. Whether it
    // is too old is asked below, at `now`.
    let statement = verify_statement(&bundle, root, gate, demands::latest_now(now))?;
    Ok(DeployTicket::redeem(
        &subject.image,
        subject,
        &statement,
        expected,
        now,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"messageSignature":{}}"#;

    #[test]
    fn one_document_and_one_per_line_both_read() {
        let pretty = LINE.replace(',', ",\n  ");
        let count = |text: &str| in_file(text.as_bytes()).map(|bundles| bundles.len()).ok();
        assert_eq!(count(LINE), Some(1));
        assert_eq!(count(&pretty), Some(1));
        assert_eq!(count(&format!("{LINE}\n\n{LINE}\n")), Some(2));
    }

    #[test]
    fn a_file_with_anything_else_in_it_is_refused() {
        for bad in ["", "\n", "{}", "[]", "nonsense", &format!("{LINE}\n{{}}")] {
            assert!(in_file(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
