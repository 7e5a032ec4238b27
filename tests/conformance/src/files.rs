//! Directory trees: copied before a test, compared after it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What is at one path of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory.
    Directory,
    /// A file with this content.
    File(Vec<u8>),
    /// A symbolic link to this.
    Link(String),
}

/// All that is below `folder`, by its path from there.
///
/// # Errors
/// If something cannot be read.
pub fn tree(folder: &Path) -> io::Result<BTreeMap<String, Entry>> {
    let mut tree = BTreeMap::new();
    walk(folder, "", &mut tree)?;
    Ok(tree)
}

/// Makes `to` a copy of the tree below `from`, but for what an earlier run of a test left there
/// (the suite calls such files `*.cleanup`).
///
/// # Errors
/// If something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for (path, entry) in tree(from)? {
        let to = to.join(&path);
        if path.split('/').any(|name| name.ends_with(".cleanup")) {
            continue;
        }
        match entry {
            Entry::Directory => fs::create_dir(to)?,
            Entry::File(content) => fs::write(to, content)?,
            Entry::Link(target) => symlink(target, to)?,
        }
    }
    Ok(())
}

fn walk(folder: &Path, prefix: &str, tree: &mut BTreeMap<String, Entry>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), tree)?;
            tree.insert(path, Entry::Directory);
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path())?;
            tree.insert(path, Entry::Link(target.to_string_lossy().into_owned()));
        } else {
            tree.insert(path, Entry::File(fs::read(entry.path())?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_but_for_what_was_left_there() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(from.path().join("d/e")).unwrap();
        fs::write(from.path().join("d/f"), "content").unwrap();
        symlink("d/f", from.path().join("l")).unwrap();
        copy(from.path(), to.path()).unwrap();
        assert_eq!(tree(from.path()).unwrap(), tree(to.path()).unwrap());

        fs::write(from.path().join("d/old.cleanup"), "").unwrap();
        let again = tempfile::tempdir().unwrap();
        copy(from.path(), again.path()).unwrap();
        assert_eq!(tree(again.path()).unwrap(), tree(to.path()).unwrap());
    }
}
