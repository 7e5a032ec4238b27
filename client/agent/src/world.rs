//! Worlds: what an application may import, and what it must export.
//!
//! Only names are compared here, so that a mistake is named before anything is compiled or started.
//! The Keep's linker compares the types.

use holdfast_protocol::ApplicationKind;
use wasmparser::{Parser, Payload};

/// The module that WASI p1's functions are imported from.
const P1: &str = "wasi_snapshot_preview1";

/// The functions of WASI p1.
const P1_FUNCTIONS: &str = "args_get args_sizes_get clock_res_get \
    clock_time_get environ_get environ_sizes_get fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get \
    fd_fdstat_set_flags fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread \
    fd_prestat_dir_name fd_prestat_get fd_pwrite fd_read fd_readdir fd_renumber fd_seek fd_sync fd_tell fd_write \
    path_create_directory path_filestat_get path_filestat_set_times path_link path_open path_readlink \
    path_remove_directory path_rename path_symlink path_unlink_file poll_oneoff proc_exit proc_raise random_get \
    sched_yield sock_accept sock_recv sock_send sock_shutdown";

/// The interfaces of WASI p2 that a Keep serves, at any version 0.2.x.
const P2_INTERFACES: &str = "cli/environment cli/exit cli/stdin cli/stdout cli/stderr cli/terminal-input \
    cli/terminal-output cli/terminal-stdin cli/terminal-stdout cli/terminal-stderr clocks/monotonic-clock \
    clocks/wall-clock filesystem/types filesystem/preopens io/error io/poll io/streams \
    random/insecure random/insecure-seed random/random sockets/instance-network sockets/ip-name-lookup \
    sockets/network sockets/tcp sockets/tcp-create-socket sockets/udp sockets/udp-create-socket";

/// The interfaces of WASI p3 that a Keep serves, at any version 0.3.x.
const P3_INTERFACES: &str = "cli/environment cli/exit cli/types cli/stdin cli/stdout cli/stderr \
    cli/terminal-input cli/terminal-output cli/terminal-stdin cli/terminal-stdout cli/terminal-stderr \
    clocks/types clocks/monotonic-clock clocks/system-clock filesystem/types filesystem/preopens \
    random/insecure random/insecure-seed random/random sockets/types \
    sockets/ip-name-lookup";

/// Why an application does not fit into a Keep. Its author chose another world.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// Something that a Keep does not have.
    #[error("it imports {0}, which a Keep does not have")]
    MissingImport(String),
    /// A module without `_start`.
    #[error("the module exports no function `_start`, so it is no command; it exports {0}")]
    NoStart(String),
    /// A component that serves HTTP.
    #[error("the component serves {0}; serving is not there yet, only commands (wasi:cli/run) run")]
    Serves(String),
    /// A component of any other world.
    #[error("the component is of an unknown world: it exports {0}; only commands (wasi:cli/run) run")]
    UnknownWorld(String),
    /// The Keep's linker is for a finished WASI, not for a draft.
    #[error("the component is a command of {0}; commands of wasi:cli 0.2.x and 0.3.x run")]
    Version(String),
    /// The parser gave up; `inspect` has validated the file before, so this names the same fault.
    #[error("it cannot be parsed: {0}")]
    Malformed(String),
}

impl From<wasmparser::BinaryReaderError> for WorldError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Checks imports and entry point.
///
/// # Errors
/// The first import that is missing, or else the missing entry point.
pub(crate) fn check(kind: ApplicationKind, bytes: &[u8]) -> Result<(), WorldError> {
    match kind {
        ApplicationKind::Module => module(bytes),
        ApplicationKind::Component => component(bytes),
    }
}

fn module(bytes: &[u8]) -> Result<(), WorldError> {
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    if import.module != P1 || !listed(P1_FUNCTIONS, import.name) {
                        let name = format!("`{}` from `{}`", import.name, import.module);
                        return Err(WorldError::MissingImport(name));
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(export?.name);
                }
            }
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    if exports.contains(&"_start") { Ok(()) } else { Err(WorldError::NoStart(names(&exports))) }
}

fn component(bytes: &[u8]) -> Result<(), WorldError> {
    let mut exports = Vec::new();
    // Only the outermost component's imports and exports meet the Keep.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth = depth.saturating_add(1);
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import?.name.name;
                    if !served(name) {
                        return Err(WorldError::MissingImport(format!("`{name}`")));
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name);
                }
            }
            _ => {}
        }
    }
    let starts = |prefix: &str| exports.iter().find(|name| name.starts_with(prefix));
    if starts("wasi:cli/run@0.2.").or_else(|| starts("wasi:cli/run@0.3.")).is_some() {
        Ok(())
    } else if let Some(run) = starts("wasi:cli/run") {
        Err(WorldError::Version(format!("`{run}`")))
    } else if let Some(handler) = starts("wasi:http/") {
        Err(WorldError::Serves(format!("`{handler}`")))
    } else {
        Err(WorldError::UnknownWorld(names(&exports)))
    }
}

/// Whether the Keep's linker has this import.
fn served(name: &str) -> bool {
    let Some((interface, version)) = name.strip_prefix("wasi:").and_then(|rest| rest.split_once('@')) else {
        return false;
    };
    (version.starts_with("0.2.") && listed(P2_INTERFACES, interface))
        || (version.starts_with("0.3.") && listed(P3_INTERFACES, interface))
}

fn listed(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == name)
}

/// A list for an error message, with an end.
fn names(exports: &[&str]) -> String {
    const SHOWN: usize = 8;
    if exports.is_empty() {
        return "nothing".into();
    }
    let shown: Vec<String> = exports.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = exports.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(kind: ApplicationKind, text: &str) -> Result<(), WorldError> {
        check(kind, &wat::parse_str(text).unwrap())
    }

    #[test]
    fn the_functions_of_p1_are_those_of_wasmtimes_linker() {
        let engine = wasmtime::Engine::default();
        let mut linker = wasmtime::Linker::<wasmtime_wasi::p1::WasiP1Ctx>::new(&engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, |context| context).unwrap();
        let mut store = wasmtime::Store::new(&engine, wasmtime_wasi::WasiCtx::builder().build_p1());
        let mut linked: Vec<String> = linker.iter(&mut store).map(|(_, name, _)| name.to_string()).collect();
        linked.sort();
        assert_eq!(P1_FUNCTIONS.split_ascii_whitespace().collect::<Vec<_>>(), linked);
    }

    /// A function, or a resource, of each interface that has one. (An instance of types alone always links.)
    const MEMBERS: &[(&str, &str)] = &[
        ("cli/environment", "get-environment"),
        ("cli/exit", "exit"),
        ("cli/stdin", "0.2 get-stdin"),
        ("cli/stdin", "0.3 read-via-stream"),
        ("cli/stdout", "0.2 get-stdout"),
        ("cli/stdout", "0.3 write-via-stream"),
        ("cli/stderr", "0.2 get-stderr"),
        ("cli/stderr", "0.3 write-via-stream"),
        ("cli/terminal-input", "resource terminal-input"),
        ("cli/terminal-output", "resource terminal-output"),
        ("cli/terminal-stdin", "get-terminal-stdin"),
        ("cli/terminal-stdout", "get-terminal-stdout"),
        ("cli/terminal-stderr", "get-terminal-stderr"),
        ("cli/types", ""),
        ("clocks/types", ""),
        ("clocks/monotonic-clock", "now"),
        ("clocks/wall-clock", "now"),
        ("clocks/system-clock", "now"),
        ("filesystem/types", "resource descriptor"),
        ("filesystem/preopens", "get-directories"),
        ("io/error", "resource error"),
        ("io/poll", "poll"),
        ("io/streams", "resource input-stream"),
        ("random/insecure", "get-insecure-random-u64"),
        ("random/insecure-seed", "0.2 insecure-seed"),
        ("random/insecure-seed", "0.3 get-insecure-seed"),
        ("random/random", "get-random-u64"),
        ("sockets/instance-network", "instance-network"),
        ("sockets/ip-name-lookup", "resolve-addresses"),
        ("sockets/network", "resource network"),
        ("sockets/tcp", "resource tcp-socket"),
        ("sockets/tcp-create-socket", "create-tcp-socket"),
        ("sockets/types", "resource tcp-socket"),
        ("sockets/udp", "resource udp-socket"),
        ("sockets/udp-create-socket", "create-udp-socket"),
    ];

    #[test]
    fn the_interfaces_of_p2_and_p3_are_in_wasmtimes_linker() {
        struct Empty;
        impl wasmtime_wasi::WasiView for Empty {
            fn ctx(&mut self) -> wasmtime_wasi::WasiCtxView<'_> {
                unreachable!("nothing is instantiated")
            }
        }
        let engine = wasmtime::Engine::default();
        let mut linker = wasmtime::component::Linker::<Empty>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi::p3::add_to_linker(&mut linker).unwrap();
        // A function has another type than this one. What is absent gives another error.
        let linked = |interface: &str, member: &str| {
            let export = match member.strip_prefix("resource ") {
                Some(resource) => format!("(export \"{resource}\" (type (sub resource)))"),
                None => format!("(export \"{member}\" (func (param \"other\" (list char))))"),
            };
            let text = format!("(component (import \"wasi:{interface}\" (instance {export})))");
            let component =
                wasmtime::component::Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
            match linker.instantiate_pre(&component) {
                Ok(_) => true,
                Err(error) => !format!("{error:?}").contains("implementation is missing"),
            }
        };
        for (interfaces, version) in [(P2_INTERFACES, "0.2"), (P3_INTERFACES, "0.3")] {
            for interface in interfaces.split_ascii_whitespace() {
                let members = MEMBERS.iter().filter(|(of, _)| *of == interface);
                let ours: Vec<&str> = members
                    .filter_map(|(_, member)| match member.split_once(' ') {
                        Some((only, member)) if only.starts_with('0') => (only == version).then_some(member),
                        _ => Some(*member),
                    })
                    .collect();
                assert_eq!(ours.len(), 1, "{interface}@{version} stands once in the table");
                let interface = format!("{interface}@{version}.0");
                assert!(ours[0].is_empty() || linked(&interface, ours[0]), "{interface}");
                assert!(!linked(&interface, "absent"), "{interface}");
            }
        }
    }

    #[test]
    fn a_missing_function_is_named() {
        let error = check_text(
            ApplicationKind::Module,
            r#"(module (import "env" "frobnicate" (func)) (func (export "_start")))"#,
        );
        assert_eq!(error, Err(WorldError::MissingImport("`frobnicate` from `env`".into())));
    }

    #[test]
    fn a_module_without_start_tells_what_it_exports() {
        let error = check_text(ApplicationKind::Module, r#"(module (func (export "add")))"#);
        assert_eq!(error, Err(WorldError::NoStart("`add`".into())));
    }

    #[test]
    fn components_of_other_worlds_are_told_apart() {
        let of = |export: &str| {
            check_text(
                ApplicationKind::Component,
                &format!(r#"(component (instance $i) (export "{export}" (instance $i)))"#),
            )
        };
        assert_eq!(of("wasi:cli/run@0.2.3"), Ok(()));
        assert_eq!(of("wasi:cli/run@0.3.0"), Ok(()));
        assert!(matches!(of("wasi:cli/run@0.1.0"), Err(WorldError::Version(_))));
        let handler = "`wasi:http/incoming-handler@0.2.0`".to_string();
        assert_eq!(of("wasi:http/incoming-handler@0.2.0"), Err(WorldError::Serves(handler)));
        assert_eq!(
            of("acme:coffee/brew@1.0.0"),
            Err(WorldError::UnknownWorld("`acme:coffee/brew@1.0.0`".into()))
        );
    }

    #[test]
    fn what_a_nested_component_imports_is_not_the_keeps_affair() {
        let text = r#"(component
            (component (import "acme:inner/thing" (instance)))
            (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#;
        assert_eq!(check_text(ApplicationKind::Component, text), Ok(()));
    }
}
