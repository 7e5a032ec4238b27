//! The two structures inside an image.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First field of a [`Stage0Header`].
pub const STAGE0_MAGIC: u64 = u64::from_le_bytes(*b"HFSTAGE0");

/// First field of a [`BodyHeader`].
pub const BODY_MAGIC: u64 = u64::from_le_bytes(*b"HFBODY\0\0");

/// How many exception vectors stage 0 has entries for.
pub const EXCEPTION_VECTORS: usize = 32;

/// At the start of stage 0. Addresses are absolute. The loader's side builds the interrupt table and
/// start registers from it; hash and length are written by the packer.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Stage0Header {
    /// [`STAGE0_MAGIC`].
    pub magic: u64,
    /// Where vCPU 0 of a virtual machine starts, in ring 3.
    pub machine_entry: u64,
    /// Where the other vCPUs start, in ring 3.
    pub vcpu_entry: u64,
    /// Where the process platform starts.
    pub process_entry: u64,
    /// Ring 0 entries of the CPU's exceptions.
    pub exceptions: [u64; EXCEPTION_VECTORS],
    /// Ring 0 entry of the host's interrupt.
    pub interrupt: u64,
    /// First stack of vCPU 0.
    pub stack: u64,
    /// Length of the body in bytes.
    pub body_length: u64,
    /// SHA-256 of the body.
    pub body_hash: [u8; 32],
}

/// A run of the body's pages with one permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BodySegment {
    /// Offset from the start of the body, a multiple of the page size.
    pub offset: u64,
    /// Length in bytes, a multiple of the page size.
    pub length: u64,
    /// [`READ`], or-ed with [`WRITE`] or [`EXECUTE`], never both.
    pub permissions: u64,
}

/// May be read.
pub const READ: u64 = 1;
/// May be written.
pub const WRITE: u64 = 2;
/// May be executed.
pub const EXECUTE: u64 = 4;

/// Segments of a body at the most.
pub const MAX_SEGMENTS: usize = 8;

/// The first page of the body.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BodyHeader {
    /// [`BODY_MAGIC`].
    pub magic: u64,
    /// Where the body starts, absolute.
    pub entry: u64,
    /// Memory of the whole body in bytes, zero-initialised data included; a multiple of the page size.
    pub memory: u64,
    /// The thread-local storage template: offset from the start of the body.
    pub tls_offset: u64,
    /// Initialised bytes of the template.
    pub tls_initialised: u64,
    /// All bytes of the template.
    pub tls_length: u64,
    /// Its alignment, a power of two.
    pub tls_alignment: u64,
    /// How many of `segments` are used.
    pub segment_count: u64,
    /// In ascending order, without gaps from the second page on.
    pub segments: [BodySegment; MAX_SEGMENTS],
}

const _: () = assert!(size_of::<BodyHeader>() == 64 + 24 * MAX_SEGMENTS);
