#![cfg_attr(fuzzing, no_main)]
//! See the library: [`holdfast_fuzz::CARRIED`].

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| (holdfast_fuzz::CARRIED.body)(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    holdfast_fuzz::smoke::run_files(
        &holdfast_fuzz::CARRIED,
        std::env::args_os().skip(1).map(std::path::PathBuf::from),
    )
}
