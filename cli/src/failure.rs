use std::process::ExitCode as Status;

use holdfast_client::exit::{ExitCode, Fails};
use holdfast_gate::Ending;
use holdfast_loader::LoaderError;
use holdfast_protocol::{Exit, FailureClass, TrapKind};

/// An end that is not the application's own: what to print, and the status to exit with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: ExitCode,
    /// For people. Nothing is printed if it is empty.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: ExitCode, message: String) -> Self {
        Self { code, message }
    }

    /// Prints the message.
    pub(crate) fn report(&self) -> Status {
        // Whoever closed the pipe does not want to hear about it.
        if self.code != ExitCode::Pipe && !self.message.is_empty() {
            crate::say(&self.message);
        }
        Status::from(self.code.status())
    }
}

impl<E: Fails> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.exit_code(), error.to_string())
    }
}

/// What the loader says about a Keep that is not there, or not any more.
pub(crate) fn of_loader(error: &LoaderError) -> Failure {
    let code = match error {
        LoaderError::KvmMissing | LoaderError::KvmNotPermitted | LoaderError::Kvm(_) => ExitCode::Backend,
        LoaderError::Memory(_) | LoaderError::System { .. } => ExitCode::Resources,
        LoaderError::Shape(_) => ExitCode::Usage,
        LoaderError::Image(_) => ExitCode::Internal,
        LoaderError::Violation(_)
        | LoaderError::Stopped(_)
        | LoaderError::Killed { .. }
        | LoaderError::LoaderKilled { .. }
        | LoaderError::Silent => ExitCode::Keep,
    };
    Failure::new(code, error.to_string())
}

/// What a Keep says about its own end, when there is no result.
pub(crate) fn of_ending(ending: Ending) -> Failure {
    let code = match ending {
        Ending::OutOfMemory => ExitCode::Resources,
        Ending::CpuUnsuitable => ExitCode::Backend,
        Ending::Fault { .. } | Ending::Aborted => ExitCode::Internal,
        Ending::Finished
        | Ending::BodyRefused
        | Ending::BootInfoRefused
        | Ending::GateViolation(_)
        | Ending::RandomnessFailed
        | Ending::Status(_) => ExitCode::Keep,
    };
    Failure::new(code, format!("{ending}, without a result"))
}

/// The application's end: its own status, or what went wrong.
pub(crate) fn of_exit(exit: Exit) -> Result<u8, Failure> {
    match exit {
        // As the system does it: the low eight bits.
        Exit::Status(status) => Ok(status.to_le_bytes()[0]),
        Exit::Trap { kind: TrapKind::OutOfFuel, text } => {
            Err(Failure::new(ExitCode::Fuel, format!("the application used up its fuel: {text}")))
        }
        Exit::Trap { text, .. } => {
            Err(Failure::new(ExitCode::Trap, format!("the application trapped\n{text}")))
        }
        Exit::Failure { class, text } => {
            let code = match class {
                FailureClass::Incompatible
                | FailureClass::MissingImport
                | FailureClass::NotACommand
                | FailureClass::Application => ExitCode::Application,
                FailureClass::OutOfMemory => ExitCode::Resources,
                FailureClass::Files => ExitCode::Input,
                FailureClass::Protocol | FailureClass::Damaged => ExitCode::Keep,
                FailureClass::Internal => ExitCode::Internal,
            };
            Err(Failure::new(code, text))
        }
    }
}
