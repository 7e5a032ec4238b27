//! The loader's own process: makes the Keep, sandboxes itself, serves, and reports how it ended.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::process::abort;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use holdfast_gate::Ending;
use holdfast_launch::plan::HostFacts;
use holdfast_launch::{Image, LaunchPlan, Platform, Shape};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::ClockId;

use crate::LoaderError;
use crate::body::Body;
use crate::control::{Backend, Choice, LoaderConfig, Report};
use crate::kvm::{self, KvmError};
use crate::machine::{self, Machine};
use crate::process::Child;
use crate::sandbox::{self, Role};
use crate::service::{Next, Service, Vcpus, clock};
use crate::window::Window;

/// How a Keep ended.
pub(crate) type Outcome = Result<Ending, LoaderError>;

/// The way to the client, and the one place where a loader ends.
#[derive(Debug)]
pub(crate) struct Reporter {
    control: OwnedFd,
    child: Option<Child>,
    ended: AtomicBool,
}

impl Reporter {
    /// What follows from a served request; nothing: the vCPU goes on.
    pub(crate) fn judge(&self, next: io::Result<Next>) -> Option<Outcome> {
        match next {
            Ok(Next::Continue) => None,
            Ok(Next::Exit(ending)) => Some(Ok(ending)),
            Ok(Next::Violation(error)) => Some(Err(LoaderError::Violation(error.to_string()))),
            Err(error) => Some(Err(LoaderError::system("serve the gate")(error))),
        }
    }

    /// Ends the Keep and this process. The first caller's outcome is reported.
    pub(crate) fn end(&self, outcome: Outcome) -> ! {
        if self.ended.swap(true, Ordering::SeqCst) {
            loop {
                thread::park();
            }
        }
        if let Some(child) = &self.child {
            child.kill();
        }
        let report = match outcome {
            Ok(ending) => Report::ended(ending),
            Err(error) => Report::Failed(error),
        };
        // A client that is gone needs no report.
        let _ = report.send(self.control.as_fd());
        exit()
    }
}

/// Ends this process at once; what other threads are doing does not matter.
pub(crate) fn exit() -> ! {
    // SAFETY: no code of this process runs afterwards.
    unsafe { libc::_exit(0) }
}

/// A thread that serves ends with the loader only; if it ends otherwise, this ends the loader.
pub(crate) struct EndOnDrop<'a>(pub(crate) &'a Reporter);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end(Err(LoaderError::Silent));
    }
}

/// The whole life of a loader. It has one thread.
pub(crate) fn run(config: &LoaderConfig, channel: OwnedFd, control: OwnedFd) -> ! {
    let mut control = Some(control);
    let Err(error) = start(config, channel, &mut control);
    match control {
        Some(control) => Reporter { control, child: None, ended: AtomicBool::new(false) }.end(Err(error)),
        // The reporter has it, and every path there ends the process.
        None => abort(),
    }
}

fn start(
    config: &LoaderConfig,
    channel: OwnedFd,
    control: &mut Option<OwnedFd>,
) -> Result<std::convert::Infallible, LoaderError> {
    let image = Image::parse(config.image).map_err(|error| LoaderError::Image(error.to_string()))?;
    let (backend, kvm) = choose(config.backend)?;
    let platform = match backend {
        Backend::Kvm => Platform::Machine,
        Backend::Process => Platform::Process,
    };
    let shape = Shape { platform, vcpus: config.vcpus, memory: config.memory };
    let facts = HostFacts::default();
    shape.boot_info(&image, &facts).check().map_err(|error| LoaderError::Shape(error.to_string()))?;
    let plan = LaunchPlan::new(&image, &shape);
    let service = |window| Service::new(window, channel, config.vcpus).map_err(LoaderError::system("serve"));
    let no_window = LoaderError::system("make the window");
    match kvm {
        Some(kvm) => {
            let window = Body::new(image.body).and_then(Window::for_machine).map_err(no_window)?;
            let machine = kvm::Machine::new(&kvm, &plan, &window)?;
            let vcpu = machine.vcpu(0)?;
            fill(&window, &shape, &image, kvm::Machine::tsc_khz(&vcpu))?;
            let service = service(window)?;
            run_machine(config.vcpus, machine, vcpu, service, control)
        }
        None => {
            let window = Window::new().map_err(no_window)?;
            fill(&window, &shape, &image, 0)?;
            let child = Child::new(&plan, &window, config.memory)?;
            let service = service(window)?;
            run_process(config.vcpus, child, service, control)
        }
    }
}

/// The backend to use. `Auto` is KVM where it works, else a process.
fn choose(choice: Choice) -> Result<(Backend, Option<kvm_ioctls::Kvm>), KvmError> {
    match choice {
        Choice::Process => Ok((Backend::Process, None)),
        Choice::Kvm => Ok((Backend::Kvm, Some(kvm::open()?))),
        Choice::Auto => Ok(match kvm::open() {
            Ok(kvm) => (Backend::Kvm, Some(kvm)),
            Err(_) => (Backend::Process, None),
        }),
    }
}

fn fill(window: &Window, shape: &Shape, image: &Image<'_>, tsc_khz: u64) -> Result<(), LoaderError> {
    let facts = HostFacts { tsc_khz, wall_ns: clock(ClockId::Realtime) };
    for (offset, bytes) in shape.window(image, &facts) {
        // A machine's window shows the body where it lies.
        if window.body().is_none() || offset != holdfast_gate::window::BODY {
            window.write(offset, &bytes).map_err(LoaderError::system("fill the window"))?;
        }
    }
    Ok(())
}

fn run_machine(
    vcpus: u32,
    machine: kvm::Machine,
    vcpu: kvm::Vcpu,
    service: Service,
    control: &mut Option<OwnedFd>,
) -> Result<std::convert::Infallible, LoaderError> {
    kvm::install_kick_handler().map_err(LoaderError::system("install a signal handler"))?;
    let owned = control.take().ok_or(LoaderError::Silent)?;
    let reporter = Arc::new(Reporter { control: owned, child: None, ended: AtomicBool::new(false) });
    let mut open = open_descriptors(&service, &reporter);
    open.extend([machine.descriptor(), vcpu.descriptor()]);
    let machine = Arc::new(Machine::new(machine, service, Arc::clone(&reporter), vcpus));
    seal(Role::Kvm(vcpus), &open, Backend::Kvm, &reporter);
    if let Err(error) = machine.run(0, vcpu) {
        reporter.end(Err(LoaderError::system("start a thread")(error)));
    }
    watch(&reporter)
}

fn run_process(
    vcpus: u32,
    child: Child,
    service: Service,
    control: &mut Option<OwnedFd>,
) -> Result<std::convert::Infallible, LoaderError> {
    let owned = control.take().ok_or(LoaderError::Silent)?;
    let reporter = Arc::new(Reporter { control: owned, child: Some(child), ended: AtomicBool::new(false) });
    let open = open_descriptors(&service, &reporter);
    let service = Arc::new(service);
    // The threads are made before the sandbox, which then needs not allow any. Each is past its own
    // preparations when it reaches the barrier.
    let barrier = Arc::new(Barrier::new(vcpus as usize + 1));
    for index in 0..vcpus {
        let (service, server, barrier) = (Arc::clone(&service), Arc::clone(&reporter), Arc::clone(&barrier));
        let serve = move || {
            let _guard = EndOnDrop(&server);
            barrier.wait();
            loop {
                if let Some(outcome) = server.judge(serve_process(&service, index)) {
                    server.end(outcome);
                }
            }
        };
        if let Err(error) = thread::Builder::new().stack_size(machine::STACK).spawn(serve) {
            reporter.end(Err(LoaderError::system("start a thread")(error)));
        }
    }
    barrier.wait();
    seal(Role::Process, &open, Backend::Process, &reporter);
    if let Some(Err(error)) = reporter.child.as_ref().map(Child::go) {
        reporter.end(Err(LoaderError::system("start the Keep")(error)));
    }
    watch(&reporter)
}

/// The vCPUs of a process are its threads, which it starts itself; each has had its server from the start.
#[derive(Debug)]
struct Threads;

impl Vcpus for Threads {
    fn start(&self, _: u32) -> bool {
        true
    }

    /// The host's kernel keeps the TLBs of a process.
    fn interrupt(&self, _: u32) {}
}

fn serve_process(service: &Service, index: u32) -> io::Result<Next> {
    service.window().await_request(index)?;
    let next = service.serve(index, &Threads)?;
    if next == Next::Continue {
        service.window().ring_back(index)?;
    }
    Ok(next)
}

fn open_descriptors(service: &Service, reporter: &Reporter) -> Vec<RawFd> {
    let mut open: Vec<_> = service.descriptors().map(|fd| fd.as_raw_fd()).collect();
    open.push(reporter.control.as_raw_fd());
    open.extend(reporter.child.iter().flat_map(Child::descriptors));
    open
}

/// Into the sandbox, and tells the client that the Keep starts.
fn seal(role: Role, open: &[RawFd], backend: Backend, reporter: &Reporter) {
    let landlock = match sandbox::enter(role, open) {
        Ok(landlock) => landlock,
        Err(error) => reporter.end(Err(LoaderError::system("sandbox itself")(error))),
    };
    let started = Report::Started { backend, landlock };
    if started.send(reporter.control.as_fd()).is_err() {
        reporter.end(Err(LoaderError::Silent));
    }
}

/// Waits until the client is gone, or the Keep's process has ended of itself.
fn watch(reporter: &Reporter) -> ! {
    let control = PollFd::new(&reporter.control, PollFlags::IN);
    let mut polled = vec![control];
    polled.extend(reporter.child.as_ref().map(|child| PollFd::new(child, PollFlags::IN)));
    loop {
        // A failed poll says nothing, and is repeated.
        let _ = poll(&mut polled, None);
        if let (Some(child), Some(ended)) = (&reporter.child, polled.get(1))
            && !ended.revents().is_empty()
        {
            reporter.end(Err(child.reap().err().unwrap_or(LoaderError::Silent)));
        }
        if polled.first().is_some_and(|control| !control.revents().is_empty()) {
            // Nothing is ever sent this way: the client has closed it, or died.
            reporter.end(Err(LoaderError::Silent));
        }
    }
}
