//! Intel SGX.
//!
//! Specification: Intel *Software Developer's Manual*, volume 3D, chapters 37 (SIGSTRUCT, SECINFO, SECS) and
//! 40 (ECREATE, EADD, EEXTEND, EINIT).

mod mrenclave;
mod sigstruct;

pub use mrenclave::{CHUNK, Mrenclave, MrenclaveError, SecinfoFlags};
pub use sigstruct::{Attributes, KEY_BYTES, SigStruct, SigStructBody, SigStructError};
