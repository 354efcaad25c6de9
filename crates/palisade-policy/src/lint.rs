//! Patterns over signers that trust more than they seem to.

use regex_lite::Regex;

/// Forges where everybody may have an account below the same host.
const SHARED_HOSTS: [&str; 2] = ["https://github.com/", "https://gitlab.com/"];

/// Signers nobody means. A pattern that matches one of them matches strangers.
const STRANGERS: [&str; 8] = [
    "https://github.com/stranger/app/.github/workflows/release.yml@refs/heads/main",
    "https://github.com/stranger/stranger/.github/workflows/stranger.yml@refs/heads/stranger",
    "https://github.com/stranger/stranger/.github/workflows/stranger.yml@refs/pull/1/merge",
    "https://github.com/stranger/stranger/.github/workflows/stranger.yml@refs/tags/v1.2.3",
    "https://gitlab.com/stranger/stranger//.gitlab-ci.yml@refs/heads/main",
    "https://stranger.invalid/stranger",
    "spiffe://stranger.invalid/stranger",
    "stranger@stranger.invalid",
];

/// Why a regular expression over signers is too wide, if it is.
///
/// A pattern has to name a party: it begins, in plain characters, with a host (and an owner, on a
/// forge that many share), or it ends in the domain of an address. And no part of it may cross
/// a `/` that it does not show: that leads from one repository or workflow into every other.
pub(crate) fn too_wide(pattern: &str) -> Option<&'static str> {
    let inner = pattern.strip_prefix('^').unwrap_or(pattern);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let tokens = match tokens(inner) {
        Ok(tokens) => tokens,
        Err(why) => return Some(why),
    };
    if !names_somebody(&tokens) {
        return Some(
            "begin with the host and its owner in plain characters, \
             or end in the domain of an address; write one [[signer]] for each party",
        );
    }
    // The rules above are ours; this asks the expression itself.
    let matches = |regex: &Regex| STRANGERS.iter().any(|stranger| regex.is_match(stranger));
    match Regex::new(&format!("^(?:{inner})$")) {
        Ok(regex) if !matches(&regex) => None,
        _ => Some("it matches signers that have nothing to do with you; name the owner"),
    }
}

/// What a regular expression is made of, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// A character that stands for itself, once.
    Plain(char),
    /// Anything else.
    Other,
}

/// Reads an expression that is known to be one. An error is a part that is too wide by itself.
fn tokens(inner: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let escaped = rest.next().unwrap_or('\\');
                if escaped.is_alphanumeric() {
                    stays_inside(&format!("\\{escaped}"))?;
                    tokens.push(Token::Other);
                } else {
                    tokens.push(Token::Plain(escaped));
                }
            }
            '[' => {
                let (class, after) = class(rest.as_str());
                stays_inside(&format!("[{class}"))?;
                rest = after.chars();
                tokens.push(Token::Other);
            }
            '.' => {
                return Err(match rest.clone().next() {
                    Some('*' | '+' | '{') => {
                        "`.*` and `.+` cross every boundary; write `[^/]+`, or the part itself"
                    }
                    _ => "a bare `.` is any character; write `\\.` for a dot",
                });
            }
            '*' | '+' | '?' | '{' => {
                // What is repeated or left out does not stand for itself, once.
                tokens.pop();
                if c == '{' {
                    rest.by_ref().find(|c| *c == '}');
                }
                tokens.push(Token::Other);
            }
            '(' | ')' => {
                depth = if c == '(' {
                    depth + 1
                } else {
                    depth.saturating_sub(1)
                };
                tokens.push(Token::Other);
            }
            '|' if depth == 0 => return Err("write one [[signer]] for each alternative"),
            '|' | '^' | '$' => tokens.push(Token::Other),
            plain => tokens.push(Token::Plain(plain)),
        }
    }
    Ok(tokens)
}

/// A class without its `[`, and what comes after it. A `]` that comes first is a member.
fn class(rest: &str) -> (&str, &str) {
    let mut escaped = false;
    let start = rest.strip_prefix('^').map_or(0, |_| 1);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' if at > start => return rest.split_at(at + 1),
            _ => {}
        }
    }
    (rest, "")
}

/// Refuses a class of characters that holds the `/` between the parts of a name, and one that
/// cannot be read by itself.
fn stays_inside(class: &str) -> Result<(), &'static str> {
    match Regex::new(&format!("^{class}$")) {
        Ok(regex) if !regex.is_match("/") => Ok(()),
        Ok(_) => Err("a class that holds `/` crosses every boundary; write `[^/]` for one part"),
        Err(_) => Err("write the characters themselves instead of their codes"),
    }
}

fn names_somebody(tokens: &[Token]) -> bool {
    let plain = |token: &Token| match token {
        Token::Plain(c) => Some(*c),
        Token::Other => None,
    };
    let head: String = tokens.iter().map_while(plain).collect();
    if head.chars().count() == tokens.len() {
        return true;
    }
    if let Some((_, rest)) = head.split_once("://") {
        let has_host = rest.find('/').is_some_and(|end| end > 0);
        let shared = SHARED_HOSTS.iter().find_map(|host| head.strip_prefix(host));
        return has_host && shared.is_none_or(|path| path.find('/').is_some_and(|end| end > 0));
    }
    let tail: Vec<char> = tokens.iter().rev().map_while(plain).collect();
    let tail: String = tail.into_iter().rev().collect();
    tail.rsplit_once('@')
        .is_some_and(|(_, domain)| domain.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_an_owner_or_a_domain() {
        for good in [
            r"^https://github\.com/acme/app/\.github/workflows/[^/]+@refs/heads/main$",
            r"^https://github\.com/acme/[^/]+/\.github/workflows/(release|nightly)\.yml@refs/tags/v\d+$",
            r"^https://gitlab\.com/acme/app//\.gitlab-ci\.yml@refs/heads/[a-z]+$",
            r"^https://release\.example/[a-z]+$",
            r"^[^@/]+@acme\.example$",
            r"^[\w+-]+@acme\.example$",
            r"^dev@acme\.example$",
            r"^https://release\.example$",
            r"^https://github\.com/acme/[^/.]+/[.]x$",
        ] {
            assert_eq!(too_wide(good), None, "{good}");
        }
    }

    #[test]
    fn a_pattern_that_matches_strangers_is_too_wide() {
        for wide in [
            r"^[^ ]+@[^ ]+$",
            r"^https://github\.com/[^@]+@refs/heads/main$",
            // Another owner.
            r"^https://github\.com/[^/]+/app/\.github/workflows/release\.yml@refs/heads/main$",
            r"^https://github\.com/acme[^/]*/app/\.github/workflows/release\.yml@refs/heads/main$",
            r"^https://github\.com/acme?/app/\.github/workflows/release\.yml@refs/heads/main$",
            r"^https://github\.com/(acme|[a-z]+)/app/[^/]+$",
            r"^https://gitlab\.com/\w+/app//\.gitlab-ci\.yml@refs/heads/main$",
            // Another host.
            r"^https://[a-z]+\.example/acme$",
            r"^https://github\.com[a-z.]*/acme/app$",
            r"^\w+://github\.com/acme/app$",
            r"^(https://github\.com/acme/app|[^/]+)$",
            r"^https://github\.com/acme/app|[^/]+$",
            // Another repository or workflow, through a class that holds `/`.
            r"^https://github\.com/acme/[^@]+@refs/heads/main$",
            r"^https://github\.com/acme/\S+@refs/heads/main$",
            r"^https://github\.com/acme/[!-~]+$",
            r"^https://github\.com/acme/[]^]*[^]]+$",
            r"^https://github\.com/acme/\x2f+$",
            // Another domain.
            r"^dev@[a-z]+\.example$",
            r"^[^@/]+@acme\.example(\.evil)?$",
            r"^[^@/]+@example$",
            r"^[^@/]+acme\.example$",
        ] {
            assert!(too_wide(wide).is_some(), "{wide}");
        }
    }

    #[test]
    fn a_dot_means_a_dot_or_is_refused() {
        assert!(too_wide(r"^https://github.com/acme$").is_some());
        assert!(too_wide(r"^https://github\.com/.*$").is_some_and(|why| why.contains("[^/]+")));
        assert!(
            too_wide(r"^a\\.b$").is_some(),
            "an escaped backslash, then any character"
        );
    }
}
