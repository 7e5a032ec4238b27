//! The keep image is the same, bit for bit, wherever it is built: who builds it anew can check a release.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is no source: what the build made, and the history.
const NOT_COPIED: [&str; 2] = ["target", ".git"];

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if NOT_COPIED.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// All files of that name below `folder`.
fn find(folder: &Path, name: &str, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, name, found)?;
        } else if path.file_name().is_some_and(|found| found == name) {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
#[ignore = "slow: it builds the keep image a second time"]
fn the_image_is_the_same_in_another_folder() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace")?;
    let folder = tempfile::tempdir()?;
    let other = folder.path().join("of-another-name");
    copy(root, &other)?;
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(&other).args(["build", "--release", "--locked", "--package", "holdfast-image"]);
    build.arg("--target-dir").arg(other.join("built")).env_remove("HOLDFAST_KEEP_IMAGE");
    assert!(build.status()?.success(), "the build in another folder");

    let mut images = Vec::new();
    find(&other.join("built/release/build"), "holdfast-keep.elf", &mut images)?;
    let [image] = images.as_slice() else { return Err(format!("images: {images:?}").into()) };
    let image = fs::read(image)?;
    let differs = holdfast_image::IMAGE.iter().zip(&image).position(|(one, other)| one != other);
    assert_eq!((image.len(), differs), (holdfast_image::IMAGE.len(), None), "the first byte that differs");
    Ok(())
}
