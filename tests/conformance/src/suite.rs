//! The programs of a checkout of WebAssembly/wasi-testsuite, branch `prod/testsuite-base`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::spec::Spec;

/// A program of the suite.
#[derive(Clone, Debug)]
pub struct Case {
    /// Which group it is in: language and WASI version, as in `rust/wasm32-wasip1`.
    pub group: String,
    /// Its name.
    pub name: String,
    /// The program.
    pub wasm: PathBuf,
    /// How to run it, and what to expect.
    pub spec: Spec,
}

impl Case {
    /// The name that is the program's alone.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    /// Whether it is of WASI p3.
    #[must_use]
    pub fn p3(&self) -> bool {
        self.group.ends_with("wasip3")
    }
}

/// All programs below `folder`, by group and name.
///
/// # Errors
/// If there is none, or one cannot be read.
pub fn discover(folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for language in entries(&folder.join("tests")).context("this is no checkout of the suite")? {
        let groups = language.join("testsuite");
        if !groups.is_dir() {
            continue;
        }
        for group in entries(&groups)?.into_iter().filter(|path| path.is_dir()) {
            let name = format!("{}/{}", file_name(&language), file_name(&group));
            for wasm in entries(&group)?.into_iter().filter(|path| is_wasm(path)) {
                cases.push(case(&name, wasm)?);
            }
        }
    }
    ensure!(
        !cases.is_empty(),
        "no built program in {}: check out its branch prod/testsuite-base",
        folder.display()
    );
    cases.sort_by_key(Case::id);
    Ok(cases)
}

fn case(group: &str, wasm: PathBuf) -> Result<Case> {
    let json = wasm.with_extension("json");
    let spec = if json.exists() {
        let text = fs::read_to_string(&json).with_context(|| json.display().to_string())?;
        Spec::parse(&text).with_context(|| json.display().to_string())?
    } else {
        Spec::default()
    };
    let name = wasm.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Case { group: group.into(), name, wasm, spec })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>();
    read().with_context(|| folder.display().to_string())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_wasm(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wasm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_with_and_without_specification() {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("tests/c/testsuite/wasm32-wasip1");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("b.wasm"), "").unwrap();
        fs::write(group.join("a.wasm"), "").unwrap();
        fs::write(group.join("a.json"), r#"{"exit_code": 3}"#).unwrap();
        let cases = discover(folder.path()).unwrap();
        let ids: Vec<_> = cases.iter().map(Case::id).collect();
        assert_eq!(ids, ["c/wasm32-wasip1/a", "c/wasm32-wasip1/b"]);
        assert_eq!(cases[1].spec, Spec::default());
        assert_ne!(cases[0].spec, Spec::default());
    }

    #[test]
    fn a_folder_without_programs_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tests")).unwrap();
        assert!(discover(folder.path()).unwrap_err().to_string().contains("prod/testsuite-base"));
    }
}
