//! Copying, filling, comparing and measuring bytes: what `memcpy`, `memset` and their relatives do.
//!
//! Short operations are a few loads and stores that overlap, so that no length needs a byte loop. Longer
//! ones run in vector loops, the longest in the CPU's own `rep movsb` and `rep stosb`. These loops are
//! assembly: of a loop in Rust the compiler may see that it is a `memcpy`, and call the very function that it
//! stands in. For the same reason this file is no use as a C library when built without optimisation.
//!
//! The loops use AVX registers: each CPU that the Keep accepts has them.

use core::arch::asm;
use core::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8};

/// Bytes in one vector register.
const VECTOR: usize = 16;

/// Bytes that comparing looks at in one turn of its loop.
const WIDE: usize = 128;

/// Copies from this length on, in bytes, are left to `rep movsb`.
const REP_COPY: usize = 4096;

/// Fills from this length on, in bytes, are left to `rep stosb`.
const REP_FILL: usize = 2048;

/// Copies `length` bytes; the two ranges may overlap.
///
/// # Safety
/// `from` has `length` readable bytes, `to` as many writable ones.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, length: usize) {
    match length {
        0 => {}
        // SAFETY: as the caller promises, and `length` is in the range that `copy_few` asks for.
        1..4 => unsafe { copy_few(to, from, length) },
        // SAFETY: as the caller promises, and a `u32` fits.
        4..8 => unsafe { copy_ends::<u32>(to, from, length) },
        // SAFETY: as the caller promises, and a `u64` fits.
        8..16 => unsafe { copy_ends::<u64>(to, from, length) },
        // SAFETY: as the caller promises, and one vector fits.
        16..=32 => unsafe { copy_ends::<__m128i>(to, from, length) },
        // SAFETY: as the caller promises, and two vectors fit.
        33..=64 => unsafe { copy_ends::<[__m128i; 2]>(to, from, length) },
        // SAFETY: as the caller promises, and `length` is in the range that `copy_four` asks for.
        65..=128 => unsafe { copy_four(to, from, length) },
        // SAFETY: as the caller promises, and `length` is more than 128.
        _ => unsafe { copy_long(to, from, length) },
    }
}

/// Sets `length` bytes to `value`.
///
/// # Safety
/// `to` has `length` writable bytes.
#[inline(always)]
pub unsafe fn fill(to: *mut u8, value: u8, length: usize) {
    let word = u64::from_ne_bytes([value; 8]);
    match length {
        0 => {}
        // SAFETY: as the caller promises, and `length` is in the range that `fill_few` asks for.
        1..4 => unsafe { fill_few(to, value, length) },
        // SAFETY: as the caller promises, and a `u32` fits.
        4..8 => unsafe { put_ends(to, length, word as u32) },
        // SAFETY: as the caller promises, and a `u64` fits.
        8..16 => unsafe { put_ends(to, length, word) },
        // SAFETY: as the caller promises, and two words fit.
        16..=32 => unsafe { put_ends(to, length, [word; 2]) },
        // SAFETY: as the caller promises, and four words fit.
        33..=64 => unsafe { put_ends(to, length, [word; 4]) },
        // SAFETY: as the caller promises, and eight words fit.
        65..=128 => unsafe { put_ends(to, length, [word; 8]) },
        // SAFETY: as the caller promises, and `length` is more than 128.
        129..REP_FILL => unsafe { fill_by_loop(to, word, length) },
        // SAFETY: as the caller promises.
        _ => unsafe { fill_by_rep(to, value, length) },
    }
}

/// Compares `length` bytes: negative, zero or positive as `memcmp` has it.
///
/// # Safety
/// `left` and `right` have `length` readable bytes.
#[inline(always)]
pub unsafe fn compare(left: *const u8, right: *const u8, length: usize) -> i32 {
    let mut at = 0;
    if length >= WIDE {
        // SAFETY: as the caller promises.
        at = unsafe { equal_prefix(left, right, length - length % WIDE) };
    }
    while length - at >= VECTOR {
        // SAFETY: 16 bytes from `at` on are below `length`.
        let order = unsafe { compare_vectors(left, right, at) };
        if order != 0 {
            return order;
        }
        at += VECTOR;
    }
    if length >= VECTOR {
        // SAFETY: the last 16 bytes; some were compared before and are equal.
        return unsafe { compare_vectors(left, right, length - VECTOR) };
    }
    if length >= 8 {
        // SAFETY: 8 bytes are there.
        let order = unsafe { compare_words(left, right, 0) };
        if order != 0 {
            return order;
        }
        // SAFETY: the last 8 bytes.
        return unsafe { compare_words(left, right, length - 8) };
    }
    while at < length {
        // SAFETY: `at` is below `length`.
        let order = unsafe { compare_bytes(left, right, at) };
        if order != 0 {
            return order;
        }
        at += 1;
    }
    0
}

/// The number of bytes before the first zero byte.
///
/// # Safety
/// `text` is readable up to a zero byte.
#[inline(always)]
pub unsafe fn length(text: *const u8) -> usize {
    // Whole aligned vectors are read, also what lies beside the text in the first and the last one: those
    // bytes are on the same page, so they can be read, but only assembly may do so.
    let end: usize;
    // SAFETY: reads no page that the text does not reach into, and writes nothing.
    unsafe {
        asm!(
            "pxor {zero}, {zero}",
            "mov {at}, {text}",
            "and {at}, -16",
            "movdqa {vector}, [{at}]",
            "pcmpeqb {vector}, {zero}",
            "pmovmskb {mask:e}, {vector}",
            // Forget the bytes before the text.
            "mov ecx, {text:e}",
            "and ecx, 15",
            "shr {mask:e}, cl",
            "shl {mask:e}, cl",
            "test {mask:e}, {mask:e}",
            "jnz 3f",
            "2:",
            "add {at}, 16",
            "movdqa {vector}, [{at}]",
            "pcmpeqb {vector}, {zero}",
            "pmovmskb {mask:e}, {vector}",
            "test {mask:e}, {mask:e}",
            "jz 2b",
            "3:",
            "bsf {mask:e}, {mask:e}",
            "add {at}, {mask}",
            text = in(reg) text,
            at = out(reg) end,
            mask = out(reg) _,
            zero = out(xmm_reg) _,
            vector = out(xmm_reg) _,
            out("ecx") _,
            options(nostack, readonly),
        );
    }
    end - text.addr()
}

/// # Safety
/// `from + offset` has `size_of::<T>()` readable bytes, and any bytes are a `T`.
#[inline(always)]
unsafe fn get<T: Copy>(from: *const u8, offset: usize) -> T {
    // SAFETY: as the caller promises.
    let place = unsafe { from.add(offset) };
    // SAFETY: as the caller promises.
    unsafe { place.cast::<T>().read_unaligned() }
}

/// # Safety
/// `to + offset` has `size_of::<T>()` writable bytes.
#[inline(always)]
unsafe fn put<T: Copy>(to: *mut u8, offset: usize, value: T) {
    // SAFETY: as the caller promises.
    let place = unsafe { to.add(offset) };
    // SAFETY: as the caller promises.
    unsafe { place.cast::<T>().write_unaligned(value) }
}

/// # Safety
/// As [`copy`], with `length` from 1 to 3.
#[inline(always)]
unsafe fn copy_few(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: there is a first byte.
    let first: u8 = unsafe { get(from, 0) };
    // SAFETY: half of the length is less than the length.
    let middle: u8 = unsafe { get(from, length / 2) };
    // SAFETY: the last byte.
    let last: u8 = unsafe { get(from, length - 1) };
    // SAFETY: there is a first byte.
    unsafe { put(to, 0, first) };
    // SAFETY: half of the length is less than the length.
    unsafe { put(to, length / 2, middle) };
    // SAFETY: the last byte.
    unsafe { put(to, length - 1, last) };
}

/// Copies a `T` from the start and one from the end, which may overlap.
///
/// # Safety
/// As [`copy`], with `length` from one to two times the size of `T`.
#[inline(always)]
unsafe fn copy_ends<T: Copy>(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: a `T` fits into `length`.
    let first: T = unsafe { get(from, 0) };
    // SAFETY: a `T` fits into `length`.
    let last: T = unsafe { get(from, length - size_of::<T>()) };
    // SAFETY: a `T` fits into `length`.
    unsafe { put(to, 0, first) };
    // SAFETY: a `T` fits into `length`.
    unsafe { put(to, length - size_of::<T>(), last) };
}

/// # Safety
/// As [`fill`], with `length` from 1 to 3.
#[inline(always)]
unsafe fn fill_few(to: *mut u8, value: u8, length: usize) {
    // SAFETY: there is a first byte.
    unsafe { put(to, 0, value) };
    // SAFETY: half of the length is less than the length.
    unsafe { put(to, length / 2, value) };
    // SAFETY: the last byte.
    unsafe { put(to, length - 1, value) };
}

/// Writes `value` to the start and to the end, which may overlap.
///
/// # Safety
/// As [`fill`], with `length` from one to two times the size of `T`.
#[inline(always)]
unsafe fn put_ends<T: Copy>(to: *mut u8, length: usize, value: T) {
    // SAFETY: a `T` fits into `length`.
    unsafe { put(to, 0, value) };
    // SAFETY: a `T` fits into `length`.
    unsafe { put(to, length - size_of::<T>(), value) };
}

/// Copies two wide vectors from the start and two from the end, which may overlap.
///
/// # Safety
/// As [`copy`], with `length` from 64 to 128.
#[inline(always)]
unsafe fn copy_four(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: 64 bytes from the start and 64 before the end are inside both ranges.
    unsafe {
        asm!(
            "vmovdqu ymm0, [{from}]",
            "vmovdqu ymm1, [{from} + 32]",
            "vmovdqu ymm2, [{from} + {length} - 64]",
            "vmovdqu ymm3, [{from} + {length} - 32]",
            "vmovdqu [{to}], ymm0",
            "vmovdqu [{to} + 32], ymm1",
            "vmovdqu [{to} + {length} - 64], ymm2",
            "vmovdqu [{to} + {length} - 32], ymm3",
            "vzeroupper",
            to = in(reg) to,
            from = in(reg) from,
            length = in(reg) length,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// As [`copy`], with `length` above 128.
#[inline(always)]
unsafe fn copy_long(to: *mut u8, from: *const u8, length: usize) {
    let behind = to.addr().wrapping_sub(from.addr());
    if behind < length {
        // SAFETY: as the caller promises. The target starts inside the source: the end goes first.
        unsafe { copy_backward(to, from, length) }
    } else if length >= REP_COPY && behind.wrapping_neg() >= length && !(1..64).contains(&(behind % 4096)) {
        // AMD's `rep movsb` is 30 times slower when the target is a little behind the source in the page.
        // SAFETY: as the caller promises.
        unsafe { copy_by_rep(to, from, length) }
    } else {
        // SAFETY: as the caller promises. The target starts before the source, or they are apart.
        unsafe { copy_forward(to, from, length) }
    }
}

/// # Safety
/// As [`copy`].
#[inline(always)]
unsafe fn copy_by_rep(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: reads and writes the `length` bytes that the caller promises.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") length => _,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies upwards, 128 bytes at a time to aligned places. First and last bytes are read before the loop, as it
/// may overwrite them, and written after it.
///
/// # Safety
/// As [`copy`], with `length` above 128; `to` is not inside the source.
#[inline(always)]
unsafe fn copy_forward(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: the loop runs while 128 bytes or more remain before the end, so all places are below `length`.
    unsafe {
        asm!(
            "vmovdqu ymm4, [{from}]",
            "vmovdqu ymm5, [{from} + {length} - 128]",
            "vmovdqu ymm6, [{from} + {length} - 96]",
            "vmovdqu ymm7, [{from} + {length} - 64]",
            "vmovdqu ymm8, [{from} + {length} - 32]",
            "lea {end}, [{to} + {length} - 128]",
            // From here on `from` is the distance from target to source.
            "sub {from}, {to}",
            "lea {at}, [{to} + 32]",
            "and {at}, -32",
            "cmp {at}, {end}",
            "jae 3f",
            ".p2align 4",
            "2:",
            "vmovdqu ymm0, [{at} + {from}]",
            "vmovdqu ymm1, [{at} + {from} + 32]",
            "vmovdqu ymm2, [{at} + {from} + 64]",
            "vmovdqu ymm3, [{at} + {from} + 96]",
            "vmovdqa [{at}], ymm0",
            "vmovdqa [{at} + 32], ymm1",
            "vmovdqa [{at} + 64], ymm2",
            "vmovdqa [{at} + 96], ymm3",
            "sub {at}, -128",
            "cmp {at}, {end}",
            "jb 2b",
            "3:",
            "vmovdqu [{end}], ymm5",
            "vmovdqu [{end} + 32], ymm6",
            "vmovdqu [{end} + 64], ymm7",
            "vmovdqu [{end} + 96], ymm8",
            "vmovdqu [{to}], ymm4",
            "vzeroupper",
            to = in(reg) to,
            from = inout(reg) from => _,
            length = in(reg) length,
            at = out(reg) _,
            end = out(reg) _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _, out("ymm4") _,
            out("ymm5") _, out("ymm6") _, out("ymm7") _, out("ymm8") _,
            options(nostack),
        );
    }
}

/// [`copy_forward`] the other way round.
///
/// # Safety
/// As [`copy`], with `length` above 128; `from` is not inside the target.
#[inline(always)]
unsafe fn copy_backward(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: the loop runs while 128 bytes or more remain after the start, so all places are below `length`.
    unsafe {
        asm!(
            "vmovdqu ymm4, [{from} + {length} - 32]",
            "vmovdqu ymm5, [{from}]",
            "vmovdqu ymm6, [{from} + 32]",
            "vmovdqu ymm7, [{from} + 64]",
            "vmovdqu ymm8, [{from} + 96]",
            "lea {end}, [{to} + 128]",
            // From here on `from` is the distance from target to source.
            "sub {from}, {to}",
            "lea {at}, [{to} + {length} - 1]",
            "and {at}, -32",
            "cmp {at}, {end}",
            "jbe 3f",
            ".p2align 4",
            "2:",
            "vmovdqu ymm0, [{at} + {from} - 32]",
            "vmovdqu ymm1, [{at} + {from} - 64]",
            "vmovdqu ymm2, [{at} + {from} - 96]",
            "vmovdqu ymm3, [{at} + {from} - 128]",
            "vmovdqa [{at} - 32], ymm0",
            "vmovdqa [{at} - 64], ymm1",
            "vmovdqa [{at} - 96], ymm2",
            "vmovdqa [{at} - 128], ymm3",
            "add {at}, -128",
            "cmp {at}, {end}",
            "ja 2b",
            "3:",
            "vmovdqu [{to}], ymm5",
            "vmovdqu [{to} + 32], ymm6",
            "vmovdqu [{to} + 64], ymm7",
            "vmovdqu [{to} + 96], ymm8",
            "vmovdqu [{to} + {length} - 32], ymm4",
            "vzeroupper",
            to = in(reg) to,
            from = inout(reg) from => _,
            length = in(reg) length,
            at = out(reg) _,
            end = out(reg) _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _, out("ymm4") _,
            out("ymm5") _, out("ymm6") _, out("ymm7") _, out("ymm8") _,
            options(nostack),
        );
    }
}

/// # Safety
/// As [`fill`].
#[inline(always)]
unsafe fn fill_by_rep(to: *mut u8, value: u8, length: usize) {
    // SAFETY: writes the `length` bytes that the caller promises.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") length => _,
            inout("rdi") to => _,
            in("al") value,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// As [`fill`], with `length` above 128; all bytes of `word` are the value.
#[inline(always)]
unsafe fn fill_by_loop(to: *mut u8, word: u64, length: usize) {
    // SAFETY: the loop runs while 128 bytes or more remain before the end, so all places are below `length`.
    unsafe {
        asm!(
            "vmovq xmm0, {word}",
            "vpunpcklqdq xmm0, xmm0, xmm0",
            "vinsertf128 ymm0, ymm0, xmm0, 1",
            "vmovdqu [{to}], ymm0",
            "lea {end}, [{to} + {length} - 128]",
            "lea {at}, [{to} + 32]",
            "and {at}, -32",
            "cmp {at}, {end}",
            "jae 3f",
            ".p2align 4",
            "2:",
            "vmovdqa [{at}], ymm0",
            "vmovdqa [{at} + 32], ymm0",
            "vmovdqa [{at} + 64], ymm0",
            "vmovdqa [{at} + 96], ymm0",
            "sub {at}, -128",
            "cmp {at}, {end}",
            "jb 2b",
            "3:",
            "vmovdqu [{end}], ymm0",
            "vmovdqu [{end} + 32], ymm0",
            "vmovdqu [{end} + 64], ymm0",
            "vmovdqu [{end} + 96], ymm0",
            "vzeroupper",
            to = in(reg) to,
            word = in(reg) word,
            length = in(reg) length,
            at = out(reg) _,
            end = out(reg) _,
            out("ymm0") _,
            options(nostack),
        );
    }
}

/// How many of the first `length` bytes are surely equal, in steps of [`WIDE`].
///
/// # Safety
/// As [`compare`], with `length` a multiple of [`WIDE`] above 0.
#[inline(always)]
unsafe fn equal_prefix(left: *const u8, right: *const u8, length: usize) -> usize {
    let mut at = 0;
    // SAFETY: reads 128 bytes of each at `at`, which is a multiple of 128 below `length`.
    unsafe {
        asm!(
            "2:",
            "vmovdqu ymm0, [{left} + {at}]",
            "vmovdqu ymm1, [{left} + {at} + 32]",
            "vmovdqu ymm2, [{left} + {at} + 64]",
            "vmovdqu ymm3, [{left} + {at} + 96]",
            "vxorps ymm0, ymm0, [{right} + {at}]",
            "vxorps ymm1, ymm1, [{right} + {at} + 32]",
            "vxorps ymm2, ymm2, [{right} + {at} + 64]",
            "vxorps ymm3, ymm3, [{right} + {at} + 96]",
            "vorps ymm0, ymm0, ymm1",
            "vorps ymm2, ymm2, ymm3",
            "vorps ymm0, ymm0, ymm2",
            "vptest ymm0, ymm0",
            "jnz 3f",
            "sub {at}, -128",
            "cmp {at}, {length}",
            "jb 2b",
            "3:",
            "vzeroupper",
            left = in(reg) left,
            right = in(reg) right,
            length = in(reg) length,
            at = inout(reg) at,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            options(nostack, readonly),
        );
    }
    at
}

/// # Safety
/// `left + at` and `right + at` have 16 readable bytes.
#[inline]
#[target_feature(enable = "sse2")]
unsafe fn compare_vectors(left: *const u8, right: *const u8, at: usize) -> i32 {
    // SAFETY: as the caller promises.
    let (a, b): (__m128i, __m128i) = (unsafe { get(left, at) }, unsafe { get(right, at) });
    let equal = _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)).cast_unsigned();
    if equal == 0xffff {
        return 0;
    }
    // SAFETY: the first difference is below 16.
    unsafe { compare_bytes(left, right, at + equal.trailing_ones() as usize) }
}

/// # Safety
/// `left + at` and `right + at` have 8 readable bytes.
#[inline(always)]
unsafe fn compare_words(left: *const u8, right: *const u8, at: usize) -> i32 {
    // SAFETY: as the caller promises.
    let a: u64 = unsafe { get(left, at) };
    // SAFETY: as the caller promises.
    let b: u64 = unsafe { get(right, at) };
    a.swap_bytes().cmp(&b.swap_bytes()) as i32
}

/// # Safety
/// `left + at` and `right + at` are readable.
#[inline(always)]
unsafe fn compare_bytes(left: *const u8, right: *const u8, at: usize) -> i32 {
    // SAFETY: as the caller promises.
    let a: u8 = unsafe { get(left, at) };
    // SAFETY: as the caller promises.
    let b: u8 = unsafe { get(right, at) };
    i32::from(a) - i32::from(b)
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    /// Lengths that reach each arm, and the borders between them.
    fn lengths() -> Vec<usize> {
        let mut lengths: Vec<usize> = (0..=600).collect();
        for border in [REP_FILL, REP_COPY, 10_000] {
            lengths.extend(border - 2..=border + 2);
        }
        lengths
    }

    fn check_copy(to: usize, from: usize, length: usize) {
        let mut expected = noise(to.max(from) + length + 64);
        let mut found = expected.clone();
        expected.copy_within(from..from + length, to);
        let start = found.as_mut_ptr();
        // SAFETY: `from` is inside the buffer.
        let source = unsafe { start.add(from) };
        // SAFETY: `to` is inside the buffer.
        let target = unsafe { start.add(to) };
        // SAFETY: both ranges end before the buffer does.
        unsafe { copy(target, source, length) };
        assert!(found == expected, "copy of {length} bytes from {from} to {to}");
    }

    #[test]
    fn copies_of_all_lengths_at_many_alignments() {
        for length in lengths() {
            for skew in (0..33).step_by(3) {
                check_copy(skew, length + 64 + skew * 7 % 32, length);
            }
        }
    }

    #[test]
    fn copies_with_all_close_overlaps() {
        for length in [1, 3, 7, 15, 32, 64, 128, 129, 160, 255, 256, 257, 300, 1000, 5000] {
            for distance in 0..200 {
                check_copy(64, 64 + distance, length);
                check_copy(64 + distance, 64, length);
            }
        }
    }

    #[test]
    fn fills_of_all_lengths_at_all_alignments() {
        for length in lengths() {
            for skew in 0..33 {
                let mut expected = noise(length + 100);
                let mut found = expected.clone();
                expected[skew..skew + length].fill(0xa5);
                // SAFETY: the skew is inside the buffer.
                let start = unsafe { found.as_mut_ptr().add(skew) };
                // SAFETY: the range ends before the buffer does.
                unsafe { fill(start, 0xa5, length) };
                assert!(found == expected, "fill of {length} bytes at {skew}");
            }
        }
    }

    #[test]
    fn comparisons_find_the_first_difference() {
        for length in (0..200).chain([255, 256, 257, 300, 511, 640]) {
            let left = noise(length);
            // SAFETY: both have this many bytes.
            assert_eq!(unsafe { compare(left.as_ptr(), left.as_ptr(), length) }, 0);
            for at in 0..length {
                let mut right = left.clone();
                right[at] ^= 0x80;
                if let Some(last) = right.last_mut().filter(|_| at + 1 < length) {
                    *last ^= 0x80;
                }
                // SAFETY: both have this many bytes.
                let found = unsafe { compare(left.as_ptr(), right.as_ptr(), length) };
                assert_eq!(found.signum(), left.cmp(&right) as i32, "length {length}, difference at {at}");
            }
        }
    }

    #[test]
    fn lengths_of_texts_at_all_alignments() {
        for skew in 0..40 {
            for length in 0..100 {
                let mut text = vec![0; skew];
                text.extend(core::iter::repeat_n(b'x', length));
                text.extend([0, b'y', 0]);
                // SAFETY: the skew is inside the buffer.
                let start = unsafe { text.as_ptr().add(skew) };
                // SAFETY: a zero byte follows.
                assert_eq!(unsafe { super::length(start) }, length);
            }
        }
    }

    proptest! {
        #[test]
        fn copies_anywhere(to in 0..9000_usize, from in 0..9000_usize, length in 0..20_000_usize) {
            check_copy(to, from, length);
        }

        #[test]
        fn comparisons_of_anything(left in prop::collection::vec(0..2_u8, 0..80), right in prop::collection::vec(0..2_u8, 0..80)) {
            let length = left.len().min(right.len());
            // SAFETY: both have at least this many bytes.
            let found = unsafe { compare(left.as_ptr(), right.as_ptr(), length) };
            prop_assert_eq!(found.signum(), left[..length].cmp(&right[..length]) as i32);
        }
    }
}
