//! What the figures depend on. Nothing that identifies the machine.

use std::fs::read_to_string;

/// One line about CPU, cores and kernel.
pub(crate) fn describe() -> String {
    let info = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field("model name").unwrap_or_else(|| "unknown CPU".into());
    let virtual_machine =
        field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let nested = if virtual_machine { ", itself a virtual machine" } else { "" };
    format!("{model}, {cores} logical CPUs{nested}, Linux {kernel}")
}
