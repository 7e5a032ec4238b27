use std::io;

use holdfast_protocol::{ProtocolError, ToClient};

use super::Stop;
use crate::collect::CollectError;
use crate::exit::{ExitCode, Fails};
use crate::pack::PackError;

/// Why a session did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Somebody on this side ended it.
    #[error("{0}")]
    Stopped(Stop),
    /// The Keep or its host closed the channel. The loader knows more.
    #[error("the Keep ended without a result")]
    Closed,
    /// The channel failed; mostly because the Keep is gone.
    #[error("the channel to the Keep failed: {0}")]
    Channel(#[from] io::Error),
    /// The Keep, or its host, broke the rules of the protocol; or the job does not fit into them.
    #[error("the conversation with the Keep failed: {0}")]
    Protocol(#[from] ProtocolError),
    /// The job cannot be expressed: an argument with a NUL byte, too many directories, and so on.
    #[error("the application's surroundings cannot be passed to a Keep: {0}")]
    Job(ProtocolError),
    /// What the Keep has is not what was sent.
    #[error("what arrived in the Keep is not what was sent; the host changed it")]
    Delivery,
    /// A directory of the owner's.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A directory of results.
    #[error(transparent)]
    Collect(#[from] CollectError),
}

impl SessionError {
    pub(super) fn order(found: &ToClient<'_>, expected: &'static str) -> Self {
        Self::Protocol(ProtocolError::Order { found: found.name(), expected })
    }
}

impl Fails for SessionError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Stopped(stop) => stop.exit_code(),
            Self::Closed | Self::Channel(_) | Self::Protocol(_) | Self::Delivery => ExitCode::Keep,
            Self::Job(_) => ExitCode::Usage,
            Self::Pack(error) => error.exit_code(),
            Self::Collect(error) => error.exit_code(),
        }
    }
}
