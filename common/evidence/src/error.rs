/// Why bytes are no evidence of the kind they were taken for. Whoever made or carried them is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Bytes are missing.
    #[error("the {what} is cut off: it needs {needed} bytes, and {found} are there")]
    Truncated {
        /// The structure.
        what: &'static str,
        /// Its length in bytes.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// There is more than the structure.
    #[error("{extra} bytes follow the {what}; nothing signs them")]
    Trailing {
        /// The structure.
        what: &'static str,
        /// How many bytes too many.
        extra: usize,
    },
    /// A version whose layout is not known here.
    #[error("the {what} has version {found}; known are {known}")]
    Version {
        /// The structure.
        what: &'static str,
        /// The version it names.
        found: u32,
        /// The versions that can be read.
        known: &'static str,
    },
    /// A field that decides the layout has a value that is not known here.
    #[error("the {what} is {found:#x}; known is {known}")]
    Unknown {
        /// The field.
        what: &'static str,
        /// Its value.
        found: u32,
        /// The values that can be read.
        known: &'static str,
    },
    /// A length field disagrees with what it measures.
    #[error("the {what} says {found} bytes and must say {needed}")]
    Length {
        /// The field.
        what: &'static str,
        /// What it must say.
        needed: usize,
        /// What it says.
        found: usize,
    },
}

/// Splits `length` bytes off the front.
pub(crate) fn take<'a>(
    bytes: &mut &'a [u8],
    length: usize,
    what: &'static str,
) -> Result<&'a [u8], EvidenceError> {
    let (head, tail) = bytes.split_at_checked(length).ok_or(EvidenceError::Truncated {
        what,
        needed: length,
        found: bytes.len(),
    })?;
    *bytes = tail;
    Ok(head)
}

/// Splits an array off the front.
pub(crate) fn array<const N: usize>(bytes: &mut &[u8], what: &'static str) -> Result<[u8; N], EvidenceError> {
    let mut array = [0; N];
    array.copy_from_slice(take(bytes, N, what)?);
    Ok(array)
}

/// Checks that nothing is left.
pub(crate) const fn end(bytes: &[u8], what: &'static str) -> Result<(), EvidenceError> {
    match bytes.len() {
        0 => Ok(()),
        extra => Err(EvidenceError::Trailing { what, extra }),
    }
}
