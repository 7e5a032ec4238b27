//! Packing two programs into an image, reading it again, and what is refused.

#[path = "support/program.rs"]
mod program;

use holdfast_gate::{ABI_VERSION, NOTE_NAME, NOTE_TYPE};
use holdfast_launch::headers::{BodySegment, EXECUTE, MAX_SEGMENTS, READ, WRITE};
use holdfast_launch::layout::{BODY, BODY_MAX, PAGE, STAGE0};
use holdfast_launch::pack::{PackError, pack};
use holdfast_launch::{Image, ImageError};
use program::{DATA, HEADER, Program, image};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const PT_TLS: u32 = 7;
const PT_GNU_RELRO: u32 = 0x6474_e552;

fn word(bytes: &[u8], at: u64) -> u64 {
    u64::from_le_bytes(bytes[at as usize..][..8].try_into().expect("eight bytes"))
}

#[test]
fn packed_programs_are_read_back_relocated() {
    let file = image();
    let image = Image::parse(&file).expect("an image");
    assert_eq!((image.stage0.len() as u64, image.stage0_data.len() as u64), (DATA, 2 * PAGE));
    assert_eq!(word(image.stage0_data, 8), STAGE0 + 0x123, "stage 0's relocation");
    // The body's program lies behind its header's page; its zeros are not in the file.
    assert_eq!(image.body.len() as u64, PAGE + DATA + PAGE);
    assert_eq!(word(image.body, PAGE + DATA + 8), BODY + PAGE + 0x123, "the body's relocation");
    assert_eq!(image.stage0_header.body_length, image.body.len() as u64);
    assert_eq!(image.stage0_header.body_hash[..], Sha256::digest(image.body)[..]);
    let header = image.body_header;
    assert_eq!((header.entry, header.memory), (BODY + PAGE + 0x40, PAGE + DATA + 2 * PAGE));
    let segments = [
        BodySegment { offset: PAGE, length: DATA, permissions: READ | EXECUTE },
        BodySegment { offset: PAGE + DATA, length: 2 * PAGE, permissions: READ | WRITE },
    ];
    assert_eq!(header.segments[..header.segment_count as usize], segments);
}

#[test]
fn the_same_programs_give_the_same_image() {
    assert_eq!(image(), image());
}

#[test]
fn thread_local_storage_and_relocated_constants() {
    let mut body = Program::body();
    body.segments.push((PT_TLS, program::READ, DATA + 0x10, vec![0xda; 0x20], 0x48));
    body.segments.push((PT_GNU_RELRO, program::READ, DATA, Vec::new(), PAGE));
    let file = pack(&Program::stage0().file(), &body.file()).expect("an image");
    let header = Image::parse(&file).expect("an image").body_header;
    assert_eq!((header.tls_offset, header.tls_initialised), (PAGE + DATA + 0x10, 0x20));
    assert_eq!((header.tls_length, header.tls_alignment), (0x48, 1));
    let permissions: Vec<_> = header.segments.iter().take(3).map(|segment| segment.permissions).collect();
    assert_eq!(permissions, [READ | EXECUTE, READ, READ | WRITE], "read only after relocation");
}

/// One change to a good program, and what it makes of the image.
fn refused(change: impl Fn(&mut Program)) -> [PackError; 2] {
    let (mut stage0, mut body) = (Program::stage0(), Program::body());
    change(&mut stage0);
    change(&mut body);
    [
        pack(&stage0.file(), &Program::body().file()).expect_err("stage 0"),
        pack(&Program::stage0().file(), &body.file()).expect_err("the body"),
    ]
}

#[test]
fn programs_that_make_no_image() {
    let names = ["stage 0", "the body"];
    let both = refused(|program| program.segments[1].1 |= program::EXECUTE);
    assert_eq!(both, names.map(PackError::WritableAndExecutable));
    let other = refused(|program| program.relocations[0].1 = 6);
    assert_eq!(other, names.map(|name| PackError::Relocation(name, 6)));
    let outside = refused(|program| program.relocations[0].0 = 1 << 40);
    assert_eq!(outside, names.map(|name| PackError::Elf(name, "relocations")));
    let large = refused(|program| program.segments[1].4 = BODY_MAX);
    assert_eq!(large, names.map(|name| PackError::Size(name, DATA + BODY_MAX)));
    let wrapping = refused(|program| program.segments[1].4 = u64::MAX);
    assert_eq!(wrapping, names.map(|name| PackError::Size(name, u64::MAX)));
    let shared_page = refused(|program| program.segments[0].4 = DATA + 1);
    assert_eq!(shared_page, names.map(PackError::Segments));
}

#[test]
fn a_stage_0_without_its_header_or_its_data() {
    let body = Program::body().file();
    let refused = |change: &dyn Fn(&mut Program)| {
        let mut stage0 = Program::stage0();
        change(&mut stage0);
        pack(&stage0.file(), &body).expect_err("no image")
    };
    assert_eq!(refused(&|program| program.symbol.0 = "main"), PackError::NoHeader);
    assert_eq!(refused(&|program| program.symbol.1 = HEADER + 8), PackError::NoHeader);
    assert_eq!(refused(&|program| program.symbol.1 = 1 << 30), PackError::NoHeader);
    assert_eq!(refused(&|program| program.segments[1].1 = program::READ), PackError::Segments("stage 0"));
    assert_eq!(
        refused(&|program| program.segments[1].4 = 48 << 10),
        PackError::Size("stage 0", (48 << 10) + DATA)
    );
}

#[test]
fn a_body_of_too_many_segments() {
    let mut body = Program::body();
    for page in 0..MAX_SEGMENTS as u64 {
        let flags = if page % 2 == 0 { program::READ } else { program::READ | program::WRITE };
        body.segments.push((1, flags, DATA + (2 + page) * PAGE, vec![0; PAGE as usize], PAGE));
    }
    let error = pack(&Program::stage0().file(), &body.file());
    assert_eq!(error, Err(PackError::Segments("the body")));
}

#[test]
fn a_file_that_is_cut_off_is_no_program() {
    let (stage0, body) = (Program::stage0().file(), Program::body().file());
    for length in (0..body.len()).step_by(61) {
        assert!(pack(&stage0[..length.min(stage0.len())], &body).is_err(), "{length}");
        // The names of the symbols end a file; nobody reads those of a body.
        assert!(pack(&stage0, &body[..length]).is_err() || length > body.len() - 300, "{length}");
    }
}

/// The version note as it stands in an image.
fn note() -> Vec<u8> {
    let lengths = [NOTE_NAME.len() as u32 + 1, 4, NOTE_TYPE];
    let mut note: Vec<u8> = lengths.iter().flat_map(|word| word.to_le_bytes()).collect();
    note.extend(NOTE_NAME.as_bytes());
    note.resize(note.len() + 4 - NOTE_NAME.len() % 4, 0);
    note.extend(ABI_VERSION.to_le_bytes());
    note
}

/// Where `needle` lies in `file`.
fn find(file: &[u8], needle: &[u8]) -> usize {
    file.windows(needle.len()).position(|window| window == needle).expect("it is there")
}

/// What is said of an image after `change`.
fn parsed(change: impl Fn(&mut Vec<u8>)) -> ImageError {
    let mut file = image();
    change(&mut file);
    Image::parse(&file).expect_err("not an image")
}

#[test]
fn files_that_are_no_image() {
    let damaged = ImageError::Damaged;
    assert_eq!(parsed(Vec::clear), ImageError::NotElf);
    assert_eq!(parsed(|file| file[0] = 0), ImageError::NotElf);
    assert_eq!(parsed(|file| file[18] = 0xb7), ImageError::NotElf, "for another processor");
    let at = find(&image(), &note());
    assert_eq!(parsed(|file| file[at + 12] ^= 1), ImageError::NoVersion, "the note of another");
    assert_eq!(parsed(|file| file[at + 8] ^= 1), ImageError::NoVersion, "another note");
    let version = at + note().len() - 4;
    assert_eq!(parsed(|file| file[version] ^= 0x80), ImageError::Version(ABI_VERSION ^ 0x80));
    assert_eq!(parsed(|file| file[at] = 200), damaged("notes"));
    assert_eq!(parsed(|file| file[at + 4] = 3), damaged("version note"));

    // Program headers from byte 64 on, 56 bytes each: stage 0, its data, the body, the note.
    assert_eq!(parsed(|file| file[64 + 16] ^= 1), damaged("a part is missing"), "stage 0's address");
    assert_eq!(parsed(|file| file[64 + 4] |= 2), damaged("a part is missing"), "writable stage 0");
    assert_eq!(parsed(|file| file[64 + 56 + 4] |= 1), damaged("a part is missing"), "executable data");
    assert_eq!(parsed(|file| file[64 + 112 + 16] ^= 1), damaged("a part is missing"), "the body's address");
    assert_eq!(parsed(|file| file[64 + 112 + 12] = 9), damaged("a part lies outside the file"));
    assert_eq!(parsed(|file| file[24 + 5] ^= 0x80), damaged("the entry lies outside stage 0"));
    assert_eq!(parsed(|file| file[24..26].copy_from_slice(&[0xf8, 0x1f])), damaged("stage 0 is cut off"));
    assert_eq!(parsed(|file| file[24] ^= 8), damaged("stage 0's magic number"));
    assert_eq!(parsed(|file| file.truncate(file.len() - 1)), damaged("a part lies outside the file"));
}

#[test]
fn bodies_that_contradict_their_header() {
    let damaged = ImageError::Damaged;
    let body = find(&image(), b"HFBODY\0\0");
    let length = 64 + 112 + 32;
    assert_eq!(parsed(|file| file[length + 1] = 0x30), damaged("the body's length"));
    assert_eq!(parsed(|file| file[length..length + 8].fill(0)), damaged("the body is cut off"));
    assert_eq!(parsed(|file| file[body] ^= 1), damaged("the body's magic number"));
    // Memory is the third field.
    assert_eq!(parsed(|file| file[body + 16] ^= 1), damaged("the body's memory"), "not whole pages");
    assert_eq!(parsed(|file| file[body + 17] = 0x10), damaged("the body's memory"), "less than the file has");
    assert_eq!(parsed(|file| file[body + 20] = 1), damaged("the body's memory"), "more than there may be");
    assert_eq!(parsed(|file| file[body + 56] = 9), damaged("the body's segments"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes changed, any length: an error or an image whose parts lie in the file, never a panic.
    #[test]
    fn changed_images(changes in prop::collection::vec((0_usize..0x3000, any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut file = image();
        for (at, value) in changes {
            // The headers are where most can go wrong.
            file[at % 0x400] = value;
            file[at] ^= value;
        }
        file.truncate(cut.index(2 * file.len()));
        if let Ok(image) = Image::parse(&file) {
            prop_assert_eq!(image.body.len() as u64, image.stage0_header.body_length);
            prop_assert!(image.body_header.memory <= BODY_MAX);
        }
    }
}
