//! TDVF metadata: how the firmware of a trust domain is added to it.
//!
//! Layout: Intel, *TDX Virtual Firmware Design Guide* (344991), "TDVF metadata"; edk2,
//! `OvmfPkg/ResetVector/X64/IntelTdxMetadata.asm`.

use alloc::vec::Vec;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{Firmware, FirmwareError, Guid, MAX_ADDED};
use crate::PAGE;

const METADATA: Guid = Guid::new(0xe47a_6535, 0x984a, 0x4798, 0x865e_4685_a7bf_8ec2);

/// Attribute: the pages' content is measured (TDH.MR.EXTEND).
const MR_EXTEND: u32 = 1 << 0;
/// Attribute: the pages are not added before the start, the guest accepts them (TDH.MEM.PAGE.AUG).
const PAGE_AUG: u32 = 1 << 1;

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 4],
    /// Of header and sections, in bytes.
    length: U32,
    version: U32,
    count: U32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Section {
    data_offset: U32,
    raw_data_size: U32,
    memory_address: U64,
    memory_data_size: U64,
    kind: U32,
    attributes: U32,
}

const _: () = assert!(size_of::<Header>() == 16 && size_of::<Section>() == 32);

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TdvfSectionKind {
    /// Boot firmware volume: code.
    Bfv,
    /// Configuration firmware volume: variables.
    Cfv,
    /// The hand-off block, which the VMM writes.
    TdHob,
    /// Memory for the firmware's start.
    TempMem,
    /// Memory that lasts (`PermMem`).
    PermMem,
    /// A payload, and its parameters.
    Payload,
    /// The payload's parameters.
    PayloadParam,
    /// Information about the TD.
    TdInfo,
    /// Parameters of a TD.
    TdParams,
}

/// A run of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdvfSection<'a> {
    /// First guest-physical address, page aligned.
    pub address: u64,
    /// Length in memory in bytes, whole pages.
    pub size: u64,
    /// What of it comes from the file; the rest is zero. No longer than `size`.
    pub data: &'a [u8],
    /// What for.
    pub kind: TdvfSectionKind,
    /// Whether its content is part of MRTD, and not its addresses only.
    pub extended: bool,
    /// Whether it is added before the start. If not, it is no part of MRTD.
    pub added: bool,
}

impl<'a> Firmware<'a> {
    /// The sections of the TDVF metadata, in the table's order, which is the order of the launch.
    ///
    /// # Errors
    /// If the firmware has no TDVF metadata, or it is damaged.
    pub fn tdvf_sections(&self) -> Result<Vec<TdvfSection<'a>>, FirmwareError> {
        let bytes = self.pointed(METADATA, "which pages a TD needs (TDVF metadata)")?;
        let cut_off = FirmwareError::Damaged("the TDVF metadata is cut off");
        let (header, sections) = Header::ref_from_prefix(bytes).map_err(|_| cut_off)?;
        if header.signature != *b"TDVF" || header.version != 1 {
            return Err(FirmwareError::Damaged("the TDVF metadata's signature or version is unknown"));
        }
        let sections = usize::try_from(header.length.get())
            .ok()
            .and_then(|length| sections.get(..length.checked_sub(size_of::<Header>())?))
            .ok_or(cut_off)?;
        let count = usize::try_from(header.count.get()).map_err(|_| cut_off)?;
        let (sections, _) = <[Section]>::ref_from_prefix_with_elems(sections, count).map_err(|_| cut_off)?;
        let mut total = 0_u64;
        sections
            .iter()
            .map(|section| {
                let section = self.section(section)?;
                if section.added {
                    total = total.saturating_add(section.size);
                }
                if total > MAX_ADDED { Err(FirmwareError::TooMuch(total)) } else { Ok(section) }
            })
            .collect()
    }

    fn section(&self, section: &Section) -> Result<TdvfSection<'a>, FirmwareError> {
        let kind = match section.kind.get() {
            0 => TdvfSectionKind::Bfv,
            1 => TdvfSectionKind::Cfv,
            2 => TdvfSectionKind::TdHob,
            3 => TdvfSectionKind::TempMem,
            4 => TdvfSectionKind::PermMem,
            5 => TdvfSectionKind::Payload,
            6 => TdvfSectionKind::PayloadParam,
            7 => TdvfSectionKind::TdInfo,
            8 => TdvfSectionKind::TdParams,
            kind => return Err(FirmwareError::SectionType { table: "TDX", kind }),
        };
        let (address, size) = (section.memory_address.get(), section.memory_data_size.get());
        let whole = |number: u64| number.is_multiple_of(PAGE as u64);
        if !whole(address) || !whole(size) || size == 0 || address.checked_add(size).is_none() {
            return Err(FirmwareError::Damaged("a TDVF section is not whole pages"));
        }
        let range = |offset: u32, length: u32| {
            let offset = usize::try_from(offset).ok()?;
            self.bytes().get(offset..offset.checked_add(usize::try_from(length).ok()?)?)
        };
        let data = range(section.data_offset.get(), section.raw_data_size.get())
            .filter(|data| data.len() as u64 <= size)
            .ok_or(FirmwareError::Damaged("a TDVF section's data lies outside the file or its memory"))?;
        let attributes = section.attributes.get();
        if attributes & !(MR_EXTEND | PAGE_AUG) != 0 || attributes == MR_EXTEND | PAGE_AUG {
            return Err(FirmwareError::Damaged("a TDVF section's attributes are unknown"));
        }
        let (extended, added) = (attributes & MR_EXTEND != 0, attributes & PAGE_AUG == 0);
        Ok(TdvfSection { address, size, data, kind, extended, added })
    }
}
