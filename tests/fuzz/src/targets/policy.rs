//! The policy file.

use palisade_policy::{Glob, Policy};
use palisade_types::Digest;

use super::{lines, texts};
use crate::Target;
use crate::files::{folder, read};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "glob",
        parser: "policy::Glob",
        holds: "matches what a naive matcher matches",
        run: glob,
        seeds: || {
            texts(&[
                "ghcr.io/acme/*\nghcr.io/acme/app",
                "https://**/x\nhttps://a/b/x",
                "a***b\na/b",
                "exact\nexact",
            ])
        },
    },
    Target {
        name: "policy",
        parser: "policy::Policy (TOML)",
        holds: "a policy is named by the digest of its bytes; a refusal says why, and underlines what is there",
        run: policy,
        seeds: || {
            let mut seeds = folder("policies", ".toml");
            let odd = String::from_utf8(read("policies/lab.toml")).expect("text");
            seeds.push(odd.replace(" = ", " = 1 # ").into_bytes());
            seeds
        },
    },
];

fn policy(data: &[u8]) {
    match Policy::parse("policy.toml", data) {
        Ok(policy) => {
            assert_eq!(policy.identity().digest, Digest::sha256_of(data));
            for trust in policy.trusts() {
                assert!(!trust.name.is_empty());
            }
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            let text = std::str::from_utf8(data).unwrap_or_default();
            for problem in error.problems() {
                if let Some(span) = &problem.span {
                    assert!(
                        text.get(span.clone()).is_some(),
                        "{problem:?} is not in the file"
                    );
                }
                assert!(!problem.message.is_empty());
            }
            let _shown = error.to_string();
        }
    }
}

/// Input: a pattern, and on the next line a text.
fn glob(data: &[u8]) {
    let Some((pattern, text)) = lines(data) else {
        return;
    };
    if pattern.len() > 100 || text.len() > 100 {
        return;
    }
    let (parts, value): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let got = Glob::new(pattern).matches(text);
    assert_eq!(got, naive(&parts, &value), "{pattern:?} {text:?}");
}

/// `**` is one or more but white space, `*` one or more but white space and `/`; read from the
/// left, two stars at a time.
fn naive(pattern: &[char], text: &[char]) -> bool {
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; text.len() + 1];
        let two = pattern[at..].starts_with(&['*', '*']);
        for place in 0..text.len() {
            let c = text[place];
            next[place + 1] = if two {
                (ends[place] || next[place]) && !c.is_whitespace()
            } else if pattern[at] == '*' {
                (ends[place] || next[place]) && !c.is_whitespace() && c != '/'
            } else {
                ends[place] && c == pattern[at]
            };
        }
        at += if two { 2 } else { 1 };
        ends = next;
    }
    ends[text.len()]
}
