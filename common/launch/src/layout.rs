//! Addresses. All virtual addresses lie in one gibibyte from [`BASE`], so that the page tables that a
//! launch must measure are four pages.
//!
//! ```text
//! BASE                stage 0: code, data, stack
//! BASE +   1 MiB      CPU pages, one per vCPU (virtual machines only)
//! BASE +   2 MiB - …  page tables of this gibibyte, and the tables page (virtual machines only)
//! BASE +  16 MiB      the body
//! BASE + 128 MiB      the window, shared with the host
//! BASE + 512 MiB      the first memory of the Keep, for stage 0 (virtual machines only)
//! ```

use holdfast_gate::{MAX_VCPUS, window};

/// A small page.
pub const PAGE: u64 = 0x1000;

/// A large page.
pub const LARGE_PAGE: u64 = 0x20_0000;

/// Start of everything. Free in every Linux process of x86-64, and canonical.
pub const BASE: u64 = 0x1000_0000_0000;

/// Where stage 0 lies.
pub const STAGE0: u64 = BASE;

/// Stage 0 with its data and stack is no longer than this.
pub const STAGE0_MAX: u64 = 64 * 1024;

/// CPU page of vCPU 0: its task state segment and ring 0 stacks ([`cpu_page`]).
pub const CPU_PAGES: u64 = BASE + 0x10_0000;

/// The page with GDT and IDT, read only.
pub const TABLES_PAGE: u64 = BASE + 0x18_0000;

/// Where the four page-table pages of this gibibyte can be written: PML4, PDPT, PD, PT.
pub const PAGE_TABLES: u64 = BASE + 0x18_1000;

/// Where the body lies.
pub const BODY: u64 = BASE + 0x100_0000;

/// The most memory the body may take, with its zero-initialised data.
pub const BODY_MAX: u64 = 0x140_0000;

/// Where the window lies.
pub const WINDOW: u64 = BASE + 0x800_0000;

/// Where stage 0 finds the start of the Keep's memory.
pub const EARLY_MEMORY: u64 = BASE + 0x2000_0000;

/// How much of it is mapped there: as much as the smallest Keep has.
pub const EARLY_MEMORY_SIZE: u64 = holdfast_gate::boot::MIN_MEMORY;

const _: () = {
    assert!(CPU_PAGES + MAX_VCPUS as u64 * PAGE <= TABLES_PAGE);
    assert!(STAGE0 + STAGE0_MAX <= CPU_PAGES);
    assert!(PAGE_TABLES + 4 * PAGE <= BASE + LARGE_PAGE);
    assert!(BODY + BODY_MAX <= WINDOW);
    assert!(WINDOW + window::SIZE <= EARLY_MEMORY);
    assert!(EARLY_MEMORY + EARLY_MEMORY_SIZE <= BASE + (1 << 30));
};

/// Guest-physical addresses of a virtual machine.
pub mod physical {
    /// What the launch measures: stage 0, tables, page tables, CPU page 0.
    pub const GROUND: u64 = 0x10_0000;
    /// The window.
    pub const WINDOW: u64 = 0x4000_0000;
    /// The Keep's own memory.
    pub const MEMORY: u64 = 0x1_0000_0000;
}

/// Offsets in a CPU page.
pub mod cpu_page {
    /// The 64-bit task state segment and its I/O permission bitmap (AMD APM volume 2, 12.2.5).
    pub const TSS: u64 = 0;
    /// Length of the segment less one: 104 bytes, a bitmap up to the doorbell's port, the closing byte.
    pub const TSS_LIMIT: u32 = 104 + holdfast_gate::DOORBELL_PORT as u32 / 8 + 1;
    /// Where ring 0 goes on in ring 3 after an exception (`u64`).
    pub const HANDLER: u64 = 0x80;
    /// With which stack (`u64`).
    pub const HANDLER_STACK: u64 = 0x88;
    /// Counts the TLB flushes that this vCPU was interrupted for (`u64`).
    pub const FLUSHES: u64 = 0x90;
    /// Top of the ring 0 stack for `int3`.
    pub const BREAKPOINT_STACK: u64 = 0x400;
    /// Top of the ring 0 stack for the host's interrupt.
    pub const INTERRUPT_STACK: u64 = 0x800;
    /// Top of the ring 0 stack for exceptions: an [`ExceptionFrame`] lies right below it.
    pub const EXCEPTION_STACK: u64 = 0x1000;

    /// What ring 0 leaves below [`EXCEPTION_STACK`].
    #[derive(Clone, Copy, Debug)]
    #[repr(C)]
    pub struct ExceptionFrame {
        /// CR2, the address of a page fault.
        pub address: u64,
        /// RAX, which ring 0 uses.
        pub rax: u64,
        /// The vector.
        pub vector: u64,
        /// The CPU's error code, or 0.
        pub error: u64,
        /// Where it happened.
        pub rip: u64,
        /// Code segment.
        pub cs: u64,
        /// Flags.
        pub rflags: u64,
        /// Stack.
        pub rsp: u64,
        /// Stack segment.
        pub ss: u64,
    }
    const _: () = assert!(size_of::<ExceptionFrame>() == 72);
}

/// Segment selectors.
pub mod selector {
    /// Ring 0 code.
    pub const KERNEL_CODE: u16 = 0x08;
    /// Ring 0 data.
    pub const KERNEL_DATA: u16 = 0x10;
    /// Ring 3 data.
    pub const USER_DATA: u16 = 0x18 | 3;
    /// Ring 3 code.
    pub const USER_CODE: u16 = 0x20 | 3;
    /// The task state segment. Its base differs from vCPU to vCPU; none ever loads it.
    pub const TASK: u16 = 0x28;
}
