//! Rust source as a flat list of tokens with their lines, without comments and without tests.
//!
//! The sources are checked as the compiler reads them: a word in a comment or a string is not a
//! use of it, and no spelling with other spaces escapes.

use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One identifier, literal or punctuation mark; brackets are tokens too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its text.
    pub(crate) text: String,
    /// The line it starts on, from 1.
    pub(crate) line: usize,
}

/// The tokens of what is shipped: everything but items under `#[cfg(test)]`.
pub(crate) fn shipped(source: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    flatten(parse(source)?, true, &mut tokens);
    Ok(tokens)
}

/// All tokens of a file.
pub(crate) fn all(source: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    flatten(parse(source)?, false, &mut tokens);
    Ok(tokens)
}

/// The line of every place where these tokens follow each other.
pub(crate) fn find(tokens: &[Token], wanted: &[&str]) -> Vec<usize> {
    tokens
        .windows(wanted.len())
        .filter(|found| {
            found
                .iter()
                .zip(wanted)
                .all(|(token, text)| token.text == *text)
        })
        .map(|found| found[0].line)
        .collect()
}

fn parse(source: &str) -> Result<TokenStream, String> {
    TokenStream::from_str(source).map_err(|error| error.to_string())
}

fn flatten(stream: TokenStream, skip_tests: bool, tokens: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        if skip_tests && is_punct(&tree, '#') && trees.peek().is_some_and(is_cfg_test) {
            // The item ends with its body or with a semicolon, whichever comes first.
            for tree in trees.by_ref() {
                let is_body = matches!(&tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                if is_body || is_punct(&tree, ';') {
                    break;
                }
            }
            continue;
        }
        let line = tree.span().start().line;
        let mut push = |text: &str, line| {
            tokens.push(Token {
                text: text.to_owned(),
                line,
            });
        };
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                push(open, line);
                let end = group.span_close().end().line;
                flatten(group.stream(), skip_tests, tokens);
                tokens.push(Token {
                    text: close.to_owned(),
                    line: end,
                });
            }
            TokenTree::Ident(ident) => push(&ident.to_string(), line),
            TokenTree::Literal(literal) => push(&literal.to_string(), line),
            TokenTree::Punct(punct) => push(&punct.to_string(), line),
        }
    }
}

fn is_punct(tree: &TokenTree, mark: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// Whether this is the `[cfg(test)]` of an attribute.
fn is_cfg_test(tree: &TokenTree) -> bool {
    let text = tree.to_string();
    let words: String = text.split_whitespace().collect();
    words == "[cfg(test)]"
}

const fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
        Delimiter::Parenthesis => ("(", ")"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> String {
        let tokens = shipped(source).expect("the source is Rust");
        tokens
            .into_iter()
            .map(|token| token.text)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_are_gone_and_strings_are_one_token() {
        assert_eq!(
            texts("// a::b\nlet x /* y */ = \"std::fs\";"),
            "let x = \"std::fs\" ;"
        );
    }

    #[test]
    fn items_of_tests_are_gone_and_their_neighbours_are_not() {
        assert_eq!(texts("a ; #[cfg(test)] mod tests { x } b ;"), "a ; b ;");
        assert_eq!(texts("#[cfg(test)] use x::y; b"), "b");
        assert_eq!(texts("#[cfg(not(test))] c"), "# [ cfg ( not ( test ) ) ] c");
    }

    #[test]
    fn a_sequence_is_found_over_line_ends_with_its_line() {
        let tokens = all("a\nstd\n  :: fs\n").expect("the source is Rust");
        assert_eq!(find(&tokens, &["std", ":", ":", "fs"]), [2]);
        assert_eq!(find(&tokens, &["std", ":", ":", "env"]), [0; 0]);
    }
}
