//! The conversation while the application runs: standard streams both ways, and credit for them.
//!
//! All happens on one thread. What the application writes is sent before its code goes on
//! ([`Channel::send`], called whenever WASI returns to it), as a system call would; many small writes of
//! one call go together. What the client sends is taken whenever the application waits, and also while
//! a send waits: a side that stops reading while it writes could stop the other for good.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use holdfast_protocol::{
    Credit, Decoder, Encoder, Message, ProtocolError, Receiving, Sending, Stream, ToClient, ToKeep, frame,
};
use rustix::event::{PollFd, PollFlags, poll};

use crate::failure::{Lost, Stop};

/// A write of so many bytes has a frame of its own.
const LARGE: usize = 16 * 1024;

/// The channel, shared by all who speak on it. They are all on one thread.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<Channel>>);

impl Shared {
    /// Goes on with a channel whose opening is done.
    ///
    /// # Errors
    /// [`Lost`] if the socket cannot be made not to block.
    pub(crate) fn new(socket: UnixStream, decoder: Decoder) -> Result<Self, Lost> {
        socket.set_nonblocking(true).map_err(Lost)?;
        Ok(Self(Arc::new(Mutex::new(Channel {
            socket,
            decoder,
            encoder: Encoder::new(),
            unsent: Unsent { stream: Stream::Stdout, bytes: Vec::new() },
            stdin: Stdin::default(),
            stdout: Sending::default(),
            stderr: Sending::default(),
            waiting: Vec::new(),
        }))))
    }

    /// The channel itself.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Channel> {
        // A panic ends the whole program; there is nobody who could see a half-done change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One end of the conversation.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: UnixStream,
    decoder: Decoder,
    encoder: Encoder,
    unsent: Unsent,
    stdin: Stdin,
    stdout: Sending,
    stderr: Sending,
    /// Who waits for standard input or for credit.
    waiting: Vec<Waker>,
}

/// Output that is not in a frame yet, so that small writes share one.
#[derive(Debug)]
struct Unsent {
    stream: Stream,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Stdin {
    /// At most a window.
    arrived: VecDeque<Bytes>,
    window: Receiving,
    ended: bool,
}

/// What a read of standard input finds.
#[derive(Debug)]
pub(crate) enum Input {
    /// So much.
    Bytes(Bytes),
    /// Nothing yet.
    Nothing,
    /// The end.
    End,
}

impl Channel {
    /// Another handle of the socket, to wait on.
    pub(crate) fn socket(&self) -> io::Result<UnixStream> {
        self.socket.try_clone()
    }

    /// Lets `waker` know when more input or credit has come.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    /// Lets `waker` know when there may be room again. What was written must go out for that.
    pub(crate) fn wait_for_room(&mut self, waker: &Waker) -> Result<(), Stop> {
        self.wait(waker);
        self.send()
    }

    /// How many bytes an output stream takes now.
    pub(crate) fn room(&self, stream: Stream) -> usize {
        match stream {
            Stream::Stdout => self.stdout.credit(),
            Stream::Stderr => self.stderr.credit(),
            Stream::Stdin => 0,
        }
    }

    /// Writes to an output stream. More than its [`Channel::room`] is an error.
    pub(crate) fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> Result<(), Stop> {
        match stream {
            Stream::Stdout => self.stdout.sent(bytes.len())?,
            Stream::Stderr => self.stderr.sent(bytes.len())?,
            Stream::Stdin => return Err(ProtocolError::Window.into()),
        }
        if self.unsent.stream != stream {
            self.pack()?;
            self.unsent.stream = stream;
        }
        if bytes.len() >= LARGE && self.unsent.bytes.is_empty() {
            for piece in bytes.chunks(frame::MAX_PAYLOAD) {
                self.encoder.push(&output(stream, piece))?;
                self.send()?;
            }
            return Ok(());
        }
        while !bytes.is_empty() {
            let room = frame::MAX_PAYLOAD.saturating_sub(self.unsent.bytes.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.unsent.bytes.extend_from_slice(now);
            if self.unsent.bytes.len() == frame::MAX_PAYLOAD {
                self.send()?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// Takes at most `size` bytes of standard input.
    pub(crate) fn read(&mut self, size: usize) -> Result<Input, Stop> {
        if self.stdin.arrived.is_empty() && !self.stdin.ended {
            self.receive()?;
        }
        let Some(first) = self.stdin.arrived.front_mut() else {
            return Ok(if self.stdin.ended { Input::End } else { Input::Nothing });
        };
        let bytes = first.split_to(size.min(first.len()));
        if first.is_empty() {
            self.stdin.arrived.pop_front();
        }
        if let Some(credit) = self.stdin.window.consumed(bytes.len()) {
            self.say(&ToClient::Credit(Credit { stream: Stream::Stdin, bytes: credit }))?;
        }
        Ok(Input::Bytes(bytes))
    }

    /// Whether a read of standard input finds something, if only the end.
    pub(crate) fn readable(&mut self) -> Result<bool, Stop> {
        if self.stdin.arrived.is_empty() && !self.stdin.ended {
            self.receive()?;
        }
        Ok(!self.stdin.arrived.is_empty() || self.stdin.ended)
    }

    /// Sends a message, and all that was written before it.
    pub(crate) fn say(&mut self, message: &impl Message) -> Result<(), Stop> {
        self.pack()?;
        self.encoder.push(message)?;
        self.send()
    }

    /// Sends all that was written. Waits for the client if need be; it reads whatever it does.
    pub(crate) fn send(&mut self) -> Result<(), Stop> {
        self.pack()?;
        while !self.encoder.is_empty() {
            match (&self.socket).write(self.encoder.pending()) {
                Ok(0) => return Err(Lost(ErrorKind::WriteZero.into()).into()),
                Ok(length) => {
                    self.encoder.consume(length);
                    // A part says that there is no room for the rest. To try again would mostly move a
                    // little more, again and again.
                    if !self.encoder.is_empty() {
                        self.block()?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.block()?,
                Err(error) => return Err(Lost(error).into()),
            }
        }
        Ok(())
    }

    /// Takes all that has come from the client. Never waits.
    pub(crate) fn receive(&mut self) -> Result<(), Stop> {
        let mut drained = false;
        loop {
            while let Some(frame) = self.decoder.frame()? {
                match ToKeep::parse(frame)? {
                    ToKeep::Stdin(bytes) if !self.stdin.ended => {
                        self.stdin.window.received(bytes.len())?;
                        if !bytes.is_empty() {
                            self.stdin.arrived.push_back(Bytes::copy_from_slice(bytes));
                        }
                    }
                    ToKeep::StdinEnd if !self.stdin.ended => self.stdin.ended = true,
                    ToKeep::Credit(Credit { stream: Stream::Stdout, bytes }) => self.stdout.refill(bytes)?,
                    ToKeep::Credit(Credit { stream: Stream::Stderr, bytes }) => self.stderr.refill(bytes)?,
                    other => {
                        let expected = "standard input or Credit";
                        return Err(ProtocolError::Order { found: other.name(), expected }.into());
                    }
                }
                for waker in self.waiting.drain(..) {
                    waker.wake();
                }
            }
            if drained {
                return Ok(());
            }
            let place = self.decoder.space();
            let space = place.len();
            match (&self.socket).read(place) {
                Ok(0) => {
                    self.decoder.end()?;
                    return Err(Lost(ErrorKind::UnexpectedEof.into()).into());
                }
                Ok(length) => {
                    drained = length < space;
                    self.decoder.filled(length);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Lost(error).into()),
            }
        }
    }

    /// The last message has been said.
    pub(crate) fn close(&mut self) -> Result<(), Lost> {
        self.socket.shutdown(std::net::Shutdown::Write).map_err(Lost)
    }

    /// Puts what was written into a frame.
    fn pack(&mut self) -> Result<(), Stop> {
        if self.unsent.bytes.is_empty() {
            return Ok(());
        }
        let bytes = &self.unsent.bytes;
        self.encoder.push(&output(self.unsent.stream, bytes))?;
        self.unsent.bytes.clear();
        Ok(())
    }

    /// Waits until the socket can be read or written, and takes what has come.
    fn block(&mut self) -> Result<(), Stop> {
        let mut descriptors = [PollFd::new(&self.socket, PollFlags::IN | PollFlags::OUT)];
        match poll(&mut descriptors, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Lost(io::Error::from(errno)).into()),
        }
        // Nothing but room: there is nothing to receive.
        if matches!(descriptors, [socket] if socket.revents() == PollFlags::OUT) {
            return Ok(());
        }
        self.receive()
    }
}

fn output(stream: Stream, bytes: &[u8]) -> ToClient<'_> {
    match stream {
        Stream::Stderr => ToClient::Stderr(bytes),
        Stream::Stdout | Stream::Stdin => ToClient::Stdout(bytes),
    }
}

impl From<Stop> for io::Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Lost(Lost(error)) => error,
            Stop::Tell(exit) => Self::other(format!("{exit:?}")),
        }
    }
}
