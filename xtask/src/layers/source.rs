//! The sources of the pure crates name no file, network, environment, process or clock.

use std::path::Path;

use super::{Report, table};
use crate::error::Error;
use crate::files;
use crate::tokens::{self, Token};

/// The parts of the standard library that touch the world.
const WORLD: &[&str] = &["env", "fs", "net", "os", "process", "thread"];

/// Types that only hold an address; they are text, and open no connection.
const ADDRESSES: &[&str] = &["IpAddr", "Ipv4Addr", "Ipv6Addr"];

/// Calls and types that read the clock or a stream, whatever they are imported as.
const CLOCK_AND_STREAMS: &[&[&str]] = &[
    &["Instant"],
    &["SystemTime"],
    &["Timestamp", ":", ":", "now"],
    &["Zoned", ":", ":", "now"],
    &["stderr"],
    &["stdin"],
    &["stdout"],
];

/// Reads every source file of the pure crates.
pub(super) fn check(root: &Path) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut files = 0;
    for krate in table::pure_crates() {
        let folder = Path::new("crates").join(krate.name).join("src");
        for path in files::with_extension(root, "rs")? {
            if path.starts_with(&folder) {
                files += 1;
                let text = files::read(&root.join(&path))?;
                let found = match tokens::shipped(&text) {
                    Ok(tokens) => faults(&tokens),
                    Err(error) => vec![(0, error)],
                };
                let place = path.display();
                let found = found.into_iter();
                report
                    .faults
                    .extend(found.map(|(line, what)| format!("{place}:{line}: {what}")));
            }
        }
    }
    report.looked_at.push(format!("{files} pure source files"));
    Ok(report)
}

fn faults(tokens: &[Token]) -> Vec<(usize, String)> {
    let of_std = parts_of_std(tokens)
        .filter(|(part, _)| WORLD.contains(part))
        .map(|(part, line)| (line, format!("a pure crate names std::{part}")));
    let clock = CLOCK_AND_STREAMS.iter().flat_map(|wanted| {
        let name = wanted.concat();
        let lines = tokens::find(tokens, wanted).into_iter();
        lines.map(move |line| (line, format!("a pure crate names {name}")))
    });
    of_std.chain(clock).collect()
}

/// The modules of `std` that are named, as `std::fs` or inside `std::{…}`.
fn parts_of_std(tokens: &[Token]) -> impl Iterator<Item = (&str, usize)> {
    let starts = tokens.windows(3).enumerate().filter(|(_, found)| {
        found[0].text == "std" && found[1].text == ":" && found[2].text == ":"
    });
    starts.flat_map(|(at, _)| {
        let rest = &tokens[at + 3..];
        let many = rest.first().is_some_and(|token| token.text == "{");
        let end = if many { end_of_group(rest) } else { 1 };
        // Inside a group every word is looked at: `std::{io::{self}, fs}`.
        (0..end.min(rest.len()))
            .filter(|&at| !is_address(&rest[at..]))
            .map(|at| (rest[at].text.as_str(), rest[at].line))
    })
}

/// Whether these tokens start with `net::` and the name of an address.
fn is_address(tokens: &[Token]) -> bool {
    tokens.first().is_some_and(|token| token.text == "net")
        && tokens
            .get(3)
            .is_some_and(|token| ADDRESSES.contains(&token.text.as_str()))
}

fn end_of_group(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(source: &str) -> Vec<String> {
        let tokens = tokens::shipped(source).expect("the source is Rust");
        faults(&tokens)
            .into_iter()
            .map(|(line, what)| format!("{line}: {what}"))
            .collect()
    }

    #[test]
    fn every_spelling_of_a_forbidden_module_is_found() {
        for source in [
            "use std::fs;",
            "use std :: fs::File;",
            "use std::{collections::BTreeMap, fs};",
            "use std::{io::{self, Read}, fs as files};",
            "fn f() { ::std::fs::read(\"x\"); }",
        ] {
            assert_eq!(
                faults_of(source),
                ["1: a pure crate names std::fs"],
                "{source}"
            );
        }
        assert_eq!(
            faults_of("\nuse std::env::var;"),
            ["2: a pure crate names std::env"]
        );
    }

    #[test]
    fn an_address_is_text_and_a_socket_is_not() {
        assert!(faults_of("use std::net::Ipv6Addr; use std::{fmt, net::IpAddr};").is_empty());
        assert_eq!(
            faults_of("use std::net::TcpStream;"),
            ["1: a pure crate names std::net"]
        );
    }

    #[test]
    fn the_clock_is_found_and_a_time_that_is_handed_in_is_not() {
        assert_eq!(
            faults_of("Timestamp::now()"),
            ["1: a pure crate names Timestamp::now"]
        );
        assert_eq!(
            faults_of("std::time::Instant::now()"),
            ["1: a pure crate names Instant"]
        );
        assert!(faults_of("fn f(now: Timestamp) -> Duration { now.since(start) }").is_empty());
    }

    #[test]
    fn words_in_comments_strings_and_tests_are_no_use_of_them() {
        let source = "//! std::fs\nconst A: &str = \"std::fs\";\n#[cfg(test)]\nmod tests { use std::fs; }\nuse std::{fmt, collections::BTreeMap};";
        assert!(faults_of(source).is_empty());
    }
}
