//! From the files of an image to its inventory: which files are wanted, and what they tell.
//!
//! Pure: bytes come in, components go out. To read another kind of file, see [`ecosystems`].

pub mod distro;
mod ecosystems;
#[cfg(test)]
mod testing;

use std::sync::Mutex;

use palisade_bom::inventory::{Inventory, MAX_GAPS, TooMuch, note};
use palisade_types::{Entry, Gap, ImageFile};

/// The most bytes of wanted files one inventory is made from; below what the reader of layers will keep,
/// so that reaching it is a gap in the document instead of no document.
pub const MAX_TOTAL: u64 = 896 << 20;

/// Chooses the files of an image that hold its inventory, and remembers what was too large.
#[derive(Debug, Default)]
pub struct Wanted {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: u64,
    gaps: Vec<Gap>,
}

impl Wanted {
    /// The byte limit of a wanted file: what a reader of layers asks for.
    pub fn limit(&self, entry: &Entry<'_>) -> Option<u64> {
        let limit = limit(entry)?;
        let mut state = self
            .state
            .lock()
            .expect("nothing panics while it holds this lock");
        let reason = if entry.size > limit {
            format!("is larger than the limit of {limit} bytes")
        } else if state.total + entry.size > MAX_TOTAL {
            format!("was left out: the files to read exceed {MAX_TOTAL} bytes")
        } else {
            state.total += entry.size;
            return Some(limit);
        };
        note(&mut state.gaps, entry.path, reason);
        None
    }

    /// The wanted files that were too large to read. One that is among `files` was replaced by a
    /// smaller one in a later layer.
    pub fn gaps(self, files: &[ImageFile]) -> Vec<Gap> {
        let state = self.state.into_inner();
        let mut gaps = state.expect("nothing panics while it holds this lock").gaps;
        // The one that says there are more speaks of files that are not listed: it stays, whatever
        // became of the file it stands at.
        let more = (gaps.len() > MAX_GAPS).then(|| gaps.pop()).flatten();
        gaps.retain(|gap| files.iter().all(|file| file.path != gap.source));
        gaps.extend(more);
        gaps
    }
}

fn limit(entry: &Entry<'_>) -> Option<u64> {
    let of_distro = distro::PATHS
        .contains(&entry.path)
        .then_some(distro::MAX_BYTES);
    let of_ecosystems = ecosystems::ALL
        .iter()
        .filter_map(|ecosystem| (ecosystem.wants)(entry));
    of_ecosystems.chain(of_distro).max()
}

/// Lists what these files tell. The same files, in any order, give the same inventory.
pub fn catalog(mut files: Vec<ImageFile>) -> Result<Inventory, TooMuch> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut inventory = Inventory::default();
    let (distro, found) = distro::find(&files);
    inventory.add(found)?;
    for ecosystem in ecosystems::ALL {
        inventory.add((ecosystem.catalog)(
            &ecosystem.files(&files),
            distro.as_ref(),
        ))?;
    }
    Ok(inventory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(path: &'a str, size: u64, head: &'a [u8]) -> Entry<'a> {
        Entry {
            path,
            mode: 0o644,
            size,
            head,
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_a_gap_and_one_nobody_wants_is_not() {
        let wanted = Wanted::default();
        assert!(
            wanted
                .limit(&entry("etc/os-release", 100, b"ID="))
                .is_some()
        );
        assert!(
            wanted
                .limit(&entry("etc/os-release", 100 << 20, b"ID="))
                .is_none()
        );
        assert!(
            wanted
                .limit(&entry("etc/passwd", 100 << 20, b"root"))
                .is_none()
        );
        let gaps = wanted.gaps(&[]);
        assert_eq!(gaps.len(), 1);
        assert!(gaps[0].reason.contains("65536 bytes"), "{gaps:?}");
    }

    #[test]
    fn a_smaller_file_in_a_later_layer_closes_the_gap() {
        let wanted = Wanted::default();
        let mut large = entry("etc/os-release", 100 << 20, b"ID=");
        assert!(wanted.limit(&large).is_none());
        large.size = 7;
        assert!(wanted.limit(&large).is_some());
        let smaller = crate::ecosystems::testing::file("etc/os-release", b"ID=a");
        assert_eq!(wanted.gaps(&[smaller]), []);
    }

    #[test]
    fn files_that_are_replaced_hide_no_gap_behind_the_last_that_is_listed() {
        let wanted = Wanted::default();
        let paths: Vec<_> = (0..=MAX_GAPS)
            .map(|at| format!("{at}/Cargo.lock"))
            .collect();
        let all = paths.iter().map(String::as_str).chain(["app/Cargo.lock"]);
        for path in all {
            assert!(wanted.limit(&entry(path, 1 << 40, b"")).is_none());
        }
        let replaced = |path: &String| crate::ecosystems::testing::file(path, b"");
        let gaps = wanted.gaps(&paths.iter().map(replaced).collect::<Vec<_>>());
        assert_eq!(gaps.len(), 1);
        assert!(gaps[0].reason.starts_with("and more"), "{gaps:?}");
    }

    #[test]
    fn the_sum_of_all_files_is_bounded() {
        let wanted = Wanted::default();
        let asked: Vec<_> = (0..4)
            .map(|_| wanted.limit(&entry("a", 300 << 20, b"\x7fELF")).is_some())
            .collect();
        assert_eq!(asked, [true, true, false, false]);
        assert_eq!(wanted.gaps(&[]).len(), 2);
    }
}
