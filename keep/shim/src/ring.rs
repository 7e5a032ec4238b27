//! A queue of bytes with a limit: what lies in a pipe or on its way through a stream socket.

use alloc::collections::VecDeque;

/// The queue. It takes memory as it fills, and gives it back when it is empty.
#[derive(Debug)]
pub struct Ring {
    bytes: VecDeque<u8>,
    capacity: usize,
}

impl Ring {
    /// An empty queue for at most `capacity` bytes.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), capacity }
    }

    /// How many bytes are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many more bytes it can take.
    #[must_use]
    pub fn space(&self) -> usize {
        self.capacity - self.bytes.len()
    }

    /// Takes as much of the start of `data` as there is space for; returns how many bytes.
    pub fn push(&mut self, data: &[u8]) -> usize {
        let taken = data.get(..self.space()).unwrap_or(data);
        self.bytes.extend(taken);
        taken.len()
    }

    /// Copies the first bytes to `buffer`; returns how many.
    pub fn peek(&self, buffer: &mut [u8]) -> usize {
        let length = self.len().min(buffer.len());
        let (buffer, _) = buffer.split_at_mut(length);
        let (front, back) = self.bytes.as_slices();
        let (first, second) = buffer.split_at_mut(length.min(front.len()));
        first.copy_from_slice(&front[..first.len()]);
        second.copy_from_slice(&back[..second.len()]);
        length
    }

    /// Moves the first bytes to `buffer`; returns how many.
    pub fn pop(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.peek(buffer);
        self.bytes.drain(..length);
        if self.bytes.is_empty() {
            self.bytes = VecDeque::new();
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_across_the_seam() {
        let mut ring = Ring::new(10);
        assert_eq!(ring.push(b"01234567"), 8);
        let mut buffer = [0; 6];
        assert_eq!(ring.pop(&mut buffer), 6);
        assert_eq!(&buffer, b"012345");
        assert_eq!(ring.push(b"abcdefghij"), 8);
        assert_eq!(ring.space(), 0);
        let mut rest = [0; 20];
        assert_eq!(ring.peek(&mut rest), 10);
        assert_eq!(ring.pop(&mut rest), 10);
        assert_eq!(&rest[..10], b"67abcdefgh");
        assert!(ring.is_empty());
    }
}
