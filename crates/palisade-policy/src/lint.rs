//! Patterns that trust more than they seem to.

/// Why a regular expression over signers is too wide, if it is: a `.` that stands for any
/// character matches look-alike hosts (`githubXcom`), and `.*` crosses from one repository or
/// workflow into every other.
pub(crate) fn too_wide(pattern: &str) -> Option<&'static str> {
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '.' if !in_class => {
                return Some(match chars.peek() {
                    Some('*' | '+' | '{') => {
                        "`.*` and `.+` cross every boundary; write `[^/]+`, or the part itself"
                    }
                    _ => "a bare `.` is any character; write `\\.` for a dot",
                });
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_means_a_dot_or_is_refused() {
        assert_eq!(too_wide(r"^https://github\.com/acme/[^/.]+/[.]x$"), None);
        assert!(too_wide(r"^https://github.com/acme$").is_some());
        assert!(too_wide(r"^https://github\.com/.*$").is_some_and(|why| why.contains("[^/]+")));
        assert!(
            too_wide(r"^a\\.b$").is_some(),
            "an escaped backslash, then any character"
        );
    }
}
