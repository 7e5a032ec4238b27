//! The launch plan.

use alloc::vec;
use alloc::vec::Vec;

use holdfast_gate::{BootInfo, boot, window};
use zerocopy::IntoBytes;

use crate::headers::{EXECUTE, READ, WRITE};
use crate::image::{Image, STAGE0_STACK};
use crate::layout::{self, PAGE, physical};
use crate::machine;

/// Where a Keep runs, as far as its launch differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A virtual machine. Addresses of its regions are guest-physical.
    Machine,
    /// A process. Addresses of its regions are virtual.
    Process,
}

/// What the owner chooses of a Keep's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Where it runs.
    pub platform: Platform,
    /// Its vCPUs (threads), 1..=[`holdfast_gate::MAX_VCPUS`].
    pub vcpus: u32,
    /// Its memory in bytes, as [`BootInfo::memory`].
    pub memory: u64,
}

/// What a region is to the Keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Private, with this content from the start: what a launch measures.
    Measured,
    /// Private, zero or unspecified at the start; not measured.
    Memory,
    /// Shared with the host.
    Shared,
}

/// A run of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address, page aligned: guest-physical or virtual, as the platform has it.
    pub address: u64,
    /// Length in bytes, whole pages.
    pub length: u64,
    /// The content, padded with zeros to `length`.
    pub content: Vec<u8>,
    /// Private or shared, measured or not.
    pub kind: Kind,
    /// [`READ`], [`WRITE`], [`EXECUTE`]: for a process; in a machine the page tables say it.
    pub permissions: u64,
}

/// A segment register of a virtual machine's vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Base address.
    pub base: u64,
    /// Limit in bytes.
    pub limit: u32,
    /// Type, S, DPL and P as in bits 47:40 of a descriptor.
    pub access: u8,
    /// 64-bit code.
    pub long: bool,
}

/// The registers with which a virtual machine's vCPU starts. Those not named are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineRegisters {
    /// Instruction pointer.
    pub rip: u64,
    /// Stack pointer.
    pub rsp: u64,
    /// The vCPU's index.
    pub rdi: u64,
    /// Flags: interrupts on.
    pub rflags: u64,
    /// Control registers 0, 3, 4.
    pub cr0: u64,
    /// Page-table root.
    pub cr3: u64,
    /// Control register 4.
    pub cr4: u64,
    /// Extended feature enable register.
    pub efer: u64,
    /// Extended states the Keep may use at the most; those the CPU has are set.
    pub xcr0: u64,
    /// Code segment.
    pub cs: Segment,
    /// Data and stack segments.
    pub ds: Segment,
    /// Task state segment.
    pub tr: Segment,
    /// Base and limit of the descriptor table.
    pub gdt: (u64, u16),
    /// Base and limit of the interrupt table.
    pub idt: (u64, u16),
}

/// The registers with which the process platform's first thread starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessRegisters {
    /// Instruction pointer.
    pub rip: u64,
    /// Stack pointer.
    pub rsp: u64,
}

/// With which registers it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// One set per vCPU.
    Machine(Vec<MachineRegisters>),
    /// The first thread's; the others it makes itself.
    Process(ProcessRegisters),
}

/// All that a loader has to do, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchPlan {
    /// Memory, in ascending order, without overlap.
    pub regions: Vec<Region>,
    /// Registers.
    pub start: Start,
}

/// Host facts for the boot information. They are not part of the plan: none is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// [`BootInfo::tsc_khz`].
    pub tsc_khz: u64,
    /// [`BootInfo::wall_ns`].
    pub wall_ns: u64,
}

impl LaunchPlan {
    /// The plan for `image` in `shape`.
    #[must_use]
    pub fn new(image: &Image<'_>, shape: &Shape) -> Self {
        match shape.platform {
            Platform::Machine => machine::plan(image, shape),
            Platform::Process => process(image, shape),
        }
    }
}

impl Shape {
    /// The boot information for a Keep of this shape.
    #[must_use]
    pub const fn boot_info(&self, image: &Image<'_>, facts: &HostFacts) -> BootInfo {
        BootInfo {
            magic: boot::MAGIC,
            abi_version: holdfast_gate::ABI_VERSION,
            vcpus: self.vcpus,
            memory: self.memory,
            body_length: image.body.len() as u64,
            tsc_khz: facts.tsc_khz,
            wall_ns: facts.wall_ns,
            reserved: [0; 2],
        }
    }

    /// What the loader writes into the window before the start: offset and bytes.
    #[must_use]
    pub fn window<'a>(
        &self,
        image: &Image<'a>,
        facts: &HostFacts,
    ) -> [(u64, alloc::borrow::Cow<'a, [u8]>); 2] {
        let info = self.boot_info(image, facts).as_bytes().to_vec();
        [(window::BOOT_INFO, info.into()), (window::BODY, image.body.into())]
    }
}

pub(crate) fn measured(address: u64, content: Vec<u8>, permissions: u64) -> Region {
    let length = (content.len() as u64).next_multiple_of(PAGE);
    Region { address, length, content, kind: Kind::Measured, permissions }
}

fn process(image: &Image<'_>, _shape: &Shape) -> LaunchPlan {
    let data = layout::STAGE0 + image.stage0.len() as u64;
    let data_content = [image.stage0_data, &[0; STAGE0_STACK as usize]].concat();
    let region = |address, length, kind| Region {
        address,
        length,
        content: Vec::new(),
        kind,
        permissions: READ | WRITE,
    };
    LaunchPlan {
        regions: vec![
            measured(layout::STAGE0, image.stage0.to_vec(), READ | EXECUTE),
            measured(data, data_content, READ | WRITE),
            region(layout::BODY, image.body_header.memory, Kind::Memory),
            region(layout::WINDOW, window::SIZE, Kind::Shared),
        ],
        start: Start::Process(ProcessRegisters {
            rip: image.stage0_header.process_entry,
            rsp: layout::STAGE0 + image.stage0_length() + STAGE0_STACK,
        }),
    }
}

pub(crate) fn machine_shared_and_memory(shape: &Shape) -> [Region; 2] {
    let region = |address, length, kind| Region {
        address,
        length,
        content: Vec::new(),
        kind,
        permissions: READ | WRITE,
    };
    [
        region(physical::WINDOW, window::SIZE, Kind::Shared),
        region(physical::MEMORY, shape.memory, Kind::Memory),
    ]
}
