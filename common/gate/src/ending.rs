//! How a Keep ends, as it tells its host. It says nothing about the application: its result goes to
//! the client over the channel, which the host cannot read.

/// The reason a Keep gives for its end. The codes are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// All went as it should; the client has the result.
    #[error("the Keep finished")]
    Finished,
    /// Stage 0 hashed the body and it is not the one that was measured.
    #[error("the body's hash is not the measured one; the image was changed or damaged")]
    BodyRefused,
    /// The boot information cannot be right.
    #[error("the host's boot information is not acceptable")]
    BootInfoRefused,
    /// A reply of the host breaks the rules of the gate; the operation's number is the detail.
    #[error("the host broke the rules of the gate (operation {0})")]
    GateViolation(u32),
    /// The shim itself ran out of memory (the application's failed allocation is an error to it).
    #[error("the Keep ran out of memory; give it more with --memory")]
    OutOfMemory,
    /// A CPU exception outside WebAssembly code: the vector, and the address relative to the body.
    #[error(
        "the Keep failed inside (CPU exception {vector} at body+{address:#x}); this is a bug in Holdfast"
    )]
    Fault {
        /// x86 exception vector.
        vector: u8,
        /// Instruction address relative to the start of the body, 48 bits.
        address: u64,
    },
    /// The CPU's random number generator failed its health check.
    #[error("the CPU's random number generator failed its health check")]
    RandomnessFailed,
    /// The runtime gave up (a Rust panic, `abort`).
    #[error("the Keep's runtime gave up; this is a bug in Holdfast")]
    Aborted,
    /// The CPU lacks something that the image needs.
    #[error("this CPU lacks a feature that the Keep needs (RDRAND, FSGSBASE, AVX state or SSE4.2)")]
    CpuUnsuitable,
    /// The program in the Keep ended with this status without a result to the client.
    #[error("the Keep's runtime ended with status {0} before it had a result")]
    Status(u32),
}

impl Ending {
    /// The code and detail that cross the gate.
    #[must_use]
    pub const fn encode(self) -> (u32, u64) {
        match self {
            Self::Finished => (0, 0),
            Self::BodyRefused => (1, 0),
            Self::BootInfoRefused => (2, 0),
            Self::GateViolation(operation) => (3, operation as u64),
            Self::OutOfMemory => (4, 0),
            Self::Fault { vector, address } => (5, ((vector as u64) << 48) | (address & ADDRESS_MASK)),
            Self::RandomnessFailed => (6, 0),
            Self::Aborted => (7, 0),
            Self::CpuUnsuitable => (8, 0),
            Self::Status(status) => (9, status as u64),
        }
    }

    /// The reverse of [`Ending::encode`]; nothing for a code or a detail that does not exist.
    #[must_use]
    pub const fn decode(code: u32, detail: u64) -> Option<Self> {
        let ending = match code {
            0 => Self::Finished,
            1 => Self::BodyRefused,
            2 => Self::BootInfoRefused,
            3 if detail <= u32::MAX as u64 => Self::GateViolation(detail as u32),
            4 => Self::OutOfMemory,
            5 if detail >> 56 == 0 => {
                Self::Fault { vector: (detail >> 48) as u8, address: detail & ADDRESS_MASK }
            }
            6 => Self::RandomnessFailed,
            7 => Self::Aborted,
            8 => Self::CpuUnsuitable,
            9 if detail <= u32::MAX as u64 => Self::Status(detail as u32),
            _ => return None,
        };
        match ending {
            Self::GateViolation(_) | Self::Fault { .. } | Self::Status(_) => Some(ending),
            _ if detail == 0 => Some(ending),
            _ => None,
        }
    }
}

const ADDRESS_MASK: u64 = (1 << 48) - 1;
