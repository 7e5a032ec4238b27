//! OVMF firmware files: the table at their end, and what it points to.
//!
//! Layout: edk2, `OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm`. The table ends 32 bytes before the end
//! of the file. It is read backwards: each entry is its data, then its whole length (`u16`), then its GUID.
//! The last entry is the footer, whose length is the whole table's.

mod guid;
mod sev;
mod tdvf;

pub use guid::Guid;
pub use sev::{SevSection, SevSectionKind};
pub use tdvf::{TdvfSection, TdvfSectionKind};

use crate::PAGE;

/// The end of a firmware image in guest-physical memory, unless something else is said.
pub const FOUR_GIB: u64 = 1 << 32;

/// Bytes behind the table: the reset vector.
const BEHIND_TABLE: usize = 32;

/// Length and GUID of an entry.
const ENTRY_HEADER: usize = 18;

const FOOTER: Guid = Guid::new(0x96b5_82de, 0x1fb2, 0x45f7, 0xbaea_a366_c55a_082d);
const RESET_BLOCK: Guid = Guid::new(0x00f7_71de, 0x1a7e, 0x4fcb, 0x890e_68c7_7e2f_b44e);
const HASH_TABLE: Guid = Guid::new(0x7255_371f, 0x3a3b, 0x4b04, 0x927b_1da6_efa8_d454);
const SVSM_INFO: Guid = Guid::new(0xa789_a612, 0x0597, 0x4c4b, 0xa49f_cbb1_fe9d_1ddd);

/// What is wrong with a firmware file, or what it does not offer. The file is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirmwareError {
    /// Not whole pages, or none, or more than fit below 4 GiB.
    #[error("a firmware of {0} bytes is not whole pages below 4 GiB; give the complete image, not a part")]
    Size(usize),
    /// It has no table.
    #[error("the file has no OVMF table at its end; is it an OVMF image?")]
    NoTable,
    /// An entry reaches over the table, or the table over the file.
    #[error("the OVMF table is damaged: {0}")]
    Damaged(&'static str),
    /// An entry is missing.
    #[error("the firmware does not say {0}; it was not built for this TEE or this option")]
    Missing(&'static str),
    /// A section has a type that has no meaning here.
    #[error(
        "the firmware's {table} metadata has a section of unknown type {kind}; a newer version is needed"
    )]
    SectionType {
        /// "SEV" or "TDX".
        table: &'static str,
        /// The type.
        kind: u32,
    },
    /// Sections ask for more memory than any firmware does.
    #[error("the firmware asks for {0} bytes to be added at launch; at most {MAX_ADDED} are plausible")]
    TooMuch(u64),
}

/// Memory that sections may ask for, in all: it bounds the work that a file can cause.
pub const MAX_ADDED: u64 = 64 << 20;

/// A firmware file with a table.
#[derive(Clone, Copy, Debug)]
pub struct Firmware<'a> {
    file: &'a [u8],
    /// The entries, without the footer.
    table: &'a [u8],
    end: u64,
}

impl<'a> Firmware<'a> {
    /// Reads an image that ends at 4 GiB.
    ///
    /// # Errors
    /// If the size is wrong, or there is no sound table.
    pub fn parse(file: &'a [u8]) -> Result<Self, FirmwareError> {
        Self::parse_ending_at(file, FOUR_GIB)
    }

    /// Reads an image that ends at guest-physical address `end`.
    ///
    /// # Errors
    /// If the size is wrong, or there is no sound table.
    pub fn parse_ending_at(file: &'a [u8], end: u64) -> Result<Self, FirmwareError> {
        let size = FirmwareError::Size(file.len());
        let whole = end.is_multiple_of(PAGE as u64) && !file.is_empty() && file.len().is_multiple_of(PAGE);
        if !whole || end > FOUR_GIB || file.len() as u64 > end {
            return Err(size);
        }
        let entries_and_footer = file.get(..file.len() - BEHIND_TABLE).ok_or(size)?;
        let (rest, footer) =
            entries_and_footer.split_last_chunk::<ENTRY_HEADER>().ok_or(FirmwareError::NoTable)?;
        let (length, guid) = header(footer);
        if guid != FOOTER {
            return Err(FirmwareError::NoTable);
        }
        let table = length
            .checked_sub(ENTRY_HEADER)
            .and_then(|length| rest.get(rest.len().checked_sub(length)?..))
            .ok_or(FirmwareError::Damaged("its length reaches outside the file"))?;
        let firmware = Self { file, table, end };
        firmware.entries().try_for_each(|entry| entry.map(drop))?;
        Ok(firmware)
    }

    /// The whole file.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.file
    }

    /// Its first guest-physical address.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.end - self.file.len() as u64
    }

    /// Where SEV-ES and SEV-SNP guests start their vCPUs but the first: EIP at reset, CS base in the upper half.
    ///
    /// # Errors
    /// If the table has no such entry.
    pub fn reset_eip(&self) -> Result<u32, FirmwareError> {
        self.number(RESET_BLOCK, "where secondary vCPUs start (SEV-ES reset block)")
    }

    /// Where the firmware expects the table of kernel hashes, guest-physical.
    ///
    /// # Errors
    /// If it expects none.
    pub fn hash_table(&self) -> Result<u32, FirmwareError> {
        match self.number(HASH_TABLE, "where kernel hashes go")? {
            0 => Err(FirmwareError::Missing("where kernel hashes go")),
            address => Ok(address),
        }
    }

    /// Where an SVSM image starts its vCPUs, guest-physical.
    ///
    /// # Errors
    /// If the image is no SVSM, or the address lies outside 32 bits.
    pub fn svsm_entry(&self) -> Result<u32, FirmwareError> {
        let offset = self.number(SVSM_INFO, "where the SVSM starts")?;
        u32::try_from(self.address() + u64::from(offset))
            .map_err(|_| FirmwareError::Damaged("the SVSM starts above 4 GiB"))
    }

    /// The bytes of the structure to which an entry points, by offset from the end of the file.
    fn pointed(&self, guid: Guid, what: &'static str) -> Result<&'a [u8], FirmwareError> {
        let offset = self.number(guid, what)?;
        usize::try_from(offset)
            .ok()
            .and_then(|offset| self.file.get(self.file.len().checked_sub(offset)?..))
            .ok_or(FirmwareError::Damaged("it points outside the file"))
    }

    fn number(&self, guid: Guid, what: &'static str) -> Result<u32, FirmwareError> {
        let data = self.find(guid)?.ok_or(FirmwareError::Missing(what))?;
        let (number, _) = data.split_first_chunk().ok_or(FirmwareError::Damaged("an entry is too short"))?;
        Ok(u32::from_le_bytes(*number))
    }

    /// The first entry from the end, as QEMU takes it (`hw/i386/pc_sysfw_ovmf.c`).
    fn find(&self, wanted: Guid) -> Result<Option<&'a [u8]>, FirmwareError> {
        for entry in self.entries() {
            let (guid, data) = entry?;
            if guid == wanted {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    fn entries(&self) -> impl Iterator<Item = Result<(Guid, &'a [u8]), FirmwareError>> {
        let mut rest = self.table;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let entry = last_entry(rest);
            rest = entry.map_or(&[], |(before, ..)| before);
            Some(
                entry
                    .map(|(_, guid, data)| (guid, data))
                    .ok_or(FirmwareError::Damaged("an entry's length is wrong")),
            )
        })
    }
}

/// Splits the last entry off: what is before it, its GUID, its data.
fn last_entry(table: &[u8]) -> Option<(&[u8], Guid, &[u8])> {
    let (data, entry_header) = table.split_last_chunk::<ENTRY_HEADER>()?;
    let (length, guid) = header(entry_header);
    let length = length.checked_sub(ENTRY_HEADER)?;
    let (before, data) = data.split_at_checked(data.len().checked_sub(length)?)?;
    Some((before, guid, data))
}

fn header(bytes: &[u8; ENTRY_HEADER]) -> (usize, Guid) {
    let [low, high, guid @ ..] = bytes;
    (usize::from(u16::from_le_bytes([*low, *high])), Guid::from_bytes(*guid))
}
