//! Files of the application.

use std::path::Path;

use anyhow::Result;

use crate::pairs::alternate;
use crate::process::complete;
use crate::report::{Figures, Row};
use crate::tools::{Launch, Side, Tools};

/// One large file, and many small ones.
pub(crate) fn measure(tools: &Tools) -> Result<Vec<Row>> {
    let program = tools.own_program("files.wasm")?;
    let pairs = alternate(tools.rounds(5, 1), Side::Native, |side| {
        let shared_memory = Some(Path::new("/dev/shm")).filter(|path| path.is_dir());
        let folder = tempfile::tempdir_in(shared_memory.unwrap_or(&std::env::temp_dir()))?;
        let launch = Launch { directory: Some((folder.path(), "/d")), ..Launch::default() };
        complete(tools.command(side, &program, &launch)?)?
            .phases(["write", "read", "create", "open", "remove"])
    })?;
    let what = [
        "files: writing 256 MiB, 64 KiB a call",
        "files: reading it again",
        "files: creating and writing 10,000 small files",
        "files: opening and reading them",
        "files: removing them",
    ];
    let row = |(what, pairs)| Row::measured(what, Figures::of("ms", Side::Native, pairs));
    Ok(what.into_iter().zip(&pairs).map(row).collect())
}
