//! The bytes of a regular file: sparse, in chunks, so that growth never moves what is there.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::budget::Charge;
use crate::errno::Errno;

/// Bytes of a full chunk.
const CHUNK: usize = 64 * 1024;

/// What a chunk takes besides its bytes: its place in the tree, a whole node if it is the first, and the
/// allocator's header.
const CHUNK_COST: u64 = 416;

/// The longest file in bytes (that of ext4 with blocks of 4 KiB).
pub const MAX_FILE_SIZE: u64 = (1 << 44) - 4096;

/// A file's bytes. A chunk that is missing, and what follows a chunk's last byte, reads as zeros; no chunk
/// holds a byte beyond `size`.
#[derive(Debug, Default)]
pub(super) struct Content {
    size: u64,
    chunks: BTreeMap<u64, Vec<u8>>,
}

/// The chunk that holds the byte at `offset`, and the byte's place in it.
const fn locate(offset: u64) -> (u64, usize) {
    (offset / CHUNK as u64, (offset % CHUNK as u64) as usize)
}

impl Content {
    /// Length in bytes.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Copies from `offset` on; returns how many bytes there were.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let length = self.size.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut at = offset;
        let mut rest = &mut buffer[..length];
        while !rest.is_empty() {
            let (index, start) = locate(at);
            let (piece, after) = rest.split_at_mut(rest.len().min(CHUNK - start));
            let stored = self.chunks.get(&index).and_then(|chunk| chunk.get(start..)).unwrap_or_default();
            let (copied, zeroed) = piece.split_at_mut(stored.len().min(piece.len()));
            copied.copy_from_slice(&stored[..copied.len()]);
            zeroed.fill(0);
            at += piece.len() as u64;
            rest = after;
        }
        length
    }

    /// Copies `data` to `offset` and grows the file if need be; returns how many bytes found room.
    ///
    /// # Errors
    /// `EFBIG`, `ENOSPC`: not one byte found room.
    pub(super) fn write(&mut self, offset: u64, data: &[u8], charge: &mut Charge) -> Result<usize, Errno> {
        if data.is_empty() {
            return Ok(0);
        }
        let room = MAX_FILE_SIZE.checked_sub(offset).filter(|room| *room > 0).ok_or(Errno::EFBIG)?;
        let data = &data[..room.min(data.len() as u64) as usize];
        let mut done = 0;
        while done < data.len() {
            let (index, start) = locate(offset + done as u64);
            let piece = &data[done..][..(data.len() - done).min(CHUNK - start)];
            match self.write_chunk(index, start, piece, charge) {
                Ok(()) => done += piece.len(),
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
            self.size = self.size.max(offset + done as u64);
        }
        Ok(done)
    }

    fn write_chunk(
        &mut self,
        index: u64,
        start: usize,
        piece: &[u8],
        charge: &mut Charge,
    ) -> Result<(), Errno> {
        if !self.chunks.contains_key(&index) {
            charge.add(CHUNK_COST)?;
        }
        let chunk = self.chunks.entry(index).or_default();
        let end = start + piece.len();
        if let Err(errno) = reserve(chunk, index, end, charge) {
            if chunk.is_empty() {
                self.remove(index, charge);
            }
            return Err(errno);
        }
        if chunk.len() < start {
            chunk.resize(start, 0);
        }
        let (over, append) = piece.split_at(piece.len().min(chunk.len() - start));
        chunk[start..start + over.len()].copy_from_slice(over);
        chunk.extend_from_slice(append);
        Ok(())
    }

    fn remove(&mut self, index: u64, charge: &mut Charge) {
        if let Some(chunk) = self.chunks.remove(&index) {
            charge.sub(chunk.capacity() as u64 + CHUNK_COST);
        }
    }

    /// Makes the file `size` bytes long: cuts it, or lets it end in zeros that take no room.
    ///
    /// # Errors
    /// `EFBIG`.
    pub(super) fn resize(&mut self, size: u64, charge: &mut Charge) -> Result<(), Errno> {
        if size > MAX_FILE_SIZE {
            return Err(Errno::EFBIG);
        }
        if size < self.size {
            let (last, kept) = locate(size);
            let first_gone = if kept == 0 { last } else { last + 1 };
            while let Some(index) = self.chunks.last_key_value().map(|(index, _)| *index) {
                if index < first_gone {
                    break;
                }
                self.remove(index, charge);
            }
            if kept > 0
                && let Some(chunk) = self.chunks.get_mut(&last)
            {
                chunk.truncate(kept);
            }
        }
        self.size = size;
        Ok(())
    }

    /// The first offset, from `offset` on, that is stored (`data`) or is not (a hole; there is one at the
    /// end of each file).
    ///
    /// # Errors
    /// `ENXIO`: `offset` is beyond the end, or only a hole follows.
    pub(super) fn seek(&self, offset: u64, data: bool) -> Result<u64, Errno> {
        if offset >= self.size {
            return Err(Errno::ENXIO);
        }
        let mut at = offset;
        for (index, chunk) in self.chunks.range(locate(offset).0..) {
            let start = index * CHUNK as u64;
            let end = start + chunk.len() as u64;
            if end <= at {
                continue;
            }
            if data {
                return Ok(at.max(start));
            }
            if start > at {
                break;
            }
            at = end;
        }
        if data { Err(Errno::ENXIO) } else { Ok(at) }
    }
}

/// Makes room in `chunk` for `end` bytes. The first chunk doubles, as most files are small; the others are
/// full at once, as their file is at least as long as a chunk already.
fn reserve(chunk: &mut Vec<u8>, index: u64, end: usize, charge: &mut Charge) -> Result<(), Errno> {
    let old = chunk.capacity();
    if end <= old {
        return Ok(());
    }
    let wanted = if index == 0 { end.next_power_of_two().max(64) } else { CHUNK };
    let more = (wanted - old) as u64;
    charge.add(more)?;
    chunk.try_reserve_exact(wanted - chunk.len()).map_err(|_| {
        charge.sub(more);
        Errno::ENOSPC
    })
}
