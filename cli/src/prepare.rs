//! From a file to a compiled application.

use std::path::Path;

use holdfast_client::artefact::{self, Artefact, ArtefactError};
use holdfast_client::cache::Cache;
use holdfast_client::compile::compile;
use holdfast_client::digest::Digest;
use holdfast_client::exit::ExitCode;
use holdfast_client::inspect::{Application, read};
use holdfast_engine::{CpuLevel, Profile};
use holdfast_protocol::ApplicationKind;

use crate::failure::Failure;
use crate::progress::Progress;

/// From this size on, in bytes, compiling takes long enough to be shown.
const LARGE: usize = 1 << 20;

/// The content of the `.cwasm` of an application: as it is, from the cache, or compiled now.
pub(crate) fn compiled(path: &Path, metered: bool) -> Result<Vec<u8>, Failure> {
    match read(path)? {
        Application::Compiled(file) => {
            let profile = open(path, &file)?.profile;
            if metered && !profile.metered {
                let message = format!(
                    "{} was compiled without --fuel, so its fuel cannot be limited; compile it with --fuel",
                    path.display()
                );
                return Err(Failure::new(ExitCode::Usage, message));
            }
            Ok(file)
        }
        Application::Wasm { kind, bytes } => {
            let profile = Profile { cpu: local_level()?, metered };
            let source = Digest::of(&bytes);
            let cache = Cache::of_user();
            if let Some(file) = cache.as_ref().and_then(|cache| cache.find(source, profile)) {
                return Ok(file);
            }
            let file = compile_shown(path, kind, &bytes, profile)?;
            if let Some(cache) = cache
                && let Err(error) = cache.store(source, profile, &file)
            {
                // The run itself is not affected.
                let directory = cache.directory().display();
                crate::say(&format!("the compiled application is not kept in {directory}: {error}"));
            }
            Ok(file)
        }
    }
}

/// Compiles, and shows it if it takes long.
pub(crate) fn compile_shown(
    path: &Path,
    kind: ApplicationKind,
    wasm: &[u8],
    profile: Profile,
) -> Result<Vec<u8>, Failure> {
    let _progress = (wasm.len() >= LARGE).then(|| Progress::show(format!("compiling {}", path.display())));
    compile(kind, wasm, profile)
        .map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..error.into() })
}

/// Reads a `.cwasm`'s header.
pub(crate) fn open<'a>(path: &Path, file: &'a [u8]) -> Result<Artefact<'a>, Failure> {
    artefact::open(file).map_err(|error: ArtefactError| {
        Failure::new(ExitCode::Application, format!("{}: {error}", path.display()))
    })
}

/// The best named level of this machine.
pub(crate) fn local_level() -> Result<CpuLevel, Failure> {
    CpuLevel::local().ok_or_else(|| {
        let missing = CpuLevel::V2.missing().join(", ");
        Failure::new(ExitCode::Backend, format!("this machine's CPU is too old: it lacks {missing}"))
    })
}
