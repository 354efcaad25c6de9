//! The sections of an ELF program. Each costs one comparison, whatever the names are.

use object::elf::{FileHeader32, FileHeader64, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, FileKind};

/// The first bytes of a program.
pub(super) const MAGIC: &[u8] = b"\x7fELF";
/// The most bytes of one program we read.
pub(super) const MAX_BYTES: u64 = 512 << 20;

/// The bytes of the section of this name, if the program has it.
pub(super) fn section<'a>(bytes: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, String> {
    let section = match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => find::<FileHeader32<Endianness>>(bytes, name),
        Ok(FileKind::Elf64) => find::<FileHeader64<Endianness>>(bytes, name),
        _ => return Err("is not a readable ELF file".to_owned()),
    };
    section.map_err(|error| format!("is not a readable ELF file: {error}"))
}

fn find<'a, Elf: FileHeader<Endian = Endianness>>(
    bytes: &'a [u8],
    name: &str,
) -> object::Result<Option<&'a [u8]>> {
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.section_headers(endian, bytes)?;
    // A stripped program may have no sections, and no names for them.
    let Some(names) = sections.get(header.shstrndx(endian, bytes).unwrap_or(0) as usize) else {
        return Ok(None);
    };
    let names = names.data(endian, bytes)?;
    let is_it = |section: &&Elf::SectionHeader| {
        let at = names.get(section.sh_name(endian) as usize..);
        let after = at.and_then(|at| at.strip_prefix(name.as_bytes()));
        after.is_some_and(|rest| rest.starts_with(b"\0"))
    };
    match sections.iter().find(is_it) {
        // Debug information split off a program keeps the section's name and not its bytes.
        Some(section) if section.sh_type(endian) != SHT_NOBITS => {
            section.data(endian, bytes).map(Some)
        }
        _ => Ok(None),
    }
}
