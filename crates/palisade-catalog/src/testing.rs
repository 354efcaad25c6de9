//! For tests: the smallest programs that have sections.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A 64-bit little-endian ELF file with these sections, and the section of their names.
pub(crate) fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    const HEADER: usize = 64;
    const PROGBITS: u32 = 1;
    const STRTAB: u32 = 3;
    let mut names = vec![0];
    let mut data = Vec::new();
    // One row for each section header: name, type, offset, size.
    let mut rows = vec![(0, 0, 0, 0)];
    for (name, bytes) in sections {
        rows.push((names.len(), PROGBITS, HEADER + data.len(), bytes.len()));
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        data.extend_from_slice(bytes);
    }
    rows.push((names.len(), STRTAB, HEADER + data.len(), names.len() + 10));
    names.extend_from_slice(b".shstrtab\0");
    data.extend_from_slice(&names);

    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    for half in [2u16, 0x3e] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1u32.to_le_bytes());
    for word in [0, 0, HEADER + data.len()] {
        file.extend((word as u64).to_le_bytes());
    }
    file.extend(0u32.to_le_bytes());
    let halves = [HEADER, 0, 0, 64, rows.len(), rows.len() - 1];
    for half in halves {
        file.extend(u16::try_from(half).expect("few sections").to_le_bytes());
    }
    file.extend(data);
    for (name, kind, offset, size) in rows {
        file.extend(u32::try_from(name).expect("short names").to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend([0; 16]);
        file.extend((offset as u64).to_le_bytes());
        file.extend((size as u64).to_le_bytes());
        file.extend([0; 24]);
    }
    file
}

/// A program that carries this dependency tree, as `cargo auditable` leaves it.
pub(crate) fn auditable_elf(tree: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(tree.as_bytes())
        .expect("writes to memory");
    let section = encoder.finish().expect("writes to memory");
    elf(&[(".text", b"\xc3"), (".dep-v0", &section)])
}
