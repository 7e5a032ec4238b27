//! Time. The host's word is taken for the start and, where the CPU's counter has no known rate, for
//! each reading; the monotonic clock never goes back, whatever it says.

use core::sync::atomic::{AtomicU64, Ordering};

use holdfast_gate::{Answer, BootInfo, Call};
use holdfast_stage0::{Platform, syscall};

use super::{boot, gate};

/// Nanoseconds per 2^32 ticks; 0: the counter's rate is not known.
static SCALE: AtomicU64 = AtomicU64::new(0);
static START_TICKS: AtomicU64 = AtomicU64::new(0);
static START_WALL: AtomicU64 = AtomicU64::new(0);
/// The latest monotonic time given out.
static LATEST: AtomicU64 = AtomicU64::new(0);

const CLOCK_REALTIME: u64 = 0;
const CLOCK_MONOTONIC: u64 = 1;

fn ticks() -> u64 {
    // SAFETY: RDTSC may be used in ring 3 (CR4.TSD is off) and touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Starts the clocks.
pub(super) fn init(platform: Platform, info: &BootInfo) {
    // Rates below 1 MHz or above 100 GHz are nonsense; the host is asked each time instead.
    if platform == Platform::Machine && (1_000..100_000_000).contains(&info.tsc_khz) {
        SCALE.store((1_000_000_u64 << 32) / info.tsc_khz, Ordering::Relaxed);
    }
    START_TICKS.store(ticks(), Ordering::Relaxed);
    START_WALL.store(info.wall_ns, Ordering::Relaxed);
}

/// Nanoseconds since the start by the counter.
fn counted() -> Option<u64> {
    let scale = SCALE.load(Ordering::Relaxed);
    let passed = ticks().saturating_sub(START_TICKS.load(Ordering::Relaxed));
    (scale != 0).then(|| ((u128::from(passed) * u128::from(scale)) >> 32) as u64)
}

/// The host's clocks: wall and monotonic.
fn asked() -> (u64, u64) {
    if boot::platform() == Platform::Process {
        return (system(CLOCK_REALTIME), system(CLOCK_MONOTONIC));
    }
    match gate::call(Call::Clock) {
        Answer::Clock { wall_ns, monotonic_ns } => (wall_ns, monotonic_ns),
        _ => (0, 0),
    }
}

fn system(clock: u64) -> u64 {
    let mut time = [0_u64; 2];
    let arguments = [clock, time.as_mut_ptr() as u64, 0, 0, 0, 0];
    // SAFETY: the kernel writes two words, seconds and nanoseconds, to `time`.
    unsafe { syscall::syscall(syscall::number::CLOCK_GETTIME, arguments) };
    let [seconds, nanoseconds] = time;
    seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds)
}

/// Nanoseconds since an arbitrary moment; never goes back.
pub fn monotonic_ns() -> u64 {
    let now = counted().unwrap_or_else(|| asked().1);
    LATEST.fetch_max(now, Ordering::Relaxed).max(now)
}

/// Nanoseconds since 1970-01-01T00:00:00Z, as the host has it.
pub fn wall_ns() -> u64 {
    match counted() {
        Some(passed) => START_WALL.load(Ordering::Relaxed).saturating_add(passed),
        None => asked().0,
    }
}
