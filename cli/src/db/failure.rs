//! The statuses that the database's errors end with.

use holdfast_client::exit::ExitCode;
use holdfast_refdb::{BundleError, DatabaseError};

use crate::failure::Failure;

pub(super) fn failed(error: DatabaseError) -> Failure {
    let code = match &error {
        DatabaseError::NotOurs
        | DatabaseError::TooNew { .. }
        | DatabaseError::Damaged(_)
        | DatabaseError::Sqlite(_)
        | DatabaseError::Key => ExitCode::Input,
        DatabaseError::Unknown { .. }
        | DatabaseError::Revoked(_)
        | DatabaseError::Validity { .. }
        | DatabaseError::Length { .. }
        | DatabaseError::AnchorExists(_)
        | DatabaseError::Text(_) => ExitCode::Usage,
        DatabaseError::Bundle(error) => of_bundle(error),
    };
    Failure::new(code, error.to_string())
}

const fn of_bundle(error: &BundleError) -> ExitCode {
    match error {
        BundleError::TooLong(_)
        | BundleError::Envelope(_)
        | BundleError::Content(_)
        | BundleError::Value(_) => ExitCode::Evidence,
        BundleError::Unsigned
        | BundleError::UnknownSigner(_)
        | BundleError::Algorithm { .. }
        | BundleError::Signature
        | BundleError::SignerName { .. }
        | BundleError::NotYetValid { .. }
        | BundleError::Expired { .. }
        | BundleError::Rollback { .. }
        | BundleError::Ambiguous(_) => ExitCode::Denied,
    }
}
