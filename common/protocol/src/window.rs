//! Credit windows: how much of a stdio stream may be on its way.
//!
//! The sender of a stream starts with a credit of [`WINDOW`] bytes, spends it as it sends, and gets it
//! back in `Credit` messages as the receiver's consumer takes the bytes.

use crate::ProtocolError;

/// The most bytes of one stream that are sent and not yet consumed (1 MiB).
pub const WINDOW: u32 = 1 << 20;

/// Credit goes back in pieces of at least this many bytes.
const PIECE: u32 = WINDOW / 4;

/// The sender's side.
#[derive(Clone, Debug)]
pub struct Sending {
    credit: u32,
}

impl Default for Sending {
    fn default() -> Self {
        Self { credit: WINDOW }
    }
}

impl Sending {
    /// How many bytes may be sent now.
    #[must_use]
    pub const fn credit(&self) -> usize {
        self.credit as usize
    }

    /// Notes that `length` bytes are sent.
    ///
    /// # Errors
    /// [`ProtocolError::Window`] if that is more than the credit.
    pub fn sent(&mut self, length: usize) -> Result<(), ProtocolError> {
        self.credit = take(self.credit, length)?;
        Ok(())
    }

    /// Takes a `Credit` message.
    ///
    /// # Errors
    /// [`ProtocolError::Window`] if it is more than was ever sent.
    pub fn refill(&mut self, bytes: u32) -> Result<(), ProtocolError> {
        match self.credit.checked_add(bytes) {
            Some(credit) if credit <= WINDOW => {
                self.credit = credit;
                Ok(())
            }
            _ => Err(ProtocolError::Window),
        }
    }
}

/// The receiver's side.
#[derive(Clone, Debug)]
pub struct Receiving {
    allowed: u32,
    consumed: u32,
}

impl Default for Receiving {
    fn default() -> Self {
        Self { allowed: WINDOW, consumed: 0 }
    }
}

impl Receiving {
    /// Notes that `length` bytes came.
    ///
    /// # Errors
    /// [`ProtocolError::Window`] if the sender had no credit for them.
    pub fn received(&mut self, length: usize) -> Result<(), ProtocolError> {
        self.allowed = take(self.allowed, length)?;
        Ok(())
    }

    /// Notes that the consumer took `length` of the bytes that came; the answer is the credit to send
    /// back now, if any.
    #[must_use]
    pub fn consumed(&mut self, length: usize) -> Option<u32> {
        let length = u32::try_from(length).unwrap_or(WINDOW);
        let outstanding = WINDOW.saturating_sub(self.allowed);
        self.consumed = self.consumed.saturating_add(length).min(outstanding);
        if self.consumed < PIECE {
            return None;
        }
        let credit = core::mem::take(&mut self.consumed);
        self.allowed = self.allowed.saturating_add(credit);
        Some(credit)
    }
}

fn take(from: u32, length: usize) -> Result<u32, ProtocolError> {
    u32::try_from(length).ok().and_then(|length| from.checked_sub(length)).ok_or(ProtocolError::Window)
}
