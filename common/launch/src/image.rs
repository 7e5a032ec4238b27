//! The image file: an ELF with loadable segments for stage 0's code, its
//! data and the body, and the gate's version as a note.

use alloc::vec::Vec;

use holdfast_gate::{ABI_VERSION, NOTE_NAME, NOTE_TYPE, window};
use object::LittleEndian;
use object::elf::{EM_X86_64, FileHeader64, PF_W, PF_X, PT_LOAD, PT_NOTE, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use zerocopy::FromBytes;

use crate::headers::{BODY_MAGIC, BodyHeader, MAX_SEGMENTS, STAGE0_MAGIC, Stage0Header};
use crate::layout;

/// Why a file is not a keep image that this loader can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No ELF file for x86-64.
    #[error("the keep image is not an ELF file for x86-64")]
    NotElf,
    /// A header points outside the file, or has a value that it cannot have.
    #[error("the keep image is damaged: {0}")]
    Damaged(&'static str),
    /// It has no version note.
    #[error("the file carries no gate version: it is not a keep image")]
    NoVersion,
    /// It speaks another version of the gate.
    #[error(
        "the keep image speaks gate version {0}, this loader speaks {ABI_VERSION}; use an image of the same release"
    )]
    Version(u32),
}

/// A keep image: where its parts are in the file.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// Stage 0's code and constants, as they are loaded at [`layout::STAGE0`].
    pub stage0: &'a [u8],
    /// Its data, right behind.
    pub stage0_data: &'a [u8],
    /// Its header.
    pub stage0_header: Stage0Header,
    /// The body, as it is given to stage 0.
    pub body: &'a [u8],
    /// Its header. It is what the file says: only stage 0 checks it against the hash.
    pub body_header: BodyHeader,
}

impl<'a> Image<'a> {
    /// Length of stage 0 in bytes without its stack.
    pub(crate) const fn stage0_length(&self) -> u64 {
        self.stage0.len() as u64 + self.stage0_data.len() as u64
    }

    /// Finds the parts of an image.
    ///
    /// # Errors
    /// If `file` is not a keep image of this version.
    pub fn parse(file: &'a [u8]) -> Result<Self, ImageError> {
        let header = FileHeader64::<LittleEndian>::parse(file).map_err(|_| ImageError::NotElf)?;
        let endian = header.endian().map_err(|_| ImageError::NotElf)?;
        if header.e_machine(endian) != EM_X86_64 {
            return Err(ImageError::NotElf);
        }
        let segments =
            header.program_headers(endian, file).map_err(|_| ImageError::Damaged("program headers"))?;
        check_version(endian, segments, file)?;
        let part = |address: u64, flags: u32| {
            const KIND: u32 = PF_W | PF_X;
            segments
                .iter()
                .find(|segment| segment.p_type(endian) == PT_LOAD && segment.p_vaddr(endian) == address)
                .filter(|segment| segment.p_flags(endian) & KIND == flags)
                .ok_or(ImageError::Damaged("a part is missing"))?
                .data(endian, file)
                .map_err(|()| ImageError::Damaged("a part lies outside the file"))
        };
        let stage0 = part(layout::STAGE0, PF_X)?;
        let stage0_data = part(layout::STAGE0 + stage0.len() as u64, PF_W)?;
        let body = part(layout::BODY, 0)?;
        let at = header
            .e_entry(endian)
            .checked_sub(layout::STAGE0)
            .and_then(|at| stage0.get(usize::try_from(at).ok()?..))
            .ok_or(ImageError::Damaged("the entry lies outside stage 0"))?;
        let (stage0_header, _) =
            Stage0Header::read_from_prefix(at).map_err(|_| ImageError::Damaged("stage 0 is cut off"))?;
        let (body_header, _) =
            BodyHeader::read_from_prefix(body).map_err(|_| ImageError::Damaged("the body is cut off"))?;
        let image = Self { stage0, stage0_data, stage0_header, body, body_header };
        image.check()?;
        Ok(image)
    }

    fn check(&self) -> Result<(), ImageError> {
        let damaged = |what, fine| if fine { Ok(()) } else { Err(ImageError::Damaged(what)) };
        let whole = |value: u64| value.is_multiple_of(layout::PAGE);
        damaged("stage 0's magic number", self.stage0_header.magic == STAGE0_MAGIC)?;
        let (code, data) = (self.stage0.len() as u64, self.stage0_data.len() as u64);
        damaged("stage 0's length", whole(code) && whole(data) && code + data <= MAX_STAGE0)?;
        let body = self.body.len() as u64;
        damaged(
            "the body's length",
            whole(body) && body == self.stage0_header.body_length && body <= window::MAX_BODY,
        )?;
        damaged("the body's magic number", self.body_header.magic == BODY_MAGIC)?;
        let memory = self.body_header.memory;
        damaged("the body's memory", whole(memory) && memory >= body && memory <= layout::BODY_MAX)?;
        damaged("the body's segments", self.body_header.segment_count <= MAX_SEGMENTS as u64)
    }
}

/// Of stage 0's 64 KiB its stack takes a quarter.
pub(crate) const MAX_STAGE0: u64 = layout::STAGE0_MAX - STAGE0_STACK;

/// Bytes of stage 0's stack.
pub(crate) const STAGE0_STACK: u64 = 16 * 1024;

fn check_version(
    endian: LittleEndian,
    segments: &[ProgramHeader64<LittleEndian>],
    file: &[u8],
) -> Result<(), ImageError> {
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == PT_NOTE) {
        let notes = segment.notes(endian, file).map_err(|_| ImageError::Damaged("notes"))?;
        let mut notes = notes.ok_or(ImageError::NoVersion)?;
        while let Some(note) = notes.next().map_err(|_| ImageError::Damaged("notes"))? {
            if note.name() == NOTE_NAME.as_bytes() && note.n_type(endian) == NOTE_TYPE {
                let bytes = note.desc().try_into().map_err(|_| ImageError::Damaged("version note"))?;
                return match u32::from_le_bytes(bytes) {
                    ABI_VERSION => Ok(()),
                    other => Err(ImageError::Version(other)),
                };
            }
        }
    }
    Err(ImageError::NoVersion)
}

/// Writes an image file. The inverse of [`Image::parse`].
pub(crate) fn write(stage0: &[u8], stage0_data: &[u8], header_address: u64, body: &[u8]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 4 * 56;
    let name = NOTE_NAME.as_bytes();
    let mut note = Vec::new();
    note.extend((name.len() as u32 + 1).to_le_bytes());
    note.extend(4_u32.to_le_bytes());
    note.extend(NOTE_TYPE.to_le_bytes());
    note.extend(name);
    note.resize(note.len() + 4 - name.len() % 4, 0);
    note.extend(ABI_VERSION.to_le_bytes());

    let stage0_at = layout::PAGE;
    let data_at = stage0_at + stage0.len() as u64;
    let body_at = data_at + stage0_data.len() as u64;
    let mut file = Vec::new();
    // ELF header (System V ABI, "ELF Header"): 64-bit, little endian, ET_EXEC.
    file.extend(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend(2_u16.to_le_bytes());
    file.extend(EM_X86_64.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend(header_address.to_le_bytes());
    file.extend(64_u64.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 4, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let mut segment = |kind: u32, flags: u32, offset: u64, address: u64, length: u64, align: u64| {
        file.extend(kind.to_le_bytes());
        file.extend(flags.to_le_bytes());
        for word in [offset, address, address, length, length, align] {
            file.extend(word.to_le_bytes());
        }
    };
    const READ: u32 = object::elf::PF_R;
    segment(PT_LOAD, READ | PF_X, stage0_at, layout::STAGE0, stage0.len() as u64, layout::PAGE);
    let data = layout::STAGE0 + stage0.len() as u64;
    segment(PT_LOAD, READ | PF_W, data_at, data, stage0_data.len() as u64, layout::PAGE);
    segment(PT_LOAD, READ, body_at, layout::BODY, body.len() as u64, layout::PAGE);
    segment(PT_NOTE, READ, HEADERS, 0, note.len() as u64, 4);
    file.extend(note);
    file.resize(stage0_at as usize, 0);
    file.extend(stage0);
    file.extend(stage0_data);
    file.extend(body);
    file
}
