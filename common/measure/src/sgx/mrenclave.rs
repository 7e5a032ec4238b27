//! MRENCLAVE: a hash over the operations that build an enclave, until EINIT.

use sha2::{Digest as _, Sha256};

use crate::PAGE;
use crate::digest::{Digest, Digest256};

/// What one EEXTEND takes.
pub const CHUNK: usize = 256;

/// SECINFO.FLAGS (SDM volume 3D, table 37-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecinfoFlags(u64);

impl SecinfoFlags {
    /// Readable.
    pub const READ: u64 = 1 << 0;
    /// Writable.
    pub const WRITE: u64 = 1 << 1;
    /// Executable.
    pub const EXECUTE: u64 = 1 << 2;

    /// A thread control structure. The CPU takes its permissions away before it measures.
    pub const TCS: Self = Self(1 << 8);

    /// A page of data or code with these permissions; other bits are dropped.
    #[must_use]
    pub const fn regular(permissions: u64) -> Self {
        Self((2 << 8) | (permissions & (Self::READ | Self::WRITE | Self::EXECUTE)))
    }

    /// The value.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// What ECREATE and EADD would refuse. Whoever lays out the enclave is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MrenclaveError {
    /// SECS.SIZE.
    #[error("an enclave's size is a power of two, at least two pages; {0:#x} is not")]
    Size(u64),
    /// SECS.SSAFRAMESIZE.
    #[error("a state-save frame has at least one page")]
    SsaFrame,
    /// An offset.
    #[error("there is no page at offset {0:#x} of the enclave")]
    Offset(u64),
}

/// The hash so far.
#[derive(Clone, Debug)]
pub struct Mrenclave {
    hash: Sha256,
    size: u64,
}

impl Mrenclave {
    /// ECREATE: SSAFRAMESIZE in pages, SIZE in bytes.
    ///
    /// # Errors
    /// If the CPU would refuse them.
    pub fn ecreate(ssa_frame_size: u32, size: u64) -> Result<Self, MrenclaveError> {
        if !size.is_power_of_two() || size < 2 * PAGE as u64 {
            return Err(MrenclaveError::Size(size));
        }
        if ssa_frame_size == 0 {
            return Err(MrenclaveError::SsaFrame);
        }
        let mut record = [0; 64];
        record[..8].copy_from_slice(b"ECREATE\0");
        record[8..12].copy_from_slice(&ssa_frame_size.to_le_bytes());
        record[12..20].copy_from_slice(&size.to_le_bytes());
        Ok(Self { hash: Sha256::new().chain_update(record), size })
    }

    /// EADD: a page at `offset` from the enclave's base. Its content is not part of the record.
    ///
    /// # Errors
    /// If there can be no page.
    pub fn eadd(&mut self, offset: u64, flags: SecinfoFlags) -> Result<(), MrenclaveError> {
        if !offset.is_multiple_of(PAGE as u64) || offset >= self.size {
            return Err(MrenclaveError::Offset(offset));
        }
        let mut record = [0; 64];
        record[..8].copy_from_slice(b"EADD\0\0\0\0");
        record[8..16].copy_from_slice(&offset.to_le_bytes());
        record[16..24].copy_from_slice(&flags.bits().to_le_bytes());
        self.hash.update(record);
        Ok(())
    }

    /// EEXTEND: one chunk at `offset`.
    ///
    /// # Errors
    /// If there can be no chunk.
    pub fn eextend(&mut self, offset: u64, chunk: &[u8; CHUNK]) -> Result<(), MrenclaveError> {
        if !offset.is_multiple_of(CHUNK as u64) || offset >= self.size {
            return Err(MrenclaveError::Offset(offset));
        }
        let mut record = [0; 64];
        record[..8].copy_from_slice(b"EEXTEND\0");
        record[8..16].copy_from_slice(&offset.to_le_bytes());
        self.hash.update(record);
        self.hash.update(chunk);
        Ok(())
    }

    /// A page as Linux adds it with `SGX_PAGE_MEASURE`: EADD, then EEXTEND for each of its sixteen chunks.
    ///
    /// # Errors
    /// If there can be no page.
    pub fn page(
        &mut self,
        offset: u64,
        flags: SecinfoFlags,
        page: &[u8; PAGE],
    ) -> Result<(), MrenclaveError> {
        self.eadd(offset, flags)?;
        let (chunks, _) = page.as_chunks::<CHUNK>();
        (offset..).step_by(CHUNK).zip(chunks).try_for_each(|(offset, chunk)| self.eextend(offset, chunk))
    }

    /// EINIT: the value.
    #[must_use]
    pub fn value(self) -> Digest256 {
        Digest(self.hash.finalize().into())
    }
}
