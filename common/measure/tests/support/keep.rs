//! The least keep image: each part one page.

use holdfast_gate::{ABI_VERSION, NOTE_NAME, NOTE_TYPE};
use holdfast_launch::headers::{BODY_MAGIC, BodyHeader, STAGE0_MAGIC, Stage0Header};
use holdfast_launch::layout;
use sha2::{Digest as _, Sha256};
use zerocopy::{FromZeros, IntoBytes};

const PAGE: usize = layout::PAGE as usize;

/// The image. `fill` is a byte of the body; stage 0 carries the body's hash.
pub(crate) fn image(fill: u8) -> Vec<u8> {
    let mut body = vec![fill; PAGE];
    let mut header = BodyHeader::new_zeroed();
    header.magic = BODY_MAGIC;
    header.memory = layout::PAGE;
    header.write_to_prefix(&mut body).expect("a page is enough");
    let mut stage0 = vec![0x90; PAGE];
    let mut header = Stage0Header::new_zeroed();
    header.magic = STAGE0_MAGIC;
    header.machine_entry = layout::STAGE0 + 0x800;
    header.vcpu_entry = layout::STAGE0 + 0x900;
    header.body_length = layout::PAGE;
    header.body_hash = Sha256::digest(&body).into();
    header.write_to_prefix(&mut stage0).expect("a page is enough");
    elf(&[
        (layout::STAGE0, 5, &stage0),
        (layout::STAGE0 + layout::PAGE, 6, &[1; PAGE]),
        (layout::BODY, 4, &body),
    ])
}

/// An ELF file with these segments (address, flags, content) and the version note (System V ABI, chapter 4).
fn elf(segments: &[(u64, u32, &[u8])]) -> Vec<u8> {
    let mut note = Vec::new();
    for word in [NOTE_NAME.len() as u32 + 1, 4, NOTE_TYPE] {
        note.extend(word.to_le_bytes());
    }
    note.extend(NOTE_NAME.bytes());
    note.resize(note.len() + 4 - NOTE_NAME.len() % 4, 0);
    note.extend(ABI_VERSION.to_le_bytes());

    let mut headers = Vec::new();
    let mut content: Vec<u8> = Vec::new();
    let mut segment = |kind: u32, flags: u32, address: u64, bytes: &[u8]| {
        let offset = (PAGE + content.len()) as u64;
        headers.extend(kind.to_le_bytes());
        headers.extend(flags.to_le_bytes());
        for word in [offset, address, address, bytes.len() as u64, bytes.len() as u64, 4] {
            headers.extend(word.to_le_bytes());
        }
        content.extend(bytes);
    };
    for (address, flags, bytes) in segments {
        segment(1, *flags, *address, bytes);
    }
    segment(4, 4, 0, &note);

    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for word in [layout::STAGE0, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64, 56, segments.len() as u16 + 1, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    file.extend(headers);
    file.resize(PAGE, 0);
    file.extend(content);
    file
}
