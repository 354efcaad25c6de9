//! Signing against the lab: what comes out verifies, and what is wrong is refused in time.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod faults;
mod logins;
mod operators;
mod parsers;
mod signing;
mod spiffe;
mod tokens;

use palisade_keyless::{IdentityToken, SigningConfig};
use palisade_lab::{Config, Lab, SigningConfigKind};
use palisade_trust::TrustRoot;
use palisade_types::Timestamp;

const EMAIL: &str = "dev@acme.test";

async fn lab() -> Lab {
    Lab::start(Config::default()).await.unwrap()
}

fn root(lab: &Lab) -> TrustRoot {
    TrustRoot::parse(lab.trusted_root().as_bytes()).unwrap()
}

fn config(lab: &Lab, kind: SigningConfigKind) -> SigningConfig {
    SigningConfig::parse(lab.signing_config(kind).as_bytes()).unwrap()
}

fn token(lab: &Lab) -> IdentityToken {
    IdentityToken::parse(&lab.email_token(EMAIL), Timestamp::now()).unwrap()
}
