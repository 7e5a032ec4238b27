//! Running a virtual machine: one thread per vCPU, which serves the vCPU's calls too.

use std::sync::{Arc, OnceLock};
use std::thread;

use crate::kvm::{self, Exit, Kick};
use crate::launch::{EndOnDrop, Reporter};
use crate::service::{Service, Vcpus};

/// Bytes of stack of a vCPU's thread.
pub(crate) const STACK: usize = 128 * 1024;

/// A virtual machine and its gate.
#[derive(Debug)]
pub(crate) struct Machine {
    // Dropped before the window that it uses, which is the service's.
    machine: kvm::Machine,
    service: Service,
    reporter: Arc<Reporter>,
    kicks: Vec<OnceLock<Arc<Kick>>>,
}

impl Machine {
    pub(crate) fn new(machine: kvm::Machine, service: Service, reporter: Arc<Reporter>, vcpus: u32) -> Self {
        let kicks = (0..vcpus).map(|_| OnceLock::new()).collect();
        Self { machine, service, reporter, kicks }
    }

    /// Runs a vCPU in a thread of its own until the Keep ends, which ends this process.
    pub(crate) fn run(self: &Arc<Self>, index: u32, mut vcpu: kvm::Vcpu) -> std::io::Result<()> {
        if let Some(kick) = self.kicks.get(index as usize) {
            kick.get_or_init(|| vcpu.kick());
        }
        let shared = Arc::clone(self);
        thread::Builder::new().stack_size(STACK).spawn(move || {
            let _guard = EndOnDrop(&shared.reporter);
            loop {
                let report = match vcpu.run() {
                    Ok(Exit::Doorbell) => shared.reporter.judge(shared.service.serve(index, &shared)),
                    Err(error) => Some(Err(error.into())),
                };
                if let Some(outcome) = report {
                    shared.reporter.end(outcome);
                }
            }
        })?;
        Ok(())
    }
}

impl Vcpus for Arc<Machine> {
    fn start(&self, index: u32) -> bool {
        // Whatever is lacking, a vCPU or a thread, the Keep hears that there is no more.
        self.machine.vcpu(index).is_ok_and(|vcpu| self.run(index, vcpu).is_ok())
    }

    fn interrupt(&self, index: u32) {
        if let Some(kick) = self.kicks.get(index as usize).and_then(OnceLock::get) {
            kick.interrupt();
        }
    }
}
