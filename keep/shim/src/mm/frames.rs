//! The Keep's physical memory: who may use which frame.
//!
//! Addresses here are offsets from the start of the Keep's memory. Free frames are linked through their
//! own first word, so the allocator needs no memory of its own.

/// A small frame, in bytes.
pub const FRAME: u64 = 0x1000;

/// A block, in bytes: a large frame, or 512 small ones.
pub const BLOCK: u64 = 0x20_0000;

/// No next frame: the first one always belongs to the body.
const END: u64 = 0;

/// How the allocator touches the frames.
pub trait Access {
    /// The word at `offset`.
    fn read(&self, offset: u64) -> u64;
    /// Sets the word at `offset`.
    fn write(&mut self, offset: u64, value: u64);
    /// Makes `length` bytes from `offset` zero.
    fn zero(&mut self, offset: u64, length: u64);
}

/// The allocator.
#[derive(Debug)]
pub struct Frames<A> {
    access: A,
    /// Rest of the block that small frames are cut from.
    cut: u64,
    cut_end: u64,
    /// First block never used.
    fresh: u64,
    end: u64,
    small: u64,
    blocks: u64,
}

impl<A: Access> Frames<A> {
    /// No memory.
    pub const fn new(access: A) -> Self {
        Self { access, cut: 0, cut_end: 0, fresh: 0, end: 0, small: END, blocks: END }
    }

    /// Takes all memory from `start`, above 0, to `end`: multiples of the small frame, `end` of the block.
    pub const fn open(&mut self, start: u64, end: u64) {
        self.cut = start;
        self.fresh = start.next_multiple_of(BLOCK);
        self.cut_end = self.fresh;
        self.end = end;
    }

    /// How the frames are touched.
    pub const fn access(&mut self) -> &mut A {
        &mut self.access
    }

    /// A small frame of zeros.
    pub fn small(&mut self) -> Option<u64> {
        let frame = if self.small != END {
            let frame = self.small;
            self.small = self.access.read(frame);
            frame
        } else {
            if self.cut == self.cut_end {
                self.cut = self.take_block()?;
                self.cut_end = self.cut + BLOCK;
            }
            self.cut += FRAME;
            self.cut - FRAME
        };
        self.access.zero(frame, FRAME);
        Some(frame)
    }

    /// A block of zeros.
    pub fn block(&mut self) -> Option<u64> {
        let block = self.take_block()?;
        self.access.zero(block, BLOCK);
        Some(block)
    }

    /// A block with any content.
    pub fn take_block(&mut self) -> Option<u64> {
        if self.blocks != END {
            let block = self.blocks;
            self.blocks = self.access.read(block);
            return Some(block);
        }
        if self.fresh + BLOCK > self.end {
            return None;
        }
        self.fresh += BLOCK;
        Some(self.fresh - BLOCK)
    }

    /// Takes a small frame back.
    pub fn free_small(&mut self, frame: u64) {
        self.access.write(frame, self.small);
        self.small = frame;
    }

    /// Takes a block back.
    pub fn free_block(&mut self, block: u64) {
        self.access.write(block, self.blocks);
        self.blocks = block;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::*;

    struct Plain(Vec<u8>);

    impl Access for Plain {
        fn read(&self, offset: u64) -> u64 {
            u64::from_le_bytes(self.0[offset as usize..][..8].try_into().unwrap())
        }
        fn write(&mut self, offset: u64, value: u64) {
            self.0[offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
        }
        fn zero(&mut self, offset: u64, length: u64) {
            self.0[offset as usize..][..length as usize].fill(0);
        }
    }

    #[test]
    fn gives_each_frame_once_and_zeroed() {
        const MEMORY: u64 = 4 * BLOCK;
        let mut frames = Frames::new(Plain(std::vec![0xff; MEMORY as usize]));
        frames.open(3 * FRAME, MEMORY);
        let mut seen = BTreeSet::new();
        let block = frames.block().unwrap();
        assert_eq!(block, BLOCK);
        while let Some(frame) = frames.small() {
            assert!(seen.insert(frame));
            assert!(frame >= 3 * FRAME && !(block..block + BLOCK).contains(&frame));
            assert!(frames.access().0[frame as usize..][..FRAME as usize].iter().all(|b| *b == 0));
            frames.access().write(frame, 0x5555);
        }
        assert_eq!(seen.len() as u64, 3 * 512 - 3);
        assert_eq!(frames.block(), None);
        frames.free_block(block);
        for frame in &seen {
            frames.free_small(*frame);
        }
        assert_eq!(frames.block(), Some(block));
        assert!(frames.access().0[block as usize..][..BLOCK as usize].iter().all(|b| *b == 0));
        let again: BTreeSet<_> = std::iter::from_fn(|| frames.small()).collect();
        assert_eq!(again, seen);
    }
}
