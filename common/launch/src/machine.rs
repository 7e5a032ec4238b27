//! The plan of a virtual machine: descriptor tables, page tables, registers.
//!
//! Everything in a Keep runs in ring 3, from the first instruction on; ring 0 is stage 0's few entries
//! that hand exceptions to ring 3 and flush the TLB.

use alloc::vec;
use alloc::vec::Vec;

use holdfast_gate::call::INTERRUPT_VECTOR;
use holdfast_gate::{DOORBELL_PORT, window};

use crate::headers::{EXECUTE, READ, WRITE};
use crate::image::{Image, STAGE0_STACK};
use crate::layout::{self, LARGE_PAGE, PAGE, cpu_page, physical, selector};
use crate::plan::{LaunchPlan, MachineRegisters, Segment, Shape, Start, machine_shared_and_memory, measured};

// Page-table entry bits (AMD APM volume 2, 5.4).
const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;

const DATA: u64 = PRESENT | WRITABLE | USER | NO_EXECUTE | ACCESSED | DIRTY;
const TABLE: u64 = PRESENT | WRITABLE | USER | ACCESSED;

/// Order of the pages from [`physical::GROUND`]: four page-table pages, the tables page, CPU page 0,
/// then stage 0 and its stack.
const PML4: u64 = physical::GROUND;
const PDPT: u64 = PML4 + PAGE;
const PD: u64 = PDPT + PAGE;
const PT: u64 = PD + PAGE;
const TABLES: u64 = PT + PAGE;
const CPU0: u64 = TABLES + PAGE;
const STAGE0: u64 = CPU0 + PAGE;

/// Offset of the interrupt table in the tables page.
const IDT: usize = 0x80;

pub(crate) fn plan(image: &Image<'_>, shape: &Shape) -> LaunchPlan {
    let ground = [page_tables(image), tables_page(image), cpu_page_0()].concat();
    let data = [image.stage0_data, &[0; STAGE0_STACK as usize]].concat();
    let mut regions = vec![
        measured(physical::GROUND, ground, READ | WRITE),
        measured(STAGE0, image.stage0.to_vec(), READ | EXECUTE),
        measured(STAGE0 + image.stage0.len() as u64, data, READ | WRITE),
    ];
    regions.extend(machine_shared_and_memory(shape));
    LaunchPlan {
        regions,
        start: Start::Machine((0..shape.vcpus).map(|index| registers(image, index)).collect()),
    }
}

fn page_tables(image: &Image<'_>) -> Vec<u8> {
    let [mut pml4, mut pdpt, mut pd, mut pt] = [[0_u64; 512]; 4];
    let index = |address: u64, shift: u32| (address >> shift) as usize % 512;
    let set = |table: &mut [u64; 512], at: usize, entry: u64| {
        if let Some(slot) = table.get_mut(at) {
            *slot = entry;
        }
    };
    set(&mut pml4, index(layout::BASE, 39), PDPT | TABLE);
    set(&mut pdpt, index(layout::BASE, 30), PD | TABLE);
    set(&mut pd, index(layout::BASE, 21), PT | TABLE);
    let mut large = |virtual_address: u64, address: u64, length: u64| {
        for offset in (0..length).step_by(LARGE_PAGE as usize) {
            set(&mut pd, index(virtual_address + offset, 21), (address + offset) | DATA | LARGE);
        }
    };
    large(layout::WINDOW, physical::WINDOW, window::SIZE);
    large(layout::EARLY_MEMORY, physical::MEMORY, layout::EARLY_MEMORY_SIZE);
    let mut small = |virtual_address: u64, address: u64, length: u64, bits: u64| {
        for offset in (0..length).step_by(PAGE as usize) {
            set(&mut pt, index(virtual_address + offset, 12), (address + offset) | bits);
        }
    };
    let code = image.stage0.len() as u64;
    small(layout::STAGE0, STAGE0, code, PRESENT | USER | ACCESSED);
    small(layout::STAGE0 + code, STAGE0 + code, image.stage0_data.len() as u64 + STAGE0_STACK, DATA);
    small(layout::CPU_PAGES, CPU0, PAGE, DATA);
    small(layout::TABLES_PAGE, TABLES, PAGE, PRESENT | USER | NO_EXECUTE | ACCESSED);
    small(layout::PAGE_TABLES, PML4, 4 * PAGE, DATA);
    [pml4, pdpt, pd, pt].as_flattened().iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

/// GDT and IDT. Accessed bits are set, as the CPU cannot write here.
fn tables_page(image: &Image<'_>) -> Vec<u8> {
    let gdt: [u64; 7] = [
        0,
        0x00af_9b00_0000_ffff,
        0x00cf_9300_0000_ffff,
        0x00cf_f300_0000_ffff,
        0x00af_fb00_0000_ffff,
        // The task state segment; its base is in each vCPU's register, the descriptor is never read.
        0x0000_8900_0000_0000 | cpu_page::TSS_LIMIT as u64,
        0,
    ];
    let mut page: Vec<u8> = gdt.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    page.resize(IDT, 0);
    let header = &image.stage0_header;
    for (vector, entry) in header.exceptions.iter().enumerate() {
        // Ring 3 may raise #BP itself: it is the call into ring 0. It has a stack of its own.
        let (dpl, stack) = if vector == 3 { (3, 1) } else { (0, 0) };
        page.extend(gate(*entry, dpl, stack));
    }
    page.resize(IDT + usize::from(INTERRUPT_VECTOR) * 16, 0);
    page.extend(gate(header.interrupt, 0, 2));
    page.resize(PAGE as usize, 0);
    page
}

/// A 64-bit interrupt gate (AMD APM volume 2, 4.8.4). No entry, no gate.
fn gate(entry: u64, dpl: u8, stack: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    if entry != 0 {
        let [e0, e1, e2, e3, e4, e5, e6, e7] = entry.to_le_bytes();
        let [s0, s1] = selector::KERNEL_CODE.to_le_bytes();
        bytes = [e0, e1, s0, s1, stack, 0x8e | (dpl << 5), e2, e3, e4, e5, e6, e7, 0, 0, 0, 0];
    }
    bytes
}

fn cpu_page_0() -> Vec<u8> {
    cpu_page_of(0)
}

/// The content of a CPU page. The shim makes those of the other vCPUs from this one.
pub(crate) fn cpu_page_of(index: u32) -> Vec<u8> {
    let base = layout::CPU_PAGES + u64::from(index) * PAGE;
    let mut page = vec![0; PAGE as usize];
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(slot) = page.get_mut(at..at + bytes.len()) {
            slot.copy_from_slice(bytes);
        }
    };
    put(4, &(base + cpu_page::EXCEPTION_STACK).to_le_bytes());
    put(0x24, &(base + cpu_page::BREAKPOINT_STACK).to_le_bytes());
    put(0x2c, &(base + cpu_page::INTERRUPT_STACK).to_le_bytes());
    put(0x66, &104_u16.to_le_bytes());
    // One bit per port, set: refused. Only the doorbell's is clear. The byte after the bitmap is all ones.
    let mut bitmap = [0xff_u8; DOORBELL_PORT as usize / 8 + 2];
    if let Some(byte) = bitmap.get_mut(usize::from(DOORBELL_PORT) / 8) {
        *byte &= !(1 << (DOORBELL_PORT % 8));
    }
    put(104, &bitmap);
    page
}

fn registers(image: &Image<'_>, index: u32) -> MachineRegisters {
    let header = &image.stage0_header;
    let segment = |selector, access, long| Segment { selector, base: 0, limit: u32::MAX, access, long };
    let first = index == 0;
    MachineRegisters {
        rip: if first { header.machine_entry } else { header.vcpu_entry },
        rsp: if first { layout::STAGE0 + image.stage0_length() + STAGE0_STACK } else { 0 },
        rdi: u64::from(index),
        // Bit 1 is always set; interrupts are on.
        rflags: 0x202,
        // PG, AM off, WP, NE, ET, MP, PE.
        cr0: 0x8001_0033,
        cr3: PML4,
        // OSXSAVE, FSGSBASE, OSXMMEXCPT, OSFXSR, PAE.
        cr4: (1 << 18) | (1 << 16) | (1 << 10) | (1 << 9) | (1 << 5),
        // NXE, LMA, LME.
        efer: (1 << 11) | (1 << 10) | (1 << 8),
        // x87, SSE, AVX, and the three AVX-512 states.
        xcr0: 0xe7,
        cs: segment(selector::USER_CODE, 0xfb, true),
        ds: segment(selector::USER_DATA, 0xf3, false),
        tr: Segment {
            selector: selector::TASK,
            base: layout::CPU_PAGES + u64::from(index) * PAGE,
            limit: cpu_page::TSS_LIMIT,
            access: 0x8b,
            long: false,
        },
        gdt: (layout::TABLES_PAGE, 0x37),
        idt: (layout::TABLES_PAGE + IDT as u64, (usize::from(INTERRUPT_VECTOR) * 16 + 15) as u16),
    }
}
