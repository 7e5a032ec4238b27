//! Reference values of a policy that come from the database.

use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_refdb::{Kind, ReferenceValue};
use holdfast_verify::policy::{Accept, Hex};
use holdfast_verify::{Policy, UnixTime};

use super::failure::failed;
use super::{open, path, seconds};
use crate::failure::Failure;

/// The word that stands for the user's own database, where a path may stand.
const DEFAULT: &str = "default";

/// Fills in the policy's lists of measurements: each value of the database that is trusted and valid at `now`.
///
/// The lists `measurements`, `mr_tds` and `mr_enclaves` must be empty, so that no other list can accept what the
/// database has revoked. `mr_signers` is filled in where it is empty; an enclave can be named without its signer.
pub(crate) fn fill(mut policy: Policy, db: &Path, now: UnixTime) -> Result<Policy, Failure> {
    let given = Some(db).filter(|db| *db != Path::new(DEFAULT));
    let usable = open(&path(given)?)?.usable(seconds(now)).map_err(failed)?;
    if let Some(snp) = &mut policy.snp {
        put(&mut snp.measurements, "snp.measurements", Kind::Measurement, &usable)?;
    }
    if let Some(tdx) = &mut policy.tdx {
        put(&mut tdx.mr_tds, "tdx.mr_tds", Kind::MrTd, &usable)?;
    }
    if let Some(sgx) = &mut policy.sgx {
        put(&mut sgx.mr_enclaves, "sgx.mr_enclaves", Kind::MrEnclave, &usable)?;
        if is_empty(&sgx.mr_signers) {
            put(&mut sgx.mr_signers, "sgx.mr_signers", Kind::MrSigner, &usable)?;
        }
    }
    Ok(policy)
}

fn is_empty<T>(list: &Accept<T>) -> bool {
    matches!(list, Accept::Listed(values) if values.is_empty())
}

fn put<const N: usize>(
    list: &mut Accept<Hex<N>>,
    name: &str,
    kind: Kind,
    usable: &[ReferenceValue],
) -> Result<(), Failure> {
    if !is_empty(list) {
        let message =
            format!("with --db the values come from the database: write `[]` for {name} in the policy");
        return Err(Failure::new(ExitCode::Configuration, message));
    }
    let values = usable.iter().filter(|value| value.kind == kind);
    *list =
        Accept::Listed(values.filter_map(|value| value.value.as_slice().try_into().ok()).map(Hex).collect());
    Ok(())
}
