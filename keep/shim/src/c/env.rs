//! The environment of the process: there is none, and only a few facts about the machine.

use core::arch::x86_64::__cpuid;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr;

use super::errno;
use crate::errno::Errno;
use crate::sys;

/// Bytes in a page.
const PAGE: u16 = 4096;

/// An environment block that ends at once. The application's environment is the runtime's affair.
#[repr(transparent)]
struct Environment([*const c_char; 1]);

// SAFETY: nothing is ever written to it.
unsafe impl Sync for Environment {}

static EMPTY: Environment = Environment([ptr::null()]);

/// A pointer to the block, as C programs declare it.
#[repr(transparent)]
struct EnvironmentPointer(*const Environment);

// SAFETY: nothing is ever written to it.
unsafe impl Sync for EnvironmentPointer {}

#[unsafe(no_mangle)]
static environ: EnvironmentPointer = EnvironmentPointer(&raw const EMPTY);

#[unsafe(no_mangle)]
extern "C" fn getenv(_name: *const c_char) -> *mut c_char {
    ptr::null_mut()
}

/// The page size, and the CPU's features as Linux reports them. Nothing else is known.
#[unsafe(no_mangle)]
extern "C" fn getauxval(kind: usize) -> usize {
    match kind as u64 {
        libc::AT_PAGESZ => PAGE.into(),
        libc::AT_HWCAP => __cpuid(1).edx as usize,
        // FSGSBASE may be used: the Keep does not start without.
        libc::AT_HWCAP2 => 2,
        _ => {
            errno::set(Errno::ENOENT);
            0
        }
    }
}

/// Limits: -1 without an error is "none known".
#[unsafe(no_mangle)]
extern "C" fn sysconf(name: c_int) -> c_long {
    match name {
        libc::_SC_PAGESIZE => PAGE.into(),
        libc::_SC_NPROCESSORS_ONLN | libc::_SC_NPROCESSORS_CONF => c_long::from(sys::processors()),
        libc::_SC_IOV_MAX => 1024,
        libc::_SC_GETPW_R_SIZE_MAX | libc::_SC_GETGR_R_SIZE_MAX => -1,
        _ => {
            errno::set(Errno::EINVAL);
            -1
        }
    }
}

/// The first [`sys::processors`] CPUs.
///
/// # Safety
/// As Linux has it: `set` has `size` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(_process: libc::pid_t, size: usize, set: *mut c_void) -> c_int {
    // There are at most 64 CPUs: one word.
    if size < size_of::<u64>() {
        errno::set(Errno::EINVAL);
        return -1;
    }
    let mask = u64::MAX.checked_shr(u64::BITS.saturating_sub(sys::processors())).unwrap_or(1);
    // SAFETY: as the caller promises.
    unsafe { set.write_bytes(0, size) };
    // SAFETY: as the caller promises, and a word fits.
    unsafe { set.cast::<u64>().write_unaligned(mask) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn getpid() -> libc::pid_t {
    1
}

/// The version of the C library whose behaviour this one follows.
#[unsafe(no_mangle)]
extern "C" fn gnu_get_libc_version() -> *const c_char {
    c"2.36".as_ptr()
}

/// Callers look up what an old C library may lack, and make do without. Only for `getrandom` they would go
/// to `/dev/urandom`, which a Keep does not have.
///
/// # Safety
/// As POSIX has it: `name` is a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn dlsym(_library: *mut c_void, name: *const c_char) -> *mut c_void {
    // SAFETY: as the caller promises.
    let name = unsafe { core::ffi::CStr::from_ptr(name) };
    if name == c"getrandom" { super::random::getrandom as *mut c_void } else { ptr::null_mut() }
}

/// Nothing in a Keep is a terminal.
#[unsafe(no_mangle)]
extern "C" fn isatty(_descriptor: c_int) -> c_int {
    errno::set(Errno::ENOTTY);
    0
}
