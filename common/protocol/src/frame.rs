//! Frames: the header, and the limits.
//!
//! | offset | length | what |
//! |---|---|---|
//! | 0 | 1 | kind |
//! | 1 | 3 | zero |
//! | 4 | 4 | length of the payload, little-endian, at most [`MAX_PAYLOAD`] |

use crate::ProtocolError;

/// Length of the header in bytes.
pub const HEADER: usize = 8;

/// The longest payload in bytes: what applications like to move at once, and the gate with the header.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// The longest frame in bytes, header included.
pub const MAX_FRAME: usize = HEADER + MAX_PAYLOAD;

/// A frame as it came; its payload lies in the [`crate::Decoder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: u8,
    /// At most [`MAX_PAYLOAD`] bytes.
    pub payload: &'a [u8],
}

/// The header of a frame.
///
/// # Errors
/// [`ProtocolError::TooLong`] if `length` is above [`MAX_PAYLOAD`].
pub fn header(kind: u8, length: usize) -> Result<[u8; HEADER], ProtocolError> {
    match u32::try_from(length) {
        Ok(short) if length <= MAX_PAYLOAD => {
            let [a, b, c, d] = short.to_le_bytes();
            Ok([kind, 0, 0, 0, a, b, c, d])
        }
        _ => Err(ProtocolError::TooLong { kind, length }),
    }
}

/// Kind and payload length that a header says.
///
/// # Errors
/// [`ProtocolError::Reserved`] or [`ProtocolError::TooLong`].
pub fn parse_header(header: [u8; HEADER]) -> Result<(u8, usize), ProtocolError> {
    let [kind, zeros @ .., a, b, c, d] = header;
    if zeros != [0; 3] {
        return Err(ProtocolError::Reserved);
    }
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_PAYLOAD { Err(ProtocolError::TooLong { kind, length }) } else { Ok((kind, length)) }
}
