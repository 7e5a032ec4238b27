//! What is under test, and what it is tested with.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

/// The `holdfast` command: the one that `HOLDFAST` names, else built as this program is.
///
/// # Errors
/// If it cannot be built.
pub fn holdfast() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| match env::var_os("HOLDFAST") {
        Some(path) => Ok(path.into()),
        None => build().map_err(|error| format!("{error:#}")),
    });
    built.clone().map_err(anyhow::Error::msg)
}

/// Cargo does not build the command for tests of another package, so they ask for it.
fn build() -> Result<PathBuf> {
    let myself = env::current_exe()?;
    let mut folder = myself.parent().context("this program has no folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("this program has no target folder")?;
    }
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => "dev",
    };
    let target = folder.parent().context("this program has no target folder")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "holdfast", "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(root())
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "holdfast could not be built");
    Ok(folder.join("holdfast"))
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
