//! Whom a certificate names: exactly one subject, exactly one issuer.

use const_oid::ObjectIdentifier;
use der::Decode as _;
use der::asn1::Utf8StringRef;
use palisade_types::SignerIdentity;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};

/// Fulcio's issuer extension, a UTF8String.
const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
/// Its deprecated twin, bare text.
const ISSUER_V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");

/// The signing certificate, read once.
pub(crate) fn parse(der: &[u8]) -> Result<Certificate, Rejection> {
    Certificate::from_der(der).map_err(|error| {
        invalid(
            Reason::Certificate,
            format!("the certificate is malformed: {error}"),
        )
    })
}

/// Who the certificate says signed. Only worth something once its chain is verified.
pub(crate) fn identity(certificate: &Certificate) -> Result<SignerIdentity, Rejection> {
    Ok(SignerIdentity {
        san: subject(certificate)?,
        issuer: issuer(certificate)?,
    })
}

fn subject(certificate: &Certificate) -> Result<String, Rejection> {
    let count = |what: &str| {
        invalid(
            Reason::SanCount,
            format!("the certificate has {what}, wanted exactly one subject alternative name"),
        )
    };
    let (critical, SubjectAltName(names)) = certificate
        .tbs_certificate
        .get::<SubjectAltName>()
        .map_err(|error| invalid(Reason::SanCount, error.to_string()))?
        .ok_or_else(|| count("none"))?;
    // Two names: one is the attacker's, and readers disagree about which of them counts.
    let [name] = names.as_slice() else {
        return Err(count(&names.len().to_string()));
    };
    // RFC 5280, 4.2.1.6: with an empty subject the extension is critical. Stops a certificate
    // that a reader who ignores the extension takes for one about nobody.
    if certificate.tbs_certificate.subject.is_empty() && !critical {
        return Err(invalid(
            Reason::SanCritical,
            "the subject is empty and the subject alternative name is not critical",
        ));
    }
    let text = match name {
        GeneralName::Rfc822Name(email) => email.as_str(),
        GeneralName::UniformResourceIdentifier(uri) => uri.as_str(),
        _ => "",
    };
    if text.is_empty() {
        return Err(invalid(
            Reason::SanKind,
            "the subject alternative name is neither an e-mail address nor a URI",
        ));
    }
    Ok(text.to_owned())
}

/// The issuer by `.1.8`, else by `.1.1`. Both present and different: readers disagree about who
/// vouched for the subject, so nobody did.
fn issuer(certificate: &Certificate) -> Result<String, Rejection> {
    let new = extension(certificate, ISSUER)?
        .map(|bytes| {
            Utf8StringRef::from_der(bytes)
                .map(|text| text.as_str().to_owned())
                .map_err(|_| malformed_issuer("1.8"))
        })
        .transpose()?;
    let old = extension(certificate, ISSUER_V1)?
        .map(|bytes| {
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| malformed_issuer("1.1"))
        })
        .transpose()?;
    match (new, old) {
        (Some(new), Some(old)) if new != old => Err(invalid(
            Reason::IssuerConflict,
            format!("the certificate names the issuers `{new}` and `{old}`"),
        )),
        (Some(issuer), _) | (None, Some(issuer)) if !issuer.is_empty() => Ok(issuer),
        _ => Err(invalid(
            Reason::IssuerMissing,
            "the certificate names no issuer",
        )),
    }
}

fn malformed_issuer(which: &str) -> Rejection {
    invalid(
        Reason::IssuerMissing,
        format!("the certificate's issuer extension {which} is malformed"),
    )
}

/// The value of an extension that may stand in a certificate once (RFC 5280, 4.2).
fn extension(certificate: &Certificate, oid: ObjectIdentifier) -> Result<Option<&[u8]>, Rejection> {
    let mut found = certificate
        .tbs_certificate
        .extensions
        .iter()
        .flatten()
        .filter(|extension| extension.extn_id == oid);
    let first = found.next();
    if found.next().is_some() {
        return Err(invalid(
            Reason::IssuerConflict,
            format!("the certificate has the extension {oid} twice"),
        ));
    }
    Ok(first.map(|extension| extension.extn_value.as_bytes()))
}
