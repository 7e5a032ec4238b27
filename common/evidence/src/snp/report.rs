use core::mem::offset_of;

use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Generation, GuestPolicy, KeyInfo, PlatformInfo, Tcb, TcbLayout};
use crate::EvidenceError;

/// ECDSA signature over a report: P-384, little-endian numbers in 72 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Signature {
    /// R.
    pub r: [u8; 72],
    /// S.
    pub s: [u8; 72],
    /// Zero in every genuine report; no signature covers it.
    pub reserved: [u8; 368],
}

/// Version of the SEV firmware, as CURRENT_BUILD, CURRENT_MINOR, CURRENT_MAJOR and their COMMITTED likes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FirmwareVersion {
    /// BUILD.
    pub build: u8,
    /// MINOR.
    pub minor: u8,
    /// MAJOR.
    pub major: u8,
    /// Zero.
    pub reserved: u8,
}

impl core::fmt::Display for FirmwareVersion {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

/// ATTESTATION_REPORT, 1184 bytes, in the layout of version 5. Earlier versions have it too: what they do
/// not define is reserved there ([`Report::reserved`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Report {
    /// VERSION, 2 to 5.
    pub version: u32,
    /// GUEST_SVN, from the ID block.
    pub guest_svn: u32,
    /// POLICY.
    pub policy: GuestPolicy,
    /// FAMILY_ID, from the ID block.
    pub family_id: [u8; 16],
    /// IMAGE_ID, from the ID block.
    pub image_id: [u8; 16],
    /// VMPL that asked, 0 to 3; all ones if the host did.
    pub vmpl: u32,
    /// SIGNATURE_ALGO; 1 is ECDSA P-384 with SHA-384.
    pub signature_algo: u32,
    /// CURRENT_TCB.
    pub current_tcb: Tcb,
    /// PLATFORM_INFO.
    pub platform_info: PlatformInfo,
    /// AUTHOR_KEY_EN, MASK_CHIP_KEY and SIGNING_KEY.
    pub key_info: KeyInfo,
    /// Zero.
    pub reserved_4c: [u8; 4],
    /// REPORT_DATA, the guest's.
    pub report_data: [u8; 64],
    /// MEASUREMENT: the launch digest.
    pub measurement: [u8; 48],
    /// HOST_DATA, the host's at launch.
    pub host_data: [u8; 32],
    /// ID_KEY_DIGEST.
    pub id_key_digest: [u8; 48],
    /// AUTHOR_KEY_DIGEST, if AUTHOR_KEY_EN.
    pub author_key_digest: [u8; 48],
    /// REPORT_ID.
    pub report_id: [u8; 32],
    /// REPORT_ID_MA: all ones without a migration agent.
    pub report_id_ma: [u8; 32],
    /// REPORTED_TCB: the one that the signing key is derived for.
    pub reported_tcb: Tcb,
    /// CPUID_FAM_ID, from version 3.
    pub cpuid_fam_id: u8,
    /// CPUID_MOD_ID, from version 3.
    pub cpuid_mod_id: u8,
    /// CPUID_STEP, from version 3.
    pub cpuid_step: u8,
    /// Zero.
    pub reserved_18b: [u8; 21],
    /// CHIP_ID. Zero if masked; Turin's is 8 bytes, then zeros.
    pub chip_id: [u8; 64],
    /// COMMITTED_TCB.
    pub committed_tcb: Tcb,
    /// CURRENT_MAJOR, CURRENT_MINOR and CURRENT_BUILD.
    pub current_version: FirmwareVersion,
    /// COMMITTED_MAJOR, COMMITTED_MINOR and COMMITTED_BUILD.
    pub committed_version: FirmwareVersion,
    /// LAUNCH_TCB.
    pub launch_tcb: Tcb,
    /// LAUNCH_MIT_VECTOR, from version 5.
    pub launch_mit_vector: u64,
    /// CURRENT_MIT_VECTOR, from version 5.
    pub current_mit_vector: u64,
    /// Zero.
    pub reserved_208: [u8; 152],
    /// SIGNATURE over all before it.
    pub signature: Signature,
}

const _: () = {
    assert!(size_of::<Report>() == Report::LENGTH);
    assert!(offset_of!(Report, policy) == 0x008);
    assert!(offset_of!(Report, vmpl) == 0x030);
    assert!(offset_of!(Report, current_tcb) == 0x038);
    assert!(offset_of!(Report, key_info) == 0x048);
    assert!(offset_of!(Report, report_data) == 0x050);
    assert!(offset_of!(Report, measurement) == 0x090);
    assert!(offset_of!(Report, host_data) == 0x0c0);
    assert!(offset_of!(Report, id_key_digest) == 0x0e0);
    assert!(offset_of!(Report, report_id) == 0x140);
    assert!(offset_of!(Report, reported_tcb) == 0x180);
    assert!(offset_of!(Report, cpuid_fam_id) == 0x188);
    assert!(offset_of!(Report, chip_id) == 0x1a0);
    assert!(offset_of!(Report, committed_tcb) == 0x1e0);
    assert!(offset_of!(Report, current_version) == 0x1e8);
    assert!(offset_of!(Report, launch_tcb) == 0x1f0);
    assert!(offset_of!(Report, launch_mit_vector) == 0x1f8);
    assert!(offset_of!(Report, signature) == Report::SIGNED);
};

impl Report {
    /// Length in bytes.
    pub const LENGTH: usize = 0x4a0;

    /// How many bytes from the start are signed.
    pub const SIGNED: usize = 0x2a0;

    /// Reads a report: exactly its bytes.
    ///
    /// # Errors
    /// [`EvidenceError::Truncated`], [`EvidenceError::Trailing`], and [`EvidenceError::Version`] for a version
    /// that is not 2 to 5.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        const WHAT: &str = "SEV-SNP report";
        let (report, rest) = Self::read_from_prefix(bytes).map_err(|_| EvidenceError::Truncated {
            what: WHAT,
            needed: Self::LENGTH,
            found: bytes.len(),
        })?;
        crate::error::end(rest, WHAT)?;
        match report.version {
            2..=5 => Ok(report),
            found => Err(EvidenceError::Version { what: WHAT, found, known: "2 to 5" }),
        }
    }

    /// The bytes that [`Report::parse`] reads.
    #[must_use]
    pub fn build(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes.copy_from_slice(self.as_bytes());
        bytes
    }

    /// The bytes that the signature covers.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        self.as_bytes().get(..Self::SIGNED).unwrap_or_default()
    }

    /// The processor's generation: of its own accord from version 3, else unknown.
    #[must_use]
    pub const fn generation(&self) -> Option<Generation> {
        match self.version {
            3.. => Generation::from_cpuid(self.cpuid_fam_id, self.cpuid_mod_id),
            _ => None,
        }
    }

    /// The parts that this version reserves, by offset and content: zero in a genuine report. The reserved
    /// bytes of TCB versions count where `layout` is known.
    #[must_use]
    pub fn reserved(&self, layout: Option<TcbLayout>) -> Vec<(usize, Vec<u8>)> {
        let mut parts = Vec::new();
        let mut part = |at: usize, bytes: &[u8]| parts.push((at, bytes.to_vec()));
        part(0x04c, &self.reserved_4c);
        if self.version < 3 {
            part(0x188, &[self.cpuid_fam_id, self.cpuid_mod_id, self.cpuid_step]);
        }
        part(0x18b, &self.reserved_18b);
        part(0x1eb, &[self.current_version.reserved]);
        part(0x1ef, &[self.committed_version.reserved]);
        if self.version < 5 {
            part(0x1f8, self.launch_mit_vector.as_bytes());
            part(0x200, self.current_mit_vector.as_bytes());
        }
        part(0x208, &self.reserved_208);
        part(0x330, &self.signature.reserved);
        if let Some(layout) = layout {
            for (at, tcb) in [
                (0x038, self.current_tcb),
                (0x180, self.reported_tcb),
                (0x1e0, self.committed_tcb),
                (0x1f0, self.launch_tcb),
            ] {
                part(at, &tcb.reserved(layout));
            }
        }
        parts
    }
}
