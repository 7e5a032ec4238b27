//! Tests of the shim, as an ordinary program: in a Keep its C library is the shim, natively the
//! system's. Both must give the same lines, except for what only a Keep can be asked.
//!
//! It writes one line per test, `ok NAME` or `FAILED NAME: why`, to descriptor 3, where the client is.

mod memory;
mod signals;
mod threads;

use std::fs::File;
use std::io::Write;
use std::os::fd::FromRawFd;

/// A test: nothing, or why it failed.
type Test = fn() -> Result<(), String>;

const TESTS: &[(&str, Test)] = &[
    ("memory_is_lazy_and_zeroed", memory::lazy_and_zeroed),
    ("memory_comes_back_zeroed", memory::comes_back_zeroed),
    ("memory_without_rights_faults", signals::no_rights),
    ("memory_content_survives_a_time_without_rights", memory::survives_no_rights),
    ("memory_becomes_code_and_data_again", memory::becomes_code),
    ("memory_is_never_writable_and_executable", memory::never_both),
    ("memory_runs_out_with_an_error", memory::runs_out),
    ("memory_page_tables_hold_the_promise", memory::audit),
    ("signal_divide", signals::divide),
    ("signal_invalid_opcode", signals::invalid_opcode),
    ("signal_keeps_vector_registers", signals::keeps_vectors),
    ("threads_join_with_results", threads::join),
    ("threads_have_their_own_storage", threads::storage),
    ("threads_share_a_mutex", threads::mutex),
    ("threads_wake_by_condvar", threads::condvar),
    ("threads_time_out", threads::time_out),
    ("threads_see_unmapped_memory_fault", signals::shootdown),
    ("clock_never_goes_back", threads::clock),
];

fn main() {
    // SAFETY: whoever starts this program gives it descriptor 3 for its report.
    let mut report = unsafe { File::from_raw_fd(3) };
    let mut failed = 0;
    for (name, test) in TESTS {
        let line = match test() {
            Ok(()) => format!("ok {name}\n"),
            Err(why) => {
                failed += 1;
                format!("FAILED {name}: {why}\n")
            }
        };
        if report.write_all(line.as_bytes()).is_err() {
            std::process::exit(2);
        }
    }
    std::process::exit(i32::from(failed != 0));
}

/// `Ok` if it holds, else what was expected.
fn expect(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}
