//! Ahead-of-time compilation.

use holdfast_engine::{Profile, compiler_config};
use holdfast_protocol::ApplicationKind;
use wasmtime::Engine;

use crate::artefact;
use crate::digest::Digest;
use crate::exit::{ExitCode, Fails};

/// Why an application cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Invalid inside a function, or beyond one of the compiler's limits.
    #[error("the application does not compile: {0}")]
    Application(String),
    /// The compiler cannot be set up.
    #[error("the compiler does not start: {0}; this is a bug in Holdfast")]
    Compiler(String),
}

impl Fails for CompileError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Application(_) => ExitCode::Application,
            Self::Compiler(_) => ExitCode::Internal,
        }
    }
}

/// Compiles WebAssembly to the content of a `.cwasm`, on all of this machine's CPUs.
///
/// # Errors
/// The application is invalid.
pub fn compile(kind: ApplicationKind, wasm: &[u8], profile: Profile) -> Result<Vec<u8>, CompileError> {
    let engine = compiler_config(profile)
        .and_then(|config| Engine::new(&config))
        .map_err(|error| CompileError::Compiler(one_line(&error)))?;
    let code = match kind {
        ApplicationKind::Module => engine.precompile_module(wasm),
        ApplicationKind::Component => engine.precompile_component(wasm),
    }
    .map_err(|error| CompileError::Application(one_line(&error)))?;
    let mut file = artefact::header(kind, profile, Digest::of(wasm), &code).to_vec();
    file.extend(code);
    Ok(file)
}

/// An error with its causes.
fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").replace('\n', " ")
}
