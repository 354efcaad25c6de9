//! Random damage to what is signed is never accepted.

use proptest::prelude::*;

use crate::fixtures::{judge_a, read};
use crate::tampered::{Tampered, bundle};

/// Where the signed bytes of a bundle stand.
const SIGNED: &[(&str, &str)] = &[
    ("cross/rust-dsse-v1.json", "/dsseEnvelope/payload"),
    ("cross/rust-dsse-v1.json", "/dsseEnvelope/signatures/0/sig"),
    (
        "cross/rust-dsse-v1.json",
        "/verificationMaterial/certificate/rawBytes",
    ),
    (
        "cross/rust-dsse-v1.json",
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
    ),
    ("cross/rust-dsse-v2.json", "/dsseEnvelope/payload"),
    ("cross/rust-dsse-v2.json", "/dsseEnvelope/signatures/0/sig"),
    (
        "cross/rust-dsse-v2.json",
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
    ),
    ("faults/v1_notsa-none.json", "/messageSignature/signature"),
    (
        "faults/v1_notsa-none.json",
        "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp",
    ),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_flipped_bit_of_what_is_signed_is_never_accepted(
        which in 0..SIGNED.len(),
        place in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let (file, pointer) = SIGNED[which];
        let flipped = bundle(file).bytes(pointer, |bytes| {
            let at = place.index(bytes.len());
            bytes[at] ^= 1 << bit;
        });
        prop_assert!(flipped.judged().is_err(), "{} {} {:?} {}", file, pointer, place, bit);
    }

    #[test]
    fn bytes_lost_or_added_at_the_end_are_never_accepted(
        which in 0..SIGNED.len(),
        keep in any::<prop::sample::Index>(),
        more in proptest::collection::vec(any::<u8>(), 1..8),
    ) {
        let (file, pointer) = SIGNED[which];
        let cut = bundle(file).bytes(pointer, |bytes| bytes.truncate(keep.index(bytes.len())));
        prop_assert!(cut.judged().is_err());
        let longer = bundle(file).bytes(pointer, |bytes| bytes.extend(&more));
        prop_assert!(longer.judged().is_err());
    }

    #[test]
    fn whatever_is_damaged_an_accepted_bundle_still_holds_the_signed_bytes(
        which in 0..SIGNED.len(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let (file, pointer) = SIGNED[which];
        let good = bundle(file);
        let mut text = read(file);
        let at = place.index(text.len());
        text[at] = byte;
        if judge_a(&text).is_ok() {
            let damaged = Tampered(serde_json::from_slice(&text).unwrap());
            prop_assert_eq!(damaged.at(pointer), good.at(pointer));
        }
    }
}
