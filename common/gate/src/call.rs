//! The operations: what a Keep can ask of its host, and what the host can answer.
//!
//! | number | operation | arguments | results |
//! |---|---|---|---|
//! | 1 | start a vCPU | index | |
//! | 2 | park | interest, timeout (ns, all ones: none) | woken (0/1), ready |
//! | 3 | wake a vCPU | index | |
//! | 4 | clock | | wall (ns since 1970), monotonic (ns) |
//! | 5 | stream read | stream, length | length read, 0: end of stream |
//! | 6 | stream write | stream, length | length written, at least 1 |
//! | 7 | stream shutdown (no more writes) | stream | |
//! | 8 | interrupt a vCPU (it flushes its TLB) | index | |
//! | 9 | exit | code, detail | never returns |
//!
//! Data of a read or write lies at the start of the calling vCPU's bounce buffer.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{CHANNEL, Ending, MAX_VCPUS, window};

/// A request as it lies in the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Request {
    /// One more than that of the vCPU's previous request; the first is 1.
    pub sequence: u64,
    /// The operation's number.
    pub operation: u32,
    /// Zero.
    pub reserved: u32,
    /// The arguments in the order of the table; those not used are zero.
    pub arguments: [u64; 6],
}

/// A reply as it lies in the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Reply {
    /// The sequence number of the request that it answers.
    pub sequence: u64,
    /// One of the `STATUS_*` values.
    pub status: u32,
    /// Zero.
    pub reserved: u32,
    /// The results in the order of the table; those not used are zero.
    pub results: [u64; 6],
}

const _: () = assert!(size_of::<Request>() == 64 && size_of::<Reply>() == 64);

/// Done; the results hold.
pub const STATUS_OK: u32 = 0;
/// Nothing can be read or written now; park until the stream is ready.
pub const STATUS_WOULD_BLOCK: u32 = 1;
/// The other end of the stream is gone.
pub const STATUS_CLOSED: u32 = 2;
/// The host has not the means (no vCPU left, no memory).
pub const STATUS_REFUSED: u32 = 3;

/// A `timeout` of [`Call::Park`] that never comes.
pub const NO_TIMEOUT: u64 = u64::MAX;

/// Which streams a parked vCPU waits for, and which are ready: bit 2s is "stream s can be read",
/// bit 2s+1 "stream s can be written".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest(u64);

impl Interest {
    /// No stream.
    pub const NONE: Self = Self(0);
    /// The channel can be read without blocking (data, or its end).
    pub const CHANNEL_READ: Self = Self(1 << (2 * CHANNEL));
    /// The channel can be written without blocking.
    pub const CHANNEL_WRITE: Self = Self(2 << (2 * CHANNEL));
    const ALL: u64 = 3 << (2 * CHANNEL);

    /// The set as it crosses the gate.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A set from bits; nothing if a bit belongs to no stream of this version.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits & !Self::ALL == 0 { Some(Self(bits)) } else { None }
    }

    /// Whether each bit of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no bit is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A call of a Keep on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Let vCPU `index` run from its fixed entry.
    StartVcpu {
        /// 1..[`MAX_VCPUS`].
        index: u32,
    },
    /// Sleep until somebody wakes this vCPU, a stream is ready, or the time is over. A wake that came
    /// before ends the sleep at once; it counts once.
    Park {
        /// The streams to wait for.
        interest: Interest,
        /// Nanoseconds, [`NO_TIMEOUT`]: no limit.
        timeout: u64,
    },
    /// End the sleep, or the next one, of vCPU `index`.
    Wake {
        /// Below [`MAX_VCPUS`].
        index: u32,
    },
    /// The host's clocks.
    Clock,
    /// Read from a stream into the bounce buffer.
    Read {
        /// The stream, [`CHANNEL`].
        stream: u32,
        /// At most this many bytes, 1..=[`window::BOUNCE_SIZE`].
        length: u32,
    },
    /// Write from the bounce buffer to a stream.
    Write {
        /// The stream, [`CHANNEL`].
        stream: u32,
        /// This many bytes, 1..=[`window::BOUNCE_SIZE`].
        length: u32,
    },
    /// No more will be written to a stream.
    Shutdown {
        /// The stream, [`CHANNEL`].
        stream: u32,
    },
    /// Interrupt vCPU `index`, which runs or will run in the Keep, with [`INTERRUPT_VECTOR`].
    Interrupt {
        /// Below [`MAX_VCPUS`].
        index: u32,
    },
    /// The end of the Keep.
    Exit(Ending),
}

/// The vector of [`Call::Interrupt`].
pub const INTERRUPT_VECTOR: u8 = 0x40;

/// What a checked reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, and there is nothing to say.
    Done,
    /// The sleep is over.
    Parked {
        /// Somebody called [`Call::Wake`].
        woken: bool,
        /// Streams that are ready, a subset of those waited for.
        ready: Interest,
    },
    /// The host's clocks, unchecked: only the Keep knows what it saw before.
    Clock {
        /// Nanoseconds since 1970-01-01T00:00:00Z.
        wall_ns: u64,
        /// Nanoseconds since an arbitrary moment.
        monotonic_ns: u64,
    },
    /// So many bytes went through the bounce buffer, at most the length asked; 0 only for a read at
    /// the end of the stream.
    Moved(u32),
    /// [`STATUS_WOULD_BLOCK`].
    WouldBlock,
    /// [`STATUS_CLOSED`].
    Closed,
    /// [`STATUS_REFUSED`].
    Refused,
}

impl Answer {
    /// The reply that gives this answer to request `sequence`.
    #[must_use]
    pub const fn encode(&self, sequence: u64) -> Reply {
        let (status, first, second) = match *self {
            Self::Done => (STATUS_OK, 0, 0),
            Self::Parked { woken, ready } => (STATUS_OK, woken as u64, ready.bits()),
            Self::Clock { wall_ns, monotonic_ns } => (STATUS_OK, wall_ns, monotonic_ns),
            Self::Moved(length) => (STATUS_OK, length as u64, 0),
            Self::WouldBlock => (STATUS_WOULD_BLOCK, 0, 0),
            Self::Closed => (STATUS_CLOSED, 0, 0),
            Self::Refused => (STATUS_REFUSED, 0, 0),
        };
        Reply { sequence, status, reserved: 0, results: [first, second, 0, 0, 0, 0] }
    }
}

/// A reply that no honest host gives. It ends the Keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The reply is to another request.
    #[error("reply to request {found} instead of {expected}")]
    Sequence {
        /// The sequence number in the reply.
        found: u64,
        /// That of the request.
        expected: u64,
    },
    /// A status that this operation does not have.
    #[error("status {0} does not exist for this operation")]
    Status(u32),
    /// A result out of its range.
    #[error("result {index} is {value}, out of range")]
    Result {
        /// Position in [`Reply::results`].
        index: u8,
        /// What was found.
        value: u64,
    },
    /// A field that must be zero is not.
    #[error("a field that must be zero is not")]
    Reserved,
    /// A reply to [`Call::Exit`].
    #[error("the host let a Keep go on that had ended")]
    Revived,
}

/// A request that no honest Keep makes. It ends the Keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The sequence number is not the next one.
    #[error("request {found} came instead of {expected}")]
    Sequence {
        /// The sequence number in the request.
        found: u64,
        /// The next one.
        expected: u64,
    },
    /// No such operation.
    #[error("there is no operation {0}")]
    Operation(u32),
    /// An argument out of its range.
    #[error("argument {index} of operation {operation} is {value}, out of range")]
    Argument {
        /// The operation.
        operation: u32,
        /// Position in [`Request::arguments`].
        index: u8,
        /// What was found.
        value: u64,
    },
    /// A field that must be zero is not.
    #[error("a field that must be zero is not")]
    Reserved,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Call {
    /// The operation's number.
    #[must_use]
    pub const fn operation(&self) -> u32 {
        match self {
            Self::StartVcpu { .. } => 1,
            Self::Park { .. } => 2,
            Self::Wake { .. } => 3,
            Self::Clock => 4,
            Self::Read { .. } => 5,
            Self::Write { .. } => 6,
            Self::Shutdown { .. } => 7,
            Self::Interrupt { .. } => 8,
            Self::Exit(_) => 9,
        }
    }

    /// The request for this call.
    #[must_use]
    pub const fn encode(&self, sequence: u64) -> Request {
        let (first, second) = match *self {
            Self::StartVcpu { index } | Self::Wake { index } | Self::Interrupt { index } => (index as u64, 0),
            Self::Park { interest, timeout } => (interest.bits(), timeout),
            Self::Clock => (0, 0),
            Self::Read { stream, length } | Self::Write { stream, length } => (stream as u64, length as u64),
            Self::Shutdown { stream } => (stream as u64, 0),
            Self::Exit(ending) => {
                let (code, detail) = ending.encode();
                (code as u64, detail)
            }
        };
        Request { sequence, operation: self.operation(), reserved: 0, arguments: [first, second, 0, 0, 0, 0] }
    }

    /// The call that a request makes. Call it on a private copy.
    ///
    /// # Errors
    /// What is wrong with the request first.
    pub fn decode(request: &Request, sequence: u64) -> Result<Self, RequestError> {
        if request.sequence != sequence {
            return Err(RequestError::Sequence { found: request.sequence, expected: sequence });
        }
        let operation = request.operation;
        let [first, second, rest @ ..] = request.arguments;
        if request.reserved != 0 || rest != [0; 4] {
            return Err(RequestError::Reserved);
        }
        let bad = |index: u8, value| RequestError::Argument { operation, index, value };
        let ranged = |index: u8, value: u64, from: u32, to: u32| {
            u32::try_from(value).ok().filter(|v| (from..=to).contains(v)).ok_or(bad(index, value))
        };
        let none = |index: u8, value: u64| if value == 0 { Ok(()) } else { Err(bad(index, value)) };
        Ok(match operation {
            1 => {
                none(1, second)?;
                Self::StartVcpu { index: ranged(0, first, 1, MAX_VCPUS - 1)? }
            }
            2 => Self::Park { interest: Interest::from_bits(first).ok_or(bad(0, first))?, timeout: second },
            3 => {
                none(1, second)?;
                Self::Wake { index: ranged(0, first, 0, MAX_VCPUS - 1)? }
            }
            4 => {
                none(0, first)?;
                none(1, second)?;
                Self::Clock
            }
            5 | 6 => {
                let stream = ranged(0, first, CHANNEL, CHANNEL)?;
                let length = ranged(1, second, 1, window::BOUNCE_SIZE as u32)?;
                if operation == 5 { Self::Read { stream, length } } else { Self::Write { stream, length } }
            }
            7 => {
                none(1, second)?;
                Self::Shutdown { stream: ranged(0, first, CHANNEL, CHANNEL)? }
            }
            8 => {
                none(1, second)?;
                Self::Interrupt { index: ranged(0, first, 0, MAX_VCPUS - 1)? }
            }
            9 => {
                let code = ranged(0, first, 0, u32::MAX)?;
                Self::Exit(Ending::decode(code, second).ok_or(bad(1, second))?)
            }
            _ => return Err(RequestError::Operation(operation)),
        })
    }

    /// What a reply to this call says. Call it on a private copy.
    ///
    /// # Errors
    /// What is wrong with the reply first.
    pub fn check(&self, sequence: u64, reply: &Reply) -> Result<Answer, Violation> {
        if reply.sequence != sequence {
            return Err(Violation::Sequence { found: reply.sequence, expected: sequence });
        }
        if reply.reserved != 0 {
            return Err(Violation::Reserved);
        }
        let [first, second, rest @ ..] = reply.results;
        if rest != [0; 4] {
            return Err(Violation::Reserved);
        }
        let zero = |value: u64| if value == 0 { Ok(()) } else { Err(Violation::Reserved) };
        if reply.status != STATUS_OK {
            zero(first | second)?;
        }
        match (*self, reply.status) {
            (Self::Exit(_), _) => Err(Violation::Revived),
            (Self::Clock, STATUS_OK) => Ok(Answer::Clock { wall_ns: first, monotonic_ns: second }),
            (Self::Park { interest, .. }, STATUS_OK) => {
                if first > 1 {
                    return Err(Violation::Result { index: 0, value: first });
                }
                let ready = Interest::from_bits(second)
                    .filter(|ready| interest.contains(*ready))
                    .ok_or(Violation::Result { index: 1, value: second })?;
                Ok(Answer::Parked { woken: first == 1, ready })
            }
            (Self::Read { length, .. } | Self::Write { length, .. }, STATUS_OK) => {
                zero(second)?;
                let least = matches!(self, Self::Write { .. }).into();
                u32::try_from(first)
                    .ok()
                    .filter(|moved| (least..=length).contains(moved))
                    .map(Answer::Moved)
                    .ok_or(Violation::Result { index: 0, value: first })
            }
            (Self::Read { .. } | Self::Write { .. }, STATUS_WOULD_BLOCK) => Ok(Answer::WouldBlock),
            (Self::Read { .. } | Self::Write { .. } | Self::Shutdown { .. }, STATUS_CLOSED) => {
                Ok(Answer::Closed)
            }
            (Self::StartVcpu { .. }, STATUS_REFUSED) => Ok(Answer::Refused),
            (
                Self::StartVcpu { .. } | Self::Wake { .. } | Self::Shutdown { .. } | Self::Interrupt { .. },
                STATUS_OK,
            ) => {
                zero(first | second)?;
                Ok(Answer::Done)
            }
            (_, status) => Err(Violation::Status(status)),
        }
    }
}
