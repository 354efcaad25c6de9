//! `verify-bundle`.

use std::path::Path;

use palisade_attest::{Bundle, Content, Statement};
use palisade_trust::{
    Artifact, Claim, ExpectedKey, ExpectedSigner, KeyProfile, Profile, PublicKey, TrustRoot,
    verify_blob, verify_blob_with_key, verify_statement, verify_statement_with_key,
};
use palisade_types::{Digest, SignerIdentity, Timestamp};
use palisade_ui::{Context, Exit};

use crate::args::VerifyArgs;
use crate::error::Error;
use crate::{read, trust_root};

/// What the bundle has to be about.
enum Given {
    Bytes(Vec<u8>),
    Digest(Digest),
}

pub(crate) fn run(args: &VerifyArgs, context: &Context) -> Result<Exit, Error> {
    // The protocol has no word for the proof, and bundles of its first version need none.
    let root = trust_root(args.trusted_root.as_ref(), args.staging)?.under(Profile::Promised)?;
    let given = given(&args.artifact)?;
    let bundle = Bundle::parse(&read(&args.bundle)?)?;
    match &args.key {
        Some(path) => {
            let key = ExpectedKey::new("key", PublicKey::from_pem(&read(path)?)?);
            by_key(&bundle, &root, &key, &given, context.now)?;
        }
        None => by_signer(&bundle, &root, &signer(args), &given, context.now)?,
    }
    Ok(Exit::Ok)
}

/// The protocol: what starts with `sha256:`, has the digits of a digest and is no path on disk is
/// a digest. Anything else is a path.
fn given(text: &str) -> Result<Given, Error> {
    let path = Path::new(text);
    match text.parse::<Digest>() {
        Ok(digest) if text.starts_with("sha256:") && !path.exists() => Ok(Given::Digest(digest)),
        _ => Ok(Given::Bytes(read(path)?)),
    }
}

fn signer(args: &VerifyArgs) -> ExpectedSigner {
    let text = |flag: &Option<String>| flag.clone().expect("clap demands both, or a key");
    let identity = SignerIdentity {
        san: text(&args.certificate_identity),
        issuer: text(&args.certificate_oidc_issuer),
    };
    ExpectedSigner::exact("expected", identity)
}

fn by_signer(
    bundle: &Bundle,
    root: &TrustRoot,
    signer: &ExpectedSigner,
    given: &Given,
    now: Timestamp,
) -> Result<(), Error> {
    let signers = std::slice::from_ref(signer);
    if *bundle.claimed() == Content::MessageSignature {
        verify_blob(bundle, root, signers, &given.digest(), now)?;
        return Ok(());
    }
    let statement = verify_statement(bundle, root, signers, now)?;
    about(statement.value(), &given.digest())
}

fn by_key(
    bundle: &Bundle,
    root: &TrustRoot,
    key: &ExpectedKey,
    given: &Given,
    now: Timestamp,
) -> Result<(), Error> {
    // The protocol has no word for "without a time", and keys here have no window that one would
    // be held against. What nobody else has seen is refused below.
    let profile = KeyProfile::NoLog;
    if *bundle.claimed() == Content::MessageSignature {
        let artifact = match given {
            Given::Bytes(bytes) => Artifact::Bytes(bytes),
            Given::Digest(digest) => Artifact::Digest(digest),
        };
        let verified = verify_blob_with_key(bundle, root, key, artifact, profile, now)?;
        return witnessed(verified.claims());
    }
    let statement = verify_statement_with_key(bundle, root, key, profile, now)?;
    witnessed(statement.claims())?;
    about(statement.value(), &given.digest())
}

/// A log or a timestamp authority has to have seen the signature.
fn witnessed(claims: &[Claim]) -> Result<(), Error> {
    let seen = [Claim::LogInclusion, Claim::LogPromise, Claim::Timestamp];
    if claims.iter().any(|claim| seen.contains(claim)) {
        return Ok(());
    }
    Err(Error::Unwitnessed)
}

fn about(statement: &Statement, digest: &Digest) -> Result<(), Error> {
    match statement.is_about(digest, &[]) {
        Ok(Some(_)) => Ok(()),
        _ => Err(Error::Artifact),
    }
}

impl Given {
    fn digest(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::sha256_of(bytes),
            Self::Digest(digest) => digest.clone(),
        }
    }
}
