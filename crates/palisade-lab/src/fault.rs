//! Every way the lab can be told to misbehave, by name.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Mutex;

use crate::world::lock;

macro_rules! faults {
    ($($variant:ident = $name:literal: $about:literal,)*) => {
        /// One way in which the lab misbehaves while it is switched on. The variants named
        /// `valid` in their description are unusual answers that a client must accept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $(#[doc = $about] $variant,)*
        }

        impl Fault {
            /// Every fault, in the order of this file.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant,)*];

            /// The name by which the command line and [`FromStr`] know it.
            pub fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name,)* }
            }

            /// What is wrong while it is on, in one line.
            pub fn about(self) -> &'static str {
                match self { $(Fault::$variant => $about,)* }
            }
        }
    };
}

faults! {
    SctNone = "sct-none": "the certificate has no SCT",
    SctBadsig = "sct-badsig": "the SCT is signed by a key that is not the CT log's",
    SctWrongIssuerHash = "sct-wrong-issuer-hash": "the SCT names the key hash of another CA",
    SctOld = "sct-old": "the SCT is 30 days older than the moment, before the CT log's start",
    SctLeafindex = "sct-leafindex": "valid: the SCT carries a static-ct leaf_index extension",
    CertExpired = "cert-expired": "the certificate's ten minutes lie 5 h in the past",
    CertFuture = "cert-future": "the certificate's ten minutes lie 5 h in the future",
    CertWrongEku = "cert-wrong-eku": "the certificate is for TLS clients, not for code signing",
    CertNoIssuerExt = "cert-no-issuer-ext": "the certificate names no OIDC issuer",
    CertIssuerV1Lies = "cert-issuer-v1-lies": "issuer extension .1.1 names another issuer than .1.8",
    CertForgedCa = "cert-forged-ca": "the certificate is signed by a key that is not the CA's",
    CertOtherKey = "cert-other-key": "the certificate is for another key than the one requested",
    SanNoncritical = "san-noncritical": "the SAN is not critical though the subject is empty",
    SanTwo = "san-two": "an attacker's SAN stands before the right one",
    TsaTimeOld = "tsa-time-old": "the timestamp is 9 h early",
    TsaImprint = "tsa-imprint": "the timestamp is about another digest",
    TsaBadsig = "tsa-badsig": "the timestamp is signed by a key that is not the TSA's",
    V2CkptOrigin = "v2-ckpt-origin": "the Rekor v2 checkpoint is of the log `evil.example`",
    V2CkptHint = "v2-ckpt-hint": "the Rekor v2 checkpoint signature has the wrong key hint",
    V2CkptBadsig = "v2-ckpt-badsig": "the Rekor v2 checkpoint signature is zeros",
    V2ProofBad = "v2-proof-bad": "the Rekor v2 inclusion proof has one hash too many",
    V2LogId = "v2-logid": "the Rekor v2 log id is sha256(SPKI) instead of the note key id",
    V2BodyOther = "v2-body-other": "the Rekor v2 entry is about another digest",
    V2AllowDsse = "v2-allow-dsse": "Rekor v2 accepts the retired entry kind dsse 0.0.2",
    FirstEntryIndex0 = "first-entry-index0":
        "valid: the Rekor v2 entry is the first of its log and zero fields are left out",
    V1SetBadsig = "v1-set-badsig": "the Rekor v1 SET is signed by another key",
    V1NoSet = "v1-no-set": "the Rekor v1 entry has an integrated time but no SET",
    V1CkptBadsig = "v1-ckpt-badsig": "the Rekor v1 checkpoint is signed by another key",
    V1CkptHint = "v1-ckpt-hint": "the Rekor v1 checkpoint signature has the wrong key hint",
    V1CkptOrigin = "v1-ckpt-origin": "the Rekor v1 checkpoint is of the log `evil.example`",
    V1CkptNotree = "v1-ckpt-notree": "the Rekor v1 checkpoint origin has no tree id",
    V1ProofBad = "v1-proof-bad": "the Rekor v1 inclusion proof has one hash too many",
    V1LogId = "v1-logid": "the Rekor v1 log id is zeros",
    V1TimeOld = "v1-time-old": "the Rekor v1 integrated time is 10 h early",
    RekorDuplicate = "rekor-duplicate": "Rekor stores the entry and then answers 409, as after a lost reply",
    OidcState = "oidc-state": "the authorisation redirect carries another `state`",
    OidcNonce = "oidc-nonce": "the identity token carries another `nonce`",
    OidcRedirectOtherHost = "oidc-redirect-other-host": "the ambient token endpoint redirects to another host",
    TufExpired = "tuf-expired": "the TUF timestamp has expired",
    TufRollback = "tuf-rollback": "the TUF timestamp has a lower version than before",
    TufSwappedTarget = "tuf-swapped-target": "the TUF target's bytes are not the ones its hash names",
    Fulcio503 = "fulcio-503": "Fulcio is unavailable",
    Fulcio429 = "fulcio-429": "Fulcio asks to retry after one second",
    FulcioSlow = "fulcio-slow": "Fulcio waits three seconds before it answers",
    FulcioCut = "fulcio-cut": "Fulcio's answer ends in the middle",
    FulcioHuge = "fulcio-huge": "Fulcio answers 10 MB of JSON",
    FulcioContentType = "fulcio-content-type": "Fulcio labels its answer as HTML",
    Rekor503 = "rekor-503": "Rekor v1 and v2 are unavailable",
    Rekor429 = "rekor-429": "Rekor v1 and v2 ask to retry after one second",
    RekorSlow = "rekor-slow": "Rekor v1 and v2 wait three seconds before they answer",
    RekorCut = "rekor-cut": "Rekor's answer ends in the middle",
    RekorHuge = "rekor-huge": "Rekor answers 10 MB of JSON",
    RekorContentType = "rekor-content-type": "Rekor labels its answer as HTML",
    Tsa503 = "tsa-503": "the timestamp authority is unavailable",
    Tsa429 = "tsa-429": "the timestamp authority asks to retry after one second",
    TsaSlow = "tsa-slow": "the timestamp authority waits three seconds before it answers",
    TsaCut = "tsa-cut": "the timestamp reply ends in the middle",
    TsaHuge = "tsa-huge": "the timestamp authority answers 10 MB",
    TsaContentType = "tsa-content-type": "the timestamp reply is labelled as HTML",
    Oidc503 = "oidc-503": "the OIDC provider and the ambient token endpoint are unavailable",
    Oidc429 = "oidc-429": "the OIDC provider asks to retry after one second",
    OidcSlow = "oidc-slow": "the OIDC provider waits three seconds before it answers",
    OidcCut = "oidc-cut": "the OIDC provider's answer ends in the middle",
    OidcHuge = "oidc-huge": "the OIDC provider answers 10 MB of JSON",
    OidcContentType = "oidc-content-type": "the OIDC provider labels its answer as HTML",
    Tuf503 = "tuf-503": "the TUF repository is unavailable",
    TufSlow = "tuf-slow": "the TUF repository waits three seconds before it answers",
    TufCut = "tuf-cut": "the TUF repository's answer ends in the middle",
    TufHuge = "tuf-huge": "the TUF repository answers 10 MB of JSON",
    Registry401 = "registry-401": "the registry refuses every credential",
    Registry403Referrers = "registry-403-referrers": "the referrers API answers 403",
    Registry429 = "registry-429": "the registry answers 429 with Retry-After: 1 to everything",
    Registry429Later = "registry-429-later": "the registry answers 429 with Retry-After: 3600 to everything",
    Registry429Referrers = "registry-429-referrers": "the referrers API answers 429 with Retry-After: 1",
    Registry500 = "registry-500": "the registry answers 500 to everything",
    Registry502 = "registry-502": "the registry answers 502 to everything",
    Registry503 = "registry-503": "the registry answers 503 to everything",
    RegistryCut = "registry-cut": "bodies from the registry end in the middle",
    RegistryDrip = "registry-drip": "bodies from the registry come one byte every five milliseconds",
    RegistryEscapes = "registry-escapes": "the registry refuses everything in words that steer a terminal",
    RegistryHuge = "registry-huge": "the registry answers 10 MB of JSON to every read of a manifest or list",
    RegistryReset = "registry-reset": "connections to the registry end without an answer",
    RegistrySlow = "registry-slow": "the registry waits three seconds before it answers",
    RegistryLocationOtherHost = "registry-location-other-host": "upload locations point to another host name",
    RegistryRealmOtherHost = "registry-realm-other-host": "the login challenge names a token server on another host",
    RegistryRedirectLoop = "registry-redirect-loop": "reads of manifests and blobs redirect to themselves",
    RegistryRedirectOtherHost = "registry-redirect-other-host": "blob reads redirect to another host name",
    RegistryTokenExpired = "registry-token-expired": "the registry says that a password or token it has taken before has expired",
    RegistryTokenHuge = "registry-token-huge": "the registry's token server answers 10 MB of JSON",
    RegistryEncoded = "registry-encoded": "manifests are 1 GiB behind Content-Encoding: gzip",
    RegistryLyingGet = "registry-lying-get": "GET of a manifest names a digest of something else",
    RegistryLyingHead = "registry-lying-head": "HEAD of a manifest names a digest of something else",
    RegistryNoDigest = "registry-no-digest": "no answer about a manifest names its digest",
    RegistryTagFlip = "registry-tag-flip": "a tag answers in turn the last two digests pushed to it",
    RegistryTagIsDigest = "registry-tag-is-digest": "the tag `sha256-HEX` is the manifest with that digest, as at GitLab",
    RegistryTruncated = "registry-truncated": "manifests and blobs are served by half, with a length that says so",
    RegistryWrongBytes = "registry-wrong-bytes": "manifest bytes do not match the digest that names them",
    RegistryBlobEndless = "registry-blob-endless": "blobs never end",
    RegistryWrongBlob = "registry-wrong-blob": "blob bytes have the right length and the wrong content",
    RegistryCyclicIndex = "registry-cyclic-index": "a tag is an index that, by way of another, lists itself",
    RegistryNestedIndex = "registry-nested-index": "a tag is the last of 100 indexes, each in the next",
    RegistryForeignReferrers = "registry-foreign-referrers": "the referrers list names every manifest of the repository that has any subject",
    RegistryListBomb = "registry-list-bomb": "the referrers list is 1 GiB behind Content-Encoding: gzip",
    RegistryListDeep = "registry-list-deep": "the referrers list is nested 100000 deep",
    RegistryListKeysTwice = "registry-list-keys-twice": "the referrers list has one key twice",
    RegistryListNoTypes = "registry-list-no-types": "listed referrers have the empty artifact type and no annotations, as cosign leaves them",
    RegistryListSizeLarge = "registry-list-size-large": "listed referrers are said to have 1 TB",
    RegistryListSizeSmall = "registry-list-size-small": "listed referrers are said to have one byte",
    RegistryReferrersDuplicates = "registry-referrers-duplicates": "each referrer is listed 1500 times",
    RegistryReferrersFlood = "registry-referrers-flood": "100000 referrers that are not there are listed before the others",
    RegistryReferrersLinkLoop = "registry-referrers-link-loop": "the referrers list always has a next page",
    RegistryReferrersLinkOtherHost = "registry-referrers-link-other-host": "the next page of the referrers list is on another host",
    RegistryReferrersStale = "registry-referrers-stale": "the referrers list does not show what was pushed",
    RegistryAnnotationLies = "registry-annotation-lies": "annotations call each signature an SBOM and everything else a signature",
    RegistryBundleBomb = "registry-bundle-bomb": "each attached bundle is 1 MB of gzip that holds 1 GiB",
    RegistryBundleHuge = "registry-bundle-huge": "each attached bundle is said to have 1 TB",
    RegistryBundleShort = "registry-bundle-short": "each attached bundle is longer than it is said to be",
    RegistryForeignSubject = "registry-foreign-subject": "the attached manifests' subject is another image",
    RegistryGarbage = "registry-garbage": "what is attached is garbage that calls itself a bundle",
    RegistryGarbageBeside = "registry-garbage-beside": "garbage that calls itself a bundle is attached as well",
    RegistryManifestDeep = "registry-manifest-deep": "attached manifests are nested 100000 deep",
    RegistryManifestKeysTwice = "registry-manifest-keys-twice": "attached manifests have one key twice",
    RegistryManifestLayers = "registry-manifest-layers": "attached manifests have 10000 layers",
    RegistryManifestOdd = "registry-manifest-odd": "attached manifests have an unknown artifact type and layers of octets",
    RegistrySpam = "registry-spam": "500 pieces of garbage are attached before the rest",
    RegistryImmutableTags = "registry-immutable-tags": "a tag that is there cannot be written again",
    RegistryLostWrite = "registry-lost-write": "the registry accepts a tag write and keeps the old manifest",
    RegistryOciSubjectLie = "registry-oci-subject-lie": "OCI-Subject is sent though there is no referrers API",
}

/// A name that no fault has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the lab has no fault `{0}`")]
pub struct UnknownFault(pub String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Fault, UnknownFault> {
        let found = Fault::ALL
            .iter()
            .copied()
            .find(|fault| fault.name() == name);
        found.ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

/// A fault, and how often it still takes effect; `None` is always.
pub(crate) type Dose = (Fault, Option<u32>);

/// Reads names separated by commas or white space, each with `*N` for "the next N times only".
/// An empty text or `none` is no fault.
pub(crate) fn parse_faults(text: &str) -> Result<Vec<Dose>, UnknownFault> {
    let names = text.split([',', ' ', '\n', '\t']);
    let names = names.filter(|name| !matches!(*name, "" | "none"));
    names.map(parse_dose).collect()
}

fn parse_dose(text: &str) -> Result<Dose, UnknownFault> {
    match text.split_once('*') {
        None => Ok((text.parse()?, None)),
        Some((name, times)) => {
            let times = times.parse().map_err(|_| UnknownFault(text.to_owned()))?;
            Ok((name.parse()?, Some(times)))
        }
    }
}

/// The faults that are on at this moment.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<BTreeMap<Fault, Option<u32>>>);

impl Faults {
    pub(crate) fn set(&self, faults: impl IntoIterator<Item = Dose>) {
        *lock(&self.0) = faults.into_iter().collect();
    }

    /// Whether the fault takes effect now; asking uses up one of its times. So a handler asks
    /// once for each answer it is about to spoil.
    pub(crate) fn on(&self, fault: Fault) -> bool {
        match lock(&self.0).get_mut(&fault) {
            None | Some(Some(0)) => false,
            Some(None) => true,
            Some(Some(times)) => {
                *times -= 1;
                true
            }
        }
    }

    /// The names of the faults that still take effect.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let faults = lock(&self.0);
        let left = faults.iter().filter(|(_, times)| **times != Some(0));
        left.map(|(fault, _)| fault.name()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let names: std::collections::BTreeSet<_> =
            Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(*fault));
        }
    }

    #[test]
    fn a_list_with_one_unknown_name_is_refused_whole() {
        assert_eq!(parse_faults("none"), Ok(Vec::new()));
        let two = vec![(Fault::SctNone, None), (Fault::Tsa503, Some(2))];
        assert_eq!(parse_faults("sct-none, tsa-503*2"), Ok(two));
        for wrong in ["x", "tsa-503*", "tsa-503*x", "tsa-503*-1"] {
            let list = format!("sct-none,{wrong}");
            assert_eq!(parse_faults(&list), Err(UnknownFault(wrong.to_owned())));
        }
    }

    #[test]
    fn a_fault_with_a_number_ends_after_so_many_times() {
        let faults = Faults::default();
        faults.set([(Fault::Tsa503, Some(2)), (Fault::SctNone, None)]);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push((faults.on(Fault::Tsa503), faults.on(Fault::SctNone)));
        }
        assert_eq!(seen, [(true, true), (true, true), (false, true)]);
        assert_eq!(faults.names(), ["sct-none"]);
    }
}
