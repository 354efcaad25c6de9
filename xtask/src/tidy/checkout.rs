//! The files of a checkout with their text, read once; or made up, for tests.

use std::path::Path;

use crate::error::Error;
use crate::files;
use crate::tokens::{self, Token};

/// One file.
pub(super) struct File {
    /// Its path from the root, with `/` between the parts.
    pub(super) path: String,
    /// Its text; empty when it is not UTF-8.
    pub(super) text: String,
    shipped: Vec<Token>,
    tokens: Vec<Token>,
}

impl File {
    fn new(path: String, text: String) -> Self {
        let is_rust = has_extension(&path, "rs");
        let of = |read: fn(&str) -> Result<Vec<Token>, String>| {
            // What is not Rust does not compile, and is found there.
            if is_rust {
                read(&text).unwrap_or_default()
            } else {
                Vec::new()
            }
        };
        Self {
            shipped: of(tokens::shipped),
            tokens: of(tokens::all),
            path,
            text,
        }
    }

    /// All its tokens, if it is Rust.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The tokens that are shipped; none if it is a test.
    pub(super) fn shipped(&self) -> &[Token] {
        if self.is_test() { &[] } else { &self.shipped }
    }

    /// Whether it is compiled for tests alone: in a `tests` folder, or a module named `tests`.
    fn is_test(&self) -> bool {
        self.path
            .split('/')
            .any(|part| part == "tests" || part == "tests.rs")
    }

    /// A place in it, as a compiler names it.
    pub(super) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// All files.
pub(super) struct Checkout {
    files: Vec<File>,
}

impl Checkout {
    /// Reads what is under this folder.
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let mut found = Vec::new();
        for path in files::all(root)? {
            let text = files::read_if_text(&root.join(&path))?;
            found.push(File::new(path.to_string_lossy().into_owned(), text));
        }
        Ok(Self { files: found })
    }

    /// A checkout of these files.
    #[cfg(test)]
    pub(super) fn of(given: &[(&str, &str)]) -> Self {
        let new = |&(path, text): &(&str, &str)| File::new(path.to_owned(), text.to_owned());
        Self {
            files: given.iter().map(new).collect(),
        }
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Every file.
    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| has_extension(&file.path, "rs"))
    }

    /// Whether there is a file of this path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files().any(|file| file.path == path)
    }
}

/// Whether a path ends in a dot and this.
pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}
