//! What the host tells a Keep before it starts. All of it is untrusted.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{ABI_VERSION, MAX_VCPUS, window};

/// The first eight bytes of the window.
pub const MAGIC: u64 = u64::from_le_bytes(*b"HOLDFAST");

/// The least memory a Keep can start with, in bytes.
pub const MIN_MEMORY: u64 = 32 * 1024 * 1024;

/// The most memory a Keep can be given, in bytes (1 TiB).
pub const MAX_MEMORY: u64 = 1 << 40;

/// Granule of the memory size: the Keep manages its memory in blocks of this many bytes.
pub const MEMORY_GRANULE: u64 = 2 * 1024 * 1024;

/// Boot information, at offset [`window::BOOT_INFO`] of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BootInfo {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`ABI_VERSION`].
    pub abi_version: u32,
    /// How many vCPUs the Keep may start, the first included: 1..=[`MAX_VCPUS`].
    pub vcpus: u32,
    /// The Keep's own memory in bytes, a multiple of [`MEMORY_GRANULE`].
    pub memory: u64,
    /// Length in bytes of the body at [`window::BODY`].
    pub body_length: u64,
    /// Frequency of the time stamp counter in kHz; 0: not known, the Keep asks for the time instead.
    pub tsc_khz: u64,
    /// The host's wall clock, nanoseconds since 1970-01-01T00:00:00Z.
    pub wall_ns: u64,
    /// Zero.
    pub reserved: [u64; 2],
}

const _: () = assert!(size_of::<BootInfo>() == 64);

/// Why boot information is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootInfoError {
    /// The window does not start with [`MAGIC`].
    #[error("the boot information has the wrong magic number")]
    Magic,
    /// Host and Keep speak different versions.
    #[error("the host speaks gate version {0}, this Keep speaks {ABI_VERSION}")]
    Version(u32),
    /// No vCPU, or too many.
    #[error("{0} vCPUs were asked for; 1 to {MAX_VCPUS} are possible")]
    Vcpus(u32),
    /// Too little, too much, or no multiple of the granule.
    #[error("{0} bytes of memory are not between {MIN_MEMORY} and {MAX_MEMORY} in steps of {MEMORY_GRANULE}")]
    Memory(u64),
    /// Empty or too long.
    #[error("a body of {0} bytes is empty or longer than {max}", max = window::MAX_BODY)]
    Body(u64),
    /// A field that must be zero is not.
    #[error("a reserved field of the boot information is not zero")]
    Reserved,
}

impl BootInfo {
    /// Checks each field's range. Call it on a private copy.
    ///
    /// # Errors
    /// The first field out of range, in the order of the structure.
    pub const fn check(&self) -> Result<(), BootInfoError> {
        if self.magic != MAGIC {
            return Err(BootInfoError::Magic);
        }
        if self.abi_version != ABI_VERSION {
            return Err(BootInfoError::Version(self.abi_version));
        }
        if self.vcpus == 0 || self.vcpus > MAX_VCPUS {
            return Err(BootInfoError::Vcpus(self.vcpus));
        }
        if self.memory < MIN_MEMORY || self.memory > MAX_MEMORY || !self.memory.is_multiple_of(MEMORY_GRANULE)
        {
            return Err(BootInfoError::Memory(self.memory));
        }
        if self.body_length == 0 || self.body_length > window::MAX_BODY {
            return Err(BootInfoError::Body(self.body_length));
        }
        if self.reserved[0] | self.reserved[1] != 0 {
            return Err(BootInfoError::Reserved);
        }
        Ok(())
    }
}
