//! The heap: dlmalloc for small blocks, a mapping of its own for each big one.
//!
//! A big block is fresh from [`sys::map_anonymous`], so it is zero without being touched, and goes back
//! as soon as it is freed. The word before a block tells the two apart: dlmalloc keeps a block's size and
//! flags there, and the flag `IN_USE` is set in every block that it hands out; a big block has the length
//! of its mapping there, a multiple of the page size.

use core::cmp::min;
use core::ptr;

use dlmalloc::{Allocator, Dlmalloc};

use crate::sync::Lock;
use crate::sys;

/// Blocks from this size on, in bytes, have their own mapping.
pub const BIG: usize = 1 << 20;

/// The alignment of every block, in bytes.
pub const ALIGNMENT: usize = 16;

const PAGE: usize = 4096;

/// dlmalloc takes memory in multiples of this: one large page.
const GRANULE: usize = 2 << 20;

/// The header of a big block: start and length of its mapping, each one word.
const HEADER: usize = 16;

/// dlmalloc's `CINUSE`, in the word before a block.
const IN_USE: usize = 2;

static SMALL: Lock<Dlmalloc<Pages>> = Lock::new(
    const {
        let mut heap = Dlmalloc::new_with_allocator(Pages);
        assert!(heap.set_granularity(GRANULE));
        heap
    },
);

/// Where dlmalloc gets its memory.
struct Pages;

// SAFETY: `alloc` returns memory that nobody else uses, of the length that it names, or null.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        (sys::map_anonymous(size), size, 0)
    }

    fn remap(&self, _address: *mut u8, _old: usize, _new: usize, _can_move: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, address: *mut u8, old: usize, new: usize) -> bool {
        // SAFETY: dlmalloc keeps the first `new` bytes of its `old`.
        let end = unsafe { address.add(new) };
        // SAFETY: dlmalloc uses nothing from there on any more.
        unsafe { sys::unmap(end, old - new) };
        true
    }

    fn free(&self, address: *mut u8, size: usize) -> bool {
        // SAFETY: dlmalloc gives back only what it got from `alloc`, and once.
        unsafe { sys::unmap(address, size) };
        true
    }

    fn can_release_part(&self, _flags: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

/// `size` bytes at a multiple of `alignment`, a power of two; null if there is no memory for it.
pub fn allocate(size: usize, alignment: usize) -> *mut u8 {
    if size.max(alignment) >= BIG {
        return allocate_big(size, alignment);
    }
    let mut small = SMALL.lock();
    // SAFETY: any size is allowed, and the alignment is a power of two.
    unsafe { small.c_memalign(alignment, size) }
}

/// `size` zero bytes; null if there is no memory for it.
pub fn allocate_zeroed(size: usize) -> *mut u8 {
    let block = allocate(size, ALIGNMENT);
    if size < BIG && !block.is_null() {
        // SAFETY: the block has `size` bytes.
        unsafe { block.write_bytes(0, size) };
    }
    block
}

/// The block with a new size: its bytes up to the smaller one are kept, it may move; null if there is no
/// memory for it, and the block stays as it was.
///
/// # Safety
/// `block` comes from this heap and was not freed.
pub unsafe fn reallocate(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: as the caller promises.
    let Some(mapping) = (unsafe { mapping_of(block) }) else {
        if size < BIG {
            let mut small = SMALL.lock();
            // SAFETY: a block of dlmalloc, as it has no mapping of its own.
            return unsafe { small.c_realloc(block, size) };
        }
        // SAFETY: a block of dlmalloc has at least this many bytes.
        let old = unsafe { small_capacity(block) };
        // SAFETY: as the caller promises; `old` is not more than the block has.
        return unsafe { move_to_new(block, old, size) };
    };
    let capacity = mapping.length - (block.addr() - mapping.start.addr());
    if size <= capacity && size >= capacity / 2 {
        return block;
    }
    // SAFETY: as the caller promises; the mapping reaches to `capacity`.
    unsafe { move_to_new(block, capacity, size) }
}

/// Gives a block back.
///
/// # Safety
/// `block` comes from this heap, was not freed, and nothing uses it any more.
pub unsafe fn free(block: *mut u8) {
    // SAFETY: as the caller promises.
    if let Some(mapping) = unsafe { mapping_of(block) } {
        // SAFETY: the mapping was made for this block alone.
        unsafe { sys::unmap(mapping.start, mapping.length) };
    } else {
        let mut small = SMALL.lock();
        // SAFETY: a block of dlmalloc, as it has no mapping of its own.
        unsafe { small.c_free(block) };
    }
}

struct Mapping {
    start: *mut u8,
    length: usize,
}

fn allocate_big(size: usize, alignment: usize) -> *mut u8 {
    let length = size
        .checked_add(HEADER)
        .and_then(|length| length.checked_add(alignment))
        .and_then(|length| length.checked_next_multiple_of(PAGE));
    let Some(length) = length else { return ptr::null_mut() };
    let start = sys::map_anonymous(length);
    if start.is_null() {
        return start;
    }
    let offset = (start.addr() + HEADER).next_multiple_of(alignment) - start.addr();
    // SAFETY: the offset is less than header and alignment together, which are in the length.
    let block = unsafe { start.add(offset) };
    // SAFETY: the offset is at least the header's size.
    let header = unsafe { block.sub(HEADER) }.cast::<Mapping>();
    // SAFETY: the header is inside the mapping, aligned, and nobody else's.
    unsafe { header.write(Mapping { start, length }) };
    block
}

/// The mapping of a big block; nothing for a block of dlmalloc.
///
/// # Safety
/// `block` comes from this heap and was not freed.
unsafe fn mapping_of(block: *mut u8) -> Option<Mapping> {
    // SAFETY: there is a word before every block.
    let word = unsafe { word_before(block) };
    if word & IN_USE != 0 {
        return None;
    }
    // SAFETY: before a big block there is its header.
    let header = unsafe { block.sub(HEADER) }.cast::<Mapping>();
    // SAFETY: the header was written when the block was made.
    Some(unsafe { header.read() })
}

/// How many bytes a block of dlmalloc surely has.
///
/// # Safety
/// `block` is a block of dlmalloc in use.
unsafe fn small_capacity(block: *mut u8) -> usize {
    // SAFETY: there is a word before every block. It holds the size of the block with that word in it,
    // and flags in the lowest bits.
    let word = unsafe { word_before(block) };
    (word & !(ALIGNMENT - 1)) - size_of::<usize>()
}

/// # Safety
/// `block` comes from this heap and was not freed.
unsafe fn word_before(block: *mut u8) -> usize {
    // SAFETY: both kinds of blocks have a word of bookkeeping before them.
    let word = unsafe { block.sub(size_of::<usize>()) }.cast::<usize>();
    // SAFETY: blocks are aligned to two words.
    unsafe { word.read() }
}

/// # Safety
/// `block` comes from this heap, was not freed and has `old` bytes.
unsafe fn move_to_new(block: *mut u8, old: usize, size: usize) -> *mut u8 {
    let new = allocate(size, ALIGNMENT);
    if !new.is_null() {
        // SAFETY: both have this many bytes, and the new block overlaps with no other.
        unsafe { ptr::copy_nonoverlapping(block, new, min(old, size)) };
        // SAFETY: as the caller promises; `new` replaces the block.
        unsafe { free(block) };
    }
    new
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn bytes<'a>(block: *mut u8, length: usize) -> &'a mut [u8] {
        // SAFETY: the tests pass blocks that have this many bytes and borrow each once.
        unsafe { core::slice::from_raw_parts_mut(block, length) }
    }

    /// A block in a test, filled with its mark.
    struct Block {
        start: *mut u8,
        size: usize,
        mark: u8,
    }

    impl Block {
        fn check(&self, upto: usize) {
            let upto = upto.min(self.size);
            assert!(bytes(self.start, upto).iter().all(|byte| *byte == self.mark));
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Allocate { size: usize, alignment: u32 },
        Zeroed { size: usize },
        Reallocate { which: usize, size: usize },
        Free { which: usize },
    }

    fn size() -> impl Strategy<Value = usize> {
        prop_oneof![0..2000_usize, 0..300_000_usize, BIG - 40..BIG + 40, BIG..4 * BIG]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (size(), 4..22_u32).prop_map(|(size, alignment)| Step::Allocate { size, alignment }),
            size().prop_map(|size| Step::Zeroed { size }),
            (any::<usize>(), size()).prop_map(|(which, size)| Step::Reallocate { which, size }),
            any::<usize>().prop_map(|which| Step::Free { which }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Blocks never overlap, keep their bytes, are aligned, and zeroed ones are zero.
        #[test]
        fn blocks_are_what_was_asked_for(steps in prop::collection::vec(step(), 1..80)) {
            let mut blocks: Vec<Block> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                let mark = number as u8 + 1;
                match step {
                    Step::Allocate { size, alignment } => {
                        let start = allocate(size, 1 << alignment);
                        prop_assert!(!start.is_null() && start.addr().is_multiple_of(1 << alignment));
                        blocks.push(Block { start, size, mark });
                    }
                    Step::Zeroed { size } => {
                        let start = allocate_zeroed(size);
                        prop_assert!(!start.is_null() && start.addr().is_multiple_of(ALIGNMENT));
                        prop_assert!(bytes(start, size).iter().all(|byte| *byte == 0));
                        blocks.push(Block { start, size, mark });
                    }
                    Step::Reallocate { which, size } if !blocks.is_empty() => {
                        let at = which % blocks.len();
                        let block = &mut blocks[at];
                        // SAFETY: a block of this heap that was not freed.
                        block.start = unsafe { reallocate(block.start, size) };
                        prop_assert!(!block.start.is_null() && block.start.addr().is_multiple_of(ALIGNMENT));
                        block.check(size);
                        block.size = size;
                        block.mark = mark;
                    }
                    Step::Free { which } if !blocks.is_empty() => {
                        let at = which % blocks.len();
                        let block = blocks.swap_remove(at);
                        block.check(usize::MAX);
                        // SAFETY: a block of this heap, freed once.
                        unsafe { free(block.start) };
                        continue;
                    }
                    Step::Reallocate { .. } | Step::Free { .. } => continue,
                }
                if let Some(block) = blocks.iter().find(|block| block.mark == mark) {
                    bytes(block.start, block.size).fill(mark);
                }
            }
            for block in blocks {
                block.check(usize::MAX);
                // SAFETY: a block of this heap, freed once.
                unsafe { free(block.start) };
            }
        }
    }

    #[test]
    fn more_than_there_can_be_is_refused() {
        for size in [usize::MAX, usize::MAX - PAGE, isize::MAX as usize, 1 << 48] {
            assert!(allocate(size, ALIGNMENT).is_null());
        }
        let block = allocate(100, ALIGNMENT);
        bytes(block, 100).fill(7);
        // SAFETY: a block of this heap that was not freed.
        assert!(unsafe { reallocate(block, usize::MAX - 100) }.is_null());
        assert!(bytes(block, 100).iter().all(|byte| *byte == 7));
        // SAFETY: it is still there.
        unsafe { free(block) };
    }

    #[test]
    fn a_big_block_shrinks_a_little_in_place() {
        let block = allocate(8 * BIG, ALIGNMENT);
        // SAFETY: a block of this heap that was not freed.
        assert_eq!(unsafe { reallocate(block, 6 * BIG) }, block);
        // SAFETY: it is still there.
        let small = unsafe { reallocate(block, BIG / 2) };
        assert_ne!(small, block);
        // SAFETY: a block of this heap, freed once.
        unsafe { free(small) };
    }
}
