//! Who a signing certificate is for: its SAN and Fulcio's extensions (Fulcio `docs/oid-info.md`).

use der::asn1::Utf8StringRef;
use serde_json::Value;
use x509_cert::ext::Extension;

use crate::certificates::{der, extension, general_name, subject_alt_name};
use crate::fault::{Fault, Faults};

const ARC: &str = "1.3.6.1.4.1.57264.1";

/// Where the value of an extension comes from. `Uri` puts `https://github.com/` before the claim.
enum Source {
    Claim(&'static str),
    Uri(&'static str),
}

/// GitHub's claims by extension number; the first five are the deprecated raw ones.
const GITHUB_RAW: [(u8, &str); 5] = [
    (2, "event_name"),
    (3, "sha"),
    (4, "workflow"),
    (5, "repository"),
    (6, "ref"),
];
const GITHUB: [(u8, Source); 13] = [
    (9, Source::Uri("job_workflow_ref")),
    (10, Source::Claim("job_workflow_sha")),
    (11, Source::Claim("runner_environment")),
    (12, Source::Uri("repository")),
    (13, Source::Claim("sha")),
    (14, Source::Claim("ref")),
    (15, Source::Claim("repository_id")),
    (16, Source::Uri("repository_owner")),
    (17, Source::Claim("repository_owner_id")),
    (18, Source::Uri("workflow_ref")),
    (19, Source::Claim("workflow_sha")),
    (20, Source::Claim("event_name")),
    (22, Source::Claim("repository_visibility")),
];

/// The SAN and every Fulcio extension that these claims give, in Fulcio's order.
pub(crate) fn identity(claims: &Value, faults: &Faults) -> Result<Vec<Extension>, &'static str> {
    let text = |name: &str| claims[name].as_str();
    let github = claims.get("job_workflow_ref").is_some();
    let issuer = text("iss").ok_or("the token has no issuer")?;
    let san = if github {
        format!(
            "https://github.com/{}",
            text("job_workflow_ref").unwrap_or_default()
        )
    } else {
        let email = text("email").ok_or("the token has no e-mail address")?;
        if claims["email_verified"] != true {
            return Err("the e-mail address is not verified");
        }
        email.to_owned()
    };
    let mut extensions = vec![alternative_name(&san, faults)?];
    let named = !faults.on(Fault::CertNoIssuerExt);
    if named {
        let lie = faults.on(Fault::CertIssuerV1Lies);
        extensions.push(raw(1, if lie { "https://evil.example" } else { issuer }));
    }
    if github {
        extensions.extend(
            GITHUB_RAW
                .iter()
                .filter_map(|(arc, name)| Some(raw(*arc, text(name)?))),
        );
    }
    if named {
        extensions.push(utf8(8, issuer)?);
    }
    if github {
        for extension in github_extensions(claims) {
            extensions.push(extension?);
        }
    }
    extensions.push(utf8(24, text("sub").ok_or("the token has no subject")?)?);
    Ok(extensions)
}

fn alternative_name(san: &str, faults: &Faults) -> Result<Extension, &'static str> {
    const NOT_ASCII: &str = "the identity is not ASCII";
    let mut names = vec![general_name(san).ok_or(NOT_ASCII)?];
    if faults.on(Fault::SanTwo) {
        let evil = if san.contains("://") {
            "https://evil.example/x"
        } else {
            "evil@palisade.test"
        };
        names.insert(0, general_name(evil).ok_or(NOT_ASCII)?);
    }
    Ok(subject_alt_name(!faults.on(Fault::SanNoncritical), names))
}

fn github_extensions(claims: &Value) -> Vec<Result<Extension, &'static str>> {
    let text = |name: &str| claims[name].as_str();
    let mut extensions: Vec<_> = GITHUB
        .iter()
        .filter_map(|(arc, source)| {
            Some(match source {
                Source::Claim(name) => utf8(*arc, text(name)?),
                Source::Uri(name) => utf8(*arc, &format!("https://github.com/{}", text(name)?)),
            })
        })
        .collect();
    let run = || {
        let (repository, id) = (text("repository")?, text("run_id")?);
        let attempt = text("run_attempt")?;
        Some(format!(
            "https://github.com/{repository}/actions/runs/{id}/attempts/{attempt}"
        ))
    };
    if let Some(run) = run() {
        // .21 stands before .22.
        let last = extensions.len().saturating_sub(1);
        extensions.insert(last, utf8(21, &run));
    }
    extensions
}

/// Extensions .1 to .6 hold the bare string, without a DER tag.
fn raw(arc: u8, value: &str) -> Extension {
    extension(&format!("{ARC}.{arc}"), false, value.as_bytes().to_vec())
}

fn utf8(arc: u8, value: &str) -> Result<Extension, &'static str> {
    let value = Utf8StringRef::new(value).map_err(|_| "a claim is too long")?;
    Ok(extension(&format!("{ARC}.{arc}"), false, der(&value)))
}
