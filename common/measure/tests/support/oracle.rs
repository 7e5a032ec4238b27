//! The same measurements once more: slow and obvious. Everything is one long list of bytes that is hashed in
//! the end, and every structure is a list of (offset, bytes) as the specification's table has it.

use holdfast_launch::LaunchPlan;
use holdfast_launch::plan::{Kind, MachineRegisters, Segment, Start};
use sha2::{Digest as _, Sha256, Sha384};

/// `length` bytes with these fields.
fn structure(length: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for (offset, field) in fields {
        for (index, byte) in field.iter().enumerate() {
            bytes[offset + index] = *byte;
        }
    }
    bytes
}

/// All measured pages of a plan: address, content, permissions.
fn measured_pages(plan: &LaunchPlan) -> Vec<(u64, Vec<u8>, u64)> {
    let mut pages = Vec::new();
    for region in &plan.regions {
        if region.kind == Kind::Measured {
            let mut content = region.content.clone();
            content.resize(region.length as usize, 0);
            for (index, page) in content.chunks(4096).enumerate() {
                pages.push((region.address + 4096 * index as u64, page.to_vec(), region.permissions));
            }
        }
    }
    pages
}

/// `special`: where SECRETS and CPUID page lie, if there are any.
pub(crate) fn snp(plan: &LaunchPlan, features: u64, xcr0: u64, special: Option<(u64, u64)>) -> Vec<u8> {
    const NOTHING: [u8; 48] = [0; 48];
    let mut steps: Vec<(u8, u64, Vec<u8>)> = Vec::new();
    for (address, page, _) in measured_pages(plan) {
        steps.push((1, address, Sha384::digest(page).to_vec()));
    }
    if let Some((secrets, cpuid)) = special {
        steps.push((5, secrets, NOTHING.to_vec()));
        steps.push((6, cpuid, NOTHING.to_vec()));
    }
    let Start::Machine(vcpus) = &plan.start else { panic!("a machine") };
    for registers in vcpus {
        let page = save_area(registers, features, xcr0);
        steps.push((2, 0xffff_ffff_f000, Sha384::digest(page).to_vec()));
    }
    let mut digest = NOTHING.to_vec();
    for (page_type, address, contents) in steps {
        let info = structure(
            0x70,
            &[
                (0x00, &digest),
                (0x30, &contents),
                (0x60, &[0x70, 0]),
                (0x62, &[page_type]),
                (0x68, &address.to_le_bytes()),
            ],
        );
        digest = Sha384::digest(info).to_vec();
    }
    digest
}

fn save_area(registers: &MachineRegisters, features: u64, xcr0: u64) -> Vec<u8> {
    let raw = |selector: u16, attributes: u16, limit: u32, base: u64| {
        let mut bytes = selector.to_le_bytes().to_vec();
        bytes.extend(attributes.to_le_bytes());
        bytes.extend(limit.to_le_bytes());
        bytes.extend(base.to_le_bytes());
        bytes
    };
    let segment = |segment: &Segment| {
        let mut attributes = u16::from(segment.access);
        if segment.long {
            attributes += 0x200;
        } else if segment.access & 0x10 != 0 {
            attributes += 0x400;
        }
        if segment.limit >= 1 << 20 {
            attributes += 0x800;
        }
        raw(segment.selector, attributes, segment.limit, segment.base)
    };
    let table = |(base, limit): (u64, u16)| raw(0, 0, limit.into(), base);
    let data = segment(&registers.ds);
    let u64s = u64::to_le_bytes;
    structure(
        4096,
        &[
            (0x000, &data),
            (0x010, &segment(&registers.cs)),
            (0x020, &data),
            (0x030, &data),
            (0x040, &data),
            (0x050, &data),
            (0x060, &table(registers.gdt)),
            (0x070, &raw(0, 0x82, 0xffff, 0)),
            (0x080, &table(registers.idt)),
            (0x090, &segment(&registers.tr)),
            (0x0cb, &[(registers.ds.access / 32) % 4]),
            (0x0d0, &u64s(registers.efer | 0x1000)),
            (0x148, &u64s(registers.cr4 | 0x40)),
            (0x150, &u64s(registers.cr3)),
            (0x158, &u64s(registers.cr0)),
            (0x160, &u64s(0x400)),
            (0x168, &u64s(0xffff_0ff0)),
            (0x170, &u64s(registers.rflags)),
            (0x178, &u64s(registers.rip)),
            (0x1d8, &u64s(registers.rsp)),
            (0x268, &u64s(0x0007_0406_0007_0406)),
            (0x338, &u64s(registers.rdi)),
            (0x3b0, &u64s(features)),
            (0x3e8, &u64s(registers.xcr0 & xcr0)),
            (0x408, &[0x80, 0x1f, 0, 0]),
            (0x410, &[0x7f, 0x03]),
        ],
    )
}

pub(crate) fn tdx(plan: &LaunchPlan) -> Vec<u8> {
    let mut all = Vec::new();
    for (address, page, _) in measured_pages(plan) {
        all.extend(structure(128, &[(0, b"MEM.PAGE.ADD"), (16, &address.to_le_bytes())]));
        for chunk in 0..16 {
            let address = address + 256 * chunk as u64;
            all.extend(structure(128, &[(0, b"MR.EXTEND"), (16, &address.to_le_bytes())]));
            all.extend(&page[256 * chunk..256 * (chunk + 1)]);
        }
    }
    Sha384::digest(all).to_vec()
}

pub(crate) fn sgx(plan: &LaunchPlan, ssa_frame_size: u32, base: u64, size: u64, tcs: &[u64]) -> Vec<u8> {
    let mut all =
        structure(64, &[(0, b"ECREATE"), (8, &ssa_frame_size.to_le_bytes()), (12, &size.to_le_bytes())]);
    for (address, page, permissions) in measured_pages(plan) {
        let flags = if tcs.contains(&address) { 0x100 } else { 0x200 + permissions };
        let offset = address - base;
        all.extend(structure(64, &[(0, b"EADD"), (8, &offset.to_le_bytes()), (16, &flags.to_le_bytes())]));
        for chunk in 0..16 {
            let offset = offset + 256 * chunk as u64;
            all.extend(structure(64, &[(0, b"EEXTEND"), (8, &offset.to_le_bytes())]));
            all.extend(&page[256 * chunk..256 * (chunk + 1)]);
        }
    }
    Sha256::digest(all).to_vec()
}
