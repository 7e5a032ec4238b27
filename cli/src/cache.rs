//! `holdfast cache`.

use holdfast_client::cache::Cache;
use holdfast_client::exit::ExitCode;

use crate::failure::Failure;
use crate::options;

pub(crate) fn cache(command: &options::Cache) -> Result<u8, Failure> {
    let cache = Cache::of_user().ok_or_else(|| {
        Failure::new(ExitCode::Input, "there is no cache: neither XDG_CACHE_HOME nor HOME is set".into())
    })?;
    let directory = cache.directory().display();
    match command {
        options::Cache::Show => {
            let usage = cache.usage().map_err(|error| {
                Failure::new(ExitCode::Input, format!("cannot read {directory}: {error}"))
            })?;
            let text = format!("{directory}: {} applications, {} KiB\n", usage.entries, usage.bytes / 1024);
            crate::print(&text)?;
        }
        options::Cache::Clear => cache
            .prune(0)
            .map_err(|error| Failure::new(ExitCode::Output, format!("cannot empty {directory}: {error}")))?,
    }
    Ok(0)
}
