//! The one Wasmtime configuration that compiler and Keep share.
//!
//! A compiled artefact carries the settings that it was compiled with, and Wasmtime refuses one whose
//! settings differ from its own. So both sides take them from here: the Keep from [`config`], the
//! owner's side from `compiler_config` (feature `compiler`), which adds only what the compiler alone
//! looks at. Wasmtime is built with the same features on both sides, too.
#[cfg(feature = "compiler")]
mod compiler;
mod cpu;

#[cfg(feature = "compiler")]
pub use compiler::compiler_config;
pub use cpu::CpuLevel;

use serde::{Deserialize, Serialize};
use wasmtime::{Collector, Config, WasmBacktraceDetails};

/// How an application is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// Which CPU it may count on.
    pub cpu: CpuLevel,
    /// Whether its code counts fuel. Costs speed, so only where a limit is asked for.
    pub metered: bool,
}

/// The configuration of a Keep that runs an application compiled with [`Profile::metered`] = `metered`.
#[must_use]
pub fn config(metered: bool) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(metered)
        // The Keep has no memfd to map images of memory from.
        .memory_init_cow(false)
        // Function names stay in a backtrace, files and lines (DWARF, and its parser) do not.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // A symbol table would make artefacts larger and serves nobody in a Keep.
        .debug_symbols(false)
        .collector(Collector::Copying);
    config
}
