//! No text panics, whatever it is.

use palisade_keyless::{IdentityToken, Purpose, SigningConfig};
use palisade_types::Timestamp;
use proptest::prelude::*;

proptest! {
    #[test]
    fn no_text_makes_the_token_reader_panic_or_repeat_it(text in "\\PC{0,60}(\\.\\PC{0,60}){0,3}") {
        if let Err(error) = IdentityToken::parse(&text, Timestamp::UNIX_EPOCH) {
            let shown = format!("{error} {error:?}");
            prop_assert!(text.len() < 12 || !shown.contains(&text));
        }
    }

    #[test]
    fn no_bytes_make_the_configuration_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = SigningConfig::parse(&bytes);
    }

    #[test]
    fn no_version_or_count_makes_the_choice_panic(version in any::<u32>(), count in any::<u32>()) {
        let text = format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls":[{{"url":"https://f.test","majorApiVersion":{version},
                "validFor":{{"start":"1970-01-01T00:00:00Z"}}}}],
            "rekorTlogConfig":{{"selector":"EXACT","count":{count}}}}}"#
        );
        let config = SigningConfig::parse(text.as_bytes()).unwrap();
        prop_assert!(config.select(Purpose::Certificate, Timestamp::UNIX_EPOCH).is_err());
    }
}
