//! Page tables of our own, in a virtual machine.
//!
//! All of the Keep's memory is mapped once more, writable, from [`DIRECT`] on. A block that holds code is
//! taken out there, so that no frame is writable by one address and executable by another.
//!
//! On hosts that shadow page tables each write to a table in use is slow, and one to a table not yet
//! linked is not. So a change of many entries is made in a copy of their table, which is then linked.

use core::ops::Range;

use holdfast_launch::layout::{self, physical};

use super::areas::{Area, EXECUTE, PAGE, READ, WRITE};
use super::entry::Entry;
use super::frames::{Access, BLOCK, FRAME, Frames};
use crate::errno::Errno;
use crate::sys::flush_all_vcpus;

/// Where all memory is mapped.
pub(super) const DIRECT: u64 = 0x2000_0000_0000;

/// Entries per table.
const ENTRIES: u64 = 512;

/// Blocks of code at the most: 2 GiB.
const CODE_BLOCKS: usize = 1024;

/// A fault in an area of small pages maps so many around it.
const AROUND: u64 = 16;

/// Access to frames by the direct map.
#[derive(Debug)]
pub(super) struct Direct;

fn direct(offset: u64) -> *mut u64 {
    core::ptr::with_exposed_provenance_mut((DIRECT + offset) as usize)
}

impl Access for Direct {
    fn read(&self, offset: u64) -> u64 {
        // SAFETY: callers own the frame at `offset`, and it is in the direct map, as only code is not.
        unsafe { direct(offset).read_volatile() }
    }

    fn write(&mut self, offset: u64, value: u64) {
        // SAFETY: as above.
        unsafe { direct(offset).write_volatile(value) }
    }

    fn zero(&mut self, offset: u64, length: u64) {
        // SAFETY: as above, for each frame of the range.
        unsafe { direct(offset).cast::<u8>().write_bytes(0, length as usize) }
    }
}

/// A page table, by its physical address: one of the plan's four, or a frame of ours.
#[derive(Clone, Copy)]
struct Table(u64);

impl Table {
    const ROOT: Self = Self(physical::GROUND);

    fn slot(self, index: u64) -> *mut u64 {
        let base = if self.0 >= physical::MEMORY {
            DIRECT + (self.0 - physical::MEMORY)
        } else {
            layout::PAGE_TABLES + (self.0 - physical::GROUND)
        };
        core::ptr::with_exposed_provenance_mut((base + index % ENTRIES * 8) as usize)
    }

    fn get(self, index: u64) -> Entry {
        // SAFETY: a table is a whole frame that stays mapped writable; the index is within it.
        Entry(unsafe { self.slot(index).read_volatile() })
    }

    fn set(self, index: u64, entry: Entry) {
        // SAFETY: as above; the callers hold the lock of the address space.
        unsafe { self.slot(index).write_volatile(entry.0) }
    }

    fn below(self, index: u64) -> Option<Self> {
        let entry = self.get(index);
        entry.is_present().then(|| Self(entry.address()))
    }
}

/// Index of `address` in the table of `level` (0: 4 KiB pages … 3: the root).
const fn index(address: u64, level: u32) -> u64 {
    (address >> (12 + 9 * level)) % ENTRIES
}

/// A block that holds code, and how many of its pages are mapped.
#[derive(Clone, Copy, Debug, Default)]
struct CodeBlock {
    block: u64,
    pages: u64,
}

/// The page tables and the memory.
#[derive(Debug)]
pub(super) struct Machine {
    frames: Frames<Direct>,
    code: [CodeBlock; CODE_BLOCKS],
    code_count: usize,
}

/// A frame's offset in the Keep's memory.
const fn offset(entry: Entry) -> u64 {
    entry.address() - physical::MEMORY
}

const fn address(offset: u64) -> u64 {
    physical::MEMORY + offset
}

impl Machine {
    /// One without memory.
    pub(super) const fn new() -> Self {
        let code = [CodeBlock { block: 0, pages: 0 }; CODE_BLOCKS];
        Self { frames: Frames::new(Direct), code, code_count: 0 }
    }

    /// Takes over from stage 0: maps all memory at [`DIRECT`], except the body, and takes away stage 0's
    /// view of it. `body` is how much from the start the body's blocks take, `used` how much is in use.
    pub(super) fn take_over(&mut self, memory: u64, body: u64, used: u64) {
        // Tables for the direct map, made while stage 0's view is still there.
        let early = |offset: u64| -> *mut u64 {
            core::ptr::with_exposed_provenance_mut((layout::EARLY_MEMORY + offset) as usize)
        };
        let blocks = memory / BLOCK;
        let directories = blocks.div_ceil(ENTRIES);
        let uppers = directories.div_ceil(ENTRIES);
        let (first_directory, first_upper) = (used, used + directories * FRAME);
        let fresh_pd = first_upper + uppers * FRAME;
        let end = fresh_pd + FRAME;
        let put = |offset: u64, entry: Entry| {
            // SAFETY: stage 0 left this memory unused, and its view of it covers what the smallest Keep needs.
            unsafe { early(offset).write_volatile(entry.0) };
        };
        for at in 0..directories * ENTRIES {
            let block = at * BLOCK;
            let entry = if at < blocks && block >= body {
                Entry::page(address(block), READ | WRITE, true)
            } else {
                Entry::EMPTY
            };
            put(first_directory + at * 8, entry);
        }
        for at in 0..uppers * ENTRIES {
            let table = first_directory + at * FRAME;
            let entry = if at < directories { Entry::table(address(table)) } else { Entry::EMPTY };
            put(first_upper + at * 8, entry);
        }
        for at in 0..uppers {
            Table::ROOT.set(index(DIRECT, 3) + at, Entry::table(address(first_upper + at * FRAME)));
        }
        // The page directory of the first gibibyte again, without stage 0's view.
        let old = Table(physical::GROUND + 2 * PAGE);
        let view = index(layout::EARLY_MEMORY, 1)..index(layout::EARLY_MEMORY + layout::EARLY_MEMORY_SIZE, 1);
        for at in 0..ENTRIES {
            let entry = if view.contains(&at) { Entry::EMPTY } else { old.get(at) };
            put(fresh_pd + at * 8, entry);
        }
        Table(physical::GROUND + PAGE).set(index(layout::BASE, 2), Entry::table(address(fresh_pd)));
        flush_all_vcpus();
        self.frames.open(end, memory);
    }

    /// A small frame for the shim itself, mapped at `at` in the first gibibyte.
    pub(super) fn map_cpu_page(&mut self, at: u64) -> Result<(), Errno> {
        let frame = self.frames.small().ok_or(Errno::ENOMEM)?;
        Table(physical::GROUND + 3 * PAGE)
            .set(index(at, 0), Entry::page(address(frame), READ | WRITE, false));
        Ok(())
    }

    /// The page directory that covers `address`, made if need be.
    fn directory(&mut self, at: u64, make: bool) -> Result<Option<Table>, Errno> {
        let mut table = Table::ROOT;
        for level in [3, 2] {
            table = match table.below(index(at, level)) {
                Some(below) => below,
                None if make => {
                    let frame = address(self.frames.small().ok_or(Errno::ENOMEM)?);
                    table.set(index(at, level), Entry::table(frame));
                    Table(frame)
                }
                None => return Ok(None),
            };
        }
        Ok(Some(table))
    }

    /// Makes the page at `at` accessible as `area` says. `Ok(false)`: it is already.
    pub(super) fn populate(&mut self, at: u64, area: &Area) -> Result<bool, Errno> {
        let Some(directory) = self.directory(at, true)? else { return Err(Errno::ENOMEM) };
        let slot = index(at, 1);
        let entry = directory.get(slot);
        let window = at / BLOCK * BLOCK;
        let whole = area.start <= window && area.end >= window + BLOCK;
        if entry.is_large() {
            if entry.is_present() {
                return Ok(false);
            }
            directory.set(slot, Entry::page(entry.address(), area.rights, true));
            return Ok(true);
        }
        if entry.is_empty()
            && whole
            && area.rights & WRITE != 0
            && let Some(block) = self.frames.block()
        {
            directory.set(slot, Entry::page(address(block), area.rights, true));
            return Ok(true);
        }
        let (table, linked) = match directory.below(slot) {
            Some(table) => (table, true),
            None => (Table(address(self.frames.small().ok_or(Errno::ENOMEM)?)), false),
        };
        let page = at / PAGE * PAGE;
        if table.get(index(page, 0)).is_present() {
            return Ok(false);
        }
        let around = AROUND * PAGE;
        let from = (at / around * around).max(area.start);
        let to = (at / around * around + around).min(area.end);
        for page in (from..to).step_by(PAGE as usize) {
            let slot = index(page, 0);
            let entry = table.get(slot);
            if !entry.is_empty() {
                if !entry.is_present() {
                    table.set(slot, Entry::page(entry.address(), area.rights, false));
                }
                continue;
            }
            // What is charged is there; only the page asked for is worth an error.
            match self.frames.small() {
                Some(frame) => table.set(slot, Entry::page(address(frame), area.rights, false)),
                None if page == at / PAGE * PAGE => return Err(Errno::ENOMEM),
                None => {}
            }
        }
        if !linked {
            directory.set(slot, Entry::table(table.0));
        }
        Ok(true)
    }

    /// Calls `change` for the part of `range` in each block of addresses that has pages.
    fn each_window(
        &mut self,
        range: &Range<u64>,
        mut change: impl FnMut(&mut Self, Table, u64, Range<u64>) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let mut at = range.start;
        while at < range.end {
            let window_end = (at / BLOCK + 1) * BLOCK;
            let end = window_end.min(range.end);
            match self.directory(at, false)? {
                Some(directory) => {
                    if !directory.get(index(at, 1)).is_empty() {
                        change(self, directory, index(at, 1), at..end)?;
                    }
                    at = end;
                }
                // Nothing in the whole gibibyte.
                None => at = (at / (BLOCK * ENTRIES) + 1) * (BLOCK * ENTRIES),
            }
        }
        Ok(())
    }

    /// A table of its own for a window: the pages of a large page, or a copy of the table in use.
    fn copy_table(&mut self, entry: Entry, rights: u8) -> Result<Table, Errno> {
        let table = Table(address(self.frames.small().ok_or(Errno::ENOMEM)?));
        for at in 0..ENTRIES {
            let copy = if entry.is_empty() {
                Entry::EMPTY
            } else if entry.is_large() {
                Entry::page(entry.address() + at * FRAME, rights, false)
            } else {
                Table(entry.address()).get(at)
            };
            table.set(at, copy);
        }
        Ok(table)
    }

    /// Takes all pages of `range` away and frees their memory. `rights` are those that a page had.
    pub(super) fn remove(&mut self, range: &Range<u64>, rights: impl Fn(u64) -> u8) -> Result<(), Errno> {
        // First nobody sees the pages any more. Only the first and the last window may be changed in part.
        let mut any = false;
        let mut replaced = [const { None }; 2];
        self.each_window(range, |machine, directory, slot, part| {
            any = true;
            let entry = directory.get(slot);
            if part.end - part.start == BLOCK {
                directory.set(slot, hide(entry));
                return Ok(());
            }
            let table = machine.copy_table(entry, rights(part.start))?;
            for page in part.clone().step_by(PAGE as usize) {
                table.set(index(page, 0), Entry::EMPTY);
            }
            directory.set(slot, Entry::table(table.0));
            let place = replaced.iter_mut().find(|place| place.is_none()).ok_or(Errno::EINVAL)?;
            *place = Some((entry, table, part));
            Ok(())
        })?;
        if !any {
            return Ok(());
        }
        flush_all_vcpus();
        // When no TLB holds them any more, their memory is free.
        for (entry, table, part) in replaced.into_iter().flatten() {
            self.free_replaced(entry, Some(table), &part);
        }
        self.each_window(range, |machine, directory, slot, part| {
            if part.end - part.start == BLOCK {
                let entry = directory.get(slot);
                machine.free_replaced(entry, None, &part);
                directory.set(slot, Entry::EMPTY);
            }
            Ok(())
        })
    }

    fn free_page(&mut self, entry: Entry) {
        if entry.is_empty() {
            return;
        }
        let block = offset(entry) / BLOCK * BLOCK;
        match self.code_block(block) {
            Some(at) => self.release_code(at, 1),
            None => self.frames.free_small(offset(entry)),
        }
    }

    fn free_block(&mut self, block: u64) {
        match self.code_block(block) {
            Some(at) => self.release_code(at, ENTRIES),
            None => self.frames.free_block(block),
        }
    }

    fn code_block(&self, block: u64) -> Option<usize> {
        self.code.iter().take(self.code_count).position(|code| code.block == block)
    }

    fn release_code(&mut self, at: usize, pages: u64) {
        let Some(code) = self.code.get_mut(at) else { return };
        code.pages -= pages;
        if code.pages == 0 {
            let block = code.block;
            self.code_count -= 1;
            self.code.copy_within(at + 1..=self.code_count, at);
            direct_slot(block, Entry::page(address(block), READ | WRITE, true));
            self.frames.free_block(block);
        }
    }

    /// Gives the pages of `range` other rights, `from` those of the area before.
    pub(super) fn protect(&mut self, range: &Range<u64>, from: u8, to: u8) -> Result<(), Errno> {
        if to & EXECUTE != 0 {
            return self.make_code(range, from, to);
        }
        if from & EXECUTE != 0 {
            return self.make_data(range, to);
        }
        self.each_window(range, |machine, directory, slot, part| {
            let entry = directory.get(slot);
            let whole = part.end - part.start == BLOCK;
            if entry.is_large() && whole {
                directory.set(slot, Entry::page(entry.address(), to, true));
                return Ok(());
            }
            let few = !entry.is_large() && part.end - part.start <= 4 * PAGE;
            let table = if few { Table(entry.address()) } else { machine.copy_table(entry, from)? };
            for page in part.step_by(PAGE as usize) {
                let entry = table.get(index(page, 0));
                if !entry.is_empty() {
                    table.set(index(page, 0), Entry::page(entry.address(), to, false));
                }
            }
            if !few {
                directory.set(slot, Entry::table(table.0));
                if !entry.is_large() {
                    machine.frames.free_small(offset(entry));
                }
            }
            Ok(())
        })?;
        // More rights need no flush: a page fault for want of them looks again.
        if from & !to != 0 {
            flush_all_vcpus();
        }
        Ok(())
    }

    /// Moves the pages of `range` to blocks that nothing can write to, and makes them executable.
    fn make_code(&mut self, range: &Range<u64>, from: u8, to: u8) -> Result<(), Errno> {
        let mut at = range.start;
        while at < range.end {
            let part = at..((at / BLOCK + 1) * BLOCK).min(range.end);
            self.make_code_window(&part, from, to)?;
            at = part.end;
        }
        Ok(())
    }

    fn make_code_window(&mut self, part: &Range<u64>, before: u8, rights: u8) -> Result<(), Errno> {
        let Some(directory) = self.directory(part.start, true)? else { return Err(Errno::ENOMEM) };
        let slot = index(part.start, 1);
        let old = directory.get(slot);
        let pages = (part.end - part.start) / PAGE;
        let code = self.code.get_mut(self.code_count).ok_or(Errno::ENOMEM)?;
        let block = self.frames.take_block().ok_or(Errno::ENOMEM)?;
        *code = CodeBlock { block, pages };
        self.code_count += 1;
        for page in part.clone().step_by(PAGE as usize) {
            let to = block + page % BLOCK;
            let from = match old {
                old if old.is_empty() => None,
                old if old.is_large() => Some(offset(old) + page % BLOCK),
                old => Some(Table(old.address()).get(index(page, 0))).filter(|e| !e.is_empty()).map(offset),
            };
            match from {
                // SAFETY: the source is a data frame of this range, the target a frame of the new block;
                // both are in the direct map.
                Some(from) => unsafe {
                    direct(to).copy_from_nonoverlapping(direct(from), FRAME as usize / 8)
                },
                None => self.frames.access().zero(to, FRAME),
            }
        }
        // The block leaves the direct map before its pages become executable.
        direct_slot(block, Entry::EMPTY);
        let fresh = if pages == ENTRIES {
            directory.set(slot, Entry::EMPTY);
            flush_all_vcpus();
            directory.set(slot, Entry::page(address(block), rights, true));
            None
        } else {
            let table = self.copy_table(old, before)?;
            for page in part.clone().step_by(PAGE as usize) {
                table.set(index(page, 0), Entry::EMPTY);
            }
            directory.set(slot, Entry::table(table.0));
            flush_all_vcpus();
            for page in part.clone().step_by(PAGE as usize) {
                table.set(index(page, 0), Entry::page(address(block + page % BLOCK), rights, false));
            }
            Some(table)
        };
        self.free_replaced(old, fresh, part);
        Ok(())
    }

    /// Frees the frames that `old` held for `part`, and its table.
    fn free_replaced(&mut self, old: Entry, fresh: Option<Table>, part: &Range<u64>) {
        if old.is_empty() {
            return;
        }
        if old.is_large() && fresh.is_none() {
            self.free_block(offset(old));
            return;
        }
        for page in part.clone().step_by(PAGE as usize) {
            let frame = if old.is_large() {
                Entry::page(old.address() + page % BLOCK, READ, false)
            } else {
                Table(old.address()).get(index(page, 0))
            };
            self.free_page(frame);
        }
        if !old.is_large() {
            self.frames.free_small(offset(old));
        }
    }

    /// The reverse of [`Machine::make_code`]: copies to frames that can be written.
    fn make_data(&mut self, range: &Range<u64>, rights: u8) -> Result<(), Errno> {
        self.each_window(range, |machine, directory, slot, part| {
            let old = directory.get(slot);
            let table = machine.copy_table(old, READ | EXECUTE)?;
            for page in part.clone().step_by(PAGE as usize) {
                if table.get(index(page, 0)).is_empty() {
                    continue;
                }
                let frame = machine.frames.small().ok_or(Errno::ENOMEM)?;
                let source: *const u64 = core::ptr::with_exposed_provenance(page as usize);
                // SAFETY: the page is mapped readable until its table is replaced below.
                unsafe { direct(frame).copy_from_nonoverlapping(source, FRAME as usize / 8) };
                table.set(index(page, 0), Entry::page(address(frame), rights, false));
            }
            directory.set(slot, Entry::table(table.0));
            flush_all_vcpus();
            machine.free_replaced(old, Some(table), &part);
            Ok(())
        })
    }
}

/// The same frame, not present.
fn hide(entry: Entry) -> Entry {
    if entry.is_empty() {
        return entry;
    }
    // Tables and pages alike: the address stays, and the large bit.
    Entry::page(entry.address(), 0, entry.is_large())
}

/// Sets the entry of the direct map for `block`.
fn direct_slot(block: u64, entry: Entry) {
    let at = DIRECT + block;
    let directory = Table::ROOT.below(index(at, 3)).and_then(|upper| upper.below(index(at, 2)));
    if let Some(directory) = directory {
        directory.set(index(at, 1), entry);
    }
}

/// What [`audit`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Pages that can be written, in 4 KiB.
    pub writable: u64,
    /// Pages that can be executed, in 4 KiB.
    pub executable: u64,
    /// Mappings that can be both.
    pub both: u64,
    /// Executable frames that can be written at another address.
    pub aliased: u64,
}

/// Walks all page tables and counts what breaks W^X, by one address or by two.
#[must_use]
pub fn audit() -> Audit {
    let mut audit = Audit::default();
    walk(&mut |_, entry, pages| {
        audit.writable += if entry.is_writable() { pages } else { 0 };
        audit.executable += if entry.is_executable() { pages } else { 0 };
        audit.both += u64::from(entry.is_writable() && entry.is_executable());
        if entry.is_executable() {
            let code = entry.address()..entry.address() + pages * PAGE;
            walk(&mut |_, other, pages| {
                let data = other.address()..other.address() + pages * PAGE;
                audit.aliased +=
                    u64::from(other.is_writable() && data.start < code.end && code.start < data.end);
            });
        }
    });
    audit
}

/// Calls `visit` for each present page: its address, its entry, its length in small pages.
fn walk(visit: &mut dyn FnMut(u64, Entry, u64)) {
    fn level(table: Table, depth: u32, base: u64, visit: &mut dyn FnMut(u64, Entry, u64)) {
        for at in 0..ENTRIES {
            let entry = table.get(at);
            let address = base + (at << (12 + 9 * depth));
            if entry.is_present() && (depth == 0 || entry.is_large()) {
                visit(address, entry, 1 << (9 * depth));
            } else if entry.is_present() {
                level(Table(entry.address()), depth - 1, address, visit);
            }
        }
    }
    level(Table::ROOT, 3, 0, visit);
}
