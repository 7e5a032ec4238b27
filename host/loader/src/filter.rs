//! Filters of system calls, as data: what a process may still do. Any other call kills it.

use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// One way in which a system call is allowed: all tests of its arguments hold. A call may be listed more
/// than once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    pub(crate) call: libc::c_long,
    pub(crate) tests: &'static [Test],
}

/// A test of one argument, by its position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Test {
    /// The lower 32 bits are this value.
    Is(u8, u32),
    /// Outside the mask the 64 bits are this value; those of the mask are free.
    Except(u8, u64, u64),
    /// The lower 32 bits are the number of the calling process.
    OwnProcess(u8),
}

/// A call that is allowed whatever its arguments.
pub(crate) const fn any(call: libc::c_long) -> Allowed {
    Allowed { call, tests: &[] }
}

/// A call that is allowed under tests.
pub(crate) const fn when(call: libc::c_long, tests: &'static [Test]) -> Allowed {
    Allowed { call, tests }
}

/// The program of a filter that allows these calls and kills the process at any other.
///
/// # Errors
/// If the list is too long for a program: a mistake in the list.
pub(crate) fn allow(list: &[Allowed]) -> io::Result<BpfProgram> {
    compile(list, SeccompAction::KillProcess, SeccompAction::Allow)
}

/// The program of a filter that answers `ENOSYS` to one call, so that a C library takes the older one,
/// whose arguments a filter can see.
///
/// # Errors
/// As [`allow`].
pub(crate) fn absent(call: libc::c_long) -> io::Result<BpfProgram> {
    compile(&[any(call)], SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.cast_unsigned()))
}

fn compile(list: &[Allowed], otherwise: SeccompAction, matched: SeccompAction) -> io::Result<BpfProgram> {
    let mut rules = std::collections::BTreeMap::<i64, Vec<SeccompRule>>::new();
    for allowed in list {
        let chain = rules.entry(allowed.call).or_default();
        // A chain without rules is the call whatever its arguments.
        if !allowed.tests.is_empty() {
            let tests =
                allowed.tests.iter().map(condition).collect::<Result<_, _>>().map_err(io::Error::other)?;
            chain.push(SeccompRule::new(tests).map_err(io::Error::other)?);
        }
    }
    let filter =
        SeccompFilter::new(rules, otherwise, matched, TargetArch::x86_64).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

fn condition(test: &Test) -> Result<SeccompCondition, seccompiler::BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    match *test {
        Test::Is(argument, value) => SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value.into()),
        Test::Except(argument, mask, value) => {
            SeccompCondition::new(argument, Qword, SeccompCmpOp::MaskedEq(!mask), value)
        }
        Test::OwnProcess(argument) => {
            SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, std::process::id().into())
        }
    }
}
