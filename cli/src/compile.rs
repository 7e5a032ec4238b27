//! `holdfast compile`.

use std::io::Write;
use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_client::inspect::{Application, read};
use holdfast_engine::Profile;

use crate::failure::Failure;
use crate::options::Compile;
use crate::prepare;

pub(crate) fn compile(options: &Compile) -> Result<u8, Failure> {
    let Application::Wasm { kind, bytes } = read(&options.application)? else {
        let message = format!("{} is compiled already", options.application.display());
        return Err(Failure::new(ExitCode::Usage, message));
    };
    let cpu = options.cpu.map_or_else(prepare::local_level, Ok)?;
    let profile = Profile { cpu, metered: options.fuel };
    let file = prepare::compile_shown(&options.application, kind, &bytes, profile)?;
    write(&options.output, &file).map_err(|error| {
        Failure::new(ExitCode::Output, format!("cannot write {}: {error}", options.output.display()))
    })?;
    Ok(0)
}

/// Writes a file all at once: nobody sees half of it.
fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
