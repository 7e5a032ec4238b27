//! The fuzz entry points, run for a while on changed vectors: no panic, and little memory.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use holdfast_measure::{PAGE, fuzz};
use support::committed;

/// Counts what one thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is passed on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Past the end of a thread nothing is counted.
        let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get() + layout.size()));
        // SAFETY: the caller's promise is the one that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: it came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a target and says how many bytes it allocated, freed ones included.
fn run(target: fn(&[u8]), input: &[u8]) -> usize {
    let before = ALLOCATED.get();
    target(input);
    ALLOCATED.get() - before
}

/// Numbers that are the same in every run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// A few bytes overwritten from `start` on, with values that are often boundaries.
    fn change(&mut self, bytes: &mut [u8], start: usize) {
        for _ in 0..=self.below(4) {
            let at = start + self.below(bytes.len() - start);
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, self.below(256) as u8][self.below(6)];
        }
    }
}

/// The target makes some ten lists of sections, each at the most four times as long as the file's.
#[test]
fn firmware() {
    let mut numbers = Numbers(1);
    for name in ["ovmf_AmdSev_suffix.bin", "ovmf_OvmfX64_suffix.bin"] {
        let seed = committed(&format!("sev-snp-measure/fixtures/{name}"));
        // Table and metadata lie in the last KiB; to hash the same page again shows nothing new.
        for _ in 0..3_000 {
            let mut bytes = seed.clone();
            numbers.change(&mut bytes, PAGE - 0x400);
            let allocated = run(fuzz::firmware, &bytes);
            assert!(allocated <= 64 * bytes.len(), "{allocated} bytes for {}", bytes.len());
        }
        for length in 0..seed.len() {
            fuzz::firmware(&seed[length..]);
        }
    }
}

/// A list that is as long as its file can say, and one that says more.
#[test]
fn long_lists() {
    let mut bytes = committed("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin");
    let at = bytes.windows(4).position(|bytes| bytes == b"ASEV").expect("SEV metadata");
    for (size, count) in [(u32::MAX, u32::MAX), (0xffff, u32::MAX), (u32::MAX, 1), (16, 1), (0, 0)] {
        bytes[at + 4..at + 8].copy_from_slice(&size.to_le_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&count.to_le_bytes());
        let allocated = run(fuzz::firmware, &bytes);
        assert!(allocated <= 64 * bytes.len(), "{allocated} bytes for {count} sections");
    }
}

/// What is read may begin at any address.
#[test]
fn alignment() {
    use holdfast_measure::firmware::Firmware;
    let file = committed("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin");
    let expected = Firmware::parse(&file).and_then(|firmware| firmware.sev_sections()).expect("sections");
    for shift in 1..8 {
        let mut moved = vec![0; shift];
        moved.extend(&file);
        let firmware = Firmware::parse(&moved[shift..]).expect("a firmware");
        assert_eq!(firmware.sev_sections().as_ref(), Ok(&expected));
    }
}

#[test]
fn sigstruct() {
    let seed = committed("sgx-enarx/encl.ss");
    let mut numbers = Numbers(2);
    for _ in 0..200 {
        let mut bytes = seed.clone();
        numbers.change(&mut bytes, 0);
        let allocated = run(fuzz::sigstruct, &bytes);
        assert!(allocated <= 64 * bytes.len(), "{allocated} bytes");
    }
    // Numbers at their limits.
    for (modulus, signature) in [(0x00, 0x00), (0x01, 0xff), (0xff, 0xff), (0xff, 0x00), (0x80, 0x01)] {
        let mut bytes = seed.clone();
        bytes[128..512].fill(modulus);
        bytes[516..900].fill(signature);
        fuzz::sigstruct(&bytes);
    }
    for length in 0..100 {
        fuzz::sigstruct(&seed[length..]);
    }
}

#[test]
fn id_block() {
    let mut numbers = Numbers(3);
    let mut seed = vec![0; 96 + 4096];
    (seed[0x50], seed[96], seed[100], seed[96 + 0x240], seed[96 + 0x880]) = (1, 1, 1, 2, 2);
    for _ in 0..500 {
        let mut bytes = seed.clone();
        numbers.change(&mut bytes, 0);
        let allocated = run(fuzz::id_block, &bytes);
        assert!(allocated <= 16 * bytes.len(), "{allocated} bytes");
    }
    for length in 0..100 {
        fuzz::id_block(&seed[length..]);
    }
}
