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

#[cfg(test)]
mod tests {
    use super::*;

    /// The DER of Fulcio's arc, 1.3.6.1.4.1.57264.1, without its last number.
    const ARC: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xbf, 0x30, 1];

    /// The certificate of a recorded bundle.
    fn recorded() -> Vec<u8> {
        let bundle = include_str!("../../../../fixtures/sigstore-faults/faults/v2-none.json");
        let bundle = sigstore_verify::types::Bundle::from_json(bundle).expect("a bundle");
        let der = bundle.signing_certificate().expect("a certificate");
        der.as_bytes().to_vec()
    }

    /// Exchanges one byte pattern for another of the same length, where it stands exactly once.
    fn exchange(der: &mut [u8], old: &[u8], new: &[u8]) {
        let places: Vec<_> = (0..=der.len() - old.len())
            .filter(|at| der[*at..].starts_with(old))
            .collect();
        let [at] = places[..] else {
            panic!("it stands at {places:?}")
        };
        der[at..at + new.len()].copy_from_slice(new);
    }

    /// Renames the extension 1.3.6.1.4.1.57264.1.`old`.
    fn rename(der: &mut [u8], old: u8, new: u8) {
        exchange(der, &[ARC, &[old]].concat(), &[ARC, &[new]].concat());
    }

    fn read(der: &[u8]) -> Result<String, &'static str> {
        let certificate = parse(der).map_err(|rejection| rejection.word())?;
        identity(&certificate)
            .map(|identity| identity.to_string())
            .map_err(|rejection| rejection.word())
    }

    const WANTED: &str = "dev@siglab.test (issuer http://localhost:18500)";

    #[test]
    fn a_certificate_names_its_subject_and_issuer() {
        assert_eq!(read(&recorded()).as_deref(), Ok(WANTED));
    }

    #[test]
    fn the_older_issuer_extension_is_read_when_the_newer_is_absent_and_none_is_refused() {
        let mut der = recorded();
        rename(&mut der, 8, 100);
        assert_eq!(read(&der).as_deref(), Ok(WANTED));
        rename(&mut der, 1, 101);
        assert_eq!(read(&der), Err("issuer-missing"));
    }

    #[test]
    fn an_issuer_extension_that_stands_twice_is_refused() {
        let mut der = recorded();
        rename(&mut der, 1, 8);
        assert_eq!(read(&der), Err("issuer-conflict"));
    }

    #[test]
    fn a_name_of_another_kind_is_refused() {
        let name = b"dev@siglab.test";
        let tagged = |tag: u8| [&[tag, 15][..], name].concat();
        let mut der = recorded();
        // 1 is an e-mail address, 2 a host, 6 a URI (RFC 5280, 4.2.1.6).
        exchange(&mut der, &tagged(0x81), &tagged(0x82));
        assert_eq!(read(&der), Err("san-kind"));
        exchange(&mut der, &tagged(0x82), &tagged(0x86));
        assert_eq!(read(&der).as_deref(), Ok(WANTED));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert_eq!(read(b""), Err("certificate"));
        let der = recorded();
        assert_eq!(read(&der[..der.len() - 1]), Err("certificate"));
    }
}
