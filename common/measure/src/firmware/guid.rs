//! GUIDs in the byte order of UEFI (UEFI specification 2.10, appendix A).

/// A GUID as it lies in memory: three little-endian numbers, then eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guid([u8; 16]);

impl Guid {
    /// From its text form's groups: 8, 4, 4, and the last two (4 and 12 digits) as one number.
    #[must_use]
    pub const fn new(first: u32, second: u16, third: u16, rest: u64) -> Self {
        let [a0, a1, a2, a3] = first.to_le_bytes();
        let [b0, b1] = second.to_le_bytes();
        let [c0, c1] = third.to_le_bytes();
        let [d0, d1, d2, d3, d4, d5, d6, d7] = rest.to_be_bytes();
        Self([a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7])
    }

    /// From memory.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// As it lies in memory.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}
