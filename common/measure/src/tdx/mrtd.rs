//! MRTD: a hash over the operations that build a trust domain, until TDH.MR.FINALIZE.

use sha2::{Digest as _, Sha384};

use crate::PAGE;
use crate::digest::{Digest, Digest384};
use crate::firmware::{Firmware, FirmwareError};

/// What one TDH.MR.EXTEND takes.
const CHUNK: usize = 256;

/// The hash so far.
#[derive(Clone, Debug, Default)]
pub struct Mrtd(Sha384);

/// In which order a VMM adds a section's pages and measures them. The value depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageOrder {
    /// Each page is measured as soon as it is added: `KVM_TDX_INIT_MEM_REGION`, Linux 6.16 and newer.
    #[default]
    PageByPage,
    /// All pages of a section are added, then all are measured: kernels before TDX was upstream.
    AddThenExtend,
}

impl Mrtd {
    /// TDH.MEM.PAGE.ADD: a private page at `address`. Its content is not part of the record.
    pub fn page_add(&mut self, address: u64) {
        self.record(b"MEM.PAGE.ADD", address);
    }

    /// TDH.MR.EXTEND sixteen times: the content of the page at `address`.
    pub fn extend_page(&mut self, address: u64, page: &[u8; PAGE]) {
        for (address, chunk) in (address..).step_by(CHUNK).zip(page.chunks_exact(CHUNK)) {
            self.record(b"MR.EXTEND", address);
            self.0.update(chunk);
        }
    }

    /// TDH.MR.FINALIZE: the value.
    #[must_use]
    pub fn finalize(self) -> Digest384 {
        Digest(self.0.finalize().into())
    }

    /// 128 bytes: the operation's name filled to 16, the address, zeros.
    fn record(&mut self, operation: &[u8], address: u64) {
        let mut record = [0; 128];
        record[..operation.len()].copy_from_slice(operation);
        record[16..24].copy_from_slice(&address.to_le_bytes());
        self.0.update(record);
    }

    /// A run of pages, of which the first bytes are `data` and the rest zero.
    pub(crate) fn pages(&mut self, address: u64, length: u64, data: &[u8], extended: bool, order: PageOrder) {
        let addresses = (address..address.saturating_add(length)).step_by(PAGE);
        let content = data.chunks(PAGE).map(Some).chain(core::iter::repeat(None));
        let extend = |mrtd: &mut Self, address, chunk: Option<&[u8]>| {
            let mut page = [0; PAGE];
            let chunk = chunk.unwrap_or_default();
            page[..chunk.len()].copy_from_slice(chunk);
            mrtd.extend_page(address, &page);
        };
        let pages = addresses.zip(content);
        match order {
            PageOrder::PageByPage => {
                for (address, chunk) in pages {
                    self.page_add(address);
                    if extended {
                        extend(self, address, chunk);
                    }
                }
            }
            PageOrder::AddThenExtend => {
                pages.clone().for_each(|(address, _)| self.page_add(address));
                if extended {
                    pages.for_each(|(address, chunk)| extend(self, address, chunk));
                }
            }
        }
    }
}

/// MRTD of a TD that starts with `firmware`. Shape and devices are no part of it: the firmware measures them
/// into RTMR0.
///
/// # Errors
/// If the firmware has no sound TDVF metadata.
pub fn mrtd(firmware: &Firmware<'_>, order: PageOrder) -> Result<Digest384, FirmwareError> {
    let mut mrtd = Mrtd::default();
    for section in firmware.tdvf_sections()?.iter().filter(|section| section.added) {
        mrtd.pages(section.address, section.size, section.data, section.extended, order);
    }
    Ok(mrtd.finalize())
}
