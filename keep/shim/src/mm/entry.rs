//! Page-table entries (AMD APM volume 2, 5.4), as the Keep uses them.

use super::areas::{EXECUTE, WRITE};

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
/// Left to software: the entry holds a frame though the page has no rights now.
const KEPT: u64 = 1 << 9;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// An entry of a page table of any level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Entry(pub u64);

impl Entry {
    /// Nothing.
    pub const EMPTY: Self = Self(0);

    /// The next table at `address`.
    #[must_use]
    pub const fn table(address: u64) -> Self {
        Self(address | PRESENT | WRITABLE | USER | ACCESSED)
    }

    /// The frame at `address`, `large` or small, with `rights`; without any it is kept but not present.
    ///
    /// Accessed and dirty are set, so that the CPU never has to write to a table.
    #[must_use]
    pub const fn page(address: u64, rights: u8, large: bool) -> Self {
        let mut bits = address | USER | ACCESSED;
        if large {
            bits |= LARGE;
        }
        bits |= if rights == 0 { KEPT } else { PRESENT };
        if rights & WRITE != 0 {
            bits |= WRITABLE | DIRTY;
        }
        if rights & EXECUTE == 0 {
            bits |= NO_EXECUTE;
        }
        Self(bits)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the CPU uses it.
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Whether it is a large page (of a level that has them).
    #[must_use]
    pub const fn is_large(self) -> bool {
        self.0 & LARGE != 0
    }

    /// The physical address of the table or frame.
    #[must_use]
    pub const fn address(self) -> u64 {
        self.0 & ADDRESS
    }

    /// Whether pages below or at it can be written.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.is_present() && self.0 & WRITABLE != 0
    }

    /// Whether pages below or at it can be executed.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        self.is_present() && self.0 & NO_EXECUTE == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::areas::READ;
    use super::*;

    #[test]
    fn rights_become_bits() {
        let data = Entry::page(0x1000, READ | WRITE, false);
        assert!(data.is_present() && data.is_writable() && !data.is_executable() && !data.is_large());
        let code = Entry::page(0x20_0000, READ | EXECUTE, true);
        assert!(code.is_present() && !code.is_writable() && code.is_executable() && code.is_large());
        let kept = Entry::page(0x3000, 0, false);
        assert!(!kept.is_present() && !kept.is_empty() && kept.address() == 0x3000);
    }
}
