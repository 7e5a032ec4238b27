//! Writes the bundle that is part of the program: `cargo run -p holdfast-refdb --example embed`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("release/development.corim");
    std::fs::write(file, holdfast_refdb::embedded::build()?)?;
    Ok(())
}
