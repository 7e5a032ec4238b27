//! Which addresses are mapped with which rights: the address space's book, without its pages.
//!
//! A fixed array, sorted by address: the page-fault handler reads it, so it must never allocate.

use core::ops::Range;

use crate::errno::Errno;

/// Unit of all addresses and lengths here.
pub const PAGE: u64 = 0x1000;

/// Areas at the most. Neighbours with the same rights are one area.
pub const CAPACITY: usize = 4096;

/// Linux's `PROT_READ`.
pub const READ: u8 = 1;
/// Linux's `PROT_WRITE`.
pub const WRITE: u8 = 2;
/// Linux's `PROT_EXEC`.
pub const EXECUTE: u8 = 4;

/// A run of pages with the same rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First address.
    pub start: u64,
    /// First address behind.
    pub end: u64,
    /// [`READ`], [`WRITE`], [`EXECUTE`]; none: no access.
    pub rights: u8,
    /// Whether it counts as used memory: it was accessible once, so its content must be kept.
    pub charged: bool,
}

impl Area {
    const EMPTY: Self = Self { start: 0, end: 0, rights: 0, charged: false };

    /// Length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end - self.start
    }

    fn joins(&self, next: &Self) -> bool {
        self.end == next.start && self.rights == next.rights && self.charged == next.charged
    }
}

/// The book.
#[derive(Debug)]
pub struct Areas {
    areas: [Area; CAPACITY],
    count: usize,
    charged: u64,
    limit: u64,
    arena: Range<u64>,
}

impl Default for Areas {
    fn default() -> Self {
        Self::new()
    }
}

impl Areas {
    /// A book over nothing. All zero, so that it takes no space in the image.
    #[must_use]
    pub const fn new() -> Self {
        Self { areas: [Area::EMPTY; CAPACITY], count: 0, charged: 0, limit: 0, arena: 0..0 }
    }

    /// Opens the book for `arena`. At most `limit` bytes can be accessible.
    pub fn open(&mut self, arena: Range<u64>, limit: u64) {
        self.arena = arena;
        self.limit = limit;
    }

    /// Bytes that count as used.
    #[must_use]
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// All areas in ascending order.
    #[must_use]
    pub fn all(&self) -> &[Area] {
        self.areas.get(..self.count).unwrap_or_default()
    }

    /// The area that holds `address`.
    #[must_use]
    pub fn find(&self, address: u64) -> Option<&Area> {
        let at = self.all().partition_point(|area| area.end <= address);
        self.all().get(at).filter(|area| area.start <= address)
    }

    /// A free range of `length` bytes whose start is a multiple of `alignment`, lowest first.
    #[must_use]
    pub fn free_range(&self, length: u64, alignment: u64) -> Option<Range<u64>> {
        let fits = |from: u64, to: u64| {
            let start = from.checked_next_multiple_of(alignment)?;
            let end = start.checked_add(length)?;
            (end <= to).then_some(start..end)
        };
        let mut from = self.arena.start;
        for area in self.all() {
            if let Some(range) = fits(from, area.start) {
                return Some(range);
            }
            from = area.end;
        }
        fits(from, self.arena.end)
    }

    /// Whether `range` is a non-empty run of whole pages in the arena.
    ///
    /// # Errors
    /// `EINVAL`; `ENOMEM` if it lies outside.
    pub fn check(&self, range: &Range<u64>) -> Result<(), Errno> {
        if range.start >= range.end || !range.start.is_multiple_of(PAGE) || !range.end.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        if range.start < self.arena.start || range.end > self.arena.end {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Maps `range` with `rights`; what was there is forgotten.
    ///
    /// # Errors
    /// `ENOMEM` if the memory or the book is full; nothing has changed then.
    pub fn map(&mut self, range: Range<u64>, rights: u8) -> Result<(), Errno> {
        self.check(&range)?;
        let charged = rights != 0;
        let freed = self.charged_in(&range);
        let wanted = if charged { range.end - range.start } else { 0 };
        self.reserve(wanted, freed)?;
        self.unmap(range.clone())?;
        self.insert(Area { start: range.start, end: range.end, rights, charged });
        Ok(())
    }

    /// Forgets `range`; holes in it are fine.
    ///
    /// # Errors
    /// `EINVAL` for a bad range, `ENOMEM` if the book is full (it may need one entry more).
    pub fn unmap(&mut self, range: Range<u64>) -> Result<(), Errno> {
        self.check(&range)?;
        self.split(range.start)?;
        self.split(range.end)?;
        let (from, to) = self.within(&range);
        let freed: u64 = self.charged_in(&range);
        self.areas.copy_within(to..self.count, from);
        self.count -= to - from;
        self.charged -= freed;
        Ok(())
    }

    /// Whether [`Areas::protect`] would do it.
    ///
    /// # Errors
    /// `ENOMEM` if a page of it is not mapped, or the memory or the book is full.
    pub fn check_protect(&self, range: &Range<u64>, rights: u8) -> Result<(), Errno> {
        self.check(range)?;
        let mut at = range.start;
        while at < range.end {
            at = self.find(at).ok_or(Errno::ENOMEM)?.end;
        }
        let length = range.end - range.start;
        self.reserve(if rights == 0 { 0 } else { length - self.charged_in(range) }, 0)
    }

    /// Gives `range` other rights.
    ///
    /// # Errors
    /// Those of [`Areas::check_protect`]; nothing has changed then.
    pub fn protect(&mut self, range: Range<u64>, rights: u8) -> Result<(), Errno> {
        self.check_protect(&range, rights)?;
        self.split(range.start)?;
        self.split(range.end)?;
        let (from, to) = self.within(&range);
        for area in self.areas.get_mut(from..to).unwrap_or_default() {
            area.rights = rights;
            if rights != 0 && !area.charged {
                area.charged = true;
                self.charged += area.length();
            }
        }
        self.join(from, to);
        Ok(())
    }

    /// Whether `more` bytes can be charged and three entries added.
    fn reserve(&self, more: u64, freed: u64) -> Result<(), Errno> {
        let after = (self.charged - freed).checked_add(more).ok_or(Errno::ENOMEM)?;
        if after > self.limit || self.count + 3 > CAPACITY { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    fn charged_in(&self, range: &Range<u64>) -> u64 {
        let first = self.all().partition_point(|area| area.end <= range.start);
        let areas = self.all().iter().skip(first).take_while(|area| area.start < range.end);
        areas
            .filter(|area| area.charged)
            .map(|area| area.end.min(range.end) - area.start.max(range.start))
            .sum()
    }

    /// Indices of the areas inside `range`, at whose ends [`Areas::split`] was called.
    fn within(&self, range: &Range<u64>) -> (usize, usize) {
        let from = self.all().partition_point(|area| area.end <= range.start);
        let to = self.all().partition_point(|area| area.start < range.end);
        (from, to)
    }

    /// Makes `address` a border of areas.
    fn split(&mut self, address: u64) -> Result<(), Errno> {
        let at = self.all().partition_point(|area| area.end <= address);
        let Some(area) = self.all().get(at).copied().filter(|area| area.start < address) else {
            return Ok(());
        };
        if self.count == CAPACITY {
            return Err(Errno::ENOMEM);
        }
        self.areas.copy_within(at..self.count, at + 1);
        self.count += 1;
        if let Some([first, second]) = self.areas.get_mut(at..at + 2) {
            *first = Area { end: address, ..area };
            *second = Area { start: address, ..area };
        }
        Ok(())
    }

    fn insert(&mut self, area: Area) {
        let at = self.all().partition_point(|other| other.end <= area.start);
        self.areas.copy_within(at..self.count, at + 1);
        if let Some(slot) = self.areas.get_mut(at) {
            *slot = area;
        }
        self.count += 1;
        if area.charged {
            self.charged += area.length();
        }
        self.join(at, at + 1);
    }

    /// Joins neighbours with the same rights among `from..to` and those next to them.
    fn join(&mut self, from: usize, to: usize) {
        let mut at = (to + 1).min(self.count);
        while at > from.max(1) {
            at -= 1;
            let (Some(left), Some(right)) = (self.areas.get(at - 1).copied(), self.areas.get(at).copied())
            else {
                continue;
            };
            if left.joins(&right) {
                if let Some(slot) = self.areas.get_mut(at - 1) {
                    slot.end = right.end;
                }
                self.areas.copy_within(at + 1..self.count, at);
                self.count -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const ARENA: Range<u64> = 0x10_0000..0x20_0000;

    fn book(limit: u64) -> Box<Areas> {
        let mut areas = Box::new(Areas::new());
        areas.open(ARENA, limit);
        areas
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Map(u64, u64, u8),
        Unmap(u64, u64),
        Protect(u64, u64, u8),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let range = (0_u64..32, 1_u64..16);
        prop_oneof![
            (range.clone(), 0_u8..4).prop_map(|((at, length), rights)| Operation::Map(at, length, rights)),
            range.clone().prop_map(|(at, length)| Operation::Unmap(at, length)),
            (range, 0_u8..4).prop_map(|((at, length), rights)| Operation::Protect(at, length, rights)),
        ]
    }

    proptest! {
        /// The book agrees with an array of one entry per page.
        #[test]
        fn agrees_with_a_page_array(operations in proptest::collection::vec(operation(), 1..60), limit in 8_u64..64) {
            let mut areas = book(limit * PAGE);
            let mut pages: Vec<Option<(u8, bool)>> = std::vec![None; 64];
            for operation in operations {
                let charged = |pages: &[Option<(u8, bool)>]| pages.iter().filter(|p| matches!(p, Some((_, true)))).count() as u64;
                let mut model = pages.clone();
                let range = |at: u64, length: u64| ARENA.start + at * PAGE..ARENA.start + (at + length) * PAGE;
                let (result, expected) = match operation {
                    Operation::Map(at, length, rights) => {
                        model[at as usize..(at + length) as usize].fill(Some((rights, rights != 0)));
                        (areas.map(range(at, length), rights), charged(&model) <= limit)
                    }
                    Operation::Unmap(at, length) => {
                        model[at as usize..(at + length) as usize].fill(None);
                        (areas.unmap(range(at, length)), true)
                    }
                    Operation::Protect(at, length, rights) => {
                        let whole = model[at as usize..(at + length) as usize].iter().all(Option::is_some);
                        for page in model[at as usize..(at + length) as usize].iter_mut().flatten() {
                            *page = (rights, page.1 || rights != 0);
                        }
                        (areas.protect(range(at, length), rights), whole && charged(&model) <= limit)
                    }
                };
                prop_assert_eq!(result.is_ok(), expected);
                if expected {
                    pages = model;
                }
                prop_assert_eq!(areas.charged(), charged(&pages) * PAGE);
                for (at, page) in pages.iter().enumerate() {
                    let found = areas.find(ARENA.start + at as u64 * PAGE).map(|area| (area.rights, area.charged));
                    prop_assert_eq!(found, *page);
                }
                prop_assert!(areas.all().windows(2).all(|pair| pair[0].end <= pair[1].start && !pair[0].joins(&pair[1])));
            }
        }
    }

    #[test]
    fn finds_free_ranges_aligned() {
        let mut areas = book(1 << 30);
        let first = areas.free_range(3 * PAGE, PAGE).unwrap();
        assert_eq!(first.start, ARENA.start);
        areas.map(first, READ).unwrap();
        let second = areas.free_range(PAGE, 16 * PAGE).unwrap();
        assert_eq!(second.start, ARENA.start + 16 * PAGE);
        assert_eq!(areas.free_range(2 << 20, PAGE), None);
    }

    #[test]
    fn refuses_what_lies_outside() {
        let mut areas = book(1 << 30);
        assert_eq!(areas.map(0..PAGE, READ), Err(Errno::ENOMEM));
        assert_eq!(areas.map(ARENA.start + 1..ARENA.start + PAGE, READ), Err(Errno::EINVAL));
        assert_eq!(areas.unmap(ARENA.start..ARENA.start), Err(Errno::EINVAL));
    }
}
