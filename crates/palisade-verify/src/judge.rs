//! From a bundle's bytes to a verdict: what was asked for, something else, or refused.

use std::collections::HashSet;
use std::sync::Arc;

use palisade_attest::legacy::SimpleSigning;
use palisade_attest::predicates::cosign_sign::{self, CosignSign};
use palisade_attest::{Bundle, Content, PredicateError, Statement};
use palisade_trust::{
    Artifact, BlobSignature, Mismatch, Rejection, SignerClaims, verify_blob, verify_blob_with_key,
    verify_statement, verify_statement_with_key,
};
use palisade_types::{Digest, SignerIdentity};

use crate::evidence::{Evidence, Found};
use crate::trust::{Trust, Who};
use crate::vouched::Vouched;

/// What a bundle has to hold.
#[derive(Clone)]
pub(crate) enum Wanted {
    /// Whatever is attached: only `verify tree`, which decides nothing.
    Anything,
    /// A statement of one of these types.
    Attestation(Arc<[String]>),
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
    pub(crate) unreadable: Option<(String, String)>,
}

/// A verified bundle that is what was asked for.
pub(crate) struct Match {
    pub(crate) origin: String,
    /// How it was stored.
    pub(crate) form: &'static str,
    pub(crate) value: Value,
    /// The digest of the subject that matched.
    pub(crate) digest: Digest,
}

/// What was verified.
pub(crate) enum Value {
    Message(Vouched<BlobSignature>),
    Statement {
        statement: Vouched<Statement>,
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

/// What the evidence has to be about.
pub(crate) struct Subject<'a> {
    /// Digests of the same bytes; the first is the image's, or the file's SHA-256.
    pub(crate) digests: &'a [Digest],
    /// The bytes, where a signature may be over them alone.
    pub(crate) bytes: Option<&'a [u8]>,
}

impl Verdict {
    /// Adds what was found in another place.
    pub(crate) fn merge(&mut self, other: Self) {
        self.matches.extend(other.matches);
        self.others.extend(other.others);
        self.refused.extend(other.refused);
        self.unreadable = self.unreadable.take().or(other.unreadable);
    }
}

/// Judges everything that was found.
pub(crate) fn judge(
    evidence: &Evidence,
    wanted: &Wanted,
    subject: &Subject<'_>,
    trust: &Trust,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut seen = HashSet::new();
    for Found {
        origin,
        form,
        bytes,
    } in &evidence.bundles
    {
        let origin = origin.clone();
        let bundle = match form.bundle(bytes) {
            Ok(bundle) => bundle,
            Err(error) => {
                verdict.refused.push(refused(origin, "bundle", error));
                continue;
            }
        };
        // The same bundle attached twice is one signature. In another form it is another claim: one
        // that counts for nothing must not stand for one that counts.
        if !seen.insert((form.word(), bundle.digest().clone())) {
            continue;
        }
        let payload = form.is_signature().then_some(bytes.as_slice());
        if !wanted.claimed_by(&bundle, payload.is_some()) {
            verdict.others.push(Other {
                origin,
                predicate_type: bundle.claimed_predicate_type().map(str::to_owned),
            });
            continue;
        }
        let verified = match payload {
            Some(payload) => verify_legacy(&bundle, payload, subject, trust),
            None => verify(&bundle, wanted, subject, trust),
        };
        match verified {
            Ok((value, digest)) => verdict.matches.push(Match {
                origin,
                form: form.word(),
                value,
                digest,
            }),
            Err(mut refusal) => {
                refusal.fields.extend(claimed(&bundle, wanted, subject));
                verdict.refused.push(Refused { origin, ..refusal });
            }
        }
    }
    verdict.unreadable = evidence.unreadable.first().cloned();
    for (origin, why) in evidence.skipped.iter().chain(&evidence.unreadable) {
        verdict
            .refused
            .push(refused(origin.clone(), "unreadable", why.clone()));
    }
    verdict
}

impl Wanted {
    /// Whether the bundle claims to be what is wanted. The claim is what gets verified, so a
    /// bundle that claims something else can be passed over. `names_image` is a signature of
    /// cosign's before version 3, whose payload names an image.
    fn claimed_by(&self, bundle: &Bundle, names_image: bool) -> bool {
        if names_image {
            return matches!(self, Self::Anything | Self::Signature);
        }
        match (self, bundle.claimed_predicate_type()) {
            (Self::Attestation(types), Some(claimed)) => {
                types.iter().any(|wanted| wanted == claimed)
            }
            (Self::Anything, _) | (Self::Message, None) => true,
            (Self::Signature, Some(claimed)) => claimed == cosign_sign::TYPE,
            _ => false,
        }
    }
}

fn verify(
    bundle: &Bundle,
    wanted: &Wanted,
    subject: &Subject<'_>,
    trust: &Trust,
) -> Result<(Value, Digest), Refused> {
    let [digest, also @ ..] = subject.digests else {
        unreachable!("every subject has a digest")
    };
    let because = |rejection: Rejection| rejected(rejection, trust);
    if let Content::Statement(claimed) = bundle.claimed() {
        // What does not even claim to be about this is no answer, whoever signed it; verifying it
        // would cost as much as verifying an answer.
        about(claimed, digest, also)?;
    } else {
        let verified = message(bundle, digest, subject.bytes, trust).map_err(because)?;
        return Ok((Value::Message(verified), digest.clone()));
    }
    let statement = statement(bundle, trust).map_err(because)?;
    let subject = about(statement.value(), digest, also)?;
    if matches!(wanted, Wanted::Signature) {
        let malformed =
            |error: PredicateError| refused(String::new(), "predicate", error.to_string());
        statement.check::<CosignSign>().map_err(malformed)?;
    }
    Ok((Value::Statement { statement, subject }, digest.clone()))
}

/// A signature of cosign's before version 3: over a payload that names the image.
fn verify_legacy(
    bundle: &Bundle,
    payload: &[u8],
    subject: &Subject<'_>,
    trust: &Trust,
) -> Result<(Value, Digest), Refused> {
    let digest = Digest::sha256_of(payload);
    let verified = message(bundle, &digest, Some(payload), trust)
        .map_err(|rejection| rejected(rejection, trust))?;
    let refusal = |detail: String| refused(String::new(), "artifact", detail);
    // Only now, over bytes whose signature holds. The tag's name is anyone's.
    let signed = SimpleSigning::parse(payload).map_err(|error| refusal(error.to_string()))?;
    if !subject.digests.contains(&signed.image) {
        return Err(refusal(format!(
            "it is about {}, wanted {}",
            signed.image, subject.digests[0]
        )));
    }
    Ok((Value::Message(verified), signed.image))
}

fn message(
    bundle: &Bundle,
    digest: &Digest,
    bytes: Option<&[u8]>,
    trust: &Trust,
) -> Result<Vouched<BlobSignature>, Rejection> {
    let Trust { root, now, .. } = trust;
    match &trust.who {
        Who::Key { key, profile } => {
            let artifact = bytes.map_or(Artifact::Digest(digest), Artifact::Bytes);
            verify_blob_with_key(bundle, root, key, artifact, *profile, *now).map(Vouched::Key)
        }
        Who::Signer { signers, .. } => {
            verify_blob(bundle, root, signers, digest, *now).map(Vouched::Signer)
        }
    }
}

fn statement(bundle: &Bundle, trust: &Trust) -> Result<Vouched<Statement>, Rejection> {
    let Trust { root, now, .. } = trust;
    match &trust.who {
        Who::Key { key, profile } => {
            verify_statement_with_key(bundle, root, key, *profile, *now).map(Vouched::Key)
        }
        Who::Signer { signers, .. } => {
            verify_statement(bundle, root, signers, *now).map(Vouched::Signer)
        }
    }
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
        Rejection::Signer {
            got,
            claims,
            mismatches,
        } => Refused {
            fields: fields(&got, &claims, trust, &mismatches),
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

/// Everything that was demanded of the signer, whether it is met or not.
fn fields(
    got: &SignerIdentity,
    claims: &SignerClaims,
    trust: &Trust,
    mismatches: &[Mismatch],
) -> Vec<Field> {
    let Who::Signer {
        signers: [signer],
        identity,
        issuer,
    } = &trust.who
    else {
        return Vec::new();
    };
    let field = |name: &'static str, want: &str, got: &str| Field {
        name,
        want: want.to_owned(),
        got: got.to_owned(),
        equal: !mismatches.iter().any(|mismatch| mismatch.field == name),
    };
    let mut fields = vec![
        field("identity", identity, &got.san),
        field("issuer", issuer, &got.issuer),
    ];
    fields.extend(signer.demands().iter().map(|(claim, pattern)| {
        let got = claims.get(*claim).unwrap_or_default();
        field(claim.word(), pattern.text(), got)
    }));
    fields
}

/// What the bundle claims beside what was wanted of it, verified or not.
fn claimed(bundle: &Bundle, wanted: &Wanted, subject: &Subject<'_>) -> Vec<Field> {
    let Content::Statement(statement) = bundle.claimed() else {
        return Vec::new();
    };
    let types = match wanted {
        Wanted::Attestation(types) => types.join(" or "),
        Wanted::Signature => cosign_sign::TYPE.to_owned(),
        Wanted::Anything | Wanted::Message => return Vec::new(),
    };
    let [digest, also @ ..] = subject.digests else {
        unreachable!("every subject has a digest")
    };
    let matched = statement.is_about(digest, also);
    vec![
        Field {
            name: "predicate-type",
            want: types,
            got: statement.predicate_type.clone(),
            // Another one would have been passed over.
            equal: true,
        },
        Field {
            name: "subject",
            want: digest.to_string(),
            got: match matched {
                Ok(Some(_)) => digest.to_string(),
                _ => named(statement),
            },
            equal: matches!(matched, Ok(Some(_))),
        },
    ]
}

fn refused(origin: String, reason: &'static str, detail: String) -> Refused {
    Refused {
        origin,
        reason,
        detail,
        fields: Vec::new(),
    }
}
