use alloc::vec::Vec;

use crate::{Message, ProtocolError, frame};

/// Turns messages into bytes to send: what is pushed waits here until it is consumed.
///
/// It holds no more than it is given: push only what may be sent, and look at [`Encoder::len`].
#[derive(Debug, Default)]
pub struct Encoder {
    buffer: Vec<u8>,
    /// The bytes before it are sent.
    start: usize,
}

impl Encoder {
    /// Nothing waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), start: 0 }
    }

    /// Appends a message. The answer is its payload, for a digest.
    ///
    /// # Errors
    /// What the other side would refuse; then nothing is appended.
    pub fn push(&mut self, message: &impl Message) -> Result<&[u8], ProtocolError> {
        // Make room at the front rather than grow, if that moves less than it frees.
        if self.start >= self.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let at = self.buffer.len();
        self.buffer.extend([0; frame::HEADER]);
        let body = self.buffer.len();
        let pushed = message
            .payload(&mut self.buffer)
            .and_then(|()| frame::header(message.kind(), self.buffer.len().saturating_sub(body)));
        match pushed {
            Ok(header) => {
                if let Some(place) = self.buffer.get_mut(at..body) {
                    place.copy_from_slice(&header);
                }
                Ok(self.buffer.get(body..).unwrap_or_default())
            }
            Err(error) => {
                self.buffer.truncate(at);
                Err(error)
            }
        }
    }

    /// The bytes to send next.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Notes that the first `length` bytes of [`Encoder::pending`] are sent.
    pub fn consume(&mut self, length: usize) {
        self.start = self.start.saturating_add(length).min(self.buffer.len());
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
