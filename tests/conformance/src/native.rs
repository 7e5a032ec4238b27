//! WASI p1 programs on native Wasmtime, of the version and configuration that the Keep has.

use holdfast_engine::{CpuLevel, Profile, compiler_config};
use wasmtime::error::Context;
use wasmtime::{Engine, Linker, Module, Result, Store, Trap};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx};

use crate::process::Ended;
use crate::target::Launch;

/// The most that a program may print (64 MiB).
const OUTPUT: usize = 64 << 20;

/// The status of a program that trapped, as Wasmtime's command has it.
const TRAPPED: i32 = 134;

/// Runs a program to its end. What Wasmtime says of a trap goes to standard error.
///
/// # Errors
/// If it cannot be started, or ends in a way that is neither an exit nor a trap.
pub fn run(launch: &Launch, input: &[u8]) -> Result<Ended> {
    let cpu = CpuLevel::local().context("this CPU has not the least that is needed")?;
    let engine = Engine::new(&compiler_config(Profile { cpu, metered: false })?)?;
    let bytes = std::fs::read(&launch.application)
        .with_context(|| format!("cannot read {}", launch.application.display()))?;
    let module = Module::new(&engine, bytes)?;
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |wasi: &mut WasiP1Ctx| wasi)?;

    let stdout = MemoryOutputPipe::new(OUTPUT);
    let stderr = MemoryOutputPipe::new(OUTPUT);
    let mut wasi = WasiCtx::builder();
    wasi.stdin(MemoryInputPipe::new(input.to_vec())).stdout(stdout.clone()).stderr(stderr.clone());
    // As everywhere, the first argument is the program's name.
    let name = launch.application.file_name().unwrap_or_default().to_string_lossy();
    wasi.arg(name).args(&launch.arguments).envs(&launch.environment);
    for directory in &launch.directories {
        wasi.preopened_dir(&directory.host, &directory.guest, FsPerms::ReadWrite)?;
    }
    let mut store = Store::new(&engine, wasi.build_p1());
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let result = start.call(&mut store, ());
    drop(store);

    let mut errors = stderr.contents().to_vec();
    let status = match result {
        Ok(()) => 0,
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => exit.0,
            None if error.is::<Trap>() => {
                errors.extend(format!("{error:?}\n").into_bytes());
                TRAPPED
            }
            None => return Err(error),
        },
    };
    Ok(Ended { status, stdout: stdout.contents().to_vec(), stderr: errors, late: false })
}
