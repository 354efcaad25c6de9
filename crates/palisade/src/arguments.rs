//! What stands before the command's name: ours is `--pass-env`, the rest is the command's.

use std::ffi::OsString;

/// The flags before the command's name that the command understands as well, such as `--quiet`.
///
/// `all` is the whole command line, program first; the last `tail` words are the command's name
/// and what follows it.
pub(crate) fn forwarded(all: impl Iterator<Item = OsString>, tail: usize) -> Vec<OsString> {
    let mut words: Vec<OsString> = all.skip(1).collect();
    words.truncate(words.len().saturating_sub(tail));
    let mut kept = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--pass-env" {
            words.next();
        } else if word != "--" && !word.to_string_lossy().starts_with("--pass-env=") {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded_of(line: &str, tail: usize) -> String {
        let kept = forwarded(line.split(' ').map(OsString::from), tail);
        kept.join(&OsString::from(" "))
            .into_string()
            .expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn shared_flags_go_on_and_our_own_does_not() {
        let line = "palisade -q --pass-env A --color never --pass-env=B verify -q x";
        assert_eq!(forwarded_of(line, 3), "-q --color never");
        assert_eq!(forwarded_of("palisade verify -q x", 3), "");
        assert_eq!(forwarded_of("palisade -- verify", 1), "");
    }
}
