//! Files that commands read whole.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use holdfast_client::exit::ExitCode;

use crate::failure::Failure;

/// Reads a file, or standard input for `-`, of at most `longest` bytes.
pub(crate) fn read(path: &Path, longest: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        stdin().lock().take(longest + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(longest + 1).read_to_end(&mut bytes))
    };
    match result {
        Ok(length) if length as u64 <= longest => Ok(bytes),
        Ok(_) => {
            let message =
                format!("{} is longer than {longest} bytes, and none of these files is", path.display());
            Err(Failure::new(ExitCode::Input, message))
        }
        Err(error) => Err(Failure::new(ExitCode::Input, format!("cannot read {}: {error}", path.display()))),
    }
}
