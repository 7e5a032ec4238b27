use core::fmt::{self, Display, Formatter};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// TCB_VERSION as it stands in a report: 8 bytes whose meaning depends on the processor's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Tcb(pub [u8; 8]);

/// A processor generation, as AMD's key service names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Generation {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004, 97x4 (Bergamo) and 8004 (Siena), which have Genoa's keys.
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Generation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// The name in certificates and in addresses of the key service.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// From CPUID_FAM_ID and CPUID_MOD_ID: combined family and model.
    #[must_use]
    pub const fn from_cpuid(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x1f) => Some(Self::Turin),
            _ => None,
        }
    }

    /// How its TCB versions are laid out.
    #[must_use]
    pub const fn tcb_layout(self) -> TcbLayout {
        match self {
            Self::Milan | Self::Genoa => TcbLayout::Milan,
            Self::Turin => TcbLayout::Turin,
        }
    }

    /// How many bytes of CHIP_ID the processor fills; the others are zero.
    #[must_use]
    pub const fn chip_id_length(self) -> usize {
        match self {
            Self::Milan | Self::Genoa => 64,
            Self::Turin => 8,
        }
    }
}

impl Display for Generation {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The two layouts of TCB_VERSION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcbLayout {
    /// Family 0x19: boot loader, TEE, four reserved bytes, SNP, microcode.
    Milan,
    /// Family 0x1a: FMC, boot loader, TEE, SNP, three reserved bytes, microcode.
    Turin,
}

/// A component of a TCB, with the name in the key service's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Component {
    /// `fmcSPL`, `blSPL`, `teeSPL`, `snpSPL` or `ucodeSPL`.
    pub name: &'static str,
    /// Its security patch level.
    pub level: u8,
}

impl Tcb {
    /// The components, in the order of the key service's addresses.
    #[must_use]
    pub fn components(self, layout: TcbLayout) -> [Option<Component>; 5] {
        let component = |name, level| Some(Component { name, level });
        match (layout, self.0) {
            (TcbLayout::Milan, [loader, tee, _, _, _, _, snp, microcode]) => [
                None,
                component("blSPL", loader),
                component("teeSPL", tee),
                component("snpSPL", snp),
                component("ucodeSPL", microcode),
            ],
            (TcbLayout::Turin, [fmc, loader, tee, snp, _, _, _, microcode]) => [
                component("fmcSPL", fmc),
                component("blSPL", loader),
                component("teeSPL", tee),
                component("snpSPL", snp),
                component("ucodeSPL", microcode),
            ],
        }
    }

    /// The bytes that the layout reserves.
    #[must_use]
    pub const fn reserved(self, layout: TcbLayout) -> [u8; 4] {
        match (layout, self.0) {
            (TcbLayout::Milan, [_, _, a, b, c, d, _, _]) => [a, b, c, d],
            (TcbLayout::Turin, [_, _, _, _, a, b, c, _]) => [a, b, c, 0],
        }
    }
}
