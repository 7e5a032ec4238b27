//! The address space: areas and pages together, behind one lock.

use core::ops::Range;

use holdfast_gate::BootInfo;
use holdfast_launch::headers::BodyHeader;
use holdfast_stage0::Platform;

use super::areas::{Areas, EXECUTE, PAGE, WRITE};
use super::frames::BLOCK;
use super::machine::Machine;
use super::process;
use crate::errno::Errno;
use crate::spin::SpinLock;

/// Where mappings get their addresses.
const ARENA: Range<u64> = 0x3000_0000_0000..0x5000_0000_0000;

struct Space {
    platform: Platform,
    areas: Areas,
    machine: Machine,
}

/// Everything here but [`fault`] goes through this: the lock's holder runs on a stack that is mapped page
/// by page as it grows, and a page fault under the lock could not take it again. So the stack that the
/// holder may need is touched before.
fn with<R>(work: impl FnOnce(&mut Space) -> R) -> R {
    const PAGES: u64 = 4;
    let stack: u64;
    // SAFETY: it reads the stack pointer.
    unsafe { core::arch::asm!("mov {}, rsp", out(reg) stack, options(nomem, nostack, preserves_flags)) };
    for page in 1..=PAGES {
        let below: *const u8 = core::ptr::with_exposed_provenance((stack - page * PAGE) as usize);
        // SAFETY: a read of the thread's own stack; past its end it is the stack overflow that it is.
        unsafe { below.read_volatile() };
    }
    SPACE.with(work)
}

static SPACE: SpinLock<Space> =
    SpinLock::new(Space { platform: Platform::Machine, areas: Areas::new(), machine: Machine::new() });

/// Takes the memory over from stage 0. Once, before anything else here.
pub fn init(platform: Platform, info: &BootInfo, header: &BodyHeader, used: u64) {
    with(|space| {
        space.platform = platform;
        if platform == Platform::Machine {
            space.machine.take_over(info.memory, header.memory.next_multiple_of(BLOCK), used);
        }
        // What page tables and the rests of code blocks take is kept back.
        let kept = info.memory / 64 + 4 * BLOCK;
        let own = header.memory.next_multiple_of(BLOCK);
        space.areas.open(ARENA, info.memory.saturating_sub(own + kept));
    });
}

/// Maps `length` bytes with `rights`, zeroed, at `fixed` or where there is room. Returns the address.
///
/// # Errors
/// `EINVAL`: no length, or writable and executable, or a bad address. `ENOMEM`: no room.
pub fn map(fixed: Option<u64>, length: u64, rights: u8) -> Result<u64, Errno> {
    let length = length.checked_next_multiple_of(PAGE).filter(|length| *length != 0).ok_or(Errno::EINVAL)?;
    check_rights(rights)?;
    with(|space| {
        let range = match fixed {
            Some(start) => start..start.checked_add(length).ok_or(Errno::EINVAL)?,
            None => {
                let alignment = if length >= BLOCK { BLOCK } else { PAGE };
                space.areas.free_range(length, alignment).ok_or(Errno::ENOMEM)?
            }
        };
        if fixed.is_some() {
            space.areas.check(&range)?;
            space.remove(&range)?;
        }
        space.areas.map(range.clone(), rights)?;
        if space.platform == Platform::Process
            && let Err(errno) = process::map(&range, rights)
        {
            // The book had room for the area, so it has room for its end.
            space.areas.unmap(range)?;
            return Err(errno);
        }
        Ok(range.start)
    })
}

/// Unmaps a range.
///
/// # Errors
/// `EINVAL` for a bad range.
pub fn unmap(start: u64, length: u64) -> Result<(), Errno> {
    let range = range(start, length)?;
    with(|space| {
        space.areas.check(&range)?;
        space.remove(&range)?;
        if space.platform == Platform::Process {
            process::unmap(&range)?;
        }
        space.areas.unmap(range)
    })
}

/// Gives a range other rights.
///
/// # Errors
/// `EINVAL` for a bad range, `EACCES` for writable and executable, `ENOMEM` for a hole or no memory.
pub fn protect(start: u64, length: u64, rights: u8) -> Result<(), Errno> {
    let range = range(start, length)?;
    check_rights(rights)?;
    with(|space| {
        space.areas.check_protect(&range, rights)?;
        match space.platform {
            Platform::Process => process::protect(&range, rights)?,
            Platform::Machine => {
                let mut at = range.start;
                while at < range.end {
                    let area = *space.areas.find(at).ok_or(Errno::ENOMEM)?;
                    let end = area.end.min(range.end);
                    if area.rights != rights {
                        space.machine.protect(&(at..end), area.rights, rights)?;
                    }
                    at = end;
                }
            }
        }
        space.areas.protect(range, rights)
    })
}

/// Makes the pages of a range zero again; their rights stay.
///
/// # Errors
/// `EINVAL` for a bad range.
pub fn discard(start: u64, length: u64) -> Result<(), Errno> {
    let range = range(start, length)?;
    with(|space| {
        space.areas.check(&range)?;
        match space.platform {
            Platform::Process => process::discard(&range),
            Platform::Machine => space.remove(&range),
        }
    })
}

/// Resolves a page fault at `address` in a virtual machine; `false` if the access is not allowed.
pub fn fault(address: u64, write: bool, execute: bool) -> bool {
    SPACE.with(|space| {
        let Some(area) = space.areas.find(address).copied() else { return false };
        let allowed = match (write, execute) {
            (true, _) => area.rights & WRITE != 0,
            (false, true) => area.rights & EXECUTE != 0,
            (false, false) => area.rights != 0,
        };
        // Not enough memory for the page means that the book's reserve was too small: a fault, loud.
        allowed && space.machine.populate(address, &area).is_ok()
    })
}

/// Bytes charged to mappings.
#[must_use]
pub fn used() -> u64 {
    with(|space| space.areas.charged())
}

/// Maps a page for the CPU's own use at `address`, one of the layout's CPU pages.
pub(crate) fn map_cpu_page(address: u64) -> Result<(), Errno> {
    with(|space| space.machine.map_cpu_page(address))
}

fn range(start: u64, length: u64) -> Result<Range<u64>, Errno> {
    let length = length.checked_next_multiple_of(PAGE).ok_or(Errno::EINVAL)?;
    Ok(start..start.checked_add(length).ok_or(Errno::EINVAL)?)
}

/// No page is ever writable and executable.
fn check_rights(rights: u8) -> Result<(), Errno> {
    if rights & WRITE != 0 && rights & EXECUTE != 0 { Err(Errno::EACCES) } else { Ok(()) }
}

impl Space {
    /// Takes the pages of a range away. In a process the caller does it.
    fn remove(&mut self, range: &Range<u64>) -> Result<(), Errno> {
        if self.platform == Platform::Process {
            return Ok(());
        }
        let areas = &self.areas;
        self.machine.remove(range, |at| areas.find(at).map_or(0, |area| area.rights))
    }
}
