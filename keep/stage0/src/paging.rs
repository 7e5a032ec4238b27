//! Mapping the body in a virtual machine, each page with its final permission.

use holdfast_gate::Ending;
use holdfast_launch::headers::{BodyHeader, EXECUTE, WRITE};
use holdfast_launch::layout::{self, LARGE_PAGE, PAGE, physical};

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const NO_EXECUTE: u64 = 1 << 63;

/// The page directory is the third of the four pages.
const DIRECTORY: u64 = layout::PAGE_TABLES + 2 * PAGE;

/// Maps the body, which lies at the start of the Keep's memory, at its address. The page tables go
/// behind it. Returns how much memory from the start is in use then.
pub(crate) fn map(header: &BodyHeader, memory: &mut [u8]) -> Result<u64, Ending> {
    let span = header.memory.next_multiple_of(LARGE_PAGE);
    let tables = span / LARGE_PAGE;
    let used = span + tables * PAGE;
    let table_bytes = memory.get_mut(span as usize..used as usize).ok_or(Ending::BodyRefused)?;
    table_bytes.fill(0);
    let entries = table_bytes.as_chunks_mut::<8>().0;
    // The header's page is read only.
    set(entries, 0, PRESENT | USER | ACCESSED | NO_EXECUTE)?;
    for segment in header.segments.iter().take(header.segment_count as usize) {
        let bits = match segment.permissions {
            bits if bits & EXECUTE != 0 => PRESENT | USER | ACCESSED,
            bits if bits & WRITE != 0 => PRESENT | USER | ACCESSED | WRITABLE | DIRTY | NO_EXECUTE,
            _ => PRESENT | USER | ACCESSED | NO_EXECUTE,
        };
        for page in segment.offset / PAGE..(segment.offset + segment.length) / PAGE {
            set(entries, page, bits)?;
        }
    }
    // Linked last: until now they were plain memory.
    let first = layout::BODY / LARGE_PAGE % 512;
    for table in 0..tables {
        let slot = (DIRECTORY + (first + table) * 8) as *mut u64;
        let entry = (physical::MEMORY + span + table * PAGE) | PRESENT | WRITABLE | USER | ACCESSED;
        // SAFETY: the plan maps the page directory writable here; BODY_MAX bounds `table`, so that the
        // entry belongs to the body's addresses, which nothing uses yet.
        unsafe { slot.write_volatile(entry) };
    }
    Ok(used)
}

fn set(entries: &mut [[u8; 8]], page: u64, bits: u64) -> Result<(), Ending> {
    let entry = entries.get_mut(page as usize).ok_or(Ending::BodyRefused)?;
    *entry = ((physical::MEMORY + page * PAGE) | bits).to_le_bytes();
    Ok(())
}
