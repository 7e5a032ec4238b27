//! SEV-SNP.
//!
//! Source: AMD 56860, "SEV Secure Nested Paging Firmware ABI Specification", revision 1.58, tables
//! ATTESTATION_REPORT, TCB_VERSION, "Guest Policy" and PLATFORM_INFO.

mod bits;
mod certificates;
mod report;
mod tcb;

pub use bits::{GuestPolicy, KeyInfo, PlatformInfo, SigningKey};
pub use certificates::{Certificate, Kind, Table};
pub use report::{FirmwareVersion, Report, Signature};
pub use tcb::{Generation, Tcb, TcbLayout};
