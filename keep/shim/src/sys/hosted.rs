//! The seam on Rust's standard library, for tests. The channel is a pair of queues that a test holds.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant, SystemTime};

use holdfast_gate::{Ending, MAX_VCPUS};

use super::{Interest, Ready, Thread};
use crate::errno::Errno;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static THREADS: LazyLock<Mutex<[Option<std::thread::Thread>; MAX_VCPUS as usize]>> =
    LazyLock::new(|| Mutex::new([const { None }; MAX_VCPUS as usize]));

std::thread_local! {
    static CURRENT: Number = Number::take();
    static ERRNO: Cell<i32> = const { Cell::new(0) };
}

/// A thread's number, as low as in a Keep; free for another thread when this one ends.
struct Number(Thread);

impl Number {
    fn take() -> Self {
        let mut threads = THREADS.lock().expect("no panic under this lock");
        let free = threads.iter().position(Option::is_none).expect("tests start few threads");
        threads[free] = Some(std::thread::current());
        Self(Thread(free as u32))
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        THREADS.lock().expect("no panic under this lock")[self.0.0 as usize] = None;
    }
}

/// The calling thread.
pub fn current() -> Thread {
    CURRENT.with(|number| number.0)
}

/// How many threads can run at once.
pub fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

/// The calling thread's `errno`.
pub fn errno_cell() -> *mut i32 {
    ERRNO.with(Cell::as_ptr)
}

/// Fresh zeroed memory, readable and writable: `size` bytes, a multiple of 4096 above 0, at an address that
/// is a multiple too; null if there is none.
pub fn map_anonymous(size: usize) -> *mut u8 {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping where the kernel likes touches no other.
    let address = unsafe { libc::mmap(core::ptr::null_mut(), size, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED { core::ptr::null_mut() } else { address.cast() }
}

/// Gives back mapped memory, also a part or several neighbours at once.
///
/// # Safety
/// `address` and `size` are multiples of 4096, all of it came from [`map_anonymous`], and nothing uses it
/// any more.
pub unsafe fn unmap(address: *mut u8, size: usize) {
    // SAFETY: as the caller promises.
    let result = unsafe { libc::munmap(address.cast(), size) };
    assert_eq!(result, 0, "munmap of a mapping cannot fail");
}

/// The end of the Keep.
pub fn abort(ending: Ending) -> ! {
    panic!("{ending}")
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
    let threads = THREADS.lock().expect("no panic under this lock");
    if let Some(Some(thread)) = threads.get(thread.0 as usize) {
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
