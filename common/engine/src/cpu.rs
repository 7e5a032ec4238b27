//! CPU levels: sets of instructions that compiled code may use.

use core::fmt;
use std::is_x86_feature_detected as detected;

use serde::{Deserialize, Serialize};

/// A set of x86-64 instructions, as the x86-64 psABI names them, as far as the compiler uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CpuLevel {
    /// SSE4.2, POPCNT, CMPXCHG16B: any x86-64 server since 2009.
    V2,
    /// And AVX2, BMI1, BMI2, FMA, LZCNT: any server since 2015.
    V3,
    /// And AVX-512 F, DQ, VL.
    V4,
    /// All that the CPU has on which this is called.
    Native,
}

/// The compiler's name of a feature, the CPU's name of it, the first level that has it, whether it is here.
type Feature = (&'static str, &'static str, CpuLevel, fn() -> bool);

const FEATURES: [Feature; 19] = [
    ("has_cmpxchg16b", "cmpxchg16b", CpuLevel::V2, || detected!("cmpxchg16b")),
    ("has_sse3", "sse3", CpuLevel::V2, || detected!("sse3")),
    ("has_ssse3", "ssse3", CpuLevel::V2, || detected!("ssse3")),
    ("has_sse41", "sse4.1", CpuLevel::V2, || detected!("sse4.1")),
    ("has_sse42", "sse4.2", CpuLevel::V2, || detected!("sse4.2")),
    ("has_popcnt", "popcnt", CpuLevel::V2, || detected!("popcnt")),
    ("has_avx", "avx", CpuLevel::V3, || detected!("avx")),
    ("has_avx2", "avx2", CpuLevel::V3, || detected!("avx2")),
    ("has_bmi1", "bmi1", CpuLevel::V3, || detected!("bmi1")),
    ("has_bmi2", "bmi2", CpuLevel::V3, || detected!("bmi2")),
    ("has_fma", "fma", CpuLevel::V3, || detected!("fma")),
    ("has_lzcnt", "lzcnt", CpuLevel::V3, || detected!("lzcnt")),
    ("has_avx512f", "avx512f", CpuLevel::V4, || detected!("avx512f")),
    ("has_avx512dq", "avx512dq", CpuLevel::V4, || detected!("avx512dq")),
    ("has_avx512vl", "avx512vl", CpuLevel::V4, || detected!("avx512vl")),
    ("has_avx_vnni", "avxvnni", CpuLevel::Native, || detected!("avxvnni")),
    ("has_avx512bitalg", "avx512bitalg", CpuLevel::Native, || detected!("avx512bitalg")),
    ("has_avx512vbmi", "avx512vbmi", CpuLevel::Native, || detected!("avx512vbmi")),
    ("has_avx512vnni", "avx512vnni", CpuLevel::Native, || detected!("avx512vnni")),
];

impl CpuLevel {
    /// The named levels, from the least to the most.
    pub const NAMED: [Self; 3] = [Self::V2, Self::V3, Self::V4];

    /// The name, as in `x86-64-v3`, or `native`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "x86-64-v2",
            Self::V3 => "x86-64-v3",
            Self::V4 => "x86-64-v4",
            Self::Native => "native",
        }
    }

    /// The level with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().chain([Self::Native]).find(|level| level.name() == name)
    }

    /// The highest named level that this CPU has all of, if any.
    #[must_use]
    pub fn local() -> Option<Self> {
        Self::NAMED.into_iter().rev().find(|level| level.missing().is_empty())
    }

    /// The features of this level that this CPU, or its operating system, lacks.
    #[must_use]
    pub fn missing(self) -> Vec<&'static str> {
        self.required().filter(|(.., here)| !here()).map(|&(_, name, ..)| name).collect()
    }

    /// The compiler's names of the features of this level; of [`CpuLevel::Native`], of those that are here.
    #[cfg(any(feature = "compiler", test))]
    pub(crate) fn flags(self) -> impl Iterator<Item = &'static str> {
        FEATURES
            .iter()
            .filter(move |(.., level, here)| match self {
                Self::Native => here(),
                named => *level as u8 <= named as u8,
            })
            .map(|&(flag, ..)| flag)
    }

    fn required(self) -> impl Iterator<Item = &'static Feature> {
        FEATURES.iter().filter(move |(.., level, _)| self != Self::Native && *level as u8 <= self as u8)
    }
}

impl fmt::Display for CpuLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_adds_to_the_one_below() {
        let counts: Vec<usize> = CpuLevel::NAMED.iter().map(|level| level.flags().count()).collect();
        assert_eq!(counts, [6, 12, 15]);
    }

    #[test]
    fn names_are_found_again() {
        for level in CpuLevel::NAMED.into_iter().chain([CpuLevel::Native]) {
            assert_eq!(CpuLevel::from_name(level.name()), Some(level));
        }
        assert_eq!(CpuLevel::from_name("x86-64"), None);
    }

    #[test]
    fn the_local_level_lacks_nothing_and_native_has_it_all() {
        let local = CpuLevel::local().expect("a CPU of the last fifteen years");
        assert_eq!(local.missing(), Vec::<&str>::new());
        let native: Vec<_> = CpuLevel::Native.flags().collect();
        assert!(local.flags().all(|flag| native.contains(&flag)));
        assert_eq!(CpuLevel::Native.missing(), Vec::<&str>::new());
    }
}
