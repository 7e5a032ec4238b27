//! Plans, read as a CPU would: page tables walked, descriptors decoded.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;

use holdfast_gate::call::INTERRUPT_VECTOR;
use holdfast_gate::{DOORBELL_PORT, MAX_VCPUS, boot, window};
use holdfast_launch::headers::{EXECUTE, READ, WRITE};
use holdfast_launch::layout::{self, PAGE, cpu_page, physical};
use holdfast_launch::plan::{HostFacts, Kind, MachineRegisters, Start};
use holdfast_launch::{Image, LaunchPlan, Platform, Shape};
use program::{image, stage0_header};
use proptest::prelude::*;

/// Stage 0 with its data and 16 KiB of stack.
const STAGE0_END: u64 = layout::STAGE0 + program::DATA + 2 * PAGE + (16 << 10);

fn plan(platform: Platform, vcpus: u32, memory: u64) -> LaunchPlan {
    let file = image();
    LaunchPlan::new(&Image::parse(&file).expect("an image"), &Shape { platform, vcpus, memory })
}

fn registers(plan: &LaunchPlan) -> &[MachineRegisters] {
    match &plan.start {
        Start::Machine(registers) => registers,
        Start::Process(_) => panic!("a process"),
    }
}

/// `length` bytes at a guest-physical address, of what the plan puts there.
fn physical(plan: &LaunchPlan, address: u64, length: u64) -> Vec<u8> {
    let inside = |region: &&holdfast_launch::Region| {
        region.kind == Kind::Measured && (region.address..region.address + region.length).contains(&address)
    };
    let region = plan.regions.iter().find(inside).expect("measured memory");
    let mut content = region.content.clone();
    content.resize(region.length as usize, 0);
    content[(address - region.address) as usize..][..length as usize].to_vec()
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    physical: u64,
    permissions: u64,
}

/// Every page that ring 3 reaches, by 4 KiB (AMD APM volume 2, 5.3).
fn walk(plan: &LaunchPlan) -> BTreeMap<u64, Page> {
    let mut pages = BTreeMap::new();
    let mut tables = vec![(registers(plan)[0].cr3, 39_u32, 0_u64, WRITE | EXECUTE)];
    while let Some((table, shift, base, inherited)) = tables.pop() {
        for (index, entry) in (0_u64..).zip(words(&physical(plan, table, PAGE))) {
            if entry & 1 == 0 {
                assert_eq!(entry, 0, "not present, and not empty");
                continue;
            }
            assert_ne!(entry & 4, 0, "for ring 0 only: ring 0 has no memory of its own");
            let write = if entry & 2 != 0 { WRITE } else { 0 };
            let execute = if entry >> 63 == 0 { EXECUTE } else { 0 };
            let permissions = inherited & (write | execute);
            let address = base + (index << shift);
            let target = entry & 0x000f_ffff_ffff_f000;
            let large = entry & 0x80 != 0;
            if shift > 12 && !large {
                tables.push((target, shift - 9, address, permissions));
                continue;
            }
            assert!(shift <= 21, "no pages of a gibibyte");
            for offset in (0..1 << shift).step_by(PAGE as usize) {
                let page = Page { physical: target + offset, permissions: READ | permissions };
                assert!(pages.insert(address + offset, page).is_none());
            }
        }
    }
    pages
}

#[test]
fn the_page_tables_map_what_the_layout_says_and_nothing_else() {
    let plan = plan(Platform::Machine, 1, 64 << 20);
    let mut pages = walk(&plan);
    let mut take = |from: u64, length: u64, physical: Option<u64>, permissions: u64| -> Vec<u64> {
        let mut found = Vec::new();
        for offset in (0..length).step_by(PAGE as usize) {
            let page =
                pages.remove(&(from + offset)).unwrap_or_else(|| panic!("{:x} is not mapped", from + offset));
            assert_eq!(page.permissions, permissions, "{:x}", from + offset);
            if let Some(physical) = physical {
                assert_eq!(page.physical, physical + offset);
            }
            found.push(page.physical);
        }
        found
    };
    let code = take(layout::STAGE0, program::DATA, None, READ | EXECUTE);
    let data = layout::STAGE0 + program::DATA;
    take(data, STAGE0_END - data, None, READ | WRITE);
    let tables = take(layout::TABLES_PAGE, PAGE, None, READ);
    let roots = take(layout::PAGE_TABLES, 4 * PAGE, None, READ | WRITE);
    take(layout::CPU_PAGES, PAGE, None, READ | WRITE);
    take(layout::WINDOW, window::SIZE, Some(physical::WINDOW), READ | WRITE);
    take(layout::EARLY_MEMORY, layout::EARLY_MEMORY_SIZE, Some(physical::MEMORY), READ | WRITE);
    assert_eq!(pages, BTreeMap::new(), "mapped, and nobody knows why");
    assert_eq!(roots[0], registers(&plan)[0].cr3);
    assert_eq!(
        physical(&plan, code[0], PAGE),
        physical(&plan, roots[3] + 3 * PAGE, PAGE),
        "stage 0 lies last"
    );
    assert_eq!(tables[0], roots[3] + PAGE);
}

/// A gate of the interrupt table: where it leads, its privilege level, its stack (AMD APM volume 2, 4.8.4).
fn gate(bytes: &[u8]) -> Option<(u64, u8, u8)> {
    let [low, high] = words(bytes)[..] else { panic!("16 bytes") };
    if (low, high) == (0, 0) {
        return None;
    }
    assert_eq!((low >> 16) & 0xffff, u64::from(layout::selector::KERNEL_CODE));
    assert_eq!((low >> 40) & 0x9f, 0x8e, "a present interrupt gate");
    let target = (low & 0xffff) | ((low >> 48) << 16) | (high << 32);
    Some((target, (low >> 45) as u8 & 3, (low >> 32) as u8 & 7))
}

#[test]
fn the_interrupt_table_leads_to_stage_0() {
    let plan = plan(Platform::Machine, 1, 64 << 20);
    let [base, limit] = [registers(&plan)[0].idt.0, u64::from(registers(&plan)[0].idt.1)];
    let table = physical(&plan, walk(&plan)[&layout::TABLES_PAGE].physical, PAGE);
    let gates: Vec<_> =
        table[(base - layout::TABLES_PAGE) as usize..][..limit as usize + 1].chunks(16).map(gate).collect();
    let header = stage0_header();
    for (vector, found) in gates.iter().enumerate() {
        let expected = match vector {
            9 => None,
            3 => Some((header.exceptions[3], 3, 1)),
            0..32 => Some((header.exceptions[vector], 0, 0)),
            _ if vector == usize::from(INTERRUPT_VECTOR) => Some((header.interrupt, 0, 2)),
            _ => None,
        };
        assert_eq!(*found, expected, "vector {vector}");
    }
}

#[test]
fn the_task_state_segment_permits_one_port() {
    let plan = plan(Platform::Machine, 1, 64 << 20);
    let page = physical(&plan, walk(&plan)[&layout::CPU_PAGES].physical, PAGE);
    let limit = registers(&plan)[0].tr.limit as usize;
    let map = u16::from_le_bytes([page[0x66], page[0x67]]) as usize;
    for port in 0..=u16::MAX {
        // A bit beyond the limit is a refusal (AMD APM volume 2, 12.2.5).
        let byte = map + usize::from(port) / 8;
        let permitted = byte < limit && page[byte] & (1 << (port % 8)) == 0;
        assert_eq!(permitted, port == DOORBELL_PORT, "port {port:x}");
    }
    assert_eq!(page[limit], 0xff, "the byte that ends the map");
    let stack =
        |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().expect("eight bytes")) - layout::CPU_PAGES;
    assert_eq!(
        [4, 0x24, 0x2c].map(stack),
        [cpu_page::EXCEPTION_STACK, cpu_page::BREAKPOINT_STACK, cpu_page::INTERRUPT_STACK]
    );
}

#[test]
fn vcpus_start_in_ring_3_of_64_bit_code() {
    let plan = plan(Platform::Machine, MAX_VCPUS, 64 << 20);
    let header = stage0_header();
    let all = registers(&plan);
    assert_eq!(all.len(), MAX_VCPUS as usize);
    for (index, vcpu) in (0_u64..).zip(all) {
        let entry = if index == 0 { header.machine_entry } else { header.vcpu_entry };
        assert_eq!((vcpu.rip, vcpu.rdi), (entry, index));
        assert_eq!(vcpu.rsp, if index == 0 { STAGE0_END } else { 0 });
        assert_eq!((vcpu.cs.selector & 3, vcpu.ds.selector & 3), (3, 3));
        assert!(vcpu.cs.long);
        assert_eq!(vcpu.tr.base, layout::CPU_PAGES + index * PAGE);
        assert_eq!(vcpu.rflags & 0x3200, 0x200, "interrupts on, no I/O privilege");
        assert_eq!(vcpu.cr0 & 0x8001_0001, 0x8001_0001, "paging, write protection, protected mode");
        assert_eq!(vcpu.efer & 0xd00, 0xd00, "long mode, no-execute");
        assert_eq!(vcpu.cr3, all[0].cr3);
    }
}

#[test]
fn a_process_has_its_regions_where_the_layout_says() {
    let plan = plan(Platform::Process, 4, 64 << 20);
    let found: Vec<_> =
        plan.regions.iter().map(|region| (region.address, region.kind, region.permissions)).collect();
    let data = layout::STAGE0 + program::DATA;
    assert_eq!(
        found,
        [
            (layout::STAGE0, Kind::Measured, READ | EXECUTE),
            (data, Kind::Measured, READ | WRITE),
            (layout::BODY, Kind::Memory, READ | WRITE),
            (layout::WINDOW, Kind::Shared, READ | WRITE),
        ]
    );
    let Start::Process(start) = plan.start else { panic!("a machine") };
    assert_eq!((start.rip, start.rsp), (stage0_header().process_entry, STAGE0_END));
}

#[test]
fn stage_0_is_the_same_on_both_platforms() {
    let machine = plan(Platform::Machine, 1, 64 << 20);
    let process = plan(Platform::Process, 1, 64 << 20);
    let content = |plan: &LaunchPlan, at: usize| plan.regions[at].content.clone();
    assert_eq!(content(&machine, 1), content(&process, 0));
    assert_eq!(content(&machine, 2), content(&process, 1));
}

#[test]
fn the_window_gets_the_boot_information_and_the_body() {
    let file = image();
    let image = Image::parse(&file).expect("an image");
    let shape = Shape { platform: Platform::Machine, vcpus: 3, memory: 64 << 20 };
    let facts = HostFacts { tsc_khz: 7, wall_ns: 9 };
    let info = shape.boot_info(&image, &facts);
    assert_eq!((info.magic, info.vcpus, info.memory), (boot::MAGIC, 3, 64 << 20));
    assert_eq!((info.body_length, info.tsc_khz, info.wall_ns), (image.body.len() as u64, 7, 9));
    let [(info_at, bytes), (body_at, body)] = shape.window(&image, &facts);
    assert_eq!((info_at, body_at), (window::BOOT_INFO, window::BODY));
    assert_eq!((bytes.len(), &*body), (size_of_val(&info), image.body));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// In every shape: regions in order, whole pages, no overlap; and what is measured depends on the
    /// number of vCPUs by their registers alone, and not on the memory at all.
    #[test]
    fn regions_of_any_shape(vcpus in 1..=MAX_VCPUS, pages in 1_u64..1 << 24, machine: bool) {
        let platform = if machine { Platform::Machine } else { Platform::Process };
        let found = plan(platform, vcpus, boot::MIN_MEMORY + pages * PAGE);
        let mut end = 0;
        for region in &found.regions {
            prop_assert!(region.address >= end, "{:x}", region.address);
            prop_assert!(region.address % PAGE == 0 && region.length % PAGE == 0 && region.length > 0);
            prop_assert!(region.content.len() as u64 <= region.length);
            prop_assert!(region.kind == Kind::Measured || region.content.is_empty());
            prop_assert_ne!(region.permissions & (WRITE | EXECUTE), WRITE | EXECUTE);
            end = region.address + region.length;
        }
        let measured = |plan: &LaunchPlan| {
            plan.regions.iter().filter(|region| region.kind == Kind::Measured).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(measured(&found), measured(&plan(platform, 1, boot::MIN_MEMORY)));
    }
}
