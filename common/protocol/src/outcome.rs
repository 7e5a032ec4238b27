//! How the application ended.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// The longest text in an [`Exit`], in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// How it ended. The last thing that a Keep says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// The application ended with this status (0 if it simply returned).
    Status(i32),
    /// WebAssembly trapped.
    Trap {
        /// What happened.
        kind: TrapKind,
        /// The message as Wasmtime prints it, with the WebAssembly backtrace.
        text: String,
    },
    /// The application could not start, or could not go on.
    Failure {
        /// Who is at fault.
        class: FailureClass,
        /// What happened and what to do, in one or more lines.
        text: String,
    },
}

/// The kinds of traps, as in the WebAssembly specification's tests and Wasmtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrapKind {
    /// `unreachable` was executed (what `abort` compiles to).
    Unreachable,
    /// A load or store outside the linear memory.
    MemoryOutOfBounds,
    /// An access outside a table, or a call through an element that is not there.
    TableOutOfBounds,
    /// An integer was divided by zero.
    DivisionByZero,
    /// The result of an integer operation does not fit.
    IntegerOverflow,
    /// A conversion of a float that is no integer.
    BadConversion,
    /// A call through a table to nothing, or to a function of another type.
    BadIndirectCall,
    /// The call stack is exhausted.
    StackOverflow,
    /// The fuel is used up.
    OutOfFuel,
    /// Any other; the text says which.
    Other,
}

/// Who is at fault when an application does not run to an end of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureClass {
    /// The client broke the rules of this protocol: a bug in the client, or the channel was cut.
    Protocol,
    /// What arrived is not what the client announced: its digest differs.
    Damaged,
    /// The artefact was compiled by another version, with other settings, or for another CPU.
    Incompatible,
    /// The application imports what the Keep does not have; the text names it.
    MissingImport,
    /// The application has no entry point that the Keep knows.
    NotACommand,
    /// The application's directories could not be laid out or collected.
    Files,
    /// They, or the application, do not fit into the Keep's memory: give it more.
    OutOfMemory,
    /// The application did something that WASI answers with its end.
    Application,
    /// Something in the Keep that should not happen.
    Internal,
}

impl Exit {
    /// Whether its text is at most [`MAX_TEXT`] long.
    pub(crate) fn fits(&self) -> bool {
        match self {
            Self::Status(_) => true,
            Self::Trap { text, .. } | Self::Failure { text, .. } => text.len() <= MAX_TEXT,
        }
    }
}

/// Cuts a text to [`MAX_TEXT`] bytes, at the border of a character.
#[must_use]
pub fn clip(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}
