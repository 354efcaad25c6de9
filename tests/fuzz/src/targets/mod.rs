//! The targets, a file for each crate they look at.

mod attest;
mod catalog;
mod deploy;
mod keyless;
mod layers;
mod oci;
mod policy;
mod roots;
mod trust;
mod types;

use crate::Target;

/// Every list of targets.
pub(crate) const ALL: &[&[Target]] = &[
    attest::TARGETS,
    catalog::TARGETS,
    deploy::TARGETS,
    keyless::TARGETS,
    layers::TARGETS,
    oci::TARGETS,
    policy::TARGETS,
    roots::TARGETS,
    trust::TARGETS,
    types::TARGETS,
];

/// Seeds from texts.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Seeds for `crate::damage`: a few changes of every kind.
fn changes() -> Vec<Vec<u8>> {
    let seed = |first: u8| (0..40u8).map(move |at| first.wrapping_add(at.wrapping_mul(first | 1)));
    (0..24u8).map(|first| seed(first).collect()).collect()
}

/// The input as text, or nothing to do.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The input in two parts, at its first line break.
fn lines(data: &[u8]) -> Option<(&str, &str)> {
    text(data)?.split_once('\n')
}
