//! What only the compiler looks at.

use wasmtime::{Config, OptLevel, Result};

use crate::Profile;

/// The configuration that compiles for a Keep.
///
/// # Errors
/// None with the compiler that this is built with, which knows the target.
pub fn compiler_config(profile: Profile) -> Result<Config> {
    let mut config = crate::config(profile.metered);
    config
        // A named target starts from the least CPU, whatever this machine has.
        .target("x86_64-unknown-linux-gnu")?
        .cranelift_opt_level(OptLevel::Speed)
        // No unwinder ever walks over compiled code in a Keep.
        .native_unwind_info(false);
    for flag in profile.cpu.flags() {
        // SAFETY: the flags of `cpu` only let the compiler use more instructions; the artefact lists
        // them, and Wasmtime refuses it on a CPU that lacks one.
        unsafe { config.cranelift_flag_enable(flag) };
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CpuLevel;
    use wasmtime::{Engine, Module};

    const ADD: &[u8] = b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b";

    #[test]
    fn what_one_side_compiles_the_other_loads_if_the_profile_agrees() {
        for metered in [false, true] {
            let profile = Profile { cpu: CpuLevel::V2, metered };
            let compiler = Engine::new(&compiler_config(profile).unwrap()).unwrap();
            let artefact = compiler.precompile_module(ADD).unwrap();
            let load = |metered| {
                let engine = Engine::new(&crate::config(metered)).unwrap();
                // SAFETY: the artefact is what the compiler just made.
                unsafe { Module::deserialize(&engine, &artefact) }
            };
            assert!(load(metered).is_ok());
            assert!(load(!metered).is_err());
        }
    }
}
