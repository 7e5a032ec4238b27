use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::ProtocolError;
use crate::frame::{Frame, HEADER, MAX_FRAME, parse_header};

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

    /// Whether the next frame is there as a whole.
    ///
    /// # Errors
    /// A header that breaks the rules. There is no going on after that.
    pub fn has_frame(&self) -> Result<bool, ProtocolError> {
        Ok(self.peek()?.is_some())
    }

    /// Takes the next frame, if it is there as a whole.
    ///
    /// # Errors
    /// A header that breaks the rules. There is no going on after that.
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, ProtocolError> {
        let Some((kind, body)) = self.peek()? else {
            return Ok(None);
        };
        self.start = body.end;
        Ok(self.buffer.get(body).map(|payload| Frame { kind, payload }))
    }

    /// Kind and place of the next frame's payload.
    fn peek(&self) -> Result<Option<(u8, Range<usize>)>, ProtocolError> {
        let received = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((header, rest)) = received.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let (kind, length) = parse_header(*header)?;
        if rest.len() < length {
            return Ok(None);
        }
        let body = self.start.saturating_add(HEADER);
        Ok(Some((kind, body..body.saturating_add(length))))
    }

    /// Checks that the stream may end here.
    ///
    /// # Errors
    /// [`ProtocolError::Truncated`] in the middle of a frame.
    pub fn end(&self) -> Result<(), ProtocolError> {
        if self.start == self.end { Ok(()) } else { Err(ProtocolError::Truncated) }
    }
}
