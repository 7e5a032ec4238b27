//! `malloc` and its relatives over [`heap`]. Rust's own allocations in the image come here too.

use core::ffi::{c_int, c_void};
use core::ptr;

use super::errno;
use crate::errno::Errno;
use crate::heap;

fn or_enomem(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        errno::set(Errno::ENOMEM);
    }
    block.cast()
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    or_enomem(heap::allocate(size, heap::ALIGNMENT))
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    or_enomem(count.checked_mul(size).map_or(ptr::null_mut(), heap::allocate_zeroed))
}

/// # Safety
/// As C has it: `block` is null or a block in use.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    // SAFETY: as the caller promises.
    or_enomem(unsafe { heap::reallocate(block.cast(), size) })
}

/// # Safety
/// As C has it: `block` is null or a block in use, by nobody from here on.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: as the caller promises.
        unsafe { heap::free(block.cast()) };
    }
}

/// # Safety
/// As POSIX has it: `result` is valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(result: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || alignment < size_of::<usize>() {
        return Errno::EINVAL.0;
    }
    let block = heap::allocate(size, alignment);
    if block.is_null() {
        return Errno::ENOMEM.0;
    }
    // SAFETY: as the caller promises.
    unsafe { result.write(block.cast()) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    if !alignment.is_power_of_two() {
        errno::set(Errno::EINVAL);
        return ptr::null_mut();
    }
    or_enomem(heap::allocate(size, alignment))
}
