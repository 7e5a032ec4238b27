//! The launch digest: a hash chain over the pages of the launch.

use sha2::{Digest as _, Sha384};
use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::PAGE;
use crate::digest::{Digest, Digest384};

/// Where the firmware puts every VMSA in the chain: an address of all ones, cut to 52 bits less those that
/// KVM does not give (Linux, `arch/x86/kvm/svm/sev.c`, `INITIAL_VMSA_GPA`).
pub const VMSA_ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/// How a page is added (AMD 56860, `SNP_LAUNCH_UPDATE`, "Encodings for the PAGE_TYPE field").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PageType {
    /// Its content is measured.
    Normal = 1,
    /// A vCPU's registers; content measured.
    Vmsa = 2,
    /// Zeros.
    Zero = 3,
    /// Its content is not measured.
    Unmeasured = 4,
    /// The firmware fills it with the guest's keys.
    Secrets = 5,
    /// The firmware checks the CPUID values in it; they are not measured.
    Cpuid = 6,
}

/// What one page contributes (AMD 56860, `SNP_LAUNCH_UPDATE`, "Layout of the PAGE_INFO structure").
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct PageInfo {
    digest_cur: [u8; 48],
    contents: [u8; 48],
    length: u16,
    page_type: u8,
    imi_page: u8,
    vmpl3_perms: u8,
    vmpl2_perms: u8,
    vmpl1_perms: u8,
    reserved: u8,
    gpa: u64,
}

const _: () = assert!(size_of::<PageInfo>() == 0x70);

/// The digest so far. Starts as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchDigest(Digest384);

impl Default for LaunchDigest {
    fn default() -> Self {
        Self(Digest([0; 48]))
    }
}

impl LaunchDigest {
    /// Goes on from a digest that is known, for instance of the firmware's pages alone.
    #[must_use]
    pub const fn resume(digest: Digest384) -> Self {
        Self(digest)
    }

    /// The value: MEASUREMENT of a report, after the last page.
    #[must_use]
    pub const fn value(&self) -> Digest384 {
        self.0
    }

    /// Adds one page with content, NORMAL.
    pub fn normal_page(&mut self, address: u64, page: &[u8; PAGE]) {
        self.update(PageType::Normal, address, Sha384::digest(page).into());
    }

    /// Adds the initial registers of a vCPU. The VMM adds them after all other pages, in the vCPUs' order.
    pub fn vmsa_page(&mut self, page: &[u8; PAGE]) {
        self.update(PageType::Vmsa, VMSA_ADDRESS, Sha384::digest(page).into());
    }

    /// Adds a run of bytes as NORMAL pages; the last is filled with zeros.
    pub fn normal_pages(&mut self, address: u64, bytes: &[u8]) {
        for (address, bytes) in (address..).step_by(PAGE).zip(bytes.chunks(PAGE)) {
            let mut page = [0; PAGE];
            page[..bytes.len()].copy_from_slice(bytes);
            self.normal_page(address, &page);
        }
    }

    /// Adds ZERO pages.
    pub fn zero_pages(&mut self, address: u64, length: u64) {
        self.blank_pages(PageType::Zero, address, length);
    }

    /// Adds UNMEASURED pages: their addresses are measured, their content is not.
    pub fn unmeasured_pages(&mut self, address: u64, length: u64) {
        self.blank_pages(PageType::Unmeasured, address, length);
    }

    /// Adds the SECRETS page.
    pub fn secrets_page(&mut self, address: u64) {
        self.blank_pages(PageType::Secrets, address, PAGE as u64);
    }

    /// Adds the CPUID page.
    pub fn cpuid_page(&mut self, address: u64) {
        self.blank_pages(PageType::Cpuid, address, PAGE as u64);
    }

    fn blank_pages(&mut self, page_type: PageType, address: u64, length: u64) {
        for offset in (0..length).step_by(PAGE) {
            self.update(page_type, address + offset, [0; 48]);
        }
    }

    fn update(&mut self, page_type: PageType, gpa: u64, contents: [u8; 48]) {
        // The VMPL permissions stay zero: KVM gives none to the lower levels at launch.
        let info = PageInfo {
            digest_cur: self.0.0,
            contents,
            length: size_of::<PageInfo>() as u16,
            page_type: page_type as u8,
            gpa,
            ..PageInfo::new_zeroed()
        };
        self.0 = Digest(Sha384::digest(info.as_bytes()).into());
    }
}
