//! The reports inside quotes.

use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// ATTRIBUTES.FLAGS of an enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct SgxAttributes(pub u64);

impl SgxAttributes {
    /// The bits by position, with the manual's names (SDM 3D, table "Layout of ATTRIBUTES Structure").
    pub const BITS: [(u32, &'static str); 6] =
        [(0, "INIT"), (1, "DEBUG"), (2, "MODE64BIT"), (4, "PROVISIONKEY"), (5, "EINITTOKENKEY"), (7, "KSS")];

    /// A bit.
    #[must_use]
    pub const fn bit(self, position: u32) -> bool {
        self.0 >> position & 1 == 1
    }

    /// DEBUG: the host may read and write the enclave's memory.
    #[must_use]
    pub const fn debug(self) -> bool {
        self.bit(1)
    }
}

/// REPORTBODY of an enclave, 384 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SgxReport {
    /// CPUSVN.
    pub cpu_svn: [u8; 16],
    /// MISCSELECT.
    pub misc_select: u32,
    /// CET_ATTRIBUTES and reserved bytes.
    pub reserved_20: [u8; 12],
    /// ISVEXTPRODID.
    pub isv_ext_prod_id: [u8; 16],
    /// ATTRIBUTES.FLAGS.
    pub attributes: SgxAttributes,
    /// ATTRIBUTES.XFRM.
    pub xfrm: u64,
    /// MRENCLAVE.
    pub mr_enclave: [u8; 32],
    /// Zero.
    pub reserved_96: [u8; 32],
    /// MRSIGNER.
    pub mr_signer: [u8; 32],
    /// Zero.
    pub reserved_160: [u8; 32],
    /// CONFIGID.
    pub config_id: [u8; 64],
    /// ISVPRODID.
    pub isv_prod_id: u16,
    /// ISVSVN.
    pub isv_svn: u16,
    /// CONFIGSVN.
    pub config_svn: u16,
    /// Zero.
    pub reserved_262: [u8; 42],
    /// ISVFAMILYID.
    pub isv_family_id: [u8; 16],
    /// REPORTDATA.
    pub report_data: [u8; 64],
}

const _: () = {
    assert!(size_of::<SgxReport>() == 384);
    assert!(offset_of!(SgxReport, attributes) == 48);
    assert!(offset_of!(SgxReport, mr_enclave) == 64);
    assert!(offset_of!(SgxReport, mr_signer) == 128);
    assert!(offset_of!(SgxReport, config_id) == 192);
    assert!(offset_of!(SgxReport, isv_svn) == 258);
    assert!(offset_of!(SgxReport, isv_family_id) == 304);
    assert!(offset_of!(SgxReport, report_data) == 320);
};

/// TDATTRIBUTES.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct TdAttributes(pub u64);

impl TdAttributes {
    /// The bits by position, with the specification's names.
    pub const BITS: [(u32, &'static str); 6] =
        [(0, "DEBUG"), (28, "SEPT_VE_DISABLE"), (29, "MIGRATABLE"), (30, "PKS"), (31, "KL"), (63, "PERFMON")];

    /// A bit.
    #[must_use]
    pub const fn bit(self, position: u32) -> bool {
        self.0 >> position & 1 == 1
    }

    /// The group TUD, bits 7:0: any of them makes the TD one under debug, whose memory the host can read.
    #[must_use]
    pub const fn debug(self) -> bool {
        self.0 & 0xff != 0
    }

    /// MIGRATABLE.
    #[must_use]
    pub const fn migratable(self) -> bool {
        self.bit(29)
    }
}

/// TD report body of TDX 1.0, 584 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TdReport10 {
    /// TEE_TCB_SVN.
    pub tee_tcb_svn: [u8; 16],
    /// MRSEAM.
    pub mr_seam: [u8; 48],
    /// MRSIGNERSEAM; zero for Intel's module.
    pub mr_signer_seam: [u8; 48],
    /// SEAMATTRIBUTES.
    pub seam_attributes: u64,
    /// TDATTRIBUTES.
    pub td_attributes: TdAttributes,
    /// XFAM.
    pub xfam: u64,
    /// MRTD.
    pub mr_td: [u8; 48],
    /// MRCONFIGID.
    pub mr_config_id: [u8; 48],
    /// MROWNER.
    pub mr_owner: [u8; 48],
    /// MROWNERCONFIG.
    pub mr_owner_config: [u8; 48],
    /// RTMR0 to RTMR3.
    pub rtmr: [[u8; 48]; 4],
    /// REPORTDATA.
    pub report_data: [u8; 64],
}

const _: () = {
    assert!(size_of::<TdReport10>() == 584);
    assert!(offset_of!(TdReport10, seam_attributes) == 112);
    assert!(offset_of!(TdReport10, mr_td) == 136);
    assert!(offset_of!(TdReport10, rtmr) == 328);
    assert!(offset_of!(TdReport10, report_data) == 520);
};

/// TD report body of TDX 1.5, 648 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TdReport15 {
    /// What TDX 1.0 has.
    pub base: TdReport10,
    /// TEE_TCB_SVN_2: the module's now, where it was updated under the running TD.
    pub tee_tcb_svn_2: [u8; 16],
    /// MRSERVICETD: zero if no service TD is bound.
    pub mr_service_td: [u8; 48],
}

const _: () = assert!(size_of::<TdReport15>() == 648);
