//! Wasmtime in a plain process: the same version, configuration and compiled code as in a Keep.

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use holdfast_client::artefact::{self, Artefact};
use holdfast_protocol::ApplicationKind;
use wasmtime::component::{Component, Linker as ComponentLinker, ResourceTable};
use wasmtime::{Engine, Linker, Module, Store};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::{self, bindings::sync::Command};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Arguments of the native host.
#[derive(Args)]
pub(crate) struct Native {
    /// HOST:GUEST
    #[arg(long)]
    dir: Option<String>,
    application: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Native {
    /// Runs the application, then says on standard error how many milliseconds it ran, in the form of
    /// `holdfast run --json`. Returns its status.
    ///
    /// # Errors
    /// If it cannot start, or traps.
    pub(crate) fn run(&self) -> Result<u8> {
        let file = std::fs::read(&self.application)
            .with_context(|| format!("cannot read {}", self.application.display()))?;
        let artefact = artefact::open(&file)?;
        let engine = Engine::new(&holdfast_engine::config(false))?;
        let (result, begin) = match artefact.kind {
            ApplicationKind::Module => {
                let module = module(&engine, &artefact)?;
                let begin = Instant::now();
                (self.run_module(&engine, &module), begin)
            }
            ApplicationKind::Component => {
                let component = component(&engine, &artefact)?;
                let begin = Instant::now();
                (self.run_component(&engine, &component), begin)
            }
        };
        let milliseconds = begin.elapsed().as_secs_f64() * 1000.0;
        let status = match result {
            Ok(status) => status,
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => u8::try_from(exit.0)?,
                None => bail!("{error:?}"),
            },
        };
        let summary = serde_json::json!({ "status": status, "milliseconds": { "run": milliseconds } });
        writeln!(stderr(), "{summary}")?;
        Ok(status)
    }

    fn wasi(&self) -> Result<WasiCtxBuilder> {
        let mut wasi = WasiCtx::builder();
        wasi.inherit_stdio().allow_blocking_current_thread(true);
        wasi.arg(self.application.file_name().unwrap_or_default().to_string_lossy());
        wasi.args(&self.arguments);
        if let Some(directory) = &self.dir {
            let (host, guest) = directory.split_once(':').context("write --dir HOST:GUEST")?;
            wasi.preopened_dir(host, guest, FsPerms::ReadWrite)?;
        }
        Ok(wasi)
    }

    fn run_module(&self, engine: &Engine, module: &Module) -> Result<u8> {
        let mut linker = Linker::new(engine);
        p1::add_to_linker_sync(&mut linker, |wasi: &mut WasiP1Ctx| wasi)?;
        let mut store = Store::new(engine, self.wasi()?.build_p1());
        let instance = linker.instantiate(&mut store, module)?;
        instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())?;
        Ok(0)
    }

    fn run_component(&self, engine: &Engine, component: &Component) -> Result<u8> {
        let mut linker = ComponentLinker::new(engine);
        p2::add_to_linker_sync(&mut linker)?;
        let host = ComponentHost { wasi: self.wasi()?.build(), table: ResourceTable::new() };
        let mut store = Store::new(engine, host);
        let command = Command::instantiate(&mut store, component, &linker)?;
        let result = command.wasi_cli_run().call_run(&mut store)?;
        Ok(u8::from(result.is_err()))
    }
}

struct ComponentHost {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for ComponentHost {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn module(engine: &Engine, artefact: &Artefact<'_>) -> Result<Module> {
    // SAFETY: this command's parent compiled it a moment ago; `artefact::open` has checked its digest.
    Ok(unsafe { Module::deserialize(engine, artefact.code) }?)
}

fn component(engine: &Engine, artefact: &Artefact<'_>) -> Result<Component> {
    // SAFETY: as in `module`.
    Ok(unsafe { Component::deserialize(engine, artefact.code) }?)
}
