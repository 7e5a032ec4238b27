//! Wasmtime and WASI: load the application, link it, run it.

use std::path::Path;

use holdfast_protocol::{Application, ApplicationKind, Configuration, Exit, FailureClass, Stdio, Stream};
use wasmtime::component::Component;
use wasmtime::{CallHook, Engine, Module, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

use crate::channel::Shared;
use crate::failure::{self, Stop};
use crate::files;
use crate::stdio::{Output, Stdin};

/// An application that can start.
pub(crate) struct Loaded {
    engine: Engine,
    code: Code,
}

enum Code {
    Module(wasmtime::InstancePre<Host>),
    Component(wasmtime::component::InstancePre<Host>),
}

/// What the application's imports work on.
struct Host {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl Loaded {
    /// Loads the artefact and links its imports. Nothing of the application runs.
    pub(crate) fn new(
        application: &Application,
        artefact: &[u8],
        configuration: &Configuration,
    ) -> Result<Self, Stop> {
        let engine = Engine::new(&holdfast_engine::config(configuration.fuel.is_some()))
            .map_err(|error| Stop::new(FailureClass::Internal, format!("{error:?}")))?;
        let incompatible = |error: wasmtime::Error| {
            let text =
                format!("the compiled application does not fit this Keep; compile it again: {error:#}");
            Stop::new(FailureClass::Incompatible, text)
        };
        let code = match load(&engine, application.kind, artefact).map_err(incompatible)? {
            Artefact::Module(module) => {
                check_memory(module.resources_required().max_initial_memory_size, configuration)?;
                Code::Module(link_module(&engine, &module)?)
            }
            Artefact::Component(component) => {
                let needs = component.resources_required().and_then(|needs| needs.max_initial_memory_size);
                check_memory(needs, configuration)?;
                Code::Component(link_component(&engine, &component)?)
            }
        };
        Ok(Self { engine, code })
    }

    /// Runs the application to its end.
    pub(crate) async fn run(self, configuration: &Configuration, root: &Path, channel: &Shared) -> Exit {
        match self.start(configuration, root, channel).await {
            Ok(()) => Exit::Status(0),
            Err(error) => failure::exit(&error),
        }
    }

    async fn start(
        self,
        configuration: &Configuration,
        root: &Path,
        channel: &Shared,
    ) -> wasmtime::Result<()> {
        let mut limits = StoreLimitsBuilder::new();
        if let Some(bytes) = configuration.max_memory {
            limits = limits.memory_size(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        let host = Host { wasi: wasi(configuration, root, channel)?, limits: limits.build() };
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limits);
        if let Some(fuel) = configuration.fuel {
            store.set_fuel(fuel)?;
        }
        // What the application has written is with the client before its code goes on.
        let output = channel.clone();
        store.call_hook(move |_, hook| match hook {
            CallHook::ReturningFromHost => Ok(output.lock().send().map_err(std::io::Error::from)?),
            _ => Ok(()),
        });
        match self.code {
            Code::Module(module) => run_module(&mut store, &module).await,
            Code::Component(component) => run_component(&mut store, &component).await,
        }
    }
}

enum Artefact {
    Module(Module),
    Component(Component),
}

#[expect(unsafe_code, reason = "compiled code is run as it is")]
fn load(engine: &Engine, kind: ApplicationKind, artefact: &[u8]) -> wasmtime::Result<Artefact> {
    match kind {
        ApplicationKind::Module => {
            // SAFETY: the artefact is what the client's compiler made: the client announced its digest,
            // which was checked, and the client is who decides what runs here.
            unsafe { Module::deserialize(engine, artefact) }.map(Artefact::Module)
        }
        ApplicationKind::Component => {
            // SAFETY: as above.
            unsafe { Component::deserialize(engine, artefact) }.map(Artefact::Component)
        }
    }
}

/// A memory that cannot even start within the limit is refused by name, not by a failed instantiation.
fn check_memory(needs: Option<u64>, configuration: &Configuration) -> Result<(), Stop> {
    // Wasmtime counts in pages of WebAssembly.
    let needs = needs.unwrap_or(0).saturating_mul(65_536);
    match configuration.max_memory {
        Some(limit) if needs > limit => {
            let text = format!("the application starts with {needs} bytes of memory; its limit is {limit}");
            Err(Stop::new(FailureClass::OutOfMemory, text))
        }
        _ => Ok(()),
    }
}

fn link_module(engine: &Engine, module: &Module) -> Result<wasmtime::InstancePre<Host>, Stop> {
    if module.get_export("_start").and_then(|export| export.func().cloned()).is_none() {
        let text = "the module has no function `_start`: it is not a WASI command";
        return Err(Stop::new(FailureClass::NotACommand, text));
    }
    let mut linker = wasmtime::Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |host: &mut Host| &mut host.wasi)
        .map_err(internal)?;
    linker.instantiate_pre(module).map_err(missing)
}

fn link_component(
    engine: &Engine,
    component: &Component,
) -> Result<wasmtime::component::InstancePre<Host>, Stop> {
    let mut linker = wasmtime::component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(internal)?;
    let ty = component.component_type();
    // Only who uses p3 pays for linking it.
    if ty.imports(engine).map(|(name, _)| name).chain(ty.exports(engine).map(|(name, _)| name)).any(is_p3) {
        wasmtime_wasi::p3::add_to_linker(&mut linker).map_err(internal)?;
    }
    if !ty.exports(engine).any(|(name, _)| name.starts_with("wasi:cli/run@")) {
        let text = "the component does not export `wasi:cli/run`: it is not a WASI command";
        return Err(Stop::new(FailureClass::NotACommand, text));
    }
    linker.instantiate_pre(component).map_err(missing)
}

fn is_p3(name: &str) -> bool {
    name.starts_with("wasi:") && name.contains("@0.3.")
}

fn internal(error: wasmtime::Error) -> Stop {
    Stop::new(FailureClass::Internal, format!("{error:?}"))
}

fn missing(error: wasmtime::Error) -> Stop {
    let text = format!("the application needs an import that a Keep does not have: {error:#}");
    Stop::new(FailureClass::MissingImport, text)
}

async fn run_module(store: &mut Store<Host>, module: &wasmtime::InstancePre<Host>) -> wasmtime::Result<()> {
    let instance = module.instantiate_async(&mut *store).await?;
    let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
    start.call_async(store, ()).await
}

async fn run_component(
    store: &mut Store<Host>,
    component: &wasmtime::component::InstancePre<Host>,
) -> wasmtime::Result<()> {
    let instance = component.instantiate_async(&mut *store).await?;
    let result = match wasmtime_wasi::p3::bindings::Command::new(&mut *store, &instance) {
        Ok(command) => {
            store.run_concurrent(async |store| command.wasi_cli_run().call_run(store).await).await??
        }
        Err(_) => {
            let command = wasmtime_wasi::p2::bindings::Command::new(&mut *store, &instance)?;
            command.wasi_cli_run().call_run(store).await?
        }
    };
    // A component can say only yes or no.
    result.map_err(|()| wasmtime_wasi::I32Exit(1).into())
}

fn wasi(configuration: &Configuration, root: &Path, channel: &Shared) -> wasmtime::Result<WasiP1Ctx> {
    let mut wasi = WasiCtx::builder();
    wasi.args(&configuration.arguments)
        .envs(&configuration.environment)
        // One thread does all: a file operation in the Keep's memory is over before a thread would start.
        .allow_blocking_current_thread(true)
        // What there is of a network ends in the Keep: its own loopback interface.
        .allow_tcp(true)
        .allow_udp(true)
        .inherit_network()
        .allow_ip_name_lookup(true);
    if configuration.stdin == Stdio::Client {
        wasi.stdin(Stdin(channel.clone()));
    }
    if configuration.stdout == Stdio::Client {
        wasi.stdout(Output { channel: channel.clone(), stream: Stream::Stdout });
    }
    if configuration.stderr == Stdio::Client {
        wasi.stderr(Output { channel: channel.clone(), stream: Stream::Stderr });
    }
    for (index, directory) in configuration.directories.iter().enumerate() {
        let permissions = if directory.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        wasi.preopened_dir(files::place(root, index), &directory.guest, permissions)?;
    }
    Ok(wasi.build_p1())
}
