use core::fmt::{self, Display, Formatter};

use alloc::vec::Vec;

use crate::EvidenceError;
use crate::error::{array, take};

/// What an entry of a certificate table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The chip's key.
    Vcek,
    /// The cloud provider's key.
    Vlek,
    /// The key that signs VCEKs.
    Ask,
    /// AMD's root.
    Ark,
    /// Somebody else's entry, by its GUID as it stands there.
    Other([u8; 16]),
}

/// The GUIDs in their mixed-endian form (AMD 56421, "Extended Guest Request").
const KNOWN: [(Kind, [u8; 16]); 4] = [
    (Kind::Vcek, *b"\x8d\x75\xda\x63\x64\xe6\x64\x45\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"),
    (Kind::Vlek, *b"\xc2\x07\x80\xa8\x5a\xa2\x3e\x48\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1"),
    (Kind::Ask, *b"\x79\xb3\xb7\x4a\xac\xbb\xe4\x4f\xa0\x2f\x05\xae\xf3\x27\xc7\x82"),
    (Kind::Ark, *b"\xa4\x06\xb4\xc0\x03\xa8\x52\x49\x97\x43\x3f\xb6\x01\x4c\xd0\xae"),
];

impl Kind {
    fn from_guid(guid: [u8; 16]) -> Self {
        // Some hosts have written the GUID in the order in which it is printed.
        let [a, b, c, d, e, f, g, h, rest @ ..] = guid;
        let [i, j, k, l, m, n, o, p] = rest;
        let printed = [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p];
        let known = KNOWN.iter().find(|(_, known)| *known == guid || *known == printed);
        known.map_or(Self::Other(guid), |(kind, _)| *kind)
    }

    fn guid(self) -> [u8; 16] {
        match self {
            Self::Other(guid) => guid,
            kind => KNOWN.iter().find(|(known, _)| *known == kind).map_or([0; 16], |(_, guid)| *guid),
        }
    }
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
            Self::Ask => "ASK",
            Self::Ark => "ARK",
            Self::Other(_) => "unknown",
        })
    }
}

/// A certificate of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose.
    pub kind: Kind,
    /// The certificate, DER as a rule.
    pub bytes: Vec<u8>,
}

/// The certificate table that the host hands out with an extended report (AMD 56421, "Guest Hypervisor
/// Communication Block Standardization", structure of the certificate data). It is the host's word: a
/// verifier uses it as a source of certificates, which it then checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// In the order of their entries.
    pub certificates: Vec<Certificate>,
}

/// Bytes of an entry: GUID, offset, length.
const ENTRY: usize = 24;

/// More entries than any host has use for.
const MAX_ENTRIES: usize = 64;

/// The longest table, in bytes; a real one has some pages.
const MAX_LENGTH: usize = 1 << 20;

impl Table {
    /// Reads a table. Empty bytes are an empty table; bytes behind the certificates are padding.
    ///
    /// # Errors
    /// [`EvidenceError::Truncated`] if an entry or what it points to is not inside, or there is no end;
    /// [`EvidenceError::Trailing`] for a table longer than 1 MiB, or with more than 64 entries.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        const WHAT: &str = "certificate table";
        if let Some(extra) = bytes.len().checked_sub(MAX_LENGTH + 1) {
            return Err(EvidenceError::Trailing { what: WHAT, extra: extra + 1 });
        }
        let mut table = Self::default();
        let mut rest = bytes;
        let mut total = 0;
        while !rest.is_empty() {
            let mut entry = take(&mut rest, ENTRY, WHAT)?;
            let guid = array(&mut entry, WHAT)?;
            let offset = u32::from_le_bytes(array(&mut entry, WHAT)?) as usize;
            let length = u32::from_le_bytes(array(&mut entry, WHAT)?) as usize;
            if guid == [0; 16] {
                return Ok(table);
            }
            // Entries may point to the same bytes: what is copied stays below the table's length.
            total += length;
            if table.certificates.len() == MAX_ENTRIES || total > bytes.len() {
                return Err(EvidenceError::Trailing { what: WHAT, extra: rest.len() });
            }
            let mut place = bytes.get(offset..).unwrap_or_default();
            let content = take(&mut place, length, "certificate of the table")?;
            table.certificates.push(Certificate { kind: Kind::from_guid(guid), bytes: content.to_vec() });
        }
        match bytes.is_empty() {
            true => Ok(table),
            false => {
                Err(EvidenceError::Truncated { what: WHAT, needed: bytes.len() + ENTRY, found: bytes.len() })
            }
        }
    }

    /// The bytes of a table, whole pages as hosts hand them out.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut offset = (self.certificates.len() + 1) * ENTRY;
        let mut bytes = Vec::new();
        for certificate in &self.certificates {
            bytes.extend(certificate.kind.guid());
            bytes.extend((offset as u32).to_le_bytes());
            bytes.extend((certificate.bytes.len() as u32).to_le_bytes());
            offset += certificate.bytes.len();
        }
        bytes.extend([0; ENTRY]);
        for certificate in &self.certificates {
            bytes.extend(&certificate.bytes);
        }
        bytes.resize(bytes.len().next_multiple_of(4096), 0);
        bytes
    }

    /// The first certificate of a kind.
    #[must_use]
    pub fn find(&self, kind: Kind) -> Option<&[u8]> {
        self.certificates.iter().find(|certificate| certificate.kind == kind).map(|found| &*found.bytes)
    }
}
