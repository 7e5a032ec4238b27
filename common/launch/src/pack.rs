//! Making an image of the two programs that the linker made.
//!
//! Both are static position-independent executables. Here they get their addresses: the relocations
//! are applied once, at build time, so that nothing in the Keep has to, and each page of the body can
//! have its final permission before its first instruction runs.

use alloc::vec;
use alloc::vec::Vec;

use object::LittleEndian;
use object::elf::{
    DT_RELA, DT_RELASZ, FileHeader64, PF_W, PF_X, PT_DYNAMIC, PT_GNU_RELRO, PT_LOAD, PT_TLS, ProgramHeader64,
    R_X86_64_RELATIVE,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use sha2::{Digest, Sha256};
use zerocopy::{FromBytes, IntoBytes};

use crate::headers::{
    BODY_MAGIC, BodyHeader, BodySegment, EXECUTE, MAX_SEGMENTS, READ, STAGE0_MAGIC, Stage0Header, WRITE,
};
use crate::image::{self, MAX_STAGE0};
use crate::layout::{self, PAGE};

/// The symbol of stage 0's [`Stage0Header`].
pub const STAGE0_HEADER_SYMBOL: &str = "HOLDFAST_STAGE0_HEADER";

/// Why two programs do not make an image: always a mistake of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Not an ELF file, or damaged.
    #[error("{0}: not a whole ELF file ({1})")]
    Elf(&'static str, &'static str),
    /// A relocation of a type that needs a dynamic linker.
    #[error("{0}: relocation type {1} would need a dynamic linker")]
    Relocation(&'static str, u32),
    /// No header, or one with another magic number.
    #[error("stage 0 has no header")]
    NoHeader,
    /// A segment is writable and executable.
    #[error("{0}: a segment is writable and executable")]
    WritableAndExecutable(&'static str),
    /// Too large.
    #[error("{0}: {1} bytes are too many")]
    Size(&'static str, u64),
    /// Too many segments, or two on one page.
    #[error("{0}: its segments cannot be given their permissions page by page")]
    Segments(&'static str),
}

/// A linked program as it lies in memory.
struct Linked {
    memory: Vec<u8>,
    /// Bytes of `memory` that are not zero-initialised, in whole pages.
    initialised: u64,
    entry: u64,
    segments: Vec<BodySegment>,
    /// Address, initialised length, length, alignment.
    tls: [u64; 4],
    header: Option<u64>,
}

/// Makes an image file of the linked stage 0 and the linked body.
///
/// # Errors
/// [`PackError`], a mistake of the build.
pub fn pack(stage0: &[u8], body: &[u8]) -> Result<Vec<u8>, PackError> {
    let body = link_body(body)?;
    let mut linked = link("stage 0", stage0, layout::STAGE0)?;
    let code = match linked.segments.as_slice() {
        [constants @ .., data] if data.permissions & WRITE != 0 => {
            if constants.iter().any(|segment| segment.permissions & WRITE != 0) {
                return Err(PackError::Segments("stage 0"));
            }
            data.offset
        }
        _ => return Err(PackError::Segments("stage 0")),
    };
    if linked.memory.len() as u64 > MAX_STAGE0 {
        return Err(PackError::Size("stage 0", linked.memory.len() as u64));
    }
    let address = linked.header.ok_or(PackError::NoHeader)?;
    let at = usize::try_from(address - layout::STAGE0).map_err(|_| PackError::NoHeader)?;
    let slot = linked.memory.get_mut(at..).ok_or(PackError::NoHeader)?;
    let (header, _) = Stage0Header::mut_from_prefix(slot).map_err(|_| PackError::NoHeader)?;
    if header.magic != STAGE0_MAGIC {
        return Err(PackError::NoHeader);
    }
    header.body_length = body.len() as u64;
    header.body_hash = Sha256::digest(&body).into();
    let (code, data) = linked.memory.split_at(code as usize);
    Ok(image::write(code, data, address, &body))
}

fn link_body(file: &[u8]) -> Result<Vec<u8>, PackError> {
    let linked = link("the body", file, layout::BODY + PAGE)?;
    let [tls_address, tls_initialised, tls_length, tls_alignment] = linked.tls;
    let mut segments = [BodySegment::default(); MAX_SEGMENTS];
    if linked.segments.len() > segments.len() {
        return Err(PackError::Segments("the body"));
    }
    for (slot, segment) in segments.iter_mut().zip(&linked.segments) {
        *slot = BodySegment { offset: segment.offset + PAGE, ..*segment };
    }
    let memory = linked.memory.len() as u64 + PAGE;
    if memory > layout::BODY_MAX {
        return Err(PackError::Size("the body", memory));
    }
    let header = BodyHeader {
        magic: BODY_MAGIC,
        entry: linked.entry,
        memory,
        tls_offset: tls_address.saturating_sub(layout::BODY),
        tls_initialised,
        tls_length,
        tls_alignment,
        segment_count: linked.segments.len() as u64,
        segments,
    };
    let mut body = header.as_bytes().to_vec();
    body.resize(PAGE as usize, 0);
    body.extend(linked.memory.iter().take(linked.initialised as usize));
    Ok(body)
}

const fn up(value: u64) -> u64 {
    value.next_multiple_of(PAGE)
}

fn link(name: &'static str, file: &[u8], base: u64) -> Result<Linked, PackError> {
    let broken = |what| move |_| PackError::Elf(name, what);
    let header = FileHeader64::<LittleEndian>::parse(file).map_err(broken("header"))?;
    let endian = header.endian().map_err(broken("header"))?;
    let headers = header.program_headers(endian, file).map_err(broken("program headers"))?;
    let loads: Vec<_> = headers.iter().filter(|segment| segment.p_type(endian) == PT_LOAD).collect();
    let end =
        loads.iter().map(|load| load.p_vaddr(endian).saturating_add(load.p_memsz(endian))).max().unwrap_or(0);
    if end == 0 || end > layout::BODY_MAX {
        return Err(PackError::Size(name, end));
    }
    let mut memory = vec![0; up(end) as usize];
    let mut initialised = 0;
    for load in &loads {
        let data = load.data(endian, file).map_err(|()| PackError::Elf(name, "segment"))?;
        let at = load.p_vaddr(endian);
        let slot = usize::try_from(at).ok().and_then(|at| memory.get_mut(at..)?.get_mut(..data.len()));
        slot.ok_or(PackError::Elf(name, "segment"))?.copy_from_slice(data);
        initialised = initialised.max(up(at + data.len() as u64));
    }
    relocate(name, endian, headers, file, base, &mut memory)?;
    let tls = headers.iter().find(|segment| segment.p_type(endian) == PT_TLS).map_or([0, 0, 0, 1], |tls| {
        [base + tls.p_vaddr(endian), tls.p_filesz(endian), tls.p_memsz(endian), tls.p_align(endian).max(1)]
    });
    Ok(Linked {
        memory,
        initialised,
        entry: base + header.e_entry(endian),
        segments: permissions(name, endian, headers, up(end))?,
        tls,
        header: find_header(name, endian, header, file)?.map(|at| base + at),
    })
}

fn relocate(
    name: &'static str,
    endian: LittleEndian,
    headers: &[ProgramHeader64<LittleEndian>],
    file: &[u8],
    base: u64,
    memory: &mut [u8],
) -> Result<(), PackError> {
    let (mut table, mut size) = (0, 0);
    for segment in headers.iter().filter(|segment| segment.p_type(endian) == PT_DYNAMIC) {
        let entries = segment.dynamic(endian, file).map_err(|_| PackError::Elf(name, "dynamic section"))?;
        for entry in entries.unwrap_or_default() {
            match entry.d_tag(endian) {
                tag if tag == DT_RELA => table = entry.d_val(endian),
                tag if tag == DT_RELASZ => size = entry.d_val(endian),
                _ => {}
            }
        }
    }
    let broken = PackError::Elf(name, "relocations");
    let table = usize::try_from(table).map_err(|_| broken)?;
    let size = usize::try_from(size).map_err(|_| broken)?;
    let relocations = memory.get(table..).and_then(|rest| rest.get(..size)).ok_or(broken)?.to_vec();
    for relocation in relocations.as_chunks::<24>().0 {
        let word = |at: usize| {
            relocation.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
        };
        let (offset, kind, addend) = (word(0), word(8) as u32, word(16));
        if kind != R_X86_64_RELATIVE {
            return Err(PackError::Relocation(name, kind));
        }
        let at = usize::try_from(offset).map_err(|_| broken)?;
        let slot = memory.get_mut(at..).and_then(|rest| rest.get_mut(..8)).ok_or(broken)?;
        slot.copy_from_slice(&base.wrapping_add(addend).to_le_bytes());
    }
    Ok(())
}

/// The permission of each run of pages. What the linker calls "read only after relocation" is read
/// only here, as relocation is over.
fn permissions(
    name: &'static str,
    endian: LittleEndian,
    headers: &[ProgramHeader64<LittleEndian>],
    end: u64,
) -> Result<Vec<BodySegment>, PackError> {
    let mut pages = vec![0_u64; (end / PAGE) as usize];
    let mut paint = |from: u64, to: u64, permissions: u64, over: bool| {
        for page in from / PAGE..up(to) / PAGE {
            let slot = pages.get_mut(page as usize).ok_or(PackError::Segments(name))?;
            if !over && *slot != 0 && *slot != permissions {
                return Err(PackError::Segments(name));
            }
            *slot = permissions;
        }
        Ok(())
    };
    for load in headers.iter().filter(|segment| segment.p_type(endian) == PT_LOAD) {
        let flags = load.p_flags(endian);
        let permissions = match (flags & PF_W != 0, flags & PF_X != 0) {
            (true, true) => return Err(PackError::WritableAndExecutable(name)),
            (true, false) => READ | WRITE,
            (false, true) => READ | EXECUTE,
            (false, false) => READ,
        };
        paint(load.p_vaddr(endian), load.p_vaddr(endian) + load.p_memsz(endian), permissions, false)?;
    }
    for relro in headers.iter().filter(|segment| segment.p_type(endian) == PT_GNU_RELRO) {
        let end = relro.p_vaddr(endian) + relro.p_memsz(endian);
        paint(relro.p_vaddr(endian), end - end % PAGE, READ, true)?;
    }
    let mut segments: Vec<BodySegment> = Vec::new();
    for (page, permissions) in pages.iter().map(|p| if *p == 0 { READ } else { *p }).enumerate() {
        match segments.last_mut() {
            Some(last) if last.permissions == permissions => last.length += PAGE,
            _ => segments.push(BodySegment { offset: page as u64 * PAGE, length: PAGE, permissions }),
        }
    }
    Ok(segments)
}

fn find_header(
    name: &'static str,
    endian: LittleEndian,
    header: &FileHeader64<LittleEndian>,
    file: &[u8],
) -> Result<Option<u64>, PackError> {
    let broken = |_| PackError::Elf(name, "symbols");
    let sections = header.sections(endian, file).map_err(broken)?;
    let symbols = sections.symbols(endian, file, object::elf::SHT_SYMTAB).map_err(broken)?;
    Ok(symbols
        .iter()
        .find(|symbol| symbol.name(endian, symbols.strings()) == Ok(STAGE0_HEADER_SYMBOL.as_bytes()))
        .map(|symbol| symbol.st_value(endian)))
}
