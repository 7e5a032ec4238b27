//! Measured direct boot: the hashes of kernel, initial RAM disk and command line, which the VMM puts into a
//! page and the firmware checks.
//!
//! Layout: QEMU, `target/i386/sev.c`, `SevHashTable`; edk2, `OvmfPkg/AmdSev/BlobVerifierLibSevHashes`.

use sha2::{Digest as _, Sha256};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::PAGE;
use crate::digest::{Digest, Digest256};
use crate::firmware::Guid;

const TABLE: Guid = Guid::new(0x9438_d606, 0x4f22, 0x4cc9, 0xb479_a793_d411_fd21);
const CMDLINE: Guid = Guid::new(0x97d0_2dd8, 0xbd20, 0x4c94, 0xaa78_e771_4d36_ab2a);
const INITRD: Guid = Guid::new(0x44ba_f731, 0x3a2f, 0x4bd7, 0x9af1_41e2_9169_781d);
const KERNEL: Guid = Guid::new(0x4de7_9437, 0xabd2, 0x427f, 0xb835_d5b1_72d2_045b);

/// SHA-256 of what is booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelHashes {
    /// Of the kernel, as the VMM passes it on.
    pub kernel: Digest256,
    /// Of the initial RAM disk; of nothing if there is none.
    pub initrd: Digest256,
    /// Of the command line with its closing NUL.
    pub cmdline: Digest256,
}

#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C, packed)]
struct Entry {
    guid: [u8; 16],
    length: u16,
    hash: [u8; 32],
}

#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C, packed)]
struct Table {
    guid: [u8; 16],
    length: u16,
    cmdline: Entry,
    initrd: Entry,
    kernel: Entry,
    /// To a multiple of 16 bytes; not counted in `length`.
    padding: [u8; 8],
}

const _: () = assert!(size_of::<Entry>() == 50 && size_of::<Table>() == 176);

impl KernelHashes {
    /// Hashes the three. `cmdline` comes without the closing NUL, which is added.
    #[must_use]
    pub fn new(kernel: &[u8], initrd: &[u8], cmdline: &[u8]) -> Self {
        Self {
            kernel: Digest(Sha256::digest(kernel).into()),
            initrd: Digest(Sha256::digest(initrd).into()),
            cmdline: Digest(Sha256::new().chain_update(cmdline).chain_update([0]).finalize().into()),
        }
    }

    /// The table, as it lies in memory.
    #[must_use]
    pub fn table(&self) -> [u8; 176] {
        let entry = |guid: Guid, hash: &Digest256| Entry {
            guid: guid.bytes(),
            length: size_of::<Entry>() as u16,
            hash: hash.0,
        };
        zerocopy::transmute!(Table {
            guid: TABLE.bytes(),
            length: 168,
            cmdline: entry(CMDLINE, &self.cmdline),
            initrd: entry(INITRD, &self.initrd),
            kernel: entry(KERNEL, &self.kernel),
            padding: [0; 8],
        })
    }

    /// The page with the table at `offset`, all else zero. `None` if the table reaches over its end.
    #[must_use]
    pub fn page(&self, offset: usize) -> Option<[u8; PAGE]> {
        let mut page = [0; PAGE];
        let table = self.table();
        page.get_mut(offset..offset.checked_add(table.len())?)?.copy_from_slice(&table);
        Some(page)
    }
}
