//! An OIDC identity token: a secret that says who signs. Only Fulcio verifies it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_types::Timestamp;
use palisade_types::json::parse_strict;
use serde_json::Value;

/// The largest token we read, in bytes. GitHub's have about 2 KiB.
pub(crate) const MAX_TOKEN: usize = 64 << 10;

/// A token that can be signed with. It is a secret: `Debug` shows its claims only, and no error
/// repeats it.
#[derive(Clone)]
pub struct IdentityToken {
    text: String,
    claims: Claims,
    payload: Value,
}

/// The claims that messages may show. Unverified: the certificate decides who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The issuer (`iss`).
    pub issuer: String,
    /// The subject (`sub`).
    pub subject: String,
    /// The e-mail address, when the token is a person's.
    pub email: Option<String>,
    /// When the token ends (`exp`).
    pub expires: Timestamp,
}

/// Why a text is no token that can be used. None of these repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAToken {
    /// A claim is missing or of the wrong type (OpenID Connect Core 1.0 §2).
    #[error("its `{0}` claim is missing or malformed")]
    Claim(&'static str),
    /// Its time is over.
    #[error("it expired at {expired}, and it is {now:.0}")]
    Expired {
        /// When it ended.
        expired: Timestamp,
        /// What time it is.
        now: Timestamp,
    },
    /// It does not have the form of a signed JSON Web Token.
    #[error("it is no JSON Web Token: {0}")]
    Form(&'static str),
    /// More than any token has.
    #[error("it is larger than {MAX_TOKEN} bytes")]
    TooLarge,
}

impl IdentityToken {
    /// Reads a token and checks that it has not expired at `now`. Its signature is Fulcio's to
    /// verify.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, NotAToken> {
        if text.len() > MAX_TOKEN {
            return Err(NotAToken::TooLarge);
        }
        let text = text.trim();
        if !has_form(text) {
            return Err(NotAToken::Form("not three parts of base64url"));
        }
        let payload = payload(text)?;
        let claims = claims(&payload)?;
        if claims.expires <= now {
            return Err(NotAToken::Expired {
                expired: claims.expires,
                now,
            });
        }
        Ok(Self {
            text: text.to_owned(),
            claims,
            payload,
        })
    }

    /// The claims that messages may show.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Any other claim that is a text or a number, as text. Unverified, as all claims are here.
    pub fn claim(&self, name: &str) -> Option<String> {
        match self.payload.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn secret(&self) -> &str {
        &self.text
    }

    /// What Fulcio wants signed to prove possession of the key: `email` if there is one, else
    /// `sub`, as sigstore-go does.
    pub(crate) fn challenge(&self) -> &str {
        self.claims.email.as_deref().unwrap_or(&self.claims.subject)
    }
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityToken")
            .field("text", &format_args!("****"))
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// Whether a text has the form of a compact JWS (RFC 7515 §7.1): three parts of base64url.
pub(crate) fn has_form(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.split('.').count() == 3 && text.split('.').all(word)
}

fn payload(text: &str) -> Result<Value, NotAToken> {
    let payload = text.split('.').nth(1).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| NotAToken::Form("its payload is cut"))?;
    parse_strict(&payload).map_err(|_| NotAToken::Form("its payload is no JSON"))
}

fn claims(value: &Value) -> Result<Claims, NotAToken> {
    let text = |name: &'static str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let needed = |name| {
        text(name)
            .filter(|text| !text.is_empty())
            .ok_or(NotAToken::Claim(name))
    };
    Ok(Claims {
        issuer: needed("iss")?,
        subject: needed("sub")?,
        email: text("email").filter(|email| !email.is_empty()),
        expires: value
            .get("exp")
            .and_then(Value::as_i64)
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or(NotAToken::Claim("exp"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(claims: &Value) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!(
            "{}.{}.c2ln",
            part(r#"{"alg":"RS256"}"#),
            part(&claims.to_string())
        )
    }

    fn good() -> Value {
        json!({"iss": "https://issuer.test", "sub": "repo:a/b", "exp": 2000})
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_tells_its_claims_and_never_itself() {
        let text = token(&good());
        let parsed = IdentityToken::parse(&format!(" {text}\n"), at(1999)).unwrap();
        assert_eq!(parsed.secret(), text);
        assert_eq!(parsed.challenge(), "repo:a/b");
        let shown = format!("{parsed:?}");
        assert!(
            shown.contains("repo:a/b") && !shown.contains(&text),
            "{shown}"
        );
        assert!(text.split('.').all(|part| !shown.contains(part)), "{shown}");
    }

    #[test]
    fn a_person_proves_possession_with_the_address() {
        let mut claims = good();
        claims["email"] = "dev@acme.test".into();
        let parsed = IdentityToken::parse(&token(&claims), at(0)).unwrap();
        assert_eq!(parsed.challenge(), "dev@acme.test");
    }

    #[test]
    fn a_second_too_late_is_too_late() {
        let parse = |now| IdentityToken::parse(&token(&good()), at(now)).map(|_| ());
        assert_eq!(parse(1999), Ok(()));
        let expired = NotAToken::Expired {
            expired: at(2000),
            now: at(2000),
        };
        assert_eq!(parse(2000), Err(expired));
    }

    #[test]
    fn each_missing_claim_is_named() {
        for name in ["iss", "sub", "exp"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(name);
            let error = IdentityToken::parse(&token(&claims), at(0)).map(|_| ());
            assert_eq!(error, Err(NotAToken::Claim(name)));
        }
    }

    #[test]
    fn other_forms_and_sizes_are_refused() {
        let form = |text: &str| match IdentityToken::parse(text, at(0)) {
            Err(error) => error,
            Ok(_) => panic!("{text} was read"),
        };
        assert!(matches!(form("a.b"), NotAToken::Form(_)));
        assert!(matches!(form("a.b.c.d"), NotAToken::Form(_)));
        assert!(matches!(form("e30.e30="), NotAToken::Form(_)));
        assert!(matches!(form("a.b.c"), NotAToken::Form(_)));
        assert!(matches!(form("/etc/passwd"), NotAToken::Form(_)));
        assert_eq!(form(&"a".repeat(MAX_TOKEN + 1)), NotAToken::TooLarge);
        let doubled = URL_SAFE_NO_PAD.encode(r#"{"iss":"a","iss":"b","sub":"c","exp":9}"#);
        assert!(matches!(
            form(&format!("e30.{doubled}.c2ln")),
            NotAToken::Form(_)
        ));
    }
}
