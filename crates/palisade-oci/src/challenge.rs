//! `WWW-Authenticate` (RFC 9110, section 11.6.1): which way of authenticating a server asks for.

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A user name and a password with every request.
    Basic,
    /// A token from this service.
    Bearer {
        /// The address of the token service. Chosen by the registry: check it before going there.
        realm: String,
        /// The name the service knows the registry by.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
}

/// The first challenge we can answer. Others, such as Negotiate, may stand before it.
pub fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    headers
        .into_iter()
        .flat_map(split)
        .find_map(|(scheme, parameters)| understood(&scheme, &parameters))
}

fn understood(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let get = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: get("realm")?,
            service: get("service"),
            scope: get("scope"),
        }),
        _ => None,
    }
}

type Parts = (String, Vec<(String, String)>);

/// One header value as its challenges: lower-case scheme, lower-case parameter names.
fn split(header: &str) -> Vec<Parts> {
    let mut challenges: Vec<Parts> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = token(rest);
        if word.is_empty() {
            return challenges;
        }
        let value = after.trim_start().strip_prefix('=');
        match (value, challenges.last_mut()) {
            (Some(value), Some((_, parameters))) => {
                let (value, after) = parameter_value(value.trim_start());
                parameters.push((word.to_ascii_lowercase(), value));
                rest = after;
            }
            // A parameter before any scheme: the header is broken, and nothing in it counts.
            (Some(_), None) => return Vec::new(),
            (None, _) => {
                challenges.push((word.to_ascii_lowercase(), Vec::new()));
                rest = after;
            }
        }
    }
}

fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A token or a quoted string with backslash escapes.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        // Not only token characters: `scope=repository:a:pull` is seen without quotes.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn the_usual_bearer_challenge_reads_with_commas_inside_quotes() {
        let header = r#"Bearer realm="https://auth.example/token",service="r",scope="repository:a:pull,push""#;
        let scope = Some("repository:a:pull,push");
        let want = bearer("https://auth.example/token", Some("r"), scope);
        assert_eq!(choose([header]), Some(want));
    }

    #[test]
    fn the_first_one_we_understand_is_taken() {
        assert_eq!(
            choose(["Negotiate", "Basic realm=\"x\""]),
            Some(Challenge::Basic)
        );
        let both = r#"Negotiate, bearer REALM=https://a.example , Basic realm="y""#;
        assert_eq!(
            choose([both]),
            Some(bearer("https://a.example", None, None))
        );
    }

    #[test]
    fn broken_headers_are_no_challenge() {
        for bad in [
            "",
            "realm=\"x\"",
            "Bearer",
            "Bearer service=\"x\"",
            ",,,",
            "\u{1}",
            "=\"",
        ] {
            assert_eq!(choose([bad]), None, "{bad}");
        }
        // An unfinished quote ends with the header.
        assert_eq!(choose(["Bearer realm=\"x"]), Some(bearer("x", None, None)));
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics_and_a_quoted_realm_survives(text in "\\PC{0,60}", realm in "[ -~]{1,40}") {
            choose([text.as_str()]);
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer service=x, realm=\"{quoted}\"");
            proptest::prop_assert_eq!(choose([header.as_str()]), Some(bearer(&realm, Some("x"), None)));
        }
    }
}
