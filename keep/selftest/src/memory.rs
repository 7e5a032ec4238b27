//! Memory: rights, laziness, limits.

use std::ptr;

use crate::expect;

pub(crate) const PAGE: usize = 4096;
const BLOCK: usize = 2 << 20;

/// A mapping, unmapped when dropped.
pub(crate) struct Mapping {
    pub(crate) start: *mut u8,
    length: usize,
}

impl Mapping {
    pub(crate) fn new(length: usize, rights: i32) -> Result<Self, String> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping where there is room.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, rights, flags, -1, 0) };
        if start == libc::MAP_FAILED { Err(error()) } else { Ok(Self { start: start.cast(), length }) }
    }

    pub(crate) fn protect(&self, offset: usize, length: usize, rights: i32) -> Result<(), String> {
        // SAFETY: it is this mapping's own range; its users know its rights.
        match unsafe { libc::mprotect(self.start.wrapping_add(offset).cast(), length, rights) } {
            0 => Ok(()),
            _ => Err(error()),
        }
    }

    fn put(&self, offset: usize, value: u8) {
        // SAFETY: the callers stay inside the mapping while it is writable.
        unsafe { self.start.wrapping_add(offset).write_volatile(value) }
    }

    fn get(&self, offset: usize) -> u8 {
        // SAFETY: the callers stay inside the mapping while it is readable.
        unsafe { self.start.wrapping_add(offset).read_volatile() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is this mapping's own range.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

fn error() -> String {
    std::io::Error::last_os_error().to_string()
}

pub(crate) const DATA: i32 = libc::PROT_READ | libc::PROT_WRITE;
const CODE: i32 = libc::PROT_READ | libc::PROT_EXEC;

pub(crate) fn lazy_and_zeroed() -> Result<(), String> {
    // Far more addresses than memory; only what is touched may count.
    let reserved = Mapping::new(64 << 30, libc::PROT_NONE)?;
    reserved.protect(32 << 30, 16 << 20, DATA)?;
    for offset in (0..16 << 20).step_by(PAGE) {
        expect(reserved.get((32 << 30) + offset) == 0, "new memory to be zero")?;
        reserved.put((32 << 30) + offset, 1);
    }
    Ok(())
}

pub(crate) fn comes_back_zeroed() -> Result<(), String> {
    for length in [PAGE, 5 * PAGE, BLOCK, 3 * BLOCK + 7 * PAGE] {
        for _ in 0..3 {
            let mapping = Mapping::new(length, DATA)?;
            for offset in (0..length).step_by(PAGE) {
                expect(
                    mapping.get(offset) == 0 && mapping.get(offset + PAGE - 1) == 0,
                    "zeros after a free",
                )?;
                mapping.put(offset, 0xa5);
                mapping.put(offset + PAGE - 1, 0x5a);
            }
        }
    }
    let mapping = Mapping::new(3 * BLOCK, DATA)?;
    (0..3 * BLOCK).step_by(PAGE).for_each(|offset| mapping.put(offset, 7));
    // SAFETY: the range is the mapping's.
    unsafe { libc::madvise(mapping.start.wrapping_add(PAGE).cast(), 2 * BLOCK, libc::MADV_DONTNEED) };
    let gone = |offset| (PAGE..PAGE + 2 * BLOCK).contains(&offset);
    let right = |offset| mapping.get(offset) == if gone(offset) { 0 } else { 7 };
    expect((0..3 * BLOCK).step_by(PAGE).all(right), "MADV_DONTNEED to clear its range and nothing else")
}

pub(crate) fn survives_no_rights() -> Result<(), String> {
    let mapping = Mapping::new(2 * BLOCK, DATA)?;
    let value = |offset: usize| (offset / PAGE % 251) as u8;
    (0..2 * BLOCK).step_by(PAGE).for_each(|offset| mapping.put(offset, value(offset)));
    for (offset, length) in [(PAGE, PAGE), (0, 2 * BLOCK), (BLOCK - PAGE, 2 * PAGE), (8 * PAGE, 64 * PAGE)] {
        mapping.protect(offset, length, libc::PROT_NONE)?;
        mapping.protect(offset, length, libc::PROT_READ)?;
        let same = |offset: usize| mapping.get(offset) == value(offset);
        expect((0..2 * BLOCK).step_by(PAGE).all(same), "the content to be what it was")?;
        mapping.protect(offset, length, DATA)?;
    }
    Ok(())
}

/// `mov eax, value; ret`
fn function(value: u8) -> [u8; 6] {
    [0xb8, value, 0, 0, 0, 0xc3]
}

pub(crate) fn becomes_code() -> Result<(), String> {
    // One page, a part of a block, a whole block, and more than one.
    for length in [PAGE, 9 * PAGE, BLOCK, 2 * BLOCK + 3 * PAGE] {
        let mapping = Mapping::new(length + 2 * PAGE, DATA)?;
        for round in 1..4_u8 {
            for offset in (PAGE..PAGE + length).step_by(PAGE) {
                for (at, byte) in function((offset / PAGE) as u8 ^ round).into_iter().enumerate() {
                    mapping.put(offset + at, byte);
                }
            }
            mapping.put(0, 42);
            mapping.protect(PAGE, length, CODE)?;
            for offset in (PAGE..PAGE + length).step_by(PAGE) {
                let address = mapping.start.wrapping_add(offset);
                // SAFETY: the bytes there are `function`, executable since the call above.
                let call = unsafe { std::mem::transmute::<*mut u8, extern "C" fn() -> u32>(address) };
                let expected = u32::from((offset / PAGE) as u8 ^ round);
                expect(call() == expected, "the code to be what was written")?;
            }
            expect(mapping.get(0) == 42, "the page before to be as it was")?;
            mapping.protect(PAGE, length, DATA)?;
        }
    }
    Ok(())
}

pub(crate) fn never_both() -> Result<(), String> {
    if !cfg!(holdfast_keep) {
        return Ok(());
    }
    let both = DATA | libc::PROT_EXEC;
    expect(Mapping::new(PAGE, both).is_err(), "mmap to refuse writable and executable")?;
    let mapping = Mapping::new(PAGE, DATA)?;
    expect(mapping.protect(0, PAGE, both).is_err(), "mprotect to refuse it")
}

pub(crate) fn runs_out() -> Result<(), String> {
    if !cfg!(holdfast_keep) {
        return Ok(());
    }
    let mut all = Vec::new();
    while let Ok(mapping) = Mapping::new(16 << 20, DATA) {
        // Each page that was granted is there.
        (0..16 << 20).step_by(PAGE).for_each(|offset| mapping.put(offset, 1));
        all.push(mapping);
        expect(all.len() < 1 << 12, "an end")?;
    }
    expect(!all.is_empty(), "some memory")?;
    drop(all);
    Mapping::new(16 << 20, DATA).map(drop)
}

#[cfg(holdfast_keep)]
pub(crate) fn audit() -> Result<(), String> {
    use holdfast_shim::mm;
    // In a process the page tables are the host's.
    if holdfast_shim::sys::platform() != holdfast_shim::sys::Platform::Machine {
        return Ok(());
    }
    let mapping = Mapping::new(3 * BLOCK, DATA)?;
    (0..3 * BLOCK).step_by(PAGE).for_each(|offset| mapping.put(offset, 0xc3));
    mapping.protect(PAGE, BLOCK + 5 * PAGE, CODE)?;
    let audit = mm::audit();
    expect(audit.executable > 512 && audit.writable > 1024, &format!("pages of both kinds: {audit:?}"))?;
    expect(audit.both == 0 && audit.aliased == 0, &format!("none that is both: {audit:?}"))
}

#[cfg(not(holdfast_keep))]
pub(crate) fn audit() -> Result<(), String> {
    Ok(())
}
