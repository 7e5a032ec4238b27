use alloc::vec;
use alloc::vec::Vec;

use crate::frame::{self, Frame, HEADER, MAX_FRAME};
use crate::{ProtocolError, frame::parse_header};

/// Room for a whole frame behind the part of another.
const CAPACITY: usize = 2 * MAX_FRAME;

/// Turns received bytes into frames, which it lends out without copying them.
///
/// Read into [`Decoder::space`], tell [`Decoder::filled`] how much, then take frames until there is none.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// `start..end` is received and not taken.
    start: usize,
    end: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Nothing received yet.
    #[must_use]
    pub fn new() -> Self {
        Self { buffer: vec![0; CAPACITY], start: 0, end: 0 }
    }

    /// Where to receive the next bytes: room for at least one, and for all that is missing of the frame
    /// that has begun.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start.saturating_add(MAX_FRAME) > CAPACITY {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Notes that the first `length` bytes of [`Decoder::space`] are received.
    pub fn filled(&mut self, length: usize) {
        self.end = self.end.saturating_add(length).min(CAPACITY);
    }

    /// Takes the next frame, if it is there as a whole.
    ///
    /// # Errors
    /// A header that breaks the rules. There is no going on after that.
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, ProtocolError> {
        let received = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((header, rest)) = received.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let (kind, length) = parse_header(*header)?;
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        self.start = self.start.saturating_add(frame::HEADER).saturating_add(length);
        Ok(Some(Frame { kind, payload }))
    }

    /// Checks that the stream may end here.
    ///
    /// # Errors
    /// [`ProtocolError::Truncated`] in the middle of a frame.
    pub fn end(&self) -> Result<(), ProtocolError> {
        if self.start == self.end { Ok(()) } else { Err(ProtocolError::Truncated) }
    }
}
