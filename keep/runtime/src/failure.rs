//! What goes wrong, and who is told.

use std::io::Write;
use std::os::unix::net::UnixStream;

use holdfast_protocol::{Encoder, Exit, FailureClass, ProtocolError, ToClient, TrapKind, clip};
use rustix::io::Errno;
use wasmtime::{Trap, UnknownImportError};
use wasmtime_wasi::I32Exit;

/// The channel is gone, so nobody can be told anything.
#[derive(Debug, thiserror::Error)]
#[error("the channel to the client failed: {0}")]
pub struct Lost(#[source] pub(crate) std::io::Error);

/// From here on a panic, which is always a bug in Holdfast, is told to the client. The host hears no more
/// than that the Keep gave up: what a panic says may come from the application.
pub fn tell_panics(channel: &UnixStream) {
    let Ok(channel) = channel.try_clone() else { return };
    std::panic::set_hook(Box::new(move |panic| {
        let exit = Exit::Failure { class: FailureClass::Internal, text: clip(panic.to_string()) };
        let mut encoder = Encoder::new();
        // The client may be in the middle of another message, or gone; there is nothing more to do then.
        if encoder.push(&ToClient::Exit(exit)).is_ok() {
            let _ = (&channel).write_all(encoder.pending());
        }
    }));
}

/// Why a conversation ends before its time.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client is to be told this.
    Tell(Exit),
    /// There is no client any more.
    Lost(Lost),
}

impl Stop {
    /// A failure of this class. The text says what happened and what to do.
    pub(crate) fn new(class: FailureClass, text: impl Into<String>) -> Self {
        Self::Tell(Exit::Failure { class, text: clip(text.into()) })
    }

    /// A failed operation on a file of the application. `what` reads as in "cannot {what}".
    pub(crate) fn files(what: &str, errno: Errno) -> Self {
        let class = match errno {
            Errno::NOSPC | Errno::NOMEM | Errno::DQUOT => FailureClass::OutOfMemory,
            _ => FailureClass::Files,
        };
        let advice = if class == FailureClass::OutOfMemory { "; give the Keep more memory" } else { "" };
        Self::new(class, format!("cannot {what}: {}{advice}", std::io::Error::from(errno)))
    }
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Self::new(FailureClass::Protocol, error.to_string())
    }
}

impl From<Lost> for Stop {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

/// What an error that ended the application means.
pub(crate) fn exit(error: &wasmtime::Error) -> Exit {
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return Exit::Status(*status);
    }
    if let Some(trap) = error.downcast_ref() {
        return Exit::Trap { kind: kind(*trap), text: clip(format!("{error:?}")) };
    }
    // In one line: only a trap has a backtrace to show.
    let mut text = format!("{error:#}");
    let class = if error.is::<UnknownImportError>() {
        FailureClass::MissingImport
    } else if out_of_memory(error) {
        text.push_str("; give the Keep more memory, or the application less to do");
        FailureClass::OutOfMemory
    } else {
        FailureClass::Application
    };
    Exit::Failure { class, text: clip(text) }
}

fn out_of_memory(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::OutOfMemory>()
        || error.chain().any(|cause| {
            cause.downcast_ref::<Errno>() == Some(&Errno::NOMEM)
                || cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|cause| cause.kind() == std::io::ErrorKind::OutOfMemory)
        })
}

fn kind(trap: Trap) -> TrapKind {
    match trap {
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned => TrapKind::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Trap::IntegerDivisionByZero => TrapKind::DivisionByZero,
        Trap::IntegerOverflow => TrapKind::IntegerOverflow,
        Trap::BadConversionToInteger => TrapKind::BadConversion,
        Trap::IndirectCallToNull | Trap::BadSignature => TrapKind::BadIndirectCall,
        Trap::StackOverflow => TrapKind::StackOverflow,
        Trap::OutOfFuel => TrapKind::OutOfFuel,
        _ => TrapKind::Other,
    }
}
