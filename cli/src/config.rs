//! `holdfast config`.

use std::fs::File;
use std::io::Write;

use holdfast_client::config::{TEMPLATE, load};
use holdfast_client::exit::ExitCode;

use crate::failure::Failure;
use crate::options::Config;

pub(crate) fn config(command: &Config) -> Result<u8, Failure> {
    match command {
        Config::Init { file } => {
            File::create_new(file).and_then(|mut new| new.write_all(TEMPLATE.as_bytes())).map_err(
                |error| Failure::new(ExitCode::Output, format!("cannot write {}: {error}", file.display())),
            )?;
        }
        Config::Check { file } => {
            load(file)?;
            crate::print(&format!("{}: in order\n", file.display()))?;
        }
    }
    Ok(0)
}
