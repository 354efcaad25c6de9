//! A tar archive that is pushed in piece by piece (POSIX ustar and pax; GNU long names).
//!
//! The bytes come from strangers, already decompressed: nothing is allocated from a number they
//! wrote, and everything they can repeat is counted.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::header::{Overrides, checksum, is_extension, normal};
use super::view::{FileMeta, HEAD, Reader, View};
use crate::error::Error;
use crate::limits;

const BLOCK: usize = 512;

/// Reads a pushed tar archive into a [`View`].
pub(super) struct Tape<'v, R> {
    what: String,
    view: &'v mut View<R>,
    state: State,
    block: Vec<u8>,
    zero_blocks: u32,
    overrides: Overrides,
    /// The error behind the `io::Error` that a write returned.
    pub(super) failure: Option<Error>,
}

enum State {
    Body { left: u64, padding: u64, into: Into },
    End,
    Header,
}

/// Where an entry's body goes.
enum Into {
    Keep {
        meta: FileMeta,
        bytes: Vec<u8>,
    },
    Long {
        kind: EntryType,
        bytes: Vec<u8>,
    },
    Skip,
    /// Not decided yet: the first bytes of a file.
    Undecided {
        meta: FileMeta,
        bytes: Vec<u8>,
    },
}

impl<'v, R: Reader> Tape<'v, R> {
    pub(super) fn new(what: String, view: &'v mut View<R>) -> Self {
        Self {
            what,
            view,
            state: State::Header,
            block: Vec::with_capacity(BLOCK),
            zero_blocks: 0,
            overrides: Overrides::default(),
            failure: None,
        }
    }

    /// The archive is over; it must not end inside an entry.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self.state {
            State::End => Ok(()),
            State::Header if self.block.is_empty() => Ok(()),
            State::Header | State::Body { .. } => Err(self.broken("it ends inside an entry")),
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::malformed(&self.what, why)
    }

    /// Takes some of these bytes; how many.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        match &mut self.state {
            State::End => Ok(bytes.len()),
            State::Header => {
                let some = bytes.len().min(BLOCK - self.block.len());
                self.block.extend_from_slice(&bytes[..some]);
                if self.block.len() == BLOCK {
                    let block = std::mem::take(&mut self.block);
                    self.header(&block)?;
                }
                Ok(some)
            }
            State::Body {
                left: 0, padding, ..
            } => {
                let some = clamp(bytes.len(), *padding);
                *padding -= some as u64;
                if *padding == 0 {
                    self.state = State::Header;
                }
                Ok(some)
            }
            State::Body { left, into, .. } => {
                let mut some = clamp(bytes.len(), *left);
                match into {
                    Into::Skip => {}
                    Into::Undecided { bytes: head, .. } => {
                        some = clamp(some, (HEAD - head.len()) as u64);
                        head.extend_from_slice(&bytes[..some]);
                    }
                    Into::Keep { bytes: kept, .. } | Into::Long { bytes: kept, .. } => {
                        kept.extend_from_slice(&bytes[..some]);
                    }
                }
                *left -= some as u64;
                self.advance()?;
                Ok(some)
            }
        }
    }

    /// After some of a body: decide about the file, or end the entry.
    fn advance(&mut self) -> Result<(), Error> {
        let State::Body {
            left,
            padding,
            into,
        } = &mut self.state
        else {
            return Ok(());
        };
        if let Into::Undecided { meta, bytes } = into
            && (*left == 0 || bytes.len() == HEAD)
        {
            *into = if self.view.decide(meta, bytes)? {
                Into::Keep {
                    meta: std::mem::take(meta),
                    bytes: std::mem::take(bytes),
                }
            } else {
                Into::Skip
            };
        }
        if *left > 0 {
            return Ok(());
        }
        let into = std::mem::replace(into, Into::Skip);
        if *padding == 0 {
            self.state = State::Header;
        }
        match into {
            Into::Keep { meta, bytes } => self.view.add_file(meta, bytes),
            Into::Long { kind, bytes } => {
                let added = self.overrides.add(kind, &bytes);
                added.map_err(|why| self.broken(why))
            }
            Into::Skip | Into::Undecided { .. } => Ok(()),
        }
    }

    fn header(&mut self, block: &[u8]) -> Result<(), Error> {
        if block.iter().all(|byte| *byte == 0) {
            self.zero_blocks += 1;
            // Two empty blocks end an archive; what follows is no part of it.
            if self.zero_blocks == 2 {
                self.state = State::End;
            }
            return Ok(());
        }
        if self.zero_blocks > 0 {
            return Err(self.broken("an empty block stands before a header"));
        }
        let header = Header::from_byte_slice(block);
        if header.cksum().ok() != Some(checksum(block)) {
            return Err(self.broken("the checksum of a header is wrong"));
        }
        let kind = header.entry_type();
        if is_extension(kind) {
            let size = header
                .entry_size()
                .map_err(|_| self.broken("a header without a size"))?;
            if size > limits::ENTRY_NAME {
                return Err(Error::limit(
                    &self.what,
                    limits::ENTRY_NAME,
                    "bytes of a name",
                ));
            }
            return self.body(
                size,
                Into::Long {
                    kind,
                    bytes: Vec::new(),
                },
            );
        }
        self.entry(header, kind)
    }

    fn entry(&mut self, header: &Header, kind: EntryType) -> Result<(), Error> {
        let overrides = std::mem::take(&mut self.overrides);
        let size = match overrides.size {
            Some(size) => size,
            None => header
                .entry_size()
                .map_err(|_| self.broken("a header without a size"))?,
        };
        let raw = overrides
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let path = normal(&raw).map_err(|why| self.broken(why))?;
        self.view.count(&self.what)?;
        // Old writers mark a folder by a slash alone.
        let folder = kind.is_dir() || (kind.is_file() && raw.ends_with(b"/"));
        if folder {
            self.view.add_folder(&path);
            return self.body(size, Into::Skip);
        }
        if path.is_empty() {
            return Err(self.broken("a file without a name"));
        }
        if self.view.whiteout(&path) {
            return self.body(size, Into::Skip);
        }
        self.view.replace(&path);
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                let mode = header
                    .mode()
                    .map_err(|_| self.broken("a header without a mode"))?;
                let meta = FileMeta { path, mode, size };
                self.body(
                    size,
                    Into::Undecided {
                        meta,
                        bytes: Vec::new(),
                    },
                )
            }
            EntryType::Link => {
                let raw = overrides
                    .link
                    .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
                let target = normal(&raw.unwrap_or_default()).map_err(|why| self.broken(why))?;
                self.view.add_link(&path, &target)?;
                self.body(size, Into::Skip)
            }
            EntryType::Symlink | EntryType::Char | EntryType::Block | EntryType::Fifo => {
                self.body(size, Into::Skip)
            }
            // Among them GNU sparse files, whose bytes are not the file's.
            other => {
                let why = format!("entries of type `{}` are not supported", other.as_byte());
                Err(self.broken(&why))
            }
        }
    }

    /// Starts a body, which may be empty.
    fn body(&mut self, size: u64, into: Into) -> Result<(), Error> {
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        self.state = State::Body {
            left: size,
            padding,
            into,
        };
        if size == 0 {
            return self.advance();
        }
        Ok(())
    }
}

impl<R: Reader> Write for Tape<'_, R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = match self.view.unpacked(&self.what, bytes.len()) {
            Ok(()) => self.take_all(bytes),
            Err(error) => Err(error),
        };
        result.map(|()| bytes.len()).map_err(|error| {
            let text = error.to_string();
            self.failure = Some(error);
            io::Error::other(text)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Reader> Tape<'_, R> {
    fn take_all(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self.take(bytes)?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }
}

fn clamp(available: usize, wanted: u64) -> usize {
    usize::try_from(wanted).map_or(available, |wanted| wanted.min(available))
}
