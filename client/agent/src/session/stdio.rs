//! The application's standard streams, one thread each.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use holdfast_protocol::{
    Credit, ProtocolError, Receiving, Sending, Stdio, Stream, ToKeep, frame::MAX_PAYLOAD,
};

use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

use super::sender::Sender;
use super::{SessionError, Stop, Stopper};

/// How many buffers wait to be used again.
const SPENT: usize = 8;

/// Standard output or error on its way out. At most a window's worth waits in its queue.
pub(super) struct Output {
    queue: mpsc::Sender<Vec<u8>>,
    /// Buffers that are written, to be used again: to allocate a large one costs more than to fill it.
    spent: Receiver<Vec<u8>>,
    window: Arc<Mutex<Receiving>>,
    done: Arc<AtomicBool>,
}

impl Output {
    /// Starts the thread of `stream`.
    pub(super) fn start(stream: Stream, sender: &Arc<Sender>, stopper: &Stopper) -> io::Result<Self> {
        // Unbuffered: what the application flushes is to be seen at once.
        let file: OwnedFd = match stream {
            Stream::Stderr => io::stderr().as_fd().try_clone_to_owned()?,
            Stream::Stdin | Stream::Stdout => io::stdout().as_fd().try_clone_to_owned()?,
        };
        widen(file.as_fd());
        let (queue, pieces) = mpsc::channel();
        let (giver, spent) = mpsc::sync_channel(SPENT);
        let output = Self { queue, spent, window: Arc::default(), done: Arc::default() };
        let writer = Writer {
            stream,
            file: Some(File::from(file)),
            window: Arc::clone(&output.window),
            sender: Arc::clone(sender),
            stopper: stopper.clone(),
        };
        let done = Arc::clone(&output.done);
        thread::Builder::new().name("output".into()).spawn(move || {
            let stopper = writer.stopper.clone();
            writer.run(&pieces, &giver);
            done.store(true, Ordering::Release);
            stopper.wake();
        })?;
        Ok(output)
    }

    /// Takes what the application wrote.
    pub(super) fn push(&self, bytes: &[u8]) -> Result<(), ProtocolError> {
        lock(&self.window).received(bytes.len())?;
        let mut piece = self.spent.try_recv().unwrap_or_default();
        piece.clear();
        piece.extend_from_slice(bytes);
        // The thread ends before the queue only after it has stopped the session.
        let _ = self.queue.send(piece);
        Ok(())
    }

    /// Waits until all is written, or the session is stopped.
    pub(super) fn flush(self, stopper: &Stopper) {
        let Self { queue, done, .. } = self;
        drop(queue);
        stopper.wait_until(|| done.load(Ordering::Acquire));
    }
}

struct Writer {
    stream: Stream,
    /// Nothing, once nobody reads it any more.
    file: Option<File>,
    window: Arc<Mutex<Receiving>>,
    sender: Arc<Sender>,
    stopper: Stopper,
}

impl Writer {
    fn run(mut self, pieces: &Receiver<Vec<u8>>, spent: &SyncSender<Vec<u8>>) {
        for piece in pieces {
            if let Some(file) = &mut self.file
                && let Err(error) = file.write_all(&piece)
            {
                self.file = None;
                if self.stream == Stream::Stdout {
                    let pipe = error.kind() == io::ErrorKind::BrokenPipe;
                    self.stopper.stop(if pipe { Stop::Pipe } else { Stop::Output(error.to_string()) });
                    return;
                }
                // Without standard error there is no place to complain; the application goes on.
            }
            let credit = lock(&self.window).consumed(piece.len());
            let _ = spent.try_send(piece);
            if let Some(bytes) = credit {
                // If the channel is gone, the reading thread notices and says so.
                let _ = self.sender.send(&ToKeep::Credit(Credit { stream: self.stream, bytes }));
            }
        }
    }
}

/// Standard input on its way in.
pub(super) struct Input(Arc<Room>);

#[derive(Default)]
struct Room {
    window: Mutex<Sending>,
    more: Condvar,
}

impl Input {
    /// Starts the thread, if the application's standard input is this process's.
    pub(super) fn start(stdio: Stdio, sender: &Arc<Sender>) -> io::Result<Option<Self>> {
        if stdio == Stdio::Null {
            return Ok(None);
        }
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        widen(file.as_fd());
        let room = Arc::<Room>::default();
        let (sender, rooms) = (Arc::clone(sender), Arc::clone(&room));
        // When the channel is gone there is nobody to tell; the reading thread has noticed as well.
        thread::Builder::new().name("stdin".into()).spawn(move || drop(pump(file, &sender, &rooms)))?;
        Ok(Some(Self(room)))
    }

    /// Takes a credit of the Keep.
    pub(super) fn refill(&self, bytes: u32) -> Result<(), ProtocolError> {
        lock(&self.0.window).refill(bytes)?;
        self.0.more.notify_one();
        Ok(())
    }
}

/// A pipe that holds more makes its two ends wait for each other less often. What is no pipe, and what
/// the system refuses, stays as it is.
fn widen(file: BorrowedFd<'_>) {
    const SIZE: usize = 1 << 20;
    if matches!(fcntl_getpipe_size(file), Ok(size) if size < SIZE) {
        let _ = fcntl_setpipe_size(file, SIZE);
    }
}

/// Sends standard input until its end.
fn pump(mut file: File, sender: &Sender, room: &Room) -> Result<(), SessionError> {
    let mut buffer = vec![0; MAX_PAYLOAD];
    loop {
        let credit = room.wait().min(buffer.len());
        let place = buffer.get_mut(..credit).unwrap_or_default();
        // An unreadable standard input (a directory, say) is an empty one.
        let length = match file.read(place) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result.unwrap_or(0),
        };
        if length == 0 {
            return sender.send(&ToKeep::StdinEnd);
        }
        lock(&room.window).sent(length)?;
        sender.send(&ToKeep::Stdin(buffer.get(..length).unwrap_or_default()))?;
    }
}

impl Room {
    /// Waits until something may be sent; how much.
    fn wait(&self) -> usize {
        let window = self
            .more
            .wait_while(lock(&self.window), |window| window.credit() == 0)
            .unwrap_or_else(PoisonError::into_inner);
        window.credit()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
