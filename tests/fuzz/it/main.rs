//! The fuzz targets without a fuzzer: every seed, every input that once broke something, the page
//! that lists the targets, and input that is made to exhaust.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up should stop there"
)]

mod caps;
mod table;

use std::panic::catch_unwind;

use palisade_fuzz::{Target, found, targets};

/// The name of an input that breaks an invariant.
fn broken(target: &Target, input: &[u8], name: &str) -> Option<String> {
    catch_unwind(|| (target.run)(input)).err()?;
    Some(format!("{}: {name}", target.name))
}

#[test]
fn every_seed_and_every_input_that_once_broke_something_holds() {
    let mut all = Vec::new();
    for target in targets() {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for (number, seed) in seeds.iter().enumerate() {
            all.extend(broken(target, seed, &format!("seed {number}")));
        }
        for (path, input) in found(target) {
            all.extend(broken(target, &input, &path.display().to_string()));
        }
    }
    assert!(all.is_empty(), "{all:#?}");
}
