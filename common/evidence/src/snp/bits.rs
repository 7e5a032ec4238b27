//! The fields of single bits.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// POLICY: what the guest's owner demanded at launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct GuestPolicy(pub u64);

impl GuestPolicy {
    /// The bits by position, with the specification's names.
    pub const BITS: [(u32, &'static str); 10] = [
        (16, "SMT"),
        (17, "reserved, one"),
        (18, "MIGRATE_MA"),
        (19, "DEBUG"),
        (20, "SINGLE_SOCKET"),
        (21, "CXL_ALLOW"),
        (22, "MEM_AES_256_XTS"),
        (23, "RAPL_DIS"),
        (24, "CIPHERTEXT_HIDING_DRAM"),
        (25, "PAGE_SWAP_DISABLE"),
    ];

    /// The least ABI version: major, minor.
    #[must_use]
    pub const fn abi(self) -> (u8, u8) {
        ((self.0 >> 8) as u8, self.0 as u8)
    }

    /// A bit.
    #[must_use]
    pub const fn bit(self, position: u32) -> bool {
        self.0 >> position & 1 == 1
    }

    /// SMT: simultaneous multithreading may be on.
    #[must_use]
    pub const fn smt(self) -> bool {
        self.bit(16)
    }

    /// MIGRATE_MA: a migration agent may be bound.
    #[must_use]
    pub const fn migrate_ma(self) -> bool {
        self.bit(18)
    }

    /// DEBUG: the host may decrypt the guest's memory.
    #[must_use]
    pub const fn debug(self) -> bool {
        self.bit(19)
    }

    /// The bits that no known version defines, and the reserved bit 17 if it is *not* one.
    #[must_use]
    pub const fn wrong(self) -> u64 {
        (self.0 & !0x03ff_ffff) | (!self.0 & 1 << 17)
    }
}

/// PLATFORM_INFO: how the host is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct PlatformInfo(pub u64);

impl PlatformInfo {
    /// The bits by position, with the specification's names.
    pub const BITS: [(u32, &'static str); 7] = [
        (0, "SMT_EN"),
        (1, "TSME_EN"),
        (2, "ECC_EN"),
        (3, "RAPL_DIS"),
        (4, "CIPHERTEXT_HIDING_DRAM_EN"),
        (5, "ALIAS_CHECK_COMPLETE"),
        (7, "TIO_EN"),
    ];

    /// A bit.
    #[must_use]
    pub const fn bit(self, position: u32) -> bool {
        self.0 >> position & 1 == 1
    }
}

/// Which key signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum SigningKey {
    /// The chip's own key.
    Vcek,
    /// A key that AMD gave to the cloud provider.
    Vlek,
    /// None: the report is not signed.
    None,
    /// A value that the specification does not define.
    Unknown(u8),
}

/// AUTHOR_KEY_EN, MASK_CHIP_KEY and SIGNING_KEY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct KeyInfo(pub u32);

impl KeyInfo {
    /// AUTHOR_KEY_EN: AUTHOR_KEY_DIGEST says who signed the ID key.
    #[must_use]
    pub const fn author_key_en(self) -> bool {
        self.0 & 1 == 1
    }

    /// MASK_CHIP_KEY: the firmware does not sign with the chip's key; the signature is zero.
    #[must_use]
    pub const fn mask_chip_key(self) -> bool {
        self.0 & 2 == 2
    }

    /// SIGNING_KEY.
    #[must_use]
    pub const fn signing_key(self) -> SigningKey {
        match (self.0 >> 2 & 7) as u8 {
            0 => SigningKey::Vcek,
            1 => SigningKey::Vlek,
            7 => SigningKey::None,
            other => SigningKey::Unknown(other),
        }
    }

    /// The bits that are reserved.
    #[must_use]
    pub const fn reserved(self) -> u32 {
        self.0 & !0x1f
    }
}
