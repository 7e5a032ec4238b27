use crate::{PathError, VERSION, frame};

/// What is wrong with a message. From a parser it is the peer's fault, from a builder the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A header's reserved bytes are not zero: this is no frame.
    #[error("the reserved bytes of a frame header are not zero")]
    Reserved,
    /// A payload above [`frame::MAX_PAYLOAD`].
    #[error("a frame of kind {kind} has {length} bytes; at most {max} are allowed", max = frame::MAX_PAYLOAD)]
    TooLong {
        /// The frame's kind.
        kind: u8,
        /// Its payload's length in bytes.
        length: usize,
    },
    /// A kind that does not exist in this direction.
    #[error("there is no frame of kind {0} in this direction")]
    Kind(u8),
    /// A payload that is not what its kind says.
    #[error("the payload of a frame of kind {0} is malformed")]
    Malformed(u8),
    /// The peer speaks another version.
    #[error("the other side speaks protocol version {0}, this side {VERSION}; use matching releases")]
    Version(u32),
    /// A message that is not allowed now.
    #[error("{found} came where {expected} is due")]
    Order {
        /// What came.
        found: &'static str,
        /// What had to come.
        expected: &'static str,
    },
    /// A path that no entry may have.
    #[error("the path {path:?} cannot be used: {reason}")]
    Path {
        /// The path, shortened.
        path: alloc::string::String,
        /// Why.
        reason: PathError,
    },
    /// A name or value that cannot be passed to the application.
    #[error("{0} has a NUL byte, or is empty where that is not possible")]
    Text(&'static str),
    /// More items than allowed.
    #[error("there are too many {what}; at most {limit} are allowed")]
    TooMany {
        /// Items of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The peer sent more on a stdio stream than it was given credit for, or more credit than exists.
    #[error("the other side overran the window of a stdio stream")]
    Window,
    /// The stream of bytes ended inside a frame, or before the end of the conversation.
    #[error("the channel closed in the middle of the conversation")]
    Truncated,
}
