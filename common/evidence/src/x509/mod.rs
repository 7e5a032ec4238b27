//! Certificates that carry evidence for their own key, in the three forms of extension that others read.
//!
//! | extension | value | REPORT_DATA |
//! |---|---|---|
//! | 1.3.6.1.5.5.7.1.35, `id-pe-cmw` | a wrapper, in JSON or CBOR | [`Domain::Certificate`](crate::report_data::Domain) of the key |
//! | 2.23.133.5.4.9, TCG DICE | CBOR tag 60000 of a quote and claims | SHA-256 of the claims, which have a hash of the key |
//! | 1.2.840.113741.1337.6, 1.2.840.113741.1.13.1 | a quote | SHA-256 of the key |
//!
//! The key is the certificate's SubjectPublicKeyInfo in DER. What is shorter than REPORT_DATA is followed by zeros.
//!
//! Sources: RFC 9999, "Remote ATtestation procedureS (RATS) Conceptual Message Wrapper (CMW)", "Transporting CMW
//! in X.509 Messages", which leaves the binding to the evidence; CCC Attestation SIG, "Interoperable RA-TLS X.509
//! Cert and Evidence Formats" and "Interoperable RA-TLS SGX / TDX Evidence Tags and Formats"; Gramine,
//! "RA-TLS", and Intel SGX SDK, "Attested TLS", for the last.
//!
//! Nothing here says that such a certificate is to be trusted. Its names, dates and signature are whatever its maker
//! wrote; the evidence speaks for the key alone, and only if [`Binding::check`] holds. Even then it is the weaker
//! form of attested TLS: it does not show that whoever presents the certificate now is in the TEE.

mod binding;
mod read;
mod tagged;

pub use binding::{Binding, Form, Unbound};
pub(crate) use read::carried;
pub use read::{MAX_LENGTH, read, read_pem};
pub use tagged::Claims;

use crate::cmw::CmwError;

/// Why a certificate cannot be read, or none be made. Whoever made it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum X509Error {
    /// More than [`MAX_LENGTH`].
    #[error("{found} bytes are too long for a certificate that carries evidence")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// No text encoding of one certificate (RFC 7468).
    #[error("no PEM of exactly one certificate")]
    Pem,
    /// No certificate (RFC 5280).
    #[error("no certificate in DER")]
    Syntax,
    /// It has none of the extensions.
    #[error(
        "the certificate carries no evidence: it has none of the extensions 1.3.6.1.5.5.7.1.35, 2.23.133.5.4.9 and 1.2.840.113741.1337.6"
    )]
    NoEvidence,
    /// An extension is there twice, or two that say the same.
    #[error("the certificate has the extension {0} more than once")]
    Twice(&'static str),
    /// An extension is not what it has to be.
    #[error("the certificate's extension {oid} is wrong: {why}")]
    Extension {
        /// Which.
        oid: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The wrapper in `id-pe-cmw` cannot be read.
    #[error("the certificate's extension 1.3.6.1.5.5.7.1.35 is wrong: {0}")]
    Cmw(#[from] CmwError),
}
