//! What the loader gives up before the Keep's first instruction: files, new privileges, memory dumps,
//! and every system call that serving the gate does not need.

use std::io;
use std::os::fd::RawFd;

use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::filter::{Allowed, Test, absent, allow, any, when};

/// What serving needs on every backend.
const SERVING: &[Allowed] = &[
    any(libc::SYS_ppoll),
    any(libc::SYS_poll),
    any(libc::SYS_read),
    any(libc::SYS_write),
    any(libc::SYS_recvfrom),
    any(libc::SYS_sendto),
    any(libc::SYS_shutdown),
    any(libc::SYS_futex),
    any(libc::SYS_clock_gettime),
    any(libc::SYS_restart_syscall),
    any(libc::SYS_rt_sigreturn),
    any(libc::SYS_rt_sigprocmask),
    any(libc::SYS_exit_group),
    // Memory of the allocator.
    any(libc::SYS_brk),
    any(libc::SYS_munmap),
    when(libc::SYS_mmap, &[Test::Is(2, DATA), Test::Except(3, STACK, PRIVATE)]),
    when(libc::SYS_mmap, &[Test::Is(2, 0), Test::Except(3, STACK, PRIVATE)]),
    when(libc::SYS_mprotect, &[Test::Is(2, DATA)]),
    when(libc::SYS_mprotect, &[Test::Is(2, 0)]),
    when(libc::SYS_madvise, &[Test::Is(2, libc::MADV_DONTNEED.cast_unsigned())]),
];

const DATA: u32 = (libc::PROT_READ | libc::PROT_WRITE).cast_unsigned();
const STACK: u64 = (libc::MAP_STACK | libc::MAP_NORESERVE).cast_unsigned() as u64;
const PRIVATE: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS).cast_unsigned() as u64;

/// What the process backend needs besides: to end its Keep and hear of its end.
const PROCESS: &[Allowed] = &[
    // The memory of the body in the window.
    when(libc::SYS_madvise, &[Test::Is(2, libc::MADV_REMOVE.cast_unsigned())]),
    when(libc::SYS_pidfd_send_signal, &[Test::Is(1, libc::SIGKILL.cast_unsigned())]),
    when(libc::SYS_waitid, &[Test::Is(0, libc::P_PIDFD)]),
];

/// What the KVM backend needs besides: to make vCPUs, with a thread each, and run them.
const KVM: &[Allowed] = &[
    kvm(0xae80),      // KVM_RUN
    kvm(0xae41),      // KVM_CREATE_VCPU
    kvm(0x4008_ae90), // KVM_SET_CPUID2
    kvm(0x8138_ae83), // KVM_GET_SREGS
    kvm(0x4138_ae84), // KVM_SET_SREGS
    kvm(0x4188_aea7), // KVM_SET_XCRS
    kvm(0x4090_ae82), // KVM_SET_REGS
    kvm(0x4004_ae86), // KVM_INTERRUPT
    // The structure that KVM shares for each vCPU.
    when(libc::SYS_mmap, &[Test::Is(2, DATA), Test::Is(3, libc::MAP_SHARED.cast_unsigned())]),
    any(libc::SYS_close),
    when(libc::SYS_clone, &[Test::Except(0, 0, THREAD)]),
    // The C library's own signal, which its first thread prepares for.
    when(libc::SYS_rt_sigaction, &[Test::Is(0, 33)]),
    any(libc::SYS_set_robust_list),
    any(libc::SYS_rseq),
    any(libc::SYS_sigaltstack),
    any(libc::SYS_sched_getaffinity),
    any(libc::SYS_gettid),
    any(libc::SYS_getpid),
    when(libc::SYS_tgkill, &[Test::OwnProcess(0), Test::Is(2, libc::SIGUSR1.cast_unsigned())]),
    when(libc::SYS_prctl, &[Test::Is(0, libc::PR_SET_NAME.cast_unsigned())]),
    any(libc::SYS_exit),
    // Answered ENOSYS by the other filter.
    any(libc::SYS_clone3),
];

const fn kvm(request: u32) -> Allowed {
    let tests: &'static [Test] = match request {
        0xae80 => &[Test::Is(1, 0xae80)],
        0xae41 => &[Test::Is(1, 0xae41)],
        0x4008_ae90 => &[Test::Is(1, 0x4008_ae90)],
        0x8138_ae83 => &[Test::Is(1, 0x8138_ae83)],
        0x4138_ae84 => &[Test::Is(1, 0x4138_ae84)],
        0x4188_aea7 => &[Test::Is(1, 0x4188_aea7)],
        0x4090_ae82 => &[Test::Is(1, 0x4090_ae82)],
        _ => &[Test::Is(1, 0x4004_ae86)],
    };
    when(libc::SYS_ioctl, tests)
}

/// The flags with which the C library makes a thread.
const THREAD: u64 = (libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID)
    .cast_unsigned() as u64;

/// What a loader does after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It serves a Keep in another process.
    Process,
    /// It runs a virtual machine with so many vCPUs.
    Kvm(u32),
}

/// Gives up everything that `role` does not need, for all threads of this process, for good.
/// `descriptors` are those that stay open. Returns whether the kernel has Landlock.
///
/// # Errors
/// What the kernel refuses; the caller must not go on.
pub fn enter(role: Role, descriptors: &[RawFd]) -> io::Result<bool> {
    close_all_but(descriptors)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let highest = descriptors.iter().copied().max().unwrap_or(0);
    let more = match role {
        Role::Process => 0,
        Role::Kvm(vcpus) => vcpus,
    };
    limit(Resource::Nofile, u64::from(highest.unsigned_abs()) + 1 + u64::from(more))?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    rustix::thread::set_no_new_privs(true)?;
    let landlock = forbid_files()?;
    let list = match role {
        Role::Process => [SERVING, PROCESS].concat(),
        Role::Kvm(_) => {
            // First: the other filter does not allow a filter.
            apply(&absent(libc::SYS_clone3)?)?;
            [SERVING, KVM].concat()
        }
    };
    apply(&allow(&list)?)?;
    Ok(landlock)
}

fn apply(program: &seccompiler::BpfProgram) -> io::Result<()> {
    seccompiler::apply_filter_all_threads(program).map_err(io::Error::other)
}

/// Landlock, where the kernel has it: no file can be opened, whatever the filter lets through.
fn forbid_files() -> io::Result<bool> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

pub(crate) fn limit(resource: Resource, value: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?)
}

/// Closes each descriptor of this process that is not in the list.
///
/// # Errors
/// If the kernel is too old for `close_range` (before 5.9).
pub(crate) fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    let mut keep: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    keep.sort_unstable();
    keep.dedup();
    let mut from = 0;
    for fd in keep {
        if from < fd {
            close_range(from, fd - 1)?;
        }
        from = fd + 1;
    }
    close_range(from, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: closes descriptors, whose owners (if any) never use them again: the caller's list is of all
    // that this process goes on using.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
