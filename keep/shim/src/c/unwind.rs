//! The unwinder's names. The image is built with `panic=abort`: nothing unwinds, and nobody outside may see a
//! backtrace. A backtrace ends before its first frame, so the functions that ask about a frame are linked in
//! but never reached; they answer null.

use core::ffi::{c_int, c_void};
use core::ptr;

use holdfast_gate::Ending;

use crate::sys;

/// `_URC_END_OF_STACK`.
const END_OF_STACK: c_int = 5;

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_trace: *const c_void, _argument: *mut c_void) -> c_int {
    END_OF_STACK
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume(_exception: *mut c_void) -> ! {
    sys::abort(Ending::Aborted)
}

macro_rules! no_frame {
    ($($name:ident)*) => {
        $(#[unsafe(no_mangle)]
        extern "C" fn $name(_frame: *mut c_void) -> *mut c_void {
            ptr::null_mut()
        })*
    };
}

no_frame! {
    _Unwind_FindEnclosingFunction _Unwind_GetCFA _Unwind_GetDataRelBase _Unwind_GetIP
    _Unwind_GetLanguageSpecificData _Unwind_GetRegionStart _Unwind_GetTextRelBase
}

/// # Safety
/// As the unwinder has it: `before` is valid for a write.
#[unsafe(no_mangle)]
unsafe extern "C" fn _Unwind_GetIPInfo(_frame: *mut c_void, before: *mut c_int) -> usize {
    // SAFETY: as the caller promises.
    unsafe { before.write(0) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_SetGR(_frame: *mut c_void, _register: c_int, _value: usize) {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_SetIP(_frame: *mut c_void, _value: usize) {}

/// Wasmtime registers unwind information of compiled code; nobody reads it here.
#[unsafe(no_mangle)]
extern "C" fn __register_frame(_information: *const u8) {}

#[unsafe(no_mangle)]
extern "C" fn __deregister_frame(_information: *const u8) {}

/// No objects are listed: only an unwinder or a symboliser would look at them.
#[unsafe(no_mangle)]
extern "C" fn dl_iterate_phdr(_callback: *const c_void, _data: *mut c_void) -> c_int {
    0
}
