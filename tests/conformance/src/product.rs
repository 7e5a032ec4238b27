//! What is under test, and what it is tested with.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The `holdfast` command that was built beside this program.
///
/// # Errors
/// If there is none.
pub fn holdfast() -> Result<PathBuf> {
    let command = env::current_exe()?.with_file_name("holdfast");
    ensure!(
        command.exists(),
        "there is no {}; build it with `cargo build --release`, or name it with --holdfast",
        command.display()
    );
    Ok(command)
}

/// The folder of large workloads, which is not part of the project: what `HOLDFAST_SHARED` names, else
/// `shared` beside the project; nothing if it is not there.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let named = env::var_os("HOLDFAST_SHARED").map(PathBuf::from);
    named.or_else(|| Some(root().parent()?.join("shared"))).filter(|folder| folder.is_dir())
}

/// The project.
fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}
