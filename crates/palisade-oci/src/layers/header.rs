//! What the headers of a tar archive say about an entry, its extensions included.

use tar::{EntryType, PaxExtensions};

/// What extension entries say about the next one.
#[derive(Default)]
pub(super) struct Overrides {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Overrides {
    /// Takes in the body of an extension entry.
    pub(super) fn add(&mut self, kind: EntryType, bytes: &[u8]) -> Result<(), &'static str> {
        let text = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        match kind {
            EntryType::GNULongName => self.path = Some(text.to_vec()),
            EntryType::GNULongLink => self.link = Some(text.to_vec()),
            _ => {
                let global = kind == EntryType::XGlobalHeader;
                for extension in PaxExtensions::new(bytes) {
                    let extension = extension.map_err(|_| "a broken pax header")?;
                    self.pax(extension.key_bytes(), extension.value_bytes(), global)?;
                }
            }
        }
        Ok(())
    }

    fn pax(&mut self, key: &[u8], value: &[u8], global: bool) -> Result<(), &'static str> {
        let decides = matches!(key, b"path" | b"linkpath" | b"size");
        // The bytes of a sparse file in the archive are not the file's.
        if key.starts_with(b"GNU.sparse.") || (global && decides) {
            return Err("a pax header of a kind that is not supported");
        }
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => {
                let text = std::str::from_utf8(value).ok();
                let size = text.and_then(|text| text.parse().ok());
                self.size = Some(size.ok_or("a broken pax size")?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether this entry's body belongs to the next entry's header.
pub(super) fn is_extension(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::GNULongName
            | EntryType::GNULongLink
            | EntryType::XHeader
            | EntryType::XGlobalHeader
    )
}

/// A path as everybody writes it: no leading slash, no `.`, never `..`.
pub(super) fn normal(raw: &[u8]) -> Result<String, &'static str> {
    let text = String::from_utf8_lossy(raw);
    if text.contains('\0') {
        return Err("a name with a zero byte");
    }
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    let parts: Vec<&str> = parts.collect();
    if parts.contains(&"..") {
        return Err("a path that climbs out of the image");
    }
    Ok(parts.join("/"))
}

/// The sum of a header's bytes, its checksum field taken as spaces.
pub(super) fn checksum(block: &[u8]) -> u32 {
    let field = 148..156;
    let value =
        |(at, byte): (usize, &u8)| u32::from(if field.contains(&at) { b' ' } else { *byte });
    block.iter().enumerate().map(value).sum()
}
