//! OVMF's SEV metadata: which pages a SEV-SNP guest gets besides the firmware itself.
//!
//! Layout: edk2, `OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm`.

use alloc::vec::Vec;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{Firmware, FirmwareError, Guid, MAX_ADDED};
use crate::PAGE;

const METADATA: Guid = Guid::new(0xdc88_6566, 0x984a, 0x4798, 0xa75e_5585_a7bf_67cc);

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 4],
    /// Of header and sections, in bytes.
    size: U32,
    version: U32,
    count: U32,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Section {
    address: U32,
    size: U32,
    kind: U32,
}

const _: () = assert!(size_of::<Header>() == 16 && size_of::<Section>() == 12);

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SevSectionKind {
    /// Memory that the firmware uses before it can validate its own (`SNP_SEC_MEM`).
    SecMem,
    /// The secrets page.
    Secrets,
    /// The CPUID page.
    Cpuid,
    /// The calling area of an SVSM (`SVSM_CAA`).
    SvsmCaa,
    /// The page with the kernel hashes.
    KernelHashes,
}

/// A run of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SevSection {
    /// First guest-physical address, page aligned.
    pub address: u64,
    /// Length in bytes, whole pages.
    pub size: u64,
    /// What for.
    pub kind: SevSectionKind,
}

impl Firmware<'_> {
    /// The sections of the SEV metadata, in the table's order, which is the order of the launch.
    ///
    /// # Errors
    /// If the firmware has no SEV metadata, or it is damaged.
    pub fn sev_sections(&self) -> Result<Vec<SevSection>, FirmwareError> {
        let bytes = self.pointed(METADATA, "which pages SEV-SNP needs (SEV metadata)")?;
        let cut_off = FirmwareError::Damaged("the SEV metadata is cut off");
        let (header, _) = Header::ref_from_prefix(bytes).map_err(|_| cut_off)?;
        if header.signature != *b"ASEV" || header.version != 1 {
            return Err(FirmwareError::Damaged("the SEV metadata's signature or version is unknown"));
        }
        let sections = usize::try_from(header.size.get())
            .ok()
            .and_then(|size| bytes.get(size_of::<Header>()..size))
            .ok_or(cut_off)?;
        let count = usize::try_from(header.count.get()).map_err(|_| cut_off)?;
        let (sections, _) = <[Section]>::ref_from_prefix_with_elems(sections, count).map_err(|_| cut_off)?;
        let mut total = 0;
        sections
            .iter()
            .map(|section| {
                let section = SevSection::new(section)?;
                total += section.size;
                if total > MAX_ADDED { Err(FirmwareError::TooMuch(total)) } else { Ok(section) }
            })
            .collect()
    }
}

impl SevSection {
    fn new(section: &Section) -> Result<Self, FirmwareError> {
        let kind = match section.kind.get() {
            1 => SevSectionKind::SecMem,
            2 => SevSectionKind::Secrets,
            3 => SevSectionKind::Cpuid,
            4 => SevSectionKind::SvsmCaa,
            0x10 => SevSectionKind::KernelHashes,
            kind => return Err(FirmwareError::SectionType { table: "SEV", kind }),
        };
        let (address, size) = (u64::from(section.address.get()), u64::from(section.size.get()));
        if !address.is_multiple_of(PAGE as u64) || !size.is_multiple_of(PAGE as u64) || size == 0 {
            return Err(FirmwareError::Damaged("a SEV section is not whole pages"));
        }
        let single =
            matches!(kind, SevSectionKind::Secrets | SevSectionKind::Cpuid | SevSectionKind::KernelHashes);
        if single && size != PAGE as u64 {
            return Err(FirmwareError::Damaged("a SEV section that is one page has another length"));
        }
        Ok(Self { address, size, kind })
    }
}
