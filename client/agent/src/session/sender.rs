use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use holdfast_protocol::{Encoder, ToKeep};

use super::SessionError;

/// Sends messages to the Keep, from any thread.
pub(super) struct Sender(Mutex<Wire>);

struct Wire {
    channel: UnixStream,
    encoder: Encoder,
}

impl Sender {
    pub(super) fn new(channel: UnixStream) -> Self {
        Self(Mutex::new(Wire { channel, encoder: Encoder::new() }))
    }

    /// Sends one message.
    pub(super) fn send(&self, message: &ToKeep<'_>) -> Result<(), SessionError> {
        self.send_hashed(message, |_| ())
    }

    /// Sends one message, and shows its payload to `look` before.
    pub(super) fn send_hashed(
        &self,
        message: &ToKeep<'_>,
        look: impl FnOnce(&[u8]),
    ) -> Result<(), SessionError> {
        let mut wire = self.wire();
        look(wire.encoder.push(message).map_err(SessionError::Job)?);
        wire.flush().map_err(SessionError::Channel)
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        // A thread that panicked is reported by the panic hook; the others end with the channel.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    fn flush(&mut self) -> io::Result<()> {
        let result = self.channel.write_all(self.encoder.pending());
        self.encoder.consume(self.encoder.len());
        result
    }
}
