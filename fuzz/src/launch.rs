//! The keep image, as a loader or a measurer gets it.

use holdfast_gate::{ABI_VERSION, NOTE_NAME, NOTE_TYPE, boot};
use holdfast_launch::headers::{BODY_MAGIC, BodyHeader, STAGE0_MAGIC, Stage0Header};
use holdfast_launch::plan::HostFacts;
use holdfast_launch::{Image, LaunchPlan, Platform, Shape, layout};
use zerocopy::{FromZeros, IntoBytes};

use crate::Target;

/// An image file.
pub const LAUNCH_IMAGE: Target = Target { name: "launch_image", body: launch_image, seeds, rounds: 5_000 };

/// What is accepted has a launch plan for each platform, whose regions do not overlap.
fn launch_image(data: &[u8]) {
    let Ok(image) = Image::parse(data) else { return };
    for platform in [Platform::Machine, Platform::Process] {
        let shape = Shape { platform, vcpus: 2, memory: boot::MIN_MEMORY };
        let plan = LaunchPlan::new(&image, &shape);
        for pair in plan.regions.windows(2) {
            assert!(pair[0].address + pair[0].length <= pair[1].address, "regions overlap");
        }
        for region in &plan.regions {
            assert!(region.content.len() as u64 <= region.length, "content outside its region");
        }
    }
    let shape = Shape { platform: Platform::Process, vcpus: 2, memory: boot::MIN_MEMORY };
    let facts = HostFacts { tsc_khz: 1, wall_ns: 1 };
    for (offset, content) in shape.window(&image, &facts) {
        assert!(offset + content.len() as u64 <= holdfast_gate::window::SIZE);
    }
}

/// The least image: each part one page, and nothing in it.
fn seeds() -> Vec<Vec<u8>> {
    const PAGE: usize = layout::PAGE as usize;
    let mut stage0 = [0; PAGE];
    let mut header = Stage0Header::new_zeroed();
    header.magic = STAGE0_MAGIC;
    header.body_length = layout::PAGE;
    header.write_to_prefix(&mut stage0).expect("a page is enough");
    let mut body = [0; PAGE];
    let mut header = BodyHeader::new_zeroed();
    header.magic = BODY_MAGIC;
    header.memory = layout::PAGE;
    header.write_to_prefix(&mut body).expect("a page is enough");
    vec![elf(&[
        (layout::STAGE0, 5, &stage0),
        (layout::STAGE0 + layout::PAGE, 6, &[0; PAGE]),
        (layout::BODY, 4, &body),
    ])]
}

/// An ELF file with these segments (address, flags, content), the version note, and its entry at stage 0.
fn elf(segments: &[(u64, u32, &[u8])]) -> Vec<u8> {
    const FILE_HEADER: u64 = 64;
    const PROGRAM_HEADER: u64 = 56;
    const LOAD: u32 = 1;
    const NOTE: u32 = 4;
    let mut note = Vec::new();
    for word in [NOTE_NAME.len() as u32 + 1, 4, NOTE_TYPE] {
        note.extend(word.to_le_bytes());
    }
    note.extend(NOTE_NAME.as_bytes());
    note.extend([0; 4]);
    note.extend(ABI_VERSION.to_le_bytes());

    let count = segments.len() as u16 + 1;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for word in [layout::STAGE0, FILE_HEADER, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [FILE_HEADER as u16, PROGRAM_HEADER as u16, count, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let mut offset = FILE_HEADER + PROGRAM_HEADER * u64::from(count);
    let note = (NOTE, 0, 4_u32, &note[..]);
    let loads = segments.iter().map(|&(address, flags, content)| (LOAD, address, flags, content));
    let parts: Vec<_> = loads.chain([note]).collect();
    for (kind, address, flags, content) in &parts {
        file.extend(kind.to_le_bytes());
        file.extend(flags.to_le_bytes());
        let length = content.len() as u64;
        for word in [offset, *address, *address, length, length, 4] {
            file.extend(word.to_le_bytes());
        }
        offset += length;
    }
    for (.., content) in parts {
        file.extend(content);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_an_image() {
        for seed in seeds() {
            Image::parse(&seed).expect("a good image");
        }
    }
}
