//! Layers: what a tar stream says, and what the files of several layers come to.

use std::collections::BTreeMap;
use std::io::Write as _;

use arbitrary::{Arbitrary, Unstructured};
use flate2::Compression;
use flate2::write::GzEncoder;
use palisade_oci::fuzz::read_layers;
use palisade_oci::layers::Entry;

use crate::Target;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "layer-bytes",
        parser: "oci::layers: gzip, tar, pax and GNU headers",
        holds: "the same in any pieces; no path climbs; nothing is larger than what was asked for",
        run: bytes,
        seeds: || {
            let layer = tar_of(&sample());
            let mut gzip = GzEncoder::new(vec![1], Compression::fast());
            gzip.write_all(&layer).expect("in memory");
            vec![
                [vec![0], layer].concat(),
                gzip.finish().expect("in memory"),
                [vec![0], long_names()].concat(),
            ]
        },
    },
    Target {
        name: "layer-model",
        parser: "oci::layers: whiteouts, opaque folders, links, replaced files and folders",
        holds: "the merged files are those of a naive model that asks of each file who came after it",
        run: model,
        seeds: || {
            (0..24u8)
                .map(|seed| {
                    (0..40)
                        .map(|at| seed.wrapping_mul(37).wrapping_add(at).wrapping_mul(11))
                        .collect()
                })
                .collect()
        },
    },
];

/// The most bytes of a file that are asked for.
const WANTED: u64 = 4_096;

fn wanted(entry: &Entry<'_>) -> Option<u64> {
    (!entry.path.ends_with("skipped")).then_some(WANTED)
}

fn bytes(data: &[u8]) {
    let Some((first, layer)) = data.split_first() else {
        return;
    };
    let gzip = first & 1 == 1;
    let whole = read_layers(&[layer], gzip, layer.len(), wanted);
    for piece in [1 + usize::from(first >> 1), 512] {
        let pieces = read_layers(&[layer], gzip, piece, wanted);
        match (&whole, &pieces) {
            (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
            // Of a broken stream more or less comes out before it is seen to be broken.
            (Err(whole), Err(pieces)) if !gzip => assert_eq!(whole.to_string(), pieces.to_string()),
            (Err(_), Err(_)) => {}
            _ => panic!("whole: {whole:?}, in pieces of {piece}: {pieces:?}"),
        }
    }
    for file in whole.into_iter().flatten() {
        assert!(file.bytes.len() as u64 <= WANTED);
        let words = || file.path.split('/');
        assert!(
            !words().any(|word| matches!(word, "" | "." | "..")),
            "{}",
            file.path
        );
        assert!(!file.path.contains('\0'));
    }
}

const PATHS: [&str; 9] = ["a", "a/b", "a/b/c", "a/d", "d", "d/e", "d/e/f", "ab", "a.b"];

/// One entry of a layer.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Item {
    File(u8, u8),
    Folder(u8),
    Link(u8, u8),
    Opaque(u8),
    Symlink(u8),
    Whiteout(u8),
}

fn path(number: u8) -> &'static str {
    PATHS[usize::from(number) % PATHS.len()]
}

fn model(data: &[u8]) {
    let Ok(mut layers) = Vec::<Vec<Item>>::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    layers.truncate(4);
    for layer in &mut layers {
        layer.truncate(10);
    }
    let tars: Vec<Vec<u8>> = layers.iter().map(|layer| tar_of(layer)).collect();
    let tars: Vec<&[u8]> = tars.iter().map(Vec::as_slice).collect();
    let read = read_layers(&tars, false, 700, |_| Some(WANTED));
    match (read, merged(&layers)) {
        (Ok(files), Some(model)) => {
            let files: BTreeMap<_, _> = files.into_iter().map(|f| (f.path, f.bytes)).collect();
            let model = model
                .into_iter()
                .map(|(path, byte)| (path.to_owned(), vec![byte]));
            assert_eq!(files, model.collect::<BTreeMap<_, _>>(), "{layers:?}");
        }
        // A link to nothing that was read.
        (Err(_), None) => {}
        (read, model) => panic!("{layers:?}: read {read:?}, model {model:?}"),
    }
}

/// What is left of all layers: each file is asked who came after it. `None` when a link points to
/// no file that is there when it stands.
fn merged(layers: &[Vec<Item>]) -> Option<BTreeMap<&'static str, u8>> {
    let mut below: BTreeMap<&'static str, u8> = BTreeMap::new();
    for layer in layers {
        let mut here: Vec<(&'static str, u8, usize)> = Vec::new();
        for (at, item) in layer.iter().enumerate() {
            match *item {
                Item::File(name, byte) => here.push((path(name), byte, at)),
                Item::Link(name, target) => {
                    // The name is replaced before the link is followed.
                    let seen = &layer[..=at];
                    let mine = here
                        .iter()
                        .rev()
                        .find(|(path, _, _)| *path == self::path(target));
                    let mine = mine.filter(|(path, _, from)| !gone(path, &seen[from + 1..]));
                    let found = mine.map(|(_, byte, _)| *byte);
                    here.push((
                        path(name),
                        found.or_else(|| below.get(path(target)).copied())?,
                        at,
                    ));
                }
                _ => {}
            }
        }
        below.retain(|path, _| !gone(path, layer) && !layer.iter().any(|item| hides(*item, path)));
        for (path, byte, at) in here {
            if !gone(path, &layer[at + 1..]) {
                below.insert(path, byte);
            }
        }
    }
    Some(below)
}

/// Whether one of these entries, which come after the file, stands in its place.
fn gone(path: &str, later: &[Item]) -> bool {
    later.iter().any(|item| match *item {
        Item::File(name, _) | Item::Link(name, _) | Item::Symlink(name) => {
            covers(self::path(name), path)
        }
        Item::Folder(name) => self::path(name) == path,
        Item::Opaque(_) | Item::Whiteout(_) => false,
    })
}

/// Whether an entry of a later layer hides a file below without standing in its place.
fn hides(item: Item, path: &str) -> bool {
    match item {
        Item::Opaque(name) => covers(self::path(name), path) && self::path(name) != path,
        Item::Whiteout(name) => covers(self::path(name), path),
        _ => false,
    }
}

/// The path itself or one below it.
fn covers(above: &str, path: &str) -> bool {
    path == above
        || path
            .strip_prefix(above)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn tar_of(layer: &[Item]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for item in layer {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(0);
        let mut content: &[u8] = &[];
        let byte;
        let name = match *item {
            Item::File(name, value) => {
                byte = [value];
                content = &byte;
                header.set_size(1);
                path(name).to_owned()
            }
            Item::Folder(name) => {
                header.set_entry_type(tar::EntryType::Directory);
                format!("./{}/", path(name))
            }
            Item::Link(name, target) => {
                header.set_entry_type(tar::EntryType::Link);
                header.set_link_name(path(target)).expect("a short name");
                path(name).to_owned()
            }
            Item::Opaque(name) => format!("{}/.wh..wh..opq", path(name)),
            Item::Symlink(name) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name("/etc/passwd").expect("a short name");
                path(name).to_owned()
            }
            Item::Whiteout(name) => {
                let (folder, name) = path(name).rsplit_once('/').unwrap_or(("", path(name)));
                format!("{folder}/.wh.{name}")
                    .trim_start_matches('/')
                    .to_owned()
            }
        };
        tar.append_data(&mut header, name, content)
            .expect("in memory");
    }
    tar.into_inner().expect("in memory")
}

fn sample() -> Vec<Item> {
    vec![
        Item::Folder(0),
        Item::File(1, 7),
        Item::File(5, 8),
        Item::Link(3, 1),
        Item::Whiteout(4),
        Item::Opaque(0),
        Item::Symlink(7),
    ]
}

fn long_names() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let long = "long/".repeat(40) + "name";
    tar.append_pax_extensions([("path", b"from/pax".as_slice()), ("size", b"3".as_slice())])
        .expect("in memory");
    for name in ["short", long.as_str()] {
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o755);
        tar.append_data(&mut header, name, b"abc".as_slice())
            .expect("in memory");
    }
    tar.into_inner().expect("in memory")
}
