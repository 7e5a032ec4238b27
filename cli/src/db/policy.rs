//! Reference values of a policy that come from the database.

use std::path::Path;

use holdfast_client::exit::ExitCode;
use holdfast_refdb::{Kind, Tee};
use holdfast_verify::policy::{Accept, Hex};
use holdfast_verify::{Policy, UnixTime};

use super::failure::failed;
use super::{open, path, seconds};
use crate::failure::Failure;

/// The word that stands for the user's own database, where a path may stand.
const DEFAULT: &str = "default";

/// Fills in the policy's lists of measurements and machines: each value of the database that is trusted and valid
/// at `now`, and each platform.
///
/// The lists `measurements`, `mr_tds` and `mr_enclaves` must be empty, so that no other list can accept what the
/// database has revoked. `mr_signers`, `chip_ids` and `ppids` are filled in where they are empty: an enclave may be
/// named without its signer, and machines may be named in the policy.
pub(crate) fn fill(mut policy: Policy, db: &Path, now: UnixTime) -> Result<Policy, Failure> {
    let given = Some(db).filter(|db| *db != Path::new(DEFAULT));
    let db = open(&path(given)?)?;
    let usable = db.usable(seconds(now)).map_err(failed)?;
    let platforms = db.platforms().map_err(failed)?;
    let values =
        |kind| usable.iter().filter(move |value| value.kind == kind).map(|value| value.value.as_slice());
    let machines = |tee| {
        platforms
            .iter()
            .filter(move |platform| platform.tee == tee)
            .map(|platform| platform.identity.as_slice())
    };
    if let Some(snp) = &mut policy.snp {
        must_be_empty(&snp.measurements, "snp.measurements")?;
        fill_empty(&mut snp.measurements, values(Kind::Measurement));
        fill_empty(&mut snp.chip_ids, machines(Tee::Snp));
    }
    if let Some(tdx) = &mut policy.tdx {
        must_be_empty(&tdx.mr_tds, "tdx.mr_tds")?;
        fill_empty(&mut tdx.mr_tds, values(Kind::MrTd));
        fill_empty(&mut tdx.platform.ppids, machines(Tee::Tdx));
    }
    if let Some(sgx) = &mut policy.sgx {
        must_be_empty(&sgx.mr_enclaves, "sgx.mr_enclaves")?;
        fill_empty(&mut sgx.mr_enclaves, values(Kind::MrEnclave));
        fill_empty(&mut sgx.mr_signers, values(Kind::MrSigner));
        fill_empty(&mut sgx.platform.ppids, machines(Tee::Sgx));
    }
    Ok(policy)
}

fn is_empty<T>(list: &Accept<T>) -> bool {
    matches!(list, Accept::Listed(values) if values.is_empty())
}

fn must_be_empty<T>(list: &Accept<T>, name: &str) -> Result<(), Failure> {
    if is_empty(list) {
        return Ok(());
    }
    let message = format!("with --db the values come from the database: write `[]` for {name} in the policy");
    Err(Failure::new(ExitCode::Configuration, message))
}

fn fill_empty<'a, const N: usize>(list: &mut Accept<Hex<N>>, values: impl Iterator<Item = &'a [u8]>) {
    if is_empty(list) {
        // The database holds values of the right length only.
        *list = Accept::Listed(values.filter_map(|value| value.try_into().ok()).map(Hex).collect());
    }
}
