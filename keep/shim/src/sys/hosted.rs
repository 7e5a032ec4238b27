//! The seam on Rust's standard library, for tests. The channel is a pair of queues that a test holds.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant, SystemTime};

use super::{Interest, Ready, Thread};
use crate::errno::Errno;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static THREADS: LazyLock<Mutex<HashMap<Thread, std::thread::Thread>>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU32 = AtomicU32::new(0);

std::thread_local! {
    static CURRENT: Thread = {
        let thread = Thread(NEXT.fetch_add(1, Ordering::Relaxed));
        THREADS.lock().expect("no panic under this lock").insert(thread, std::thread::current());
        thread
    };
}

/// The calling thread.
pub fn current() -> Thread {
    CURRENT.with(|thread| *thread)
}

/// Sleeps until [`unpark`] or until `deadline` (of [`monotonic_ns`]).
pub fn park(_interest: Interest, deadline: Option<u64>) -> Ready {
    current();
    match deadline {
        None => std::thread::park(),
        Some(deadline) => {
            std::thread::park_timeout(Duration::from_nanos(deadline.saturating_sub(monotonic_ns())));
        }
    }
    Interest::NONE
}

/// Ends the sleep, or the next one, of `thread`.
pub fn unpark(thread: Thread) {
    if let Some(thread) = THREADS.lock().expect("no panic under this lock").get(&thread) {
        thread.unpark();
    }
}

/// Nanoseconds since an arbitrary moment; never goes back.
pub fn monotonic_ns() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub fn wall_ns() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Fills `buffer` with bytes that differ from call to call; tests need no more.
pub fn random(buffer: &mut [u8]) {
    for byte in buffer {
        *byte = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8) as u8;
    }
}

/// What the client sent and has received, for tests.
pub static CHANNEL: Mutex<(VecDeque<u8>, VecDeque<u8>)> = Mutex::new((VecDeque::new(), VecDeque::new()));

/// Reads what the client sent.
///
/// # Errors
/// `EAGAIN` when nothing is there.
pub fn channel_read(buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut channel = CHANNEL.lock().expect("no panic under this lock");
    if channel.0.is_empty() {
        return Err(Errno::EAGAIN);
    }
    let length = buffer.len().min(channel.0.len());
    for (to, from) in buffer.iter_mut().zip(channel.0.drain(..length)) {
        *to = from;
    }
    Ok(length)
}

/// Writes to the client.
///
/// # Errors
/// None here.
pub fn channel_write(buffer: &[u8]) -> Result<usize, Errno> {
    CHANNEL.lock().expect("no panic under this lock").1.extend(buffer);
    Ok(buffer.len())
}

/// Nothing more will be written.
///
/// # Errors
/// None here.
pub fn channel_shutdown() -> Result<(), Errno> {
    Ok(())
}

/// A turn of a spin.
pub fn relax(spins: u32) {
    if spins > 100 { std::thread::yield_now() } else { core::hint::spin_loop() }
}
