//! From a bundle's bytes to a verdict: what was asked for, something else, or refused.

use palisade_attest::predicates::cosign_sign::{self, CosignSign};
use palisade_attest::{Bundle, Content, PredicateError, Statement};
use palisade_trust::{BlobSignature, Rejection, Verified, verify_blob, verify_statement};
use palisade_types::{Digest, SignerIdentity};

use crate::evidence::{Evidence, Found};
use crate::trust::Trust;

/// What a bundle has to hold.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// A statement of one of these types.
    Attestation(&'a [String]),
    /// A signature over a file's bytes.
    Message,
    /// A statement of cosign's signature type, and of no other.
    Signature,
}

/// Everything that was found about one subject, sorted.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) matches: Vec<Match>,
    pub(crate) others: Vec<Other>,
    pub(crate) refused: Vec<Refused>,
    /// The first of what is listed and could not be read: without a match, there is no answer.
    pub(crate) unreadable: Option<(Digest, String)>,
}

/// A verified bundle that is what was asked for.
pub(crate) struct Match {
    pub(crate) origin: String,
    pub(crate) value: Value,
    /// The digest of the subject that matched.
    pub(crate) digest: Digest,
}

/// What was verified.
pub(crate) enum Value {
    Message(Verified<BlobSignature>),
    Statement {
        statement: Verified<Statement>,
        /// The position of the subject that matched.
        subject: usize,
    },
}

/// A bundle of another kind. Not verified: it would not be an answer if it were good.
pub(crate) struct Other {
    pub(crate) origin: String,
    /// The type it claims; none for a signature over bytes.
    pub(crate) predicate_type: Option<String>,
}

/// What could have been an answer and is not.
pub(crate) struct Refused {
    pub(crate) origin: String,
    /// One stable word.
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
    /// For another signer: each field with what was wanted and what stands there.
    pub(crate) fields: Vec<Field>,
}

/// One field of a near miss.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) want: String,
    pub(crate) got: String,
    pub(crate) equal: bool,
}

/// Judges everything that was found. `digests` name the same bytes, the first is the image's or
/// the file's SHA-256.
pub(crate) fn judge(
    evidence: Evidence,
    wanted: Wanted<'_>,
    digests: &[Digest],
    trust: &Trust,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut seen = Vec::new();
    for Found { origin, bytes } in evidence.bundles {
        let bundle = match Bundle::parse(&bytes) {
            Ok(bundle) => bundle,
            Err(error) => {
                verdict
                    .refused
                    .push(refused(origin, "bundle", error.to_string()));
                continue;
            }
        };
        // The same bundle attached twice is one signature.
        if seen.contains(bundle.digest()) {
            continue;
        }
        seen.push(bundle.digest().clone());
        if !wanted.claimed_by(&bundle) {
            verdict.others.push(Other {
                origin,
                predicate_type: bundle.claimed_predicate_type().map(str::to_owned),
            });
            continue;
        }
        match verify(&bundle, wanted, digests, trust) {
            Ok((value, digest)) => verdict.matches.push(Match {
                origin,
                value,
                digest,
            }),
            Err(refusal) => verdict.refused.push(Refused { origin, ..refusal }),
        }
    }
    verdict.unreadable = evidence.unreadable.first().cloned();
    for (digest, why) in evidence.skipped.into_iter().chain(evidence.unreadable) {
        verdict
            .refused
            .push(refused(digest.to_string(), "unreadable", why));
    }
    verdict
}

impl Wanted<'_> {
    /// Whether the bundle claims to be what is wanted. The claim is what gets verified, so a
    /// bundle that claims something else can be passed over.
    fn claimed_by(self, bundle: &Bundle) -> bool {
        match (self, bundle.claimed_predicate_type()) {
            (Self::Attestation(types), Some(claimed)) => {
                types.iter().any(|wanted| wanted == claimed)
            }
            (Self::Message, None) => true,
            (Self::Signature, Some(claimed)) => claimed == cosign_sign::TYPE,
            _ => false,
        }
    }
}

fn verify(
    bundle: &Bundle,
    wanted: Wanted<'_>,
    digests: &[Digest],
    trust: &Trust,
) -> Result<(Value, Digest), Refused> {
    let [digest, also @ ..] = digests else {
        unreachable!("every subject has a digest")
    };
    let because = |rejection: Rejection| rejected(rejection, trust);
    if *bundle.claimed() == Content::MessageSignature {
        let verified = verify_blob(bundle, &trust.root, &trust.signers, digest, trust.now);
        return Ok((Value::Message(verified.map_err(because)?), digest.clone()));
    }
    let statement =
        verify_statement(bundle, &trust.root, &trust.signers, trust.now).map_err(because)?;
    let subject = about(statement.value(), digest, also)?;
    if matches!(wanted, Wanted::Signature) {
        let malformed =
            |error: PredicateError| refused(String::new(), "predicate", error.to_string());
        statement.predicate::<CosignSign>().map_err(malformed)?;
    }
    Ok((Value::Statement { statement, subject }, digest.clone()))
}

/// The subject that is this artifact; a statement about anything else is worth nothing here, by
/// whomever it is signed (CVE-2026-31830).
fn about(statement: &Statement, digest: &Digest, also: &[Digest]) -> Result<usize, Refused> {
    let elsewhere = |detail: String| refused(String::new(), "artifact", detail);
    match statement.is_about(digest, also) {
        Ok(Some(subject)) => Ok(subject),
        Ok(None) => Err(elsewhere(format!(
            "it is about {}, wanted {digest}",
            named(statement)
        ))),
        Err(conflict) => Err(elsewhere(conflict.to_string())),
    }
}

/// The first subjects of a statement, by digest.
fn named(statement: &Statement) -> String {
    const SHOWN: usize = 3;
    let digest = |(algorithm, hex): (&String, &String)| format!("{algorithm}:{hex}");
    let mut names: Vec<_> = statement
        .subjects
        .iter()
        .filter_map(|subject| subject.digest.iter().next().map(digest))
        .take(SHOWN)
        .collect();
    if statement.subjects.len() > SHOWN {
        names.push(format!("{} more", statement.subjects.len() - SHOWN));
    }
    names.join(", ")
}

fn rejected(rejection: Rejection, trust: &Trust) -> Refused {
    let reason = rejection.word();
    match rejection {
        Rejection::Signer { got, mismatches } => Refused {
            fields: fields(&got, trust, |field| {
                mismatches.iter().any(|mismatch| mismatch.field == field)
            }),
            ..refused(
                String::new(),
                reason,
                "it is signed by somebody else".to_owned(),
            )
        },
        Rejection::Invalid { detail, .. } => refused(String::new(), reason, detail),
        other => refused(String::new(), reason, other.to_string()),
    }
}

fn fields(got: &SignerIdentity, trust: &Trust, differs: impl Fn(&str) -> bool) -> Vec<Field> {
    [
        ("identity", &trust.identity, &got.san),
        ("issuer", &trust.issuer, &got.issuer),
    ]
    .map(|(name, want, got)| Field {
        name,
        want: want.clone(),
        got: got.clone(),
        equal: !differs(name),
    })
    .into()
}

fn refused(origin: String, reason: &'static str, detail: String) -> Refused {
    Refused {
        origin,
        reason,
        detail,
        fields: Vec::new(),
    }
}
